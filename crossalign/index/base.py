"""The common part of all indexes: `add` takes vectors, `search` returns neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from crossalign.index.folder import Folder
from crossalign.sentences import short
from crossalign.types import Hits

Array = npt.NDArray[Any]
Where = Mapping[str, Any]


class Index(BaseEstimator):  # type: ignore[misc]
    """Base of all indexes. Its constructor takes parameters, from which `clone` makes another index
    of that kind.

    An item has a vector, an id, which is a text or a whole number, and a payload of plain values by
    key, by which a search may be narrowed (see `where`).

    Class attributes
    ----------------
    measure : str
        Measure by which items are ranked. Indexes of one measure take the same vectors and agree,
        as far as they are exact.
    lacks : frozenset of str
        Promises of the protocol that an index cannot keep: ``"ties"``, that equal scores are
        ordered by the time of adding; ``"whole adds"``, that a kill leaves an addition undone or
        done; ``"arrays"``, that `stored` holds the items; ``"clones"``, that a clone is empty;
        ``"readers"``, that others can open a folder while one writes.
    """

    measure: ClassVar[str]
    lacks: ClassVar[frozenset[str]] = frozenset()

    def __len__(self) -> int:
        """Count the items."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def add(self, vectors: npt.ArrayLike, ids: npt.ArrayLike | None = None,
            payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Add items; one whose id is there is replaced.

        Parameters
        ----------
        vectors : array-like
            Vectors ``(n, w)``.
        ids : array-like, optional
            Ids ``(n,)``, texts or whole numbers; by default row numbers, which continue the
            numbering.
        payload : list of dict, optional
            Plain values by key for every item: texts, numbers, True and False; default none.

        Raises
        ------
        ValueError
            If vectors, ids or payloads are not of this form.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    def search(self, queries: npt.ArrayLike, k: int, where: Where | None = None) -> Hits:
        """Find the ``min(k, n)`` best items of every query, best first.

        Parameters
        ----------
        queries : array-like
            Vectors ``(q, w)``.
        k : int
            Number of neighbours, at least one.
        where : dict, optional
            Filter on payloads, as `index.where` defines it; n is the number of items that match.
            A key that no item has is a missing key everywhere.

        Raises
        ------
        ValueError
            If ``k`` is below one, or the queries or the filter are not of this form.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove items ``(n,)``.

        Raises
        ------
        ValueError
            If there is no item of an id; then none is removed.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    def payload(self, ids: npt.ArrayLike) -> list[dict[str, Any]]:
        """Return the payloads of items ``(n,)``; ValueError if there is no item of an id."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def keys(self) -> list[str]:
        """Return the keys of the payloads that there are, sorted."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def save(self, folder: str | Path) -> Path:
        """Write the index to a folder, without room for what was removed, and return its path.

        An index that is opened from a folder writes every change there at once.

        Raises
        ------
        ValueError
            If the folder holds something else, cannot be written, or another process writes to
            it.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a saved index of this class; ``Index.open`` opens one of any class.

        Raises
        ------
        ValueError
            If the folder holds no such index or is damaged.
        """
        from crossalign import index

        place = Folder(folder)
        record = place.read()
        known = {name: getattr(index, name) for name in index.__all__}
        found = known.get(record.get("class", ""))
        if not isinstance(found, type) or not issubclass(found, cls):
            raise ValueError(f"folder: {str(place.path)!r} holds a {short(record.get('class'))}, "
                             f"not a {cls.__name__}; open it by its own class.")
        try:
            opened: Self = found(**_of_their_types(found, found._parameters(place)))
        except TypeError as error:
            raise ValueError(f"folder: {str(place.path)!r} is damaged ({error}); save the index "
                             "again.") from error
        opened._open(place)
        return opened

    def close(self) -> None:
        """Let others write to the folder that the index was opened from."""

    def stored(self) -> dict[str, Any]:
        """Return arrays, ids and payloads of the items."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Fill an empty index with what `stored` gave.

        Raises
        ------
        ValueError
            If it does not fit the index.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    @classmethod
    def _parameters(cls, folder: Folder) -> dict[str, Any]:
        """Return the parameters of the index in a folder."""
        return dict(folder.manifest["params"])

    def _open(self, folder: Folder) -> None:
        """Take the items of a folder, and write changes there."""
        raise NotImplementedError("abstract")  # pragma: no cover


def _of_their_types(kind: type[Index], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of a manifest; TypeError unless each is of its default's type."""
    usual = signature(kind).parameters
    for name, value in params.items():
        default = usual[name].default if name in usual else None
        kinds = (int, float) if isinstance(default, float) else type(default)
        if isinstance(default, int | float) and (isinstance(value, bool)
                                                 or not isinstance(value, kinds)):
            raise TypeError(f"{name} is {short(value)}")
    return params


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


def check_there(unknown: Sequence[Any]) -> None:
    """Raise ValueError if there are ids that no item has."""
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise ValueError(f"ids: there is no item {short(unknown[0])}{more}; give ids that were "
                         "added.")
