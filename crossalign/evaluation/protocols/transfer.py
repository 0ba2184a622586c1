"""Cross-modal transfer: a classifier of one modality tested on another, between two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.figures.maps import latent
from crossalign.evaluation.figures.tokens import tokens
from crossalign.evaluation.protocols.base import (
    NOTHING,
    Metric,
    Outcome,
    Protocol,
    Settings,
)
from crossalign.tasks import Transfer
from crossalign.tasks.class_gaussians import fit_head
from crossalign.tasks.transfer import labelled_samples
from crossalign.types import Benchmark, Views

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

FOLDS = 5
"""Number of folds of the upper bound if the training samples lack the target modality."""


@dataclass(frozen=True)
class CrossModalTransfer(Protocol):
    """Classification of one modality, learned on the other.

    Parameters
    ----------
    mode, head
        Options of `tasks.Transfer`.
    """

    mode: str = "aligned"
    head: str = "lda"

    name: ClassVar[str] = "transfer"
    benchmark: ClassVar[str] = "transfer"
    title: ClassVar[str] = "Transfer across modalities"
    sentence: ClassVar[str] = (
        "A classifier learns on labelled samples of one modality and is tested on the other, "
        "whose labels it never sees.")
    tested: ClassVar[tuple[str, ...]] = ("test",)
    objective: ClassVar[str] = "accuracy"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "on the target modality, without its labels"),
        Metric("source_accuracy", "the classifier on the modality that it learned on", None),
        Metric("oracle_accuracy", "a classifier that learned on labels of the target", None))
    headlines: ClassVar[tuple[str, ...]] = ("accuracy", "source_accuracy", "oracle_accuracy")
    columns: ClassVar[tuple[str, ...]] = headlines
    tunes: ClassVar[bool] = False                  # validation would need labels of the target
    micro: ClassVar[bool] = True

    def training(self, bench: Benchmark) -> tuple[Views, None]:
        """Return the unlabelled pairs."""
        return bench["pairs"].with_labels(None), None

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score the target modality, the source and the bound."""
        scores = transfer_scores(Transfer(fitted, mode=self.mode, head=self.head), bench)
        return Outcome(scores, scores["accuracy"])

    def saw_test(self, bench: Benchmark) -> bool | None:
        """Tell whether a test sample is among the pairs or the labelled samples."""
        parts = [bench[split].ids for split in ("train", "pairs", "test")]
        if any(np.array_equal(ids, np.arange(len(ids))) for ids in parts):
            return None
        return bool(np.isin(np.concatenate(parts[:2]), parts[2]).any())

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return a map of the space, and salient tokens."""
        return {**super().figures(fitted, bench, outcome),
                **latent(fitted, bench, [bench["test"]], classes=False),
                **tokens(fitted, bench["test"], bench.classes.names)}


def transfer_scores(transfer: Transfer, bench: Benchmark, source: str | None = None,
                    target: str | None = None) -> dict[str, float]:
    """Fit on a transfer benchmark and score its test split between two bounds.

    Parameters
    ----------
    transfer : Transfer
        Task, which is fitted here, on ``bench["pairs"]`` and the source side of ``bench["train"]``.
    bench : Benchmark
        Benchmark of task ``transfer``.
    source, target : str, optional
        Modalities; default the first two of the benchmark.

    Returns
    -------
    dict
        Shares in [0, 1] of test samples that are classified correctly: ``accuracy`` on target rows,
        ``source_accuracy`` on source rows, and ``oracle_accuracy``, the same head trained on
        *labelled* target rows: those of ``train``, or of the other folds of ``test`` if ``train``
        lacks the target modality.
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
    x, truth = labelled_samples(bench["test"], source, None)
    z, target_truth = labelled_samples(bench["test"], target, None)
    if target in bench["train"]:
        known, labels = labelled_samples(bench["train"], target, n_classes)
        rows, tested = (np.asarray(part[target], dtype=np.float64) for part in (known, z))
        oracle = fit_head(transfer.head, rows, labels, n_classes).predict(tested)
    else:
        oracle = _cross_fitted(transfer.head, np.asarray(z[target], dtype=np.float64),
                               target_truth, n_classes)
    return {"accuracy": float(np.mean(transfer.predict(z) == target_truth)),
            "source_accuracy": float(np.mean(transfer.predict_source(x) == truth)),
            "oracle_accuracy": float(np.mean(oracle == target_truth))}


def _cross_fitted(head: Any, x: Array, labels: Labels, n_classes: int) -> Labels:
    """Predict ``(n,)`` by heads fitted on the other folds; classes are spread evenly over the
    folds.
    """
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
