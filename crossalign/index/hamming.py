"""Search by the distance between binary codes, computed by exclusive or and popcount."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crossalign.index.base import Array
from crossalign.index.exact import top_k
from crossalign.index.local import LocalIndex

BLOCK_BYTES = 64 << 20
"""Scratch memory of a search, in bytes."""


def hamming_distances(queries: npt.ArrayLike, gallery: npt.ArrayLike) -> Array:
    """Count differing bits ``(q, g)``, int32, between packed codes ``(q, w)`` and ``(g, w)``.

    Raises
    ------
    ValueError
        If they are not rows of as many uint8.
    """
    a, b = _words("queries", queries), _words("gallery", gallery)
    if a.shape[1] != b.shape[1] or np.shape(queries)[1] != np.shape(gallery)[1]:
        raise ValueError(f"gallery: codes of {np.shape(gallery)[1]} bytes for queries of "
                         f"{np.shape(queries)[1]}; give codes of one length.")
    distances = np.zeros((len(a), len(b)), dtype=np.int32)
    for word in range(a.shape[1]):
        distances += np.bitwise_count(a[:, word, None] ^ b[:, word])
    return distances


class CodeScores:
    """Similarity of packed codes by blocks of queries, a score source for the retrieval metrics.

    It is ``1 - 2 distance / bits``, the cosine of codes of -1 and 1: whole steps, so that equal
    distances tie.
    """

    def __init__(self, queries: Array, gallery: Array, bits: int) -> None:
        self.queries, self.gallery, self.bits = queries, gallery, bits

    def __call__(self, start: int, stop: int) -> Array:
        """Return scores (stop - start, g), float32."""
        distances = hamming_distances(self.queries[start:stop], self.gallery)
        return np.asarray(1 - 2 * distances / self.bits, dtype=np.float32)


class HammingIndex(LocalIndex):
    """Packed codes in memory, or on the disk and mapped; a search compares every query with all of
    them.

    Scores are ``1 - 2 distance / bits``, from -1 to 1.

    Parameters
    ----------
    bits : int
        Length of a code, which takes ``ceil(bits / 8)`` bytes.
    """

    measure = "Hamming distance"
    dtype = "uint8"

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._start()

    @property
    def _row_width(self) -> int:
        return -(-self.bits // 8)

    def _restart(self) -> None:
        self._codes: Array = np.zeros((0, self._row_width), dtype=np.uint8)

    def _encode(self, vectors: npt.ArrayLike) -> Array:
        rows = np.asarray(vectors)
        if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != self._row_width:
            raise ValueError(f"codes: shape {rows.shape} of {rows.dtype}; give "
                             f"(n, {self._row_width}) uint8, as ITQ.encode gives them.")
        return rows

    def _grow(self, rows: Array) -> None:
        self._codes = np.concatenate([self._codes, rows])

    def _map(self, rows: Array, start: int) -> None:
        self._codes = self._encode(rows)

    def _rows(self, slots: Array) -> Array:
        return self._codes[slots]

    def _nearest(self, queries: Array, k: int, slots: Array | None) -> tuple[Array, Array]:
        codes = self._codes if slots is None else self._codes[slots]
        scores = CodeScores(queries, codes, self.bits)
        step = max(1, BLOCK_BYTES // max(1, 16 * len(codes)))
        blocks = [top_k(scores(start, start + step), k) for start in range(0, len(queries), step)]
        blocks = blocks or [top_k(np.zeros((0, len(codes)), np.float32), k)]
        found, best = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return found if slots is None else slots[found], best


def _words(name: str, codes: npt.ArrayLike) -> Array:
    """Return codes ``(n, w)`` as ``(n, ceil(w / 8))`` uint64, padded with zeros."""
    rows = np.asarray(codes)
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"{name}: shape {rows.shape} of {rows.dtype}; give packed codes, (n, w) "
                         "uint8.")
    missing = -rows.shape[1] % 8
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, missing)))).view(np.uint64)
