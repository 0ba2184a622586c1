"""Ways to be wrong are true, false or unknown, as far as the code that says so can know."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from crossalign import Benchmark, Classes, Views, evaluate, load
from crossalign.data.splits import gzsl_validation
from crossalign.evaluation import score_fitted
from crossalign.evaluation.selection import at_the_end
from crossalign.models import CCA, ESZSL, Chance, ClassMeanOracle, RidgeMap


def arrays(seed=0, validation=False):
    """Six classes of ten samples, the last two unseen, as arrays in memory."""
    rng = np.random.default_rng(seed)
    described = rng.normal(size=(6, 5))
    labels = np.repeat(np.arange(6), 10)
    x = described[labels] @ rng.normal(size=(5, 8)) + 0.1 * rng.normal(size=(60, 8))
    ids, seen = np.arange(60), np.arange(6) < 4
    held = ids % 5 == 0
    views = Views({"image": x}, labels, ids=ids)
    train = views[seen[labels] & ~held]
    classes = Classes(described, seen)

    def validate():
        rows = gzsl_validation(train.labels)
        unseen = np.unique(train.labels[rows["test_unseen"]])
        kept = np.setdiff1d(np.flatnonzero(seen), unseen)
        return Benchmark("mine", "gzsl", {k: train[r] for k, r in rows.items()},
                         Classes(described, np.isin(np.arange(6), kept)))

    return Benchmark("mine", "gzsl", {"train": train, "test_seen": views[seen[labels] & held],
                                      "test_unseen": views[~seen[labels]]}, classes,
                     validation_split=validate if validation else None)


@pytest.fixture(scope="module")
def letters():
    return load("glyphs", "retrieval")


def leaks(report):
    return report.protocol["leaks"]


def test_one_run_of_one_of_several_splits_is_a_single_split(letters):
    one = evaluate(CCA(), letters, 1, tune=False, pictures=False)
    two = evaluate(CCA(), letters, 2, tune=False, pictures=False)
    assert leaks(one)["single_class_split"] is True
    assert leaks(two)["single_class_split"] is False
    assert leaks(two.only([1]))["single_class_split"] is True
    assert "single class split" in str(one)


@pytest.mark.parametrize(("model", "tune", "expected"), [
    (RidgeMap(), True, False), (RidgeMap(), False, False), (RidgeMap(alpha=3.0), False, None),
    (RidgeMap(alpha=3.0), {"alpha": [1.0, 10.0]}, False)])
def test_a_parameter_set_by_hand_may_come_from_anywhere(letters, model, tune, expected):
    report = evaluate(model, letters, tune=tune, pictures=False)
    assert leaks(report)["tuned_on_test"] is expected


def test_a_seed_may_have_been_picked(letters):
    for seeds, expected in ((2, False), ([0, 1], False), ([3], None), ([1, 0], None)):
        report = evaluate(Chance(), letters, seeds, tune=False, pictures=False)
        assert leaks(report)["best_of_seeds"] is expected


def test_what_happened_elsewhere_is_unknown(letters):
    part = letters.run(0)
    fitted = RidgeMap().fit(part["train"], classes=part.classes)
    found = leaks(score_fitted(fitted, letters, pictures=False))
    for name in ("tuned_on_test", "epoch_selected_on_test", "transductive", "best_of_seeds"):
        assert found[name] is None, name


def test_an_oracle_is_marked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = leaks(evaluate(ClassMeanOracle(), arrays(), pictures=False))
    assert found["tuned_on_test"] is found["transductive"] is True


class Foreign(RidgeMap):
    """A model of somebody else."""


def test_a_foreign_model_settles_nothing_of_itself(letters):
    found = leaks(evaluate(Foreign(), letters, tune=False, pictures=False))
    assert found["batch_dependent_prediction"] is None
    assert found["tuned_on_test"] is None
    assert found["micro_accuracy"] is False


def test_arrays_have_fingerprints_and_other_arrays_do_not_compare():
    reports = [evaluate(ESZSL(), arrays(seed, validation=True), pictures=False)
               for seed in (0, 0, 1)]
    assert reports[0].comparable(reports[1])
    found = reports[0].differences(reports[2])
    assert [text.split(" ")[0] for text in found] == ["features.sha256", "side_information.sha256"]
    fewer = {**arrays().splits, "train": arrays()["train"][1:]}
    moved = replace(arrays(validation=True), splits=fewer)
    other = evaluate(ESZSL(), moved, pictures=False)
    assert {text.split(" ")[0] for text in reports[0].differences(other)} == {
        "split_id", "features.sha256"}


def test_what_a_protocol_states_is_not_replaced():
    stated = replace(arrays(validation=True), protocol={"split_id": "mine", "features": "f"})
    protocol = evaluate(ESZSL(), stated, pictures=False).protocol
    assert (protocol["split_id"], protocol["features"]) == ("mine", "f")


def test_without_validation_it_is_said_aloud_that_nothing_was_calibrated():
    lines = []
    with pytest.warns(UserWarning, match="nothing was calibrated.*validation_split"):
        report = evaluate(RidgeMap(), arrays(), pictures=False, log=lines.append)
    assert "nothing was calibrated" in report.selection
    assert any("nothing was calibrated" in line for line in lines)
    assert report.protocol["uncalibrated"] is True
    assert "caution    " in str(report)
    assert "uncalibrated" in str(report)


def test_with_validation_nothing_is_said_and_unseen_classes_are_chosen():
    report = evaluate(RidgeMap(), arrays(validation=True), pictures=False)
    assert "uncalibrated" not in report.protocol
    assert report.scores["H"]["mean"] > report.scores["H_raw"]["mean"] - 1e-9


@pytest.mark.parametrize(("params", "grid", "said"), [
    ({"alpha": 9.0}, {"alpha": (1.0, 3.0, 9.0)}, ["alpha=9.0 is the largest that was tried"]),
    ({"alpha": 1}, {"alpha": (10, 1, 100)}, ["alpha=1 is the smallest that was tried"]),
    ({"alpha": 10.0}, {"alpha": (1.0, 10.0, 100.0)}, []),
    ({"alpha": 1.0}, {"alpha": (1.0, 10.0)}, []), ({"head": "a"}, {"head": ("a", "b", "c")}, []),
    ({"w": None}, {"w": (None, 0.1, 1.0, 10.0)}, []), ({"f": True}, {"f": (True, False)}, [])])
def test_a_choice_at_the_end_of_its_grid_is_said(params, grid, said):
    assert at_the_end(params, grid) == said


def test_selection_and_log_say_where_a_grid_ended(letters):
    lines = []
    report = evaluate(RidgeMap(), letters, tune={"alpha": [1e9, 1e10, 1e11]}, pictures=False,
                      log=lines.append)
    assert "that was tried, so a wider grid may do better" in report.selection
    assert any("that was tried" in line for line in lines)


def test_scores_of_classes_are_those_that_the_means_are_of():
    report = evaluate(ESZSL(), arrays(validation=True), 2, pictures=False)
    for name in ("T1", "U", "S"):
        assert np.mean(report.per_class[name]["runs"], axis=1) == pytest.approx(
            report.scores[name]["runs"], abs=1e-6)
    assert report.per_class["U"]["classes"] == ["4", "5"]
    assert report.per_class["S"]["classes"] == ["0", "1", "2", "3"]


def test_scores_of_classes_weighted_by_queries_give_the_map(letters):
    report = evaluate(CCA(), letters, 1, tune=False, pictures=False)
    for way in ("mAP[image->text]", "mAP[text->image]"):
        part = report.per_class[way]
        assert np.average(part["runs"][0], weights=part["weights"]) == pytest.approx(
            report.scores[way]["mean"], abs=1e-5)
    assert evaluate(CCA(), letters, 2, tune=False, pictures=False).per_class == {}
