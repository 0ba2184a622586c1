"""A source that draws its splits gives samples and cuts; each kind of benchmark is made alike."""

import pickle
from functools import partial

import numpy as np
import pytest

from crossalign.data.cuts import Cut, Drawn
from crossalign.data.samples import Samples
from crossalign.types import Views, split_id

LABELS = np.repeat(np.arange(5), 6)
NAMES = tuple("abcde")
SPLITS = {"gzsl": ("train", "test_seen", "test_unseen"), "retrieval": ("train", "query", "gallery"),
          "transfer": ("pairs", "train", "test")}


def draw(task, run, validates):
    """Classes `run` and up are unseen; a validation has the classes but the last."""
    rng = np.random.default_rng(0)
    views = Views({"x": rng.normal(size=(30, 3)), "y": rng.normal(size=(30, 2))}, LABELS,
                  ids=[f"i{i}" for i in range(30)])
    samples = Samples("drawn", views, NAMES, np.eye(5), {"features": "noise"}, leaks={
        "pseudo_labels": False})
    kept = np.arange(4 if validates else 5)
    seen = (kept < 2 + run) | (task == "transfer")
    place = np.arange(30) % 3
    of = {"train": (0, True), "test_seen": (1, True), "test_unseen": (1, False),
          "query": (1, False), "gallery": (2, False), "pairs": (2, True), "test": (1, True)}
    rows = {split: np.flatnonzero((place == of[split][0]) & np.isin(
        LABELS, kept[seen == of[split][1]])) for split in SPLITS[task]}
    return samples, Cut(rows, kept, seen, validates, {"run": run})


@pytest.mark.parametrize("task", SPLITS)
def test_every_kind_is_made_of_the_rows_of_its_cut(task):
    bench = Drawn(task, partial(draw, task), class_splits=3).benchmark()
    for made, run, validates in (
            (bench, 0, False), (bench.run(1), 1, False), (bench.validation(), 0, True),
            (bench.run(1).validation(), 1, True)):
        samples, cut = draw(task, run, validates)
        assert (made.name, made.task) == ("drawn" + " (validation)" * validates, task)
        assert tuple(made.splits) == SPLITS[task]
        assert made.classes.names == NAMES[:len(cut.subset)]
        assert made.classes.seen.tolist() == cut.seen.tolist()
        assert made.protocol["split_id"] == split_id(cut.rows)
        assert made.protocol["samples"] == {split: len(rows) for split, rows in cut.rows.items()}
        assert (made.protocol["features"], made.protocol["run"]) == ("noise", run)
        assert made.protocol["leaks"]["pseudo_labels"] is False
        for split, rows in cut.rows.items():
            assert made[split].ids.tolist() == [f"i{i}" for i in rows]
            np.testing.assert_array_equal(made[split]["y"], samples.views["y"][rows])
            if split == "pairs":
                assert made[split].labels is None
            else:
                assert made[split].labels.tolist() == LABELS[rows].tolist()
    assert bench.class_splits == 3
    assert bench.validation().resplit is None


def test_a_source_may_have_one_run_and_no_validation():
    bench = Drawn("gzsl", partial(draw, "gzsl"), validates=False, runs_differ=False).benchmark()
    assert (bench.validation(), bench.resplit, bench.class_splits) == (None, None, None)
    again = pickle.loads(pickle.dumps(Drawn("gzsl", partial(draw, "gzsl")).benchmark()))
    assert again.run(1).protocol == Drawn("gzsl", partial(draw, "gzsl")).benchmark(1).protocol
