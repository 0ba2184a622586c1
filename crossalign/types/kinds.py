"""Kinds of modalities: what an array of samples holds, told from its type and dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.sentences import nearest

Array = npt.NDArray[Any]

KINDS: dict[str, str] = {
    "vectors": "vectors (n, d)", "tokens": "tokens (n, t, d)", "frames": "frames (n, f, t, d)",
    "images": "images (n, h, w), (n, h, w, 1) or (n, h, w, 3)", "ids": "token ids (n, t)"}
"""The kinds, in words with shapes."""
AXES = {"vectors": (2,), "tokens": (3,), "frames": (4,), "images": (3, 4), "ids": (2,)}
"""Possible numbers of axes of an array of each kind."""
TYPES = {"images": " of uint8", "ids": " of integers"}
"""Number types, for complaints, of kinds that do not hold floats."""
COLOURS = (1, 3)
"""Possible sizes of the last of four axes of images: grey, or red, green and blue."""
BY_AXES = {2: "vectors", 3: "tokens", 4: "frames"}
"""Kind of an array of numbers by its axes, if nothing else is said."""


def check_kind(told: str, name: str) -> None:
    """Raise ValueError for a kind that there is not."""
    if told not in KINDS:
        raise ValueError(f"kinds: got {told!r} for {name}; {nearest(told, KINDS)}")


def kind_of(values: Array, name: str, told: str | None = None) -> str:
    """Tell the kind of a modality.

    Bytes (uint8) with three axes, or with four of which the last has 1 or 3 colours, are images;
    all else is vectors, tokens or frames by its axes. Token ids look like counts and must be told,
    and so must frames of bytes that have the shape of other pictures.

    Parameters
    ----------
    values : array
        Samples of the modality.
    name : str
        Name of the samples in errors.
    told : str, optional
        The kind, one of `KINDS`.

    Raises
    ------
    ValueError
        If there is no such kind, the array has other axes than it, images are no bytes, token
        ids are no integers, or bytes look like pictures with transparency or with their colours
        before rows and columns.
    """
    bytes_ = values.dtype == np.uint8
    if told is None:
        if bytes_ and (values.ndim == 3 or _coloured(values)):
            return "images"
        if bytes_ and values.ndim == 4:
            _refuse_other_pictures(values, name)
        if values.ndim not in BY_AXES:
            raise ValueError(f"{name}: shape {values.shape}; give (n, d) vectors or "
                             "(n, t, d) tokens.")
        return BY_AXES[values.ndim]
    check_kind(told, name)
    fits = values.ndim in AXES[told] and (values.ndim < 4 or told == "frames" or _coloured(values))
    if not fits or (told == "images" and not bytes_) or (
            told == "ids" and values.dtype.kind not in "iu"):
        raise ValueError(f"{name}: {values.dtype} of shape {values.shape} for the kind {told!r}; "
                         f"give {KINDS[told]}{TYPES.get(told, '')}.")
    return told


def _coloured(values: Array) -> bool:
    return values.ndim == 4 and values.shape[-1] in COLOURS


def _refuse_other_pictures(values: Array, name: str) -> None:
    """Raise ValueError for bytes ``(n, h, w, 4)`` or ``(n, c, h, w)`` with 1, 3 or 4 colours c."""
    if values.shape[-1] == 4:
        what, fix = "pictures with transparency", "x[..., :3] is without it"
    elif values.shape[1] in (*COLOURS, 4):
        what, fix = "pictures with their colours first", "x.transpose(0, 2, 3, 1) is"
    else:
        return
    raise ValueError(f"{name}: uint8 of shape {values.shape}, which looks like {what}; give images "
                     f"(n, h, w, 3), as {fix}, or say that they are frames by kinds.")
