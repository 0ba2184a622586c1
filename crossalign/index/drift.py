"""DriftAdapter: queries of a new encoder in the space of an old one, so that an index is kept.

    orthogonal  R = argmin |N R - O|^2,  R'R = I or RR' = I;    R = U V' where N'O = U S V'
    affine      A = argmin |N A - O|^2 + l |A|^2
    residual    R + B,   B = argmin |N B - (O - N R)|^2 + l |B|^2

N and O are unit rows of the same items by the new and by the old encoder, less their means m and o;
l is a multiple of the mean eigenvalue of N'N. A query n is looked up as (n - m) M + offset o.

A new encoder makes every stored vector stale. To encode all items again takes long; some hundred
items that both encoders have read teach a map of queries, and the index answers on (Drift-Adapter,
Vejendla, EMNLP 2025, section 3: orthogonal, affine, residual). The orthogonal map is Procrustes'
(Schoenemann 1966).

How we differ: theirs learns the last two by gradient steps, as an affine map of low rank and a
small network; ours are ridge regressions in closed form. Theirs keeps the mean row. A mean that all
rows share outweighs what tells queries apart once a ridge has shrunk that, so ``offset`` may leave
it out. Ridge and offset are chosen by the neighbours of pairs that were held out, not by squared
error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from crossalign.arrays import unit_rows
from crossalign.index.base import check_vectors
from crossalign.index.drift_recall import others, overlap
from crossalign.sentences import nearest, short

Array = npt.NDArray[Any]

KINDS = ("orthogonal", "affine", "residual")
RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)
OFFSETS = (0.0, 1.0)
FOLDS = 3
LEAST = 4 * FOLDS
"""Smallest number of pairs, so that the pairs held out have neighbours among themselves."""


class _Map(NamedTuple):
    """A map of queries: ridge (0 for none), share of the old mean, matrix and added row."""

    ridge: float
    offset: float
    matrix: Array
    added: Array

    def of(self, rows: Array) -> Array:
        return unit_rows(rows @ self.matrix + self.added)


class DriftAdapter(BaseEstimator):  # type: ignore[misc]
    """Map from rows of a new encoder to queries of an index of an old one.

    Parameters
    ----------
    kind : {"orthogonal", "affine", "residual"}
        Kind of the map; default ``"orthogonal"``, the quickest.
    ridge : float, optional
        Ridge l, a multiple of the mean eigenvalue of N'N, of an affine or residual map; by default
        the best of `RIDGES` for neighbours of pairs that are held out.
    offset : float, optional
        Share of the old rows' mean that is added to queries; by default 0 or 1, chosen likewise.

    Attributes
    ----------
    matrix_ : (d', d) and added_ : (d,)
        The map, ``n @ matrix_ + added_`` for a unit row n.
    ridge_, offset_ : float
        Numbers that were chosen or given; the ridge is 0 for an orthogonal map.
    recall_ : float
        Share of the nearest pairs by the new encoder that mapped queries also find, among a third
        of the pairs that was held out; the mean over the thirds. A query has a tenth of them as
        neighbours, ten at most, so that chance is a tenth. For a gallery see `kept_recall`.

    Examples
    --------
    >>> adapter = DriftAdapter().fit(old_rows, new_rows)    # doctest: +SKIP
    >>> index.search(adapter.transform(new_queries), k=10)  # doctest: +SKIP
    """

    def __init__(self, kind: str = "orthogonal", ridge: float | None = None,
                 offset: float | None = None) -> None:
        self.kind = kind
        self.ridge = ridge
        self.offset = offset

    def fit(self, old: npt.ArrayLike, new: npt.ArrayLike) -> Self:
        """Learn the map from rows of the same items by both encoders.

        Parameters
        ----------
        old : array-like
            Rows ``(n, d)`` by the encoder of the index, of any length.
        new : array-like
            Rows ``(n, d')`` of the same items by the new encoder.

        Raises
        ------
        ValueError
            If rows are not one for one, not finite or too few, or a parameter is out of range.
        """
        self._check_parameters()
        old, new = (unit_rows(check_vectors(rows)).astype(np.float64) for rows in (old, new))
        if len(old) != len(new) or len(old) < LEAST:
            raise ValueError(f"new: {len(new)} rows for {len(old)} of old; give both rows of the "
                             f"same items, {LEAST} or more.")
        tried = np.mean([self._tried(old, new, fold) for fold in range(FOLDS)], axis=0)
        best = int(tried.argmax())
        chosen = list(self._maps(old, new))[best]
        self.recall_ = float(tried[best])
        self.ridge_, self.offset_, self.matrix_, self.added_ = chosen
        return self

    def transform(self, queries: npt.ArrayLike) -> Array:
        """Return unit rows ``(q, d)`` for the index, of queries ``(q, d')`` by the new encoder.

        Raises
        ------
        ValueError
            If there was no `fit`, or queries are not as wide as the new rows there.
        """
        if not hasattr(self, "matrix_"):
            raise NotFittedError("DriftAdapter is not fitted yet; call fit(old, new) first.")
        rows = unit_rows(check_vectors(queries, len(self.matrix_)))
        return np.asarray(unit_rows(rows @ self.matrix_ + self.added_), dtype=np.float32)

    def _tried(self, old: Array, new: Array, fold: int) -> list[float]:
        """Return the recall of every candidate on the pairs that a fold holds out."""
        out = np.arange(len(old)) % FOLDS == fold
        k = int(np.clip(out.sum() // 10, 1, 10))
        true = others(new[out], new[out], k)
        return [overlap(others(one.of(new[out]), old[out], k), true)
                for one in self._maps(old[~out], new[~out])]

    def _maps(self, old: Array, new: Array) -> Iterator[_Map]:
        """Yield the candidates, fitted on unit rows."""
        middle, centre = old.mean(axis=0), new.mean(axis=0)
        offsets = OFFSETS if self.offset is None else (self.offset,)
        for ridge, matrix in self._matrices(old - middle, new - centre):
            for offset in offsets:
                yield _Map(ridge, offset, matrix, offset * middle - centre @ matrix)

    def _matrices(self, old: Array, new: Array) -> Iterator[tuple[float, Array]]:
        """Yield ridges and matrices ``(d', d)``, from one decomposition of centred new rows."""
        start = (np.zeros((new.shape[1], old.shape[1])) if self.kind == "affine"
                 else procrustes(new, old))
        if self.kind == "orthogonal":
            yield 0.0, start
            return
        P, s, Qt = linalg.svd(new, full_matrices=False)
        left = P.T @ (old - new @ start)
        for ridge in RIDGES if self.ridge is None else (self.ridge,):
            weight = ridge * (s**2).sum() / new.shape[1]
            yield ridge, start + Qt.T @ ((s / (s**2 + weight))[:, None] * left)

    def _check_parameters(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: got {short(self.kind)}; {nearest(self.kind, KINDS)}")
        for name, low in (("ridge", "above 0"), ("offset", "from 0 on")):
            value = getattr(self, name)
            if value is None:
                continue
            if not _is_number(value) or value < 0 or (name == "ridge" and value == 0):
                raise ValueError(f"{name}: got {short(value)}; give a number {low}, or None to "
                                 "have it chosen.")


def procrustes(new: Array, old: Array) -> Array:
    """Return the matrix ``(d', d)`` with orthonormal columns, or rows, that maps rows ``(n, d')``
    nearest to rows ``(n, d)``.

    Directions that the rows do not show are mapped to zero.
    """
    if len(new) >= min(new.shape[1], old.shape[1]):
        return _turn(new.T @ old)
    (before, left), (after, right) = (linalg.qr(x.T, mode="economic") for x in (new, old))
    return np.asarray(before @ _turn(left @ right.T) @ after.T)  # the same, quicker for few rows


def _turn(products: Array) -> Array:
    U, s, Vt = linalg.svd(products, full_matrices=False)
    shown = s > s.max(initial=0.0) * 1e-10
    return np.asarray(U[:, shown] @ Vt[shown])


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
