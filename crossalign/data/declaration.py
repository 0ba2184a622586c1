"""What a benchmark declares of itself: which rows its numbers rest on, and what is ruled out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.digest import row_digests
from crossalign.data.leaks import leak_record
from crossalign.types import Classes, Views, split_id


def declared(rows: Mapping[str, npt.ArrayLike], facts: Mapping[str, Any], classes: Classes,
             **known: bool) -> dict[str, Any]:
    """The protocol of a retrieval or transfer benchmark.

    Parameters
    ----------
    rows : mapping of split to row numbers in the data set
    facts : mapping
        JSON-able: features, side information, how the test part and the classes were chosen.
    classes : Classes
    known : bool
        More of the named ways to be wrong (`LEAKS`) that are settled here.
    """
    settled = {"scaler_fit_on_all": False, "validation_holds_test_rows": False,
               "single_class_split": "gallery" not in rows}
    return {
        "split_id": split_id(rows), **facts,
        "classes": {"seen": int(classes.seen.sum()), "unseen": int(classes.unseen.sum())},
        "samples": {split: len(np.asarray(index)) for split, index in rows.items()},
        "leaks": leak_record(**(settled | known)),
    }


def equal_rows(query: Views, gallery: Views) -> dict[str, bool]:
    """Whether equal samples stand twice in the gallery, or in query and gallery."""
    return equal_digests(*(row_digests(views[m] for m in views.modalities)
                           for views in (query, gallery)))


def equal_digests(asked: npt.NDArray[Any], found: npt.NDArray[Any]) -> dict[str, bool]:
    """`equal_rows` of samples that are told by their digests, ``(n,)``."""
    return {"duplicate_gallery_rows": len(np.unique(found)) < len(found),
            "query_in_gallery": bool(np.isin(asked, found).any())}
