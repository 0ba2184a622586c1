"""Relevance: gallery items that answer a query share its class, or one of its classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.labels import label_array
from crossalign.metrics.checks import Array, as_codes, check_same_length


class Relevance:
    """Relevance of gallery items to queries, one row for each distinct label of the queries.

    Parameters
    ----------
    query_labels : (q,) or (q, L)
        Classes of the queries; where an item has several, one column of 0 and 1 per class.
    gallery_labels : (g,) or (g, L)
        Classes of the gallery. If one side is (n, L) and the other (n,), the latter are columns of
        the former.
    names : pair of str
        Names of the two arguments in errors.

    Attributes
    ----------
    codes : (q,) int
        Number of the row of each query.
    shape : (q, g)
        Numbers of queries and of gallery items.

    Raises
    ------
    ValueError
        Labels are empty, of other shapes or types, or missing; or numbers of columns differ.
    """

    def __init__(
        self,
        query_labels: ArrayLike,
        gallery_labels: ArrayLike,
        names: tuple[str, str] = ("query_labels", "gallery_labels"),
    ) -> None:
        arrays = {
            name: label_array(labels, name)
            for name, labels in zip(names, (query_labels, gallery_labels), strict=True)
        }
        width = max(array.shape[1] if array.ndim == 2 else 0 for array in arrays.values())
        self._gallery: Array
        if width < 2:
            self.codes, self._gallery = as_codes(**arrays)
            self._sets = None
        else:
            queries, self._gallery = (_sets(name, a, width) for name, a in arrays.items())
            self._sets, codes = np.unique(queries, axis=0, return_inverse=True)
            self.codes = codes.ravel().astype(np.int32)
        self.shape = len(self.codes), len(self._gallery)

    def row(self, code: int) -> NDArray[np.int32]:
        """Return (g,) 1 where an item is relevant to queries of this code, as int32 like keys of
        scores.
        """
        if self._sets is None:
            return np.equal(self._gallery, code).astype(np.int32)
        shared = self._gallery[:, self._sets[code]].any(axis=1)
        return np.asarray(shared, dtype=np.int32)

    def counts(self, exclude_self: bool = False) -> NDArray[np.intp]:
        """Count the relevant items of each query, (q,), without item i for query i if asked.

        Raises
        ------
        ValueError
            exclude_self with q != g.
        """
        if exclude_self:
            check_same_length("query_labels", self.codes, "gallery_labels", self._gallery)
        if self._sets is None:
            wide = max(int(self.codes.max()), int(self._gallery.max())) + 1
            relevant = np.bincount(self._gallery, minlength=wide)[self.codes]
            own = self.codes == self._gallery if exclude_self else 0
        else:
            relevant = np.array([self.row(c).sum() for c in range(len(self._sets))])[self.codes]
            own = (self._sets[self.codes] & self._gallery).any(axis=1) if exclude_self else 0
        return np.asarray(relevant - own, dtype=np.intp)


def _sets(name: str, labels: Array, width: int) -> NDArray[np.bool_]:
    """Return labels, given as columns or as numbers of columns, as (n, width) bool."""
    if labels.ndim == 1 and labels.dtype.kind in "biu" and labels.size:
        if labels.min() < 0 or labels.max() >= width:
            raise ValueError(
                f"{name}: got {labels.min()}..{labels.max()} and the other labels have "
                f"{width} columns; give numbers of those columns, or as many columns."
            )
        columns: NDArray[np.bool_] = labels[:, None] == np.arange(width)
        return columns
    if labels.ndim != 2 or labels.shape[1] != width or not labels.size:
        raise ValueError(
            f"{name}: got shape {labels.shape} and dtype {labels.dtype}, and the other labels have "
            f"{width} columns; give one column per class on both sides."
        )
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"{name}: got shape {labels.shape} with values other than 0 and 1; give one label per "
            "item, or one column of 0 and 1 per class."
        )
    return labels.astype(np.bool_)
