"""Clips of class folders: video files and folders of frames."""

from __future__ import annotations

from pathlib import Path

from crossalign.data.class_folders import (
    TEXT,
    by_class,
    entries,
    is_folder,
    is_picture,
    named,
    picture_id,
)
from crossalign.data.formats.clips import frame_files
from crossalign.data.formats.videos import check_pyav, is_video
from crossalign.data.noted import NOT_READ, Noted


def class_clips(folder: Path) -> tuple[dict[str, list[Path]], Noted]:
    """Return the clips of every class, both sorted by name, and what is none.

    Raises
    ------
    ValueError
        If two folders have one name, in two spellings, or a picture lies among clips, unless it is
        called like one of them, as a preview is.
    ImportError
        If there are video files and PyAV is not installed.
    """
    clips_by_class, noted = by_class(folder, is_video, _no_clip, "clip")
    if clips_by_class:
        _check_mixed(folder, next(iter(clips_by_class.values()))[0])
    if any(not is_folder(clip) for clips in clips_by_class.values() for clip in clips):
        check_pyav()
    return clips_by_class, noted


def _check_mixed(folder: Path, clip: Path) -> None:
    """Raise ValueError if a class folder holds pictures of its own beside clips or instead."""
    for entry in filter(is_folder, entries(folder, [])):
        inside = list(entries(entry, []))
        clips = {of.stem for of in inside if is_folder(of) or is_video(of)}
        for picture in inside:
            if is_picture(picture) and picture.stem not in clips and not is_folder(picture):
                raise ValueError(f"path: the folder {str(folder)!r} holds clips, as "
                                 f"{picture_id(clip)}, and pictures, as {picture_id(picture)}; put "
                                 "each into a folder of its own, as a data set holds one of them.")


def clips_in(folder: Path) -> tuple[list[Path], Noted]:
    """Return the clips of a folder and of its class folders, sorted by name, and what is none; a
    folder of frames is a clip itself.

    Raises
    ------
    ValueError
        If there are none.
    """
    if _no_clip(folder) is None:
        return [folder], {}
    found: list[Path] = []
    passed: list[str] = []
    for entry in entries(folder, passed):
        reason = _no_clip(entry)
        if reason is None:
            found.append(entry)
        elif is_folder(entry):
            inside = list(entries(entry, passed))
            found += [clip for clip in inside if _no_clip(clip) is None]
            passed += [named(other, reason) for other in inside
                       if (reason := _no_clip(other)) and other.suffix.lower() != TEXT]
        elif entry.suffix.lower() != TEXT:
            passed.append(named(entry, reason))
    if not found:
        raise ValueError(f"files: the folder {str(folder)!r} holds no clip, nor do the folders in "
                         "it; give clips, or a folder of them.")
    return found, {NOT_READ: passed} if passed else {}


def holds_videos(folder: Path) -> bool:
    """Return True if a folder has folders of video files."""
    return any(is_video(file) for entry in entries(folder, []) if is_folder(entry)
               for file in entries(entry, []))


def holds_frames(folder: Path) -> bool:
    """Return True if a folder has folders of folders of pictures."""
    return any(_no_clip(inside) is None for entry in entries(folder, []) if is_folder(entry)
               for inside in entries(entry, []) if is_folder(inside))


def _no_clip(place: Path) -> str | None:
    """Return why something in a class folder is not read as a clip, or None if it is."""
    try:
        if not place.is_dir():
            return None if is_video(place) and place.is_file() else "no video"
        return None if frame_files(place) else "a folder without a frame"
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
