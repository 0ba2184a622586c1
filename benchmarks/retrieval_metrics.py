"""mAP@all of class-level retrieval, against the ways people compute it.

The work is q queries against g gallery items in d dimensions. No method that ranks by inner product
does less than the product, 2 q g d operations, and one pass over the q x g scores; the sort adds
about log2(g) comparisons per score. At 28,661 x 42,941 x 64 that is 157 GFLOP and 1.23 billion
float32 scores (4.9 GB, which are never held together: a block of them stays in cache). The line
below the table says what this machine needs for the bare product and the bare sort.

References: a loop over `sklearn.metrics.average_precision_score`; torchmetrics' RetrievalMAP, which
takes every pair at once; NumPy's argsort per query. All use the same float32 cosines.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from harness import Case, cores, main

from crossalign.metrics import average_precisions, cosine

SEED = 0
WIDTH = 64
CLASSES = 10
BLOCK = 100  # queries whose scores a reference holds at once


class Retrieval(NamedTuple):
    """Unit rows and their classes."""

    queries: Any
    gallery: Any
    query_labels: Any
    gallery_labels: Any


def cases(quick: bool) -> list[Case]:
    """Three references at a size all of them can do, two at full size."""
    q, g = (200, 2_000) if quick else (2_000, 20_000)
    size = f"{q:,} x {g:,} x {WIDTH}"
    found = [
        _case(size, q, g, _scikit_learn, "scikit-learn, a loop over queries"),
        _case(size, q, g, _torchmetrics, "torchmetrics RetrievalMAP", repeats=3),
        _case(size, q, g, _argsort, "numpy, an argsort per query"),
    ]
    q, g = (2_000, 4_000) if quick else (28_661, 42_941)
    for reference, name, part in (
        (_scikit_learn, "scikit-learn, a loop over queries", 200),
        (_argsort, "numpy, an argsort per query", 1_000),
    ):
        size = f"{q:,} x {g:,} x {WIDTH} (reference on {part:,} queries, time scaled)"
        found.append(_case(size, q, g, reference, name, part=part, repeats=3))
    return found


def notes(quick: bool) -> list[str]:
    """The floor at the larger size, from the rates of this machine."""
    q, g = (2_000, 4_000) if quick else (28_661, 42_941)
    rng = np.random.default_rng(SEED)
    rows = rng.standard_normal((512, WIDTH), dtype=np.float32)
    columns = rng.standard_normal((g, WIDTH), dtype=np.float32).T
    scores = rows @ columns
    product = min(_seconds(lambda: np.matmul(rows, columns, out=scores)) for _ in range(5)) / 512
    keys = scores[:64].view(np.int32)
    sort = min(_seconds(lambda: np.sort(keys, axis=1)) for _ in range(5)) / 64 / cores()
    return [
        f"floor at {q:,} x {g:,} x {WIDTH} on {cores()} cores: {2 * q * g * WIDTH / 1e9:.0f} GFLOP "
        f"of product in {q * product:.2f} s, {q * g / 1e9:.2f} billion 32-bit keys "
        f"({q * g * 4 / 1e9:.1f} GB) sorted in {q * sort:.2f} s, "
        f"{q * (product + sort):.2f} s together"
    ]


def _case(
    size: str,
    q: int,
    g: int,
    reference: Any,
    name: str,
    *,
    part: int | None = None,
    repeats: int = 5,
) -> Case:
    """Ours on all queries; the reference on the first `part` of them."""
    part = q if part is None else part
    return Case(
        name=f"{size} against {name.split(',')[0].split()[0]}",
        setup=lambda: _make(q, g),
        ours=lambda x: average_precisions(cosine(x.queries, x.gallery), x.query_labels,
                                          x.gallery_labels),
        reference=lambda x: reference(
            Retrieval(x.queries[:part], x.gallery, x.query_labels[:part], x.gallery_labels)
        ),
        reference_name=name,
        reference_scale=q / part,
        check=_agree,
        repeats=repeats,
    )


def _make(q: int, g: int) -> Retrieval:
    """Noisy unit rows around one centre per class; imports what the contenders need."""
    import sklearn.metrics  # noqa: F401
    import torchmetrics.retrieval  # noqa: F401

    rng = np.random.default_rng(SEED)
    centres = rng.standard_normal((CLASSES, WIDTH), dtype=np.float32)
    sides = []
    for n in (q, g):
        labels = rng.integers(0, CLASSES, n)
        rows = centres[labels] + 3 * rng.standard_normal((n, WIDTH), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        sides.append((rows, labels))
    return Retrieval(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def _agree(ours: Any, reference: Any) -> None:
    """Same average precisions, up to float32 cosines whose last bit orders neighbours."""
    if np.ndim(reference) == 0:
        np.testing.assert_allclose(ours.mean(), reference, rtol=1e-4)
    else:
        np.testing.assert_allclose(ours[: len(reference)], reference, rtol=1e-4)


def _scikit_learn(x: Retrieval) -> Any:
    from sklearn.metrics import average_precision_score

    return _by_query(x, average_precision_score)


def _argsort(x: Retrieval) -> Any:
    def one(relevant: Any, scores: Any) -> float:
        hits = np.flatnonzero(relevant[np.argsort(-scores)])
        return float(np.mean(np.arange(1, len(hits) + 1) / (hits + 1)))

    return _by_query(x, one)


def _by_query(x: Retrieval, average_precision: Any) -> Any:
    found = []
    for start in range(0, len(x.queries), BLOCK):
        scores = x.queries[start : start + BLOCK] @ x.gallery.T
        for label, row in zip(x.query_labels[start : start + BLOCK], scores, strict=True):
            found.append(average_precision(x.gallery_labels == label, row))
    return np.array(found)


def _torchmetrics(x: Retrieval) -> float:
    import torch
    from torchmetrics.retrieval import RetrievalMAP

    torch.set_num_threads(cores())
    cosines = torch.from_numpy(x.queries) @ torch.from_numpy(x.gallery).T
    relevant = torch.from_numpy(x.query_labels)[:, None] == torch.from_numpy(x.gallery_labels)
    query = torch.arange(len(x.queries))[:, None].expand_as(relevant)
    metric = RetrievalMAP()
    metric.update(cosines.flatten() + 1, relevant.flatten(), indexes=query.flatten())
    return float(metric.compute())


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(
        f"mAP@all, {CLASSES} classes: queries x gallery x width",
        cases,
        seed=SEED,
        packages=("numpy", "scipy", "scikit-learn", "torch", "torchmetrics", "threadpoolctl"),
        notes=notes,
    )
