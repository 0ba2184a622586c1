from itertools import permutations

import numpy as np
import pytest

from crossalign.metrics import cosine, dot, euclidean, median_rank, recall_at_k

SCORES = {"cosine": cosine, "dot": dot, "euclidean": euclidean}


def first_ranks(scores, query_ids, gallery_ids):
    """Rank from 1 of each query's best placed counterpart, without ties."""
    order = np.argsort(-scores, axis=1)
    return 1 + (gallery_ids[order] == query_ids[:, None]).argmax(axis=1)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_paired_rows_against_a_sort(similarity):
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((61, 5))
    gallery = queries + rng.standard_normal((61, 5))
    a, b = queries, gallery
    if similarity == "cosine":
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    scores = a @ b.T
    if similarity == "euclidean":
        scores = -np.linalg.norm(a[:, None] - b[None], axis=2)
    ranks = first_ranks(scores, np.arange(61), np.arange(61))
    for k in (1, 5, 10, 61):
        got = recall_at_k(SCORES[similarity](queries, gallery), k=k)
        assert got == pytest.approx((ranks <= k).mean(), abs=1e-14)
    got = median_rank(SCORES[similarity](queries, gallery), block=10)
    assert got == pytest.approx(np.median(ranks), abs=1e-9)


def test_five_captions_of_an_image():
    rng = np.random.default_rng(1)
    images, captions = rng.standard_normal((20, 4)), rng.standard_normal((100, 4))
    image_ids, caption_ids = np.arange(20), np.repeat(np.arange(20), 5)
    ranks = first_ranks(images @ captions.T, image_ids, caption_ids)
    ids = {"query_ids": image_ids, "gallery_ids": caption_ids}
    assert recall_at_k(dot(images, captions), k=10, **ids) == pytest.approx((ranks <= 10).mean())
    assert median_rank(dot(images, captions), **ids) == np.median(ranks)


@pytest.mark.parametrize(
    "scores", [[0] * 6, [2, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 2, 2]]
)
@pytest.mark.parametrize("ids", [[7, 0, 0, 0, 0, 0], [0, 7, 0, 7, 0, 0], [0, 0, 7, 7, 7, 0]])
def test_ties_give_the_mean_over_all_orders(scores, ids):
    ranks = np.array([
        1 + np.array(ids)[list(order)].tolist().index(7)
        for order in permutations(range(6))
        if (np.diff(np.array(scores)[list(order)]) <= 0).all()
    ])  # fmt: skip
    for k in range(1, 7):
        got = recall_at_k([scores], [7], ids, k=k)
        assert got == pytest.approx((ranks <= k).mean(), abs=1e-14)
    assert median_rank([scores], [7], ids) == pytest.approx(ranks.mean(), abs=1e-14)


def test_a_collapsed_space_is_chance():
    rows = np.ones((50, 3))
    assert recall_at_k(cosine(rows, rows), k=5) == pytest.approx(0.1, abs=1e-14)
    assert median_rank(cosine(rows, rows)) == pytest.approx(25.5, abs=1e-12)


def test_queries_without_a_counterpart_are_left_out():
    scores = np.array([[2.0, 1.0], [2.0, 1.0]])
    with pytest.warns(UserWarning, match="1 of 2 queries"):
        assert recall_at_k(scores, ["a", "z"], ["a", "b"], k=1) == 1.0
    with pytest.warns(UserWarning, match="1 of 2 queries"):
        assert median_rank(scores, ["b", "z"], ["a", "b"]) == 2.0


def test_a_wrong_argument_is_named():
    rows = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"query_ids: got None for scores of shape \(4, 3\)"):
        recall_at_k(cosine(rows, rows[:3]), k=1)
    with pytest.raises(ValueError, match="gallery_ids: got None beside the other ids"):
        median_rank(cosine(rows, rows), query_ids=np.arange(4))
    with pytest.raises(ValueError, match="k: got 0"):
        recall_at_k(cosine(rows, rows), k=0)
    with pytest.raises(ValueError, match="queries: got NaN"):
        median_rank(cosine(rows * np.nan, rows))
