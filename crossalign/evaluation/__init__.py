"""Protocol and metrics to a report.

- `evaluate`: fit and score a model over runs; `fit_for` and `score_fitted` are its two halves.
- `protocols`: the tasks, one file each: what is fitted, scored, chosen and drawn.
- `selection`: what is chosen on validation classes, and nothing else.
- `report`: the numbers with their protocol; JSON, a table, a page.
- `figures`: arrays of figures; `pages` draws them.
- `significance`: paired comparisons over runs.
- `profile`: what a model costs; `profile_table` and `peak_memory` beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossalign.evaluation.fitted import fit_for, score_fitted
    from crossalign.evaluation.report import Report
    from crossalign.evaluation.runs import evaluate

__all__ = ["Report", "evaluate", "fit_for", "score_fitted"]

_FILES = {"Report": "report", "evaluate": "runs", "fit_for": "fitted", "score_fitted": "fitted"}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
