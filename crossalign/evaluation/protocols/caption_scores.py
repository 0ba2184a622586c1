"""Scores of captions by what says them, and captions that need no decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crossalign import metrics
from crossalign.evaluation.protocols.base import Array, Outcome, Protocol, accuracies
from crossalign.metrics.captions.exact import exact_matches
from crossalign.models.blockwise import embedded
from crossalign.types import Benchmark, Views


def nearest_texts(fitted: Any, bench: Benchmark, test: Views) -> list[str]:
    """Return for every sample the caption of the training text that is nearest to it, or of the
    training sample where training has no texts.
    """
    train, first = bench["train"], bench.modalities[0]
    assert bench.said is not None
    captions = bench.said.of(train)
    gallery = "text" if "text" in train else first
    held = embedded(fitted, train, gallery)
    asked = embedded(fitted, test, first)
    best = np.concatenate([(part @ held.T).argmax(axis=1) for part in
                           np.array_split(asked, max(1, len(asked) // 512))])
    return [captions[i][0] for i in best]  # type: ignore[index]


def outcome_of(captions: Mapping[str, list[str]], bench: Benchmark, task: Protocol) -> Outcome:
    """Score captions by the ends of the names of their scores, as ``"_text_only_seen"``."""
    scores: dict[str, float] = {}
    per_class: dict[str, tuple[Array, Array, Array | None]] = {}
    assert bench.said is not None
    for end, said in captions.items():
        test = bench["test_seen" if end.endswith("_seen") else "test_unseen"]
        references = bench.said.of(test)
        found = {"exact": metrics.exact_match, "CIDEr": metrics.cider_d,
                 "BLEU-4": metrics.bleu, "ROUGE-L": metrics.rouge_l}
        for name, measure in found.items():
            if task.metric(f"{name}{end}") is not None:
                scores[f"{name}{end}"] = float(measure(said, references))  # type: ignore[arg-type]
        right = exact_matches(said, references)  # type: ignore[arg-type]
        if f"exact{end}" in scores:
            per_class[f"exact{end}"] = accuracies(test.truth, np.where(right, test.truth, -1))
    if "" in captions:
        scores["distinct"] = len(set(captions[""])) / len(captions[""])
    best = scores.get("exact", scores.get("exact_seen", 0.0))
    return Outcome(scores, best, None, {"captions": dict(captions)}, per_class)
