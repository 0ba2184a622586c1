"""The classes of a problem and their side information."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import check_frames, flags, float32, lost_digits_noted, row_numbers
from crossalign.labels import label_array
from crossalign.names import composed

Array = npt.NDArray[Any]

CLASS_MODALITY = "(class)"
"""Name under which models keep side information, beside the names that users give modalities."""


def views_among(modalities: Iterable[str]) -> list[str]:
    """Return the modalities that are views of samples, and not side information."""
    return [m for m in modalities if m != CLASS_MODALITY]


@dataclass(frozen=True)
class Classes:
    """The classes of a problem, and the side information about each.

    Parameters
    ----------
    embeddings : (C, a) float
        Side information, one row per class (attributes, sentence embeddings); ``a`` is 0 if there
        is none.
    seen : (C,) bool
        Seen classes: True for those with training samples.
    names : C strings, optional
        Names of the classes; by default the index of ``embeddings`` or ``seen`` if that is a data
        frame or series, else ``"0"``, ``"1"``, ...
    texts : C tuples of strings, optional
        Texts from which the rows of ``embeddings`` were encoded; default none.
    lost_digits : tuple of str
        Notes on side information whose numbers differ by less than float32 can tell apart; filled
        in here.

    Raises
    ------
    ValueError
        If shapes disagree, two classes have one name, the embeddings contain NaN or infinity,
        ``seen`` holds row numbers, or the indexes of data frames disagree with each other or with
        the names.
    """

    embeddings: Array
    seen: Array
    names: tuple[str, ...] = ()
    lost_digits: tuple[str, ...] = field(default=(), compare=False, repr=False)
    texts: tuple[tuple[str, ...], ...] = field(default=(), kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_frames({"embeddings": self.embeddings, "seen": self.seen})
        with lost_digits_noted() as lost:
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
        at = {composed(name): c for c, name in enumerate(names)}
        if len(at) < len(names):
            twice = next(name for c, name in enumerate(names) if at[composed(name)] != c)
            raise ValueError(f"names: {twice!r} is the name of two classes; give every class its "
                             "own.")
        if self.texts and len(self.texts) != len(names):
            raise ValueError(f"texts: {len(self.texts)} for {len(names)} classes; give every class "
                             "its own, or none.")
        if not np.isfinite(embeddings).all():
            bad = int(np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0])
            raise ValueError(f"embeddings: class {bad} ({names[bad]}) holds NaN or infinity in "
                             "float32; remove the class or repair its row.")
        object.__setattr__(self, "embeddings", embeddings)
        object.__setattr__(self, "seen", seen)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "lost_digits", (*self.lost_digits, *lost))

    def __repr__(self) -> str:
        return (f"Classes({len(self)}, {int(self.seen.sum())} seen; embeddings "
                f"{self.embeddings.shape})")

    def __len__(self) -> int:
        return len(self.seen)

    @property
    def unseen(self) -> Array:
        """Unseen classes, ``(C,)`` bool, the complement of ``seen``."""
        return ~self.seen

    def rows(self, names: npt.ArrayLike) -> Array:
        """Return the rows ``(n,)`` of classes by name, as `Views` takes labels.

        Raises
        ------
        ValueError
            If a name is missing or is not among those of the classes.
        """
        words = [composed(str(name)) for name in label_array(names, "names").ravel()]
        at = {composed(name): c for c, name in enumerate(self.names)}
        foreign = sorted(set(words) - set(at))
        if foreign:
            raise ValueError(f"names: {len(foreign)} are no classes, first {foreign[0]!r}; the "
                             f"{len(at)} classes are called {', '.join(map(repr, self.names[:5]))}"
                             f"{', ...' if len(at) > 5 else ''}.")
        return np.array([at[word] for word in words], dtype=np.int64)

    def take(self, rows: npt.ArrayLike, seen: npt.ArrayLike | None = None) -> Classes:
        """Return the classes at ``rows``, renumbered from 0; ``seen`` replaces the flags if given.

        Raises
        ------
        IndexError
            See `arrays.row_numbers`.
        """
        index = row_numbers(rows, len(self), "classes")
        return Classes(self.embeddings[index], self.seen[index] if seen is None else flags(
            seen, "seen"), tuple(self.names[i] for i in index), self.lost_digits,
            texts=tuple(self.texts[i] for i in index) if self.texts else ())
