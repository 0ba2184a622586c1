"""Arrays of the figure of salient tokens."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

from crossalign.arrays import evenly
from crossalign.evaluation.figures.items import shown_picture
from crossalign.models.blockwise import as_given
from crossalign.models.roles import TokenSelector
from crossalign.types import Views

SAMPLES = 8
"""Number of samples whose tokens are shown."""


def tokens(model: Any, views: Views, names: Sequence[str]) -> dict[str, Any]:
    """Return ``saliency``: the saliency of the tokens of some samples, with what the tokens show.

    Only for a model that selects tokens. Pictures are those of `shown_picture`, rows and columns of
    their patches in ``grid:M`` of modality M, a square if it is absent and fits, and words in
    ``words:M``, separated by blanks.
    """
    if not isinstance(model, TokenSelector) or not hasattr(model, "widths_"):
        return {}
    known = [m for m in views.modalities if m in model.widths_ and views.kind(m) == "tokens"]
    some = views[evenly(len(views), SAMPLES)]
    found = []
    for i in range(len(some)):
        one = some[i : i + 1]
        parts = {m: _part(model, one, m) for m in known if len(one.having(m))}
        text = str(one.ids[0]) if one.labels is None else names[one.labels[0]]
        if parts:
            found.append({"text": text, "parts": parts})
    return {"saliency": found}


def _part(model: TokenSelector, one: Views, modality: str) -> dict[str, Any]:
    """Return one modality of one sample."""
    x = as_given(one, modality)
    part: dict[str, Any] = {"saliency": model.saliency(x, modality)[0],
                            "kept": model.kept_tokens(x, modality)[0]}
    grid, words = (one.meta.get(f"{what}:{modality}") for what in ("grid", "words"))
    picture, cells = shown_picture(one, 0, modality), len(part["saliency"])
    if picture is not None:
        part["image"] = picture
        sides = [isqrt(cells)] * 2 if grid is None else [int(side) for side in grid[0]]
        if sides[0] * sides[1] == cells:
            part["grid"] = tuple(sides)
    if words is not None:
        said = str(words[0]).split()
        part["words"] = said + [""] * (cells - len(said))
    return part
