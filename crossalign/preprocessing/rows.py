"""Rows of one modality, in memory or on disk, with a function applied to each; and sums over them.

Rows in memory are one block. Memory-mapped rows are read and dropped a block at a time, so that a
statistic needs the memory of one block. Sums are in float64, and second moments are about a mean
that was found before, so that a large offset does not cancel the differences of rows.
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
    """Rows ``(n, d)`` or ``(n, t, d)``; see `rows_of` and `rows_at`.

    Attributes
    ----------
    n : int
        Number of rows.
    read : callable
        Function from row numbers, or ``slice(None)``, to those rows.
    step : int or None
        Number of rows read at a time; None for rows in memory.
    """

    n: int
    read: Callable[[Array | slice], Array]
    step: int | None = None

    def __len__(self) -> int:
        return self.n

    @property
    def width(self) -> int:
        """Number d of columns."""
        return int(self.read(np.arange(0)).shape[-1])

    def then(self, step: Callable[[Array], Array]) -> Rows:
        """Apply a function to the rows; it must treat every row by itself.

        In memory it is called once, on disk for every block that is read.
        """
        if self.step is None:
            return held(step(self.read(slice(None))))
        return Rows(self.n, lambda rows: step(self.read(rows)), self.step)

    def with_each(self, values: Array, step: Callable[[Array, Array], Array]) -> Rows:
        """Apply a function to the rows and the rows of an array ``(n, ...)`` beside them."""
        if self.step is None:
            return held(step(self.read(slice(None)), values))
        return Rows(self.n, lambda rows: step(self.read(rows), values[rows]), self.step)

    def less(self, row: Array) -> Rows:
        """Subtract a row ``(d,)``, such as the mean, from all rows."""
        return self.then(lambda x: x - row)

    def by(self, matrix: Array) -> Rows:
        """Multiply the rows by a matrix ``(d, k)``."""
        return self.then(lambda x: x @ matrix)

    def leading(self, columns: int | None) -> Rows:
        """Keep the first columns; all for None."""
        return self if columns is None else self.then(lambda x: x[:, :columns])

    def less_class(self, codes: Array, means: Array) -> Rows:
        """Subtract from each row the row of ``means (C, d)`` that its code ``(n,)`` names."""
        return self.with_each(codes, lambda x, c: x - means[c])

    def take(self, rows: npt.ArrayLike) -> Rows:
        """Return the rows of some numbers, or where a mask ``(n,)`` is true."""
        numbers = np.asarray(rows)
        numbers = np.flatnonzero(numbers) if numbers.dtype == bool else numbers
        if self.step is None:
            return held(self.read(numbers))
        return Rows(len(numbers), lambda rows: self.read(numbers[rows]), self.step)

    def blocks(self) -> Iterator[tuple[Array | slice, Array]]:
        """Yield row numbers and those rows, in order; in memory all at once."""
        return ((rows, self.read(rows)) for rows in _places(self))


def held(values: npt.ArrayLike) -> Rows:
    """Wrap an array in memory as rows."""
    array = np.asarray(values)
    return Rows(len(array), lambda rows: np.asarray(array[rows]))


def rows_of(views: Views, modality: str) -> Rows:
    """Return the samples of a modality as float32; those that lack it must have been left out.

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
    """Return rows ``codes (n,)`` of a table, in memory only if the rows ``beside`` them are."""
    if beside.step is None:
        return held(np.ascontiguousarray(table[codes]))
    return Rows(len(codes), lambda rows: table[codes[rows]], beside.step)


class Extent(NamedTuple):
    """Extent of rows: their number, and mean, deviation, least and greatest value of columns
    ``(d,)``.

    Mean and deviation are float64.
    """

    n: int
    mean: Array
    deviation: Array
    low: Array
    high: Array


def extent(rows: Rows) -> Extent | None:
    """Compute number, means, deviations and ends of rows ``(n, d)``; None if there is no row.

    Rows are read once; means and squares of blocks are merged about their own means (Chan, Golub
    and LeVeque 1983).
    """
    total: Extent | None = None
    for _, block in rows.blocks():
        for x in np.array_split(block, max(1, block.size >> 22)):
            if not len(x):
                continue
            mean = x.mean(axis=0, dtype=np.float64)
            squares = ((x - mean)**2).sum(axis=0)                  # until the end in deviation
            part = Extent(len(x), mean, squares, x.min(axis=0), x.max(axis=0))
            total = part if total is None else _merged(total, part)
    if total is None:
        return None
    return total._replace(deviation=np.sqrt(total.deviation / total.n))


def check_varying(rows: Rows, name: str, over: str = "the training samples") -> None:
    """Raise ValueError if the rows ``(n, d)`` of a modality are one or all the same."""
    ends = extent(rows)
    if ends is None or not (ends.high > ends.low).any():
        raise ValueError(f"X: {name!r} is constant over {over} (n={len(rows)}); give samples that "
                         "differ, as nothing can be aligned with one.")


def _merged(a: Extent, b: Extent) -> Extent:
    n, moved = a.n + b.n, b.mean - a.mean
    return Extent(n, a.mean + moved * b.n / n,
                  a.deviation + b.deviation + moved**2 * a.n * b.n / n,
                  np.minimum(a.low, b.low), np.maximum(a.high, b.high))


def mean_row(rows: Rows) -> Array:
    """Return the mean row ``(d,)``, in float64."""
    return np.asarray(sum(x.sum(axis=0, dtype=np.float64) for _, x in rows.blocks()) / len(rows))


def products(first: Rows, second: Rows) -> Array:
    """Compute ``(d, d')``: the sum of x y' over the rows of two modalities, which belong
    together.
    """
    return np.asarray(sum(a.T @ b for a, b in together(first, second)))


def together(first: Rows, second: Rows) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of rows that belong together."""
    return ((first.read(rows), second.read(rows)) for rows in _places(first, second))


def scatter(rows: Rows) -> Array:
    """Compute ``(d, d)``: the sum of x x'. Give rows less their mean for a covariance."""
    return np.asarray(sum(x.T @ x for _, x in rows.blocks()))


def class_means(rows: Rows, codes: Array, n_classes: int) -> Array:
    """Compute the mean row of each class ``(C, d)`` of rows ``(n, d)`` with codes 0..C-1, in
    float64.

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
    """Yield row numbers of blocks that all sides can read, by the smallest step of any."""
    steps = [side.step for side in sides if side.step is not None]
    if not steps:
        yield slice(None)
        return
    for start in range(0, len(sides[0]), min(steps)):
        yield np.arange(start, min(start + min(steps), len(sides[0])))
