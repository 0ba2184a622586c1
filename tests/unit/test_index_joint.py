import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from crossalign.index import ExactIndex, FaissIndex
from crossalign.index.joint import JointIndex
from crossalign.index.joint_projection import fit_projection
from crossalign.index.joint_similarity import (
    augmented,
    exact_factors,
    joint_rows,
    joint_scores,
    label_similarity,
    tangent_slopes,
)


def clustered(n, seed, width=24, labels=60, spread=0.6):
    """Rows [embedding | logits] of ten classes, most of the variance in a few directions."""
    shape = np.random.default_rng(0)
    scale = np.arange(1, 21) ** -0.8
    centres = shape.standard_normal((2, 10, 20)) * scale
    maps = shape.standard_normal((20, width)), 3 * shape.standard_normal((20, labels))
    rng = np.random.default_rng(seed)
    at = rng.integers(0, 10, n)
    sides = [(c[at] + spread * scale * rng.standard_normal((n, 20))) @ m
             for c, m in zip(centres, maps, strict=True)]
    return np.hstack(sides).astype(np.float32)


def naive(queries, items, width=24):
    """Similarity and J of all pairs, ``(q, n)`` each, KL by SciPy."""
    cosines, divergences = np.zeros((2, len(queries), len(items)))
    sides = [(x[:, :width] / np.linalg.norm(x[:, :width], axis=1, keepdims=True),
              softmax(x[:, width:].astype(np.float64), axis=1)) for x in (queries, items)]
    for i, (e, p) in enumerate(zip(*sides[0], strict=True)):
        for j, (f, q) in enumerate(zip(*sides[1], strict=True)):
            cosines[i, j] = e @ f
            divergences[i, j] = entropy(p, q) + entropy(q, p)
    return cosines + np.tanh(-divergences), divergences


def best(scores, k):
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def rows_of(x, width=24):
    return joint_rows(x[:, :width], x[:, width:])


def filled(items, width=24, **options):
    index = JointIndex(width, items.shape[1] - width, **{"candidates": 300, **options})
    index.add(items)
    return index


def test_joint_scores_are_those_of_the_formula():
    queries, items = clustered(7, 1), clustered(40, 2)
    similarity, divergence = naive(queries, items)
    np.testing.assert_allclose(joint_scores(rows_of(queries), rows_of(items)), similarity + 1,
                               atol=1e-6)
    assert divergence.min() < 1
    assert divergence.max() > 20


def test_augmented_products_are_linear_scores():
    queries, items = clustered(7, 1), clustered(40, 2)
    similarity, divergence = naive(queries, items)
    cosine = similarity - np.tanh(-divergence)
    a, b = rows_of(queries), rows_of(items)
    for slope in (0.0, 0.3, 1.0):
        product = (augmented(exact_factors(a, query=True), slope)
                   @ augmented(exact_factors(b, query=False)).T)
        expected = cosine - slope * divergence + slope * a.negentropy[:, None]
        np.testing.assert_allclose(product, expected, atol=1e-4)


def test_label_similarity_has_no_ties():
    divergence = np.arange(0.0, 300.0, 0.01)
    assert (np.diff(label_similarity(divergence)) < 0).all()
    assert np.tanh(np.float32(-10)) == np.tanh(np.float32(-300)) == -1
    near = divergence[divergence < 5]
    np.testing.assert_allclose(label_similarity(near), 1 + np.tanh(-near), rtol=1e-9)
    np.testing.assert_allclose(label_similarity(np.array([280.0])), 2 * np.exp([-560.0]))


@pytest.mark.parametrize("n", [300, 2000])
def test_far_label_distributions_are_ranked_by_divergence(n):
    x = np.random.default_rng(0).permutation(np.linspace(1, 300, n))
    items = np.stack([np.ones(n), np.zeros(n), x / 2, -x / 2], axis=1)
    hits = filled(items, width=2).search([[1.0, 0, 0, 0]], n, exact=True)
    np.testing.assert_array_equal(hits.indices[0], np.argsort(x))           # J = x tanh(x / 2)
    hits = filled(items, width=2).search([[1.0, 0, 0, 0]], 50)
    np.testing.assert_array_equal(hits.indices[0], np.argsort(x)[:50])


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_search_is_a_full_sort_of_the_formula(block_bytes):
    queries, items = clustered(5, 1), clustered(160, 2)
    similarity, _ = naive(queries, items)
    for exact in (True, False):
        hits = filled(items, block_bytes=block_bytes, candidates=50).search(
            queries, 20, exact=exact)
        np.testing.assert_array_equal(hits.indices, best(similarity, 20))
        np.testing.assert_allclose(
            hits.scores, np.take_along_axis(similarity, hits.indices, axis=1), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"inner": ExactIndex}, {"inner": FaissIndex},
                                     {"inner": ExactIndex, "slopes": 2}])
def test_candidates_lead_to_the_exact_best(options):
    if options.get("inner") is FaissIndex:
        pytest.importorskip("faiss")
    queries, items = clustered(20, 1), clustered(3000, 2)
    expected = best(joint_scores(rows_of(queries), rows_of(items)), 100)
    index = filled(items, **options)
    np.testing.assert_array_equal(index.search(queries, 100, exact=True).indices, expected)
    np.testing.assert_array_equal(index.search(queries, 100).indices, expected)
    assert index.search(queries, 5000).indices.shape == (20, 3000)


def test_short_vectors_are_short_and_find_the_best():
    queries = clustered(40, 1, width=128, labels=300)
    items = clustered(4000, 2, width=128, labels=300)
    index = filled(items, width=128, candidates=100)
    exact, found = (index.search(queries, 30, exact=e).indices for e in (True, False))
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])
    assert recall >= 0.99
    projection = fit_projection(exact_factors(rows_of(items, 128), query=False), 0.01)
    assert projection.axes.shape[1] <= 20                                   # the rank of the data
    assert projection.maps.shape[1] <= 100                                  # of 600
    rough = fit_projection(exact_factors(rows_of(items, 128), query=False), 0.1)
    assert rough.maps.shape[1] < projection.maps.shape[1]


def test_projection_without_error_keeps_every_divergence():
    queries, items = rows_of(clustered(30, 1)), rows_of(clustered(3000, 2))
    exact = exact_factors(items, query=False)
    for error, close in ((0.0, 0.02), (0.01, 0.5)):
        projection = fit_projection(exact, error)
        a = projection.shorten(exact_factors(queries, query=True), query=True)
        b = projection.shorten(exact, query=False)
        found = a.offsets[:, None] + b.offsets - a.labels @ b.labels.T
        expected = (queries.negentropy[:, None] + items.negentropy
                    - queries.probabilities @ items.logs.T - queries.logs @ items.probabilities.T)
        near = expected < 3
        assert np.sqrt(np.mean((found - expected)[near] ** 2)) < close
    assert near.mean() > 0.05


def test_tangents_follow_tanh_from_below():
    divergence = np.linspace(0, 40, 4001)
    gaps = []
    for m in (2, 3, 4, 5):
        slopes = tangent_slopes(m)
        assert slopes[-1] == 0
        height = np.sqrt(1 - slopes)                                        # t at the point touched
        touched = np.arctanh(np.minimum(height, 1 - 1e-12))
        lines = -height - slopes * (divergence[:, None] - touched)
        gaps.append((np.tanh(-divergence) - lines.max(axis=1)).max())
        assert (lines <= np.tanh(-divergence)[:, None] + 1e-9).all()
    np.testing.assert_allclose(gaps, [0.16, 0.06, 0.03, 0.018], rtol=0.05)


def test_equal_items_are_ordered_by_row():
    items = np.tile(clustered(2, 3)[:1], (700, 1))
    for exact in (True, False):
        hits = filled(items).search(items[:1], 5, exact=exact)
        np.testing.assert_array_equal(hits.indices, [[0, 1, 2, 3, 4]])
        np.testing.assert_allclose(hits.scores, 1, atol=1e-6)


def test_rows_added_in_parts_are_rows_added_at_once():
    queries, items = clustered(9, 1), clustered(700, 2)
    index = filled(items[:400])
    index.search(queries, 10)
    index.add(items[400:])
    expected = filled(items).search(queries, 10)
    assert len(index) == 700
    np.testing.assert_array_equal(index.search(queries, 10).indices, expected.indices)


def test_log_probabilities_are_logits():
    x = clustered(300, 2)
    logs = np.log(softmax(x[:, 24:].astype(np.float64), axis=1))
    a, b = rows_of(x), joint_rows(x[:, :24], logs)
    np.testing.assert_allclose(a.logs, b.logs, atol=1e-5)


def test_bad_rows_are_named():
    index = JointIndex(2, 3)
    with pytest.raises(ValueError, match=r"give \(n, 5\)"):
        index.add(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        index.add([[1, 0, 0, 0, 0], [1, 0, 0, 0, -np.inf]])
    with pytest.raises(ValueError, match="k: got 0"):
        index.search(np.ones((1, 5)), 0)
    with pytest.raises(ValueError, match="add a floor"), np.errstate(divide="ignore"):
        joint_rows(np.ones((1, 2)), np.log([[0.5, 0.5, 0.0]]))
    with pytest.raises(ValueError, match="2 rows for 1 embeddings"):
        joint_rows(np.ones((1, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="logits: shape"):
        joint_rows(np.ones((1, 2)), np.ones(3))
    assert index.search(np.ones((3, 5)), 4).indices.shape == (3, 0)
