"""Clips: video files and folders of frames, as a few pictures spread over them.

A clip is cut into as many parts of equal length as frames are asked for, and the frame in the
middle of each is read; a clip of fewer frames gives all it has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from crossalign.data.formats.pictures import Drawing, read_picture
from crossalign.data.formats.videos import video_frames

Array = npt.NDArray[Any]


class Film(NamedTuple):
    """Clip that is in no file.

    Attributes
    ----------
    frames : sequence of pictures
        Its frames in their order; of data that are made here pixels ``(h, w)`` uint8.
    name : str
        Name among all clips, as that of a folder and a file.
    """

    frames: Sequence[Any] | Array
    name: str = ""


class Clip(NamedTuple):
    """Pixels of some frames in their order, each ``(h, w)`` or ``(h, w, 3)`` uint8, and notes."""

    pixels: list[Array]
    notes: dict[str, str]


def spread(count: int, frames: int) -> list[int]:
    """Return the numbers of the frames in the middle of equal parts of a clip of ``count``
    frames; all of them if there are no more.
    """
    if count <= frames:
        return list(range(count))
    return [(2 * part + 1) * count // (2 * frames) for part in range(frames)]


def frame_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder by the numbers in their names: ``2.png`` before
    ``10.png``.
    """
    from crossalign.data.class_folders import is_picture

    files = [file for file in folder.iterdir()
             if not file.name.startswith(".") and file.is_file() and is_picture(file)]
    return sorted(files, key=lambda file: (_by_numbers(file.name), file.name))


def read_clip(place: Path | Film, frames: int, side: int | None, mode: str = "L") -> Clip:
    """Read some frames of a video file, of a folder of frames, or of a film that was made here.

    Parameters
    ----------
    place : Path or Film
    frames : int
        Number of frames.
    side, mode
        Arguments of `pictures.read_picture`.

    Raises
    ------
    ValueError
        One sentence naming a file that is truncated, corrupt, no video or without a frame, or a
        frame that cannot be read.
    ImportError
        If it is a video file and PyAV is not installed.
    """
    if isinstance(place, Film):
        return Clip([_seen(place.frames[i], place.name, side, mode)
                     for i in spread(len(place.frames), frames)], {})
    if place.is_dir():
        files = frame_files(place)
        if not files:
            raise ValueError(f"path: the folder {str(place)!r} holds no frame; put pictures into "
                             "it or remove it.")
        pictures = [read_picture(files[i], side, mode) for i in spread(len(files), frames)]
        return Clip([picture.pixels for picture in pictures],
                    {kind: note for picture in pictures for kind, note in picture.notes.items()})
    seen = partial(_seen, name=place.name, side=side, mode=mode)
    return Clip(*video_frames(place, partial(spread, frames=frames), seen))


def _seen(pixels: Array, name: str, side: int | None, mode: str) -> Array:
    return read_picture(Drawing(name, pixels), side, mode).pixels


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Return a key by which numbers in names count as numbers."""
    parts: list[Any] = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part)
            for part in parts]
