"""Search across modalities with any fitted aligner."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import HasMethods

from crossalign.arrays import refuse_rows
from crossalign.index import ExactIndex
from crossalign.index.hamming import HammingIndex
from crossalign.labels import is_missing
from crossalign.models.blockwise import embedded, in_blocks
from crossalign.models.ranges import SIZE, Having, check_values
from crossalign.tasks.binary_codes import BinaryCodes
from crossalign.types import Hits, Views

RANGES: dict[str, Any] = {
    "model": [Having("embed", words="a fitted aligner, as models.CCA().fit(X) is")],
    "index": [HasMethods(["add", "search"]), None], "bits": [SIZE, None]}


class Retriever:
    """Embeds a gallery of one modality and answers queries of another.

    Parameters
    ----------
    model : fitted Aligner
    index : object with ``add`` and ``search``, optional
        Where the gallery's embeddings go; an `index.ExactIndex` by default, or an
        `index.hamming.HammingIndex` of codes.
    bits : int, optional
        Keep and compare binary codes of so many bits instead of embeddings; they are learned from
        training samples by `fit`, which is not needed otherwise.

    Examples
    --------
    >>> retriever = Retriever(model).add(gallery, "text")          # doctest: +SKIP
    >>> retriever.search(images, "image", k=5).indices             # doctest: +SKIP
    >>> Retriever(model, bits=64).fit(train).add(gallery, "text")  # doctest: +SKIP
    """

    def __init__(self, model: Any, index: Any = None, bits: int | None = None) -> None:
        check_values({"model": model, "index": index, "bits": bits}, RANGES)
        self.model = model
        self.index = index
        self.bits = bits
        self.codes = None if bits is None else BinaryCodes(model, bits)
        self.ids_ = np.zeros(0, dtype=object)

    def fit(self, train: Views) -> Self:
        """Learn the binary codes, if there are to be any, from training samples.

        Raises
        ------
        ValueError
            If the model's embeddings are narrower than the codes.
        """
        if self.codes is not None:
            self.codes.fit(train)
        return self

    def add(self, gallery: Views | npt.ArrayLike, modality: str,
            ids: npt.ArrayLike | None = None) -> Self:
        """Embed rows ``(n, d)`` that have a modality and append them to the index.

        Raises
        ------
        ValueError
            If ``ids`` are not one name or number per row.
        """
        if isinstance(gallery, Views):
            gallery = gallery.having(modality)
        vectors = self._vectors(gallery, modality)
        if self.index is None:
            self.index = (ExactIndex(vectors.shape[1]) if self.bits is None
                          else HammingIndex(self.bits))
        if ids is None:
            ids = (gallery.ids if isinstance(gallery, Views)
                   else np.arange(len(self.ids_), len(self.ids_) + len(vectors)))
        names = _one_each(ids, len(vectors))
        self.index.add(vectors)
        self.ids_ = np.concatenate([self.ids_, names])
        return self

    def search(self, queries: Views | npt.ArrayLike, modality: str | Sequence[str],
               k: int = 10) -> Hits:
        """The k nearest gallery items of every query row that has the modality, best first.

        Of several modalities a query of `Views` asks with all that it has, one at least.
        """
        if self.index is None:
            raise ValueError("queries: the gallery is empty; call add(gallery, modality) first.")
        hits: Hits = self.index.search(self._vectors(queries, modality), k)
        return hits

    def _vectors(self, samples: Views | npt.ArrayLike, modality: str | Sequence[str]) -> Any:
        """Embeddings ``(n, d)`` of samples, or their codes."""
        if not isinstance(modality, str):
            return self._of_views(samples, list(modality))
        vectors = (embedded(self.model, samples, modality) if isinstance(samples, Views)
                   else self.model.embed(np.asarray(samples), modality))
        return vectors if self.codes is None else self.codes.encode(vectors, modality)

    def _of_views(self, samples: Views | npt.ArrayLike, modalities: list[str]) -> Any:
        """Embeddings ``(n, d)`` of samples that have one of several views at least."""
        if not isinstance(samples, Views) or self.codes is not None:
            raise ValueError(f"modality: got {modalities}; samples with several views are Views, "
                             "and compared without binary codes. Name one modality for others.")
        here = np.any([samples.has(m) for m in modalities], axis=0)
        return in_blocks(lambda part: self.model.embed_views(part, modalities),
                         samples.take(np.flatnonzero(here)))


def _one_each(ids: npt.ArrayLike, n: int) -> Any:
    """Identifiers ``(n,)`` of n rows.

    Raises
    ------
    ValueError
        If there are more or fewer, lists among them, or one is missing.
    """
    try:
        names = np.asarray(ids, dtype=object)
    except ValueError:  # lists of several lengths
        names = np.zeros((n, 0))
    if names.shape != (n,):
        got = f"shape {names.shape}" if names.ndim != 1 else len(names)
        raise ValueError(f"ids: {got} for {n} rows; give one per row, a name or a number.")
    refuse_rows([not isinstance(name, Hashable) for name in names], "ids", "lists or arrays",
                "give every row one name or number")
    refuse_rows([is_missing(name) for name in names], "ids", "missing",
                "give every row one")
    return names
