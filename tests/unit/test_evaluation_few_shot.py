"""The report of few-shot recognition."""

import numpy as np
import pytest
from interrupting import interrupting

from crossalign.data import load
from crossalign.evaluation import evaluate
from crossalign.evaluation.protocols import FewShotRecognition
from crossalign.evaluation.protocols.few_shot_curve import choose_few_shot, few_shot_curve
from crossalign.models import ESZSL, GFZSL, RidgeMap
from crossalign.pages import plots


@pytest.fixture(scope="module")
def letters():
    return load("glyphs", "gzsl")


@pytest.fixture(scope="module")
def report(letters):
    return evaluate(RidgeMap(), letters, 2, task=FewShotRecognition((1, 2), 2))


def test_scores_are_means_over_draws_of_the_curve(letters, report):
    part = letters.validation()
    trial = RidgeMap().fit(part["train"], classes=part.classes)
    rows = ("update", "support only", "side information only", "update of features")
    chosen = choose_few_shot(trial, part, (1, 2), rows=rows)
    fitted = RidgeMap().fit(letters["train"], classes=letters.classes)
    curve = few_shot_curve(fitted, letters, (1, 2), 2, chosen=chosen, rows=rows)
    assert len(report.scores) == len(rows) * 2 * 2
    for row in rows:
        for metric in ("T1", "H"):
            for i, k in enumerate((1, 2)):
                mean = curve.scores[row][metric][:, i].mean()
                assert report.scores[f"{metric}@{k} {row}"]["runs"][0] == pytest.approx(mean)
    assert f"kappa {chosen.kappas['update']:g} for update" in report.selection
    assert (report.task, report.seeds) == ("few_shot", [0, 1])


def test_curves_of_all_runs_are_drawn(report, tmp_path):
    found = report.artefacts["few_shot"]
    assert all(scores["H"].shape == (4, 2) for scores in found["curves"].values())
    assert plots.few_shot(found["curves"], found["ks"]).axes
    page = report.html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "H over 1, 2 samples per new class" in page


def test_numbers_of_samples_are_those_that_leave_one_to_score(letters):
    report = evaluate(RidgeMap(), letters, task=FewShotRecognition(draws=1))
    _, counts = np.unique(letters["test_unseen"].truth, return_counts=True)
    asked = {int(name.split("@")[1].split()[0]) for name in report.scores}
    assert asked == {k for k in (1, 2, 5, 10) if k < counts.min()}


def test_runs_that_were_finished_are_kept(letters, report):
    kept = evaluate(interrupting(RidgeMap, 2)(), letters, 2, task=FewShotRecognition((1, 2), 2))
    assert kept.seeds == [0]
    assert "interrupted after 1 of 2 runs" in kept.selection
    assert {n: s["runs"] for n, s in kept.scores.items()} == {
        n: s["runs"][:1] for n, s in report.scores.items()}


def test_bad_input(letters):
    with pytest.raises(ValueError, match="is for retrieval, not few_shot"):
        evaluate(RidgeMap(), load("glyphs", "retrieval"), task="few_shot")
    with pytest.raises(ValueError, match="give at most"):
        evaluate(RidgeMap(), letters, task=FewShotRecognition((1, 500)))
    with pytest.raises(ValueError, match="seeds"):
        evaluate(RidgeMap(), letters, 0, task="few_shot")


@pytest.mark.parametrize("model", [GFZSL(), ESZSL()])
def test_a_model_that_does_not_embed_is_refused_before_training(letters, model):
    with pytest.raises(ValueError, match=r"^model: .*zsl does not embed samples"):
        evaluate(model, letters, task="few_shot")
