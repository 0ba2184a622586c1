"""Inner-product search through FAISS."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.index.exact import check_vectors
from crossalign.types import Hits


class FaissIndex:
    """A FAISS index, built from a factory string.

    Parameters
    ----------
    width : int
        Dimension of the vectors.
    factory : str
        ``"Flat"`` is exact; ``"HNSW32"`` is a graph, approximate and fast from some 100,000
        vectors on.

    Raises
    ------
    ImportError
        If FAISS is not installed.
    """

    def __init__(self, width: int, factory: str = "Flat") -> None:
        try:
            import faiss
        except ImportError:
            raise ImportError("FaissIndex needs FAISS: pip install 'crossalign[faiss]'.") from None
        self.width = width
        self.factory = factory
        self._index: Any = faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: npt.ArrayLike) -> None:
        """Append ``(n, width)`` vectors; their rows continue the numbering."""
        rows = check_vectors(vectors, self.width)
        if not self._index.is_trained:
            self._index.train(rows)
        self._index.add(rows)

    def search(self, queries: npt.ArrayLike, k: int) -> Hits:
        """The ``min(k, n)`` nearest by inner product, best first."""
        if k < 1:
            raise ValueError(f"k: got {k}; ask for at least one neighbour.")
        scores, indices = self._index.search(check_vectors(queries, self.width), min(k, len(self)))
        return Hits(np.asarray(indices, dtype=np.int64), np.asarray(scores, dtype=np.float32))
