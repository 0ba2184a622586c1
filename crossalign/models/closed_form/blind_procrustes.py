"""BlindProcrustes: a rotation between two modalities without any pair (mini-vec2vec).

    1. principal components of each modality, of unit length
    2. several times: k-means in both, and centroids matched by quadratic assignment,
           max over permutations pi of  sum_jk  cos(a_j, a_k) cos(b_pi(j), b_pi(k))
    3. matched centroids as anchors: rows relative to them can be compared across modalities, and
       each row of the first is paired with the mean of its nearest rows of the second
    4. the rotation onto these pairs; then, again and again, nearest rows under the rotation as
       pairs, and last the means of clusters that start at the same, turned, centroids

(Dar, arXiv 2510.02348, 2025.) It rests on one thing alone: that what is near in one modality is
near in the other. That holds for two encoders of one kind of thing; where it does not, the rotation
is an arbitrary one.

How we differ: the modalities may differ in width, so that components take the place of features.
The paper keeps all clusterings; here the quarter counts whose matched centroids agree best, and all
is done several times, of which the one counts whose turned rows lie nearest to rows of the other
modality. Cosines of centroids with themselves are left out and the others centred: which
permutation is best is the same, and FAQ finds it far more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.optimize import quadratic_assignment
from sklearn.cluster import KMeans
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.models.base import Model
from crossalign.models.closed_form.procrustes import components, rank_of, rotation
from crossalign.models.pairing import two_views
from crossalign.models.ranges import SEED, SIZE
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.rows import Rows, check_varying, mean_row, rows_of, scatter
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling, scaled_rows
from crossalign.types import Samples, Views

__all__ = ["BlindProcrustes"]

STARTS = 20
"""Number of random starts of a quadratic assignment, beside the one from the middle."""
MOST = 4096
"""Most rows of each modality that are clustered and matched."""


class BlindProcrustes(Aligner, Model):
    """A rotation found without pairs, from how rows of each modality lie to each other.

    Which rows are of one sample is never looked at, and each modality is read in an order of its
    own.

    Parameters
    ----------
    n_components : int
        Number of principal components of each modality, at most the smaller rank; default 32.
    n_clusters : int
        Number of clusters of each modality, at most the different rows of either; default 40. It
        works best where it is the number of clusters that there are.
    runs : int
        Number of clusterings, the best quarter of which are the anchors; default 12.
    restarts : int
        Number of times that all is done, of which the best counts; default 3. With 0 the rotation
        is an arbitrary one, drawn by the seed: what a rotation that was found has to beat, as the
        clusters of either modality alone can put it above random embeddings.
    neighbours : int
        Number of nearest rows whose mean is a row's mate, at most all; default 10.
    steps : int
        Number of times that mates are found anew under the rotation; default 20.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of both modalities, fitted on training rows; default ``"standard"``.
    random_state : int
        Seed of clusterings, assignments and, beyond 4,096 of a modality, rows drawn; default 0.

    Attributes
    ----------
    maps_ : mapping of modality to (d_m, k)
        Maps of scaled, centred rows into the space, which is that of the second modality's
        components.
    closeness_ : (restarts,)
        Mean cosine of turned rows and their nearest row of the other modality, of each restart. One
        far above the others is a sign that the rotation is right; values alike are none.
    """

    many_labels = True
    handles_missing = True
    stochastic = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "n_components": (16, 32), "n_clusters": (20, 40)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [SIZE], "n_clusters": [SIZE], "runs": [SIZE],
        "restarts": [Interval(Integral, 0, 2**16, closed="both")],
        "neighbours": [SIZE], "steps": [SIZE],
        "scaling": [StrOptions(set(KINDS))],
        "random_state": [SEED],
    }

    def __init__(self, n_components: int = 32, n_clusters: int = 40, runs: int = 12,
                 restarts: int = 3, neighbours: int = 10, steps: int = 20,
                 scaling: str = "standard", random_state: int = 0) -> None:
        self.n_components = n_components
        self.n_clusters = n_clusters
        self.runs = runs
        self.restarts = restarts
        self.neighbours = neighbours
        self.steps = steps
        self.scaling = scaling
        self.random_state = random_state

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Find components and rotation; neither pairs nor labels are used.

        Raises
        ------
        ValueError
            If the samples do not have two modalities, or one does not vary.
        """
        X, _ = self._start(X, y, classes)
        names = two_views(X, self)
        self._remember({m: X.widths[m] for m in names})
        rng = np.random.default_rng(self.random_state)
        self.shift_: dict[str, Array] = {}
        self.scale_: dict[str, Array] = {}
        self.farthest_: dict[str, Array] = {}
        self.means_: dict[str, Array] = {}
        rows, axes = {}, {}
        for name in names:
            rows[name], axes[name] = self._read(rows_of(X.having(name), name), name)
        k = min(self.n_components, *(rank_of(values) for values, _ in axes.values()))
        self.maps_ = {m: components(*axes[m], k) for m in names}
        first, second = (unit_rows(_some(rows[m], rng) @ self.maps_[m]) for m in names)
        found = [self._rotation(first, second, rng) for _ in range(self.restarts)]
        self.closeness_ = np.array([closeness for _, closeness in found])
        R = found[int(self.closeness_.argmax())][0] if found else arbitrary_rotation(k, rng)
        self.maps_[names[0]] = self.maps_[names[0]] @ R
        return self

    def _read(self, rows: Rows, name: str) -> tuple[Rows, tuple[Array, Array]]:
        """Return scaled, centred rows of a modality and the axes of their covariance."""
        check_varying(rows, name)
        fitted = fit_scaling(rows, self.scaling)
        self.shift_[name], self.scale_[name] = fitted["shift"], fitted["scale"]
        self.farthest_[name] = fitted["farthest"]
        scaled = scaled_rows(rows, self.scaling, fitted)
        self.means_[name] = mean_row(scaled)
        centred = scaled.less(self.means_[name])
        return centred, linalg.eigh(scatter(centred) / len(centred))

    def _rotation(self, a: Array, b: Array, rng: np.random.Generator) -> tuple[Array, float]:
        """Return a rotation ``(k, k)`` of unit rows ``(n_a, k)`` onto ``(n_b, k)``, and how near it
        brings them.
        """
        others, counts = distinct(b)
        k = min(self.n_clusters, len(distinct(a)[0]), len(others))
        runs = sorted((matched_centroids(a, b, k, rng) for _ in range(self.runs)),
                      key=lambda run: -run.agreement)[:max(1, self.runs // 4)]
        near, far = np.concatenate([r.near for r in runs]), np.concatenate([r.far for r in runs])
        relative_a, relative_b = (unit_rows(x @ unit_rows(c).T) for x, c in ((a, near), (b, far)))
        R = rotation(a.T @ mates(relative_a, relative_b, b, self.neighbours))
        for _ in range(self.steps):
            R = rotation(a.T @ mates(a @ R, b, b, self.neighbours))
        centroids = _clusters(a, k, rng)
        turned = KMeans(k, init=unit_rows(centroids @ R), n_init=1).fit(
            others, sample_weight=counts)        # a cluster without rows moves to one of its own
        R = rotation(centroids.T @ turned.cluster_centers_)
        return R, float((a @ R @ b.T).max(axis=1).mean())

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return rows ``(n, k)`` of the space, before they are scaled to unit length."""
        rows = apply_scaling(self._rows(x, modality), self.scaling, self.shift_[modality],
                             self.scale_[modality], self.farthest_[modality])
        return np.asarray((rows - self.means_[modality]) @ self.maps_[modality])

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, k)``."""
        return unit_rows(self.project(x, modality))


def distinct(x: Array) -> tuple[Array, Array]:
    """Return the rows ``(k, d)`` that differ in the first six digits, each of which may be a
    cluster, in their order, and how often each is there ``(k,)``.
    """
    _, first, counts = np.unique(np.round(x, 6), axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    return x[first[order]], counts[order]


def arbitrary_rotation(k: int, rng: np.random.Generator) -> Array:
    """Draw an orthogonal matrix ``(k, k)``, each as likely as any other."""
    Q, triangle = linalg.qr(rng.standard_normal((k, k)))
    return np.asarray(Q * np.sign(np.diag(triangle)))


class Matched(NamedTuple):
    """Matched centroids ``(k, d)``, and the correlation of the cosines of different ones."""

    near: Array
    far: Array
    agreement: float


def matched_centroids(a: Array, b: Array, k: int, rng: np.random.Generator) -> Matched:
    """Cluster unit rows ``(n_a, d)`` and ``(n_b, d)``; return k centroids of each, in one order.

    The order is that of the quadratic assignment of their cosines, the best of several starts of
    FAQ (Vogelstein et al., PLOS ONE 2015).
    """
    near, far = _clusters(a, k, rng), _clusters(b, k, rng)
    first, second = _similarities(near), _similarities(far)
    found = []
    for start in ("barycenter", *["randomized"] * STARTS):
        options: Any = {"maximize": True, "P0": start, "rng": rng}
        found.append(quadratic_assignment(first, second, options=options))
    best = max(found, key=lambda result: float(result.fun))
    order = np.asarray(best.col_ind)
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return Matched(near, far[order], float(best.fun / (lengths or 1.0)))


def _similarities(centroids: Array) -> Array:
    """Return the cosines ``(k, k)`` of different centroids, less their mean; 0 on the diagonal.

    Neither changes which permutation is best, but FAQ, whose way leads between permutations, rarely
    finds it otherwise.
    """
    rows = unit_rows(centroids).astype(np.float64)
    apart = ~np.eye(len(rows), dtype=bool)
    cosines = rows @ rows.T
    return np.where(apart, cosines - cosines[apart].mean() if len(rows) > 1 else 0, 0)


def mates(a: Array, b: Array, values: Array, k: int) -> Array:
    """Return for each row ``(n_a, d)`` the mean of ``values (n_b, w)`` at its k nearest rows
    ``(n_b, d)`` by inner product.
    """
    k = min(k, len(b))
    nearest = np.argpartition(-(a @ b.T), k - 1, axis=1)[:, :k]
    return np.asarray(values[nearest].mean(axis=1))


def _clusters(x: Array, k: int, rng: np.random.Generator) -> Array:
    """Return k centroids ``(k, d)``."""
    seed = int(rng.integers(2**31))
    return np.asarray(KMeans(k, n_init=3, random_state=seed).fit(x).cluster_centers_)


def _some(rows: Rows, rng: np.random.Generator) -> Array:
    """Return at most 4,096 rows, in an order drawn anew for each modality."""
    some = rows.take(rng.permutation(len(rows))[:MOST])
    return np.concatenate([x for _, x in some.blocks()])
