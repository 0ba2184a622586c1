"""Inner-product search through FAISS."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.index.base import Index, check_count, check_vectors
from crossalign.index.exact import ExactIndex
from crossalign.types import Hits


class FaissIndex(Index):
    """A FAISS index, built from a factory string.

    Parameters
    ----------
    width : int
        Dimension of the vectors.
    factory : str
        Factory string of FAISS; default ``"Flat"``, which is exact. ``"HNSW32"`` is a graph,
        approximate and fast from some 100,000 vectors on; ``"IVF256,Flat"`` looks through the
        ``nprobe`` nearest of 256 lists.
    nprobe : int, optional
        Number of lists to look through, for a factory that has lists; by default 1, as in FAISS. A
        query that finds fewer than k items there is answered from more lists.

    Raises
    ------
    ImportError
        If FAISS is not installed.
    ValueError
        If FAISS knows no such factory, or there are no lists for ``nprobe``.
    """

    measure = "inner product"

    def __init__(self, width: int, factory: str = "Flat", nprobe: int | None = None) -> None:
        try:
            import faiss
        except ImportError:
            raise ImportError("FaissIndex needs FAISS: pip install 'crossalign[faiss]'.") from None
        self.width = width
        self.factory = factory
        self.nprobe = nprobe
        try:
            self._index: Any = faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
        except RuntimeError as error:
            raise ValueError(f"factory: FAISS makes no index {factory!r} of width {width} "
                             f"({_reason(error)}); give one as 'Flat', 'HNSW32' or "
                             "'IVF256,Flat'.") from None
        self._lists: Any = faiss.try_extract_index_ivf(self._index)
        if nprobe is None:
            return
        if self._lists is None:
            raise ValueError(f"nprobe: got {nprobe} for {factory!r}, which has no lists; leave it "
                             "out, or give a factory as 'IVF256,Flat'.")
        if nprobe < 1:
            raise ValueError(f"nprobe: got {nprobe}; look through at least one list.")
        self._lists.nprobe = nprobe

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: npt.ArrayLike) -> None:
        """Append ``(n, width)`` vectors; their rows continue the numbering.

        An index with lists or codes is trained on the first vectors added; too few of them are a
        ValueError.
        """
        rows = check_vectors(vectors, self.width)
        if not len(rows):
            return
        if not self._index.is_trained:
            try:
                self._index.train(rows)
            except RuntimeError as error:
                raise ValueError(f"vectors: {len(rows)} rows do not train {self.factory!r} "
                                 f"({_reason(error)}); add more at once, or give factory='Flat'."
                                 ) from None
        self._index.add(rows)

    def search(self, queries: npt.ArrayLike, k: int) -> Hits:
        """Find the ``min(k, n)`` nearest by inner product, best first, with an item in every place.

        A query whose graph does not lead to enough items is compared with all.
        """
        check_count(k)
        rows, k = check_vectors(queries, self.width), min(k, len(self))
        if k == 0 or not len(rows):
            return Hits(np.zeros((len(rows), k), np.int64), np.zeros((len(rows), k), np.float32))
        scores, indices = self._index.search(rows, k)
        short = np.flatnonzero((indices < 0).any(axis=1))
        if len(short):
            more = self._compared_with_all if self._lists is None else self._from_more_lists
            scores[short], indices[short] = more(rows[short], k)
        return Hits(np.asarray(indices, dtype=np.int64), np.asarray(scores, dtype=np.float32))

    def stored(self) -> dict[str, Any]:
        """Return the vectors, of which `restore` builds the index anew.

        Raises
        ------
        ValueError
            If the factory keeps something else in their place.
        """
        if not re.fullmatch(r"(IVF\d+,)?(Flat|HNSW\d+(,Flat)?)", self.factory):
            raise ValueError(f"factory: {self.factory!r} does not keep the vectors of which a "
                             "saved index is built anew; use one as 'Flat', 'HNSW32' or "
                             "'IVF256,Flat'.")
        if self._lists is not None:
            self._lists.make_direct_map()
        return {"vectors": self._index.reconstruct_n(0, len(self))}

    def _from_more_lists(self, rows: Any, k: int) -> tuple[Any, Any]:
        """Return scores and items ``(q, k)`` from as many lists as it takes."""
        usual, probed = self._lists.nprobe, self._lists.nprobe
        try:
            while True:
                probed = min(2 * probed, self._lists.nlist)
                self._lists.nprobe = probed
                scores, indices = self._index.search(rows, k)
                if (indices >= 0).all() or probed == self._lists.nlist:
                    return scores, indices
        finally:
            self._lists.nprobe = usual

    def _compared_with_all(self, rows: Any, k: int) -> tuple[Any, Any]:
        """Return scores and items ``(q, k)`` by comparing with all vectors, as the index stores
        them.
        """
        every = ExactIndex(self.width)
        every.add(self._index.reconstruct_n(0, len(self)))
        hits = every.search(rows, k)
        return hits.scores, hits.indices


def _reason(error: RuntimeError) -> str:
    """Return the message of a FAISS error without the place in its source."""
    return re.split(r"\.(?:cpp|h):\d+: ", str(error))[-1].removeprefix("Error: ").strip()
