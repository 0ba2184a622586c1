"""Captions of samples, as texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from crossalign.types.views import Views

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Captions:
    """Captions of n samples, one or several of each.

    They name samples by their ids, so that they hold for every split, run and validation.

    Parameters
    ----------
    ids : n numbers or strings
        Ids of the samples, see `Views`.
    texts : n sequences of strings
        Captions of each sample, its references.
    parts : sequences of strings, optional
        Lists of phrases, one of each of which makes a caption, where captions of training are made
        so; default none, any words.

    Raises
    ------
    ValueError
        If lengths disagree, an id stands twice, or a sample has no caption or an empty one.
    """

    ids: tuple[Any, ...]
    texts: tuple[Texts, ...]
    parts: tuple[Texts, ...] = ()

    task: ClassVar[str] = "caption"

    def __post_init__(self) -> None:
        check_lengths(ids=self.ids, texts=self.texts)
        object.__setattr__(self, "ids", plain_ids(self.ids))
        for name, of in zip(self.ids, self.texts, strict=True):
            if isinstance(of, str) or len(of) == 0:
                raise ValueError(f"texts: the sample {name!r} has {of!r}; give a sequence of one "
                                 "caption or more.")
            check_texts("texts", of, f"of the sample {name!r}")
        object.__setattr__(self, "texts", tuple(tuple(of) for of in self.texts))
        object.__setattr__(self, "parts", tuple(tuple(of) for of in self.parts))
        if len(set(self.ids)) < len(self.ids):
            twice = next(name for name, count in Counter(self.ids).items() if count > 1)
            raise ValueError(f"ids: {twice!r} stands twice; give all captions of a sample "
                             "together.")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Captions({sum(map(len, self.texts))} of {len(self)} samples)"

    def of(self, views: Views) -> tuple[Texts, ...]:
        """Return the captions of each of the samples, in their order.

        Raises
        ------
        ValueError
            If a sample has none.
        """
        place = {name: i for i, name in enumerate(self.ids)}
        try:
            return tuple(self.texts[place[name]] for name in views.ids.tolist())
        except KeyError as error:
            raise ValueError(f"captions: the sample {error.args[0]!r} has none; give every sample "
                             "one.") from None

    def counts(self, splits: Mapping[str, Views]) -> dict[str, Any]:
        """Return the numbers of captions in every split, and of phrases of every list, as facts of
        a protocol.
        """
        found: dict[str, Any] = {"captions": {split: sum(map(len, self.of(views)))
                                              for split, views in splits.items()}}
        return found | ({"parts": list(map(len, self.parts))} if self.parts else {})

    def plain(self) -> dict[str, Any]:
        """Return the captions as lists, which JSON can hold; `from_plain` reads them."""
        found = {"ids": list(self.ids), "texts": [list(of) for of in self.texts]}
        return found | ({"parts": [list(of) for of in self.parts]} if self.parts else {})

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Make captions of what `plain` returned."""
        return cls(tuple(values["ids"]), tuple(map(tuple, values["texts"])),
                   tuple(map(tuple, values.get("parts", ()))))


def plain_ids(ids: Iterable[Any]) -> tuple[Any, ...]:
    """Return ids as numbers and strings of Python."""
    return tuple(name.item() if isinstance(name, np.generic) else name for name in ids)


def check_lengths(**columns: Sequence[Any]) -> None:
    """Raise ValueError unless columns are sequences of one length."""
    for name, values in columns.items():
        if isinstance(values, str):
            raise ValueError(f"{name}: got the text {values!r}; give a sequence.")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{next(iter(lengths))}: lengths differ, {lengths}; give one of each.")


def check_texts(name: str, texts: Sequence[str], where: str = "") -> None:
    """Raise ValueError where a text is none, or holds nothing but blanks."""
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name}: entry {i}{where and f' {where}'} is {text!r}; write a "
                             "text, or leave it out.")
