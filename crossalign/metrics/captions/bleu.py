"""BLEU: which share of the runs of words of captions is in a reference.

Papineni, Roukos, Ward and Zhu, "BLEU: a Method for Automatic Evaluation of Machine Translation",
ACL 2002. It is a figure of a whole corpus, not a mean over items: counts of all items are added up
first. `bleu_counts` has a row per item, so that items can be drawn again and again.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.captions.n_grams import LONGEST, Words, check_order, n_grams, of_each


def bleu(captions: Sequence[str], references: Sequence[Sequence[str]], n: int = LONGEST) -> float:
    """Compute BLEU-n of a corpus, without smoothing.

    BLEU-n = min(1, exp(1 - r/c)) (p_1 ... p_n)^(1/n), where p_k is the share of the runs of k words
    that are in a reference, each as often as in that reference at most; c is the number of words of
    all captions, and r that of their references, of each item the one closest in length, of two
    the shorter.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.
    n : int
        Number of words in the longest runs; default 4.

    Returns
    -------
    float
        A fraction in [0, 1]; 0 where no run of some length is right.

    Raises
    ------
    ValueError
        See `n_grams.tokenised`.
    """
    return bleu_of_counts(bleu_counts(captions, references, n))


def bleu_counts(
    captions: Sequence[str], references: Sequence[Sequence[str]], n: int = LONGEST
) -> NDArray[np.int64]:
    """Count, for each item, what BLEU is made of.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.
    n : int
        Number of words in the longest runs; default 4.

    Returns
    -------
    ndarray
        (items, 2 n + 2): right runs of 1 to n words, all runs of 1 to n words, words of the
        caption, and words of the reference closest in length.

    Raises
    ------
    ValueError
        See `n_grams.tokenised`.
    """
    check_order(n)
    return of_each(partial(_counts, n=n), captions, references)


def bleu_of_counts(counts: ArrayLike) -> float:
    """Compute BLEU from rows of `bleu_counts`, which may be any selection of items.

    Parameters
    ----------
    counts : (items, 2 n + 2)
        Rows of `bleu_counts`; an item that is drawn twice has two.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        An array of another shape.
    """
    array = as_numbers("counts", counts)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] < 4 or array.shape[1] % 2:
        raise ValueError(f"counts: got shape {array.shape}; give rows of bleu_counts, (items, "
                         "2 n + 2).")
    total = array.sum(axis=0, dtype=np.float64)
    n = (len(total) - 2) // 2
    right, runs, (length, wanted) = total[:n], total[n:-2], total[-2:]
    if not right.all():
        return 0.0
    penalty = min(0.0, 1.0 - wanted / length)
    return float(np.exp(penalty + np.log(right / runs).mean()))


def _counts(words: Words, references: list[Words], n: int) -> list[int]:
    """Count the right runs and all runs of 1 to n words, the words, and those of a reference."""
    right, runs = [], []
    for k in range(1, n + 1):
        own = n_grams(words, k)
        at_most = n_grams(references[0], k)
        for reference in references[1:]:
            at_most |= n_grams(reference, k)
        right.append((own & at_most).total())
        runs.append(own.total())
    closest = min((abs(len(of) - len(words)), len(of)) for of in references)[1]
    return [*right, *runs, len(words), closest]
