"""Words that are spelt: those of names that no caption of training has, as wholes."""

from __future__ import annotations

import torch
from torch import Tensor

from crossalign.networks import CaptionDecoder
from crossalign.networks.caption_decoder import Said
from crossalign.tasks.caption_words import BYTES, NOTHING, SPELL, SPELT, WORDS
from crossalign.tasks.decoding import Limits

Letters = tuple[int, ...]
"""Letters of a word, and the sign that ends a spelling."""
NEVER = float("-inf")


class Spelling:
    """State of what n captions may spell.

    A caption spells only words of the names that it is given, from the first letter to the last.
    The score of the sign that begins one is that of the likeliest word that can be spelt, so that a
    word in letters is compared with words of the vocabulary as a whole: letters are more frequent
    than any word, and the sign alone is likelier than one of many words that might be said. Words
    are compared only where the sign is likelier than all else, as nowhere else they could be the
    likeliest; a beam and draws have no spelling there.

    Parameters
    ----------
    names : (n, ranks, spelt) Tensor
        Words of names; a spelling that is cut off is none.
    limits : Limits, optional
        Limits of a caption, by which a word may not be repeated; default none.
    """

    def __init__(self, names: Tensor, limits: Limits | None = None) -> None:
        self.limits = limits
        known: dict[Letters, list[Letters]] = {}
        rows = [tuple(row) for row in names.flatten(1).tolist()]
        for row in rows:
            if row not in known:
                known[row] = spelt_words(row)
        self.words = [known[row] for row in rows]
        self.none = not any(self.words)
        self.chosen: list[Letters] = [()] * len(rows)
        self.rest: list[Letters] = [()] * len(rows)
        self.texts: list[list[int]] = [[] for _ in rows]

    def say(self, words: Tensor) -> None:
        """Go on by words ``(n,)``."""
        if self.none:
            return
        said = words.tolist()
        self.texts = [[*text, word] for text, word in zip(self.texts, said, strict=True)]
        self.rest = [rest[1:] if rest else chosen if word == SPELL else ()
                     for word, rest, chosen in zip(said, self.rest, self.chosen, strict=True)]

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the captions, in that order."""
        if self.none:
            return
        at = rows.tolist()
        self.words = [self.words[i] for i in at]
        self.chosen = [self.chosen[i] for i in at]
        self.rest = [self.rest[i] for i in at]
        self.texts = [self.texts[i] for i in at]

    def barred(self, scores: Tensor) -> Tensor:
        """Return True for letters and signs of spellings that may not follow, ``(n, words)``."""
        found = torch.zeros_like(scores, dtype=torch.bool)
        found[:, BYTES:WORDS] = True
        found[:, SPELT] = True
        found[:, SPELL] = True
        if not self.none:
            found[[i for i, words in enumerate(self.words) if words], SPELL] = False
        return found

    def scored(self, scores: Tensor, decoder: CaptionDecoder, said: Said) -> Tensor:
        """Return log-probabilities ``(n, words)``, changed in place, in which spellings are whole
        words.

        Parameters
        ----------
        scores : (n, words) Tensor
            Log-probabilities of the next word, among which only the sign stands for spellings.
        decoder : CaptionDecoder
        said : Said
            State of the captions.
        """
        if self.none:
            return scores
        inside = [i for i, rest in enumerate(self.rest) if rest]
        scores[inside] = NEVER
        for i in inside:
            scores[i, self.rest[i][0]] = 0.0                # part of what the sign was scored by
        likeliest = scores.argmax(dim=1)
        asked = [(i, word) for i in (likeliest == SPELL).nonzero()[:, 0].tolist()
                 for word in self._fresh(i)]
        sign = scores[:, SPELL].clone()
        scores[:, SPELL] = NEVER
        for (i, word), more in zip(asked, spelt_scores(decoder, said, asked), strict=True):
            if sign[i] + more > scores[i, SPELL]:
                scores[i, SPELL], self.chosen[i] = sign[i] + more, word
        return scores

    def _fresh(self, i: int) -> list[Letters]:
        """Return the words that a caption may spell next."""
        barred = set() if self.limits is None else self.limits.barred(self.texts[i])
        return [word for word in self.words[i] if (SPELL, *word) not in barred]


def spelt_words(names: Letters) -> list[Letters]:
    """Return the words in letters among those of names, each once, with the sign of their end."""
    found: dict[Letters, None] = {}
    begun: list[int] | None = None
    for word in names:
        if word == SPELL:
            begun = []
        elif begun is not None and BYTES <= word < WORDS:
            begun.append(word)
        else:
            if begun and word == SPELT:
                found[*begun, SPELT] = None
            begun = None
    return list(found)


def spelt_scores(decoder: CaptionDecoder, said: Said,
                 asked: list[tuple[int, Letters]]) -> list[float]:
    """Return the log-probability of each word in letters behind the sign that begins it, in the
    caption of its number; -inf for a word that has no room.
    """
    if not asked:
        return []
    device = said.words.device
    rows = torch.tensor([i for i, _ in asked], device=device)
    longest = max(len(word) for _, word in asked)
    room = len(decoder.places.weight) - said.cache[0][0].shape[2]
    text = torch.full((len(asked), longest), NOTHING, device=device)
    for row, (_, word) in zip(text, asked, strict=True):
        row[:len(word)] = torch.tensor((SPELL, *word[:-1]), device=device)
    found = decoder.say(said.take(rows), None, text[:, :room])
    return [NEVER if len(word) > room else sum(
        float(found[i, place, letter]) for place, letter in enumerate(word))
        for i, (_, word) in enumerate(asked)]
