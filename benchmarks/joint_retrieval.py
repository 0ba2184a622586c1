"""Retrieval by cosine plus label distributions (FGAN's joint retrieval), 100 best of 100,000 items.

An exact pass is one product over d + 2 L numbers per pair, 2,512 here, and L logarithms are never
taken per pair; the loop that follows the formula, over (items, labels) per query in double
precision, is the first reference. The second is the exact pass itself, against candidates from
short vectors that are then ranked exactly; the lines below the table say how many of the exact 100
best they hold.

Embeddings and logits are of 200 classes, with a spectrum that falls within and between classes and
queries that are noisier than the items, as another modality's are. Entropies and divergences are
about those of a ResNet's softmax over ImageNet on CUB photographs (median entropy 1.5 nats there,
J 3.7 within and 11 between classes, 1.5 at the 100th neighbour).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from harness import Case, main

from crossalign.index import ExactIndex, FaissIndex
from crossalign.index.joint import JointIndex

SEED, K = 0, 100
WIDTH, LABELS, CLASSES, RANK = 512, 1000, 200, 256
INNER = {"": None, "ExactIndex": ExactIndex, "FAISS Flat": FaissIndex}


class Search(NamedTuple):
    """An index, fitted and full, and queries for it."""

    index: JointIndex
    queries: Any


def cases(quick: bool) -> list[Case]:
    """The exact pass against the formula, then ways to candidates against the exact pass."""
    n, q, part = (3_000, 16, 2) if quick else (100_000, 128, 1)
    size = f"{q} queries x {n:,} items"
    found = [Case(
        name=f"{size}, exact (reference on {part} queries, time scaled)",
        setup=lambda: _make(n, q, ""), ours=_exact, reference=lambda x: _formula(x, part),
        reference_name="the formula, query by query", reference_scale=q / part, repeats=3,
        check=lambda ours, loop: np.testing.assert_array_equal(ours.indices[:part], loop))]
    for inner in INNER:
        way = f"candidates by {inner}, 3 slopes" if inner else "candidates"
        found.append(Case(
            name=f"{size}, {way}", setup=lambda inner=inner: _make(n, q, inner),
            ours=lambda x: x.index.search(x.queries, K), reference=_exact,
            reference_name="exact pass", check=_agree, repeats=5))
    found.append(Case(
        name=f"1 query x {n:,} items, candidates", setup=lambda: _make(n, q, ""),
        ours=lambda x: x.index.search(x.queries[:1], K),
        reference=lambda x: x.index.search(x.queries[:1], K, exact=True),
        reference_name="exact pass", check=_agree, repeats=9))
    return found


def notes(quick: bool) -> list[str]:
    """Recall of the exact 100 best, by way and by rank."""
    n, q = (3_000, 16) if quick else (100_000, 128)
    x = _make(n, q, "")
    best = _exact(x).indices
    lines = []
    for options in ({}, {"error": 0.02}, {"error": 0.04}, {"candidates": 500},
                    {"inner": ExactIndex}, {"inner": ExactIndex, "slopes": 2},
                    *([{"inner": _graph}] if quick else [])):
        found = _with(x, **options).search(x.queries, K).indices
        words = ", ".join(f"{a} {getattr(b, '__name__', b)}" for a, b in options.items())
        lines.append(f"recall@{K} of {words or 'the defaults'}: {_recall(found, best):.4f}")
    return lines


@lru_cache(maxsize=1)
def _make(n: int, q: int, inner: str) -> Search:
    rng = np.random.default_rng(SEED)
    scale = np.arange(1, RANK + 1, dtype=np.float32) ** -0.7
    scale /= np.linalg.norm(scale)
    to_logits = 1.9 * rng.standard_normal((RANK, LABELS), dtype=np.float32)
    to_width = rng.standard_normal((RANK, WIDTH), dtype=np.float32)
    centres = rng.standard_normal((2, CLASSES, RANK), dtype=np.float32) * scale
    sides = []
    for m, gap in ((n, 0.0), (q, 0.35)):
        labels = rng.integers(0, CLASSES, m)
        noise = [s * scale * rng.standard_normal((m, RANK), dtype=np.float32)
                 for s in (0.7, 0.8, gap, gap)]
        logits = (2 * centres[0, labels] + noise[0] + noise[2]) @ to_logits
        logits *= np.exp(0.25 * rng.standard_normal((m, 1), dtype=np.float32))
        e = (centres[1, labels] + noise[1] + noise[3]) @ to_width
        e += 0.3 * rng.standard_normal((m, WIDTH), dtype=np.float32)
        sides.append(np.hstack([e, logits]).astype(np.float32))
    index = JointIndex(WIDTH, LABELS, candidates=300, inner=INNER[inner])
    index.add(sides[0])
    index.search(sides[1][:1], K)
    return Search(index, sides[1])


def _with(x: Search, **options: Any) -> JointIndex:
    """The same items under other options, without a copy of them."""
    index = JointIndex(WIDTH, LABELS, **{"candidates": 300, **options})
    index._wide = x.index._wide
    return index


def _graph(width: int) -> FaissIndex:
    """A graph, which these vectors do not suit; minutes to build for 100,000 items."""
    return FaissIndex(width, "HNSW32")


def _exact(x: Search) -> Any:
    return x.index.search(x.queries, K, exact=True)


def _formula(x: Search, part: int) -> Any:
    """Indices ``(part, K)``: J summed label by label, in double precision, some items at a time."""
    e, labels, _ = x.index._wide
    found = []
    for row in x.queries[:part].astype(np.float64):
        a, z = row[:WIDTH] / np.linalg.norm(row[:WIDTH]), row[WIDTH:]
        log_p = (z - z.max()) - np.log(np.exp(z - z.max()).sum())
        scores = np.empty(len(e))
        for start in range(0, len(e), 1_000):
            strip = slice(start, start + 1_000)
            log_q, q = np.split(labels[strip].astype(np.float64), 2, axis=1)
            divergence = ((np.exp(log_p) - q) * (log_p - log_q)).sum(axis=1)
            scores[strip] = e[strip] @ a + np.tanh(-divergence)
        found.append(np.argsort(-scores, kind="stable")[:K])
    return np.array(found)


def _recall(found: Any, best: Any) -> float:
    return float(np.mean([np.isin(b, f).mean() for f, b in zip(found, best, strict=True)]))


def _agree(ours: Any, exact: Any) -> None:
    recall = _recall(ours.indices, exact.indices)
    assert recall >= 0.99, f"recall {recall:.4f}"


if __name__ == "__main__":
    main(f"Joint retrieval, {WIDTH} dimensions and {LABELS} labels, {K} best", cases, seed=SEED,
         packages=("numpy", "faiss-cpu", "threadpoolctl"), notes=notes)
