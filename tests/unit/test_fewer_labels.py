"""Fewer labelled rows of recognition: nested draws, even classes, wrong labels, and models."""

from __future__ import annotations

import numpy as np
import pytest
from small import questions, recognition

from crossalign.data import Supervision, fewer_labels, supervised
from crossalign.data.fewer_labels import in_turn
from crossalign.data.splits import random_keys
from crossalign.evaluation import Report, evaluate
from crossalign.evaluation.learning_curve import Contender
from crossalign.models import CADAVAE, ESZSL, GFZSL, RidgeMap
from crossalign.recipes.learning_curve import run_learning_curve


def limited(run=0, **given):
    return supervised(recognition(), Supervision(**given)).run(run)


def test_draws_are_nested_and_the_others_lose_their_label():
    full = recognition()["train"]
    truth = dict(zip(full.ids, full.truth, strict=True))
    for run in (0, 1):
        few, more = limited(run, pairs=8), limited(run, pairs=20)
        assert set(few["train"].ids) < set(more["train"].ids)
        assert (len(few["train"]), len(few["unlabelled"])) == (8, len(full) - 8)
        assert few["unlabelled"].labels is None
        assert {*few["train"].ids, *few["unlabelled"].ids} == set(full.ids)
        assert all(truth[i] == y for i, y in zip(few["train"].ids, few["train"].truth, strict=True))
        for split in ("test_seen", "test_unseen"):
            np.testing.assert_array_equal(few[split].ids, recognition()[split].ids)
    assert set(limited(0, pairs=8)["train"].ids) != set(limited(1, pairs=8)["train"].ids)
    assert len(limited(pairs=8, unpaired=3)["unlabelled"]) == 3
    assert set(limited(pairs=8, unpaired=3)["unlabelled"].ids) < set(
        limited(pairs=8, unpaired=9)["unlabelled"].ids)
    assert "unlabelled" not in limited(pairs=8, unpaired=0).splits


def test_classes_are_taken_in_turn():
    labels = np.random.default_rng(0).permutation(np.repeat([3, 5, 9], [2, 30, 7]))
    order = in_turn(labels, 4)
    assert sorted(order) == list(range(39))
    for n in range(1, 39):
        taken = [(labels[order[:n]] == c).sum() for c in (3, 5, 9)]
        left = [t for t, size in zip(taken, (2, 30, 7), strict=True) if t < size]
        assert max(taken) - min(left, default=max(taken)) <= 1


@pytest.mark.parametrize(("share", "count"), [(0.25, 5), (1.0, 20)])
def test_the_share_of_wrong_labels_is_exact_and_of_seen_classes(share, count):
    truth = dict(zip(recognition()["train"].ids, recognition()["train"].truth, strict=True))
    bench = limited(pairs=20, wrong=share)
    wrong = [i for i, y in zip(bench["train"].ids, bench["train"].truth, strict=True)
             if truth[i] != y]
    assert len(wrong) == count
    assert bench.classes.seen[bench["train"].truth].all()
    assert bench.protocol["supervision"] == {
        "labelled": 20, "unlabelled": len(truth) - 20, "wrong_labels": count}
    if share < 1:
        other = limited(pairs=20, wrong=0.5)["train"]
        assert set(wrong) < {i for i, y in zip(other.ids, other.truth, strict=True)
                             if truth[i] != y}


def test_validation_is_under_the_same_supervision_and_its_tests_keep_their_labels():
    bench = limited(pairs=8)
    part = bench.validation()
    assert part.protocol["supervision"]["labelled"] == len(part["train"]) == 8
    assert part["test_unseen"].labels is not None


@pytest.mark.parametrize("model", [ESZSL(), GFZSL(), RidgeMap(),
                                   CADAVAE(epochs=2, head__epochs=1, latent=4)])
def test_models_are_fitted_on_the_labelled_rows(model, tmp_path):
    bench = supervised(recognition(), Supervision(12, wrong=0.25))
    report = evaluate(model, bench, 2, tune=False, pictures=False)
    assert report.protocol["fitted_on"] == 12
    direct = evaluate(model, limited(pairs=12, wrong=0.25), 1, tune=False, pictures=False)
    assert report.scores["H"]["runs"][0] == direct.scores["H"]["runs"][0]
    full = evaluate(model, recognition(), 1, tune=False, pictures=False)
    with pytest.raises(ValueError, match=r"supervision\.labelled \(12, not stated"):
        report.comparable(full)
    assert Report.load(report.save(tmp_path / "r.json")).protocol["supervision"]["labelled"] == 12


def test_a_curve_over_labelled_rows_has_their_evaluations():
    found = run_learning_curve({"gfzsl": Contender(GFZSL(), {})}, recognition(), (8, 20),
                               Supervision(), seeds=1)
    for place, n in enumerate((8, 20)):
        own = evaluate(GFZSL(), supervised(recognition(), Supervision(n)), 1, tune=False)
        assert found.rows["gfzsl"][:, place].tolist() == own.scores["H"]["runs"]


@pytest.mark.parametrize(("given", "says"), [
    ({"pairs": 10, "labels": "none"}, "labels: got 'none', and gzsl learns from labels of rows"),
    ({"pairs": 0}, "pairs: got 0, and gzsl learns from labelled rows; give a number from 1"),
    ({"pairs": 10**4}, "pairs: got 10000, and the training part of"),
    ({"pairs": 1, "wrong": 1.0}, "wrong: the labelled rows are of one class")])
def test_what_cannot_be_is_one_sentence(given, says):
    with pytest.raises(ValueError, match=says):
        limited(**given)


def test_other_tasks_refuse():
    with pytest.raises(ValueError, match="loaded for vqa, and pairs, unpaired, labels and wrong"):
        supervised(questions(), Supervision(10))


def test_every_draw_has_a_stream_of_its_own(monkeypatch):
    streams = []

    def recorded(n, *seed):
        streams.append(seed)
        return random_keys(n, *seed)

    monkeypatch.setattr(fewer_labels, "random_keys", recorded)
    fewer_labels.with_fewer_labels(recognition(), Supervision(20, wrong=0.25), 3)
    assert len(streams) == 3
    assert len(set(streams)) == 3
