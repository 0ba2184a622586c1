"""Files that claim what they do not hold, and archives that nobody can read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np


def pairs(classes: int = 6, each: int = 6) -> dict[str, np.ndarray]:
    """Two small modalities with labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    z = rng.standard_normal((classes, 3))[labels] + 0.3 * rng.standard_normal((len(labels), 3))
    return {"image": z @ rng.standard_normal((3, 5)), "text": z @ rng.standard_normal((3, 4)),
            "labels": labels}


def npy(values) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue()


def claim(shape, descr: str = "<f8", held: int = 80) -> bytes:
    """An array of a shape with so many bytes behind its header."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + b"\0" * held


def raw_header(text: str) -> bytes:
    """A .npy file whose header is any text."""
    return (np.lib.format.magic(1, 0) + len(text).to_bytes(2, "little") + text.encode("latin1"))


def npz(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    """An archive of members as they are, beside the others of `pairs`."""
    held = {name: npy(values) for name, values in pairs().items()} | members
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in held.items():
            archive.writestr(f"{name}.npy", content)
    return path


def encrypted(path: Path) -> Path:
    """An archive whose members say that they need a password."""
    content = bytearray(npz(path).read_bytes())
    for signature, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        i = 0
        while (i := content.find(signature, i)) >= 0:
            content[i + at] |= 1
            i += 4
    path.write_bytes(content)
    return path
