"""Search across modalities with any fitted aligner."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from crossalign.index import ExactIndex
from crossalign.types import Hits, Views


class Retriever:
    """Embeds a gallery of one modality and answers queries of another.

    Parameters
    ----------
    model : fitted Aligner
    index : object with ``add`` and ``search``, optional
        Where the gallery's embeddings go; an `index.ExactIndex` by default.

    Examples
    --------
    >>> retriever = Retriever(model).add(gallery, "text")          # doctest: +SKIP
    >>> retriever.search(images, "image", k=5).indices             # doctest: +SKIP
    """

    def __init__(self, model: Any, index: Any = None) -> None:
        self.model = model
        self.index = index
        self.ids_ = np.zeros(0, dtype=object)

    def add(self, gallery: Views | npt.ArrayLike, modality: str,
            ids: npt.ArrayLike | None = None) -> Self:
        """Embed rows ``(n, d)`` that have a modality and append them to the index."""
        if isinstance(gallery, Views):
            gallery = gallery.having(modality)
        rows = gallery[modality] if isinstance(gallery, Views) else np.asarray(gallery)
        vectors = self.model.embed(rows, modality)
        if self.index is None:
            self.index = ExactIndex(vectors.shape[1])
        if ids is None:
            ids = (gallery.ids if isinstance(gallery, Views)
                   else np.arange(len(self.ids_), len(self.ids_) + len(vectors)))
        names = np.asarray(ids, dtype=object)
        if len(names) != len(vectors):
            raise ValueError(f"ids: {len(names)} for {len(vectors)} rows; give one per row.")
        self.index.add(vectors)
        self.ids_ = np.concatenate([self.ids_, names])
        return self

    def search(self, queries: Views | npt.ArrayLike, modality: str, k: int = 10) -> Hits:
        """The k nearest gallery items of every query row that has the modality, best first."""
        if self.index is None:
            raise ValueError("queries: the gallery is empty; call add(gallery, modality) first.")
        if isinstance(queries, Views):
            queries = queries.having(modality)
        rows = queries[modality] if isinstance(queries, Views) else np.asarray(queries)
        hits: Hits = self.index.search(self.model.embed(rows, modality), k)
        return hits
