"""What an evaluation chooses, from what, and that it says so."""

from dataclasses import replace

import numpy as np
import pytest
import small
from interrupting import interrupting

import crossalign as ca
from crossalign.evaluation import evaluate, fit_for, score_fitted
from crossalign.evaluation.protocols import GZSL, Retrieval
from crossalign.evaluation.selection import select
from crossalign.evaluation.settled import protocol_of
from crossalign.models import CADAVAE, CCA, ESZSL, GFZSL, Chance, ClassMeanOracle, RidgeMap


@pytest.fixture(scope="module")
def letters():
    return ca.load("glyphs")


def test_nothing_is_chosen_on_test(letters):
    """Scrambling every test label changes the scores and nothing that was chosen."""
    rng = np.random.default_rng(0)
    scrambled = dict(letters.splits)
    for split in ("test_seen", "test_unseen"):
        views = letters[split]
        scrambled[split] = views.with_labels(rng.permutation(views.labels))
    grid = {"shrinkage": (0.03, 0.3)}
    honest = evaluate(GFZSL(), letters, tune=grid, pictures=False)
    lied_to = evaluate(GFZSL(), replace(letters, splits=scrambled), tune=grid, pictures=False)
    assert honest.selection == lied_to.selection
    assert honest.params == lied_to.params
    assert lied_to.scores["H"]["mean"] < 0.1 < honest.scores["H"]["mean"]


def test_validation_is_disjoint_from_test(letters):
    validation = letters.validation()
    for split in validation.splits.values():
        assert np.isin(split.ids, letters["train"].ids).all()
    assert set(validation.classes.names) <= set(np.array(letters.classes.names)[
        letters.classes.seen])


def test_choice_is_the_best_point_of_the_grid(letters):
    choice = select(ESZSL(), letters, GZSL(), {"alpha": (-3, 0, 3)})
    assert len(choice.tried) == 3
    assert dict(choice.params) == max(choice.tried, key=lambda point: point[1])[0]
    assert "validation" in choice.how


def test_a_long_choice_says_how_far_it_is(monkeypatch):
    lines, grid = [], {"alpha": (-1, 0, 1)}
    select(ESZSL(), small.recognition(), GZSL(), grid, log=lines.append)
    assert lines[0] == "choosing on validation classes, 3 settings"
    assert not any(line.startswith("tried") for line in lines)
    monkeypatch.setattr("time.monotonic", iter(range(0, 10**6, 40)).__next__)
    select(ESZSL(), small.recognition(), GZSL(), grid, log=lines.append)
    assert [line for line in lines if line.startswith("tried")] == [
        "tried 1 of 3 settings, 40 s each, 80 s left",
        "tried 2 of 3 settings, 40 s each, 40 s left"]


def test_calibration_helps_and_is_reported_beside_raw(letters):
    scores = evaluate(GFZSL(), letters, tune=False, pictures=False).scores
    assert scores["H"]["mean"] > scores["H_raw"]["mean"]
    assert scores["H"]["mean"] <= scores["H_max_diagnostic"]["mean"]


def test_runs_use_their_class_split_and_keep_every_number():
    report = evaluate(CCA(), ca.load("glyphs", "retrieval"), 3, pictures=False)
    assert len(set(report.scores["mAP"]["runs"])) == 3
    assert len(set(report.protocol["split_id"])) == 3
    directions = [report.scores[f"mAP[{d}]"]["mean"] for d in ("image->text", "text->image")]
    assert report.scores["mAP"]["mean"] == pytest.approx(np.mean(directions))


def test_the_oracle_is_above_and_chance_is_at_the_bottom(letters):
    oracle, chance, honest = (evaluate(m, letters, tune=False, pictures=False).scores["T1"]["mean"]
                              for m in (ClassMeanOracle(), Chance(), ESZSL()))
    assert chance < 0.05 < honest < oracle
    with pytest.raises(ValueError, match="does not embed"):
        evaluate(ClassMeanOracle(), ca.load("glyphs", "retrieval"))


def test_zsl_is_t1_alone_and_for_benchmarks_that_test_no_seen_class(letters):
    unseen = {split: letters[split] for split in ("train", "test_unseen")}
    report = evaluate(ESZSL(), replace(letters, task="zsl", splits=unseen), tune=False,
                      pictures=False)
    whole = evaluate(ESZSL(), letters, tune=False, pictures=False)
    assert report.scores == {"T1": whole.scores["T1"]}
    with pytest.raises(ValueError, match="T1 of gzsl is the score of zsl"):
        evaluate(ESZSL(), letters, task="zsl")


def test_a_saved_model_scores_as_its_evaluation_did(letters, tmp_path):
    grid = {"shrinkage": (0.1, 0.3)}
    direct = evaluate(GFZSL(), letters, tune=grid, pictures=False)
    fitted = fit_for(GFZSL(), letters, tune=grid)
    again = type(fitted).load(fitted.save(tmp_path / "model"))
    scored = score_fitted(again, letters, pictures=False)
    assert {k: v["mean"] for k, v in scored.scores.items()} == {
        k: v["mean"] for k, v in direct.scores.items()}
    assert scored.selection == direct.selection


def test_pictures_of_every_task_can_be_drawn(tmp_path, letters):
    reports = [evaluate(GFZSL(), letters, tune=False),
               evaluate(RidgeMap(), ca.load("glyphs", "retrieval"), tune=False),
               evaluate(CCA(), ca.load("glyphs", "transfer"))]
    for report, picture in zip(reports, ("curve", "hits", "latent"), strict=True):
        assert picture in report.artefacts
        page = report.html(tmp_path / f"{report.task}.html").read_text()
        assert "<svg" in page


def test_an_interrupted_evaluation_reports_the_runs_it_finished():
    bench = ca.load("glyphs", "retrieval")
    report = evaluate(interrupting(CCA, 3)(), bench, 5, pictures=False)
    assert report.seeds == [0, 1]
    assert "interrupted after 2 of 5 runs" in report.selection
    whole = evaluate(CCA(), bench, 2, pictures=False)
    assert report.scores["mAP"]["runs"] == whole.scores["mAP"]["runs"]


class StopAt:
    """A callback that breaks training off after some epochs."""

    def __init__(self, epoch):
        self.epoch = epoch

    def __getattr__(self, name):
        return lambda *args: ({}, {}) if name == "state" else None

    def on_epoch(self, state):
        if state.epoch == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupted_fit_goes_on_where_it_was(tmp_path):
    bench = ca.load("glyphs", "retrieval")
    model = CADAVAE(epochs=3, latent=4)
    with pytest.raises(KeyboardInterrupt):
        fit_for(model, bench, checkpoint=tmp_path / "c", callbacks=[StopAt(1)])
    resumed = fit_for(model, bench, checkpoint=tmp_path / "c")
    straight = fit_for(model, bench)
    rows = bench["query"]["image"]
    np.testing.assert_array_equal(*(f.model.embed(rows, "image") for f in (resumed, straight)))
    assert resumed.model.history_ == straight.model.history_


@pytest.mark.parametrize(("of_data", "of_model", "expected"), [
    (None, False, None), (None, True, True), (False, False, False), (False, True, True),
    (True, False, True)])
def test_a_model_without_a_leak_does_not_settle_what_the_data_leave_open(of_data, of_model,
                                                                         expected):
    model = RidgeMap()
    model.leaks_ = {"pseudo_labels": of_model}
    bench = replace(ca.load("glyphs", "retrieval"), protocol={"leaks": {"pseudo_labels": of_data}})
    assert protocol_of(bench, model, Retrieval())["leaks"]["pseudo_labels"] is expected
