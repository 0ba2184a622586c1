"""The folder of a space: its parts, who may write to it, and what it says of itself."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.files import write_bytes, write_text
from crossalign.folders import as_text, digest, read_record
from crossalign.index.folder import MANIFEST
from crossalign.sentences import short
from crossalign.space.encoder_map import FILE, EncoderMap
from crossalign.space.training import FILE as TRAINING
from crossalign.space.training import Training

Array = npt.NDArray[Any]
FORMAT = 1
RECORD, FITTED, INDEX, SAMPLE, CARD = "space.json", "fitted", "index", "sample.npy", "card.md"
"""Names of the parts."""
Stamp = tuple[int, ...]
PATIENCE = 10.0
"""Seconds to wait for another process that writes."""


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Keep other processes from the record of a space; a folder nobody may write to needs none.

    Raises
    ------
    ValueError
        If another process keeps writing.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(place / ".lock", timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(f"folder: {str(place)!r} is being written to by another process; try "
                         "again.") from None
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


def check_space_target(place: Path) -> None:
    """Raise ValueError if a folder holds anything but a space or what an unfinished one left."""
    if not place.exists():
        return
    ours = (RECORD, FITTED, INDEX, SAMPLE, CARD, TRAINING)
    foreign = (sorted(p.name for p in place.iterdir()
                      if p.name not in ours and not p.match(FILE) and not p.name.startswith("."))
               if place.is_dir() else [place.name])
    if foreign:
        raise ValueError(f"folder: {str(place)!r} holds {foreign[0]!r}, which is no part of a "
                         "space; choose another folder.")


def write_record(place: Path, **parts: Any) -> str:
    """Write the record of a space, which counts, and its card; return the record's digest.

    Raises
    ------
    ValueError
        If it cannot be written.
    """
    record = {"format": FORMAT, "class": "Space", **parts}
    stated = digest(as_text(record))
    try:
        write_text(place / RECORD, as_text({**record, "digest": stated}))
        write_text(place / CARD, card_text(parts["card"]))
    except OSError as error:
        raise ValueError(f"folder: {error}") from None
    return stated


def checked_record(place: Path) -> tuple[dict[str, Any], str]:
    """Read the record of a space and its digest.

    Raises
    ------
    ValueError
        If it is of another format, or is not what was written.
    """
    record = read_record(place / RECORD)
    stated = record.pop("digest")
    if record["format"] != FORMAT:
        raise ValueError(f"it has format {short(record['format'])}, this version reads {FORMAT}")
    if digest(as_text(record)) != stated:
        raise ValueError(f"{RECORD} is not what was written")
    return record, stated


def write_map(place: Path, mapped: EncoderMap | None) -> dict[str, Any]:
    """Write the map of a space, if it has one, and return that part of its record.

    Raises
    ------
    ValueError
        If it cannot be written.
    """
    try:
        return {} if mapped is None else {"encoder_map": mapped.save(place)}
    except OSError as error:
        raise ValueError(f"folder: {error}") from None


def read_map(place: Path, record: Mapping[str, Any]) -> EncoderMap | None:
    """Read the map of a space; None if it has none."""
    return EncoderMap.load(place, record["encoder_map"]) if "encoder_map" in record else None


def read_training(place: Path, record: Mapping[str, Any]) -> Training | None:
    """Return the training samples of a space, to be read when asked for; None without any."""
    return Training(None, place, record["training"]) if "training" in record else None


def remove_other_maps(place: Path, record: Mapping[str, Any]) -> None:
    """Remove maps that a record does not name."""
    kept = str(record.get("encoder_map", {}).get("sha256", ""))[:16]
    for file in place.glob(FILE):
        if not kept or kept not in file.name:
            with suppress(OSError):
                file.unlink()


def stamp(place: Path) -> Stamp | None:
    """Return what changes whenever a space or its index is written; None while it is not there."""
    try:
        said = [(place / name).stat() for name in (RECORD, f"{INDEX}/{MANIFEST}")]
    except OSError:
        return None
    return tuple(number for of in said for number in (of.st_ino, of.st_size, of.st_mtime_ns))


def stated_digest(place: Path) -> str:
    """Return the digest that the record of a space states; empty if there is none to read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return str(read_record(place / RECORD)["digest"])
    return ""


def write_sample(place: Path, sample: Array | None) -> None:
    """Write the sample of a space, if it has one."""
    if sample is None:
        return
    stream = io.BytesIO()
    np.save(stream, sample, allow_pickle=False)
    write_bytes(place / SAMPLE, stream.getvalue())


def read_sample(place: Path) -> Array | None:
    """Read the sample of a space; None if it has none."""
    if not (place / SAMPLE).is_file():
        return None
    return np.asarray(np.load(place / SAMPLE, allow_pickle=False))


def card_text(card: Mapping[str, Any]) -> str:
    """Write a card in Markdown."""
    lines = [f"# {card.get('name', 'Space')}", ""]
    for key, value in card.items():
        if value == {}:
            continue
        if isinstance(value, Mapping):
            lines += [f"- {key}:", *(f"  - {k}: {short(v, 200)}" for k, v in value.items())]
        elif key != "name":
            lines.append(f"- {key}: {short(value, 300)}")
    return "\n".join(lines) + "\n"
