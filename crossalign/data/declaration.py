"""Protocols of benchmarks: the rows that numbers rest on, and the leaks that are ruled out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.digest import row_digests
from crossalign.data.leaks import leak_record
from crossalign.types import Classes, Views, split_id

Array = npt.NDArray[Any]


def declared(rows: Mapping[str, npt.ArrayLike], facts: Mapping[str, Any], classes: Classes,
             **leaks: bool) -> dict[str, Any]:
    """Make the protocol of a retrieval or transfer benchmark.

    Parameters
    ----------
    rows : mapping of split to row numbers in the data set
    facts : mapping
        JSON-able facts: features, side information, the choice of test part and classes.
    classes : Classes
    leaks : bool
        Further named ways to be wrong (`LEAKS`) that are known here.
    """
    settled = {"scaler_fit_on_all": False, "validation_holds_test_rows": False,
               "single_class_split": "gallery" not in rows}
    return {
        "split_id": split_id(rows), **facts,
        "classes": {"seen": int(classes.seen.sum()), "unseen": int(classes.unseen.sum())},
        "samples": {split: len(np.asarray(index)) for split, index in rows.items()},
        "leaks": leak_record(**(settled | leaks)),
    }


def equal_rows(query: Views, gallery: Views) -> dict[str, bool]:
    """Return whether a row of some modality stands twice in the gallery, or a sample in both
    splits.
    """
    of_queries, of_gallery = (
        _digests(views, views.modalities) for views in (query, gallery))
    return equal_digests(of_queries, of_gallery, digests_of(gallery).values())


def equal_digests(queries: Array, gallery: Array, rows: Iterable[Array]) -> dict[str, bool]:
    """Return `equal_rows` for samples that are told apart by their digests, ``(n,)``.

    ``rows`` are those of the gallery, modality by modality.
    """
    return {"duplicate_gallery_rows": any(len(np.unique(of)) < len(of) for of in rows),
            "query_in_gallery": bool(np.isin(queries, gallery).any())}


def digests_of(views: Views) -> dict[str, Array]:
    """Compute digests of the rows of each modality, for the samples that have it."""
    return {m: _digests(views.having(m), [m]) for m in views.modalities}


def _digests(views: Views, modalities: Sequence[str]) -> Array:
    """Compute digests ``(n,)`` of samples by their rows of some modalities, read in blocks."""
    widest = max(modalities, key=lambda m: views.read(m, np.arange(min(1, len(views)))).size)
    parts = [row_digests(views.read(m, rows) for m in modalities)
             for rows in views.blocks(widest)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
