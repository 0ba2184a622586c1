import os
import tracemalloc
from itertools import product

import numpy as np
import pytest
from complaints import complaint
from sklearn.metrics import average_precision_score

from crossalign.metrics import (
    average_precision,
    average_precisions,
    chance_map,
    cosine,
    dot,
    euclidean,
    mean_average_precision,
)

SCORES = {"cosine": cosine, "dot": dot, "euclidean": euclidean}


def problem(seed=0, q=40, g=130, d=6, classes=4, dtype=np.float32):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, d))
    query_labels, gallery_labels = rng.integers(0, classes, q), rng.integers(0, classes, g)
    queries = (centres[query_labels] + 2 * rng.standard_normal((q, d))).astype(dtype)
    gallery = (centres[gallery_labels] + 2 * rng.standard_normal((g, d))).astype(dtype)
    return queries, gallery, query_labels, gallery_labels


def scores_of(queries, gallery, similarity):
    a, b = queries.astype(float), gallery.astype(float)
    if similarity == "euclidean":
        return -np.linalg.norm(a[:, None] - b[None], axis=2)
    if similarity == "cosine":
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return a @ b.T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_embeddings_against_a_loop_over_scikit_learn(similarity, dtype):
    queries, gallery, query_labels, gallery_labels = problem(dtype=dtype)
    scores = scores_of(queries, gallery, similarity)
    expected = [
        average_precision_score(gallery_labels == label, row)
        for label, row in zip(query_labels, scores, strict=True)
    ]
    got = average_precisions(SCORES[similarity](queries, gallery), query_labels, gallery_labels)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, atol=1e-12)
    mean = mean_average_precision(
        SCORES[similarity](queries, gallery), query_labels, gallery_labels
    )
    assert mean == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("ties", ["expected", "stable"])
@pytest.mark.parametrize(
    ("k", "denominator"),
    [
        *product((None, 5, 20, 100, 400), ("relevant", "min", "hits")),
        *product((5, 20, 100, 400), ("k",)),
    ],
)
def test_a_matrix_with_many_ties_against_single_queries(k, denominator, ties):
    _, _, query_labels, gallery_labels = problem(g=150)
    scores = np.random.default_rng(1).integers(-9, 9, (40, 150)) / 4
    options = {"k": k, "denominator": denominator, "ties": ties}
    expected = [
        average_precision(gallery_labels == label, row, **options)
        for label, row in zip(query_labels, scores, strict=True)
    ]
    for given in (scores, scores.astype(np.float32), lambda start, stop: scores[start:stop]):
        got = average_precisions(given, query_labels, gallery_labels, **options)
        np.testing.assert_allclose(got, expected, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float16, np.bool_])
def test_scores_of_other_types(dtype):
    _, _, query_labels, gallery_labels = problem()
    scores = np.random.default_rng(1).integers(0, 2, (40, 130))
    expected = average_precisions(
        scores.astype(float), query_labels, gallery_labels
    )
    got = average_precisions(scores.astype(dtype), query_labels, gallery_labels)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_score_is_rounded_into_a_tie(dtype):
    # a hundred neighbouring floats of either sign, at several magnitudes, in random order
    rng = np.random.default_rng(0)
    for centre in (1.0, -1.0, 1e-30, 4.0, 1e20, -1e-3):
        scores = dtype(centre) + np.spacing(abs(dtype(centre))) * np.arange(-50, 50, dtype=dtype)
        assert len(np.unique(scores)) == 100
        order = rng.permutation(100)
        labels = (rng.random(100) < 0.3).astype(int)
        labels[:2] = 0, 1
        got = average_precisions(scores[order][None], [1], labels[order])
        assert got[0] == pytest.approx(average_precision(labels[::-1] == 1), abs=1e-15)


def test_float32_scores_of_a_wide_range_stay_apart():
    # scaled down to one, these would all but the largest underflow in float32
    scores = np.array([[3e38, 3e-39, 2e-39, 1e-39, 0.0]], np.float32)
    assert average_precisions(scores, [1], [0, 1, 0, 1, 0])[0] == 0.5
    assert average_precisions(scores, [1], [0, 0, 1, 0, 1])[0] == pytest.approx(
        (1 / 3 + 2 / 5) / 2
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_duplicate_rows_tie_wherever_they_stand(similarity, dtype):
    queries, gallery, query_labels, _ = problem(d=33, g=150, dtype=dtype)
    rng = np.random.default_rng(5)
    gallery, labels = np.repeat(gallery, 3, axis=0), rng.integers(0, 4, 450)
    expected = average_precisions(SCORES[similarity](queries, gallery), query_labels, labels)
    for _ in range(3):
        order = rng.permutation(450)
        got = average_precisions(
            SCORES[similarity](queries, gallery[order]), query_labels, labels[order]
        )
        np.testing.assert_allclose(got, expected, atol=1e-14)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("row", ["one point", "zeros"])
def test_a_collapsed_gallery_scores_exactly_chance(similarity, row):
    queries, gallery, query_labels, gallery_labels = problem(d=17)
    collapsed = np.repeat(gallery[:1] if row == "one point" else 0 * gallery[:1], 130, axis=0)
    got = mean_average_precision(
        SCORES[similarity](queries, collapsed), query_labels, gallery_labels
    )
    assert got == pytest.approx(chance_map(query_labels, gallery_labels), abs=1e-13)


def test_duplicates_are_found_across_a_large_gallery():
    rng = np.random.default_rng(0)
    gallery, queries = rng.standard_normal((5000, 3)), rng.standard_normal((4, 3))
    gallery[4990:] = gallery[:10]
    labels = np.arange(5000) % 7
    expected = average_precisions(cosine(queries, gallery), np.arange(4), labels)
    swapped = np.concatenate([np.arange(4990, 5000), np.arange(10, 4990), np.arange(10)])
    got = average_precisions(cosine(queries, gallery[swapped]), np.arange(4), labels[swapped])
    np.testing.assert_allclose(got, expected, atol=1e-14)


def test_memory_is_a_block_per_core_and_not_the_matrix():
    queries, gallery, query_labels, gallery_labels = problem(q=3000, g=4000)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    tracemalloc.start()
    average_precisions(cosine(queries, gallery), query_labels, gallery_labels, block=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 + 2 * cores * 64 * 4000 * 4
    assert peak < 0.5 * 3000 * 4000 * 4 or cores > 8


def test_labels_may_be_text_in_an_object_array():
    scores = np.array([[2.0, 1.0]])
    labels = np.array(["cat", "dog"], dtype=object)
    assert average_precisions(scores, ["dog"], labels)[0] == 0.5


def test_binary_codes_tie_at_equal_distance():
    rng = np.random.default_rng(0)
    queries, gallery = rng.integers(0, 2, (20, 16)), rng.integers(0, 2, (200, 16))
    query_labels, gallery_labels = rng.integers(0, 3, 20), rng.integers(0, 3, 200)
    distance = (queries[:, None] != gallery[None]).sum(axis=2)
    expected = average_precisions(-distance, query_labels, gallery_labels)
    for dtype in (np.int64, np.float32):
        got = average_precisions(
            euclidean(queries.astype(dtype), gallery.astype(dtype)), query_labels, gallery_labels,
        )  # fmt: skip
        np.testing.assert_allclose(got, expected, atol=1e-14)


def test_euclidean_far_from_the_origin_keeps_its_precision():
    queries, gallery, query_labels, gallery_labels = problem()
    near = average_precisions(
        euclidean(queries, gallery), query_labels, gallery_labels
    )
    wide = np.float64(2**20)  # float32 has steps of 1/8 there, float64 has room
    far = average_precisions(
        euclidean(queries + wide, gallery + wide), query_labels, gallery_labels
    )
    np.testing.assert_allclose(far, near, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_scale_of_embeddings_changes_nothing(scale):
    queries, gallery, query_labels, gallery_labels = problem()
    for similarity in ("cosine", "dot", "euclidean"):
        expected = average_precisions(
            SCORES[similarity](queries, gallery), query_labels, gallery_labels
        )
        got = average_precisions(
            SCORES[similarity](queries * np.float32(scale), gallery * np.float32(scale)),
            query_labels, gallery_labels,
        )  # fmt: skip
        np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 40, 1000])
def test_blocks_change_nothing(block):
    queries, gallery, query_labels, gallery_labels = problem(dtype=np.float64)
    expected = average_precisions(cosine(queries, gallery), query_labels, gallery_labels)
    got = average_precisions(cosine(queries, gallery), query_labels, gallery_labels, block=block)
    np.testing.assert_allclose(got, expected, atol=1e-14)


def test_exclude_self_removes_the_query_from_the_gallery():
    queries, _, labels, _ = problem()
    scores = scores_of(queries, queries, "cosine")
    keep = ~np.eye(40, dtype=bool)
    expected = [
        average_precision((labels == labels[i])[keep[i]], scores[i, keep[i]]) for i in range(40)
    ]
    got = average_precisions(cosine(queries, queries), labels, labels, exclude_self=True)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    for ties in ("expected", "stable"):
        again = average_precisions(
            scores, labels, labels, exclude_self=True, ties=ties
        )
        np.testing.assert_allclose(again, expected, atol=1e-12)
    leaked = average_precisions(cosine(queries, queries), labels, labels)
    assert (leaked > got).all()


def test_exclude_self_among_ties_and_a_cut():
    labels = np.array([0, 0, 1, 1, 0, 1])
    scores = np.zeros((6, 6))
    keep = ~np.eye(6, dtype=bool)
    for k in (None, 1, 3):
        expected = [
            average_precision((labels == labels[i])[keep[i]], scores[i, keep[i]], k)
            for i in range(6)
        ]
        got = average_precisions(scores, labels, labels, k=k, exclude_self=True)
        np.testing.assert_allclose(got, expected, atol=1e-15)


def test_queries_without_an_answer_are_nan_and_left_out_of_the_mean():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    got = average_precisions(scores, ["a", "z"], ["a", "b", "b"])
    np.testing.assert_array_equal(got, [1.0, np.nan])
    with pytest.warns(UserWarning, match="1 of 2 queries have no relevant item"):
        mean = mean_average_precision(scores, ["a", "z"], ["a", "b", "b"])
    assert mean == 1.0
    with pytest.warns(UserWarning, match="2 of 2 queries"):
        assert np.isnan(mean_average_precision(scores, ["y", "z"], ["a", "b", "b"]))


def test_relevant_items_with_negative_scores_count():
    scores = np.array([[-0.1, -0.5, -0.9, -0.2]])
    got = mean_average_precision(scores, [1], [1, 0, 1, 0])
    assert got == pytest.approx((1 + 2 / 4) / 2)


def test_memory_mapped_scores_are_read_and_not_written(tmp_path):
    _, _, query_labels, gallery_labels = problem()
    scores = np.random.default_rng(0).standard_normal((40, 130)).astype(np.float32) * 3
    np.save(tmp_path / "scores.npy", scores)
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    got = average_precisions(mapped, query_labels, gallery_labels, block=7)
    expected = average_precisions(scores, query_labels, gallery_labels)
    np.testing.assert_array_equal(got, expected)


def test_inputs_are_left_alone():
    arguments = problem()
    copies = [a.copy() for a in arguments]
    mean_average_precision(euclidean(*arguments[:2]), *arguments[2:])
    scores = scores_of(*arguments[:2], "dot")
    before = scores.copy()
    for ties in ("expected", "stable"):
        average_precisions(scores, *arguments[2:], ties=ties, k=5)
    np.testing.assert_array_equal(scores, before)
    for now, then in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_callable_is_never_called_twice_at_once():
    _, _, query_labels, gallery_labels = problem()
    scores, inside, asked = np.zeros((40, 130)), [], []

    def source(start, stop):
        assert not inside
        inside.append(start)
        asked.extend(range(start, stop))
        inside.pop()
        return scores[start:stop]

    average_precisions(source, query_labels, gallery_labels, block=3)
    assert sorted(asked) == list(range(40))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cannot choose cores here")
def test_one_core_and_all_cores_agree():
    queries, gallery, query_labels, gallery_labels = problem(q=200, dtype=np.float64)
    arguments = cosine(queries, gallery), query_labels, gallery_labels
    expected = average_precisions(*arguments, block=9)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        got = average_precisions(*arguments, block=9)
    finally:
        os.sched_setaffinity(0, cores)
    np.testing.assert_allclose(got, expected, atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": np.full((40, 6), np.nan)}, "queries: got NaN or infinity"),
        ({"gallery": np.full((130, 6), np.inf)}, "gallery: got NaN or infinity"),
        ({"gallery": np.ones((130, 5))}, "queries: got width 6 and gallery 5"),
        ({"gallery": np.ones(130)}, "gallery: got shape"),
        ({"queries": np.full((40, 6), "a")}, "queries: got dtype"),
        ({"query_labels": np.zeros(39)}, "shape (40, 130) for 39 queries"),
        ({"gallery_labels": np.zeros((130, 1))}, "gallery_labels: got shape"),
        ({"gallery_labels": np.full(130, np.nan)}, "gallery_labels: NaN in rows 0, 1"),
        ({"gallery_labels": np.full(130, "a")}, "give labels of one type"),
        ({"k": -1}, "k: got -1"),
        ({"denominator": "k"}, "k is None"),
        ({"block": 0}, "block: got 0"),
        ({"exclude_self": True}, "query_labels: got 40 rows and gallery_labels has 130"),
    ],
)
def test_a_wrong_argument_is_named(change, message):
    names = ("queries", "gallery", "query_labels", "gallery_labels")
    arguments = dict(zip(names, problem(), strict=True)) | change
    queries, gallery = arguments.pop("queries"), arguments.pop("gallery")
    complaint(lambda: mean_average_precision(cosine(queries, gallery), **arguments), message)


@pytest.mark.parametrize("ties", ["expected", "stable"])
@pytest.mark.parametrize("block", [None, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_scores_are_named(bad, block, ties):
    scores = np.ones((10, 5))
    scores[7, 3] = bad
    with pytest.raises(ValueError, match="similarity: got NaN or infinity"):
        average_precisions(
            scores, np.zeros(10), np.zeros(5), block=block, ties=ties
        )


def test_scores_of_a_wrong_shape_are_named():
    with pytest.raises(ValueError, match=r"similarity: got scores of shape \(3, 4\)"):
        average_precisions(np.ones((3, 4)), [0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match=r"similarity: got a block of shape \(3, 4\)"):
        average_precisions(lambda a, b: np.ones((3, 4)), [0, 1], [0, 1])
