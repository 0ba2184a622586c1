"""Rows of one modality, whatever is done to each, in memory or on disk; and what adds up over them.

Rows in memory are one block. Of memory-mapped ones a block at a time is read and let go, so that a
statistic of them needs the memory of a block. Sums are in float64 and second moments about a mean
that was found before, so that a large offset does not cancel what rows differ by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.types import Views

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """n rows ``(n, d)`` or ``(n, t, d)``; see `rows_of` and `rows_at`.

    Attributes
    ----------
    n : int
    read : callable
        From row numbers, or ``slice(None)``, to those rows.
    step : int or None
        How many rows are read at a time; None in memory.
    """

    n: int
    read: Callable[[Array | slice], Array]
    step: int | None = None

    def __len__(self) -> int:
        return self.n

    @property
    def width(self) -> int:
        """Of the columns, d."""
        return int(self.read(np.arange(0)).shape[-1])

    def then(self, step: Callable[[Array], Array]) -> Rows:
        """What a function makes of the rows, which it may not count or compare.

        In memory it is called once and for all, on disk with every block that is read.
        """
        if self.step is None:
            return held(step(self.read(slice(None))))
        return Rows(self.n, lambda rows: step(self.read(rows)), self.step)

    def with_each(self, values: Array, step: Callable[[Array, Array], Array]) -> Rows:
        """Return what a function makes of the rows and of those of an array ``(n, ...)``."""
        if self.step is None:
            return held(step(self.read(slice(None)), values))
        return Rows(self.n, lambda rows: step(self.read(rows), values[rows]), self.step)

    def less(self, row: Array) -> Rows:
        """The rows less one ``(d,)``, as their mean."""
        return self.then(lambda x: x - row)

    def by(self, matrix: Array) -> Rows:
        """The rows times a matrix ``(d, k)``."""
        return self.then(lambda x: x @ matrix)

    def less_class(self, codes: Array, means: Array) -> Rows:
        """The rows less that of ``means (C, d)`` which the code ``(n,)`` of each says."""
        return self.with_each(codes, lambda x, c: x - means[c])

    def take(self, rows: npt.ArrayLike) -> Rows:
        """The rows of some numbers, or where a mask ``(n,)`` is true."""
        chosen = np.asarray(rows)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        if self.step is None:
            return held(self.read(chosen))
        return Rows(len(chosen), lambda rows: self.read(chosen[rows]), self.step)

    def blocks(self) -> Iterator[tuple[Array | slice, Array]]:
        """Row numbers and those rows, in order; in memory all at once."""
        return ((rows, self.read(rows)) for rows in _places(self))


def held(values: npt.ArrayLike) -> Rows:
    """Rows of an array in memory."""
    array = np.asarray(values)
    return Rows(len(array), lambda rows: np.asarray(array[rows]))


def rows_of(views: Views, modality: str) -> Rows:
    """The samples of a modality as float32; those that lack it must have been left out.

    Raises
    ------
    ValueError
        When a block is read, if it holds NaN or infinity; in memory `Views` has looked.
    """
    if not views.on_disk(modality):
        return held(np.asarray(views[modality], dtype=np.float32))

    def read(rows: Array | slice) -> Array:
        places = np.arange(len(views))[rows]
        values = np.asarray(views.read(modality, places), dtype=np.float32)
        finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if not finite.all():
            raise ValueError(f"X: {modality!r} of the sample {views.ids[places[~finite][0]]!r} "
                             "holds NaN or infinity; repair it or mark it missing in present.")
        return values

    return Rows(len(views), read, len(next(views.blocks(modality), [0])))


def rows_at(table: Array, codes: Array, beside: Rows) -> Rows:
    """Rows ``codes (n,)`` of a table, in memory only where the rows ``beside`` them are."""
    if beside.step is None:
        return held(np.ascontiguousarray(table[codes]))
    return Rows(len(codes), lambda rows: table[codes[rows]], beside.step)


class Extent(NamedTuple):
    """Where rows lie: their number, and of each column ``(d,)`` mean, deviation and ends.

    Mean and deviation are float64.
    """

    n: int
    mean: Array
    deviation: Array
    low: Array
    high: Array


def extent(rows: Rows) -> Extent | None:
    """Number, means, deviations and ends of rows ``(n, d)``; None where there is none.

    Read once; means and squares of blocks are merged about their own means (Chan, Golub and LeVeque
    1983).
    """
    found: Extent | None = None
    for _, block in rows.blocks():
        for x in np.array_split(block, max(1, block.size >> 22)):
            if not len(x):
                continue
            mean = x.mean(axis=0, dtype=np.float64)
            squares = ((x - mean)**2).sum(axis=0)                  # until the end in deviation
            part = Extent(len(x), mean, squares, x.min(axis=0), x.max(axis=0))
            found = part if found is None else _merged(found, part)
    if found is None:
        return None
    return found._replace(deviation=np.sqrt(found.deviation / found.n))


def _merged(a: Extent, b: Extent) -> Extent:
    n, moved = a.n + b.n, b.mean - a.mean
    return Extent(n, a.mean + moved * b.n / n,
                  a.deviation + b.deviation + moved**2 * a.n * b.n / n,
                  np.minimum(a.low, b.low), np.maximum(a.high, b.high))


def mean_row(rows: Rows) -> Array:
    """``(d,)``, in float64."""
    return np.asarray(sum(x.sum(axis=0, dtype=np.float64) for _, x in rows.blocks()) / len(rows))


def products(first: Rows, second: Rows) -> Array:
    """``(d, d')``: the sum of x y' over the rows of two, which belong together."""
    return np.asarray(sum(a.T @ b for a, b in together(first, second)))


def together(first: Rows, second: Rows) -> Iterator[tuple[Array, Array]]:
    """Blocks of rows that belong together."""
    return ((first.read(rows), second.read(rows)) for rows in _places(first, second))


def scatter(rows: Rows) -> Array:
    """``(d, d)``: the sum of x x'. Give rows less their mean for a covariance."""
    return np.asarray(sum(x.T @ x for _, x in rows.blocks()))


def class_means(rows: Rows, codes: Array, n_classes: int) -> Array:
    """Mean row of each class ``(C, d)`` of rows ``(n, d)`` with codes 0..C-1, in float64.

    A class without rows has zeros.
    """
    sums = np.zeros((n_classes, rows.width))
    for places, x in rows.blocks():
        here, at = np.unique(codes[places], return_inverse=True)
        order = np.argsort(at, kind="stable")
        starts = np.searchsorted(at[order], np.arange(len(here)))
        sums[here] += np.add.reduceat(x[order], starts, axis=0, dtype=np.float64)
    count = np.bincount(codes, minlength=n_classes)
    return np.asarray(sums / np.maximum(count, 1)[:, None])


def _places(*sides: Rows) -> Iterator[Array | slice]:
    """Row numbers of blocks that all sides can read, the smallest step of any."""
    steps = [side.step for side in sides if side.step is not None]
    if not steps:
        yield slice(None)
        return
    for start in range(0, len(sides[0]), min(steps)):
        yield np.arange(start, min(start + min(steps), len(sides[0])))
