"""Arrays of the figures of recognition: curves, accuracies and confusions of classes, and hits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.arrays import evenly
from crossalign.evaluation.figures.items import shown_item
from crossalign.evaluation.figures.rankings import QUERIES, RESULTS
from crossalign.types import Benchmark

if TYPE_CHECKING:
    from crossalign.evaluation.protocols.base import Outcome

Array = npt.NDArray[Any]

CONFUSED = 12
"""Largest number of classes in the picture of confusions."""


def recognition(bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
    """Return ``class_accuracy``, ``confusion``, ``curve``, ``rejection`` and ``hits``.

    The curve needs test samples of seen classes, rejection a choice of confidences.
    """
    seen, names = bench.classes.seen, bench.classes.names
    scores_seen, labels_seen, scores_unseen, labels_unseen = outcome.details["parts"]
    gamma = outcome.details["gamma"]
    labels = np.concatenate([labels_seen, labels_unseen])
    scores = metrics.calibrated_stacking(np.concatenate([scores_seen, scores_unseen]), seen, gamma)
    accuracy = metrics.class_accuracies(labels, scores.argmax(axis=1), np.arange(len(seen)))
    figures: dict[str, Any] = {
        "class_accuracy": {"names": list(names), "accuracy": accuracy, "seen": seen}}
    confused = most_confused(labels, scores.argmax(axis=1), len(names))
    if confused is not None:
        rows, matrix = confused
        figures["confusion"] = {"matrix": matrix, "names": [names[c] for c in rows],
                                "of": len(np.unique(labels))}
    if "U" in outcome.scores:
        figures["curve"] = _curve(outcome)
    if "rejection" in outcome.details:
        figures["rejection"] = outcome.details["rejection"]
    figures["hits"] = _hits(bench, metrics.calibrated_stacking(scores_unseen, seen, gamma))
    return figures


def _curve(outcome: Outcome) -> dict[str, Any]:
    """Return the seen-unseen curve, with the points of the chosen calibration and of none."""
    s, curve = outcome.scores, outcome.details["curve"]
    return {"seen": curve.seen, "unseen": curve.unseen, "chosen": (s["U"], s["S"]),
            "raw": (s["U_raw"], s["S_raw"]), "ausuc": s["AUSUC"]}


def _hits(bench: Benchmark, scores: Array) -> dict[str, Any]:
    """Return some test samples of unseen classes with their best classes by ``scores (n, C)``."""
    test, names = bench["test_unseen"], bench.classes.names
    modality, labels = test.modalities[0], test.truth
    rows = evenly(len(labels), QUERIES)
    best = scores[rows].argsort(axis=1)[:, ::-1][:, :RESULTS]
    return {f"{modality}->class": {
        "queries": [shown_item(test, int(r), modality, bench) for r in rows],
        "results": [[{"image": None, "text": names[c]} for c in row] for row in best],
        "correct": [[bool(c == labels[r]) for c in row]
                    for r, row in zip(rows, best, strict=True)]}}


def most_confused(labels: Array, predictions: Array, n: int,
                  limit: int = CONFUSED) -> tuple[Array, Array] | None:
    """Return the classes of the largest confusions, and how often each is taken for which of them.

    Parameters
    ----------
    labels, predictions : (m,) integers
        True and predicted classes.
    n : int
        Number of classes.
    limit : int
        Largest number of classes in the picture; default `CONFUSED`.

    Returns
    -------
    classes : (k,)
        Confused classes, at most ``limit``, in their own order.
    matrix : (k, k + 1) float
        Shares of the samples of each class; the last column is all other classes. The result is
        None if nothing is confused.
    """
    counts = np.zeros((n, n))
    np.add.at(counts, (labels, predictions), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = share * (1 - np.eye(n))
    selection: list[int] = []
    for pair in np.argsort(-wrong, axis=None, kind="stable"):
        row, column = divmod(int(pair), n)
        new = [c for c in (row, column) if c not in selection]
        if wrong[row, column] == 0 or len(selection) + len(new) > limit:
            break
        selection += new
    tested = sorted(c for c in selection if counts[c].any())
    if not tested:
        return None
    part = share[np.ix_(tested, tested)]
    return np.array(tested), np.column_stack([part, 1 - part.sum(axis=1)])
