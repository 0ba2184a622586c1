"""Mutual regression, against scikit-learn, POT and a loop."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from crossalign.models.closed_form.mutual_regression import Transport, completed, mutual_paths
from crossalign.models.rows import unit_rows
from crossalign.preprocessing.rows import held


def views(pairs, seed=0, n=300, noise=0.3):
    """Two noisy linear views of one latent, of which few samples have both; and all of both."""
    rng = np.random.default_rng(seed)
    z = np.repeat(rng.standard_normal((n // 3, 4)), 3, axis=0)              # three of a kind
    full = {m: z @ rng.standard_normal((4, d)) + noise * rng.standard_normal((n, d))
            for m, d in (("a", 12), ("b", 9))}
    order = rng.permutation(n)
    present = {m: np.ones(n, dtype=bool) for m in full}
    present["a"][order[pairs::2]] = False
    present["b"][order[pairs + 1::2]] = False
    return full, present


def fitted(full, present, alpha=10.0, **options):
    rows = {m: held(x[present[m]]) for m, x in full.items()}
    return mutual_paths(rows, present, alpha, **options)


def test_blocks_without_rounds_are_ridge_regressions_at_length_one():
    full, present = views(pairs=40)
    paths = fitted(full, present, transport=Transport(rounds=0))
    both = present["a"] & present["b"]
    x, y = full["a"][both], full["b"][both]
    forth = Ridge(alpha=10.0, fit_intercept=False).fit(x, y).coef_.T
    here = full["a"][present["a"]]
    wanted = [np.eye(12) / np.sqrt((here**2).sum(axis=1).mean()),
              forth / np.sqrt(((here @ forth)**2).sum(axis=1).mean())]
    np.testing.assert_allclose(paths["a"], np.concatenate(wanted, axis=1), rtol=1e-6)
    assert paths["b"].shape == (9, 12 + 9)


def test_labels_pair_rows_with_all_of_their_class():
    full, present = views(pairs=0)
    labels = np.repeat(np.arange(100), 3)
    paths = fitted(full, present, labels=labels)
    a, b = (np.flatnonzero(present[m]) for m in "ab")
    pairs = [(i, j) for i in a for j in b if labels[i] == labels[j]]
    weights = [1 / (labels[b] == labels[i]).sum() for i, _ in pairs]       # a row counts once
    i, j = np.array(pairs).T
    forth = Ridge(alpha=10.0, fit_intercept=False).fit(full["a"][i], full["b"][j], weights).coef_.T
    np.testing.assert_allclose(unit_rows(paths["a"][:, 12:].T), unit_rows(forth.T), rtol=1e-5)


def test_mates_are_barycentres_of_the_plan_and_certain_where_they_are_near():
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(3)
    scores, others = rng.standard_normal((7, 5)), rng.standard_normal((5, 4))
    mates, certainty = completed(scores, others, Transport(temperature=0.5, certainty=2.0))
    standard = (scores - scores.mean()) / scores.std()
    plan = ot.sinkhorn(np.full(7, 1 / 7), np.full(5, 1 / 5), -standard, 0.5, numItermax=10_000,
                       stopThr=1e-14)
    for i in range(7):
        shares = plan[i] / plan[i].sum()
        mate = sum(share * row for share, row in zip(shares, others, strict=True))
        spread = sum(share * ((row - mate)**2).sum()
                     for share, row in zip(shares, others, strict=True))
        np.testing.assert_allclose(mates[i], mate, atol=1e-3)
        share = max(0.0, 1 - spread / (others**2).sum(axis=1).mean())
        np.testing.assert_allclose(certainty[i], share**2, atol=2e-3)


def right(full, paths):
    """Share of rows whose nearest row of the other view is of their kind."""
    near = (unit_rows(full["a"] @ paths["a"]) @ unit_rows(full["b"] @ paths["b"]).T).argmax(axis=1)
    return (near // 3 == np.arange(len(near)) // 3).mean()


def test_transport_of_rows_without_a_mate_is_better_than_pairs_alone():
    gains = []
    for seed in range(5):
        full, present = views(pairs=8, seed=seed)
        gains.append([right(full, fitted(full, present, transport=Transport(rounds=rounds, plan=p)))
                      for rounds, p in ((0, "transport"), (1, "softmax"), (1, "transport"))])
    alone, softmax, transport = np.mean(gains, axis=0)
    assert transport > alone + 0.05
    assert transport > softmax


def test_three_views_each_have_a_block():
    rng = np.random.default_rng(0)
    full = {m: rng.standard_normal((30, d)) for m, d in (("a", 4), ("b", 3), ("c", 2))}
    present = {"a": np.ones(30, bool), "b": np.arange(30) % 2 == 0, "c": np.arange(30) % 3 == 0}
    assert {m: p.shape for m, p in fitted(full, present).items()} == {
        "a": (4, 9), "b": (3, 9), "c": (2, 9)}


def test_views_without_a_pair_are_refused_without_axes():
    full, present = views(pairs=0)
    with pytest.raises(ValueError, match="no sample has both 'a' and 'b'"):
        fitted(full, present)
