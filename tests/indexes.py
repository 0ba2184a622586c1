"""Empty indexes of every kind, and how their items and queries are drawn and compared."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import log_softmax, rel_entr

from crossalign import index


class Kind(NamedTuple):
    """An empty index, its width, and how items and queries are drawn and compared."""

    make: Any
    draw: Any
    scores: Any
    bad: Any                                                 # rows of another kind
    approximate: bool = False
    examples: int = 40                                       # of made-up payloads and filters


def normal(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32)


def codes(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 2)).astype(np.uint8)


def joint(n, seed):
    return np.hstack([normal(n, seed)[:, :3], log_softmax(2 * normal(n, seed)[:, 3:], axis=1)])


def products(queries, items):
    return queries @ items.T


def agreement(queries, items):
    bits = [np.unpackbits(x, axis=1).astype(int) for x in (queries, items)]
    return 1 - (bits[0][:, None] != bits[1]).mean(axis=2) * 2


def joint_similarity(queries, items):
    found = np.empty((len(queries), len(items)))
    for i, a in enumerate(queries.astype(np.float64)):
        for j, b in enumerate(items.astype(np.float64)):
            p, q = np.exp(a[3:]), np.exp(b[3:])
            cosine = a[:3] @ b[:3] / np.linalg.norm(a[:3]) / np.linalg.norm(b[:3])
            found[i, j] = cosine + np.tanh(-(rel_entr(p, q) + rel_entr(q, p)).sum())
    return found


def faiss(*options):
    pytest.importorskip("faiss")
    return index.FaissIndex(8, *options)


PLACES, NUMBER = tempfile.TemporaryDirectory(), count()
"""New folders for indexes that are always in one."""


def edge():
    pytest.importorskip("qdrant_edge")
    return index.QdrantIndex(Path(PLACES.name) / str(next(NUMBER)))


def server():
    pytest.importorskip("qdrant_client")
    return index.QdrantIndex(":memory:")


KINDS = {"ExactIndex": Kind(index.ExactIndex, normal, products, np.zeros((2, 4))),
         "FaissIndex": Kind(faiss, normal, products, np.zeros((2, 4))),
         "HammingIndex": Kind(lambda: index.HammingIndex(16), codes, agreement,
                              np.zeros((2, 3), np.uint8)),
         "JointIndex": Kind(lambda: index.JointIndex(3, 5), joint, joint_similarity,
                            np.zeros((2, 3))),
         "QdrantIndex": Kind(edge, normal, products, np.zeros((2, 4)), examples=25)}
EVERY = {**KINDS,
         "ExactIndex of a width": KINDS["ExactIndex"]._replace(make=lambda: index.ExactIndex(8)),
         "QdrantIndex of a server": KINDS["QdrantIndex"]._replace(make=server),
         "JointIndex of candidates": KINDS["JointIndex"]._replace(
             make=lambda: index.JointIndex(3, 5, candidates=100), approximate=True),
         **{f"faiss {factory} {nprobe}": KINDS["FaissIndex"]._replace(
             make=lambda factory=factory, nprobe=nprobe: faiss(factory, nprobe), approximate=True)
            for factory, nprobe in (("IVF40,Flat", None), ("IVF40,Flat", 3), ("HNSW16", None),
                                    ("PCA4,IVF10,Flat", None), ("PQ4x4", None))}}
