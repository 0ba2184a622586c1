"""The two sides of a sketch-based retrieval set, in the folders as they are unpacked.

Each side is a folder of class folders:

| | sketches, first found | photos, first found |
|---|---|---|
| Sketchy, extended | sketch/tx_000000000000 | EXTEND_image_sketchy, extended_photo |
| Sketchy | sketch/tx_000000000000 | photo/tx_000000000000 |
| TU-Berlin, extended | png_ready, sketches, png | ImageResized_ready, ImageResized, images |
| any | sketch | photo |

``_ready`` may stand behind a name of Sketchy's, and ``256x256/`` or ``Sketchy/`` before it.
"""

from __future__ import annotations

from pathlib import Path

from crossalign.data.benchmarks import check_classes
from crossalign.data.class_folders import class_files, holds_classes
from crossalign.data.noted import Noted, joined

_OF_SKETCHY = ("", "256x256/", "Sketchy/", "Sketchy/256x256/")
PLACES: dict[str, tuple[str, ...]] = {
    "sketch": (*(f"{before}sketch/tx_000000000000{ready}" for before in _OF_SKETCHY
                 for ready in ("", "_ready")),
               "png_ready", "sketches", "png", "sketch"),
    "photo": (*(f"{before}{name}{ready}" for before in _OF_SKETCHY for name in (
        "EXTEND_image_sketchy", "extended_photo", "photo/tx_000000000000")
                for ready in ("", "_ready")),
              "ImageResized_ready", "ImageResized", "images", "photo"),
}
"""Possible places of each side, in order of preference."""


def sides_of(folder: Path) -> dict[str, Path] | None:
    """Return the folders of sketches and of photos, or None if one is missing."""
    folders = {
        side: next((folder / place for place in places if holds_classes(folder / place)), None)
        for side, places in PLACES.items()}
    return {side: place for side, place in folders.items() if place is not None} if all(
        folders.values()) else None


def sketch_files(folder: Path) -> tuple[dict[str, dict[str, list[Path]]], list[str], Noted]:
    """Return the files of both sides, "sketch" and "photo", by class; the places of the sides in
    the folder; and the files that are no pictures.

    Raises
    ------
    ValueError
        If a side is missing, or a class is on one side only.
    """
    places = sides_of(folder)
    if places is None:
        raise ValueError(f"path: the folder {str(folder)!r} holds no class folders of sketches "
                         "beside such of photos; name them 'sketch' and 'photo'.")
    listed = {side: class_files(place) for side, place in places.items()}
    names = _classes({side: by_class for side, (by_class, _) in listed.items()})
    return ({side: {name: by_class[name] for name in names}
             for side, (by_class, _) in listed.items()},
            [place.relative_to(folder).as_posix() for place in places.values()],
            joined(*(passed for _, passed in listed.values())))


def _classes(files: dict[str, dict[str, list[Path]]]) -> list[str]:
    """Return the names of the classes, which both sides must have."""
    names = [set(by_class) for by_class in files.values()]
    alone = sorted(names[0] ^ names[1])
    if alone:
        side = next(side for side, by_class in files.items() if alone[0] not in by_class)
        raise ValueError(f"{side}: has no pictures of the class {alone[0]!r}, one of {len(alone)} "
                         "that one side lacks; add them or remove the class.")
    check_classes(len(names[0]), "path", item="photo")
    return list(files["sketch"])
