"""Embeddings of pictures and texts in shards, as clip-retrieval writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.types import Benchmark

FOLDERS = ("img_emb", "text_emb")


def _recognises(place: Place) -> bool:
    return set(FOLDERS) <= place.names


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, seed: int,
          log: Any) -> Benchmark:
    from crossalign.data.sources.embeddings.source import load_embeddings

    return load_embeddings(path, seed=seed, log=log)


SOURCE = Source("embeddings", "a folder with img_emb/*.npy and text_emb/*.npy (clip-retrieval)",
                _read, ("retrieval",), recognises=_recognises, precedence=60, encloses=True)
