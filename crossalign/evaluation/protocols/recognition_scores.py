"""Scores of recognition: of a fitted model on a benchmark, before and after calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from crossalign import metrics
from crossalign.evaluation.confidence import choose_confidences, choose_sets, latent_variances
from crossalign.evaluation.protocols.base import Array, Outcome, accuracies
from crossalign.metrics.classification import candidates_without_items
from crossalign.tasks import ZeroShot
from crossalign.types import Benchmark

SHARES = (0.0, 0.02, 0.05, *(n / 10 for n in range(1, 10)), 0.95, 0.98, 1.0)
"""Shares of items of unseen classes for which validation chooses a gamma, beside that of H."""


def calibration(outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
    """Return what the scores of a `trial` on validation choose, see `GZSL.calibrate`."""
    curve = outcome.details["curve"]
    return {"gamma": outcome.gamma,
            "gamma_by_share": [[share, metrics.best_gamma(curve, share)] for share in SHARES],
            "confidences": choose_confidences(outcome, validation),
            "sets": choose_sets(outcome, validation)}


def score_gzsl(model: Any, bench: Benchmark, gamma: float | None = None) -> Outcome:
    """Score generalized zero-shot classification (T1, U, S, H, AUSUC) at gamma 0 and at ``gamma``.

    U, S and H are calibrated by ``gamma``; without one they are those of gamma 0.
    ``H_max_diagnostic`` is the best H over all gammas on these very samples: the most that
    calibration could give, not a result. A class without test samples is a candidate for every
    sample, and no accuracy is averaged over it; the protocol counts them.
    """
    head = ZeroShot(model).fit(bench["train"], bench.classes)
    rows = [head.decision_function(bench[part]) for part in ("test_seen", "test_unseen")]
    return outcome_of(head, bench, np.concatenate(rows), gamma)


def outcome_of(head: ZeroShot, bench: Benchmark, rows: Array, gamma: float | None) -> Outcome:
    """Return the outcome of scores ``(n, C)``, those of samples of seen classes first."""
    seen = bench.classes.seen
    test_seen, test_unseen = bench["test_seen"], bench["test_unseen"]
    parts = rows[:len(test_seen)], test_seen.truth, rows[len(test_seen):], test_unseen.truth
    with candidates_without_items():
        raw = metrics.gzsl_scores(*parts, seen)
        chosen = metrics.gzsl_scores(*parts, seen, 0.0 if gamma is None else gamma)
        curve = metrics.seen_unseen_curve(*parts, seen)
        best = metrics.best_gamma(curve)
        ceiling = metrics.gzsl_scores(*parts, seen, best)["H"]
    scores = {"T1": raw["T1"], "U": chosen["U"], "S": chosen["S"], "H": chosen["H"],
              "U_raw": raw["U"], "S_raw": raw["S"], "H_raw": raw["H"],
              "AUSUC": metrics.ausuc(curve), "H_max_diagnostic": ceiling}
    details = {"curve": curve, "parts": parts, "gamma": gamma or 0.0, "head": head,
               "variances": latent_variances(head, [test_seen, test_unseen])}
    among_unseen = np.where(bench.classes.unseen, parts[2], -np.inf)
    predictions = {"T1": (parts[3], among_unseen.argmax(axis=1))} | {
        name: (labels, metrics.calibrated_stacking(rows, seen, gamma or 0.0).argmax(axis=1))
        for name, rows, labels in (("U", *parts[2:]), ("S", *parts[:2]))}
    return Outcome(scores, ceiling, best, details,
                   {name: accuracies(*found) for name, found in predictions.items()})


def best_epoch_on_test(model: Any, bench: Benchmark) -> dict[str, float]:
    """Return the largest H at gamma 0 over the epochs of the softmax head, picked on the test
    samples.

    ACMR's authors print this number (``max`` over epochs). It is not a result: beside ``H_raw`` of
    the last epoch it shows how much that picking is worth.

    Raises
    ------
    ValueError
        If the model's head has no epochs to pick from.
    """
    head, best = ZeroShot(model), 0.0
    for _ in head.fit_epochs(bench["train"], bench.classes):
        if not head.head_.has_epochs:
            raise ValueError(f"best_epoch: the head {head.head_.name!r} of {model.cli_name} has no "
                             "epochs to pick from; use head='softmax', or leave it out.")
        with candidates_without_items():
            scores = metrics.gzsl_scores(
                head.decision_function(bench["test_seen"]), bench["test_seen"].truth,
                head.decision_function(bench["test_unseen"]), bench["test_unseen"].truth,
                bench.classes.seen)
        best = max(best, scores["H"])
    return {"H_best_epoch_diagnostic": best}


def score_zsl(model: Any, bench: Benchmark) -> Outcome:
    """Score conventional zero-shot classification: T1, unseen test samples among unseen classes.

    Classes without test samples are among the candidates, as in `score_gzsl`.
    """
    head = ZeroShot(model).fit(bench["train"], bench.classes)
    test = bench["test_unseen"]
    scores = np.where(bench.classes.unseen, head.decision_function(test), -np.inf)
    by_class = accuracies(test.truth, scores.argmax(axis=1))
    t1 = float(by_class[1].mean())
    none = scores[:0], test.truth[:0]
    details = {"curve": None, "parts": (*none, scores, test.truth), "gamma": 0.0, "head": head}
    return Outcome({"T1": t1}, t1, None, details, {"T1": by_class})
