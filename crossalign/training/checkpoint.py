"""Checkpoints: the state of a run in one file that is either whole or absent.

Tensors and facts are written together, facts as JSON in the header of the safetensors file, into a
temporary file that then takes the old one's place: whenever the process dies, the folder holds one
consistent checkpoint. A checksum tells a damaged file from a whole one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from crossalign.files import replacing, sweep

FILE_NAME = "checkpoint.safetensors"
FORMAT = "crossalign-training"
VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a checkpoint.

    Attributes
    ----------
    tensors : mapping of name to Tensor
        Weights and states by path.
    facts : mapping
        JSON-able values: epoch, history, settings.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_checkpoint(folder: str | os.PathLike[str], tensors: Mapping[str, Tensor],
                    facts: Mapping[str, Any]) -> Path:
    """Write a checkpoint into a folder, creating the folder if needed, and return the file.

    Raises
    ------
    ValueError
        If the folder cannot be written.
    """
    file = Path(folder) / FILE_NAME
    plain, text = _unshared(tensors), json.dumps(dict(facts))
    header = {"format": FORMAT, "version": str(VERSION), "facts": text,
              "crc32": str(_checksum(plain, text))}
    try:
        with replacing(file) as draft:
            try:
                save_file(plain, draft, metadata=header)
            except SafetensorError as error:
                raise OSError(str(error)) from None
    except OSError as error:
        raise ValueError(f"checkpoint: {error}") from None
    return file


def load_checkpoint(folder: str | os.PathLike[str]) -> Checkpoint:
    """Read the checkpoint of a folder, with its tensors on the CPU.

    Raises
    ------
    ValueError
        If there is none, it is damaged, or another version of the library wrote it.
    """
    file = Path(folder) / FILE_NAME
    remedy = "delete it, or train again with resume=False"
    if not file.is_file():
        raise ValueError(f"checkpoint: there is no file {str(file)!r}; name the folder that "
                         "training wrote.")
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT or header.get("version") != str(VERSION):
            raise ValueError(
                f"checkpoint: {str(file)!r} is of format {header.get('format')!r} version "
                f"{header.get('version')!r}, this library reads {FORMAT!r} version "
                f"{str(VERSION)!r}; {remedy}.")
        damaged = header.get("crc32") != str(_checksum(tensors, header["facts"]))
        facts = json.loads(header["facts"])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"checkpoint: {str(file)!r} cannot be read ({error}); {remedy}.") from None
    if damaged:
        raise ValueError(f"checkpoint: {str(file)!r} is damaged, its checksum differs; {remedy}.")
    return Checkpoint(tensors, facts)


def has_checkpoint(folder: str | os.PathLike[str]) -> bool:
    """Return True if a folder holds a checkpoint, damaged or not."""
    return (Path(folder) / FILE_NAME).is_file()


def discard_checkpoint(folder: str | os.PathLike[str]) -> None:
    """Delete a checkpoint, and its folder unless that holds something else."""
    (Path(folder) / FILE_NAME).unlink(missing_ok=True)
    sweep(folder, FILE_NAME)
    with suppress(OSError):
        Path(folder).rmdir()


def _unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors on the CPU; tied weights become separate copies."""
    seen: set[int] = set()
    plain = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        address = value.untyped_storage().data_ptr()
        if address in seen:
            value = value.clone()
        seen.add(address)
        plain[name] = value
    return plain


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    """Compute the CRC-32 of the text, then of names and bytes in the order of the names."""
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(name.encode(), total)
        if tensors[name].numel():
            octets: Any = tensors[name].reshape(-1).view(torch.uint8).numpy()
            total = zlib.crc32(octets, total)
    return total
