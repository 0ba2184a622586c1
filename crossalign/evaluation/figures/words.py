"""Arrays of the figure of captions and answers: pictures with what is said of them, and rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.evaluation.figures.items import shown_item
from crossalign.evaluation.subsample import spread
from crossalign.metrics.captions.exact import exact_matches
from crossalign.types import Benchmark, Captions, Questions, Views

if TYPE_CHECKING:
    from crossalign.evaluation.protocols.base import Outcome

Array = npt.NDArray[Any]
CELLS = 12
"""Number of pictures on the sheet, half of them with something wrong said, if there are as many."""
RIGHT = 0.5
"""Accuracy from which on an answer is shown as right."""


def captioned(bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
    """Return the figure ``said`` of captions of unseen classes, or of seen ones if there are no
    others.
    """
    split = "test_unseen" if "test_unseen" in bench.splits else "test_seen"
    test, said = bench[split], outcome.details["captions"]["" if split == "test_unseen"
                                                           else "_seen"]
    assert isinstance(bench.said, Captions)
    references = bench.said.of(test)
    right = np.asarray(exact_matches(said, references), dtype=bool)
    return _sheet("captions", right, [
        {"images": [shown_item(test, i, bench.modalities[0], bench)], "question": "",
         "said": said[i], "reference": references[i][0], "right": bool(right[i])}
        for i in some_of_both(right)])


def answered(bench: Benchmark, outcome: Outcome, test: Views, asked: Questions) -> dict[str, Any]:
    """Return the figure ``said`` of answers to questions about test samples, of every type."""
    said, rows = outcome.details["answers"], asked.rows(test)
    right = metrics.vqa_accuracies(said, asked.answers) >= RIGHT
    order = np.argsort(np.unique(asked.types, return_inverse=True)[1], kind="stable")
    return _sheet("answers", right, [
        {"images": [shown_item(test, int(row), bench.modalities[0], bench)
                    for row in rows[i] if row >= 0],
         "question": asked.texts[i], "said": said[i], "right": bool(right[i]),
         "reference": next(iter(metrics.answer_scores(asked.answers[i])))
         if len(asked.answers[i]) > 1 else asked.answers[i][0]}
        for i in order[some_of_both(right[order])]])


def some_of_both(right: Array) -> Array:
    """Return the places of at most `CELLS` entries: some right, some wrong, each spread evenly."""
    kinds = [np.flatnonzero(right), np.flatnonzero(~right)]
    wrong = min(len(kinds[1]), max(CELLS // 2, CELLS - len(kinds[0])))
    return np.concatenate([of[spread(len(of), n)] if n else of[:0]
                           for of, n in zip(kinds, (CELLS - wrong, wrong), strict=True)])


def _sheet(what: str, right: Array, cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"said": {"what": what, "right": int(right.sum()), "of": len(right),
                     "cells": list(cells)}}
