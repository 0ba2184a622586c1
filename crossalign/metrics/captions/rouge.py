"""ROUGE-L: how long is the longest sequence of words that a caption shares with a reference.

Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop 2004, section 3. With
several references precision and recall are the best over them, each for itself, as in the
evaluation of COCO captions (Chen et al., arXiv 1504.00325, section 3.2).
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from crossalign.metrics.captions.n_grams import Words, of_each
from crossalign.metrics.checks import check_positive

BETA = 1.2
"""Weight of recall in the evaluation of COCO captions."""


def rouge_l(
    captions: Sequence[str], references: Sequence[Sequence[str]], beta: float = BETA
) -> float:
    """Compute the mean over items of `rouge_l_scores`.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.
    beta : float
        Weight of recall against precision; default 1.2, and 1 for a plain F measure.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        See `rouge_l_scores`.
    """
    return float(rouge_l_scores(captions, references, beta).mean())


def rouge_l_scores(
    captions: Sequence[str], references: Sequence[Sequence[str]], beta: float = BETA
) -> NDArray[np.float64]:
    """Compute ROUGE-L of each item: F = (1 + beta^2) P R / (R + beta^2 P).

    P is the length of the longest common subsequence over that of the caption, R over that of the
    reference.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.
    beta : float
        Weight of recall against precision; default 1.2.

    Returns
    -------
    ndarray
        (n,) fractions in [0, 1].

    Raises
    ------
    ValueError
        ``beta`` is not positive, or see `n_grams.tokenised`.
    """
    check_positive("beta", beta)
    return of_each(partial(_score, beta=beta), captions, references)


def _score(words: Words, references: list[Words], beta: float) -> float:
    common = [(_longest_common(words, of), len(of)) for of in references]
    precision = max(length for length, _ in common) / max(1, len(words))
    recall = max(length / max(1, of) for length, of in common)
    if precision == 0 or recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def _longest_common(first: Words, second: Words) -> int:
    """Return the length of the longest common subsequence, row by row of its table."""
    row = [0] * (len(second) + 1)
    for word in first:
        above = row
        row = [0]
        for j, other in enumerate(second):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
    return row[-1]
