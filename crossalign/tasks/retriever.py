"""Search across modalities with any fitted aligner."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign.arrays import refuse_masked, refuse_rows
from crossalign.index.base import Index
from crossalign.index.hamming import HammingIndex
from crossalign.labels import is_missing, refuse_repeated
from crossalign.metrics import match_strength
from crossalign.models.blockwise import encoded, in_blocks
from crossalign.models.learned import made_up
from crossalign.models.ranges import SIZE, Having, check_values
from crossalign.models.rows import check_columns
from crossalign.sentences import short
from crossalign.tasks.base import Task, check_samples, task_samples
from crossalign.tasks.binary_codes import BinaryCodes
from crossalign.types import Hits, Views, samples_given
from crossalign.types.given import by_modality

Array = npt.NDArray[Any]
RANGES: dict[str, Any] = {
    "model": [Having("embed", words="a fitted aligner, as models.CCA().fit(X) is")],
    "index": [Having("measure", words="an index, as index.ExactIndex() is"), None],
    "bits": [SIZE, None]}


class Retriever(Task):
    """Search in a gallery of one modality by queries of another, with the model's similarity.

    Parameters
    ----------
    model : fitted Aligner
        Model that embeds queries and gallery and owns the similarity.
    index : Index, optional
        Empty index of which the retriever fills a clone; by default ``model.index()``, which
        compares a query with every row, or `index.HammingIndex` for codes.
    bits : int, optional
        Length of binary codes that replace the model's vectors; default None, no codes. `fit`
        learns them from training samples and is needed for codes only.

    Attributes
    ----------
    index_ : Index
        Index that holds the gallery.
    ids_ : (n,) object
        Identifiers of the gallery's rows.
    codes_ : BinaryCodes
        Codes that `fit` has learned.

    Examples
    --------
    >>> retriever = Retriever(model).add(gallery, "text")          # doctest: +SKIP
    >>> retriever.search(images, "image", k=5).indices             # doctest: +SKIP
    >>> Retriever(model, bits=64).fit(train).add(gallery, "text")  # doctest: +SKIP
    """

    learned = MappingProxyType({"index_": Index, "ids_": np.ndarray, "codes_": BinaryCodes})

    def __init__(self, model: Any, index: Any = None, bits: int | None = None) -> None:
        check_values({"model": model, "index": index, "bits": bits}, RANGES)
        self.model = model
        self.index = index
        self.bits = bits

    def fit(self, train: Views) -> Self:
        """Learn the binary codes, if ``bits`` is given, from training samples.

        Raises
        ------
        ValueError
            If the model's embeddings are narrower than the codes.
        """
        if self.bits is not None:
            samples = task_samples(train, "train")
            self.codes_ = BinaryCodes(self.model, self.bits).fit(samples)
        return self

    def add(self, gallery: Views | npt.ArrayLike, modality: str,
            ids: npt.ArrayLike | None = None) -> Self:
        """Append rows ``(n, d)`` that have a modality to the gallery.

        Raises
        ------
        ValueError
            If the index ranks by another measure than the model, or ``ids`` are not one name or
            number per row, no two alike.
        """
        gallery = _rows_of(gallery, "gallery")
        if isinstance(gallery, Views) and isinstance(modality, str):
            gallery = gallery.having(modality)
        if not hasattr(self, "index_"):
            self.index_, self.ids_ = self._empty_index(), np.zeros(0, dtype=object)
        vectors = self._vectors(gallery, modality)
        given = ids is not None
        if ids is None:
            ids = (gallery.ids if isinstance(gallery, Views)
                   else np.arange(len(self.ids_), len(self.ids_) + len(vectors)))
        names = _one_each(ids, len(vectors))
        if given:
            refuse_repeated(names)
        self.index_.add(vectors)
        self.ids_ = np.concatenate([self.ids_, names])
        return self

    def search(self, queries: Views | npt.ArrayLike, modality: str | Sequence[str],
               k: int = 10) -> Hits:
        """Find the k nearest gallery items of every query row that has the modality, best first.

        If several modalities are named, every query of `Views` must have one and is embedded from
        all that it has.
        """
        if not hasattr(self, "index_"):
            raise ValueError("queries: the gallery is empty; call add(gallery, modality) first.")
        queries = _rows_of(queries, "queries")
        hits: Hits = self.index_.search(self._vectors(queries, modality), k)
        return hits

    def strength(self, queries: Views | npt.ArrayLike, modality: str | Sequence[str]) -> Array:
        """Measure how far the best item of every query stands out from the gallery, ``(q,)``.

        See `metrics.match_strength`. A query below the cut-off that validation chose, of
        ``Fitted.settings["cutoff"]`` that of ``"image->text"`` for images that ask for texts, has
        no answer in the gallery. All items are compared.

        Raises
        ------
        ValueError
            As `search`, or the gallery holds fewer than two items.
        """
        every = max(1, len(getattr(self, "ids_", ())))
        return match_strength(self.search(queries, modality, every).scores)

    def try_out(self) -> None:
        """Search for made-up queries of every modality that the codes, if there are any, know."""
        if not hasattr(self, "index_"):
            return
        if len(self.ids_) != len(self.index_):
            raise ValueError(f"{len(self.ids_)} identifiers for {len(self.index_)} items")
        for modality, rows in made_up(self.model).items():
            if self.bits is None or modality in self.codes_.means_:
                self.search(rows, modality, k=1)

    def _empty_index(self) -> Any:
        """Make an index without items, checked to rank as the model does."""
        right = self.model.index() if self.bits is None else HammingIndex(self.bits)
        if self.index is None:
            return right
        if self.index.measure != right.measure:
            what = type(self.model).__name__ if self.bits is None else f"codes of {self.bits} bits"
            raise ValueError(f"index: {type(self.index).__name__} ranks by {self.index.measure}, "
                             f"and {what} by {right.measure}; leave it out, or give one of that "
                             f"measure, as {type(right).__name__}.")
        return clone(self.index, safe=False)

    def _vectors(self, samples: Views | npt.ArrayLike, modality: str | Sequence[str]) -> Array:
        """Compute the vectors of samples for the index, ``(n, w)``: the model's, or codes."""
        names = [modality] if isinstance(modality, str) else modality
        if not isinstance(names, list | tuple) or not all(isinstance(m, str) for m in names):
            raise ValueError(f"modality: got {short(modality)}; give the name of a modality, or a "
                             "list of names.")
        if not isinstance(modality, str):
            return self._of_views(samples, list(modality))
        if isinstance(samples, Views):
            samples.kind(modality)  # an error that lists the modalities if it has none of that name
        check_columns(samples, modality, self.model)
        refuse_masked(samples, f"x: {modality!r}")
        encode = self.model.similarity_inputs if self.bits is None else self.model.embed
        rows = (encoded(encode, samples.having(modality), modality) if isinstance(samples, Views)
                else encode(np.asarray(samples), modality))
        if self.bits is None:
            return np.asarray(self.model.index_vectors(rows))
        codes = self.codes_ if hasattr(self, "codes_") else BinaryCodes(self.model, self.bits)
        return codes.encode(rows, modality)

    def _of_views(self, samples: Views | npt.ArrayLike, modalities: list[str]) -> Array:
        """Compute vectors ``(n, w)`` of samples that have at least one of several views."""
        if not isinstance(samples, Views) or self.bits is not None:
            raise ValueError(f"modality: got {modalities}; samples with several views are Views, "
                             "and compared without binary codes. Name one modality for others.")
        here = np.any([samples.has(m) for m in modalities], axis=0)
        rows = in_blocks(lambda part: self.model.similarity_inputs(part, modalities),
                         samples.take(np.flatnonzero(here)))
        return np.asarray(self.model.index_vectors(rows))


def _rows_of(samples: Any, argument: str) -> Any:
    """Return samples by modality as `Views`, and rows as they are; ValueError for anything else."""
    check_samples(samples, argument)
    return samples_given(samples) if by_modality(samples) else samples


def _one_each(ids: npt.ArrayLike, n: int) -> Any:
    """Check the identifiers ``(n,)`` of n rows.

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
