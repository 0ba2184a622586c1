"""Questions about one or two samples, with their answers, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from crossalign.arrays import row_numbers
from crossalign.names import NUMBER
from crossalign.types.captions import Texts, check_lengths, check_texts, plain_ids
from crossalign.types.views import Views

Array = npt.NDArray[Any]
YES_NO = "yes/no"
"""Type of a question that is answered by either."""
MOST = 2
"""Largest number of samples that a question is about."""
ENOUGH = 3
"""Number of other people that make an answer right, see `metrics.answer_scores`."""
DISAGREE = (f"of whom no {ENOUGH} others could agree; give it one answer, or those of at least "
            f"{ENOUGH + 1} people.")
"""End of the refusal of a question with `too_few` answers."""


def answer_type(answer: str) -> str:
    """Return the type of a question by its answer: yes/no, number or other."""
    if answer in ("yes", "no"):
        return YES_NO
    return "number" if NUMBER.fullmatch(answer) else "other"


def too_few(people: int) -> bool:
    """Return True for answers of several people of whom never `ENOUGH` others could agree."""
    return 1 < people <= ENOUGH


@dataclass(frozen=True)
class Questions:
    """Questions about samples, m of them, each with its answers.

    They name samples by their ids, so that they hold for every split, run and validation.

    Parameters
    ----------
    texts : m strings
        Questions in words.
    answers : m sequences of strings
        Answers to each question, of one person or of at least four, as `metrics.answer_scores`
        counts them.
    types : m strings
        Type of each question, such as ``"yes/no"``.
    pictures : m sequences of numbers or strings
        Ids of the samples that each question is about: one, or the first and the second.

    Raises
    ------
    ValueError
        If lengths disagree, a question or type is empty, a question has no answer or two or three,
        or is about none, more than two, or the same sample twice.
    """

    texts: Texts
    answers: tuple[Texts, ...]
    types: Texts
    pictures: tuple[tuple[Any, ...], ...]

    task: ClassVar[str] = "vqa"

    def __post_init__(self) -> None:
        check_lengths(texts=self.texts, answers=self.answers, types=self.types,
                       pictures=self.pictures)
        check_texts("texts", self.texts)
        check_texts("types", self.types)
        for text, of in zip(self.texts, self.answers, strict=True):
            if isinstance(of, str) or len(of) == 0 or not all(isinstance(a, str) for a in of):
                raise ValueError(f"answers: the question {text!r} has {of!r}; give a sequence of "
                                 "one string or more.")
            if too_few(len(of)):
                raise ValueError(f"answers: the question {text!r} has {len(of)}, {DISAGREE}")
        alone = next((of for of in self.pictures if isinstance(of, str)), None)
        if alone is not None:
            raise ValueError(f"pictures: got the text {alone!r} for a question; give a sequence of "
                             "ids, a single one too.")
        pictures = tuple(map(plain_ids, self.pictures))
        for text, of in zip(self.texts, pictures, strict=True):
            if not 0 < len(set(of)) == len(of) <= MOST:
                raise ValueError(f"pictures: the question {text!r} is about {list(of)}; give the "
                                 "id of one sample, or of two different ones.")
        for name in ("texts", "types"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "answers", tuple(map(tuple, self.answers)))
        object.__setattr__(self, "pictures", pictures)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        kinds, samples = len(set(self.types)), len({one for of in self.pictures for one in of})
        return (f"Questions({len(self)} of {kinds} type{'s' * (kinds != 1)} about {samples} "
                f"sample{'s' * (samples != 1)})")

    def of(self, views: Views) -> Questions:
        """Return the questions about none but these samples, in their order."""
        there = set(views.ids.tolist())
        return self.take([k for k, of in enumerate(self.pictures) if there.issuperset(of)])

    def rows(self, views: Views) -> Array:
        """Return the samples of each question as rows of ``views``, ``(m, 2)``; -1 for no second.

        Raises
        ------
        ValueError
            If a question is about another sample.
        """
        place = {name: i for i, name in enumerate(views.ids.tolist())}
        rows = np.full((len(self), MOST), -1, dtype=np.int64)
        for k, of in enumerate(self.pictures):
            for side, name in enumerate(of):
                if name not in place:
                    raise ValueError(f"pictures: the question {self.texts[k]!r} is about "
                                     f"{name!r}, which is not among the samples; take of(views).")
                rows[k, side] = place[name]
        return rows

    def take(self, indices: npt.ArrayLike) -> Questions:
        """Return the questions at ``indices``, or where a mask is True."""
        rows = row_numbers(indices, len(self), "questions").tolist()
        part = object.__new__(Questions)  # each of them was checked
        for name in ("texts", "answers", "types", "pictures"):
            values = getattr(self, name)
            object.__setattr__(part, name, tuple(values[k] for k in rows))
        return part

    def counts(self, splits: Mapping[str, Views]) -> dict[str, Any]:
        """Return the number of questions in every split, and of each type, as a fact of a
        protocol; and of those of two pictures in different splits, which are asked in none.
        """
        of = {split: self.of(views) for split, views in splits.items()}
        place = {name: split for split, views in splits.items() for name in views.ids.tolist()}
        apart = sum(place.keys() >= {*pair} and len({place[one] for one in pair}) > 1
                    for pair in self.pictures)
        return {"questions": {split: len(part) for split, part in of.items()},
                **({"questions_between_splits": apart} if apart else {}), "types": {
            split: {kind: part.types.count(kind) for kind in dict.fromkeys(part.types)}
            for split, part in of.items()}}

    def plain(self) -> dict[str, Any]:
        """Return the questions as lists, which JSON can hold; `from_plain` reads them."""
        return {"texts": list(self.texts), "answers": [list(of) for of in self.answers],
                "types": list(self.types), "pictures": [list(of) for of in self.pictures]}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Make questions of what `plain` returned."""
        return cls(tuple(values["texts"]), tuple(map(tuple, values["answers"])),
                   tuple(values["types"]), tuple(map(tuple, values["pictures"])))
