"""One query's gallery in order of score, reduced to the positions of the relevant items.

A score and a relevance bit are packed in one integer, and the integers are sorted in place. That
moves 4 bytes per item (8 for float64 scores) where an argsort moves 8 of index besides the scores,
and integer sorts are vectorised. It is lossless: a float32 in [-1.5, 1.5] has fewer than 2^31
distinct values, so its rank among all such floats and one bit fit 32 bits. Equal scores stay equal
and different scores stay different.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossalign.metrics.checks import Array

RANGE = 1.5  # scores in [-RANGE, RANGE] leave the top of the key range free for removed items


class RankedList(NamedTuple):
    """Positions of one query's R relevant items, best first, and the ties that concern them.

    If relevant and irrelevant items share a score, the relevant ones are listed last (the worst
    order); such a *mixed tie* is described by the other four fields so that a metric can average
    over its orders.

    Attributes
    ----------
    hits : (R,)
        Positions of the relevant items, from 0, increasing.
    first : (t,)
        Index into `hits` of the first relevant item of each mixed tie.
    start : (t,)
        Position where the tie starts, from 0.
    size : (t,)
        Number of items in the tie.
    n_relevant : (t,)
        Number of relevant items in the tie.
    """

    hits: NDArray[np.intp]
    first: NDArray[np.intp]
    start: NDArray[np.intp]
    size: NDArray[np.intp]
    n_relevant: NDArray[np.intp]


def pack(
    scores: Array, relevant: Array, removed: int | None = None, in_range: bool = False
) -> Array:
    """Pack scores and relevance into integers whose ascending order is best first.

    The bits of a non-negative float, read as an integer, grow with the float; flipping the other
    bits of a negative one makes them grow too. The order is reversed by negating the scores.

    Parameters
    ----------
    scores : (g,) float32 or float64
        Finite scores, higher is better.
    relevant : (g,)
        Relevance of each item, bool or integers 0 and 1.
    removed : int, optional
        Index of one item to send behind all others, as irrelevant.
    in_range : bool
        Whether the scores are known to be finite and in [-RANGE, RANGE]; default False.

    Returns
    -------
    ndarray
        (g,) int32 or int64; the lowest bit is the relevance.

    Raises
    ------
    ValueError
        A score is NaN or infinite.
    """
    if not in_range and _magnitude(scores) > RANGE:
        scores = _into_range(scores)
    floats = np.subtract(scores.dtype.type(0), scores)  # not a negation: it makes -0.0 of 0.0
    keys: Array = floats.view(np.int32 if floats.itemsize == 4 else np.int64)
    keys ^= keys >> (8 * keys.itemsize - 1)  # flip all bits of a negative float
    keys <<= 1  # drops the sign bit; in this range the next one equals what it should be
    np.bitwise_or(keys, relevant, out=keys)
    if removed is not None:
        keys[removed] = np.iinfo(keys.dtype).max - 1
    return keys


def pack_in_order(
    scores: Array, relevant: Array, removed: int | None = None, in_range: bool = False
) -> Array:
    """Make keys without ties, already sorted: among equal scores the item given first is ranked
    first.

    Parameters, result and errors are those of `pack`.
    """
    if not in_range:
        _magnitude(scores)
    descending = np.negative(scores)
    if removed is not None:
        descending[removed] = np.inf
        relevant = relevant.copy()
        relevant[removed] = 0
    order = np.argsort(descending, kind="stable")
    return number(relevant[order])


def number(relevant: Array) -> Array:
    """Make sorted keys (g,) int64, without ties, for a gallery that is given best first."""
    return np.arange(len(relevant)) * 2 + relevant


def sort_keys(keys: Array, k: int | None = None) -> Array:
    """Sort keys in place; with `k`, maybe only the k best and those that tie with the last."""
    if k is not None and 4 * k < len(keys):
        keys.partition(k - 1)
        keys = keys[keys <= (keys[k - 1] | 1)]
    keys.sort()
    return keys


def ranked_list(keys: Array) -> RankedList:
    """Find the relevant items and the mixed ties in sorted keys.

    Irrelevant items precede relevant ones of the same score, so a mixed tie shows as an even key
    that the next key exceeds by one.
    """
    hits = _positions((keys & 1).astype(np.bool_))  # (R,)
    last_miss = np.flatnonzero(keys[1:] - keys[:-1] == 1)
    last_miss = last_miss[keys[last_miss] & 1 == 0]  # (t,)
    miss = keys[last_miss]
    start = np.searchsorted(keys, miss, side="left")
    end = np.searchsorted(keys, miss + 1, side="right")
    first = np.searchsorted(hits, last_miss)
    return RankedList(hits, first, start, end - start, end - last_miss - 1)


def _positions(bits: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the positions at which bits are True.

    NumPy looks for the next True if at most a tenth are, and writes without branching if more are.
    The first is slow, by mispredicted branches, unless the True ones are rare; padding with more
    True ones chooses the second.
    """
    total, size = np.count_nonzero(bits), len(bits)
    if 50 * total < size or 10 * total > size:
        return bits.nonzero()[0]
    padded = np.ones(size + size // 8, np.bool_)
    padded[:size] = bits
    return padded.nonzero()[0][:total]


def _into_range(scores: Array) -> NDArray[np.float64]:
    """Map scores to (-1, 1), in the same order and with the same ties, as float64.

    They are scaled by a power of two, which is exact unless the smallest underflow: float32 scores
    have room in float64, and float64 scores that span hundreds of orders are numbered instead.
    """
    wide = scores.astype(np.float64, copy=False)
    exponent = np.frexp(_magnitude(wide))[1]
    scaled = np.ldexp(wide, -exponent)
    if scores.dtype == np.float64 and not np.array_equal(np.ldexp(scaled, exponent), wide):
        _, places = np.unique(wide, return_inverse=True)
        return np.asarray(places / len(wide))
    return np.asarray(scaled)


def _magnitude(scores: Array) -> float:
    """Return the largest absolute score; raise ValueError for NaN and infinity."""
    largest = max(float(scores.max()), -float(scores.min()))
    if not largest < np.inf:
        raise ValueError(
            "similarity: got NaN or infinity; give every query and gallery item a finite score."
        )
    return largest
