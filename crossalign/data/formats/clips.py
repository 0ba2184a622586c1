"""Clips: video files, read by PyAV, and folders of frames, as a few pictures spread over them.

A clip is cut into as many parts of equal length as frames are asked for, and the frame in the
middle of each is read; a clip of fewer frames gives all it has. PyAV is imported when a video is
read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.pictures import AS_STORED, LARGEST, Drawing, read_picture

Array = npt.NDArray[Any]

SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
"""Suffixes of video files, in lower case."""


class Clip(NamedTuple):
    """Pixels of some frames in their order, each ``(h, w)`` or ``(h, w, 3)`` uint8, and notes."""

    pixels: list[Array]
    notes: dict[str, str]


def is_video(file: Path) -> bool:
    """Return True if a name is that of a video file."""
    return file.suffix.lower() in SUFFIXES


def check_pyav() -> None:
    """Raise ImportError where PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        raise ImportError("Video files need PyAV: pip install 'crossalign[video]'; folders of "
                          "frames do not.") from None


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


def read_clip(place: Path, frames: int, side: int | None, mode: str = "L") -> Clip:
    """Read some frames of a video file, or of a folder of frames.

    Parameters
    ----------
    place : Path
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
    if place.is_dir():
        files = frame_files(place)
        if not files:
            raise ValueError(f"path: the folder {str(place)!r} holds no frame; put pictures into "
                             "it or remove it.")
        pictures = [read_picture(files[i], side, mode) for i in spread(len(files), frames)]
        return Clip([picture.pixels for picture in pictures],
                    {kind: note for picture in pictures for kind, note in picture.notes.items()})
    check_pyav()
    try:
        shown, notes = _decoded(place, frames)
    except MemoryError:
        raise
    except Exception as error:  # FFmpeg's errors are of a dozen kinds
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"path: {str(place)!r} cannot be read as a video ({reason}), so it is "
                         "truncated, corrupt or not one; copy it again or remove it.") from (
                             ValueError(reason))
    return Clip([read_picture(Drawing(place.name, pixels), side, mode).pixels for pixels in shown],
                notes)


def _decoded(file: Path, frames: int) -> tuple[list[Array], dict[str, str]]:
    """Return frames of a video, upright, (h, w, 3) uint8, and notes."""
    count = _packets(file)
    shown, notes, there = _frames_at(file, spread(count, frames))
    if there != count:                      # packets that hold two frames, none, or are cut off
        shown, notes, there = _frames_at(file, spread(there, frames))
    if not shown:
        raise ValueError("it holds no frame")
    return shown, notes


def _packets(file: Path) -> int:
    """Count the packets of the video without decoding them."""
    import av

    with av.open(str(file)) as container:
        if not container.streams.video:
            raise ValueError("it holds no video")
        stream = container.streams.video[0]
        if not (stream.width and stream.height):
            raise ValueError("its frames have no size")
        _check_size(stream)
        return sum(1 for packet in container.demux(stream) if packet.size)


def _frames_at(file: Path, numbers: Sequence[int]) -> tuple[list[Array], dict[str, str], int]:
    """Decode a video, and return the frames of some numbers, notes, and how many frames it has."""
    import av

    wanted, shown, notes, count = set(numbers), list[Array](), dict[str, str](), 0
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            _check_size(frame)                          # it may differ from what the file says
            if count in wanted:
                quarters, rest = divmod(frame.rotation, 90)
                if rest:
                    notes[AS_STORED] = f"turned by {frame.rotation} degrees"
                shown.append(np.ascontiguousarray(
                    np.rot90(frame.to_ndarray(format="rgb24"), 0 if rest else quarters)))
            count += 1
    return shown, notes, count


def _check_size(picture: Any) -> None:
    """Raise ValueError for a video or a frame that is too large."""
    pixels = picture.width * picture.height
    if pixels > LARGEST:
        raise ValueError(f"{pixels / 1e6:,.0f} megapixels, more than the {LARGEST / 1e6:.0f} that "
                         "are read")


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Return a key by which numbers in names count as numbers."""
    parts: list[Any] = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part)
            for part in parts]
