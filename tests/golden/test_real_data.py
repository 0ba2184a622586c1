"""Figures on real data that a change must not lose; the whole path from files to report."""

import numpy as np
import pytest

import crossalign as ca
from crossalign import models

pytestmark = pytest.mark.shared


def means(report):
    return {name: score["mean"] for name, score in report.scores.items()}


def test_eszsl_on_cub(shared):
    scores = means(ca.evaluate(models.ESZSL(), ca.load(str(shared / "CUB")), pictures=False))
    assert scores["T1"] >= 0.57
    assert scores["H"] >= 0.42
    assert scores["H_raw"] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("attributes", "fixed", "t1", "h"), [
    (None, {"shrinkage": 0.3}, 0.65, 0.57), ("sent_splits.mat", {"shrinkage": 0.3}, 0.81, 0.69),
    (None, {}, 0.64, 0.56), ("sent_splits.mat", {}, 0.81, 0.685)])
def test_gfzsl_on_cub(shared, attributes, fixed, t1, h):
    """On these test classes the shrinkage that validation chooses costs a point."""
    bench = ca.load(str(shared / "CUB"), attributes=attributes)
    model = models.GFZSL(**fixed)
    scores = means(ca.evaluate(model, bench, tune=model.grid(fixed=fixed), pictures=False))
    assert scores["T1"] >= t1
    assert scores["H"] >= h


def test_acmr_on_cub(shared):
    """A short training of the defaults already stands where the paper's figure (55.3) does."""
    model = models.ACMR(epochs=12, kl_ramp=(0, 12))
    report = ca.evaluate(model, ca.load(str(shared / "CUB")), tune=False, pictures=False)
    scores = means(report)
    assert scores["T1"] >= 0.62
    assert scores["H"] >= 0.55
    assert scores["AUSUC"] >= 0.42


def test_cca_on_wikipedia(shared):
    bench = ca.load(str(shared / "wikipedia"), "retrieval")
    cca = ca.evaluate(models.CCA(), bench, 10, tune=False, pictures=False)
    ridge = ca.evaluate(models.RidgeMap(), bench, 10, tune={"alpha": (1.0, 100.0, 1000.0, 1e4)},
                        pictures=False)
    assert means(cca)["mAP"] >= 0.285
    assert means(cca)["chance_mAP"] == pytest.approx(0.216, abs=0.006)
    wins = np.asarray(ridge.scores["mAP"]["runs"]) > np.asarray(cca.scores["mAP"]["runs"])
    assert wins.sum() >= 9                     # RidgeMap is the row to beat here


def test_chance_on_wikipedia_is_its_closed_form(shared):
    bench = ca.load(str(shared / "wikipedia"), "retrieval")
    scores = means(ca.evaluate(models.Chance(), bench, 10, pictures=False))
    assert scores["mAP"] == pytest.approx(scores["chance_mAP"], abs=0.005)
