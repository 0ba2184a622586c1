"""What the picture of salient tokens is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossalign.evaluation.shown_items import spread
from crossalign.models.base import TokenSelector
from crossalign.types import Views

SAMPLES = 8
"""Samples whose tokens are shown."""


def tokens(model: Any, views: Views, names: Sequence[str]) -> list[dict[str, Any]]:
    """Saliency of the tokens of some samples, with what the tokens are of where ``meta`` has it.

    Pictures are in ``show:M`` of modality M, rows and columns of its patches in ``grid:M``, and
    words in ``words:M``.
    """
    known = [m for m in views.modalities if m in model.widths_ and views.read(m, [0]).ndim == 3]
    some = views[spread(len(views), SAMPLES)]
    found = []
    for i in range(len(some)):
        one = some[i : i + 1]
        parts = {m: _part(model, one, m) for m in known if len(one.having(m))}
        text = str(one.ids[0]) if one.labels is None else names[one.labels[0]]
        if parts:
            found.append({"text": text, "parts": parts})
    return found


def _part(model: TokenSelector, one: Views, modality: str) -> dict[str, Any]:
    """One modality of one sample."""
    x = one[modality]
    part: dict[str, Any] = {"saliency": model.saliency(x, modality)[0],
                            "kept": model.kept_tokens(x, modality)[0]}
    shown, grid, words = (one.meta.get(f"{what}:{modality}") for what in ("show", "grid", "words"))
    if shown is not None and shown.dtype.kind not in "US":
        part["image"] = shown[0]
        if grid is not None and int(np.prod(grid[0])) == x.shape[1]:
            part["grid"] = tuple(int(side) for side in grid[0])
    if words is not None and len(words[0]) == x.shape[1]:
        part["words"] = [str(word) for word in words[0]]
    return part
