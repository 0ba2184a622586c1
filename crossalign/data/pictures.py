"""Folders of pictures by class: which files there are, what they hold, and their pixels.

A class is a folder that holds pictures; folders without, hidden ones and other files are passed
over. Pillow is imported when a picture is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.cache import cached_arrays

Array = npt.NDArray[Any]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
"""Of pictures, in any case."""

THREADS = 8
"""Files read at a time; decoding lets go of the interpreter lock."""


def is_picture(file: Path) -> bool:
    """Whether a name is that of a picture."""
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")


def holds_classes(folder: Path) -> bool:
    """Whether a folder has folders of pictures, found out without listing all of them."""
    return folder.is_dir() and any(
        any(is_picture(file) for file in sub.iterdir()) for sub in _folders(folder))


def class_files(folder: Path) -> dict[str, list[Path]]:
    """The pictures of every class, classes and pictures sorted by name."""
    found = {sub.name: sorted(file for file in sub.iterdir() if is_picture(file))
             for sub in _folders(folder)}
    return {name: files for name, files in found.items() if files}


def _folders(folder: Path) -> list[Path]:
    return sorted(sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith("."))


def content_digests(files: Sequence[Path], keep: bool = True) -> Array:
    """``(n,)`` uint64, equal where the contents of two files are equal.

    With ``keep`` they are kept in the user's cache under the names, sizes and times of the files,
    so that a large folder is not read again only to tell that it is the same.

    Raises
    ------
    ValueError
        If a file cannot be opened.
    """
    def build() -> dict[str, Array]:
        with ThreadPoolExecutor(THREADS) as pool:
            digests = b"".join(pool.map(_digest, files))
        return {"digests": np.frombuffer(digests, dtype=np.uint64)}

    if not keep:
        return build()["digests"]
    listed = hashlib.sha256()
    for file in files:
        stat = file.stat()
        listed.update(f"{file.parent.name}/{file.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0"
                      .encode(errors="surrogateescape"))
    key = {"name": "file-digests", "version": 1, "files": listed.hexdigest()}
    return cached_arrays(key, build)["digests"]


def _digest(file: Path) -> bytes:
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=8).digest()
    except OSError as error:
        raise ValueError(f"path: {str(file)!r} cannot be opened ({error.strerror}); check its "
                         "permissions.") from error


def read_pictures(files: Sequence[Path], side: int, mode: str = "L") -> Array:
    """Pixels ``(n, side, side)`` uint8, or ``(n, side, side, 3)`` for the mode "RGB".

    Pictures are turned upright where they say how, put on white where they are transparent, and
    resized without regard to their proportions, as is usual for networks.

    Raises
    ------
    ValueError
        One sentence naming a file that is truncated, corrupt or no picture.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        pictures = list(pool.map(lambda file: _read(file, side, mode), files))
    return np.stack(pictures)


def whole_pictures(files: Sequence[Path], mode: str = "RGB") -> list[Array]:
    """Pixels ``(h, w)`` or ``(h, w, 3)`` uint8 of pictures in their own sizes; else as above."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda file: _read(file, None, mode), files))


def _read(file: Path, side: int | None, mode: str) -> Array:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = image.convert(mode)
            if side is not None:
                image = image.resize((side, side), Image.Resampling.BICUBIC)
            return np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises a dozen kinds, from SyntaxError to zlib's
        raise ValueError(f"path: {str(file)!r} cannot be read as a picture ({error}), so it is "
                         "truncated, corrupt or not one; copy it again or remove it.") from error
