"""Cross-modal transfer, scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.protocols.base import Outcome
from crossalign.tasks import Transfer
from crossalign.tasks.class_gaussians import fit_head
from crossalign.tasks.transfer import labelled_rows
from crossalign.types import Benchmark

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

TRANSFER_OPTIONS: dict[str, Any] = {"mode": "aligned", "head": "lda"}

FOLDS = 5
"""Folds of the upper bound where the training samples lack the target modality."""


def score_transfer(model: Any, bench: Benchmark, gamma: float | None = None) -> Outcome:
    """Accuracy on the target modality of a classifier learned on the source, with its bounds."""
    scores = transfer_scores(Transfer(model, **TRANSFER_OPTIONS), bench)
    return Outcome(scores, scores["accuracy"])


def transfer_scores(transfer: Transfer, bench: Benchmark, source: str | None = None,
                    target: str | None = None) -> dict[str, float]:
    """Fit on a transfer benchmark and score its test split between two bounds.

    Parameters
    ----------
    transfer : Transfer
        Fitted here, on ``bench["pairs"]`` and the source side of ``bench["train"]``.
    bench : Benchmark
        Of task ``transfer``.
    source, target : str, optional
        Modalities; the first two of the benchmark by default.

    Returns
    -------
    dict
        Shares in [0, 1] of test samples classified rightly: ``accuracy`` on target rows,
        ``source_accuracy`` on source rows, and ``oracle_accuracy``, the same head trained on
        *labelled* target rows: those of ``train``, or of the other folds of ``test`` where
        ``train`` lacks the target modality.
    """
    if bench.task != "transfer":
        raise ValueError(f"bench: {bench.name!r} is for {bench.task}; give a transfer benchmark.")
    source = bench.modalities[0] if source is None else source
    if target is None:
        others = [m for m in bench["test"].modalities if m != source]
        if not others:
            raise ValueError(f"target: the test split has only {source!r}; give two modalities.")
        target = others[0]
    n_classes = len(bench.classes)
    transfer.fit(bench["pairs"], bench["train"], source, target, n_classes)
    x, truth = labelled_rows(bench["test"], source, None)
    z, target_truth = labelled_rows(bench["test"], target, None)
    if target in bench["train"]:
        rows, labels = labelled_rows(bench["train"], target, n_classes)
        oracle = fit_head(transfer.head, rows, labels, n_classes).predict(z)
    else:
        oracle = _cross_fitted(transfer.head, z, target_truth, n_classes)
    return {"accuracy": float(np.mean(transfer.predict(z) == target_truth)),
            "source_accuracy": float(np.mean(transfer.predict_source(x) == truth)),
            "oracle_accuracy": float(np.mean(oracle == target_truth))}


def _cross_fitted(head: Any, x: Array, labels: Labels, n_classes: int) -> Labels:
    """Predictions ``(n,)`` of heads fitted on the other folds; classes are dealt out evenly."""
    predicted = np.full(len(x), -1, dtype=np.int64)
    fold = np.empty(len(x), dtype=np.int64)
    for c in range(n_classes):
        mine = np.flatnonzero(labels == c)
        fold[mine] = np.arange(len(mine)) % FOLDS
    for f in range(FOLDS):
        left_out = fold == f
        if left_out.any() and not left_out.all():
            fitted = fit_head(head, x[~left_out], labels[~left_out], n_classes)
            predicted[left_out] = fitted.predict(x[left_out])
    return predicted
