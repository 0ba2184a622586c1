"""Zero-shot and generalized zero-shot recognition, scored."""

from __future__ import annotations

from typing import Any

import numpy as np

from crossalign import metrics
from crossalign.evaluation.protocols.base import Array, Outcome
from crossalign.metrics.classification import candidates_without_items
from crossalign.tasks import ZeroShot
from crossalign.types import Benchmark


def score_gzsl(model: Any, bench: Benchmark, gamma: float | None = None) -> Outcome:
    """Generalized zero-shot classification (T1, U, S, H, AUSUC) at gamma 0 and at ``gamma``.

    U, S and H are calibrated by ``gamma``; without one they are those of gamma 0.
    ``H_max_diagnostic`` is the best H over all gammas on these very samples: the size of what
    calibration could give, not a result. A class without test samples is a candidate for every
    sample, and no accuracy is averaged over it; the protocol counts them.
    """
    head = ZeroShot(model).fit(bench["train"], bench.classes)
    seen = bench.classes.seen
    test_seen, test_unseen = bench["test_seen"], bench["test_unseen"]
    parts = (head.decision_function(test_seen), test_seen.truth,
             head.decision_function(test_unseen), test_unseen.truth)
    with candidates_without_items():
        raw = metrics.gzsl_scores(*parts, seen)
        chosen = metrics.gzsl_scores(*parts, seen, 0.0 if gamma is None else gamma)
        curve = metrics.seen_unseen_curve(*parts, seen)
        best = metrics.best_gamma(curve)
        ceiling = metrics.gzsl_scores(*parts, seen, best)["H"]
    scores = {"T1": raw["T1"], "U": chosen["U"], "S": chosen["S"], "H": chosen["H"],
              "U_raw": raw["U"], "S_raw": raw["S"], "H_raw": raw["H"],
              "AUSUC": metrics.ausuc(curve), "H_max_diagnostic": ceiling}
    evidence = {"curve": curve, "parts": parts, "gamma": gamma or 0.0, "head": head}
    among_unseen = np.where(bench.classes.unseen, parts[2], -np.inf)
    predictions = {"T1": (parts[3], among_unseen.argmax(axis=1))} | {
        name: (labels, metrics.stack(rows, seen, gamma or 0.0).argmax(axis=1))
        for name, rows, labels in (("U", *parts[2:]), ("S", *parts[:2]))}
    return Outcome(scores, ceiling, best, evidence,
                   {name: _accuracies(*found) for name, found in predictions.items()})


def _accuracies(labels: Array, predictions: Array) -> tuple[Array, Array, None]:
    """Classes that have samples, and the accuracy of each."""
    classes = np.unique(labels)
    return classes, metrics.class_accuracies(labels, predictions, classes), None


def best_epoch_on_test(model: Any, bench: Benchmark) -> dict[str, float]:
    """The largest H at gamma 0 over the epochs of the softmax head, picked on the test samples.

    What ACMR's authors print (``max`` over epochs). Not a result: beside ``H_raw`` of the last
    epoch it shows how much that picking is worth.

    Raises
    ------
    ValueError
        If the model's head has no epochs to pick from.
    """
    head, best = ZeroShot(model), 0.0
    for _ in head.fit_epochs(bench["train"], bench.classes):
        if head.head_ != "softmax":
            raise ValueError(f"best_epoch: the head {head.head_!r} of {model.cli_name} has no "
                             "epochs to pick from; use head='softmax', or leave it out.")
        with candidates_without_items():
            scores = metrics.gzsl_scores(
                head.decision_function(bench["test_seen"]), bench["test_seen"].truth,
                head.decision_function(bench["test_unseen"]), bench["test_unseen"].truth,
                bench.classes.seen)
        best = max(best, scores["H"])
    return {"H_best_epoch_diagnostic": best}


def score_zsl(model: Any, bench: Benchmark, gamma: float | None = None) -> Outcome:
    """Conventional zero-shot classification: T1, unseen test samples among unseen classes.

    Classes without test samples are among the candidates, as in `score_gzsl`.
    """
    head = ZeroShot(model).fit(bench["train"], bench.classes)
    test = bench["test_unseen"]
    scores = np.where(bench.classes.unseen, head.decision_function(test), -np.inf)
    by_class = _accuracies(test.truth, scores.argmax(axis=1))
    t1 = float(by_class[1].mean())
    none = scores[:0], test.truth[:0]
    evidence = {"curve": None, "parts": (*none, scores, test.truth), "gamma": 0.0, "head": head}
    return Outcome({"T1": t1}, t1, None, evidence, {"T1": by_class})
