"""Queries of a new encoder in an old index, against scipy, scikit-learn and loops."""

from __future__ import annotations

import numpy as np
import pytest
from complaints import complaint
from scipy import linalg
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors

from crossalign.index import DriftAdapter, ExactIndex, kept_recall

D = 12
RNG = np.random.default_rng(5)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def both(n, noise=0.0, width=D, seed=0):
    """Rows of n items by two encoders: a rotation of one space, and noise; both shifted."""
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(n, D))
    turn = linalg.qr(np.random.default_rng(9).normal(size=(width, width)))[0][:D]
    return unit(items + noise * rng.normal(size=items.shape)), unit(items @ turn)


OLD, NEW = both(60, 0.3)
LATER_OLD, LATER_NEW = both(40, 0.3, seed=1)


def test_orthogonal_is_procrustes_of_scipy():
    a, b = NEW - NEW.mean(axis=0), OLD - OLD.mean(axis=0)
    want, _ = linalg.orthogonal_procrustes(a, b)
    adapter = DriftAdapter(offset=1.0).fit(OLD, NEW)
    np.testing.assert_allclose(adapter.matrix_, want, atol=1e-5)
    mapped = unit((LATER_NEW - NEW.mean(axis=0)) @ want + OLD.mean(axis=0))
    np.testing.assert_allclose(adapter.transform(3 * LATER_NEW), mapped, atol=1e-5)


@pytest.mark.parametrize(("n", "width"), [(40, 30), (20, 30), (40, 12)])
def test_no_orthogonal_map_is_nearer(n, width):
    """tr(N R O') is at most the sum of singular values of N'O, whatever the widths."""
    old, new = both(n, 0.3, width)
    a, b = new - new.mean(axis=0), old - old.mean(axis=0)
    R = DriftAdapter(offset=0.0).fit(old, new).matrix_
    assert np.trace(b.T @ a @ R) == pytest.approx(linalg.svdvals(a.T @ b).sum(), rel=1e-5)
    lengths = linalg.svdvals(R)
    np.testing.assert_allclose(lengths[lengths > 0.5], 1, atol=1e-6)
    np.testing.assert_allclose(lengths[lengths <= 0.5], 0, atol=1e-6)


def test_affine_and_residual_are_ridge_regressions():
    a = NEW - NEW.mean(axis=0)
    weight = 0.7 * (a**2).sum() / D
    want = Ridge(alpha=weight).fit(NEW, OLD)
    adapter = DriftAdapter("affine", ridge=0.7, offset=1.0).fit(OLD, NEW)
    np.testing.assert_allclose(adapter.transform(LATER_NEW), unit(want.predict(LATER_NEW)),
                               atol=1e-4)
    R, _ = linalg.orthogonal_procrustes(a, OLD - OLD.mean(axis=0))
    left = Ridge(alpha=weight).fit(NEW, OLD - NEW @ R)
    adapter = DriftAdapter("residual", ridge=0.7, offset=1.0).fit(OLD, NEW)
    np.testing.assert_allclose(adapter.transform(LATER_NEW),
                               unit(LATER_NEW @ R + left.predict(LATER_NEW)), atol=1e-4)


@pytest.mark.parametrize("kind", ["orthogonal", "affine", "residual"])
def test_a_rotation_loses_nothing_and_unrelated_rows_all_but_chance(kind):
    old, new = both(100)
    adapter = DriftAdapter(kind).fit(old[:60], new[:60])
    assert adapter.recall_ > 0.9
    assert kept_recall(adapter, old[60:], new[60:], new[:20], k=5) > 0.95
    other = unit(RNG.normal(size=(100, D)))
    adapter = DriftAdapter(kind).fit(other[:60], new[:60])
    assert kept_recall(adapter, other[60:], new[60:], new[:20], k=5) < 0.3
    assert adapter.recall_ < 0.3


def test_recall_is_that_of_the_loop():
    adapter = DriftAdapter().fit(OLD, NEW)
    mapped, share = adapter.transform(LATER_NEW[:7]), []
    for q in range(7):
        true = set(np.argsort(-(NEW @ LATER_NEW[q]))[:4])
        share.append(len(true & set(np.argsort(-(OLD @ mapped[q]))[:4])) / 4)
    assert kept_recall(adapter, OLD, NEW, LATER_NEW[:7], k=4) == pytest.approx(np.mean(share))
    assert 0 < np.mean(share) < 1


def test_ridge_and_offset_are_those_with_the_best_neighbours_of_pairs_held_out():
    """The loop over what may be chosen, with neighbours by scikit-learn."""
    old, new = both(60, 0.6)
    old = unit(old + 2 * old.mean(axis=0) + 0.3)
    tried = {}
    for ridge in (0.01, 0.1, 1.0, 10.0, 100.0):
        for offset in (0.0, 1.0):
            shares = []
            for fold in range(3):
                out = np.arange(60) % 3 == fold
                one = DriftAdapter("affine", ridge, offset).fit(old[~out], new[~out])
                near = [NearestNeighbors(n_neighbors=20).fit(x).kneighbors(q)[1] for x, q in (
                    (new[out], new[out]), (old[out], one.transform(new[out])))]
                for q, (true, found) in enumerate(zip(*near, strict=True)):
                    shares.append(len({*true[true != q][:2]} & {*found[found != q][:2]}) / 2)
            tried[ridge, offset] = np.mean(shares)
    chosen = DriftAdapter("affine").fit(old, new)
    assert chosen.recall_ == pytest.approx(max(tried.values()), abs=1e-6)
    assert tried[chosen.ridge_, chosen.offset_] == pytest.approx(max(tried.values()), abs=1e-6)
    assert len(set(tried.values())) > 1


def test_an_index_of_the_old_encoder_answers_queries_of_the_new_one():
    old, new = both(100, 0.05, width=16)
    index = ExactIndex()
    index.add(old, ids=[f"item {i}" for i in range(100)])
    hits = index.search(DriftAdapter().fit(old[:50], new[:50]).transform(new[50:]), k=1)
    assert hits.ids[:, 0].tolist() == [f"item {i}" for i in range(50, 100)]


@pytest.mark.parametrize(("parameters", "says"), [
    ({"kind": "mlp"}, "kind: got 'mlp'; choose one of"), ({"ridge": 0.0}, "ridge: got 0.0"),
    ({"ridge": float("nan")}, "ridge: got nan"), ({"offset": -1.0}, "offset: got -1.0"),
    ({"offset": "all"}, "offset: got 'all'"), ({"ridge": True}, "ridge: got True")])
def test_parameters_out_of_range_are_refused(parameters, says):
    complaint(lambda: DriftAdapter(**parameters).fit(OLD, NEW), says)


def test_bad_rows_are_refused():
    adapter = DriftAdapter()
    complaint(lambda: adapter.fit(OLD, NEW[1:]), "new: 59 rows for 60 of old", "12 or more")
    complaint(lambda: adapter.fit(OLD[:11], NEW[:11]), "new: 11 rows for 11 of old", "12 or more")
    complaint(lambda: adapter.fit(OLD, NEW[:, 0]), "vectors: shape")
    with pytest.raises(NotFittedError, match="call fit"):
        adapter.transform(NEW)
    adapter.fit(OLD, NEW)
    complaint(lambda: adapter.transform(NEW[:, 1:]), "vectors: shape (60, 11); give (n, 12)")
    complaint(lambda: kept_recall(adapter, OLD[1:], NEW, NEW), "new: 60 rows for 59 of old")
    complaint(lambda: kept_recall(adapter, OLD, NEW, NEW, k=0), "k: got 0")
