"""Pairs of embeddings in shards: ``img_emb/*.npy``, ``text_emb/*.npy`` and ``metadata/*.parquet``.

Row i of all three is one pair. Half of the pairs train, over ten fixed splits; of the others every
picture asks, and the gallery is their texts. Embeddings stay on disk: one shard where it lies,
several joined once in the user's cache.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import check_classes
from crossalign.data.samples import Samples
from crossalign.data.sides import apart
from crossalign.data.sources.manifest.listing import read_columns
from crossalign.data.sources.manifest.pictures import payload_array
from crossalign.data.sources.manifest.source import captions_retrieval
from crossalign.encoders.cache import cache_folder
from crossalign.files import replacing
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.pace import Log
from crossalign.reading import existing, expanded
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

MODALITIES = {"image": "img_emb", "text": "text_emb"}
METADATA = "metadata"
IDS = ("key", "image_path", "id")
"""Columns that may identify a pair, the first that does."""
CAPTION = "caption"
NPY = b"\x93NUMPY"


def load_embeddings(folder: str | Path, *, seed: int = 0, log: Log | None = None) -> Benchmark:
    """Load retrieval of texts by the pictures that they belong to.

    Parameters
    ----------
    folder : str or Path
        Folder with ``img_emb``, ``text_emb`` and, if there are some, ``metadata``, whose columns
        are kept as ``meta``.
    seed : int
        Seed of the ten splits; default 0.
    log : callable, optional
        Function called with a line if shards are joined.

    Raises
    ------
    ValueError
        One sentence: no shards, other numbers of rows, other widths, or arrays that are no matrix
        of numbers.
    """
    folder = expanded(folder, "folder")
    shards = {modality: shard_files(folder / name) for modality, name in MODALITIES.items()}
    digest = file_digest(*(file for files in shards.values() for file in files))
    arrays = {modality: _mapped(files, f"{digest}-{modality}", log)
              for modality, files in shards.items()}
    n = len(arrays["image"])
    if len(arrays["text"]) != n:
        raise ValueError(f"text_emb: {len(arrays['text'])} rows for the {n} of img_emb; give a "
                         "text for every picture, in the same order.")
    check_classes(n, "img_emb", "pairs")
    meta = _payload(folder / METADATA, n)
    ids = next((meta[name] for name in IDS if name in meta and len(set(meta[name].tolist())) == n),
               np.arange(n)).astype(str)
    if CAPTION in meta:
        meta["show:text"] = meta.pop(CAPTION).astype(str)
    pictures = Views({"image": arrays["image"]}, ids=ids, meta=meta)
    views = apart(pictures, Views({"text": arrays["text"]}), np.ones(n, dtype=np.int64))
    facts = {"features": {"folders": list(MODALITIES.values()), "widths": pictures.widths | {
        "text": int(arrays["text"].shape[1])}, "sha256": digest, "shards": len(shards["image"])},
        "normalisation": "none (model's own)", "side_information": "none"}
    names = tuple(ids.tolist())
    return captions_retrieval(False, None, Samples(
        written(folder.resolve().name), views, names, np.zeros((n, 0), np.float32), facts, seed))


def shard_files(folder: Path, suffix: str = ".npy") -> list[Path]:
    """Return the shards of a folder in the order of their numbers.

    Raises
    ------
    ValueError
        If there are none, or two have one number.
    """
    files = [file for file in folder.iterdir() if file.suffix == suffix] if folder.is_dir() else []
    if not files:
        raise ValueError(f"{folder.name}: there is no {suffix} file in {str(folder)!r}; copy the "
                         "shards there.")
    numbers = [[int(part) for part in re.findall(r"\d+", file.stem)] for file in files]
    twice = next((i for i, of in enumerate(numbers) if of in numbers[:i]), None)
    if twice is not None:
        raise ValueError(f"{folder.name}: {files[twice].name!r} and another shard have one number; "
                         "number them apart.")
    return [file for _, file in sorted(zip(numbers, files, strict=True))]


def _mapped(files: Sequence[Path], key: str, log: Log | None) -> Array:
    """Return the rows of all shards as one array on disk."""
    parts = [_shard(file) for file in files]
    if len(parts) == 1:
        return parts[0]
    shapes = {(part.shape[1], part.dtype.str) for part in parts}
    if len(shapes) > 1:
        other = next(file for file, part in zip(files, parts, strict=True)
                     if (part.shape[1], part.dtype) != (parts[0].shape[1], parts[0].dtype))
        raise ValueError(f"path: {str(other)!r} has another width or type than "
                         f"{files[0].name!r}; embed all shards by one network.")
    joined = cache_folder() / f"embeddings-{key}.npy"
    if not joined.is_file():
        if log is not None:
            log(f"join {len(parts)} shards in {joined}")
        with replacing(joined) as draft, draft.open("wb") as stream:
            shape = (sum(map(len, parts)), parts[0].shape[1])
            np.lib.format.write_array_header_1_0(stream, {
                "descr": parts[0].dtype.str, "fortran_order": False, "shape": shape})
            for part in parts:
                np.ascontiguousarray(part).tofile(stream)
    return _shard(joined)


def _shard(file: Path) -> Array:
    """Return a shard, memory-mapped."""
    existing(file, NPY)
    try:
        rows: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        rows = np.zeros(0)
    if rows.ndim != 2 or rows.dtype.kind != "f" or not rows.size:
        raise ValueError(f"path: {str(file)!r} is no whole matrix of fractions (n, d); write it "
                         "again.")
    return rows


def _payload(folder: Path, n: int) -> dict[str, Array]:
    """Return the columns of the metadata, which have a row for each pair."""
    if not folder.is_dir():
        return {}
    tables = [read_columns(file) for file in shard_files(folder, ".parquet")]
    names = dict.fromkeys(name for table in tables for name in table)
    cells: dict[str, list[Any]] = {name: [] for name in names}
    for table in tables:
        size = len(next(iter(table.values())))
        for name in names:
            cells[name] += table.get(name, [None] * size)
    rows = len(next(iter(cells.values())))
    if rows != n:
        raise ValueError(f"metadata: {rows} rows for {n} embeddings; give one for each.")
    return {name: payload_array(values) for name, values in cells.items()}
