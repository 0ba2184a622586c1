"""Exact match: is a caption a reference, word by word."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossalign.metrics.captions.n_grams import of_each


def exact_match(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute the share of the items whose caption is a reference.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        See `n_grams.tokenised`.
    """
    return float(exact_matches(captions, references).mean())


def exact_matches(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> NDArray[np.bool_]:
    """Tell whether each caption has the words of a reference of its item, in the same order.

    Parameters
    ----------
    captions : n strings
        Captions, one per item.
    references : n sequences of strings
        References of each item.

    Returns
    -------
    ndarray
        (n,) bool.

    Raises
    ------
    ValueError
        See `n_grams.tokenised`.
    """
    return of_each(lambda words, of: words in of, captions, references)
