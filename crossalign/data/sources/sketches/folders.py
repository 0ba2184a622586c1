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

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import check_classes
from crossalign.data.class_folders import class_files, holds_classes, picture_id
from crossalign.data.noted import Noted, joined
from crossalign.data.picture_rows import encoded_classes
from crossalign.pace import Log
from crossalign.types import Encoder, Views

Array = npt.NDArray[Any]

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


@dataclass(frozen=True)
class SketchSamples:
    """Labelled samples of both sides.

    Attributes
    ----------
    sides : mapping of "sketch" and "photo" to Views with that modality
        Samples of each side; ids are like ``sketch/airplane/1.png``.
    digests : mapping of side to (n,) uint64
        Digests of the files' contents.
    names : C class names
    folders : where the sides lie in the folder
    noted : what is said of files, those among them that could not be read
    """

    sides: dict[str, Views]
    digests: dict[str, Array]
    names: tuple[str, ...]
    folders: tuple[str, ...]
    noted: Noted


def read_sketches(folder: Path, encoder: Encoder, keep: bool = True,
                  log: Log | None = None) -> SketchSamples:
    """Encode both sides by one encoder, kept in the user's cache unless ``keep`` is False.

    Raises
    ------
    ValueError
        If a side is missing, a class is on one side only, or none of its pictures can be read.
    """
    places = sides_of(folder)
    if places is None:
        raise ValueError(f"path: the folder {str(folder)!r} holds no class folders of sketches "
                         "beside such of photos; name them 'sketch' and 'photo'.")
    listed = {side: class_files(place) for side, place in places.items()}
    names = _classes({side: by_class for side, (by_class, _) in listed.items()})
    sides, digests, noted = {}, {}, []
    for side, (by_class, passed) in listed.items():
        encoded = encoded_classes({name: by_class[name] for name in names}, encoder, keep=keep,
                                  log=log)
        digests[side] = encoded.digests
        sides[side] = Views({side: encoded.rows}, encoded.labels, ids=[
            f"{side}/{picture_id(file)}" for file in encoded.files],
            meta={f"file:{side}": np.array([str(file) for file in encoded.files])})
        noted += [passed, encoded.noted]
    return SketchSamples(sides, digests, tuple(names),
                         tuple(place.relative_to(folder).as_posix() for place in places.values()),
                         joined(*noted))


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
