"""Captions as COCO writes them: one ``.json`` of ``images``, and of captions as ``annotations``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossalign.data.json_values import text_of, words_of
from crossalign.data.noted import Noted

SUFFIX = ".json"
BEGINNING = 2**16
"""Number of bytes by which such a file is recognised."""
KEYS = (b'"images"', b'"annotations"')
CAPTIONS = "captions_"
"""Beginning of the name of such a file, before the name of the folder of pictures."""


def is_coco(file: Path) -> bool:
    """Return True for a file of JSON that begins as one of COCO."""
    if file.suffix.lower() != SUFFIX:
        return False
    try:
        with file.open("rb") as stream:
            beginning = stream.read(BEGINNING)
    except OSError:
        return False
    return beginning.lstrip().startswith(b"{") and any(key in beginning for key in KEYS)


def read_coco(file: Path) -> tuple[dict[str, list[Any]], Noted]:
    """Read a row for each caption, and the pictures that have none.

    Rows have the columns ``path``, ``caption`` and ``id``, and what else the file says of a
    picture.

    Raises
    ------
    ValueError
        If the file is damaged, has no captions, or some are of no picture.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        images = {image["id"]: image for image in content["images"]}
        captions = [(one["image_id"], text_of(one["caption"], "caption", file))
                    for one in content["annotations"]]
        rows = [(images[number], caption) for number, caption in captions
                if number in images and caption.strip()]
        others = list(dict.fromkeys(name for image in images.values() for name in image
                                    if name not in ("id", "file_name")))
        columns: dict[str, list[Any]] = {
            "path": [words_of(image["file_name"], "file_name", file) for image, _ in rows],
            "caption": [caption for _, caption in rows],
            "id": [str(image["id"]) for image, _ in rows],
            **{name: [image.get(name) for image, _ in rows] for name in others
               if name not in ("path", "caption")}}
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError,
            AttributeError) as error:
        lacking = f"no {error}" if isinstance(error, KeyError) else "is damaged"
        raise ValueError(f"path: {str(file)!r} is no file of COCO's captions ({lacking}); give one "
                         "with 'images' of 'id' and 'file_name', and 'annotations' of 'image_id' "
                         "and 'caption'.") from None
    _check_images(file, content["images"], images, [number for number, _ in captions])
    with_caption = {number for number, caption in captions if caption.strip()}
    silent = [str(image["file_name"]) for number, image in images.items()
              if number not in with_caption]
    blank = [str(images[number]["file_name"]) for number, caption in captions
             if not caption.strip()]
    return columns, {kind: names for kind, names in (
        ("pictures_without_a_caption", silent), ("blank_captions", blank)) if names}


def _check_images(file: Path, listed: list[Any], images: Mapping[Any, Any],
                  owners: list[Any]) -> None:
    """Raise ValueError where two pictures have one id, or a caption is of none."""
    if len(images) < len(listed):
        twice = next(name for name, count in Counter(image["id"] for image in listed).items()
                     if count > 1)
        raise ValueError(f"path: {str(file)!r} has the id {twice!r} of a picture twice; give every "
                         "picture its own.")
    stray = [number for number in owners if number not in images]
    if stray:
        raise ValueError(f"path: {len(stray)} captions of {str(file)!r} are of no picture, first "
                         f"of the image_id {stray[0]!r}; add the pictures to 'images' or remove "
                         "them.")


def folder_of_pictures(file: Path, names: list[str]) -> Path:
    """Return the folder below which the pictures of a file lie.

    That is its own, ``images`` in it, or beside it or its folder the one that its name says:
    ``val2017`` for ``annotations/captions_val2017.json``.

    Raises
    ------
    ValueError
        If the first picture is in none of them.
    """
    own, stem = file.parent, file.stem.removeprefix(CAPTIONS)
    places = [own, own / "images", own / stem, own.parent / stem, own.parent / "images" / stem,
              own.parent / "images"]
    found = next((place for place in places if (place / names[0]).is_file()), None)
    if found is None:
        raise ValueError(f"path: the picture {names[0]!r} of {str(file)!r} is in none of "
                         f"{[str(place) for place in places]}; put the pictures into one.")
    return found
