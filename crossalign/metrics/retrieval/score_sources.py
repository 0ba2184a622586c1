"""Scores of queries against a gallery, a block of queries at a time.

The first argument of every retrieval metric, a *score source*, is a (q, g) matrix of scores, or a
callable `source(start, stop)` that returns the (stop - start, g) scores of those queries; higher is
better. `cosine`, `dot` and `euclidean` make one of embeddings.
"""

import threading
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import Array, as_rows, check_choice

ScoreSource = Callable[[int, int], Array]
PART_ROWS = 4096
SIMILARITIES = ("cosine", "dot", "euclidean")


class EmbeddingScores:
    """Similarity of embeddings, up to a positive factor per query, which does not change a ranking.

    "cosine" and "dot" are inner products with unit or raw gallery rows; a row of zeros has cosine
    0. "euclidean" ranks by distance through q.g - |g|^2 / 2, both measured from the first gallery
    row: the offset of the space cancels, and whole numbers stay whole, so equal distances between
    codes stay equal. float32 input is multiplied in float32, anything wider in float64.

    A matrix product rounds differently in different columns. Gallery rows that are equal are
    therefore multiplied once and copied: they tie exactly, in whatever order they stand.

    Parameters
    ----------
    queries : (q, d)
        Embeddings of the queries.
    gallery : (g, d)
        Embeddings of the gallery.
    similarity : {"cosine", "dot", "euclidean"}
        Similarity of embeddings; default "cosine".

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity inside, or an unknown similarity.
    """

    def __init__(self, queries: ArrayLike, gallery: ArrayLike, similarity: str = "cosine") -> None:
        check_choice("similarity", similarity, SIMILARITIES)
        self.queries, rows = as_rows("queries", queries), as_rows("gallery", gallery)
        if self.queries.shape[1] != rows.shape[1]:
            raise ValueError(
                f"queries: got width {self.queries.shape[1]} and gallery {rows.shape[1]}; "
                "give two embeddings in the same space."
            )
        self.shape = (len(self.queries), len(rows))
        self.dtype = np.result_type(self.queries, rows)
        self._similarity = similarity
        self._prepare_scale(rows)
        unique, self._copies = _distinct(self._prepare_gallery(rows))
        self._columns = unique.T  # (d, u)
        self._thread = threading.local()

    def __call__(self, start: int, stop: int) -> Array:
        """Return (stop - start, g) scores in [-1, 1]; a thread's next call overwrites its last
        result.
        """
        rows = self._prepare_queries(self.queries[start:stop])
        out: Array | None = getattr(self._thread, "products", None)
        if out is None or len(out) < len(rows):
            out = np.empty((len(rows), self._columns.shape[1]), self.dtype)
            self._thread.products = out
        products = np.matmul(rows, self._columns, out=out[: len(rows)])
        return products if self._copies is None else products[:, self._copies]

    def _prepare_scale(self, rows: Array) -> None:
        """Set the origin of distances, and the exponent that makes lengths at most one."""
        self._origin = rows[0].astype(np.float64)
        lengths = [np.linalg.norm(self._moved(part), axis=1).max() for part in _parts(rows)]
        self._exponent = _exponent(np.max(lengths))

    def _moved(self, rows: Array) -> NDArray[np.float64]:
        """Return rows as float64, relative to the origin of distances if there is one."""
        wide = rows.astype(np.float64)
        return wide - self._origin if self._similarity == "euclidean" else wide

    def _prepare_gallery(self, rows: Array) -> Array:
        """Scale gallery rows to length at most one, and append the column -|g|^2 / 2 if
        euclidean.
        """
        euclidean = self._similarity == "euclidean"
        prepared = np.empty((len(rows), rows.shape[1] + euclidean), self.dtype)
        for part, out in zip(_parts(rows), _parts(prepared), strict=True):
            wide = self._moved(part)
            if self._similarity == "cosine":
                length = np.linalg.norm(wide, axis=1, keepdims=True)
                wide /= np.where(length > 0, length, 1)
            else:
                wide = np.ldexp(wide, -self._exponent)
            if euclidean:
                wide = np.column_stack([wide, -0.5 * np.einsum("gd,gd->g", wide, wide)])
            out[:] = wide + 0.0  # of -0.0 and 0.0 one bit pattern, for `_distinct`
        return prepared

    def _prepare_queries(self, rows: Array) -> Array:
        """Scale query rows by powers of two, which keep the order and the ties of their scores."""
        wide = self._moved(rows)
        if self._similarity == "euclidean":
            wide = np.column_stack([np.ldexp(wide, -self._exponent), np.ones(len(wide))])
        length = np.linalg.norm(wide, axis=1, keepdims=True)
        return np.ldexp(wide, -_exponent(length)).astype(self.dtype)


def cosine(queries: ArrayLike, gallery: ArrayLike) -> EmbeddingScores:
    """Score embeddings (q, d) and (g, d) by the cosine of their angle.

    float32 is scored in float32, wider types in float64. A row of zeros has cosine 0.

    Raises
    ------
    ValueError
        Widths disagree, or NaN or infinity is inside.
    """
    return EmbeddingScores(queries, gallery, "cosine")


def dot(queries: ArrayLike, gallery: ArrayLike) -> EmbeddingScores:
    """Score embeddings (q, d) and (g, d) by inner products; see `cosine`."""
    return EmbeddingScores(queries, gallery, "dot")


def euclidean(queries: ArrayLike, gallery: ArrayLike) -> EmbeddingScores:
    """Score embeddings (q, d) and (g, d) by distance, the nearest highest; see `cosine`."""
    return EmbeddingScores(queries, gallery, "euclidean")


def score_source(
    similarity: ArrayLike | ScoreSource, n_queries: int, n_gallery: int
) -> ScoreSource:
    """Return a (q, g) matrix, or a callable that gives its rows by blocks, as a thread-safe source.

    Raises
    ------
    ValueError
        The matrix or the embeddings do not have n_queries and n_gallery rows.
    """
    source: ScoreSource
    if isinstance(similarity, EmbeddingScores):
        shape, source, name = similarity.shape, similarity, "queries and gallery"
    elif callable(similarity):
        return _one_at_a_time(similarity)
    else:
        matrix = as_numbers("similarity", similarity)
        shape, name = matrix.shape, "similarity"

        def source(start: int, stop: int) -> Array:
            return matrix[start:stop]

    if shape != (n_queries, n_gallery):
        raise ValueError(
            f"{name}: got scores of shape {shape} for {n_queries} queries and {n_gallery} gallery "
            "items; give one label per row and per column."
        )
    return source


def _one_at_a_time(source: ScoreSource) -> ScoreSource:
    """Wrap a source so that no two threads call it at once."""
    lock = threading.Lock()

    def locked(start: int, stop: int) -> Array:
        with lock:
            return source(start, stop)

    return locked


def _exponent(length: NDArray[np.float64]) -> NDArray[np.intc]:
    """Return the power of two, as an exponent, at or above each length."""
    return np.asarray(np.frexp(length)[1])


def _distinct(rows: Array) -> tuple[Array, NDArray[np.intp] | None]:
    """Return the distinct rows, and which of them each row is; None if all rows are distinct.

    Rows of different checksums differ, which settles the common case without sorting rows.
    """
    weights = np.random.default_rng(0).integers(2**63, size=rows.shape[1], dtype=np.uint64) | 1
    words = rows.view(np.uint32 if rows.itemsize == 4 else np.uint64)
    sums = np.concatenate([part.astype(np.uint64) @ weights for part in _parts(words)])  # (g,)
    if len(np.unique(sums)) == len(rows):
        return rows, None
    whole = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]  # (g,)
    _, first, copies = np.unique(whole, return_index=True, return_inverse=True)
    return (rows, None) if len(first) == len(rows) else (rows[first], copies)


def _parts(rows: Array) -> Iterator[Array]:
    """Yield a few thousand rows at a time, so that no float64 copy of all is made."""
    return (rows[start : start + PART_ROWS] for start in range(0, len(rows), PART_ROWS))
