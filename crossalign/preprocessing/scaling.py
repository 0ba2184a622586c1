"""Feature scaling, fitted on training rows only.

``(x - shift) / scale`` per column, or unit rows. The loaders leave features as they are in the
file; a model that wants them scaled keeps ``shift``, ``scale`` and ``farthest`` of its own training
rows.

In deviations or in ranges, a column that hardly varied in training is as large as any other, and a
new row that has something there is hundreds of them away, which drowns all other columns. So a new
row is held to `FARTHEST` deviations in every column, or to the farthest training row where that is
farther.
Training rows are as they were, and no unit counts more than another: a share of .5 beside a
population of 1e9 varies as much as it.

Where all columns are of one unit, as in codes of a space, what varies little is small, not of a
smaller unit, so that no column is scaled by much less than the others; and a network is given no
row that is farther than those of training, see `fit_within`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.preprocessing.rows import Extent, Rows, extent, held
from crossalign.sentences import nearest

Array = npt.NDArray[Any]

KINDS: tuple[str, ...] = ("minmax", "l2", "standard", "root", "none")
"""Kinds of scaling: ``minmax`` to [0, 1], ``standard`` to mean 0 and deviation 1, ``l2`` unit rows,
``none``. ``root`` is ``standard`` after the signed square root, for histograms (Perronnin et al.
2010).
"""
FARTHEST = 20.0
"""Deviations from the mean beyond which a new row is read as so many, if no training row was
farther: among n rows one alone can be sqrt(n - 1) away (Samuelson 1968)."""
ROUNDING = 1e-6
"""Share of its values by which a column may vary and still be constant: float32 holds no more."""
NOTHING = 1e-3
"""Variation from which a column is not constant after all, as its scale would be 1."""
LEAST = 0.5
"""Share of the mean variance of columns of one unit that each of them counts as at least."""


def fit_scaling(x: npt.ArrayLike | Rows, kind: str) -> dict[str, Array]:
    """Fit column shift and scale to training rows.

    Parameters
    ----------
    x : (n, d) or (n, t, d) float
        Training rows; `Rows` on disk are read a block at a time.
    kind : {"minmax", "l2", "standard", "root", "none"}
        Kind of scaling, see `KINDS`.

    Returns
    -------
    dict
        ``shift``, ``scale`` and ``farthest``, (d,) float32 each; 0, 1 and infinite for ``l2`` and
        ``none``. A constant column, also one that varies by rounding alone, has scale 1.
        ``farthest`` is how far a scaled row may be from 0.

    Raises
    ------
    ValueError
        If ``kind`` is unknown or there is no row.
    """
    _check_kind(kind)
    rows = _rows_of(x)
    if kind == "root":
        return fit_scaling(rows.then(_root), "standard")
    if kind not in ("minmax", "standard"):
        width = rows.read(np.arange(0)).shape[-1]
        return {name: np.full(width, of, np.float32) for name, of in (
            ("shift", 0), ("scale", 1), ("farthest", np.inf))}
    values = _extent_of(rows)
    shift, scale, still = _shift_and_scale(values, kind)
    mean, deviation = (np.asarray(of, dtype=np.float32) for of in (values.mean, values.deviation))
    deviation = np.where(still, np.float32(1), deviation / scale)
    return {"shift": shift, "scale": scale, "farthest": np.maximum(
        _farthest_row(values, shift, scale, unknown=0),
        np.abs(_scaled(mean, shift, scale)) + np.float32(FARTHEST) * deviation)}


def fit_within(x: npt.ArrayLike, one_unit: bool) -> dict[str, Array]:
    """Fit ``standard`` scaling by which no new row is farther from 0 than all training rows, for a
    network that has learned nothing of what is.

    Parameters
    ----------
    x : (n, d) float
        Training rows.
    one_unit : bool
        Whether the columns are of one unit. If so, no variance counts as less than `LEAST` of the
        mean variance of those that vary.

    Returns
    -------
    dict
        ``shift``, ``scale`` and ``farthest``, (d,) float32 each. ``farthest`` is the farthest
        training row of each column, so that one that is constant in training says nothing of new
        rows, or `FARTHEST` where float32 cannot hold it.

    Raises
    ------
    ValueError
        If there is no row.
    """
    values = _extent_of(_rows_of(x))
    shift, scale, still = _shift_and_scale(values, "standard")
    if one_unit:
        variance = np.where(still, 0, scale).astype(np.float64) ** 2
        least = LEAST * variance.sum() / max((~still).sum(), 1)
        scale = np.sqrt(np.maximum(variance, least)).astype(np.float32)
        scale = np.where(scale > 0, scale, np.float32(1))
    return {"shift": shift, "scale": scale,
            "farthest": _farthest_row(values, shift, scale, unknown=FARTHEST)}


def _rows_of(x: npt.ArrayLike | Rows) -> Rows:
    """Return training rows ``(n, d)`` or ``(n, t, d)``, or raise ValueError if there is none."""
    rows = x if isinstance(x, Rows) else held(np.asarray(x, dtype=np.float32))
    shape = rows.read(np.arange(0)).shape[1:]
    if not shape or 0 in (len(rows), *shape):
        raise ValueError(f"x: shape {(len(rows), *shape)}; give at least one training row, as "
                         "(n, d).")
    return rows


def _extent_of(rows: Rows) -> Extent:
    """Measure columns, of tokens too; raise ValueError if no token is real."""
    values = extent(rows.then(lambda x: x.reshape(-1, x.shape[-1])))
    if values is None:
        raise ValueError("x: no token of the training rows is real; give some.")
    return values


def _shift_and_scale(values: Extent, kind: str) -> tuple[Array, Array, Array]:
    """Return shift and scale of columns ``(d,)``, and where they are constant and have scale 1."""
    low, high, mean, deviation = (np.asarray(of, dtype=np.float32) for of in (
        values.low, values.high, values.mean, values.deviation))
    shift, scale = (low, high - low) if kind == "minmax" else (mean, deviation)
    still = _constant(values.low, values.high) | (scale <= 0)
    return shift, np.where(still, np.float32(1), scale), still


def _farthest_row(values: Extent, shift: Array, scale: Array, unknown: float) -> Array:
    """Return how far from 0 scaled training rows are ``(d,)``; ``unknown`` where float32 ends."""
    ends = np.stack([np.asarray(of, dtype=np.float32) for of in (values.low, values.high)])
    far = np.abs(_scaled(ends, shift, scale))
    return np.asarray(np.where(np.isinf(far), np.float32(unknown), far).max(axis=0))


def _constant(low: Array, high: Array) -> Array:
    """Return where columns ``(d,)`` from low to high vary by rounding or not at all."""
    low, high = (np.asarray(of, dtype=np.float64) for of in (low, high))   # float32 overflows
    within = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return np.asarray((high <= low) | (high - low < np.minimum(within, NOTHING)))


def scaled_rows(rows: Rows, kind: str, fitted: Mapping[str, npt.ArrayLike]) -> Rows:
    """Apply `apply_scaling` to rows in memory or on disk, as float64."""
    return rows.then(lambda x: apply_scaling(x, kind, **fitted).astype(np.float64))


def apply_scaling(x: npt.ArrayLike, kind: str, shift: npt.ArrayLike, scale: npt.ArrayLike,
                  farthest: npt.ArrayLike) -> Array:
    """Scale rows, as float32, of the shape of ``x``; zero rows stay zero under ``l2``.

    Columns are held to ``farthest`` on either side of 0, after they were scaled.

    Raises
    ------
    ValueError
        If ``kind`` is unknown or the width is not the one fitted.
    """
    _check_kind(kind)
    x = np.asarray(x, dtype=np.float32)
    shift = np.asarray(shift, dtype=np.float32)
    if x.shape[-1:] != shift.shape:
        raise ValueError(f"x: width {x.shape[-1] if x.ndim else 0}, but {len(shift)} columns were "
                         "fitted; give rows of the same features.")
    if kind == "none":
        return x
    if kind == "root":
        x = _root(x)
    if kind == "l2":
        norm = np.linalg.norm(x, axis=-1, keepdims=True)
        return np.asarray(x / np.where(norm > 0, norm, np.float32(1)))
    most = np.asarray(farthest, dtype=np.float32)
    return np.clip(_scaled(x, shift, np.asarray(scale, dtype=np.float32)), -most, most)


def _scaled(x: Array, shift: Array, scale: Array) -> Array:
    """Return rows in deviations, infinite where float32 ends, which is held to the farthest."""
    with np.errstate(over="ignore"):
        return np.asarray((x - shift) / scale)


def undo_scaling(rows: npt.ArrayLike, kind: str, shift: npt.ArrayLike,
                 scale: npt.ArrayLike) -> Array:
    """Return rows in the units they had before `apply_scaling`, float32.

    Raises
    ------
    ValueError
        For ``l2``, which loses the length of a row.
    """
    _check_kind(kind)
    if kind == "l2":
        raise ValueError("scaling: 'l2' loses the length of a row; fit with another scaling to "
                         "translate.")
    rows = np.asarray(np.asarray(rows) * np.asarray(scale) + np.asarray(shift), dtype=np.float32)
    return np.asarray(np.sign(rows) * rows**2) if kind == "root" else rows


def _root(x: Array) -> Array:
    return np.asarray(np.sign(x) * np.sqrt(np.abs(x)))


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind: got {kind!r}; {nearest(kind, KINDS)}")
