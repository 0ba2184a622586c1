"""SUE: spectral embeddings of all rows, aligned by a few pairs (Yacobi et al., NeurIPS 2025).

    1. per modality, spectral coordinates of all rows, paired or not
    2. CCA of these coordinates over the pairs
    3. z_1 <- z_1 + f(z_1), f a small network that makes D(z_1, z_2) over all rows small

(arXiv 2505.21524.) Two modalities that see the same things have graphs of neighbours that are alike
(a diffusion that one can see is one that the other can), so that what is left to the pairs is a
linear map of a few coordinates, however curved the modalities are.

How we differ: the paper learns the spectral coordinates by a network; here they are those of a
graph, and rows that come later are embedded by Nystroem. D is the orthogonal sliced Wasserstein
distance in place of the paper's MMD, which ``divergence="mmd"`` is. It looks at no pair and can
only move whole distributions, so that it is off unless ``steps`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.models.base import Model
from crossalign.models.closed_form.cca import CCA
from crossalign.models.closed_form.residual_match import fit_residual, moved
from crossalign.models.closed_form.spectral import METRICS, SpectralMap, joined_to, spectral_map
from crossalign.models.pairing import PAIRINGS, idle_choices, two_views
from crossalign.models.ranges import RATE, SEED, SIZE, WEIGHT
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.rows import check_varying, rows_of
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.types import Classes, Samples, Views

__all__ = ["SUE"]

DIVERGENCES = ("orthogonal", "iid", "sobol", "bures", "sinkhorn", "mmd")
"""Those of `losses.qsma.MARGINALS`, without torch."""
Graphs = dict[str, tuple[dict[str, Array], SpectralMap]]
"""Scaling and graph of each modality."""


class SUE(Aligner, Model):
    """Spectral coordinates of each modality, and canonical correlations of them over the pairs.

    Parameters
    ----------
    n_coordinates : int
        Number of spectral coordinates of each modality, at most two fewer than rows; default 32.
    neighbours : int
        Number of nearest rows that a row is joined to, at most half of those that differ; default
        30.
    metric : {"cosine", "euclidean"}
        Distance of scaled rows by which they are near; default ``"cosine"``.
    reg : float
        Ridge of the canonical correlations, see `CCA`; default 1.0.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of both modalities, fitted on all training rows; default ``"standard"``.
    pairs : {"own", "class"}
        Pairs of rows; default ``"own"``, those of samples that have both modalities. ``"class"``
        pairs each row with all rows of its class, which needs labels but no sample with both.
    steps : int
        Steps of the network that moves rows of the first modality until all of them are distributed
        as those of the second; default 0, none.
    divergence : {"orthogonal", "iid", "sobol", "bures", "sinkhorn", "mmd"}
        Divergence of the two, see `losses.qsma`; default ``"orthogonal"``.
    hidden : int
        Width of the network; default 64.
    lr : float
        Learning rate of the network; default 1e-3.
    random_state : int
        Seed of rows drawn beyond 8,192 of a modality, eigenvectors' start and the network; default
        0.

    Attributes
    ----------
    nodes_, reach_, coordinates_, values_ : mapping of modality to array
        Graph and spectral coordinates of each modality, see `spectral.SpectralMap`.
    projections_ : mapping of modality to (c_m, k)
        Maps of coordinates into the space, weighted by the root of the canonical correlations.
    residual_ : mapping of name to array
        Weights of the network; empty without ``steps``.
    """

    many_labels = True
    handles_missing = True
    stochastic = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "metric": METRICS, "neighbours": (10, 30), "n_coordinates": (8, 16, 32, 64),
        "pairs": PAIRINGS, "reg": (1e-2, 0.1, 1.0, 10.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_coordinates": [SIZE], "neighbours": [SIZE], "reg": [WEIGHT],
        "metric": [StrOptions(set(METRICS))],
        "scaling": [StrOptions(set(KINDS))],
        "pairs": [StrOptions(set(PAIRINGS))],
        "steps": [Interval(Integral, 0, 10**6, closed="both")],
        "divergence": [StrOptions(set(DIVERGENCES))],
        "hidden": [SIZE], "lr": [RATE], "random_state": [SEED],
    }

    def __init__(self, n_coordinates: int = 32, neighbours: int = 30, metric: str = "cosine",
                 reg: float = 1.0, scaling: str = "standard", pairs: str = "own", steps: int = 0,
                 divergence: str = "orthogonal", hidden: int = 64, lr: float = 1e-3,
                 random_state: int = 0) -> None:
        self.n_coordinates = n_coordinates
        self.neighbours = neighbours
        self.metric = metric
        self.reg = reg
        self.scaling = scaling
        self.pairs = pairs
        self.steps = steps
        self.divergence = divergence
        self.hidden = hidden
        self.lr = lr
        self.random_state = random_state

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Embed all rows, correlate those of pairs; labels are used for pairs of a class.

        Raises
        ------
        ValueError
            If the samples do not have two modalities, there are fewer than two pairs, or fewer than
            three rows of a modality differ.
        """
        X, classes = self._start(X, y, classes)
        self._align(*self._spectral(X), classes)
        return self

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one graph for all that it does not depend on."""
        shared: dict[tuple[Any, ...], tuple[Graphs, Views]] = {}
        for params in points:
            model = clone(self).set_params(**params)
            X, classes = model._start(X, None, classes)
            key = model.scaling, model.neighbours, model.n_coordinates, model.metric
            if key not in shared:
                shared[key] = model._spectral(X)
            model._align(*shared[key], classes)
            yield model

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters that need labels that the samples do not have."""
        return [name for name in idle_choices(X) if name in self.get_params()]

    def _spectral(self, X: Views) -> tuple[Graphs, Views]:
        """Return scaling and spectral map of each modality, and the samples in coordinates."""
        rng = np.random.default_rng(self.random_state)
        graphs, data = {}, {}
        for name in two_views(X, self):
            rows = rows_of(X.having(name), name)
            check_varying(rows, name)
            fitted = fit_scaling(rows, self.scaling)
            whole = np.concatenate([apply_scaling(x, self.scaling, **fitted)
                                    for _, x in rows.blocks()])
            graph = spectral_map(whole, self.n_coordinates, self.neighbours, rng,
                                 self.metric)
            graphs[name] = fitted, graph
            data[name] = np.zeros((len(X), len(graph.values)), dtype=np.float32)
            data[name][X.has(name)] = graph(whole)
        return graphs, Views(data, X.labels, present={m: X.has(m) for m in data})

    def _align(self, graphs: Graphs, X: Views, classes: Classes | None) -> None:
        """Correlate coordinates and match distributions; take over what was learned."""
        a, b = graphs
        self.shift_ = {m: fitted["shift"] for m, (fitted, _) in graphs.items()}
        self.scale_ = {m: fitted["scale"] for m, (fitted, _) in graphs.items()}
        self.farthest_ = {m: fitted["farthest"] for m, (fitted, _) in graphs.items()}
        self.nodes_ = {m: graph.nodes for m, (_, graph) in graphs.items()}
        self.reach_ = {m: graph.reach for m, (_, graph) in graphs.items()}
        self.coordinates_ = {m: graph.coordinates for m, (_, graph) in graphs.items()}
        self.values_ = {m: graph.values for m, (_, graph) in graphs.items()}
        cca = CCA(None, self.reg, pairs=self.pairs, weighting="correlation").fit(X, classes=classes)
        self.means_, self.projections_ = cca.means_, cca.projections_
        self.residual_: dict[str, Array] = {}
        if self.steps:
            first, second = (cca.project(X.having(m)[m], m) for m in (a, b))
            self.residual_ = fit_residual(
                first, second, divergence=self.divergence, steps=self.steps, hidden=self.hidden,
                lr=self.lr, seed=self.random_state)

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return rows ``(n, k)`` of the space, before they are scaled to unit length."""
        rows = apply_scaling(self._rows(x, modality), self.scaling, self.shift_[modality],
                             self.scale_[modality], self.farthest_[modality])
        nodes = self.nodes_[modality]
        graph = SpectralMap(nodes, self.reach_[modality], self.coordinates_[modality],
                            self.values_[modality], joined_to(len(nodes), self.neighbours),
                            self.metric)
        z = (graph(rows) - self.means_[modality]) @ self.projections_[modality]
        return moved(z, self.residual_) if self.residual_ and modality == self.modalities_[0] else z

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, k)``."""
        return unit_rows(self.project(x, modality))
