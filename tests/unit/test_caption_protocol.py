"""The task of captions: rows beside the decoder, and what it may say where captions have parts."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from crossalign import metrics, models
from crossalign.evaluation.protocols import VQA, Captioning
from crossalign.types import Benchmark, Captions, Classes, Views

COLOURS, ANIMALS = ("red", "blue", "green", "white"), ("cat", "dog", "bird", "fish")
PAIRS = list(itertools.product(COLOURS, ANIMALS))
SEEN = np.array([(i + j) % 4 != 0 for i in range(4) for j in range(4)])
SIDE = np.array([[x in pair for x in COLOURS + ANIMALS] for pair in PAIRS], dtype=np.float32)
CLASSES = Classes(SIDE, SEEN, tuple(" ".join(pair) for pair in PAIRS))


@cache
def bench(with_parts):
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((8, 12))
    ids, texts, splits = [], [], {}
    for split, of, n in (("train", SEEN, 12), ("test_seen", SEEN, 2), ("test_unseen", ~SEEN, 4)):
        labels = np.repeat(np.flatnonzero(of), n)
        names = [f"{split}-{i}" for i in range(len(labels))]
        data = {"image": (SIDE[labels] @ shown + 0.3 * rng.standard_normal((len(labels), 12)))}
        if split == "train":
            data["text"] = SIDE[labels] + 0.01 * rng.standard_normal((len(labels), 8))
        splits[split] = Views(data, labels, ids=names)
        ids += names
        texts += [(CLASSES.names[c],) for c in labels]
    said = Captions(tuple(ids), tuple(texts))
    return Benchmark("pairs", "caption", splits, CLASSES,
                     said=replace(said, parts=(COLOURS, ANIMALS)) if with_parts else said)


@cache
def outcome(with_parts):
    fitted = models.RidgeMap().fit(bench(with_parts)["train"])
    return Captioning(epochs=2).score(fitted, bench(with_parts))


def test_rows_stand_beside_the_decoder():
    found, free = outcome(True), outcome(False)
    assert {"exact", "exact_free", "exact_nameless", "CIDEr_nameless", "exact_template",
            "exact_retrieval", "exact_text_only", "exact_seen"} <= set(found.scores)
    assert "exact_free" not in free.scores
    references = bench(True).said.of(bench(True)["test_unseen"])
    for end in ("", "_free", "_nameless", "_template", "_retrieval", "_text_only"):
        assert found.scores[f"exact{end}"] == pytest.approx(
            metrics.exact_match(found.details["captions"][end], references))
    assert found.scores["exact_retrieval"] == 0


def test_with_parts_only_captions_of_parts_are_said():
    said = outcome(True).details["captions"]
    allowed = {f"{colour} {animal}" for colour, animal in PAIRS}
    for end in ("", "_nameless", "_text_only", "_seen"):
        assert set(said[end]) <= allowed
    assert said["_free"] == outcome(False).details["captions"][""]
    assert said["_nameless"] != said[""]


@pytest.mark.parametrize("task", [Captioning, VQA])
def test_options_out_of_range_are_refused(task):
    for given in ({"epochs": 0}, {"epochs": 2.5}, {"inputs": "sound"}):
        (name, value), = given.items()
        with pytest.raises(ValueError, match=f"^{name}: got {value!r} for {task.name}; give "):
            task(**given)
