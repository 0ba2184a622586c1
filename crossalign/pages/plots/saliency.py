"""Saliency: the weight of every patch and of every word, and which of them the model keeps."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crossalign.pages.plots.canvas import empty_figure
from crossalign.pages.plots.palette import INK, MUTED
from crossalign.pages.plots.token_parts import (
    Part,
    bare,
    check_part,
    describe_part,
    draw_bars,
    draw_picture,
    draw_words,
    drawn_words,
    is_patched,
    real_values,
    tints,
)
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CARD, SIDE, LINE, BARS, HEADING, GAP = 2.52, 1.62, 0.152, 0.6, 0.16, 0.12
"""Width of a sample, side of a picture, height of a word, of bars, of a heading and of what is
below a picture or text, in inches."""


def saliency(samples: Sequence[Mapping[str, Any]], *, columns: int = 4,
             limit: int = 8) -> Figure:
    """Draw the saliency of the tokens of some samples (Ge et al. 2025, fig. 6).

    Patches of a picture are deeper the more salient they are, on one scale for all samples; words
    and other tokens have bars from 0 to 1. Kept tokens are outlined or bold, and blue.

    Parameters
    ----------
    samples : n items
        ``{"text": str, "parts": {modality: part}}``; a part has ``"saliency"`` (t,), 0 at padding,
        ``"kept"`` (t,) bool, and optionally ``"image"`` (h, w) or (h, w, 3) with ``"grid"``, rows
        and columns of its patches, or ``"words"``, t strings.
    columns, limit : int
        Number of samples in a row, default 4, and in all, default 8.

    Raises
    ------
    ValueError
        If there is no sample, or tokens of a part disagree in number.
    """
    selection = list(samples[:limit])
    if not selection:
        raise ValueError("samples: none given; pass at least one.")
    for sample in selection:
        for modality, part in sample["parts"].items():
            check_part(modality, part)
    scales = _scales(selection)
    rows = [selection[i:i + columns] for i in range(0, len(selection), columns)]
    heights = [max(map(_height, row)) for row in rows]
    width, height = 0.18 + CARD * min(columns, len(selection)), 0.6 + sum(heights)
    figure = empty_figure(width, height, layout="none")
    top = height - 0.06
    for row, tall in zip(rows, heights, strict=True):
        for j, sample in enumerate(row):
            _card(figure, sample, 0.16 + CARD * j, top, scales)
        top -= tall
    for j, (modality, scale) in enumerate(scales.items()):
        _scale_bar(_place(figure, 0.16 + CARD * j, 0.34, SIDE, 0.09), modality, scale)
    figure.text((0.16 + CARD * len(scales)) / width, 0.34 / height,
                "outlined or bold: kept in the embedding; bars reach from 0 to 1", fontsize=7.4,
                color=MUTED, ha="left", va="bottom")
    return figure


def _scales(samples: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest saliency of patches, by modality."""
    values_of: dict[str, list[Any]] = {}
    for sample in samples:
        for modality, part in sample["parts"].items():
            if is_patched(part) and len(real_values(part)):
                values_of.setdefault(modality, []).append(real_values(part))
    values = {m: np.concatenate(parts) for m, parts in values_of.items()}
    return {m: (float(x.min()), float(x.max())) for m, x in values.items()}


def _card(figure: Figure, sample: Mapping[str, Any], left: float, top: float,
          scales: Mapping[str, tuple[float, float]]) -> None:
    """Draw one sample: its class, and its parts below one another; lengths in inches."""
    wide, tall = figure.get_size_inches()
    lines = textwrap.wrap(shorten(sample.get("text") or "", 60), 31)[:2]
    figure.text(left / wide, top / tall, drawable("\n".join(lines)), fontsize=7.6,
                fontweight="bold", color=INK, ha="left", va="top", linespacing=1.1)
    top -= 0.32
    for modality, part in sample["parts"].items():
        figure.text(left / wide, top / tall, drawable(describe_part(modality, part)),
                    fontsize=7, color=MUTED, ha="left", va="top")
        top -= HEADING
        if part.get("image") is not None:
            draw_picture(_place(figure, left, top - SIDE, SIDE, SIDE), part,
                         scales.get(modality, (0.0, 1.0)))
            top -= SIDE + GAP
        if not is_patched(part):
            ax = _place(figure, left, top - _listed(part), CARD - 0.3, _listed(part))
            (draw_bars if part.get("words") is None else draw_words)(ax, part)
            top -= _listed(part) + GAP


def _scale_bar(ax: Axes, modality: str, scale: tuple[float, float]) -> None:
    ax.imshow(np.linspace(0, 1, 64)[None], cmap=tints(), aspect="auto")
    bare(ax, (-0.5, 63.5), (-0.5, 0.5))
    label = f"{shorten(modality, 12)} saliency, {scale[0]:.2f} to {scale[1]:.2f}"
    ax.set_xlabel(drawable(label), fontsize=7, color=MUTED, labelpad=3, loc="left")


def _height(sample: Mapping[str, Any]) -> float:
    """Return the height of a sample in inches."""
    total = 0.42
    for part in sample["parts"].values():
        total += HEADING + (0 if part.get("image") is None else SIDE + GAP)
        total += 0 if is_patched(part) else _listed(part) + GAP
    return total


def _listed(part: Part) -> float:
    """Return the height of the words or bars of a part, in inches."""
    return BARS if part.get("words") is None else LINE * max(1, len(drawn_words(part)))


def _place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches."""
    wide, tall = figure.get_size_inches()
    return figure.add_axes((left / wide, bottom / tall, width / wide, height / tall))
