"""Captions of parts: what may be said next where every caption is a phrase of each of some lists.

Decoding that is held to a grammar says nothing that the grammar does not have (De Cao et al.,
"GENRE", ICLR 2021, with a list of whole texts; Geng et al., "Grammar-Constrained Decoding", EMNLP
2023). The captions that the lists allow are never written out: of what is said so far it is known
which phrases may have been begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from crossalign.tasks.caption_words import END

Text = tuple[int, ...]
State = tuple[int, Text]
"""Number of a list, and the words of its phrase that are said so far."""


class Vocabulary(Protocol):
    """Interface of what has numbers for the words of a text."""

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of the words of a text."""


class CaptionParts:
    """Grammar of captions.

    Parameters
    ----------
    parts : sequence of sequences of str
        Lists of phrases; a caption is a phrase of the first, one of the second and so on. An empty
        phrase may be left out. One list alone is a list of whole captions.
    words : CaptionWords or LanguageModel
        Vocabulary that phrases are said in.
    others : sequence of str
        Further whole captions; default none.
    end : int
        Word of the vocabulary that ends a text; default `END`.

    Raises
    ------
    ValueError
        If there are no lists, or one is a text, holds other things than texts or has no phrase.
    """

    def __init__(self, parts: Sequence[Sequence[str]], words: Vocabulary,
                 others: Sequence[str] = (), end: int = END) -> None:
        self.end = end
        if isinstance(parts, str) or len(parts) == 0:
            raise ValueError(f"parts: got {parts!r}; give one list of phrases or more.")
        for i, phrases in enumerate(parts):
            if isinstance(phrases, str) or len(phrases) == 0 or not all(
                    isinstance(phrase, str) for phrase in phrases):
                raise ValueError(f"parts: entry {i} is {phrases!r}; give a list of phrases.")
        self._whole = [{tuple(words.numbers(phrase)) for phrase in phrases} for phrases in parts]
        self._others = CaptionParts([others], words, end=end) if others else None
        self.longest: int = max(sum(max(map(len, whole)) for whole in self._whole),
                                self._others.longest if self._others else 0)
        self._next: list[dict[Text, set[int]]] = [{} for _ in parts]
        for followers, whole in zip(self._next, self._whole, strict=True):
            for text in whole:
                for i, word in enumerate(text):
                    followers.setdefault(text[:i], set()).add(word)
        self._known: dict[Text, frozenset[State]] = {(): self._closed({(0, ())})}
        self._allowed: dict[Text, list[int]] = {}

    def allowed(self, text: Text) -> list[int]:
        """Return the words that may follow a text, sorted, the end among them where it may
        end; none behind a text that no caption begins with.
        """
        if text not in self._allowed:
            states = self._states(text)
            found = {word for place, begun in states if place < len(self._next)
                     for word in self._next[place].get(begun, ())}
            if (len(self._next), ()) in states:
                found.add(self.end)
            if self._others is not None:
                found |= set(self._others.allowed(text))
            self._allowed[text] = sorted(found)
        return self._allowed[text]

    def _states(self, text: Text) -> frozenset[State]:
        if text not in self._known:
            word = text[-1]
            self._known[text] = self._closed({
                (place, (*begun, word)) for place, begun in self._states(text[:-1])
                if place < len(self._next) and word in self._next[place].get(begun, ())})
        return self._known[text]

    def _closed(self, states: set[State]) -> frozenset[State]:
        """Add the start of the next list behind every whole phrase."""
        waiting = list(states)
        while waiting:
            place, begun = waiting.pop()
            after = (place + 1, ())
            if place < len(self._whole) and begun in self._whole[place] and after not in states:
                states.add(after)
                waiting.append(after)
        return frozenset(states)
