"""Answers of a space about pictures: names of classes, captions, and answers to questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.pace import Log
from crossalign.sentences import short
from crossalign.space.items import LONGEST, listed
from crossalign.space.named_classes import named_classes
from crossalign.space.occluded import Kind, Occluded, occluded
from crossalign.space.recognition import PLAYED, Answer, unpromised
from crossalign.space.searching import SearchingSpace
from crossalign.space.unlike import CLASSES, FEWEST, PAGES, UNLIKE, are_unlike
from crossalign.words import words_of

SAID = "said"
"""Key of a payload for what a space says that a picture shows."""


class Reply(NamedTuple):
    """Answers to a question, likeliest first.

    Attributes
    ----------
    answers : list of str
    accuracies : list of float
        Share of cases in which each answer is expected to be right.
    unknown : list of str
        Words of the question that no question in training had.
    calibrated : bool
        Whether these shares were calibrated on validation; False where it had too few questions.
    unlike : bool or None
        Whether a picture is unlike all that the space was built from, see `space.unlike`; None
        where that is not told, see `uncompared`.
    """

    answers: list[str]
    accuracies: list[float]
    unknown: list[str]
    calibrated: bool
    unlike: bool | None


class Caption(NamedTuple):
    """Caption of a picture.

    Attributes
    ----------
    caption : str
    none : bool
        Whether the picture is rather of none of the classes; False where there are no classes.
    instead : str or None
        Likeliest class, where the caption names another class and not this one; None where the
        picture is rather of none.
    unlike : bool or None
        Whether a picture is unlike all that the space was built from, see `space.unlike`; None
        where that is not told, see `uncompared`.
    """

    caption: str
    none: bool
    instead: str | None
    unlike: bool | None


class AnsweringSpace(SearchingSpace):
    """Space that is searched, and recognises, captions and answers questions about pictures."""

    @property
    def captions(self) -> bool:
        """True if it was taught to say what pictures show."""
        return self.fitted.captioner is not None

    @property
    def asked_about(self) -> list[int]:
        """Numbers of pictures, 1 and 2, that it was taught to answer about; empty if it was not."""
        answerer = self.fitted.answerer
        return [] if answerer is None else [n for n in (1, 2) if answerer.counts_[:, n - 1].any()]

    def ask(self, items: Any, question: str, k: int = 3) -> Reply:
        """Answer a question about one picture, or about a first and a second one.

        Parameters
        ----------
        items : item or two items
            Pictures, see `space.items`.
        question : str
            Question in words like those of the questions that the space was taught.
        k : int
            Number of answers; default 3.

        Raises
        ------
        ValueError
            If the space was taught no answers, there are other than one or two pictures, or fewer
            or more than the words of the question are about, one cannot be read, the question is
            blank or too long, or no word of it was in training.
        """
        answerer = self.fitted.answerer
        if answerer is None:
            raise ValueError("question: this space was taught no answers; build it from data with "
                             "questions, with questions=True or --questions.")
        given = listed(items)
        if len(given) not in (1, 2):
            raise ValueError(f"items: got {len(given)}; ask about one picture, or about a first "
                             "and a second.")
        self.check_looks(given)
        if not isinstance(question, str) or not question.strip() or len(question) > LONGEST:
            raise ValueError(f"question: got {short(question)}; ask in words, {LONGEST:,} "
                             "characters at most.")
        unknown = answerer.unknown_words(question)
        if len(unknown) == len(set(words_of(question))):
            raise ValueError(f"question: got {short(question)}, and no question in training had "
                             "any of its words; ask in theirs.")
        wanted = answerer.numbers_of_pictures(question)
        if len(given) not in wanted:
            raise ValueError(f"items: got {len(given)}, and questions in such words are about "
                             f"{'two pictures' if 2 in wanted else 'one picture'}; give as many.")
        rows = [[0, 1 if len(given) == 2 else -1]]
        seen = self.looked_at(given)
        likely = answerer.predict_proba(seen, [question], rows)[0]
        best = (-likely).argsort(kind="stable")[:k]
        return Reply([str(text) for text in answerer.answers_[best]],
                     [float(p) for p in likely[best]], unknown, answerer.temperature is not None,
                     None if self.uncompared is not None else any(self._unlike(seen)))

    def caption(self, items: Any) -> list[str]:
        """Say what pictures show, in words of the captions and the names that the space knows.

        Names of classes that were added later can be said too.

        Parameters
        ----------
        items : item or sequence of items
            Pictures, see `space.items`.

        Raises
        ------
        ValueError
            If the space was taught no captions, or an item is no picture or cannot be read.
        """
        return self.caption_rows(self._shown(items))

    def captioned(self, items: Any) -> list[Caption]:
        """Say what pictures show, see `caption`, and of which that says little."""
        rows = self._shown(items)
        captions = self.caption_rows(rows)
        return [Caption(text, *beside, unlike) for text, beside, unlike in
                zip(captions, self._beside(captions, rows), self._unlike(rows), strict=True)]

    def _shown(self, items: Any) -> Any:
        """Return the features ``(n, d)`` of pictures that are captioned, see `caption`."""
        if not self.captions:
            raise ValueError("captions: this space was taught none; build it from data with "
                             "captions, with captions=True or --captions.")
        given = listed(items)
        self.check_looks(given)
        return self.looked_at(given)

    def _beside(self, captions: list[str], rows: Any) -> list[tuple[bool, str | None]]:
        """Return what recognition says beside captions, see `none` and `instead` of `Caption`."""
        names = list(map(str, self.class_names))
        if not names:
            return [(False, None)] * len(captions)
        found = []
        for said, answer in zip(named_classes(captions, names), self.recognition.answers(rows, 1),
                                strict=True):
            best = str(answer.names[0])
            other = bool(said) and names.index(best) not in said and not answer.none
            found.append((answer.none, best if other else None))
        return found

    def check_looks(self, given: Sequence[Any]) -> None:
        """Raise ValueError unless all items are what this space looks at."""
        if (kind := self.kind_of(given)) == self.looks:
            return
        one = given[0]
        fix = f"give {self.looks}s"
        if isinstance(one, str):
            fix += ", those of files as pathlib.Path"
        elif isinstance(one, Path) and one.is_dir():
            fix += ", not a folder, which is read as a clip"
        raise ValueError(f"items: got {short(str(one)) if isinstance(one, str | Path) else 'one'}, "
                         f"a {kind}; {fix}.")

    def caption_rows(self, rows: Any) -> list[str]:
        """Say what pictures show whose features ``(n, d)`` are given, see `caption`."""
        said: list[str] = self.captioner.caption(rows)
        return said

    @property
    def captioner(self) -> Any:
        """Captioner that names the classes that the space recognises now."""
        self.fitted.captioner.open()
        saying = copy(self.fitted.captioner)
        saying.recogniser = self.fitted.recogniser
        return saying

    def occlusion(self, items: Any, of: Kind = "class", question: str | None = None, *,
                  log: Log | None = None, tick: Callable[[], None] | None = None) -> Occluded:
        """Map what of a picture an answer, a caption or the likeliest class rests on.

        One place of the picture after another is covered by its median shade, about 144 in all, and
        the picture read again by the encoder: where the odds of what is said fall, it rests on that
        place, see `tasks.occlusion`. It takes as long as encoding so many pictures. Of a clip one
        frame after another is left out.

        Parameters
        ----------
        items : item or two items
            Picture or clip, see `space.items`; of a question about two pictures both.
        of : {"class", "caption", "answer"}
            Whether the map is of the likeliest class, the default, of the caption, or of the
            likeliest answer.
        question : str, optional
            Question, for an answer.
        log : callable, optional
            Function called with lines on the progress; default none.
        tick : callable, optional
            Function called after every block of covered pictures; an error that it raises ends the
            work.

        Raises
        ------
        ValueError
            As `recognise`, `caption` or `ask`; also if an item is no picture or smaller than 8
            pixels, a clip has one frame, or there are more than that answer is about.
        """
        return occluded(self, items, of, question, log, tick)

    def recognise(self, items: Any, k: int = 5) -> list[Answer]:
        """Name the k likeliest classes of every picture, with calibrated probabilities.

        Raises
        ------
        ValueError
            If the space recognises no classes, or items are no pictures or cannot be read.
        """
        given = listed(items)
        if len(self.classes):
            self.check_looks(given)
        rows = self.looked_at(given)
        return [answer._replace(set=[] if unlike else answer.set, unlike=unlike) for answer, unlike
                in zip(self.recognition.answers(rows, k), self._unlike(rows), strict=True)]

    @property
    def unpromised(self) -> str | None:
        """Say why the sets of `recognise` promise nothing for classes without training pictures;
        None where they do, or there are no sets or no such classes.
        """
        if not self.fitted.settings.get("sets") or PLAYED not in self.card:
            return None
        return unpromised(self.recognition.classes, self.card[PLAYED])

    @property
    def uncompared(self) -> str | None:
        """Say why pictures are not told to be unlike all that the space was built from; None where
        they are.
        """
        if UNLIKE not in self.fitted.settings or self.recognition.sample is None:
            return (f"{self.looks}s are not compared with those that the space was built from: it "
                    f"takes {FEWEST} of them with a class each, and {CLASSES} classes, to learn "
                    "that")
        if self.readers.mapped is not None:
            return (f"{self.looks}s are not compared with those that the space was built from, as "
                    "another encoder reads them now")
        return None

    def unlike(self, items: Any) -> list[bool] | list[None]:
        """Tell which pictures are unlike all that the space was built from, see `space.unlike`;
        None where they are not compared, see `uncompared`.

        Raises
        ------
        ValueError
            If an item is no picture or cannot be read.
        """
        given = listed(items)
        self.check_looks(given)
        return self._unlike(self.looked_at(given))

    def _unlike(self, rows: Any) -> list[bool] | list[None]:
        """Tell which rows of features ``(n, a)`` are unlike all others, see `unlike`."""
        settings, sample = self.fitted.settings, self.recognition.sample
        if self.uncompared is not None or sample is None:
            return [None] * len(rows)
        found = are_unlike(rows, sample, settings[UNLIKE], settings.get(PAGES))
        return [bool(one) for one in found]

