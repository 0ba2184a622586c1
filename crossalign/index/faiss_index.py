"""Inner-product search through FAISS."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.index.base import Array, check_vectors
from crossalign.index.exact import nearest_products
from crossalign.index.local import LocalIndex


class FaissIndex(LocalIndex):
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
    ef : int, optional
        Number of candidates that a search keeps, for a factory that has a graph; by default 16, as
        in FAISS. More find more of the right items and take longer.

    Raises
    ------
    ImportError
        If FAISS is not installed.
    ValueError
        If FAISS knows no such factory, or there are no lists for ``nprobe`` or no graph for
        ``ef``.
    """

    measure = "inner product"

    def __init__(self, width: int, factory: str = "Flat", nprobe: int | None = None,
                 ef: int | None = None) -> None:
        try:
            import faiss  # noqa: F401
        except ImportError:
            raise ImportError("FaissIndex needs FAISS: pip install 'crossalign[faiss]'.") from None
        self.width = width
        self.factory = factory
        self.nprobe = nprobe
        self.ef = ef
        self._start()

    @property
    def _row_width(self) -> int:
        return self.width

    def _restart(self) -> None:
        import faiss

        try:
            self._index: Any = faiss.index_factory(self.width, self.factory,
                                                   faiss.METRIC_INNER_PRODUCT)
        except RuntimeError as error:
            raise ValueError(f"factory: FAISS makes no index {self.factory!r} of width "
                             f"{self.width} ({_reason(error)}); give one as 'Flat', 'HNSW32' or "
                             "'IVF256,Flat'.") from None
        self._lists: Any = faiss.try_extract_index_ivf(self._index)
        graph = getattr(self._index, "hnsw", None)
        _set("nprobe", self.nprobe, self._lists, "nprobe", "lists", "IVF256,Flat", self.factory)
        _set("ef", self.ef, graph, "efSearch", "graph", "HNSW32", self.factory)

    def _encode(self, vectors: npt.ArrayLike) -> Array:
        return check_vectors(vectors, self.width)

    def _learn(self, rows: Array) -> None:
        """Train an index with lists or codes on the first rows; ValueError if they are too few."""
        if self._index.is_trained:
            return
        try:
            self._index.train(rows)
        except RuntimeError as error:
            raise ValueError(f"vectors: {len(rows)} rows do not train {self.factory!r} "
                             f"({_reason(error)}); add more at once, or give factory='Flat'."
                             ) from None

    def _grow(self, rows: Array) -> None:
        self._index.add(rows)

    def _rows(self, slots: Array) -> Array:
        """Return vectors, from which a saved index is built anew.

        Raises
        ------
        ValueError
            If the factory keeps something else in their place.
        """
        if not re.fullmatch(r"(IVF\d+,)?(Flat|HNSW\d+(,Flat)?)", self.factory):
            raise ValueError(f"factory: {self.factory!r} does not keep the vectors of which a "
                             "saved index is built anew; use one as 'Flat', 'HNSW32' or "
                             "'IVF256,Flat'.")
        return self._kept(slots)

    def _nearest(self, queries: Array, k: int, slots: Array | None) -> tuple[Array, Array]:
        """Find the best items, with one in every place.

        Less than half of the slots are compared exactly, as FAISS keeps them, because a graph or
        list leads to few of them; so are those of a query that is led to less than k.
        """
        if k == 0 or not len(queries):
            return np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)
        params = None if slots is None else self._among(slots)
        if slots is not None and params is None:
            return self._compared(queries, k, slots)
        scores, found = self._index.search(queries, k, params=params)
        short = np.flatnonzero((found < 0).any(axis=1))
        if len(short):
            every = np.arange(self._index.ntotal) if slots is None else slots
            found[short], scores[short] = (
                self._compared(queries[short], k, every) if self._lists is None or slots is not None
                else self._from_more_lists(queries[short], k))
        return np.asarray(found, dtype=np.int64), np.asarray(scores, dtype=np.float32)

    def _among(self, slots: Array) -> Any:
        """Return parameters of a search among some slots; None if they are better compared."""
        import faiss

        options: Any = faiss
        flags = np.zeros(self._index.ntotal, dtype=bool)
        flags[slots] = True
        if 2 * len(slots) < len(flags):
            return None
        selector = options.IDSelectorBitmap(np.packbits(flags, bitorder="little"))
        if self.factory == "Flat":
            return options.SearchParameters(sel=selector)
        if self._lists is not None and self._lists.this == self._index.this:
            return options.SearchParametersIVF(sel=selector, nprobe=self._lists.nprobe)
        if hasattr(self._index, "hnsw"):
            return options.SearchParametersHNSW(sel=selector, efSearch=self._index.hnsw.efSearch)
        return None

    def _from_more_lists(self, rows: Array, k: int) -> tuple[Array, Array]:
        """Return slots and scores ``(q, k)`` from as many lists as it takes."""
        usual, probed = self._lists.nprobe, self._lists.nprobe
        try:
            while True:
                probed = min(2 * probed, self._lists.nlist)
                self._lists.nprobe = probed
                scores, found = self._index.search(rows, k)
                if (found >= 0).all() or probed == self._lists.nlist:
                    return found, scores
        finally:
            self._lists.nprobe = usual

    def _compared(self, queries: Array, k: int, slots: Array) -> tuple[Array, Array]:
        """Return slots and scores ``(q, k)`` by comparing with all vectors of some slots."""
        found, scores = nearest_products(queries, self._kept(slots), k)
        return slots[found], scores

    def _kept(self, slots: Array) -> Array:
        """Return vectors ``(n, width)`` as FAISS keeps them."""
        if not len(slots):
            return np.zeros((0, self.width), np.float32)
        if self._lists is not None:
            self._lists.make_direct_map()
        return np.asarray(self._index.reconstruct_batch(slots))


def _set(name: str, value: int | None, part: Any, field: str, things: str, example: str,
         factory: str) -> None:
    """Set a field of a part of the FAISS index; ValueError if there is no part, or below 1."""
    if value is None:
        return
    if part is None:
        raise ValueError(f"{name}: got {value} for {factory!r}, which has no {things}; leave it "
                         f"out, or give a factory as {example!r}.")
    if value < 1:
        raise ValueError(f"{name}: got {value}; look through at least one.")
    setattr(part, field, value)


def _reason(error: RuntimeError) -> str:
    """Return the message of a FAISS error without the place in its source."""
    return re.split(r"\.(?:cpp|h):\d+: ", str(error))[-1].removeprefix("Error: ").strip()
