"""What the pictures of a report are drawn from, collected from one fitted model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.evaluation.protocols import Outcome
from crossalign.evaluation.retrieval_artefacts import QUERIES, RESULTS, retrieval
from crossalign.evaluation.shown_items import shown_item, some_rows
from crossalign.evaluation.subsample import spread
from crossalign.evaluation.token_artefacts import tokens
from crossalign.labels import rarest
from crossalign.models.base import Aligner, Generator, TokenSelector
from crossalign.types import CLASS_MODALITY, Benchmark

Array = npt.NDArray[Any]

LATENT_POINTS = 400
"""Samples per modality in the latent picture."""
LATENT_CLASSES = 24
"""Classes in the latent picture; few, so that each shows as a group."""
TESTED = {"gzsl": ("test_seen", "test_unseen"), "zsl": ("test_unseen",),
          "retrieval": ("query",), "transfer": ("test",)}
"""Splits whose samples are shown, by task."""
CONFUSED = 12
"""Classes in the picture of confusions."""
CROSS_POINTS, CROSS_CLASSES = 240, 12
"""Samples and classes, of seen and of unseen ones each, in the maps of features and classes."""


def collect(model: Any, bench: Benchmark, task: str, outcome: Outcome) -> dict[str, Any]:
    """Arrays and items by the names that `Report` documents; deterministic."""
    found: dict[str, Any] = {}
    history = getattr(model, "history_", None)
    if history:
        found["history"] = history
    if task in ("gzsl", "zsl"):
        found |= _recognition(bench, outcome)
    if task == "retrieval":
        found |= retrieval(model, bench, outcome)
    if isinstance(model, Aligner):
        latent = _latent(model, bench, task)
        if latent is not None:
            found["latent"] = latent
        if isinstance(model, TokenSelector):
            found["saliency"] = tokens(model, bench[TESTED[task][-1]], bench.classes.names)
        cross_modal = _cross_modal(model, bench) if task in ("gzsl", "zsl") else None
        if cross_modal is not None:
            found["cross_modal"] = cross_modal
    return found


def _recognition(bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
    seen, names = bench.classes.seen, bench.classes.names
    scores_seen, labels_seen, scores_unseen, labels_unseen = outcome.evidence["parts"]
    curve, gamma = outcome.evidence["curve"], outcome.evidence["gamma"]
    labels = np.concatenate([labels_seen, labels_unseen])
    scores = metrics.stack(np.concatenate([scores_seen, scores_unseen]), seen, gamma)
    accuracy = metrics.class_accuracies(labels, scores.argmax(axis=1), np.arange(len(seen)))
    s = outcome.scores
    found: dict[str, Any] = {
        "class_accuracy": {"names": list(names), "accuracy": accuracy, "seen": seen}}
    confused = most_confused(labels, scores.argmax(axis=1), len(names))
    if confused is not None:
        rows, matrix = confused
        found["confusion"] = {"matrix": matrix, "names": [names[c] for c in rows],
                              "of": len(np.unique(labels))}
    if "U" in s:
        found["curve"] = {"seen": curve.seen, "unseen": curve.unseen, "chosen": (s["U"], s["S"]),
                          "raw": (s["U_raw"], s["S_raw"]), "ausuc": s["AUSUC"]}
    if "rejection" in outcome.evidence:
        found["rejection"] = outcome.evidence["rejection"]
    rows = spread(len(labels_unseen), QUERIES)
    best = metrics.stack(scores_unseen, seen, gamma)[rows].argsort(axis=1)[:, ::-1][:, :RESULTS]
    test = bench["test_unseen"]
    modality = test.modalities[0]
    found["hits"] = {f"{modality}->class": {
        "queries": [shown_item(test, int(r), modality, bench) for r in rows],
        "results": [[{"image": None, "text": names[c]} for c in row] for row in best],
        "correct": [[bool(c == labels_unseen[r]) for c in row]
                    for r, row in zip(rows, best, strict=True)]}}
    return found


def most_confused(labels: Array, predictions: Array, n: int,
                  limit: int = CONFUSED) -> tuple[Array, Array] | None:
    """The classes of the largest confusions, and how often each is taken for which of them.

    Parameters
    ----------
    labels, predictions : (m,) integers
    n : int
        Classes.
    limit : int

    Returns
    -------
    classes : (k,)
        At most ``limit``, in their own order.
    matrix : (k, k + 1) float
        Shares of the samples of each class; the last column is all other classes.
        None where nothing is confused.
    """
    counts = np.zeros((n, n))
    np.add.at(counts, (labels, predictions), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = share * (1 - np.eye(n))
    chosen: list[int] = []
    for pair in np.argsort(-wrong, axis=None, kind="stable"):
        row, column = divmod(int(pair), n)
        new = [c for c in (row, column) if c not in chosen]
        if wrong[row, column] == 0 or len(chosen) + len(new) > limit:
            break
        chosen += new
    tested = sorted(c for c in chosen if counts[c].any())
    if not tested:
        return None
    part = share[np.ix_(tested, tested)]
    return np.array(tested), np.column_stack([part, 1 - part.sum(axis=1)])


def _latent(model: Any, bench: Benchmark, task: str) -> dict[str, Any] | None:
    """Rows of every modality the model knows, before and after it, for a sample of test items."""
    parts, share = [bench[split] for split in TESTED[task]], len(TESTED[task])
    if task == "retrieval":  # where one modality asks only, the gallery shows the other
        lacking = [m for m in bench["gallery"].modalities if m not in bench["query"]]
        parts += [bench["gallery"].select(*lacking)] if lacking else []
    before: dict[str, list[Array]] = {}
    labels: dict[str, list[Array]] = {}
    for split in parts:
        for modality in split.modalities:
            if modality in model.widths_:
                part = split.having(modality)
                rows = some_rows(part, LATENT_CLASSES // share, LATENT_POINTS // share)
                before.setdefault(modality, []).append(part.read(modality, rows))
                labels.setdefault(modality, []).append(rarest(part.truth)[rows])
    if CLASS_MODALITY in model.widths_ and task in ("gzsl", "zsl"):
        shown = np.unique(np.concatenate(next(iter(labels.values()))))
        before[CLASS_MODALITY] = [bench.classes.embeddings[shown]]
        labels[CLASS_MODALITY] = [shown]
    if len(before) < 2:
        return None
    rows_of = {m: np.concatenate(parts) for m, parts in before.items()}
    return {"before": rows_of, "after": {m: model.embed(x, m) for m, x in rows_of.items()},
            "labels": {m: np.concatenate(parts) for m, parts in labels.items()},
            "class_names": list(bench.classes.names), "seen": bench.classes.seen}


def _cross_modal(model: Any, bench: Benchmark) -> dict[str, Any] | None:
    """Features and side information of some seen and unseen classes, before and after the model.

    A model that generates is shown by its code means and by as many drawn codes, which share one
    scale; any other by its unit rows, one for each class.
    """
    known = [m for m in bench.modalities if m in model.widths_ and m != CLASS_MODALITY]
    if not known or CLASS_MODALITY not in model.widths_:
        return None
    modality = known[0]
    parts = [bench[split] for split in TESTED[bench.task]]
    rows = [some_rows(part, CROSS_CLASSES, CROSS_POINTS) for part in parts]
    x = np.concatenate([p.read(modality, r) for p, r in zip(parts, rows, strict=True)])
    labels = np.concatenate([rarest(p.truth)[r] for p, r in zip(parts, rows, strict=True)])
    shown = np.unique(labels)
    embeddings = bench.classes.embeddings[shown]
    if isinstance(model, Generator) and hasattr(model, "project"):
        n = max(1, round(len(labels) / len(shown)))
        codes = model.sample(embeddings, n, random_state=0)  # (C, n, d)
        after = {modality: model.project(x, modality),
                 CLASS_MODALITY: codes.reshape(-1, codes.shape[2])}
    else:
        n = 1
        after = {modality: model.embed(x, modality),
                 CLASS_MODALITY: model.embed(embeddings, CLASS_MODALITY)}
    return {"before": {modality: x, CLASS_MODALITY: embeddings}, "after": after,
            "labels_before": {modality: labels, CLASS_MODALITY: shown},
            "labels_after": {modality: labels, CLASS_MODALITY: np.repeat(shown, n)},
            "seen": bench.classes.seen}
