from itertools import pairwise, permutations, product

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from crossalign.metrics import average_precision, chance_average_precision, chance_map

AT_2_3_6_10 = np.isin(np.arange(1, 11), [2, 3, 6, 10])


def naive(relevance, k=None, denominator="relevant"):
    """AP of a list in ranked order, by its definition."""
    top = relevance[:k]
    total = sum(sum(top[: i + 1]) / (i + 1) for i, relevant in enumerate(top) if relevant)
    divisor = {
        "relevant": sum(relevance),
        "min": min(sum(relevance), k or len(relevance)),
        "hits": sum(top),
        "k": k,
    }[denominator]
    return total / divisor if divisor else 0.0


def mean_over_orders(relevance, scores, k, denominator):
    """AP averaged over every order of the items that is sorted by score."""
    values = [
        naive([relevance[i] for i in order], k, denominator)
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]
    return np.mean(values)


def test_four_denominators_of_one_ranking():
    assert average_precision(AT_2_3_6_10) == pytest.approx(0.5167, abs=5e-5)
    got = [average_precision(AT_2_3_6_10, k=5, denominator=d) for d in ("relevant", "min", "hits")]
    assert got == pytest.approx([0.2917, 0.2917, 0.5833], abs=5e-5)
    assert average_precision(AT_2_3_6_10, k=5, denominator="k") == pytest.approx(0.2333, abs=5e-5)


@pytest.mark.parametrize("denominator", ["relevant", "min", "hits"])
def test_without_a_cut_the_denominators_agree(denominator):
    got = average_precision(AT_2_3_6_10, denominator=denominator)
    assert got == average_precision(AT_2_3_6_10)


@pytest.mark.parametrize("seed", range(5))
def test_against_scikit_learn_without_ties(seed):
    rng = np.random.default_rng(seed)
    relevance, scores = rng.random(200) < 0.2, rng.standard_normal(200)
    expected = average_precision_score(relevance, scores)
    assert average_precision(relevance, scores) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("denominator", ["relevant", "min", "hits", "k"])
@pytest.mark.parametrize("k", [1, 3, 7, 60, 500])
def test_a_cut_without_ties_against_the_definition(k, denominator):
    rng = np.random.default_rng(k)
    relevance, scores = rng.random(300) < 0.3, rng.standard_normal(300)
    ranked = relevance[np.argsort(-scores)]
    expected = naive(ranked.tolist(), k, denominator)
    got = average_precision(relevance, scores, k, denominator)
    assert got == pytest.approx(expected, abs=1e-14)
    assert got == pytest.approx(average_precision(ranked, None, k, denominator), abs=1e-14)


@pytest.mark.parametrize(
    ("k", "denominator"),
    [
        *product((None, 1, 2, 3, 4, 5, 6, 9), ("relevant", "min", "hits")),
        *product((1, 2, 3, 4, 5, 6, 9), ("k",)),
    ],
)
def test_ties_give_the_mean_over_all_orders(k, denominator):
    rng = np.random.default_rng(7)
    for scores in ([1] * 7, [2, 1, 1, 1, 1, 0, 0], [3, 3, 2, 1, 1, 0, 0], [4, 4, 4, 4, 1, 1, 1]):
        relevance = rng.permutation([1, 1, 1, 0, 0, 0, 0]).tolist()
        expected = mean_over_orders(relevance, scores, k, denominator)
        got = average_precision(relevance, scores, k, denominator)
        assert got == pytest.approx(expected, abs=1e-14), (scores, relevance)


def test_all_tied_is_chance_and_does_not_see_the_order_of_rows():
    orders = [[1, 1, 0, 0, 0], [0, 0, 0, 1, 1], [1, 0, 1, 0, 0]]
    got = {average_precision(order, [0.5] * 5) for order in orders}
    assert got == {average_precision(orders[0], [0.5] * 5)}
    assert got.pop() == pytest.approx(chance_average_precision(5, 2), abs=1e-15)


def test_tied_scores_do_not_see_the_order_of_rows():
    rng = np.random.default_rng(0)
    scores, relevance = rng.integers(0, 5, 400).astype(float), rng.random(400) < 0.3
    expected = average_precision(relevance, scores)
    stable = set()
    for _ in range(10):
        order = rng.permutation(400)
        assert average_precision(relevance[order], scores[order]) == expected
        stable.add(average_precision(relevance[order], scores[order], ties="stable"))
    assert len(stable) == 10


def test_stable_keeps_the_order_given():
    # relevant at places 2, 3, 6 and 10, all tied: sorting keeps them there, scikit-learn says .4
    assert average_precision(AT_2_3_6_10, np.zeros(10), ties="stable") == pytest.approx(
        0.5167, abs=5e-5
    )
    assert average_precision_score(AT_2_3_6_10, np.zeros(10)) == pytest.approx(0.4)


def test_neighbouring_floats_are_not_a_tie_and_signed_zeros_are():
    one = np.float32(1)
    for scale in (1.0, 1e-40, 3e30, -1.0):
        low, high = sorted(
            [one * np.float32(scale), np.nextafter(one * np.float32(scale), np.float32(np.inf))]
        )
        assert average_precision([1, 0], [high, low]) == 1.0
        assert average_precision([1, 0], [low, high]) == 0.5
    assert average_precision([1, 0], [0.0, -0.0]) == 0.75


def test_scores_of_every_magnitude_keep_their_order():
    scores = np.concatenate(
        [-np.geomspace(1e-300, 1e300, 50), [0.0], np.geomspace(1e-300, 1e300, 50)]
    )
    relevance = np.random.default_rng(0).random(101) < 0.4
    ranked = relevance[np.argsort(-scores)]
    assert average_precision(relevance, scores) == average_precision(ranked)


def test_no_relevant_item_is_nan_and_no_hit_is_zero():
    assert np.isnan(average_precision([0, 0, 0], [1, 2, 3]))
    assert average_precision([1, 0, 0], [1, 2, 3], k=1, denominator="hits") == 0.0


@pytest.mark.parametrize(
    ("n_gallery", "n_relevant", "value"), [(400, 40, 0.1126), (16000, 160, 0.0106)]
)
def test_chance_of_published_protocols(n_gallery, n_relevant, value):
    assert chance_average_precision(n_gallery, n_relevant) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(("n_gallery", "n_relevant"), [(400, 40), (60, 3), (25, 1)])
def test_chance_is_the_mean_of_random_rankings(n_gallery, n_relevant):
    rng = np.random.default_rng(0)
    relevance = np.arange(n_gallery) < n_relevant
    values = [average_precision(rng.permutation(relevance)) for _ in range(2000)]
    error = np.std(values) / np.sqrt(len(values))
    assert chance_average_precision(n_gallery, n_relevant) == pytest.approx(
        np.mean(values), abs=2 * error
    )


def test_chance_at_its_ends():
    assert chance_average_precision(1, 1) == pytest.approx(1.0, abs=1e-15)
    assert chance_average_precision(50, 50) == pytest.approx(1.0, abs=1e-14)
    assert chance_average_precision(3, 1) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, abs=1e-15)


def test_chance_map_averages_over_queries():
    gallery = ["a"] * 3 + ["b"] * 7
    expected = (2 * chance_average_precision(10, 3) + chance_average_precision(10, 7)) / 3
    assert chance_map(["a", "a", "b"], gallery) == pytest.approx(expected, abs=1e-15)
    within = (3 * chance_average_precision(9, 2) + 7 * chance_average_precision(9, 6)) / 10
    assert chance_map(gallery, gallery, exclude_self=True) == pytest.approx(within, abs=1e-15)


def test_chance_map_leaves_out_queries_without_an_answer():
    with pytest.warns(UserWarning, match="1 of 2 queries have no relevant item"):
        got = chance_map([0, 5], [0, 1, 1])
    assert got == chance_average_precision(3, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"relevance": [0, 2]}, "relevance: got values other than 0 and 1"),
        ({"relevance": []}, "relevance: got shape"),
        ({"relevance": [1, 0], "scores": [0.1]}, "scores: got 1 rows and relevance has 2"),
        ({"relevance": [1, 0], "scores": [0.1, np.nan]}, "scores: got NaN"),
        ({"relevance": [1, 0], "scores": [[0.1, 0.2]]}, "scores: got shape"),
        ({"relevance": [1, 0], "scores": ["a", "b"]}, "scores: got dtype"),
        ({"relevance": [1, 0], "k": 0}, "k: got 0"),
        ({"relevance": [1, 0], "k": 2.5}, "k: got 2.5"),
        ({"relevance": [1, 0], "denominator": "R"}, "denominator: got 'R'; choose one of"),
        ({"relevance": [1, 0], "denominator": "k"}, "k is None"),
        ({"relevance": [1, 0], "ties": "random"}, "ties: got 'random'"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        average_precision(**arguments)


def test_wrong_arguments_of_chance_are_named():
    for n_relevant in (0, 6):
        with pytest.raises(ValueError, match=f"n_relevant: got {n_relevant}"):
            chance_average_precision(5, n_relevant)
    with pytest.raises(ValueError, match="query_labels: got 1 rows"):
        chance_map([0], [0, 1], exclude_self=True)
    with pytest.raises(ValueError, match="labels of one type"):
        chance_map([0], ["a"])
