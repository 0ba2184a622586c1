"""CIDEr-D: does a caption use the words that its references, and few other items, have.

Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015,
sections 3 and 4 (CIDEr-D: clipped counts and a penalty on other lengths). As in the authors'
evaluation, the length in the penalty is counted in runs of two words, and words are not stemmed.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossalign.metrics.captions.n_grams import (
    LONGEST,
    Grams,
    Words,
    check_order,
    n_grams,
    tokenised,
)
from crossalign.metrics.checks import check_positive

SIGMA = 6.0
"""Width of the penalty on other lengths, in runs of two words."""
SCALE = 10.0
"""Factor of the score, and the highest of an item."""


class _Weighted(NamedTuple):
    """A text as weights of its runs of 1, ..., n words, their norms, and its length."""

    weights: list[dict[tuple[str, ...], float]]
    norms: list[float]
    length: int


def cider_d(
    captions: Sequence[str], references: Sequence[Sequence[str]], n: int = LONGEST,
    sigma: float = SIGMA,
) -> float:
    """Compute the mean over items of `cider_d_scores`.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.
    n : int
        Number of words in the longest runs; default 4.
    sigma : float
        Width of the penalty on other lengths, in runs of two words; default 6.

    Returns
    -------
    float
        A number in [0, 10]; papers print it times 100.

    Raises
    ------
    ValueError
        See `cider_d_scores`.
    """
    return float(cider_d_scores(captions, references, n, sigma).mean())


def cider_d_scores(
    captions: Sequence[str], references: Sequence[Sequence[str]], n: int = LONGEST,
    sigma: float = SIGMA,
) -> NDArray[np.float64]:
    """Compute CIDEr-D of each item.

    A run weighs by its count times log(items / items whose references have it). The score is 10
    times the mean over references and over lengths of runs, of the cosine of both texts' weights,
    those of the caption clipped to those of the reference, times exp(-(l - l')^2 / (2 sigma^2)).

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item; all of them together say how rare a run is.
    n : int
        Number of words in the longest runs; default 4.
    sigma : float
        Width of the penalty on other lengths, in runs of two words; default 6.

    Returns
    -------
    ndarray
        (n,) numbers in [0, 10].

    Raises
    ------
    ValueError
        Fewer than two items, ``sigma`` is not positive, or see `n_grams.tokenised`.
    """
    check_order(n)
    check_positive("sigma", sigma)
    given, wanted = tokenised(captions, references)
    if len(given) < 2:
        raise ValueError("references: got one item, and CIDEr weighs words by how few of the items "
                         "have them; give two items or more.")
    items_with = _items_with(wanted, n)
    scores = np.empty(len(given))
    for i, (words, of) in enumerate(zip(given, wanted, strict=True)):
        own = _weighted(words, n, items_with, len(given))
        each = [_similarity(own, _weighted(other, n, items_with, len(given)), sigma)
                for other in of]
        scores[i] = SCALE * float(np.mean(each))
    return scores


def _items_with(references: list[list[Words]], n: int) -> Grams:
    """Count the items that have each run in a reference."""
    return Counter(gram for of in references for gram in
                   {gram for words in of for k in range(1, n + 1) for gram in n_grams(words, k)})


def _weighted(words: Words, n: int, items_with: Mapping[tuple[str, ...], int],
              items: int) -> _Weighted:
    weights = [{gram: count * math.log(items / max(1, items_with.get(gram, 0)))
                for gram, count in n_grams(words, k).items()} for k in range(1, n + 1)]
    norms = [math.sqrt(sum(weight**2 for weight in of.values())) for of in weights]
    return _Weighted(weights, norms, max(0, len(words) - 1))


def _similarity(own: _Weighted, other: _Weighted, sigma: float) -> float:
    """Return the mean over lengths of runs of clipped cosines, with the penalty on length."""
    total = 0.0
    for mine, theirs, norm, their_norm in zip(own.weights, other.weights, own.norms, other.norms,
                                              strict=True):
        if norm > 0 and their_norm > 0:
            total += sum(min(weight, theirs[gram]) * theirs[gram]
                         for gram, weight in mine.items() if gram in theirs) / (norm * their_norm)
    penalty = math.exp(-((own.length - other.length) ** 2) / (2 * sigma**2))
    return total / len(own.weights) * penalty
