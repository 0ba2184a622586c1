"""Finished runs are kept and used again for the same work only; results are as of a clean run."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import small
from interrupting import interrupting

from crossalign.evaluation import evaluate, fit_for
from crossalign.evaluation.kept import forget, kept
from crossalign.evaluation.protocols import FewShotRecognition
from crossalign.fingerprints import benchmark_fingerprint, code_fingerprint, samples_fingerprint
from crossalign.models import CADAVAE, CCA, ESZSL, GFZSL, RidgeMap
from crossalign.recipes.ablation import run_ablation
from crossalign.trees import pack, unpack
from crossalign.types import Views


@pytest.fixture(scope="module")
def plain():
    return small.recognition()


@pytest.fixture(scope="module")
def paired():
    return small.retrieval()


class Counted(CCA):
    """Counts its fits."""

    fits = 0

    def fit(self, *args, **options):
        Counted.fits += 1
        return super().fit(*args, **options)


Counted.__module__ = CCA.__module__


def result(report):
    return {**report.to_dict(), "seconds": None, "date": None}


def test_a_second_evaluation_makes_no_run_again_and_more_seeds_only_what_is_lacking(tmp_path,
                                                                                    paired):
    Counted.fits, lines = 0, []
    first = evaluate(Counted(), paired, 2, tune=False, keep=tmp_path)
    assert Counted.fits == 2
    again = evaluate(Counted(), paired, 2, tune=False, keep=tmp_path, log=lines.append)
    assert Counted.fits == 2
    assert sum("finished before, in " in line for line in lines) == 4  # two choices, two runs
    assert result(again) == result(first)
    more = evaluate(Counted(), paired, 3, tune=False, keep=tmp_path)
    assert Counted.fits == 3
    assert more.scores["mAP"]["runs"][:2] == first.scores["mAP"]["runs"]


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_run_that_was_broken_off_anywhere_ends_as_a_clean_one(tmp_path, plain, at):
    model, grid = interrupting(ESZSL, at), {}
    clean = evaluate(ESZSL(), plain, 3, tune=grid)
    try:
        evaluate(model(), plain, 3, tune=grid, keep=tmp_path)
    except KeyboardInterrupt:
        assert at == 1
    resumed = evaluate(model(), plain, 3, tune=grid, keep=tmp_path)
    assert {**result(resumed), "model": None} == {**result(clean), "model": None}


def test_pictures_of_kept_runs_are_those_of_a_clean_evaluation(tmp_path, plain, paired):
    for bench, model in ((plain, GFZSL()), (paired, RidgeMap()), (paired, CADAVAE(epochs=1))):
        clean = evaluate(model, bench, 2, tune=False)
        for _ in range(2):
            again = evaluate(model, bench, 2, tune=False, keep=tmp_path)
        assert again.artefacts
        assert json.dumps(pack(again.artefacts)) == json.dumps(pack(clean.artefacts))


OTHERS = {
    "parameters": lambda b: (ESZSL(alpha=1), b, {}),
    "grid": lambda b: (ESZSL(), b, {"tune": {"gamma": [0, 1]}}),
    "one feature": lambda b: (ESZSL(), changed(b, "train"), {}),
    "one test feature": lambda b: (ESZSL(), changed(b, "test_unseen"), {}),
    "task": lambda b: (CADAVAE(epochs=1, latent=4), b, {"task": FewShotRecognition((1,), 2)}),
}


def changed(bench, split):
    views = bench[split]
    rows = views[views.modalities[0]].copy()
    rows[0, 0] += 1e-3
    other = Views({**{m: views[m] for m in views.modalities}, views.modalities[0]: rows},
                  views.labels, ids=views.ids)
    return replace(bench, splits={**bench.splits, split: other})


@pytest.mark.parametrize("what", OTHERS)
def test_runs_of_other_work_are_neither_used_nor_lost(tmp_path, plain, what):
    evaluate(ESZSL(), plain, tune=False, keep=tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    model, bench, options = OTHERS[what](plain)
    options = {"tune": False, **options}
    found = evaluate(model, bench, keep=tmp_path, **options)
    assert result(found) == result(evaluate(model, bench, **options))
    assert {f: (tmp_path / f).read_bytes() for f in before} == before


def test_other_code_makes_its_runs_anew(tmp_path, paired, monkeypatch):
    Counted.fits = 0
    evaluate(Counted(), paired, tune=False, keep=tmp_path)
    monkeypatch.setattr("crossalign.evaluation.kept.code_fingerprint", lambda *of: "another")
    evaluate(Counted(), paired, tune=False, keep=tmp_path)
    assert Counted.fits == 2


@pytest.mark.parametrize("damage", [
    lambda text: text[:len(text) // 2], lambda text: "", lambda text: "[]",
    lambda text: text.replace('"seconds": ', '"seconds": 1')])
def test_a_damaged_file_of_a_run_is_made_again(tmp_path, paired, damage):
    first = evaluate(CCA(), paired, tune=False, keep=tmp_path)
    (file,) = tmp_path.glob("seed-0-*.json")
    text = file.read_text()
    assert damage(text) != text
    file.write_text(damage(text))
    assert result(evaluate(CCA(), paired, tune=False, keep=tmp_path)) == result(first)
    assert json.loads(file.read_text())["part"] != []


def test_more_runs_than_splits_are_refused_before_the_first(paired):
    Counted.fits = 0
    for asked, told in ((5, "5 asked for, up to class split 4"), ([0, 99], "split 99"),
                        ([-1], "split -1")):
        with pytest.raises(ValueError, match=rf"seeds: .*{told}.* of 'pairs'; there are 4 fixed "
                                             r"class splits, 0 to 3\. Give fewer --seeds\."):
            evaluate(Counted(), paired, asked)
    with pytest.raises(ValueError, match="ask for at least one run"):
        evaluate(Counted(), paired, [])
    assert Counted.fits == 0


def test_few_shot_runs_are_kept(tmp_path, plain):
    options = {"task": FewShotRecognition((1, 2), 2)}
    clean = evaluate(CADAVAE(epochs=1, latent=4), plain, 2, **options)
    evaluate(CADAVAE(epochs=1, latent=4), plain, 1, keep=tmp_path, **options)
    whole = evaluate(CADAVAE(epochs=1, latent=4), plain, 2, keep=tmp_path, **options)
    assert result(whole) == result(clean)
    np.testing.assert_array_equal(whole.artefacts["few_shot"]["curves"]["update"]["T1"],
                                  clean.artefacts["few_shot"]["curves"]["update"]["T1"])
    assert sorted(file.name.rpartition("-")[0] for file in tmp_path.iterdir()) == [
        "choice-0", "choice-1", "seed-0", "seed-1"]


def test_an_ablation_that_was_broken_off_goes_on_with_the_first_run_that_lacks(tmp_path, plain,
                                                                                capsys):
    rows, sweeps = {"a": {"shrinkage": 0.1}, "b": {}}, {"shrinkage": [0.1, 0.3]}
    run_ablation(GFZSL(), plain, rows, sweeps, tmp_path / "clean")
    broken = interrupting(GFZSL, 3)
    with pytest.raises(KeyboardInterrupt):
        run_ablation(broken(), plain, rows, sweeps, tmp_path / "a")
    run_ablation(broken(), plain, rows, sweeps, tmp_path / "a")
    assert ((tmp_path / "a" / "curves.json").read_text()
            == (tmp_path / "clean" / "curves.json").read_text())
    for row in rows:
        mine, clean = (json.loads((tmp_path / f / "rows" / f"{row}.json").read_text())["scores"]
                       for f in ("a", "clean"))
        assert mine == clean
    capsys.readouterr()


def test_what_a_fit_chose_is_kept_until_it_is_forgotten(tmp_path, plain):
    Counted.fits = 0
    first = fit_for(ESZSL(), plain, tune={"alpha": [0, 1]}, checkpoint=tmp_path)
    assert [name[:7] for name in os.listdir(tmp_path)] == ["choice-"]
    again = fit_for(ESZSL(), plain, tune={"alpha": [0, 1]}, checkpoint=tmp_path)
    assert (first.selection, first.gamma) == (again.selection, again.gamma)
    (tmp_path / "choice.txt").write_text("mine")
    forget(tmp_path, "choice")
    assert os.listdir(tmp_path) == ["choice.txt"]


TREES = [None, True, 3, 2.5, float("nan"), float("-inf"), "é\n", [1, (2.0, [None])],
         {1: "a", 2.5: {}}, {"array": 1, "mapping": {"tuple": ()}}, np.float32(0.1),
         np.int64(2**62), np.bool_(True)]
ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3).T, np.zeros((0, 4)),
          np.array(["a", "été"]), np.array(["a", None, 2], dtype=object),
          np.array([[True], [False]]), np.arange(3, dtype=">i2")]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_trees_come_back_as_they_were(tree):
    back = unpack(json.loads(json.dumps(pack(tree))))
    assert repr(back) == repr(tree)
    assert type(back) is type(tree)


@pytest.mark.parametrize("array", ARRAYS, ids=repr)
def test_arrays_come_back_as_they_were(array):
    back = unpack(json.loads(json.dumps(pack({"x": array}))))["x"]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_what_cannot_be_kept_is_named():
    with pytest.raises(TypeError, match="cannot keep a set"):
        pack([{1, 2}])


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kept(None, "a", {}, lambda: {1, 2}) == {1, 2}
    assert os.listdir(tmp_path) == []


def test_fingerprints_tell_samples_apart_and_not_where_they_lie(tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    memory, disk = Views({"x": rows}), Views({"x": np.load(tmp_path / "x.npy", mmap_mode="r")})
    of = samples_fingerprint
    assert of(memory) == of(disk)
    assert of(memory.take([1, 0])) == of(disk.take([1, 0]))
    distinct = [of(v) for v in (
        memory, memory.take([1, 0]), Views({"y": rows}), Views({"x": rows}, np.zeros(50)),
        Views({"x": rows}, present={"x": np.arange(50) > 0}), Views({"x": rows}, ids=range(1, 51)),
        Views({"x": rows}, meta={"caption": np.array(["a"] * 50)}),
        Views({"x": rows.reshape(50, 2, 2)}))]
    assert len(set(distinct)) == len(distinct)


def test_fingerprints_of_benchmarks_and_code_are_the_same_twice(plain):
    assert benchmark_fingerprint(plain) == benchmark_fingerprint(small.recognition())
    assert benchmark_fingerprint(plain) != benchmark_fingerprint(plain.with_name("another"))
    without = replace(plain, validation_split=None)
    assert benchmark_fingerprint(plain) != benchmark_fingerprint(without)
    assert code_fingerprint(ESZSL()) == code_fingerprint(CCA())
    assert code_fingerprint(ESZSL()) != code_fingerprint(test_what_cannot_be_kept_is_named, Own())


class Own:
    """A class of a file of one's own."""
