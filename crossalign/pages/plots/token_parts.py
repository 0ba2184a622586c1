"""One modality of one sample, drawn by its tokens: tinted patches, words with bars, or bars.

A part is a mapping: ``saliency`` (t,), 0 at padding, ``kept`` (t,) bool, and, where there are any,
``image`` (h, w) or (h, w, 3) with ``grid``, rows and columns of its t patches, or ``words``, t
strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.palette import BLUE, GRID, INK, MUTED, ON_COLOUR, ON_PAPER, ORANGE, RED
from crossalign.pages.plots.thumbnail import thumbnail
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[Any]
Part = Mapping[str, Any]

WORDS = 14
"""Largest number of words of a text that are drawn, the most salient."""


def check_part(modality: str, part: Part) -> None:
    """Raise ValueError if tokens of a part disagree in number."""
    t = len(part["saliency"])
    grid, words = part.get("grid"), part.get("words")
    counts = {"kept": len(part["kept"]), "grid": t if grid is None else int(np.prod(grid)),
              "words": t if words is None else len(words)}
    for name, count in counts.items():
        if count != t:
            raise ValueError(f"samples: {modality!r} has saliency of {t} tokens and {name} of "
                             f"{count}; give as many.")


def is_patched(part: Part) -> bool:
    """Tell whether the tokens are patches of a picture."""
    return part.get("image") is not None and part.get("grid") is not None


def real_values(part: Part) -> Array:
    """Return the saliency of all tokens but padding."""
    values = np.asarray(part["saliency"], np.float64)
    return values[values > 0]


def drawn_words(part: Part) -> Array:
    """Return the positions of the most salient words, in order."""
    values = np.asarray(part["saliency"], np.float64)
    best = np.argsort(-values, kind="stable")[:min(WORDS, int((values > 0).sum()))]
    return np.sort(best)


def describe_part(modality: str, part: Part) -> str:
    """Describe a part, such as ``text: 6 of 9 words kept``."""
    kind = "patches" if is_patched(part) else "words" if part.get("words") is not None else "tokens"
    n, count = len(real_values(part)), len(drawn_words(part))
    rest = f"; the {count} most salient:" if kind == "words" and count < n else ""
    return f"{shorten(modality, 16)}: {int(np.sum(part['kept']))} of {n} {kind} kept{rest}"


def draw_picture(ax: Axes, part: Part, scale: tuple[float, float]) -> None:
    """Draw a picture, its patches tinted on a scale from lowest to highest, the kept ones
    outlined.
    """
    pixels = thumbnail(np.asarray(part["image"])).astype(np.float32) / 255
    ax.set_axis_off()
    if not is_patched(part):
        ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="none")
        return
    rows, columns = (int(side) for side in part["grid"])
    depth = (np.asarray(part["saliency"]) - scale[0]) / max(scale[1] - scale[0], 1e-9)
    tint = tints()(depth.reshape(rows, columns).clip(0, 1))[..., :3]          # (r, c, 3)
    grey = pixels.mean(axis=2) if pixels.ndim == 3 else pixels                # (h, w)
    height, width = grey.shape
    tall, wide = rows * -(-height // rows), columns * -(-width // columns)
    grey = grey[np.ix_(np.arange(tall) * height // tall, np.arange(wide) * width // wide)]
    tint = tint.repeat(tall // rows, axis=0).repeat(wide // columns, axis=1)
    ax.imshow(grey[..., None] * tint, extent=(0, columns, rows, 0), interpolation="none",
              aspect=height * columns / (width * rows))
    ax.hlines(range(rows + 1), 0, columns, color=ON_PAPER[0], linewidth=0.5, zorder=2)
    ax.vlines(range(columns + 1), 0, rows, color=ON_PAPER[0], linewidth=0.5, zorder=2)
    _outline(ax, np.asarray(part["kept"], bool).reshape(rows, columns))
    ax.set(xlim=(-0.03, columns + 0.03), ylim=(rows + 0.03, -0.03))


def _outline(ax: Axes, inside: Array) -> None:
    """Draw the border between kept patches (r, c) and the others."""
    from matplotlib.collections import LineCollection

    padded = np.pad(inside, 1).astype(int)
    across, down = (np.argwhere(np.diff(padded, axis=axis)) for axis in (0, 1))
    segments = [[(c - 1, r), (c, r)] for r, c in across] + [[(c, r - 1), (c, r)] for r, c in down]
    ax.add_collection(LineCollection(segments, colors=ON_PAPER[1], linewidths=2.0,
                                     capstyle="projecting", zorder=3))


def draw_words(ax: Axes, part: Part) -> None:
    """Draw a line for each word: the word, bold if kept, a bar from 0 to 1, and its saliency."""
    values, kept = np.asarray(part["saliency"]), np.asarray(part["kept"], bool)
    tokens = drawn_words(part)
    bare(ax, (0, 1), (max(len(tokens), 1), 0))
    for line, t in enumerate(tokens):
        y, length = line + 0.5, 0.44 * values[t]
        ax.text(0.42, y, drawable(shorten(part["words"][t], 16)), fontsize=7.6, ha="right",
                va="center_baseline", color=INK if kept[t] else MUTED,
                fontweight="bold" if kept[t] else "normal")
        ax.barh(y, length, left=0.45, height=0.62, color=BLUE if kept[t] else GRID)
        ax.text(0.465 + length, y, f"{values[t]:.2f}", fontsize=6.4, color=MUTED,
                va="center_baseline")


def draw_bars(ax: Axes, part: Part) -> None:
    """Draw a bar from 0 to 1 for each token, in order."""
    values, kept = np.asarray(part["saliency"]), np.asarray(part["kept"], bool)
    real = np.flatnonzero(values)
    bare(ax, (-0.5, max(len(values), 1) - 0.5), (0, 1))
    ax.bar(real, values[real], width=0.8, color=[BLUE if k else GRID for k in kept[real]])
    ax.axhline(0, color=GRID, linewidth=0.8)


def bare(ax: Axes, xlim: tuple[float, float], ylim: tuple[float, float]) -> None:
    """Set the limits; remove frame, ticks and background."""
    ax.set(xlim=xlim, ylim=ylim, xticks=[], yticks=[], facecolor="none")
    for spine in ax.spines.values():
        spine.set_visible(False)


def tints() -> Any:
    """Return a colour map from the colour of paper to a deep orange."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("saliency", [ON_COLOUR, "#fbd88a", ORANGE, RED])
