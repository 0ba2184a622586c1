"""Each test sample is embedded once in an evaluation, and scores are those of the model itself."""

import numpy as np
import pytest
import small

from crossalign.evaluation import evaluate, fit_for, score_fitted
from crossalign.evaluation.protocols import GZSL, Retrieval
from crossalign.models import ESZSL, FusionNetQSMA, RidgeMap
from crossalign.models.embedded_once import KEPT, embedded_once, embedded_rows
from crossalign.models.fusionnet.fusionnet_objective import FusionNet
from crossalign.types import CLASS_MODALITY

SMALL = {"network__latent": 8, "network__hidden": 16, "epochs": 1, "batch_size": 32}


@pytest.fixture
def rows(monkeypatch):
    """Numbers of rows that the network encodes after a fit, but for side information."""
    counts, encode, fit = [], FusionNet.encode, FusionNetQSMA.fit

    def counting(self, x, modality):
        if modality != CLASS_MODALITY:
            counts.append(len(x))
        return encode(self, x, modality)

    def pausing(self, *samples, **options):
        before = len(counts)
        fitted = fit(self, *samples, **options)
        del counts[before:]
        return fitted

    monkeypatch.setattr(FusionNet, "encode", counting)
    monkeypatch.setattr(FusionNetQSMA, "fit", pausing)
    return counts


def sizes(bench, *splits):
    return sum(len(part[split]) for part in (bench, bench.validation()) for split in splits)


@pytest.mark.parametrize(("head", "more"), [("prototype", ()), ("fused", ("train",))])
def test_recognition_embeds_every_test_sample_once(rows, head, more):
    bench = small.recognition()
    report = evaluate(FusionNetQSMA(**SMALL, head=head), bench, tune=False)
    assert {"latent", "cross_modal", "rejection"} <= set(report.artefacts)
    assert {"AURC_tempered", "sigma_error"} <= set(report.scores)
    assert sum(rows) == sizes(bench, "test_seen", "test_unseen", *more)


def test_retrieval_embeds_every_query_and_item_once(rows):
    bench = small.retrieval()
    evaluate(FusionNetQSMA(**SMALL), bench, tune=False)
    assert sum(rows) == 2 * sizes(bench, "query", "gallery")


def test_a_saved_model_embeds_every_test_sample_once(rows):
    bench = small.recognition()
    fitted = fit_for(FusionNetQSMA(**SMALL, head="prototype"), bench, tune=False)
    rows.clear()
    score_fitted(fitted, bench)
    assert sum(rows) == len(bench["test_seen"]) + len(bench["test_unseen"])


@pytest.mark.parametrize("model", [FusionNetQSMA(**SMALL), RidgeMap(), ESZSL()])
def test_scores_and_figures_are_those_of_the_model(model):
    bench = small.recognition()
    fitted = model.fit(bench["train"], classes=bench.classes)
    once = embedded_once(fitted)
    mine, its = (GZSL().score(one, bench, {"gamma": 0.2}) for one in (once, fitted))
    assert mine.scores == its.scores
    mine, its = (GZSL().figures(one, bench, outcome) for one, outcome in
                 ((once, mine), (fitted, its)))
    assert mine.keys() == its.keys()
    if "latent" in its:
        for modality, codes in its["latent"]["after"].items():
            np.testing.assert_allclose(mine["latent"]["after"][modality], codes, atol=1e-6)


def test_other_arrays_get_their_own_answers_and_few_are_kept():
    bench = small.retrieval()
    model = RidgeMap().fit(bench["train"])
    once, views = embedded_once(model), bench["query"]
    whole = once.embed(views["image"], "image")
    assert once.embed(views["image"], "image") is whole
    some = embedded_rows(once, views, "image", np.array([3, 0]))
    np.testing.assert_array_equal(some, whole[[3, 0]])
    for _ in range(2 * KEPT):                       # arrays that may get the id of one that is gone
        part = np.random.default_rng(len(once.embed.answers)).normal(size=(4, 10)).astype("f4")
        np.testing.assert_array_equal(once.embed(part, "image"), model.embed(part, "image"))
        del part
    assert len(once.embed.answers) <= KEPT
    assert "embed" not in vars(model)
    assert Retrieval().score(once, bench).scores == Retrieval().score(model, bench).scores
