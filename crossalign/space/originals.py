"""Originals of items: the files they were read from, or what an index keeps of those in no file."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossalign.data.samples import CLIP
from crossalign.space.thumbs import THUMB_KEY

WHOLE = "data:image/png;base64,"
"""Beginning of a small picture without loss, as an index keeps what is in no file; of a clip it
holds some frames.
"""


def original(root: Any, name: str, about: Mapping[str, Any]) -> Path | bytes | None:
    """Return the picture or clip of an item, to be read again; None if its payload names none.

    Parameters
    ----------
    root : str or None
        Path of the data that a space was built from, which its files are named relative to.
    name : str
        Id of the item.
    about : mapping
        Its payload, whose file a space alone sets: the whole path of one that was added.
    """
    if "file" in about:
        return Path(os.path.normpath(os.path.join(str(root or ""), str(about["file"]))))
    if about.get("modality") != CLIP and str(about.get(THUMB_KEY, "")).startswith(WHOLE):
        return base64.b64decode(str(about[THUMB_KEY]).removeprefix(WHOLE))
    return None
