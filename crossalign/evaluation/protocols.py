"""How a fitted model is scored on a benchmark: one function per task, the same for validation.

Every function returns the scores as fractions in [0, 1] by the names a report uses, and what the
pictures are drawn from. Nothing here fits a model or chooses anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.index.hamming import CodeScores
from crossalign.labels import rarest
from crossalign.metrics.classification import candidates_without_items
from crossalign.metrics.query_mean import mean_over_queries
from crossalign.metrics.similarity import EmbeddingScores
from crossalign.models.base import Comparer
from crossalign.models.blockwise import embedded, encoded
from crossalign.tasks import Transfer, ZeroShot
from crossalign.tasks.binary_codes import BinaryCodes
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

TRANSFER_OPTIONS: dict[str, Any] = {"mode": "aligned", "head": "lda"}


@dataclass(frozen=True)
class Outcome:
    """Scores of one fitted model on one benchmark.

    Attributes
    ----------
    scores : mapping of metric to fraction
    objective : float
        What selection on validation maximises.
    gamma : float or None
        The calibration that maximises H on this very benchmark; meant for validation benchmarks.
    evidence : mapping
        Raw material of the pictures.
    per_class : mapping of score to ``(classes (k,), values (k,), counts (k,))``
        The score of every class that has test samples, by row of the benchmark's classes. Counts
        are those of the samples, where these and not the classes count alike.
    """

    scores: dict[str, float]
    objective: float
    gamma: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    per_class: dict[str, tuple[Array, Array, Array | None]] = field(default_factory=dict)


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


def score_retrieval(model: Any, bench: Benchmark, gamma: float | None = None,
                    bits: int | None = None) -> Outcome:
    """mAP@all and P@100 in both directions between the first two modalities, and chance mAP.

    Queries are the unseen classes' test samples, the gallery the unseen classes' training samples;
    same class is relevant. Samples that lack a direction's modality are left out of it, and a
    direction for which no sample asks or answers is left out altogether. ``mAP``, ``P@100`` and
    chance are means over the directions. With ``bits``, the same of binary codes, which are learned
    from training samples, stands beside as ``mAP_64bit`` and ``P@100_64bit``.
    """
    first, second = bench.modalities[:2]
    codes = None if bits is None else BinaryCodes(model, bits).fit(bench["train"])
    directions: dict[str, Any] = {}
    found: dict[str, dict[str, float]] = {}
    per_class: dict[str, tuple[Array, Array, Array | None]] = {}
    for a, b in ((first, second), (second, first)):
        if _lacks(bench["query"], a) or _lacks(bench["gallery"], b):
            continue
        query, gallery = bench["query"].having(a), bench["gallery"].having(b)
        labels = query.truth, gallery.truth
        likeness, others = _likeness(model, query, a, gallery, b)
        ranked, precisions = _ranked(likeness, *labels)
        per_class[f"mAP[{a}->{b}]"] = _mean_by_class(precisions, rarest(labels[0]))
        scores = {**ranked, "chance_mAP": metrics.chance_map(*labels), **{
            f"mAP {space}": metrics.mean_average_precision_from_similarity(other, *labels)
            for space, other in others}}
        if codes is not None:
            asked, stored = (codes.encode(embedded(model, views, m), m)
                             for views, m in ((query, a), (gallery, b)))
            scores |= _ranked(CodeScores(asked, stored, codes.bits), *labels, f"_{bits}bit")[0]
        directions[f"{a}->{b}"], found[f"{a}->{b}"] = likeness, scores
    if not found:
        raise ValueError(f"splits: no {first!r} or {second!r} asks for the other in "
                         f"{bench.name!r}; give queries of one and a gallery of the other.")
    return replace(_both_directions(found, directions), per_class=per_class)


def _mean_by_class(values: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Classes of the queries that can be answered, the mean of each, and how many they are."""
    answerable = np.isfinite(values)
    classes, rows, counts = np.unique(labels[answerable], return_inverse=True, return_counts=True)
    return classes, np.bincount(rows, values[answerable]) / counts, counts


def _both_directions(found: dict[str, dict[str, float]], directions: dict[str, Any]) -> Outcome:
    """Means of the scores of every direction, and each direction's mAP."""
    means = {name: float(np.mean([scores[name] for scores in found.values()]))
             for name in next(iter(found.values()))}
    scores: dict[str, float] = {}
    for name, mean in means.items():
        scores[name] = mean
        if name.startswith("mAP"):
            scores |= {f"{name}[{way}]": found[way][name] for way in found}
    return Outcome(scores, means["mAP"], None, {"directions": directions})


def _ranked(likeness: Any, asked: Array, found: Array,
            of: str = "") -> tuple[dict[str, float], Array]:
    """mAP@all and P@100, or P of all where there are fewer; ``of`` is put behind the names.

    Beside them the average precision of every query.
    """
    precisions = metrics.average_precisions_from_similarity(likeness, asked, found)
    return {f"mAP{of}": float(mean_over_queries(precisions)),
            f"P@100{of}": metrics.precision_at_k_from_similarity(
                likeness, asked, found, k=min(100, len(found)))}, precisions


def _lacks(views: Views, modality: str) -> bool:
    """Whether no sample has a modality."""
    return modality not in views or not views.has(modality).any()


def _likeness(model: Any, query: Views, a: str, gallery: Views, b: str,
              ) -> tuple[Array | EmbeddingScores, Iterator[tuple[str, Array]]]:
    """Scores of queries against a gallery, as metrics take them: the model's own or cosines.

    Beside them those of every other way in which the model can compare, as they are asked for.
    """
    if not isinstance(model, Comparer):
        return EmbeddingScores(embedded(model, query, a), embedded(model, gallery, b)), iter(())
    sides = encoded(model.joint_vectors, query, a), encoded(model.joint_vectors, gallery, b)
    return model.compare(*sides), ((space, model.compare(*sides, space)) for space in model.spaces)


def score_transfer(model: Any, bench: Benchmark, gamma: float | None = None) -> Outcome:
    """Accuracy on the target modality of a classifier learned on the source, with its bounds."""
    from crossalign.tasks.transfer import transfer_scores

    scores = transfer_scores(Transfer(model, **TRANSFER_OPTIONS), bench)
    return Outcome(scores, scores["accuracy"])


SCORERS: dict[str, Callable[..., Outcome]] = {
    "gzsl": score_gzsl, "zsl": score_zsl, "retrieval": score_retrieval, "transfer": score_transfer}
"""Scoring function of every task."""
