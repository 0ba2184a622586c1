"""A rotation that is found without pairs, against the one that made the data."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.base import clone

from crossalign.models import BlindProcrustes
from crossalign.models.closed_form.blind_procrustes import matched_centroids, mates
from crossalign.models.rows import unit_rows
from crossalign.types import Views


def clusters(seed, n, d=8, kinds=12, noise=0.05):
    """Rows of twelve kinds, and the kind of each."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((kinds, d)) * np.linspace(1.5, 0.7, d)
    kind = rng.integers(0, kinds, n)
    return centres[kind] + noise * rng.standard_normal((n, d)), kind


def turned(x, width, seed):
    """The same rows turned, in a wider space and moved."""
    frame, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, x.shape[1])))
    return x @ frame.T + 1.0


@pytest.fixture(scope="module")
def world():
    """Unpaired samples: 200 rows of one modality and 200 others of another; and later pairs."""
    first, second, (later, kind) = clusters(0, 200)[0], clusters(1, 200)[0], clusters(2, 150)
    empty = {"photo": np.zeros((200, 10)), "sketch": np.zeros((200, 11))}
    views = Views({"photo": np.concatenate([turned(first, 10, 0), empty["photo"]]),
                   "sketch": np.concatenate([empty["sketch"], turned(second, 11, 1)])},
                  present={"photo": np.arange(400) < 200, "sketch": np.arange(400) >= 200})
    return views, {"photo": turned(later, 10, 0), "sketch": turned(later, 11, 1)}, kind


MODEL = BlindProcrustes(n_components=8, n_clusters=12, runs=8, scaling="none")


def test_rows_find_their_mates_without_any_pair(world):
    views, later, kind = world
    model = MODEL.fit(views)
    cosines = model.embed(later["photo"], "photo") @ model.embed(later["sketch"], "sketch").T
    best = cosines.argmax(axis=1)
    assert (kind[best] == kind).mean() > 0.95                               # chance: .08
    assert (best == np.arange(150)).mean() > 0.5                            # chance: .007
    R = model.maps_["photo"]
    np.testing.assert_allclose(R.T @ R, np.eye(8), atol=1e-6)


def test_who_is_whose_is_never_read(world):
    """Rows in the order of their mates give no better a space than rows in any other order."""
    x = np.random.default_rng(0).standard_normal((300, 8))               # no clusters: no hold
    noise = np.random.default_rng(1).standard_normal((300, 9))
    views = Views({"photo": x, "sketch": noise})                         # all of them paired
    model = MODEL.fit(views)
    cosines = model.embed(x, "photo") @ model.embed(noise, "sketch").T
    assert abs(np.diag(cosines).mean() - cosines.mean()) < 0.05
    a, b = (MODEL.fit(Views({"photo": world[0]["photo"][:200], "sketch": world[0]["sketch"][200:]},
                            labels)).maps_["photo"] for labels in (None, np.arange(200) % 3))
    np.testing.assert_array_equal(a, b)


def test_without_restarts_the_rotation_is_an_arbitrary_one_of_the_seed(world):
    views, later, _ = world
    one, again, other = (clone(MODEL).set_params(restarts=0, random_state=seed).fit(views)
                         for seed in (0, 0, 1))
    R = one.maps_["photo"]
    np.testing.assert_allclose(R.T @ R, np.eye(8), atol=1e-6)
    np.testing.assert_array_equal(R, again.maps_["photo"])
    assert np.abs(R - other.maps_["photo"]).max() > 0.1
    assert one.closeness_.shape == (0,)
    cosines = one.embed(later["photo"], "photo") @ one.embed(later["sketch"], "sketch").T
    assert (cosines.argmax(axis=1) == np.arange(150)).mean() < 0.1


def test_centroids_are_matched_as_the_best_of_all_permutations():
    """Five clusters, all 120 orders tried; FAQ's must be the best of them, and the true one."""
    x, _ = clusters(0, 60, kinds=5, noise=0.01)
    y = turned(clusters(1, 60, kinds=5, noise=0.01)[0], 8, 3) - 1.0
    found = matched_centroids(unit_rows(x), unit_rows(y), 5, np.random.default_rng(0))
    near, far = (unit_rows(c).astype(float) for c in (found.near, found.far))
    a, b = near @ near.T, far @ far.T
    values = [(a * b[np.ix_(p, p)]).sum() for p in permutations(range(5))]
    assert (a * b).sum() == pytest.approx(max(values), rel=1e-9)
    assert found.agreement > 0.99
    back = unit_rows(turned(near, 8, 3) - 1.0)
    np.testing.assert_array_equal((back @ far.T).argmax(axis=1), np.arange(5))


def test_mates_are_means_of_the_nearest_rows_written_out():
    rng = np.random.default_rng(0)
    a, b, values = rng.standard_normal((5, 3)), rng.standard_normal((9, 3)), rng.random((9, 2))
    expected = [values[sorted(range(9), key=lambda j: -(row @ b[j]))[:4]].mean(0) for row in a]
    np.testing.assert_allclose(mates(a, b, values, 4), expected)
    np.testing.assert_allclose(mates(a, b, values, 99), np.tile(values.mean(0), (5, 1)))


def test_there_are_no_more_clusters_than_different_rows(world):
    """Texts of classes repeat: no warning that clusters were not found."""
    few = np.random.default_rng(0).standard_normal((6, 7))[np.arange(90) % 6]
    views = Views({"photo": world[1]["photo"][:90], "text": few})
    model = clone(MODEL).set_params(n_components=4, restarts=1).fit(views)
    assert model.embed(few, "text").shape == (90, 4)


def test_one_modality_or_a_constant_one_is_refused(world):
    rows = np.random.default_rng(0).standard_normal((9, 3))
    with pytest.raises(ValueError, match="the samples have 'photo' alone"):
        MODEL.fit(Views({"photo": rows}))
    with pytest.raises(ValueError, match="'sketch' is constant"):
        MODEL.fit(Views({"photo": rows, "sketch": np.ones((9, 3))}))


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_are_there_three_times_are_one_place_for_a_cluster(seed):
    x = np.random.default_rng(seed).standard_normal((20, 5))
    views = Views({"a": np.tile(x[:, :4], (3, 1)), "b": np.tile(x, (3, 1))})
    model = BlindProcrustes(restarts=1, runs=2, random_state=seed).fit(views)   # no warning
    R = model.maps_["a"]
    np.testing.assert_allclose(R.T @ R, np.eye(R.shape[1]), atol=1e-6)
