"""Samples seen through named modalities, and the rows of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from crossalign.arrays import (
    check_frames,
    column_names,
    flags,
    lost_digits_noted,
    refuse_rows,
    row_numbers,
)
from crossalign.labels import class_rows, missing_values, refuse_repeated
from crossalign.types.modality import blanked, checked_modality

Array = npt.NDArray[Any]
Rows = slice | Sequence[int] | Array
_MAPPINGS = ("_data", "_rows", "_kinds", "column_names", "present", "masks", "meta")
"""Attributes of `Views` that are mappings."""


class NoSuchModalityError(KeyError, ValueError):
    """A modality was asked for that the samples do not have."""

    def __init__(self, modality: str, known: Iterable[str]) -> None:
        super().__init__(f"modality {modality!r} is not among {list(known)}; name one of those.")

    def __str__(self) -> str:
        return str(self.args[0])


class Views:
    """n samples seen through named modalities.

    Parameters
    ----------
    data : mapping of modality name to array
        Arrays of the modalities: vectors ``(n, d)``, tokens ``(n, t, d)``, frames of tokens ``(n,
        f, t, d)``, images ``(n, h, w)``, ``(n, h, w, 1)`` or ``(n, h, w, 3)`` of uint8, or token
        ids ``(n, t)``, see ``kinds``. Floats of 16 and 32 bits, images and token ids keep their
        type; other numbers become float32, with a warning if float32 cannot tell apart the numbers
        of a column. A `numpy.memmap` stays on disk; selecting rows of it only composes the index.
        Rows of data frames belong together by their index, which must be the same in all.
    labels : (n,) integers or (n, L) of 0 and 1, optional
        Rows of `Classes`, -1 for a sample of none of them; `Classes.rows` makes them from names.
        Several classes a sample are one column per class, True where the sample is of it; if every
        sample has just one, they become ``(n,)``. ``None`` means the samples are unlabelled.
    ids : (n,) array, optional
        Identifiers, one per sample and no two alike; default the row numbers. Only a selection
        that takes a sample twice repeats its identifier.
    present : mapping of modality to (n,) bool, optional
        Flags, False where a sample lacks that modality. Such rows may hold anything; they are read
        as zeros.
    masks : mapping of modality to (n, t) bool, optional
        Flags of tokens and token ids, ``(n, f, t)`` for frames, True where a token is real; default
        all. Other tokens may hold anything; they are read as zeros.
    meta : mapping of name to (n,) array, optional
        Further columns, such as captions, questions or file names; no model reads them.
    kinds : mapping of modality to kind, optional
        Kinds of modalities, ``"vectors"``, ``"tokens"``, ``"frames"``, ``"images"`` or ``"ids"``,
        for arrays whose type and axes do not tell; see `kinds.kind_of`. Token ids must always be
        named.

    Attributes
    ----------
    column_names : dict of modality to list of str
        Names of the columns of modalities that came as data frames.
    lost_digits : tuple of str
        Modalities whose numbers differ by less than float32 can tell apart, and where.

    Raises
    ------
    ValueError
        If lengths disagree, an array has the wrong number of dimensions or contains NaN or
        infinity in a present row, a mask does not fit its modality or leaves a present sample no
        token, labels are words or negative, an identifier is missing or stands there twice, a name
        is no text, or the indexes of data frames disagree.
    """

    def __init__(
        self,
        data: Mapping[str, npt.ArrayLike],
        labels: npt.ArrayLike | None = None,
        *,
        ids: npt.ArrayLike | None = None,
        present: Mapping[str, npt.ArrayLike] | None = None,
        masks: Mapping[str, npt.ArrayLike] | None = None,
        meta: Mapping[str, npt.ArrayLike] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        for name in data:
            if not isinstance(name, str):
                raise ValueError(f"data: the modality name {name!r} is of type "
                                 f"{type(name).__name__}; give text, as {str(name)!r}.")
        if not data:
            raise ValueError("data: no modality given; pass at least one, as {'image': array}.")
        groups: dict[str, Mapping[str, Any]] = {
            "data": data, "present": present or {}, "masks": masks or {}, "meta": meta or {}}
        check_frames({f"{group}[{name!r}]": values for group, given in groups.items()
                      for name, values in given.items()} | {"labels": labels, "ids": ids})
        self._rows: dict[str, Array | None] = dict.fromkeys(data)
        self.present = {name: flags(p, f"present[{name!r}]")
                        for name, p in (present or {}).items()}
        self.masks = {name: flags(m, f"masks[{name!r}]") for name, m in (masks or {}).items()}
        told = {} if kinds is None else kinds
        with lost_digits_noted() as lost:
            checked = {name: checked_modality(name, values, told.get(name), self.present.get(name),
                                              self.masks.get(name))
                       for name, values in data.items()}
        self.lost_digits = tuple(lost)
        self._data = {name: array for name, (array, _) in checked.items()}
        self._kinds = {name: kind for name, (_, kind) in checked.items()}
        self.column_names = {name: names for name, values in data.items()
                             if (names := column_names(values))}
        lengths = {name: len(values) for name, values in self._data.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"data: modalities have different numbers of samples {lengths}; "
                             "give every modality the same rows, and mark missing ones in present.")
        self._n = next(iter(lengths.values()))
        self.labels = None if labels is None else class_rows(labels)
        self.ids = np.arange(self._n) if ids is None else np.asarray(ids)
        self.meta = {name: np.asarray(values) for name, values in (meta or {}).items()}
        self._check(told)
        refuse_rows(missing_values(self.ids), "ids", "missing", "give every sample one")
        if ids is not None:
            refuse_repeated(self.ids)
        for name, mask in self.masks.items():
            empty = ~mask.any(axis=tuple(range(1, mask.ndim))) & self.has(name)
            refuse_rows(empty, f"masks[{name!r}]", "no real token",
                        f"mark at least one, or mark the sample missing in present[{name!r}]")

    def _check(self, told: Mapping[str, str] | None = None) -> None:
        columns: dict[str, Array] = {"ids": self.ids}
        if self.labels is not None:
            columns["labels"] = self.labels
        columns |= {f"present[{m!r}]": p for m, p in self.present.items()}
        columns |= {f"masks[{m!r}]": p for m, p in self.masks.items()}
        columns |= {f"meta[{m!r}]": p for m, p in self.meta.items()}
        if self.ids.ndim != 1:
            raise ValueError(f"ids: shape {self.ids.shape}; give one per sample, (n,).")
        for name, values in self.present.items():
            if values.ndim > 1:
                raise ValueError(f"present[{name!r}]: shape {values.shape}; give one bool per "
                                 "sample, (n,), and a mask (n, t) of tokens as masks.")
        for name, values in columns.items():
            count = len(np.atleast_1d(values))
            if values.ndim == 0 or count != self._n:
                raise ValueError(f"{name}: {count} rows for {self._n} samples; "
                                 "give one per sample.")
        for given, mapping in (("present", self.present), ("masks", self.masks),
                               ("kinds", told or {})):
            for name in mapping:
                if name not in self._data:
                    raise ValueError(f"{given}: names the modality {name!r}, which data lacks; "
                                     f"data has {sorted(self._data)}.")

    # -- reading ---------------------------------------------------------------------------
    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order given."""
        return tuple(self._data)

    @property
    def widths(self) -> dict[str, int]:
        """Feature width d of each modality: the number of colours for images, 1 for token ids."""
        return {name: _width(values, self._kinds[name]) for name, values in self._data.items()}

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each modality, see `kind`."""
        return dict(self._kinds)

    def kind(self, modality: str) -> str:
        """Return the kind of a modality: ``"vectors"``, ``"tokens"``, ``"frames"``, ``"images"`` or
        ``"ids"``.

        Raises
        ------
        KeyError
            If the modality is not here.
        """
        if modality not in self._kinds:
            raise NoSuchModalityError(modality, self._kinds)
        return self._kinds[modality]

    @property
    def shape(self) -> tuple[int]:
        """``(n,)``; what scikit-learn's splitters read."""
        return (self._n,)

    @property
    def iloc(self) -> Views:
        """Positional indexer, as a data frame has it; what scikit-learn's splitters read."""
        return self

    @property
    def loc(self) -> Views:
        """Indexer by mask, as a data frame has it; what scikit-learn's splitters read."""
        return self

    def __len__(self) -> int:
        return self._n

    def __contains__(self, modality: object) -> bool:
        return modality in self._data

    def __iter__(self) -> Iterator[Views]:
        return (self[i : i + 1] for i in range(self._n))

    @overload
    def __getitem__(self, key: str) -> Array: ...
    @overload
    def __getitem__(self, key: Rows) -> Views: ...
    def __getitem__(self, key: str | Rows) -> Array | Views:
        if isinstance(key, str):
            return self.read(key)
        if isinstance(key, slice):
            return self.take(np.arange(self._n)[key])
        return self.take(key)

    def read(self, modality: str, rows: npt.ArrayLike | None = None) -> Array:
        """Return rows of one modality as an array; only those rows are read from disk.

        Raises
        ------
        KeyError
            If the modality is not here.
        """
        if modality not in self._data:
            raise NoSuchModalityError(modality, self._data)
        chosen = self._rows[modality]
        if rows is not None:
            chosen = np.asarray(rows) if chosen is None else chosen[np.asarray(rows)]
        values = self._data[modality]
        found = values if chosen is None else np.asarray(values[chosen])
        if not self.on_disk(modality):  # zeros were put in once
            return found
        for flagged in (self.present, self.masks):
            if modality in flagged:
                there = flagged[modality] if rows is None else flagged[modality][np.asarray(rows)]
                found = found if there.all() else blanked(found, there)
        return found

    def on_disk(self, modality: str) -> bool:
        """Tell whether a modality is memory-mapped, without reading a row."""
        return isinstance(self._data[modality], np.memmap)

    def blocks(self, modality: str, numbers: int = 1 << 22) -> Iterator[Array]:
        """Yield all row numbers in order, in blocks of rows that hold about ``numbers`` numbers, at
        least one row each.

        For ``read(modality, rows)``: memory-mapped tokens are then never in memory as a whole.
        """
        step = max(1, numbers // int(np.prod(self._data[modality].shape[1:])))
        return (np.arange(i, min(i + step, self._n)) for i in range(0, self._n, step))

    def take(self, indices: npt.ArrayLike, axis: int = 0) -> Views:
        """Return the samples at ``indices``, or where a mask is True; memory maps stay on disk.

        All samples in their order share their arrays with the result; other selections of arrays in
        memory are copies.

        Raises
        ------
        IndexError
            See `arrays.row_numbers`.
        """
        if axis != 0:
            raise ValueError(f"axis: got {axis}; samples lie along axis 0.")
        rows = row_numbers(indices, self._n)
        if len(rows) == self._n and bool((rows == np.arange(self._n)).all()):
            return self._same()
        part = object.__new__(Views)
        part._n, part._kinds = len(rows), dict(self._kinds)
        part.lost_digits, part.column_names = self.lost_digits, dict(self.column_names)
        part._data, part._rows = {}, {}
        for name, values in self._data.items():
            if isinstance(values, np.memmap):
                chosen = self._rows[name]
                part._data[name] = values
                part._rows[name] = rows if chosen is None else chosen[rows]
            else:
                part._data[name], part._rows[name] = values[rows], None
        part.labels = None if self.labels is None else self.labels[rows]
        part.ids = self.ids[rows]
        part.present = {name: p[rows] for name, p in self.present.items()}
        part.masks = {name: m[rows] for name, m in self.masks.items()}
        part.meta = {name: m[rows] for name, m in self.meta.items()}
        return part

    @property
    def truth(self) -> Array:
        """Labels ``(n,)`` or ``(n, L)``; ValueError where the samples have none."""
        if self.labels is None:
            raise ValueError("labels: the samples are unlabelled; give Views with labels.")
        return self.labels

    @property
    def labelled(self) -> str:
        """Number of classes of the samples, in words."""
        if self.labels is None:
            return "unlabelled"
        if self.labels.ndim == 2:
            return f"{int(self.labels.any(axis=0).sum())} classes, several a sample"
        return f"{len(np.unique(self.labels))} classes"

    def _same(self) -> Views:
        """Return the same samples, sharing their arrays, in mappings of their own."""
        part = copy(self)
        for name in _MAPPINGS:
            setattr(part, name, dict(getattr(self, name)))
        return part

    # -- deriving --------------------------------------------------------------------------
    def select(self, *modalities: str) -> Views:
        """Return the same samples with some of the modalities only."""
        for name in modalities:
            if name not in self._data:
                raise NoSuchModalityError(name, self._data)
        part = self._same()
        for name in set(self._data) - set(modalities):
            for mapping in (part._data, part._rows, part._kinds, part.column_names, part.present,
                            part.masks):
                mapping.pop(name, None)
        return part

    def has(self, modality: str) -> Array:
        """Return True where a sample has a modality, ``(n,)`` bool."""
        return self.present.get(modality, np.ones(self._n, dtype=bool))

    def having(self, modality: str) -> Views:
        """Return the samples that have a modality."""
        return self[self.present[modality]] if modality in self.present else self

    def without(self, absent: Mapping[str, npt.ArrayLike]) -> Views:
        """Return the same samples, some of which lack a modality; its rows are then read as zeros.

        Parameters
        ----------
        absent : mapping of modality to (n,) bool
            True where a sample loses the modality.
        """
        part = self._same()
        for name, flagged in absent.items():
            there = self.has(name) & ~flags(flagged, f"absent[{name!r}]")
            part.present[name] = there
            if not self.on_disk(name):
                part._data[name] = blanked(self._data[name], there)
        part._check()
        return part

    def beside(self, other: Views) -> Views:
        """Return the same samples with the modalities of as many others, whose labels and ids are
        dropped.

        Raises
        ------
        ValueError
            If there are more or fewer of them, or they share a modality or a name in ``meta``.
        """
        shared = sorted((set(self._data) & set(other._data)) | (set(self.meta) & set(other.meta)))
        if len(other) != self._n or shared:
            raise ValueError(f"other: {len(other)} samples for {self._n} and {shared} in both; "
                             "give as many samples, with names of their own.")
        part = self._same()
        for name in _MAPPINGS:
            getattr(part, name).update(getattr(other, name))
        part.lost_digits += other.lost_digits
        return part

    @staticmethod
    def concatenate(parts: Sequence[Views]) -> Views:
        """Join samples of several, one after the other, with the modalities that all have.

        Rows of one memory map stay on disk; those of several maps are read. Samples are numbered
        anew, and ``meta`` is dropped.

        Raises
        ------
        ValueError
            If no modality is common to all, or only some are labelled.
        """
        first = parts[0]
        names = [m for m in first.modalities if all(m in part for part in parts)]
        labels = [part.labels for part in parts if part.labels is not None]
        if not names or len(labels) not in (0, len(parts)):
            raise ValueError(f"parts: {len(labels)} of {len(parts)} are labelled and {names} are "
                             "in all; give parts with a common modality, all with labels or none.")
        whole = object.__new__(Views)
        whole._n = sum(len(part) for part in parts)
        whole._kinds = {m: first.kind(m) for m in names}
        whole.lost_digits = tuple(dict.fromkeys(
            told for part in parts for told in part.lost_digits))
        whole.column_names = {m: first.column_names[m] for m in names if m in first.column_names}
        whole._data, whole._rows = {}, {}
        for m in names:
            one_map = first.on_disk(m) and all(part._data[m] is first._data[m] for part in parts)
            whole._rows[m] = np.concatenate([_numbers(part, m) for part in parts]) if one_map \
                else None
            whole._data[m] = first._data[m] if one_map else np.concatenate(
                [part[m] for part in parts])
        whole.labels = np.concatenate(labels) if labels else None
        whole.ids, whole.meta = np.arange(whole._n), {}
        whole.present = {m: np.concatenate([part.has(m) for part in parts])
                         for m in names if any(m in part.present for part in parts)}
        whole.masks = {m: np.concatenate([_mask(part, m) for part in parts])
                       for m in names if any(m in part.masks for part in parts)}
        return whole

    def with_labels(self, labels: npt.ArrayLike | None) -> Views:
        """Return the same samples with other labels, or with none."""
        part = self._same()
        part.labels = None if labels is None else class_rows(labels)
        part._check()
        return part

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {(self._n, *values.shape[1:])}"
                           for name, values in self._data.items())
        return f"Views({shapes}; {self.labelled})"


def _width(values: Array, kind: str) -> int:
    """Return the number of numbers in a token, a vector or a pixel."""
    inner = {"ids": 2, "images": 3}.get(kind)
    return int(values.shape[-1]) if inner is None or values.ndim > inner else 1


def _numbers(views: Views, modality: str) -> Array:
    """Return the rows ``(n,)`` of a memory map that hold the samples."""
    rows = views._rows[modality]
    return np.arange(len(views)) if rows is None else rows


def _mask(views: Views, modality: str) -> Array:
    """Return the real tokens of a modality; without a mask all are."""
    if modality in views.masks:
        return views.masks[modality]
    shape = views._data[modality].shape[1:]
    inner = shape if views.kind(modality) == "ids" else shape[:-1]
    return np.ones((len(views), *inner), dtype=bool)
