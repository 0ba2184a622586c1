"""What is searched is what is evaluated: a retriever's order is that of the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import SMALL, fitted, rows_of

from crossalign import models
from crossalign.evaluation import score_fitted
from crossalign.index import ExactIndex, HammingIndex, JointIndex
from crossalign.index.base import Index
from crossalign.metrics import average_precisions
from crossalign.metrics.retrieval.score_sources import score_source
from crossalign.models.roles import Aligner
from crossalign.tasks import Retriever
from crossalign.types import Benchmark, Views

ALIGNERS = [name for name in models.__all__ if issubclass(getattr(models, name), Aligner)]
CASES = [(name, similarity) for name in ALIGNERS
         for similarity in getattr(models, name).similarities]


def trained(name, similarity):
    """A small aligner that compares so."""
    model, views, classes = fitted(name)
    if len(model.similarities) > 1:
        model.set_params(similarity=similarity)
    return model, views, classes


def scores_of(model, queries, source, gallery, target):
    """The scores ``(q, n)`` that the evaluation ranks by."""
    found = model.compare(model.similarity_inputs(queries, source),
                          model.similarity_inputs(gallery, target))
    return np.array(score_source(found, len(queries), len(gallery))(0, len(queries)))


@pytest.mark.parametrize(("name", "similarity"), CASES)
def test_a_retriever_ranks_by_the_scores_of_the_evaluation(name, similarity):
    model, _, _ = trained(name, similarity)
    for source in model.modalities_:
        for target in model.modalities_:
            queries, gallery = rows_of(name, source), rows_of(name, target)
            hits = Retriever(model).add(gallery, target).search(queries, source, k=len(gallery))
            scores = scores_of(model, queries, source, gallery, target)
            ranked = np.take_along_axis(scores, hits.indices, axis=1)
            assert (np.sort(hits.indices, axis=1) == np.arange(len(gallery))).all()
            assert (np.diff(ranked, axis=1) <= 1e-6).all()
            assert (np.diff(ranked, axis=1) < -1e-6).any()      # the order is one of scores


@pytest.mark.parametrize(("name", "similarity"), [
    case for case in CASES if case[0] != "LinearCosine"])           # knows one modality and classes
def test_scores_are_those_that_the_evaluation_reports(name, similarity):
    """mAP of a retriever's order is the mAP of `score_fitted`."""
    model, views, classes = trained(name, similarity)
    query, gallery = views[np.arange(0, 48, 2)], views[np.arange(1, 48, 2)]
    other = Views({m: views[m][:2] for m in views.modalities}, [4, 4], ids=[1000, 1001])
    bench = Benchmark("toy", "retrieval", {
        "train": other, "query": query, "gallery": gallery},
        replace(classes, seen=np.arange(6) >= 4))
    model.trained_on_ = {}                                       # these are its own samples
    report = score_fitted(model, bench, pictures=False)
    for a, b in (("image", "text"), ("text", "image")):
        hits = Retriever(model).add(gallery, b).search(query, a, k=len(gallery))
        ranks = np.empty_like(hits.indices)
        np.put_along_axis(ranks, hits.indices, np.arange(len(gallery))[None], axis=1)
        precisions = average_precisions(-ranks, query.truth, gallery.truth)
        found = report.scores[f"mAP[{a}->{b}]"]["mean"]
        assert found == pytest.approx(np.mean(precisions), abs=1e-6)


@pytest.mark.parametrize("name", ALIGNERS)
def test_an_index_of_another_measure_is_refused(name):
    model, views, _ = fitted(name)
    right = model.index()
    assert isinstance(right, Index)
    for wrong in (ExactIndex(), JointIndex(2, 3), HammingIndex(8)):
        if wrong.measure != right.measure:
            with pytest.raises(ValueError, match=f"^index: {type(wrong).__name__} ranks by "
                                                 f"{wrong.measure}, and {name} by"):
                Retriever(model, wrong).add(views, "text")
    with pytest.raises(ValueError, match=r"^index: got \[\]; give an index"):
        Retriever(model, [])
    codes = Retriever(model, ExactIndex(), bits=2).fit(views)
    with pytest.raises(ValueError, match="ranks by inner product, and codes of 2 bits by Hamming"):
        codes.add(views, "text")


def test_a_retriever_fills_a_clone_of_its_index():
    model, views, _ = fitted("RidgeMap")
    index = ExactIndex(block_bytes=1)
    task = Retriever(model, index).add(views, "text").add(views, "text")
    assert (len(index), len(task.index_)) == (0, 2 * len(views))
    assert task.index_.block_bytes == 1


@pytest.mark.parametrize("similarity", models.FGAN.similarities)
def test_joint_vectors_of_several_views(similarity):
    """Of one view those of the view; of two of the same Gaussian mixture, between the two."""
    model = models.FGAN(**SMALL["FGAN"], similarity=similarity)
    views, classes = fitted("FGAN")[1:]
    model.fit(views, classes=classes)
    alone = model.similarity_inputs(views, ["image"])
    vectors = [model.similarity_inputs(views[m], m) for m in ("image", "text")]
    both = model.similarity_inputs(views, ["image", "text"])
    p = [np.exp(v[:, 8:]) for v in vectors]
    np.testing.assert_allclose(np.exp(both[:, 8:]), (p[0] + p[1]) / 2, atol=1e-6)
    e = [v[:, :8] / np.linalg.norm(v[:, :8], axis=1, keepdims=True) for v in vectors]
    np.testing.assert_allclose(both[:, :8], (e[0] + e[1]) / 2, atol=1e-6)
    task = Retriever(model).add(views, "text")
    one, whole = (task.search(views, names, k=3) for names in ("image", ["image"]))
    np.testing.assert_array_equal(one.indices, whole.indices)
    np.testing.assert_allclose(model.compare(alone, vectors[1]),
                               model.compare(vectors[0], vectors[1]), atol=1e-5)
