"""Arrays of the figure of captions and answers: pictures with what is said of them, and rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.arrays import evenly
from crossalign.evaluation.figures.items import shown_item
from crossalign.evaluation.figures.occlusion import Score, maps_of, most_maps
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
    others, and ``occlusion``, maps of what some rest on, where they can be made.
    """
    split = "test_unseen" if "test_unseen" in bench.splits else "test_seen"
    test, said = bench[split], outcome.details["captions"]["" if split == "test_unseen"
                                                           else "_seen"]
    assert isinstance(bench.said, Captions)
    references = bench.said.of(test)
    right = np.asarray(exact_matches(said, references), dtype=bool)
    captioner = outcome.details.get("captioner")

    def cell(i: int) -> dict[str, Any]:
        return {"images": [shown_item(test, i, bench.modalities[0], bench)], "question": "",
                "said": said[i], "reference": references[i][0], "right": bool(right[i])}

    chosen = [int(i) for i in some_of_both(right, most_maps(bench)) if said[i]]
    scores = [] if captioner is None else [
        lambda rows, text=said[i]: captioner.log_odds(rows, text) for i in chosen]
    return {**_sheet("captions", right, [cell(int(i)) for i in some_of_both(right)]),
            **_maps("captions", bench, test, chosen, scores, [cell(i) for i in chosen])}


def answered(bench: Benchmark, outcome: Outcome, test: Views, asked: Questions) -> dict[str, Any]:
    """Return the figure ``said`` of answers to questions about test samples, of every type, and
    ``occlusion``, maps of what some about one picture rest on, where they can be made.
    """
    said, rows = outcome.details["answers"], asked.rows(test)
    right = metrics.vqa_accuracies(said, asked.answers) >= RIGHT
    order = np.argsort(np.unique(asked.types, return_inverse=True)[1], kind="stable")
    answerer: Any = outcome.details.get("answerer")

    def cell(i: int) -> dict[str, Any]:
        return {"images": [shown_item(test, int(row), bench.modalities[0], bench)
                           for row in rows[i] if row >= 0],
                "question": asked.texts[i], "said": said[i], "right": bool(right[i]),
                "reference": next(iter(metrics.answer_scores(asked.answers[i])))
                if len(asked.answers[i]) > 1 else asked.answers[i][0]}

    def score(i: int) -> Score:
        return lambda of: np.asarray(answerer.log_odds(of, [asked.texts[i]] * len(of), said[i]))

    alone = order[rows[order, 1] < 0]
    chosen = [int(i) for i in alone[some_of_both(right[alone], most_maps(bench))]]
    scores = [] if answerer is None else [score(i) for i in chosen]
    return {**_sheet("answers", right, [cell(i) for i in order[some_of_both(right[order])]]),
            **_maps("answers", bench, test, [int(rows[i, 0]) for i in chosen], scores,
                    [cell(i) for i in chosen])}


def some_of_both(right: Array, most: int = CELLS) -> Array:
    """Return the places of at most so many entries: some right, some wrong, each spread evenly."""
    kinds = [np.flatnonzero(right), np.flatnonzero(~right)]
    wrong = min(len(kinds[1]), max(most // 2, most - len(kinds[0])))
    return np.concatenate([of[evenly(len(of), n)] if n else of[:0]
                           for of, n in zip(kinds, (most - wrong, wrong), strict=True)])


def _sheet(what: str, right: Array, cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"said": {"what": what, "right": int(right.sum()), "of": len(right),
                     "cells": list(cells)}}


def _maps(what: str, bench: Benchmark, test: Views, rows: Sequence[int], scores: Sequence[Score],
          cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figure ``occlusion``: cells whose pictures stand beside their maps, or why there
    are none.
    """
    found, reason = (maps_of(bench, test, rows, scores) if scores else
                     ([], "none of it is said of one picture by what was kept"))
    for cell, (picture, fall) in zip(cells, found, strict=False):
        cell["images"] = [{"image": picture, "text": ""},
                          {"image": picture, "text": "", "fall": fall}]
    return {"occlusion": {"what": what, "reason": reason,
                          "cells": list(cells)[:len(found)]}}
