"""Retrieval across modalities: a query of one ranks a gallery of another."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from crossalign import metrics
from crossalign.evaluation.figures.maps import latent
from crossalign.evaluation.figures.rankings import retrieval
from crossalign.evaluation.figures.tokens import tokens
from crossalign.evaluation.protocols.base import (
    NOTHING,
    Array,
    Metric,
    Outcome,
    Protocol,
    Settings,
)
from crossalign.index.hamming import CodeScores
from crossalign.labels import rarest
from crossalign.metrics.retrieval.mean_over_queries import mean_over_queries
from crossalign.metrics.retrieval.score_sources import ScoreSource
from crossalign.models.blockwise import embedded, encoded
from crossalign.tasks.binary_codes import BinaryCodes
from crossalign.types import Benchmark, Views


@dataclass(frozen=True)
class Retrieval(Protocol):
    """Ranking of the gallery for every query, in both directions.

    Parameters
    ----------
    bits : int, optional
        Length of binary codes to score too, see `tasks.binary_codes`; default None, no codes.

    Raises
    ------
    ValueError
        For codes of no bits.
    """

    bits: int | None = None

    name: ClassVar[str] = "retrieval"
    benchmark: ClassVar[str] = "retrieval"
    title: ClassVar[str] = "Retrieval across modalities"
    sentence: ClassVar[str] = (
        "A query of one modality ranks a gallery of another; both hold classes that training "
        "never saw, and same class is right.")
    tested: ClassVar[tuple[str, ...]] = ("query",)
    objective: ClassVar[str] = "mAP"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("mAP", "mean average precision over the whole list, mean of both directions"),
        Metric("P@100", "share of right ones among the first 100"),
        Metric("chance_mAP", "what a random order would give", None),
        Metric("false_match", "queries without an answer in the gallery that get one, at a cut-off "
               "for 10 %; lower is better", "lower"),
        Metric("kept_match", "queries with an answer in the gallery that get one at this cut-off"))
    headlines: ClassVar[tuple[str, ...]] = ("mAP", "chance_mAP", "P@100")
    columns: ClassVar[tuple[str, ...]] = ("mAP", "P@100", "chance_mAP")
    calibrates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.bits is not None and self.bits < 1:
            raise ValueError(f"bits: got {self.bits} for retrieval; give one bit or more.")

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score both directions, and the chosen ``cutoff`` of each."""
        outcome = score_retrieval(fitted, bench, self.bits)
        add_matches(outcome, bench, settings.get("cutoff") or {})
        return outcome

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return ``cutoff``: for each direction the least strength of a match, which at most a
        tenth of the validation queries exceed whose class was taken out of the gallery.
        """
        return {"cutoff": choose_cutoffs(outcome, validation)}

    def describe(self, settings: Settings) -> str:
        """Say that cut-offs were chosen."""
        return "cut-offs of matches"

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return precision-recall curves, queries with their hits, and maps of the space."""
        query, gallery = bench["query"], bench["gallery"]
        lacking = [m for m in gallery.modalities if m not in query]  # one modality may ask alone
        parts = [query, *([gallery.select(*lacking)] if lacking else [])]
        return {**super().figures(fitted, bench, outcome), **retrieval(fitted, bench, outcome),
                **latent(fitted, bench, parts, classes=False),
                **tokens(fitted, query, bench.classes.names)}

    def stated(self) -> dict[str, Any]:
        """Return the statement on how binary codes are made."""
        return {} if self.bits is None else {
            "codes": f"{self.bits} bits, ITQ on embeddings of training samples, each modality "
                     "less its mean"}

    def metric(self, name: str) -> Metric | None:
        """Return the metric of a score, also of one direction or of binary codes."""
        base, _, direction = name.partition("[")
        base, _, bits = base.partition("_") if base.endswith("bit") else (base, "", "")
        found = super().metric(base)
        if found is None:
            return None
        source, _, target = direction.rstrip("]").partition("->")
        meaning = f"{source} queries, {target} gallery" if direction else found.meaning
        codes = f"; binary codes of {bits.removesuffix('bit')} bits" if bits else ""
        return replace(found, name=name, meaning=f"{meaning}{codes}")

    def headlines_of(self, scores: Sequence[str]) -> list[str]:
        """Return mAP, that of each direction, chance and P@100."""
        return _with_directions(super().headlines_of(scores), scores)

    def columns_of(self, scores: Sequence[str]) -> list[str]:
        """Return mAP, that of each direction, P@100 and chance."""
        return _with_directions(super().columns_of(scores), scores)


def _with_directions(names: Sequence[str], scores: Sequence[str]) -> list[str]:
    """Put the mAP of each direction behind their mean."""
    return [name for first in names for name in
            (first, *(m for m in scores if first == "mAP" and m.startswith("mAP[")))]


def score_retrieval(model: Any, bench: Benchmark, bits: int | None = None) -> Outcome:
    """Score mAP@all and P@100 in both directions between the first two modalities, and chance mAP.

    Queries are the unseen classes' test samples, the gallery the unseen classes' training samples;
    items of the query's class are relevant. Samples that lack a direction's modality are left out
    of it, and a direction without queries or gallery is left out altogether. ``mAP``, ``P@100`` and
    chance are means over the directions. With ``bits``, ``mAP_64bit`` and ``P@100_64bit`` are the
    same for binary codes, which are learned from training samples.
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
            f"mAP {name}": metrics.mean_average_precision(other, *labels)
            for name, other in others}}
        if codes is not None:
            asked, stored = (codes.encode(embedded(model, views, m), m)
                             for views, m in ((query, a), (gallery, b)))
            scores |= _ranked(CodeScores(asked, stored, codes.bits), *labels, f"_{bits}bit")[0]
        directions[f"{a}->{b}"], found[f"{a}->{b}"] = likeness, scores
    if not found:
        raise ValueError(f"splits: no {first!r} or {second!r} asks for the other in "
                         f"{bench.name!r}; give queries of one and a gallery of the other.")
    return replace(_both_directions(found, directions), per_class=per_class)


def choose_cutoffs(outcome: Outcome, validation: Benchmark) -> dict[str, float]:
    """Choose the least strength of a match in every direction, see `metrics.match_strength`.

    `metrics.match_cutoff` says what is promised.

    Parameters
    ----------
    outcome : Outcome
        Result of `score_retrieval` on the validation benchmark.
    validation : Benchmark
        Validation benchmark.
    """
    found = {way: metrics.match_cutoff(strengths.absent, labels)
             for way, (strengths, labels) in _strengths(outcome, validation).items()}
    return {way: cutoff for way, cutoff in found.items() if cutoff is not None}


def add_matches(outcome: Outcome, bench: Benchmark, cutoffs: Mapping[str, float]) -> None:
    """Add ``false_match`` and ``kept_match``, means over queries and then directions.

    Parameters
    ----------
    outcome : Outcome
        Result of `score_retrieval` on a benchmark; changed.
    bench : Benchmark
        Benchmark of the outcome.
    cutoffs : mapping of direction to float
        Choice of `choose_cutoffs`; nothing is added for a direction without one.
    """
    shares = []
    for way, (strengths, _) in _strengths(outcome, bench, cutoffs).items():
        absent = strengths.absent[np.isfinite(strengths.absent)]
        if len(absent):
            shares.append([np.mean(absent > cutoffs[way]), np.mean(strengths.whole > cutoffs[way])])
    if shares:
        false, kept = np.mean(shares, axis=0)
        outcome.scores.update(false_match=float(false), kept_match=float(kept))


def _strengths(outcome: Outcome, bench: Benchmark,
               ways: Container[str] | None = None) -> dict[str, tuple[metrics.Strengths, Array]]:
    """Return the strengths of matches and a class of every query, by direction."""
    found = {}
    for way, likeness in outcome.details["directions"].items():
        if ways is None or way in ways:
            a, b = way.split("->")
            asked, there = bench["query"].having(a).truth, bench["gallery"].having(b).truth
            if len(there) > 1:
                found[way] = metrics.match_strengths(likeness, asked, there), rarest(asked)
    return found


def _mean_by_class(values: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return the classes of the queries that have relevant items, the mean of each, and their
    counts.
    """
    answerable = np.isfinite(values)
    classes, rows, counts = np.unique(labels[answerable], return_inverse=True, return_counts=True)
    return classes, np.bincount(rows, values[answerable]) / counts, counts


def _both_directions(found: dict[str, dict[str, float]], directions: dict[str, Any]) -> Outcome:
    """Average the scores over both directions, and add each direction's mAP."""
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
    """Compute mAP@all and P@100, or P of all if there are fewer; ``of`` is put behind the names.

    The average precision of every query is returned too.
    """
    precisions = metrics.average_precisions(likeness, asked, found)
    return {f"mAP{of}": float(mean_over_queries(precisions)),
            f"P@100{of}": metrics.precision_at_k(
                likeness, asked, found, k=min(100, len(found)))}, precisions


def _lacks(views: Views, modality: str) -> bool:
    """Tell whether no sample has a modality."""
    return modality not in views or not views.has(modality).any()


def _likeness(model: Any, query: Views, a: str, gallery: Views, b: str,
              ) -> tuple[Array | ScoreSource, Iterator[tuple[str, Array]]]:
    """Score queries against a gallery by the model's similarity, in the form that metrics take.

    An iterator over the scores by each similarity, of a model that has several, is returned too.
    """
    sides = encoded(model.similarity_inputs, query, a), encoded(model.similarity_inputs, gallery, b)
    several = model.similarities if len(model.similarities) > 1 else ()
    return model.compare(*sides), ((name, model.compare(*sides, name)) for name in several)
