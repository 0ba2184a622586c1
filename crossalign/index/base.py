"""The common part of all indexes: `add` takes vectors, `search` returns neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from crossalign.types import Hits

Array = npt.NDArray[Any]


class Index(BaseEstimator):  # type: ignore[misc]
    """Base of all indexes. Its constructor takes parameters, from which `clone` makes an empty
    index.

    Class attributes
    ----------------
    measure : str
        Measure by which items are ranked. Indexes of one measure take the same vectors and agree,
        as far as they are exact.
    """

    measure: ClassVar[str]

    def __len__(self) -> int:
        """Count the items."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def add(self, vectors: npt.ArrayLike) -> None:
        """Append vectors ``(n, w)``; their rows continue the numbering."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def search(self, queries: npt.ArrayLike, k: int) -> Hits:
        """Find the ``min(k, n)`` best items of every query ``(q, w)``, best first."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def stored(self) -> dict[str, Array]:
        """Return the arrays that hold the items."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Fill an empty index with what `stored` gave; by default vectors are added again.

        Raises
        ------
        ValueError
            If the arrays do not fit the index.
        """
        self.add(arrays["vectors"])


def check_count(k: int) -> None:
    """Raise ValueError unless ``k`` is a number of neighbours."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k: got {k!r}; ask for at least one neighbour, as a whole number.")


def check_vectors(vectors: npt.ArrayLike, width: int | None = None) -> Array:
    """Return finite float32 rows, checked to be of the given width if there is one.

    Raises
    ------
    ValueError
        If the shape is not ``(n, width)`` or a value is NaN or infinite.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or width not in (None, rows.shape[1]):
        raise ValueError(f"vectors: shape {rows.shape}; give (n, {width or 'd'}).")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"vectors: row {bad} holds NaN or infinity; repair or drop it.")
    return rows
