"""The nouns of the library: samples, classes, benchmarks and search hits (numpy only).

A benchmark is splits of `Views` and one `Classes`; a benchmark's validation set is itself a
`Benchmark`, so whatever is chosen there is chosen by the very code that scores the test.
The report of an evaluation lives with the evaluation (`crossalign.evaluation.Report`): it draws
pages and plots, which this floor must not know about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt

from crossalign.arrays import check_frames, flags, float32, row_numbers
from crossalign.labels import check_class_rows, class_rows, classes_held, label_array
from crossalign.names import composed

Array = npt.NDArray[Any]
Rows = slice | Sequence[int] | Array

CLASS_MODALITY = "class"
"""Name under which side information (one vector per class) is embedded by a model."""


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
        ``(n, d)`` vectors or ``(n, t, d)`` token rows. Arrays in memory become float32, with a
        warning where float32 cannot hold how the numbers of a column differ; a `numpy.memmap` is
        kept on disk, and selecting rows of it only composes the index. Rows of data frames belong
        together by their index, which must be the same in all.
    labels : (n,) integers or (n, L) of 0 and 1, optional
        Rows of `Classes`, -1 for a sample of none of them; `Classes.rows` makes them of names.
        Several classes a sample as one column per class, True where it is of that class; where
        every sample is of one, ``(n,)`` comes of it. ``None`` means the samples are unlabelled.
    ids : (n,) array, optional
        One identifier per sample; the row number by default.
    present : mapping of modality to (n,) bool, optional
        False where a sample lacks that modality. Such rows may hold anything; they become zeros.
    masks : mapping of modality to (n, t) bool, optional
        True where a token is real, for modalities with token rows. Other tokens may hold anything;
        in memory they become zeros, which models take for padding.
    meta : mapping of name to (n,) array, optional
        Whatever rides along (captions, questions, file names); no model reads it.

    Raises
    ------
    ValueError
        If lengths disagree, an array has the wrong number of dimensions or contains NaN or
        infinity in a present row, a mask does not fit its modality, labels are words or negative,
        or the indexes of data frames disagree.
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
    ) -> None:
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
        self._data = {name: _modality(name, values, self.present.get(name), self.masks.get(name))
                      for name, values in data.items()}
        lengths = {name: len(values) for name, values in self._data.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"data: modalities have different numbers of samples {lengths}; "
                             "give every modality the same rows, and mark missing ones in present.")
        self._n = next(iter(lengths.values()))
        self.labels = None if labels is None else class_rows(labels)
        self.ids = np.arange(self._n) if ids is None else np.asarray(ids)
        self.meta = {name: np.asarray(values) for name, values in (meta or {}).items()}
        self._check()

    def _check(self) -> None:
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
        for kind, mapping in (("present", self.present), ("masks", self.masks)):
            for name in mapping:
                if name not in self._data:
                    raise ValueError(f"{kind}: names the modality {name!r}, which data lacks; "
                                     f"data has {sorted(self._data)}.")

    # -- reading ---------------------------------------------------------------------------
    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order given."""
        return tuple(self._data)

    @property
    def widths(self) -> dict[str, int]:
        """Feature width d of each modality."""
        return {name: int(values.shape[-1]) for name, values in self._data.items()}

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
        """Rows of one modality as an array; only those rows are read from disk.

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
        for kind in (self.present, self.masks):
            if modality in kind:
                there = kind[modality] if rows is None else kind[modality][np.asarray(rows)]
                there = there.reshape(*there.shape, *[1] * (found.ndim - there.ndim))
                found = found if there.all() else np.where(there, found, found.dtype.type(0))
        return found

    def on_disk(self, modality: str) -> bool:
        """Whether a modality is memory-mapped, found out without reading a row."""
        return isinstance(self._data[modality], np.memmap)

    def blocks(self, modality: str, numbers: int = 1 << 22) -> Iterator[Array]:
        """All row numbers in order, as many at a time as hold about so many numbers, one at least.

        For ``read(modality, rows)``: memory-mapped tokens are then never in memory as a whole.
        """
        step = max(1, numbers // int(np.prod(self._data[modality].shape[1:])))
        return (np.arange(i, min(i + step, self._n)) for i in range(0, self._n, step))

    def take(self, indices: npt.ArrayLike, axis: int = 0) -> Views:
        """The samples at ``indices``, or where a mask is True; memory maps stay on disk.

        Raises
        ------
        IndexError
            As `arrays.row_numbers`.
        """
        if axis != 0:
            raise ValueError(f"axis: got {axis}; samples lie along axis 0.")
        rows = row_numbers(indices, self._n)
        part = object.__new__(Views)
        part._n = len(rows)
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
        """How many classes the samples are of, in words."""
        if self.labels is None:
            return "unlabelled"
        if self.labels.ndim == 2:
            return f"{int(self.labels.any(axis=0).sum())} classes, several a sample"
        return f"{len(np.unique(self.labels))} classes"

    # -- deriving --------------------------------------------------------------------------
    def select(self, *modalities: str) -> Views:
        """The same samples through some of the modalities only."""
        for name in modalities:
            if name not in self._data:
                raise NoSuchModalityError(name, self._data)
        part = self.take(np.arange(self._n))
        for name in set(self._data) - set(modalities):
            for mapping in (part._data, part._rows, part.present, part.masks):
                mapping.pop(name, None)
        return part

    def has(self, modality: str) -> Array:
        """Which samples have a modality, ``(n,)`` bool."""
        return self.present.get(modality, np.ones(self._n, dtype=bool))

    def having(self, modality: str) -> Views:
        """The samples that have a modality."""
        return self[self.present[modality]] if modality in self.present else self

    def beside(self, other: Views) -> Views:
        """The same samples with the modalities of as many others, whose labels and ids are dropped.

        Raises
        ------
        ValueError
            If there are more or fewer of them, or they share a modality or a name in ``meta``.
        """
        shared = sorted((set(self._data) & set(other._data)) | (set(self.meta) & set(other.meta)))
        if len(other) != self._n or shared:
            raise ValueError(f"other: {len(other)} samples for {self._n} and {shared} in both; "
                             "give as many samples, with names of their own.")
        part = self.take(np.arange(self._n))
        for name in ("_data", "_rows", "present", "masks", "meta"):
            getattr(part, name).update(getattr(other, name))
        return part

    def with_labels(self, labels: npt.ArrayLike | None) -> Views:
        """The same samples with other labels, or with none."""
        part = self.take(np.arange(self._n))
        part.labels = None if labels is None else class_rows(labels)
        part._check()
        return part

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {(self._n, *values.shape[1:])}"
                           for name, values in self._data.items())
        return f"Views({shapes}; {self.labelled})"


@dataclass(frozen=True)
class Classes:
    """The classes of a problem and what is known of each without an image of it.

    Parameters
    ----------
    embeddings : (C, a) float
        Side information, one row per class (attributes, sentence embeddings). ``a`` is 0 when
        there is none.
    seen : (C,) bool
        True for classes with training samples.
    names : C strings, optional
        By default the index of ``embeddings`` or ``seen`` where that is a data frame or series,
        else ``"0"``, ``"1"``, ...

    Raises
    ------
    ValueError
        If shapes disagree, the embeddings contain NaN or infinity, ``seen`` holds row numbers, or
        the indexes of data frames disagree with each other or with the names.
    """

    embeddings: Array
    seen: Array
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_frames({"embeddings": self.embeddings, "seen": self.seen})
        embeddings = float32(self.embeddings, "embeddings", "give numbers, one row per class")
        seen = flags(self.seen, "seen")
        names = tuple(str(n) for n in self.names)
        given: list[Any] = [v for v in (self.embeddings, self.seen) if hasattr(v, "iloc")]
        indexed = tuple(str(n) for n in given[0].index) if given else ()
        numbered = tuple(str(c) for c in range(seen.size))
        if names and indexed not in ((), names, numbered) and len(names) == len(indexed):
            c = next(c for c in range(len(names)) if names[c] != indexed[c])
            raise ValueError(f"names: class {c} is {names[c]!r}, and {indexed[c]!r} by the index "
                             "of the data frame; leave names out, or give arrays.")
        names = names or indexed or numbered
        if embeddings.ndim != 2 or seen.ndim != 1:
            raise ValueError(f"embeddings: shape {embeddings.shape} with seen of shape "
                             f"{seen.shape}; give (C, a) and (C,).")
        if not len(embeddings) == len(seen) == len(names):
            raise ValueError(f"embeddings: {len(embeddings)} rows, seen: {len(seen)}, "
                             f"names: {len(names)}; give one of each per class.")
        if not np.isfinite(embeddings).all():
            bad = int(np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0])
            raise ValueError(f"embeddings: class {bad} ({names[bad]}) holds NaN or infinity in "
                             "float32; remove the class or repair its row.")
        object.__setattr__(self, "embeddings", embeddings)
        object.__setattr__(self, "seen", seen)
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(self.seen)

    @property
    def unseen(self) -> Array:
        """(C,) bool, the complement of ``seen``."""
        return ~self.seen

    def rows(self, names: npt.ArrayLike) -> Array:
        """Rows ``(n,)`` of classes by name, as `Views` takes labels.

        Raises
        ------
        ValueError
            If a name is missing, stands twice or is not among those of the classes.
        """
        words = [composed(str(name)) for name in label_array(names, "names").ravel()]
        at = {composed(name): c for c, name in enumerate(self.names)}
        if len(at) < len(self.names):
            twice = next(name for c, name in enumerate(self.names) if at[composed(name)] != c)
            raise ValueError(f"names: {twice!r} is the name of two classes; give every class its "
                             "own.")
        foreign = sorted(set(words) - set(at))
        if foreign:
            raise ValueError(f"names: {len(foreign)} are no classes, first {foreign[0]!r}; the "
                             f"{len(at)} classes are called {', '.join(map(repr, self.names[:5]))}"
                             f"{', ...' if len(at) > 5 else ''}.")
        return np.array([at[word] for word in words], dtype=np.int64)

    def take(self, rows: npt.ArrayLike, seen: npt.ArrayLike | None = None) -> Classes:
        """The classes at ``rows``, renumbered from 0; ``seen`` replaces the flags if given.

        Raises
        ------
        IndexError
            As `arrays.row_numbers`.
        """
        index = row_numbers(rows, len(self), "classes")
        return Classes(self.embeddings[index], self.seen[index] if seen is None else flags(
            seen, "seen"), tuple(self.names[i] for i in index))


@dataclass(frozen=True)
class Benchmark:
    """Splits of samples, their classes, and the protocol that makes two numbers comparable.

    Parameters
    ----------
    name : str
        What the user typed or the folder's name.
    task : {"gzsl", "zsl", "retrieval", "transfer"}
        ``gzsl`` has splits ``train``, ``test_seen``, ``test_unseen``; ``zsl`` has those without
        ``test_seen``, and may be scored on a ``gzsl`` benchmark as well; ``retrieval`` has
        ``train``, ``query``, ``gallery``; ``transfer`` has ``pairs`` (unlabelled), ``train``
        (labelled source), ``test``.
    splits : mapping of split name to Views
    classes : Classes
    protocol : mapping
        JSON-able facts: split id, feature source, normalisation, side information.
    validation_split : callable, optional
        Makes the benchmark on which hyper-parameters and gamma are chosen; never touches test
        rows or test classes.
    resplit : callable, optional
        ``resplit(k)`` is the k-th fixed class split; a benchmark with one official split has
        none.
    """

    name: str
    task: str
    splits: Mapping[str, Views]
    classes: Classes
    protocol: Mapping[str, Any] = field(default_factory=dict)
    validation_split: Callable[[], Benchmark] | None = None
    resplit: Callable[[int], Benchmark] | None = None

    def __post_init__(self) -> None:
        if self.task not in TASK_SPLITS:
            raise ValueError(f"task: got {self.task!r}; choose one of {sorted(TASK_SPLITS)}.")
        missing = [s for s in TASK_SPLITS[self.task] if s not in self.splits]
        if missing:
            raise ValueError(f"splits: {self.task} needs {list(TASK_SPLITS[self.task])}; "
                             f"missing {missing}.")
        for split, views in self.splits.items():
            if len(views) == 0:
                raise ValueError(f"splits[{split!r}]: holds no sample; check the split file.")
            if views.labels is not None:
                check_class_rows(views.labels, len(self.classes), f"splits[{split!r}]: labels")
        check_splits(self)

    def __getitem__(self, split: str) -> Views:
        return self.splits[split]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in order; by convention the first is the source or query."""
        return self.splits["train"].modalities

    def validation(self) -> Benchmark | None:
        """The leak-free validation benchmark, or None where the data has none."""
        return None if self.validation_split is None else self.validation_split()

    def run(self, k: int) -> Benchmark:
        """The benchmark of run ``k``: the k-th class split, or this one where it is fixed."""
        return self if self.resplit is None else self.resplit(k)

    def with_name(self, name: str) -> Benchmark:
        """The same benchmark under another name, on every run."""
        resplit = self.resplit
        again = None if resplit is None else (lambda k: replace(resplit(k), name=name))
        return replace(self, name=name, resplit=again)


TASK_SPLITS: dict[str, tuple[str, ...]] = {
    "gzsl": ("train", "test_seen", "test_unseen"),
    "zsl": ("train", "test_unseen"),
    "retrieval": ("train", "query", "gallery"),
    "transfer": ("pairs", "train", "test"),
}
"""The splits that each task reads."""


class Encoder(Protocol):
    """Turns pictures into feature rows or token rows; `encoders` holds some.

    One whose attribute ``resizes`` is true is given the pictures as they are, in a list.
    """

    @property
    def side(self) -> int:
        """Height and width of its pictures, in pixels."""

    @property
    def mode(self) -> str:
        """``"L"`` for grey pictures, ``"RGB"`` for coloured ones."""

    @property
    def tokens(self) -> bool:
        """Whether its rows are tokens."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able, all that its rows depend on: equal facts give equal rows."""

    def encode(self, pictures: Any) -> Array:
        """``(n, d)`` or ``(n, t, d)`` of uint8 ``(n, side, side)`` or ``(n, side, side, 3)``."""


class TextEncoder(Protocol):
    """Turns texts into feature rows or token rows; `encoders` holds some."""

    @property
    def tokens(self) -> bool:
        """Whether its rows are tokens."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able, all that its rows depend on: equal facts give equal rows."""

    def encode(self, texts: Sequence[str]) -> Array:
        """``(n, d)``, or ``(n, t, d)`` with zeros behind the shorter ones, of n texts."""

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """What the tokens of each text are, in order."""


@dataclass(frozen=True)
class Hits:
    """Nearest neighbours of q queries, best first.

    Attributes
    ----------
    indices : (q, k) int64
        Rows of what was indexed, an item in every place: k is never more than there are.
    scores : (q, k) float32
        Similarity, larger is closer.
    """

    indices: Array
    scores: Array

    def __len__(self) -> int:
        return len(self.indices)


def check_splits(bench: Benchmark) -> None:
    """Raise ValueError where a zero-shot split leaks.

    Training rows must be of seen classes, unseen test rows of unseen classes, and no sample may
    stand in two splits (compared by ``ids``).
    """
    seen = bench.classes.seen
    wants = {"gzsl": {"train": True, "test_seen": True, "test_unseen": False},
             "zsl": {"train": True, "test_unseen": False},
             "retrieval": {"train": True, "query": False, "gallery": False}}.get(bench.task, {})
    for split, wanted in wants.items():
        labels = bench.splits[split].labels
        if labels is None:
            raise ValueError(f"splits[{split!r}]: unlabelled; {bench.task} needs labels.")
        held = classes_held(labels)
        wrong = held[seen[held] != wanted]
        if len(wrong):
            raise ValueError(
                f"splits[{split!r}]: holds the {'unseen' if wanted else 'seen'} class "
                f"{bench.classes.names[wrong[0]]!r}; it may hold {'seen' if wanted else 'unseen'} "
                "classes only.")
    names = list(wants)
    for i, first in enumerate(names):
        for second in names[i + 1:]:
            both = np.intersect1d(bench.splits[first].ids, bench.splits[second].ids)
            if len(both):
                raise ValueError(f"splits: {len(both)} samples stand in both {first!r} and "
                                 f"{second!r}, for example {both[0]!r}; make them disjoint.")


def split_id(indices: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike]) -> str:
    """SHA-256 over sorted index arrays, first 16 hex digits: two numbers compare only if equal."""
    digest = hashlib.sha256()
    items = indices.items() if isinstance(indices, Mapping) else enumerate(indices)
    for name, values in items:
        digest.update(str(name).encode())
        digest.update(np.sort(np.asarray(values, dtype=np.int64)).tobytes())
    return digest.hexdigest()[:16]


def _modality(name: str, values: npt.ArrayLike, present: Array | None,
              mask: Array | None) -> Array:
    """Checked float32 rows of one modality; a memory map is returned as it is."""
    array: Array = (values if isinstance(values, np.memmap) else
                    float32(values, f"data[{name!r}]"))
    if array.ndim not in (2, 3):
        raise ValueError(f"data[{name!r}]: shape {array.shape}; give (n, d) vectors or "
                         "(n, t, d) tokens.")
    if 0 in array.shape[1:]:
        raise ValueError(f"data[{name!r}]: shape {array.shape} has no columns or no tokens; give "
                         "one or more.")
    if mask is not None and (array.ndim != 3 or mask.shape != array.shape[:2]):
        raise ValueError(f"masks[{name!r}]: shape {mask.shape} does not fit data of shape "
                         f"{array.shape}; give (n, t) for (n, t, d) tokens.")
    if isinstance(array, np.memmap):
        return array
    if present is not None and len(present) == len(array) and not present.all():
        array = np.where(present.reshape(-1, *[1] * (array.ndim - 1)), array, np.float32(0))
    if mask is not None:
        array = np.where(mask[..., None], array, np.float32(0))
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0])
        raise ValueError(f"data[{name!r}]: row {row} holds NaN or infinity in float32; "
                         "repair it or mark it missing in present.")
    return array
