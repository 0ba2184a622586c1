"""Likeness of two representations of the same items, before anything is aligned.

The representations may be of different widths: only which items are alike within each is compared.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.checks import as_rows, check_same_length


def mutual_neighbours(a: ArrayLike, b: ArrayLike, k: int = 10) -> float:
    """Compute the share of an item's k nearest others in one representation that are in the other.

    Mutual k-nearest-neighbour overlap by cosine (Huh, Cheung, Wang and Isola, "The Platonic
    Representation Hypothesis", ICML 2024, section 3.1), mean over items. Equal similarities go by
    row.

    Parameters
    ----------
    a : (n, d)
        Rows of one representation.
    b : (n, e)
        Rows of the other; row i is of the same item.
    k : int
        Number of neighbours; default 10.

    Returns
    -------
    float
        A fraction; k / (n - 1) by chance.

    Raises
    ------
    ValueError
        Lengths differ, NaN or infinity inside, or k is not from 1 to n - 1.
    """
    first, second = neighbours(a, k, "a"), neighbours(b, k, "b")
    check_same_length("a", first, "b", second)
    return shared(first, second)


def neighbours(rows: ArrayLike, k: int, name: str = "rows") -> NDArray[np.bool_]:
    """Return which others are the k nearest of each item by cosine, ``(n, n)`` bool.

    Raises
    ------
    ValueError
        As `mutual_neighbours`; ``name`` is that of the rows in errors.
    """
    wide = as_rows(name, rows).astype(np.float64)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < len(wide):
        raise ValueError(f"k: got {k!r} for {len(wide)} rows; give 1 to {len(wide) - 1}.")
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = wide / np.where(lengths > 0, lengths, 1.0)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
    found = np.zeros(likeness.shape, dtype=bool)
    np.put_along_axis(found, nearest, True, axis=1)
    return found


def shared(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Compute the share of neighbours ``(n, n)`` in common, of as many in both."""
    return float((a & b).sum() / a.sum())


def linear_cka(a: ArrayLike, b: ArrayLike) -> float:
    """Compute linear centred kernel alignment.

    ||B' A||_F^2 / (||A' A||_F ||B' B||_F) of centred columns (Kornblith et al., ICML 2019, eq. 4
    with linear kernels). With fewer rows than columns it is large for unrelated rows too: compare
    it with that of shuffled pairs.

    Parameters
    ----------
    a : (n, d)
        Rows of one representation.
    b : (n, e)
        Rows of the other; row i is of the same item.

    Returns
    -------
    float
        A number in [0, 1]; 1 for representations that differ by rotation, shift and scale.

    Raises
    ------
    ValueError
        Lengths differ, NaN or infinity inside, or all rows of one are equal.
    """
    first, second = as_rows("a", a), as_rows("b", b)
    check_same_length("a", first, "b", second)
    return float((centred_gram(first, "a") * centred_gram(second, "b")).sum())


def centred_gram(rows: ArrayLike, name: str = "rows") -> NDArray[np.float64]:
    """Return the products of centred rows ``(n, n)``, divided by their Frobenius norm.

    Raises
    ------
    ValueError
        All rows are equal; ``name`` is that of the rows in errors.
    """
    wide = as_rows(name, rows).astype(np.float64)
    wide = wide - wide.mean(axis=0)
    gram = wide @ wide.T
    size = np.linalg.norm(gram)
    if size == 0:
        raise ValueError(f"{name}: all {len(wide)} rows are equal; give rows that differ.")
    return np.asarray(gram / size)
