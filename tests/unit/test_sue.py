"""Spectral coordinates against scikit-learn's, and two curved views of one sheet."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import ArpackNoConvergence
from scipy.stats import wasserstein_distance
from sklearn.base import clone
from sklearn.manifold import SpectralEmbedding

from crossalign.losses import MARGINALS
from crossalign.models import CCA, SUE
from crossalign.models.closed_form import spectral
from crossalign.models.closed_form.residual_match import fit_residual, moved
from crossalign.models.closed_form.spectral import spectral_map
from crossalign.models.closed_form.sue import DIVERGENCES
from crossalign.models.rows import unit_rows
from crossalign.types import Views


def rows(n=300, d=6, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_coordinates_are_scikit_learns_up_to_sign():
    x = rows()
    ours = spectral_map(x, 5, 8, np.random.default_rng(0))
    theirs = SpectralEmbedding(5, affinity="nearest_neighbors", n_neighbors=9, random_state=0,
                               eigen_solver="arpack").fit_transform(unit_rows(ours.nodes))
    signs = np.sign((theirs * ours.coordinates).sum(axis=0))
    np.testing.assert_allclose(theirs * signs, ours.coordinates, atol=1e-8)
    assert (np.diff(ours.values) <= 0).all()


def test_rows_of_the_graph_are_embedded_as_they_were_whatever_came_with_them():
    x = rows()
    found = spectral_map(np.concatenate([x, 2 * x[:40]]), 5, 8, np.random.default_rng(0))
    assert len(found.nodes) == 300                                   # alike in direction: one node
    np.testing.assert_allclose(found(found.nodes), found.coordinates, atol=1e-12)
    np.testing.assert_allclose(found(x[:7]), found(x)[:7], atol=1e-12)
    np.testing.assert_allclose(found(2 * x), found(x), atol=1e-12)


def test_other_rows_are_embedded_by_the_equation_written_out():
    found = spectral_map(rows(), 4, 8, np.random.default_rng(0))
    new, nodes = (unit_rows(z).astype(float) for z in (rows(5, seed=1), found.nodes))
    between = nodes @ nodes.T
    np.fill_diagonal(between, -2)
    for i, x in enumerate(new):
        cosines = nodes @ x
        mine = set(np.argsort(-cosines)[:8])
        w = np.array([(float(j in mine) + float(cosines[j] >= np.sort(between[j])[-8])) / 2
                      for j in range(300)])
        expected = (w[:, None] * found.coordinates).sum(0) / w.sum() / found.values
        np.testing.assert_allclose(found(rows(5, seed=1))[i], expected, rtol=1e-6)


def test_a_graph_in_pieces_names_the_piece():
    """Two far clusters: the first coordinate is constant in each, and of different sign."""
    x = rows(60, 3) * 0.05 + np.repeat([[1, 0, 0], [0, 1, 0]], 30, axis=0)
    found = spectral_map(x, 1, 5, np.random.default_rng(0))
    assert found.values[0] == pytest.approx(1)
    first, second = np.split(found(x)[:, 0], 2)
    assert np.ptp(first) < 1e-8
    assert np.ptp(second) < 1e-8
    assert first[0] * second[0] < 0


def curves(n, seed):
    """A line, bent to a spiral in one modality and to a helix in the other, both in ten columns."""
    rng, turn = np.random.default_rng(seed), np.random.default_rng(9)
    u = rng.random(n)
    angle = 2 * np.pi * np.sqrt(0.15 + 4 * u)
    spiral = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) / 6
    helix = np.stack([np.sin(16 * u), np.cos(16 * u), 2 * u], axis=1)
    return [x @ turn.standard_normal((x.shape[1], 10)) + 0.02 * rng.standard_normal((n, 10))
            for x in (spiral, helix)]


def test_coordinates_that_do_not_converge_are_one_sentence(monkeypatch):
    def never(*_, **__):
        raise ArpackNoConvergence("No convergence", np.zeros(0), np.zeros((0, 0)))

    monkeypatch.setattr(spectral, "eigsh", never)
    x = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(ValueError, match="X: the coordinates of a graph of 40 rows and 5 neighb"):
        spectral.spectral_map(x, 4, 5, np.random.default_rng(0), "euclidean")


MODEL = SUE(n_coordinates=8, neighbours=10, metric="euclidean", reg=0.01,
            scaling="none")


def found_first(model, a, b):
    """Share of rows for which the mate is among the ten nearest of 200."""
    scores = model.embed(a, "photo") @ model.embed(b, "sketch").T
    return float(((scores > np.diag(scores)[:, None]).sum(axis=1) < 10).mean())


@pytest.fixture(scope="module")
def line():
    """Twenty pairs, and 500 rows of either modality alone; and 200 later pairs."""
    (a, b), i = curves(1020, 0), np.arange(1020)
    views = Views({"photo": a, "sketch": b},
                  present={"photo": i < 520, "sketch": (i < 20) | (i >= 520)})
    return views, curves(200, 1)


def test_twenty_pairs_and_a_thousand_rows_alone_find_what_plain_cca_does_not(line):
    views, later = line
    ours = found_first(MODEL.fit(views), *later)
    plain = max(found_first(CCA(reg=r).fit(views), *later) for r in (1e-3, 0.1, 1.0))
    assert ours > 0.6
    assert plain < 0.3                                                          # chance: .05


def test_the_network_makes_the_distributions_alike(line):
    views = line[0]
    apart = {}
    for steps in (0, 300):
        model = clone(MODEL).set_params(steps=steps).fit(views)
        z = [model.project(views.having(m)[m], m) for m in ("photo", "sketch")]
        apart[steps] = np.mean([wasserstein_distance(a, b) for a, b in zip(*(x.T for x in z),
                                                                           strict=True)])
    assert apart[300] < 0.7 * apart[0]


def test_a_residual_of_no_step_moves_nothing_and_names_are_those_of_the_losses():
    x = rows(40, 3)
    weights = fit_residual(x, x + 1, divergence="orthogonal", steps=0, hidden=4, lr=0.1, seed=0)
    np.testing.assert_array_equal(moved(x, weights), x)
    assert tuple(MARGINALS) == DIVERGENCES
    weights = fit_residual(x, x + 1, divergence="mmd", steps=200, hidden=4, lr=0.1, seed=0)
    assert np.abs(moved(x, weights).mean(axis=0) - (x + 1).mean(axis=0)).max() < 0.2
    inner = torch.relu(torch.from_numpy(x) @ torch.from_numpy(weights["W1"])
                       + torch.from_numpy(weights["b1"]))
    expected = x + (inner @ torch.from_numpy(weights["W2"])).numpy() + weights["b2"]
    np.testing.assert_allclose(moved(x, weights), expected, rtol=1e-5, atol=1e-6)


def test_a_path_is_its_points_and_a_folder_holds_the_network(line, tmp_path):
    views, (a, _) = line
    points = [{"reg": 0.1, "n_coordinates": 8}, {"reg": 1.0, "n_coordinates": 8, "steps": 5},
              {"reg": 1.0, "n_coordinates": 4}]
    for point, model in zip(points, SUE(neighbours=10).fit_path(views, points), strict=True):
        alone = SUE(neighbours=10, **point).fit(views)
        np.testing.assert_allclose(model.embed(a, "photo"), alone.embed(a, "photo"), atol=1e-6)
        alone.save(tmp_path / "m")
        np.testing.assert_array_equal(SUE.load(tmp_path / "m").embed(a, "photo"),
                                      alone.embed(a, "photo"))


def test_what_is_no_graph_is_one_sentence(line):
    with pytest.raises(ValueError, match="'photo' alone, and SUE aligns two modalities"):
        SUE().fit(line[0].select("photo").having("photo"))
    few = Views({"photo": rows(9, 3), "sketch": np.tile([[1.0, 0], [0, 1.0], [2.0, 0]], (3, 1))})
    with pytest.raises(ValueError, match="2 rows of a modality differ;"):
        SUE(scaling="none").fit(few)


@pytest.mark.parametrize("n", [7, 12, 20])
def test_samples_fewer_than_neighbours_have_coordinates(n):
    """Where each row was joined to all others, none was left."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 3))
    model = SUE(neighbours=30).fit(Views({"a": x, "b": x @ rng.standard_normal((3, 4))}))
    assert model.embed(x, "a").shape[1] >= 1
    assert all(np.isfinite(values).all() and (values > 0).all()
               for values in model.values_.values())
