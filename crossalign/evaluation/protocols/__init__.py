"""How a fitted model is scored on a benchmark: one file per task, the same for validation.

Every function returns the scores as fractions in [0, 1] by the names a report uses, and what the
pictures are drawn from. Nothing here fits a model or chooses anything.
"""

from __future__ import annotations

from collections.abc import Callable

from crossalign.evaluation.protocols.base import Outcome
from crossalign.evaluation.protocols.gzsl import best_epoch_on_test, score_gzsl, score_zsl
from crossalign.evaluation.protocols.retrieval import score_retrieval
from crossalign.evaluation.protocols.transfer import score_transfer

__all__ = ["SCORERS", "Outcome", "best_epoch_on_test", "score_gzsl", "score_retrieval",
           "score_transfer", "score_zsl"]

SCORERS: dict[str, Callable[..., Outcome]] = {
    "gzsl": score_gzsl, "zsl": score_zsl, "retrieval": score_retrieval, "transfer": score_transfer}
"""Scoring function of every task."""
