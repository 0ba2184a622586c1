"""The split ids of every data set and variant: two numbers compare only where these are equal.

They stand in ``split_ids.json`` beside this file, which was written by

    python tests/golden/test_split_ids.py

and is written again only where a data set is meant to have other splits: numbers published before
do not compare with those after. Of each benchmark stand its name and the ids of class splits 0 and
1, or of the only one there is, with the validation benchmark of each.
"""

import json
from pathlib import Path

import pytest

from crossalign import data
from crossalign.data import registry
from crossalign.data.layouts import locate

FILE = Path(__file__).with_name("split_ids.json")
SHARED = Path(__file__).parents[3] / "shared" / "data"

BUILT_IN = {
    "glyphs": ("glyphs", {}),
    "glyphs retrieval": ("glyphs", {"task": "retrieval"}),
    "glyphs transfer": ("glyphs", {"task": "transfer"}),
    "glyphs caption": ("glyphs", {"task": "caption"}),
    "glyphs vqa": ("glyphs", {"task": "vqa"}),
    "glyphs sketch": ("glyphs:sketch", {}),
    "glyphs tokens": ("glyphs", {"task": "retrieval", "tokens": True}),
    "glyphs gzsl tokens": ("glyphs", {"tokens": True}),
    "glyphs transfer tokens": ("glyphs", {"task": "transfer", "tokens": True}),
    "glyphs caption tokens": ("glyphs", {"task": "caption", "tokens": True}),
    "glyphs vqa tokens": ("glyphs", {"task": "vqa", "tokens": True}),
    "glyphs sketch tokens": ("glyphs:sketch", {"tokens": True}),
    "glyphs, seed 3": ("glyphs", {"seed": 3}),
    "moving glyphs tokens": ("moving_glyphs", {"tokens": True}),
    "moving glyphs retrieval tokens": ("moving_glyphs", {"task": "retrieval", "tokens": True}),
    "moving glyphs vqa tokens": ("moving_glyphs", {"task": "vqa", "tokens": True}),
    "synthetic": ("synthetic", {}),
}
"""What `data.load` is given for each data set that is made here."""

REAL = {
    "CUB": ("xlsa17", "CUB", {}),
    "CUB, sentences": ("xlsa17", "CUB", {"attributes": "sent_splits.mat"}),
    "wikipedia": ("Wikipedia", "wikipedia", {}),
    "wikipedia transfer": ("Wikipedia", "wikipedia", {"task": "transfer"}),
    "omniglot": ("omniglot", "omniglot", {}),
    "omniglot alphabets": ("omniglot", "omniglot:alphabets", {}),
    "omniglot tokens": ("omniglot", "omniglot", {"tokens": True}),
    "pacs": ("domains", "pacs/mobilenetv2.npz", {}),
    "pacs photo-cartoon": ("domains", "pacs/mobilenetv2.npz:photo-cartoon", {}),
    "emoji": ("emoji", "emoji", {}),
    "emoji retrieval": ("emoji", "emoji", {"task": "retrieval"}),
    "emoji sketch": ("emoji", "emoji:sketch", {}),
    "emoji caption": ("emoji", "emoji", {"task": "caption"}),
    "emoji google-twitter": ("emoji", "emoji:google-twitter", {}),
    "caltech30": ("pictures", "caltech30", {}),
    "caltech30 gzsl": ("pictures", "caltech30", {"task": "gzsl"}),
    "caltech30 zsl": ("pictures", "caltech30", {"task": "zsl"}),
    "caltech30 tokens": ("pictures", "caltech30", {"tokens": True}),
}
"""Its layout first, the same for data sets in the folder of real data."""
UNPUBLISHED = {"clips", "pairs", "sketches", "manifest", "embeddings", "vqa"}
"""Layouts of which that folder holds none; other tests write small ones."""


def split_ids(bench):
    """The name, and the ids of class splits 0 and 1 and of their validation benchmarks."""
    found = {"name": bench.name}
    for k in (0,) if bench.resplit is None else (0, 1):
        of_k = bench.run(k)
        found[f"split {k}"] = of_k.protocol["split_id"]
        inner = of_k.validation()
        found[f"split {k}, validation"] = None if inner is None else inner.protocol["split_id"]
    return found


def pinned():
    return json.loads(FILE.read_text())


@pytest.mark.parametrize("case", BUILT_IN)
def test_ids_of_data_made_here(case):
    name, options = BUILT_IN[case]
    assert split_ids(data.load(name, **options)) == pinned()[case]


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_ids_of_real_data(shared, case):
    layout, name, options = REAL[case]
    assert locate(str(shared / name)).source.name == layout
    assert split_ids(data.load(str(shared / name), **options)) == pinned()[case]


def test_every_data_set_is_pinned():
    assert pinned().keys() == BUILT_IN.keys() | REAL.keys()
    assert all(ids.get("split 0") for ids in pinned().values())
    layouts = {source.name for source in registry.sources() if source.recognises is not None}
    assert {layout for layout, _, _ in REAL.values()} | UNPUBLISHED == layouts


def forms(source):
    """Every variant, task and form in which a data set that is made here is loaded; vectors that
    are pooled token rows have the splits of these.
    """
    return {(f"{source.name}:{variant}" if variant else source.name, task, tokens)
            for variant in ("", *source.variants) for task in source.tasks_of(variant)
            for tokens in ((True,) if source.pool else (False, True) if source.tokens
                           else (False,))}


def test_every_form_of_data_made_here_is_pinned():
    made = registry.named()
    there = set().union(*map(forms, made.values()))
    pinned_forms = set()
    for name, options in BUILT_IN.values():
        source, _, variant = locate(name)
        first = source.tasks_of(variant)[0]
        pinned_forms.add((name, options.get("task", first), options.get("tokens", False)))
    assert pinned_forms == there


if __name__ == "__main__":
    cases = BUILT_IN | {case: (str(SHARED / name), options)
                        for case, (_, name, options) in REAL.items()}
    FILE.write_text(json.dumps({case: split_ids(data.load(name, **options))
                                for case, (name, options) in cases.items()}, indent=1) + "\n")
