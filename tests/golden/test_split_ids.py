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

FILE = Path(__file__).with_name("split_ids.json")
SHARED = Path(__file__).parents[3] / "shared" / "data"

BUILT_IN = {
    "glyphs": ("glyphs", {}),
    "glyphs retrieval": ("glyphs", {"task": "retrieval"}),
    "glyphs transfer": ("glyphs", {"task": "transfer"}),
    "glyphs sketch": ("glyphs:sketch", {}),
    "glyphs tokens": ("glyphs", {"task": "retrieval", "tokens": True}),
    "glyphs sketch tokens": ("glyphs:sketch", {"tokens": True}),
    "glyphs, seed 3": ("glyphs", {"seed": 3}),
    "synthetic": ("synthetic", {}),
}
"""What `data.load` is given for each data set that is made here."""

REAL = {
    "CUB": ("CUB", {}),
    "CUB, sentences": ("CUB", {"attributes": "sent_splits.mat"}),
    "wikipedia": ("wikipedia", {}),
    "wikipedia transfer": ("wikipedia", {"task": "transfer"}),
    "omniglot": ("omniglot", {}),
    "omniglot alphabets": ("omniglot:alphabets", {}),
    "omniglot tokens": ("omniglot", {"tokens": True}),
    "pacs": ("pacs/mobilenetv2.npz", {}),
    "pacs photo-cartoon": ("pacs/mobilenetv2.npz:photo-cartoon", {}),
    "caltech30": ("caltech30", {}),
    "caltech30 tokens": ("caltech30", {"tokens": True}),
}
"""The same for data sets in the folder of real data."""


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
    name, options = REAL[case]
    assert split_ids(data.load(str(shared / name), **options)) == pinned()[case]


def test_every_data_set_is_pinned():
    assert pinned().keys() == BUILT_IN.keys() | REAL.keys()
    assert all(ids.get("split 0") for ids in pinned().values())


if __name__ == "__main__":
    cases = BUILT_IN | {case: (str(SHARED / name), options)
                        for case, (name, options) in REAL.items()}
    FILE.write_text(json.dumps({case: split_ids(data.load(name, **options))
                                for case, (name, options) in cases.items()}, indent=1) + "\n")
