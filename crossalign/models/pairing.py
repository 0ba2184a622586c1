"""Which two modalities a two-modality model aligns, and their paired training rows."""

from __future__ import annotations

import numpy as np

from crossalign.models.base import Array, side_information
from crossalign.types import CLASS_MODALITY, Classes, Views


def paired_rows(X: Views, classes: Classes | None, model: object) -> tuple[dict[str, Array],
                                                                           tuple[str, str]]:
    """Training rows of two modalities and their names.

    The first two modalities of ``X``; where it has one, that one and the side information of each
    sample's class under the name ``"class"``.

    Raises
    ------
    ValueError
        If there is one modality and no labels or side information to pair it with.
    """
    if len(X.modalities) >= 2:
        first, second = X.modalities[:2]
        return {first: X[first], second: X[second]}, (first, second)
    (first,) = X.modalities
    classes = side_information(classes, model)
    if X.labels is None:
        raise ValueError(f"y: {type(model).__name__} pairs {first!r} with side information by "
                         "label and the samples have none; pass labels or a second modality.")
    rows = np.ascontiguousarray(classes.embeddings[X.labels])
    return {first: X[first], CLASS_MODALITY: rows}, (first, CLASS_MODALITY)
