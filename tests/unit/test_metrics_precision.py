from itertools import permutations

import numpy as np
import pytest

from crossalign.metrics import (
    cosine,
    dot,
    precision_at_k,
    precision_recall_curve,
)


def problem(seed=0, q=30, g=90, d=5, classes=3):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((q, d)),
        rng.standard_normal((g, d)),
        rng.integers(0, classes, q),
        rng.integers(0, classes, g),
    )


@pytest.mark.parametrize("k", [1, 5, 40, 90])
def test_precision_at_k_against_a_sort(k):
    queries, gallery, query_labels, gallery_labels = problem()
    order = np.argsort(-(queries @ gallery.T), axis=1)[:, :k]
    expected = (gallery_labels[order] == query_labels[:, None]).mean()
    got = precision_at_k(dot(queries, gallery), query_labels, gallery_labels, k=k)
    assert got == pytest.approx(expected, abs=1e-14)


def test_precision_at_k_divides_by_k_even_in_a_small_gallery():
    assert precision_at_k([[2.0, 1.0]], [1], [1, 1], k=4) == 0.5


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_precision_at_k_over_ties_is_the_mean_over_orders(k):
    labels = np.array([1, 0, 0, 1, 1])
    for scores in ([0, 0, 0, 0, 0], [3, 1, 1, 1, 0], [2, 2, 1, 1, 0]):
        values = [
            labels[list(order)][:k].mean() * min(k, 5) / k
            for order in permutations(range(5))
            if (np.diff(np.array(scores)[list(order)]) <= 0).all()
        ]
        got = precision_at_k([scores], [1], labels, k=k)
        assert got == pytest.approx(np.mean(values), abs=1e-15)


def test_precision_at_k_can_leave_out_the_query_itself():
    rows = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    near = cosine(rows, rows)
    assert precision_at_k(near, [0, 0, 1, 1], [0, 0, 1, 1], k=1, exclude_self=True) == 1.0
    assert precision_at_k(near, [0, 1, 0, 1], [0, 1, 0, 1], k=1, exclude_self=True) == 0.0


def naive_curve(relevance, scores, grid):
    """Highest precision at any threshold whose recall reaches each grid point."""
    points = []
    for threshold in np.unique(scores):
        passed = scores >= threshold
        hits = (relevance & passed).sum()
        points.append((hits / relevance.sum(), hits / passed.sum()))
    return [max(p for r, p in points if r >= level - 1e-12) for level in grid]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("grid", [None, np.linspace(0, 1, 11), [0.3, 0.95]])
def test_curve_against_a_loop_over_thresholds(tied, grid):
    _, _, query_labels, gallery_labels = problem()
    scores = np.random.default_rng(2).standard_normal((30, 90))
    scores = scores.round() if tied else scores
    curve = precision_recall_curve(
        scores, query_labels, gallery_labels, recall=grid
    )
    expected = [
        naive_curve(gallery_labels == label, row, curve.recall)
        for label, row in zip(query_labels, scores, strict=True)
    ]
    np.testing.assert_allclose(curve.precision, np.mean(expected, axis=0), atol=1e-14)
    assert len(curve.recall) == (101 if grid is None else len(grid))
    assert (np.diff(curve.precision) <= 1e-15).all()


def test_curve_of_embeddings_is_the_curve_of_their_scores():
    queries, gallery, query_labels, gallery_labels = problem()
    got = precision_recall_curve(
        dot(queries, gallery), query_labels, gallery_labels, block=4
    )
    expected = precision_recall_curve(
        queries @ gallery.T, query_labels, gallery_labels
    )
    np.testing.assert_allclose(got.precision, expected.precision, atol=1e-14)


def test_queries_without_an_answer_are_left_out():
    scores = np.array([[2.0, 1.0], [2.0, 1.0]])
    with pytest.warns(UserWarning, match="1 of 2 queries"):
        assert precision_at_k(scores, [0, 9], [0, 1], k=1) == 1.0
    with pytest.warns(UserWarning, match="1 of 2 queries"):
        curve = precision_recall_curve(scores, [0, 9], [0, 1])
    assert (curve.precision == 1).all()
    with pytest.warns(UserWarning, match="2 of 2 queries"):
        curve = precision_recall_curve(scores, [8, 9], [0, 1], recall=[0.5])
    assert np.isnan(curve.precision).tolist() == [True]


def test_a_wrong_argument_is_named():
    queries, gallery, *labels = problem()
    near = cosine(queries, gallery)
    with pytest.raises(ValueError, match=r"k: got None; give a positive integer\.$"):
        precision_at_k(near, *labels, k=None)
    for recall in ([0.5, 1.5], [0.5, 0.2], [], [[0.1]], [np.nan]):
        with pytest.raises(ValueError, match="recall: got"):
            precision_recall_curve(near, *labels, recall=recall)
