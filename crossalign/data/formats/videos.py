"""Video files, read by PyAV: some frames of each, and no more is decoded than they need.

Packets are read once, to know the time of every frame. A video of a few hundred is then decoded in
order; in a longer one each frame that is wanted is decoded from the key frame before it. PyAV is
imported when a video is read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.pictures import AS_STORED

Array = npt.NDArray[Any]

SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
"""Suffixes of video files, in lower case."""
CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,ogg,asf,m4v,h264,"
              "hevc")
"""Formats of FFmpeg that are opened, whatever a file is called: none reads other files."""
SHORT = 512
"""Number of packets up to which a video is decoded from its beginning."""
BACK = 2
"""Number of key frames further back that are tried where a container leads behind a frame."""
GUESSED = ("avi", "mpeg")
"""Formats without times of showing, which FFmpeg makes up and may miss by a frame."""
MOST_PACKETS = 2**20
"""Largest number of packets that are read: nearly ten hours of 30 frames a second."""
MOST_DECODED = 2**15
"""Largest number of frames that are decoded for those that are wanted."""
LARGEST = 2**26
"""Pixels of the largest frame that is read; a decoder holds many of them at once."""


class Packets(NamedTuple):
    """Packets of a video.

    Attributes
    ----------
    number : int
    times : array of int
        Their times of showing, ascending; empty where one has none, or two have the same.
    keys : array of int
        Times of those from which decoding can begin.
    guessed : bool
        Whether times are made up, see `GUESSED`.
    place : int
        Number of the video among those of the file.
    """

    number: int
    times: array[int]
    keys: array[int]
    guessed: bool
    place: int

    @property
    def lead(self) -> bool:
        """True if times lead to frames, and decoding all of them would be long; made up ones are
        used where that would be too long.
        """
        least = MOST_DECODED if self.guessed else SHORT
        return self.number > least and len(self.times) > 0 and len(self.keys) > 0


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


def video_frames(file: Path, spread: Callable[[int], list[int]],
                 see: Callable[[Array], Array]) -> tuple[list[Array], dict[str, str]]:
    """Return what is made of some frames of a video, in their order, and notes.

    Parameters
    ----------
    file : Path
    spread : callable
        Function from the number of frames of the video to the numbers of those that are wanted,
        ascending.
    see : callable
        Function of the pixels of a frame, upright, ``(h, w, 3)`` uint8; one frame is held at a
        time.

    Raises
    ------
    ValueError
        One sentence naming a file that is truncated, corrupt, no video, without a frame or too
        large.
    ImportError
        If PyAV is not installed.
    """
    check_pyav()
    notes: dict[str, str] = {}
    try:
        packets = _packets(file)
        found = _by_key_frames(file, packets, spread(packets.number), see, notes)
        if found is None:
            found, there = _in_order(file, packets.place, spread(packets.number), see, notes)
            if there != packets.number:         # packets that hold two frames, none, or are cut off
                found, _ = _in_order(file, packets.place, spread(there), see, notes)
        if not found:
            raise ValueError("it holds no frame")
    except MemoryError:
        raise
    except Exception as error:  # FFmpeg's errors are of a dozen kinds
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"path: {str(file)!r} cannot be read as a video ({reason}), so it is "
                         "truncated, corrupt or not one; copy it again or remove it.") from (
                             ValueError(reason))
    return found, notes


def _opened(file: Path) -> Any:
    import av

    return av.open(str(file), options={"format_whitelist": CONTAINERS,
                                       "protocol_whitelist": "file"})


def _packets(file: Path) -> Packets:
    """Read the packets of the video without decoding them; of several the longest, as a cover is
    one of a single picture.
    """
    with _opened(file) as container:
        guessed = container.format.name in GUESSED
        streams = container.streams.video
        if not streams:
            raise ValueError("it holds no video")
        known = [stream for stream in streams if stream.codec_context is not None
                 and stream.width and stream.height]
        if not known:
            raise ValueError("its frames have no size")
        of = {stream.index: (array("q"), array("q")) for stream in known}
        numbers = Counter[int]()
        for packet in container.demux(known):
            if not packet.size:
                continue
            index = packet.stream.index
            numbers[index] += 1
            if numbers[index] > MOST_PACKETS:
                raise ValueError(f"it has more than {MOST_PACKETS:,} packets, the most that are "
                                 "read; cut it into pieces")
            if packet.pts is not None:
                of[index][0].append(packet.pts)
                if packet.is_keyframe:
                    of[index][1].append(packet.pts)
        film = max(known, key=lambda stream: numbers[stream.index])     # others are covers
        _check_size(film)
        (times, keys), number = of[film.index], numbers[film.index]
        place = list(streams).index(film)
    ordered = array("q", sorted(set(times)))
    return Packets(number, ordered if len(ordered) == number else array("q"),
                   array("q", sorted(keys)), guessed, place)


def _by_key_frames(file: Path, packets: Packets, numbers: list[int],
                   see: Callable[[Array], Array], notes: dict[str, str]) -> list[Array] | None:
    """Return the frames of some numbers, each decoded from the key frame before it.

    None for a short video, and where the file does not lead there: times or key frames are not
    known, or a frame is not found.
    """
    if not packets.lead:
        return None
    found, last = list[Array](), None
    with _opened(file) as container:
        stream = container.streams.video[packets.place]
        frames, decoded = iter(()), count()
        for wanted in (packets.times[number] for number in numbers):
            place, frame = bisect_right(packets.keys, wanted) - 1, None
            if last is not None and (place < 0 or packets.keys[place] <= last):   # it goes on
                frame = _shown_at(wanted, frames, decoded)
            for start in packets.keys[max(place - BACK, 0):place + 1][::-1]:
                if frame is not None:
                    break
                container.seek(start, stream=stream)
                frames = container.decode(stream)
                frame = _shown_at(wanted, frames, decoded)
            if frame is None:
                return None
            last = wanted
            found.append(see(_pixels(frame, notes)))
    return found


def _shown_at(time: int, frames: Iterator[Any], decoded: Iterator[int]) -> Any:
    """Decode up to the frame of a time; None where there is none."""
    for frame in frames:
        _check_frame(frame, next(decoded) + 1)
        if frame.pts is None or frame.pts >= time:
            return frame if frame.pts == time else None
    return None


def _in_order(file: Path, place: int, numbers: list[int], see: Callable[[Array], Array],
              notes: dict[str, str]) -> tuple[list[Array], int]:
    """Decode a video, and return the frames of some numbers and how many frames it has."""
    wanted, found, there = set(numbers), list[Array](), 0
    with _opened(file) as container:
        stream = container.streams.video[place]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            _check_frame(frame, there + 1)
            if there in wanted:
                found.append(see(_pixels(frame, notes)))
            there += 1
    return found, there


def _pixels(frame: Any, notes: dict[str, str]) -> Array:
    """Return a frame upright, ``(h, w, 3)`` uint8."""
    quarters, rest = divmod(frame.rotation, 90)
    if rest:
        notes[AS_STORED] = f"turned by {frame.rotation} degrees"
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), 0 if rest else quarters))


def _check_frame(frame: Any, decoded: int) -> None:
    """Raise ValueError for a frame that is too large, as files may say otherwise, or one too many
    that is decoded.
    """
    _check_size(frame)
    if decoded > MOST_DECODED:
        raise ValueError(f"more than {MOST_DECODED:,} of its frames would have to be decoded, as "
                         "its key frames are few or cannot be found; cut it into pieces")


def _check_size(picture: Any) -> None:
    """Raise ValueError for a video or a frame that is too large."""
    pixels = picture.width * picture.height
    if pixels > LARGEST:
        raise ValueError(f"{pixels / 1e6:,.0f} megapixels, more than the {LARGEST / 1e6:.0f} that "
                         "are read")
