"""Arrays of the figures of retrieval: curves, and queries with their best results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.arrays import evenly
from crossalign.evaluation.figures.items import shown_item
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.models.blockwise import as_given, encoded
from crossalign.models.roles import Aligner
from crossalign.types import Benchmark, Views

if TYPE_CHECKING:
    from crossalign.evaluation.protocols.base import Outcome

Array = npt.NDArray[Any]

QUERIES, RESULTS = 8, 6
"""Rows and columns of the sheet of queries and results."""
CASES, CANDIDATES = 4, 40
"""Numbers of queries that are shown under several rankings, and of those among which they are
searched.
"""


def retrieval(model: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
    """Return the figures ``pr`` and ``hits`` of both directions.

    A model with several similarities has hits by each of them.
    """
    chance = outcome.scores["chance_mAP"]
    figures: dict[str, Any] = {"pr": {}, "hits": {}}
    for direction, likeness in outcome.details["directions"].items():
        source, target = direction.split("->")
        query, gallery = bench["query"].having(source), bench["gallery"].having(target)
        recall, precision = metrics.precision_recall_curve(
            likeness, query.truth, gallery.truth)
        figures["pr"][direction] = {"recall": recall, "precision": precision, "chance": chance}
        if len(model.similarities) > 1:
            figures["hits"][direction] = _by_similarity(model, query, source, gallery, target,
                                                        bench)
            continue
        rows = evenly(len(query), QUERIES)
        scores = (likeness[rows] if isinstance(likeness, np.ndarray) else
                  np.concatenate([likeness(r, r + 1).copy() for r in rows]))
        best, right = _best(scores, query.truth[rows], gallery.truth)
        figures["hits"][direction] = {
            "queries": [shown_item(query, int(r), source, bench) for r in rows],
            "results": _items(best, gallery, target, bench), "correct": right.tolist()}
    return figures


def _by_similarity(model: Aligner, query: Views, source: str, gallery: Views, target: str,
                   bench: Benchmark) -> dict[str, Any]:
    """Return queries for which the similarities are right at different ranks, and how often each is
    right.

    ``first_right`` counts over ``candidates`` queries that are spread evenly, whether or not they
    are shown; the queries shown are spread evenly over the ``differing`` ones.
    """
    rows = evenly(len(query), CANDIDATES)
    part = query[rows]
    vectors = (model.similarity_inputs(as_given(part, source), source),
               encoded(model.similarity_inputs, gallery, target))
    ranked = {name: _best(np.asarray(model.compare(*vectors, name)), part.truth, gallery.truth)
              for name in model.similarities}
    marks = np.stack([right for _, right in ranked.values()])               # (s, q, k)
    differ = np.flatnonzero((marks != marks[0]).any(axis=(0, 2)))
    pool = differ if len(differ) else np.arange(len(rows))
    cases = pool[evenly(len(pool), CASES)]
    return {
        "queries": [shown_item(part, int(r), source, bench) for r in cases],
        "results": {name: _items(best[cases], gallery, target, bench)
                    for name, (best, _) in ranked.items()},
        "correct": {name: right[cases].tolist() for name, (_, right) in ranked.items()},
        "first_right": {name: int(right[:, 0].sum()) for name, (_, right) in ranked.items()},
        "candidates": len(rows), "differing": len(differ)}


def _best(scores: Array, queries: Array, gallery: Array) -> tuple[Array, Array]:
    """Return the rows of the best results ``(q, k)``, and whether they share a class with the
    query.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :RESULTS]
    relevance = Relevance(queries, gallery)
    return best, np.stack([relevance.row(int(code))[row] > 0
                           for code, row in zip(relevance.codes, best, strict=True)])


def _items(best: Array, gallery: Views, target: str, bench: Benchmark) -> list[list[Any]]:
    return [[shown_item(gallery, int(c), target, bench) for c in row] for row in best]
