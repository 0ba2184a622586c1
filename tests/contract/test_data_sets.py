"""What every data set keeps: benchmarks pickle, whatever was done to them, and say their runs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from complaints import complaint

from crossalign import data
from crossalign.data import registry
from crossalign.data.layouts import locate
from crossalign.types import Benchmark


@pytest.fixture
def folders(tmp_path):
    """One small data set of each layout whose files are quickly written."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(16), 6)
    image, text = rng.normal(size=(96, 6)), rng.normal(size=(96, 5, 4))
    np.savez(tmp_path / "pairs.npz", image=image, text=text, labels=labels)
    np.savez(tmp_path / "gzsl.npz", image=image, labels=labels,
             class_embeddings=rng.normal(size=(16, 3)))
    np.savez(tmp_path / "domains.npz", features=image, label=labels,
             domain=np.tile(["sketch", "photo"], 48))
    return tmp_path


CASES = {"glyphs": {}, "glyphs:sketch": {}, "glyphs retrieval": {"task": "retrieval"},
         "glyphs transfer": {"task": "transfer"}, "glyphs caption": {"task": "caption"},
         "glyphs vqa": {"task": "vqa"}, "moving_glyphs": {"tokens": True},
         "moving_glyphs retrieval": {"task": "retrieval", "tokens": True},
         "moving_glyphs vqa": {"task": "vqa", "tokens": True}, "synthetic": {}, "pairs.npz": {},
         "pairs.npz transfer": {"task": "transfer"}, "gzsl.npz": {}, "domains.npz": {},
         "pairs.npz pooled": {"pool": "mean"}}
SLOWLY_WRITTEN = {"xlsa17", "Wikipedia", "omniglot", "sketches", "pictures", "manifest", "emoji",
                  "embeddings", "vqa", "clips"}
"""Layouts whose files tests of their own write."""


def loaded(folders, case) -> Benchmark:
    name = case.split()[0]
    return data.load(folders / name if "." in name else name, **CASES[case])


def test_every_source_has_a_case(folders):
    names = {case.split()[0] for case in CASES}
    tried = {locate(folders / name if "." in name else name).source.name for name in names}
    assert tried | SLOWLY_WRITTEN == {source.name for source in registry.sources()}
    made = {(source.name, task) for source in registry.named().values() for task in source.tasks}
    assert made <= {(case.split()[0], options.get("task", loaded(folders, case).task))
                    for case, options in CASES.items()}


def ids(bench):
    inner = bench.validation()
    return bench.name, bench.protocol["split_id"], inner and inner.protocol["split_id"], bench.said


@pytest.mark.parametrize("case", CASES)
def test_benchmarks_pickle(folders, case):
    bench = loaded(folders, case)
    for made in (bench, bench.with_name("another"), bench.run(1)):
        again = pickle.loads(pickle.dumps(made))
        assert ids(again) == ids(made)
        assert ids(again.run(1)) == ids(made.run(1))
        for split, views in made.splits.items():
            for modality in views.modalities:
                np.testing.assert_array_equal(again[split][modality], views[modality])


@pytest.mark.parametrize("case", CASES)
def test_a_benchmark_says_how_many_class_splits_it_has(folders, case):
    bench = loaded(folders, case)
    n = bench.class_splits
    assert bench.run(0).protocol["split_id"] == bench.protocol["split_id"]
    if bench.task != "retrieval":
        assert n is None
        return
    assert len({bench.run(k).protocol["split_id"] for k in range(n)}) == n
    complaint(lambda: bench.run(n), f"k: got {n}", f"{n} fixed class splits, 0 to {n - 1}")
    complaint(lambda: bench.run(-1), "k: got -1")


def test_a_name_is_of_every_run_and_of_validation(folders):
    bench = loaded(folders, "pairs.npz").with_name("mine")
    assert [bench.name, bench.run(3).name, bench.run(3).validation().name] == [
        "mine", "mine", "mine (validation)"]


def test_a_change_is_of_every_run_and_of_validation(folders):
    bench = loaded(folders, "pairs.npz pooled")
    for made in (bench, bench.run(2), bench.validation(), bench.run(2).run(1).validation()):
        assert made.protocol["tokens"] == "pooled: mean"
        assert made["train"]["text"].ndim == 2
