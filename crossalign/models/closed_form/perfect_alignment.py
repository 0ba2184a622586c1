"""Perfect alignment: linear maps under which both modalities of a pair are the same vector.

Kamboj & Do, "Leveraging Perfect Multimodal Alignment and Gaussian Assumptions for Cross-modal
Transfer" (arXiv 2503.15352; version 2 is "Towards Achieving Perfect Multimodal Alignment").
Find A_1, A_2 with A_1 X_1 = A_2 X_2: exactly where the row spaces of the two data matrices share
directions, and as nearly as possible, in the sense of CCA, where noise hides them. The theorems
T1-T7 and the algebra are in `crossalign.models.closed_form.linear_alignment`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.metrics.alignment import cmae
from crossalign.models.base import Model
from crossalign.models.closed_form.linear_alignment import (
    canonical_alignment,
    columns_of,
    gavish_donoho_rank,
    noise_correlation,
    spurious_dimensions,
    stacked_alignment,
    whiten,
)
from crossalign.models.ranges import SEED, SIZE, WEIGHT
from crossalign.models.roles import Aligner, Translator
from crossalign.models.rows import check_columns, check_fitted, unit_rows
from crossalign.preprocessing.rows import Rows, mean_row, rows_of, together
from crossalign.types import Samples, Views

__all__ = ["PerfectAlignment"]

Array = npt.NDArray[np.float64]
Noise = Mapping[str, float | npt.ArrayLike]

WELL_SAMPLED = 5
"""Pairs per dimension from which ``rank="auto"`` keeps every direction."""


class PerfectAlignment(Translator, Aligner, Model):
    """Closed-form linear alignment of two modalities from unlabelled pairs.

    How we differ from the authors' notebooks: null vectors are the trailing *columns* of U (their
    slice takes trailing rows, and prints an error of 82 beside singular values of 1e-14); pairs
    are drawn as pairs; and the null space is split, since most of it maps everything to zero (T2)
    and a trailing singular vector mixes that part with the informative one. ``svd_naive`` is their
    method with the slice repaired.

    Parameters
    ----------
    method : {"informative", "cca", "svd_naive"}
        Method of alignment; default ``"informative"``: common directions of the two row spaces
        after rank truncation, with the latent scaled to unit covariance over the pairs. ``"cca"``:
        the same with all ranks kept unless ``rank`` says otherwise, plus ``ridge``.
        ``"svd_naive"``: smallest singular vectors of the stacked matrix, A A' = I; takes no rank.
    rank : "auto", "full", int or float
        Number of directions kept per modality before aligning; default ``"auto"``: all from five
        pairs per dimension on, else those above white noise (Gavish-Donoho); for ``cca`` all.
        ``"full"``: the numerical rank. An integer: at most that many. A float in (0, 1): as many as
        hold this share of the variance.
    n_components : int, optional
        Latent width k; by default the number of canonical correlations that are larger than in
        unrelated data of this size.
    center : bool
        Whether to subtract each modality's mean over the pairs; default True.
    noise_cov : mapping of modality to float, (d,) or (d, d), optional
        Covariance of the observation noise, by which each modality is whitened first (T5); default
        none.
    ridge : float
        Ridge added to the covariance of ``cca``, as a share of its mean eigenvalue; default 0.
    tol : float
        Tolerance of perfect alignment: a canonical correlation above ``1 - tol`` is perfect;
        default 1e-6.
    holdout : float
        Share of the pairs on which the error of a fit to the others is reported, default 0; the
        final maps use all pairs.
    random_state : int
        Seed of the draw of held-out pairs; default 0.

    Attributes
    ----------
    coef_, mean_ : mapping of modality to (k, d_m) and (d_m,)
        Maps and means: z = A_m (x - mean_m).
    canonical_correlations_ : (min rank,)
        Canonical correlations between the two truncated row spaces, descending.
    ranks_ : [int, int]
        Number of directions kept of each modality.
    n_components_, n_perfect_, n_spurious_expected_ : int
        Latent width; number of perfect correlations; number of them to expect in unrelated data
        (T4).
    cmae_, normalised_cmae_ : float
        Alignment errors on the training pairs, see `cmae`; ``holdout_cmae_`` and
        ``holdout_normalised_cmae_`` on held-out ones, None without ``holdout``.
    singular_values_ : (d1 + d2,)
        Singular values of the stacked matrix, ascending; ``svd_naive`` only.

    Raises
    ------
    ValueError
        In `fit`: other than two modalities, tokens instead of vectors, fewer than two pairs, a
        constant modality, more components than ranks, or a noise covariance that does not fit.
    """

    many_labels = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "method": [StrOptions({"informative", "cca", "svd_naive"})],
        "rank": [StrOptions({"auto", "full"}), SIZE,
                 Interval(Real, 0, 1, closed="neither")],
        "n_components": [SIZE, None],
        "center": ["boolean"],
        "noise_cov": [Mapping, None],
        "ridge": [WEIGHT],
        "tol": [Interval(Real, 0, 1, closed="neither")],
        "holdout": [Interval(Real, 0, 1, closed="left")],
        "random_state": [SEED],
    }

    def __init__(self, method: str = "informative", rank: str | int | float = "auto",
                 n_components: int | None = None, center: bool = True,
                 noise_cov: Noise | None = None, ridge: float = 0.0, tol: float = 1e-6,
                 holdout: float = 0.0, random_state: int = 0) -> None:
        self.method = method
        self.rank = rank
        self.n_components = n_components
        self.center = center
        self.noise_cov = noise_cov
        self.ridge = ridge
        self.tol = tol
        self.holdout = holdout
        self.random_state = random_state

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Solve on the pairs of ``X``; labels and side information are not used."""
        X, classes = self._start(X, y, classes)
        pair = self._pair(X)
        self.holdout_cmae_: float | None = None
        self.holdout_normalised_cmae_: float | None = None
        if self.holdout > 0:
            order = np.random.default_rng(self.random_state).permutation(len(X))
            held = np.zeros(len(X), dtype=bool)
            held[order[: max(1, round(self.holdout * len(X)))]] = True
            if (~held).sum() < 2:
                raise ValueError(f"holdout: {self.holdout} leaves {(~held).sum()} of {len(X)} "
                                 "pairs to fit; give a smaller share or more pairs.")
            self._solve([x.take(~held) for x in pair])
            self.holdout_cmae_, self.holdout_normalised_cmae_ = self._errors(
                [x.take(held) for x in pair])
        self._solve(pair)
        self.cmae_, self.normalised_cmae_ = self._errors(pair)
        return self

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return aligned latent rows ``(n, k)`` in float64 of ``x (n, d_m)``, not normalised."""
        self._rows(x, modality)
        x = x.read(modality) if isinstance(x, Views) else x
        return self._latent(np.asarray(x, dtype=np.float64), modality)

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> npt.NDArray[np.float32]:
        """Return unit rows ``(n, k)`` of ``x (n, d_m)``."""
        return unit_rows(self.project(x, modality))

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Return rows ``(n, d_target)``: the smallest ones whose latent is that of ``x``.

        A_t^+ A_s (x - mean_s) + mean_t. They are exact if x_m = S_m z without noise; with noise
        they are not shrunk, so a regression has the smaller squared error.
        """
        z = self.project(x, source)
        if target not in self.modalities_:
            raise ValueError(f"target: got {target!r}; the model knows {self.modalities_}.")
        return np.asarray(z @ np.linalg.pinv(self.coef_[target]).T + self.mean_[target])

    def cmae(self, X: Views, normalised: bool = False) -> float:
        """Compute the cross-modal alignment error on pairs, new ones or those of training.

        It is the mean over pairs of ||A_1 x_1 - A_2 x_2||^2. Normalised, its sum is divided by that
        of ||A_1 x_1||^2 + ||A_2 x_2||^2: 0 is perfect, 1 is the value of unrelated latents, and on
        the training pairs of a whitened fit it is one minus the mean canonical correlation.
        """
        check_fitted(self, "modalities_")
        for name in self.modalities_:
            if name not in X:
                raise ValueError(f"X: lacks the modality {name!r} of training; "
                                 f"it has {list(X.modalities)}.")
            check_columns(X, name, self)
            self._rows(X.read(name, np.arange(0)), name)
        return self._errors(_doubled(X, self.modalities_))[normalised]

    def summary(self) -> str:
        """Describe the fit in sentences, with a warning if there are too few pairs (T4)."""
        check_fitted(self, "cmae_")
        rho = self.canonical_correlations_
        lines = [f"{self.n_pairs_} pairs, ranks {self.ranks_[0]} and {self.ranks_[1]}, "
                 f"{self.n_components_} latent dimensions by {self.method}.",
                 f"{self.n_perfect_} of {len(rho)} canonical correlations are perfect; the leading "
                 "ones are " + ", ".join(f"{value:.3f}" for value in rho[: self.n_components_][:8])
                 + ".",
                 f"Alignment error {self.cmae_:.3g} ({self.normalised_cmae_:.3f} of the latent "
                 "energy) on the training pairs."]
        if self.holdout_cmae_ is not None:
            lines.append(f"Held out: {self.holdout_cmae_:.3g} "
                         f"({self.holdout_normalised_cmae_:.3f}).")
        if self.n_spurious_expected_:
            lines.append(f"Warning: {self.n_spurious_expected_} perfectly aligned dimensions would "
                         f"appear in unrelated data too, because {self.n_pairs_} pairs are fewer "
                         f"than the ranks {self.ranks_[0]} + {self.ranks_[1]} need; give more "
                         "pairs, lower rank, or judge on held-out pairs.")
        return "\n".join(lines)

    # -- inside ----------------------------------------------------------------------------
    def _pair(self, X: Views) -> list[Rows]:
        """Return both modalities as float64 rows ``(N, d)``."""
        if len(X.modalities) != 2:
            raise ValueError(f"X: has the modalities {list(X.modalities)}; perfect alignment takes "
                             "two, so choose them, with X.select(first, second) or --modalities "
                             "first,second.")
        if len(X) < 2:
            raise ValueError(f"X: has {len(X)} pair; give at least two.")
        return _doubled(X, X.modalities)

    def _latent(self, x: Array, modality: str) -> Array:
        return np.asarray((x - self.mean_[modality]) @ self.coef_[modality].T)

    def _errors(self, pair: Sequence[Rows]) -> tuple[float, float]:
        """Compute CMAE and normalised CMAE of rows ``(n, d1)``, ``(n, d2)``."""
        z = [x.then(partial(self._latent, modality=name))
             for name, x in zip(self.modalities_, pair, strict=True)]
        error = energy = 0.0
        for a, b in together(z[0], z[1]):
            error += cmae(a, b) * (len(a) / len(z[0]))
            energy += float((a**2).sum() + (b**2).sum()) / len(z[0])
        return error, error / energy if energy > 0 else 1.0

    def _solve(self, pair: Sequence[Rows]) -> None:
        """Learn means and maps, in whitened coordinates."""
        roots = [self._noise_root(name) for name in self.modalities_]
        means = [mean_row(x) if self.center else np.zeros(x.width) for x in pair]
        # Views round to float32: what lies below that rounding is not signal.
        floors = [float(np.finfo(np.float32).eps * np.sqrt(
            sum((whiten(block, root)**2).sum() for _, block in x.blocks())))
            for x, root in zip(pair, roots, strict=True)]
        white = columns_of(*(x.less(mean).then(partial(whiten, root=root))
                             for x, mean, root in zip(pair, means, roots, strict=True)))
        n = len(pair[0]) - bool(self.center)
        ranks = self._choose_ranks(white, floors, n)
        ridge = self.ridge if self.method == "cca" else 0.0
        alignment = canonical_alignment(white[0], white[1], min(ranks), ranks, ridge)
        rho = alignment.values
        k = self._choose_width(rho, ranks, n, sum(x.width for x in pair))
        if self.method == "svd_naive":
            alignment = stacked_alignment(white[0], white[1], k)
            self.singular_values_ = alignment.values
            maps = [alignment.first, alignment.second]
        else:                                               # unit covariance, not unit norm
            maps = [np.sqrt(n) * alignment.first[:k], np.sqrt(n) * alignment.second[:k]]
        maps = [a if root is None else linalg.solve_triangular(root, a.T, lower=True, trans="T").T
                for a, root in zip(maps, roots, strict=True)]              # (k, d): A L^-1
        self.mean_ = dict(zip(self.modalities_, means, strict=True))
        self.coef_ = {m: np.ascontiguousarray(a)
                      for m, a in zip(self.modalities_, maps, strict=True)}
        self.canonical_correlations_ = rho
        self.ranks_ = list(ranks)
        self.n_pairs_ = len(pair[0])
        self.n_components_ = k
        self.n_perfect_ = int((rho > 1 - self.tol).sum())
        self.n_spurious_expected_ = spurious_dimensions(*ranks, n)

    def _choose_ranks(self, white: Sequence[Array], floors: Sequence[float],
                      n: int) -> tuple[int, int]:
        spectra = [np.linalg.svd(x, compute_uv=False) for x in white]
        full = [int((s > floor).sum()) for s, floor in zip(spectra, floors, strict=True)]
        for name, r in zip(self.modalities_, full, strict=True):
            if r == 0:
                raise ValueError(f"X: {name!r} is constant over the pairs; "
                                 "nothing can be aligned with it.")
        rank = "full" if self.method == "svd_naive" else self.rank
        if rank == "auto":
            plenty = self.method == "cca" or n >= WELL_SAMPLED * sum(full)
            chosen_ranks = full if plenty else [
                max(gavish_donoho_rank(s, (n, x.shape[1])), self.n_components or 1)
                for s, x in zip(spectra, white, strict=True)]
        elif rank == "full":
            chosen_ranks = full
        elif isinstance(rank, Integral):
            chosen_ranks = [int(rank)] * 2
        else:
            chosen_ranks = [int(np.searchsorted(np.cumsum(s**2) / (s**2).sum(), float(rank)) + 1)
                      for s in spectra]
        return min(chosen_ranks[0], full[0]), min(chosen_ranks[1], full[1])

    def _choose_width(self, rho: Array, ranks: tuple[int, int], n: int, stacked: int) -> int:
        if self.n_components is not None:
            most = stacked if self.method == "svd_naive" else min(ranks)
            if self.n_components > most:
                raise ValueError(f"n_components: got {self.n_components}, but the ranks {ranks[0]} "
                                 f"and {ranks[1]} allow {most}; give less or raise rank.")
            return int(self.n_components)
        edge = noise_correlation(*ranks, n)
        if edge < 1:
            return max(1, int((rho > edge).sum()))
        return max(1, int((rho > 1 - self.tol).sum()) - spurious_dimensions(*ranks, n))

    def _noise_root(self, name: str) -> Array | None:
        """Return the Cholesky factor ``(d, d)`` of a modality's noise covariance, None for
        identity.
        """
        if self.noise_cov is None:
            return None
        d = self.widths_[name]
        if set(self.noise_cov) != set(self.modalities_):
            raise ValueError(f"noise_cov: names {sorted(self.noise_cov)}; give one covariance for "
                             f"each of {self.modalities_}.")
        cov = np.asarray(self.noise_cov[name], dtype=np.float64)
        if cov.ndim < 2 and cov.size in (1, d):
            cov = np.diag(np.broadcast_to(cov, (d,)))
        if cov.shape != (d, d) or not np.allclose(cov, cov.T):
            raise ValueError(f"noise_cov[{name!r}]: shape {cov.shape}; give a variance, ({d},) "
                             f"variances or a symmetric ({d}, {d}) covariance.")
        try:
            return np.asarray(np.linalg.cholesky(cov))
        except np.linalg.LinAlgError:
            raise ValueError(f"noise_cov[{name!r}]: is not positive definite; "
                             "give every direction some noise.") from None


def _doubled(X: Views, names: Sequence[str]) -> list[Rows]:
    """Return modalities as rows of float64."""
    return [rows_of(X, name).then(lambda x: x.astype(np.float64)) for name in names]
