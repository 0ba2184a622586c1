"""Runs of n words in captions and their references, counted."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossalign.metrics.checks import check_same_length
from crossalign.sentences import short
from crossalign.words import spoken_words

Words = list[str]
Grams = Counter[tuple[str, ...]]
"""Counts of runs of words."""

LONGEST = 4
"""Words in the longest runs that are counted by default."""


def tokenised(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[Words], list[list[Words]]]:
    """Return the words of captions, and of the references of each.

    Parameters
    ----------
    captions : n strings
        Captions to be judged, one per item.
    references : n sequences of strings
        References of each item, one or more.

    Raises
    ------
    ValueError
        Nothing to score, lengths that differ, an item without a reference, or what is no text.
    """
    for name, values in (("captions", captions), ("references", references)):
        if isinstance(values, str):
            raise ValueError(f"{name}: got the text {short(values)}; give one entry per item.")
    if len(captions) == 0:
        raise ValueError("captions: got none; give one per item.")
    check_same_length("captions", captions, "references", references)
    for i, of in enumerate(references):
        if isinstance(of, str) or len(of) == 0:
            raise ValueError(
                f"references: item {i} has {short(of)}; give a sequence of one text or more."
            )
    for i, text in enumerate([*captions, *(text for of in references for text in of)]):
        if not isinstance(text, str):
            name = "captions" if i < len(captions) else "references"
            raise ValueError(f"{name}: got {short(text)} where a text should be; give strings.")
    return ([spoken_words(text) for text in captions],
            [[spoken_words(text) for text in of] for of in references])


def of_each(score: Callable[[Words, list[Words]], Any], captions: Sequence[str],
            references: Sequence[Sequence[str]]) -> NDArray[Any]:
    """Return ``score`` of every item's words and those of its references, in an array.

    Raises
    ------
    ValueError
        See `tokenised`.
    """
    return np.array([score(words, of) for words, of in
                     zip(*tokenised(captions, references), strict=True)])


def n_grams(words: Words, n: int) -> Grams:
    """Count the runs of ``n`` words."""
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def check_order(n: int) -> None:
    """Raise ValueError unless ``n`` is a length of runs, a positive integer."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n: got {n!r}; give the length of the longest runs, 1 or more.")
