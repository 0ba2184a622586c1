"""Cut-offs of the matches of a space, chosen on validation classes and measured on test classes.

A model that never saw the validation classes is asked for these among all other samples, once with
their own items among them and once without, as somebody asks a space for what it holds or does not
hold: without them the best item of each query is one by chance. Two similarities are chosen. Nine
of ten queries without an answer do not exceed the first, so that what does is a match; nine of ten
with an answer exceed the second, so that where nothing does nothing matches. Between them nothing
is said. Each promise takes nine classes (conformal prediction, see `metrics.conformal_quantile`);
with fewer nothing is said at all.

They are similarities, not `metrics.match_strength`, which tells answers from chance less well where
the model stays the same. A larger index has somewhat better items by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign import metrics
from crossalign.arrays import evenly
from crossalign.evaluation.protocols import Protocol
from crossalign.evaluation.selection import Selection, fit_on
from crossalign.labels import rarest
from crossalign.metrics.conformal import least_groups
from crossalign.metrics.retrieval.absence import FALSE
from crossalign.models.blockwise import encoded
from crossalign.models.roles import Aligner
from crossalign.space.choice import DRAWS
from crossalign.space.items import LOOKS, TEXT
from crossalign.space.matching import way
from crossalign.types import CLASS_MODALITY, Benchmark, Views

Array = npt.NDArray[Any]
ENOUGH = least_groups(1 - FALSE)
"""Number of validation classes from which on `metrics.conformal_quantile` promises a share."""
KEPT = 1 / 3
"""Share of the queries with an answer that have to match on validation, for matches to be told."""
ASKED, LISTED = 1_024, 4_096
"""Most queries and items of a kind that cut-offs are chosen by."""


class Side(NamedTuple):
    """Vectors ``(n, d)`` that an index compares, and their classes ``(n,)`` or ``(n, L)``."""

    vectors: Array
    labels: Array


class Cutoff(NamedTuple):
    """Similarities by which hits of one direction are judged.

    Attributes
    ----------
    match : float or None
        Similarity that a match exceeds; None if matches are not told.
    nothing : float or None
        Similarity, at most that, which none of the hits exceeds where nothing matches; None if that
        is not told.
    reason : str
        Why neither is told; empty if one is.
    """

    match: float | None
    nothing: float | None
    reason: str = ""


class Matches(NamedTuple):
    """Shares of queries that are told to match, and that nothing matches, in one direction.

    Attributes
    ----------
    false : float
        Share of the queries without an answer among the items that match one all the same.
    kept : float
        Share of the queries with an answer that match.
    told : float
        Share of the queries without an answer of which it is said that nothing matches.
    missed : float
        Share of the queries with an answer of which it is said too.
    """

    false: float
    kept: float
    told: float
    missed: float


def choose_cutoffs(model: Any, choice: Selection, bench: Benchmark,
                   task: Protocol) -> dict[str, Cutoff]:
    """Choose the cut-offs of a space by direction, on validation classes of a benchmark.

    Further draws of validation classes are taken until there are nine, or no more draws.

    Parameters
    ----------
    model : estimator
        Unfitted model.
    choice : Selection
        Its hyper-parameters.
    bench : Benchmark
        Benchmark of one run.
    task : Protocol
        Task that the model is fitted for.

    Returns
    -------
    dict of direction to Cutoff
        Directions without queries or items on validation are left out.
    """
    parts: dict[str, list[tuple[metrics.Strengths, Array]]] = {}
    for draw in range(DRAWS):
        part = bench.validation(draw)
        if part is None:
            break
        fitted = fit_on(clone(model).set_params(**choice.params), part, task)
        for direction, strengths, classes in _strengths(fitted, part):
            parts.setdefault(direction, []).append((strengths, _named(classes, part)))
        if parts and min(len(np.unique(np.concatenate(
                [names[np.isfinite(one.absent)] for one, names in drawn])))
                for drawn in parts.values()) >= ENOUGH:
            break
    return {direction: chosen_cutoff(np.concatenate([one.whole for one, _ in drawn]),
                                     np.concatenate([one.absent for one, _ in drawn]),
                                     np.concatenate([names for _, names in drawn]))
            for direction, drawn in parts.items()}


def chosen_cutoff(whole: Array, absent: Array, classes: Array) -> Cutoff:
    """Choose the cut-off of one direction.

    Parameters
    ----------
    whole, absent : (q,) float
        Similarities of the best items of queries, and of the best that are not of their class; NaN
        if there are none.
    classes : (q,)
        Classes of the queries.
    """
    there = np.isfinite(absent)
    count = len(np.unique(classes[there]))
    if count < ENOUGH:
        return Cutoff(None, None, f"{count} validation classes are too few to promise anything of "
                                  f"nine in ten queries, which takes {ENOUGH}")
    _, groups = np.unique(classes[there], return_inverse=True)
    match = metrics.conformal_quantile(absent[there], 1 - FALSE, groups)
    nothing = min(-metrics.conformal_quantile(-whole[there], 1 - FALSE, groups), match)
    return Cutoff(match if np.mean(whole[there] > match) >= KEPT else None, nothing)


def measured(fitted: Any, bench: Benchmark, cutoffs: Mapping[str, Cutoff]) -> dict[str, Matches]:
    """Measure on test classes what cut-offs do, by direction."""
    found = {}
    for direction, strengths, _ in _strengths(fitted, bench):
        there = np.isfinite(strengths.absent)
        cutoff = cutoffs.get(direction)
        if cutoff is not None and not cutoff.reason and there.any():
            absent, whole = strengths.absent[there], strengths.whole[there]
            most = np.inf if cutoff.match is None else cutoff.match
            least = -np.inf if cutoff.nothing is None else cutoff.nothing
            found[direction] = Matches(*(float(np.mean(of)) for of in (
                absent > most, whole > most, absent <= least, whole <= least)))
    return found


def _strengths(fitted: Any, bench: Benchmark,
               ) -> Iterator[tuple[str, metrics.Strengths, Array]]:
    """Yield directions, the strengths of the queries, and their classes ``(q,)``."""
    if not isinstance(fitted, Aligner) or not {"query", "test_unseen"} & set(bench.splits):
        return                                           # no class is left out
    asked, listed = _parts(bench)
    for kind in (*LOOKS, TEXT):
        queries = _side(fitted, asked, kind, ASKED) or _classes(fitted, bench, kind)
        for of in (*LOOKS, TEXT):
            items = _side(fitted, listed, of, LISTED)
            if queries is not None and items is not None and len(items.labels) > 1:
                yield (way(kind, of), metrics.match_strengths(
                    queries.vectors @ items.vectors.T, queries.labels, items.labels, _best),
                    rarest(queries.labels))


def _best(scores: Array) -> Array:
    return np.asarray(scores.max(axis=1))


def _parts(bench: Benchmark) -> tuple[list[Views], list[Views]]:
    """Return the samples that ask, of classes that the model never saw, and all others."""
    if "query" in bench.splits:
        return [bench["query"]], [bench["train"], bench["gallery"]]
    unseen = bench["test_unseen"]
    rows = np.arange(len(unseen))
    return [unseen[rows[::2]]], [bench["train"], bench["test_seen"], unseen[rows[1::2]]]


def _side(fitted: Any, parts: Sequence[Views], kind: str, most: int) -> Side | None:
    """Return the samples of a kind, thinned evenly; None if there are none."""
    there = [views.having(kind) for views in parts
             if kind in fitted.views and kind in views.modalities and views.has(kind).any()]
    if not there:
        return None
    share = min(1.0, most / sum(map(len, there)))
    thin = [views[evenly(len(views), max(1, round(share * len(views))))] for views in there]
    return Side(np.concatenate([fitted.index_vectors(encoded(
        fitted.similarity_inputs, views, kind)) for views in thin]),
        np.concatenate([views.truth for views in thin]))


def _classes(fitted: Any, bench: Benchmark, kind: str) -> Side | None:
    """Return the texts of unseen classes as queries, where a space reads texts as classes."""
    classes = bench.classes
    if kind != TEXT or TEXT in fitted.views or not fitted.knows_classes:
        return None
    unseen = np.flatnonzero(classes.unseen)
    if not len(unseen) or not classes.embeddings.shape[1]:
        return None
    return Side(np.asarray(fitted.index_vectors(fitted.similarity_inputs(
        classes.embeddings[unseen], CLASS_MODALITY))), unseen)


def _named(classes: Array, bench: Benchmark) -> Array:
    """Return the names of classes ``(q,)``, by which draws have some in common."""
    names = bench.classes.names
    return np.array([names[c] if c < len(names) else str(c) for c in classes], dtype=str)
