"""Accuracy over the number k of samples per new class, with settings from validation classes.

A draw shuffles the test samples of every unseen class. Its first k samples are the support, for
every k, and the samples after the largest k are scored, the same for every k and every row of the
table. No sample that is ever support is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.metrics.classification import candidates_without_items
from crossalign.tables import aligned, percent
from crossalign.tasks.few_shot import FewShot
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]
Parts = tuple[Array, Array, Array, Array]
"""Scores and classes of seen test samples, then of unseen ones."""


class Row(NamedTuple):
    """A row of the table: the head, and whether it has the prior and the support."""

    head: str
    prior: bool
    support: bool


ROWS: dict[str, Row] = {
    "update": Row("gaussian", True, True),
    "support only": Row("gaussian", False, True),
    "side information only": Row("gaussian", True, False),
    "update of features": Row("inputs", True, True),
    "latent features": Row("softmax", True, True),
}
"""Rows: the posterior, its two parts, the same without the model, and the baseline of CADA-VAE."""

KS = (1, 2, 5, 10)
"""Default numbers of samples per class."""
DRAWS = 10
"""Default number of draws of the samples."""
KAPPA = 4.0
"""Default kappa, without a choice on validation."""

KAPPAS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Values that validation tries."""


@dataclass(frozen=True)
class FewShotChoice:
    """Choice of kappa and gamma on validation classes.

    Attributes
    ----------
    kappas : mapping of row to float
        Kappas of the rows that have both side information and samples to weigh.
    gammas : mapping of row to mapping of k to float
        Calibration of seen classes.
    tried : mapping of row to mapping of kappa to T1
        Means over draws and k.
    """

    kappas: dict[str, float] = field(default_factory=dict)
    gammas: dict[str, dict[int, float]] = field(default_factory=dict)
    tried: dict[str, dict[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class FewShotCurve:
    """Scores of every draw over k.

    Attributes
    ----------
    ks : K integers
        Numbers of samples per class.
    scores : mapping of row to mapping of metric to (draws, K)
        ``T1``, ``U``, ``S`` and ``H``, fractions; see `metrics.gzsl_scores`.
    """

    ks: tuple[int, ...]
    scores: Mapping[str, Mapping[str, Array]]

    def __str__(self) -> str:
        lines = [["", "", *(f"k = {k}" for k in self.ks)]]
        for metric in ("T1", "H"):
            for row, scores in self.scores.items():
                values = scores[metric]
                sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(self.ks))
                lines.append([row, metric, *(percent(m, s, max(len(values), 2)) for m, s in
                                             zip(values.mean(axis=0), sd, strict=True))])
        return "\n".join(aligned(lines, words=2))


def few_shot_curve(model: Any, bench: Benchmark, ks: Sequence[int] = KS,
                   draws: int = DRAWS, seed: int = 0, *, chosen: FewShotChoice | None = None,
                   rows: Sequence[str] = tuple(ROWS)) -> FewShotCurve:
    """Score a fitted model on the unseen classes of a benchmark with k samples of each.

    Parameters
    ----------
    model : fitted Aligner
        Model fitted on ``bench["train"]``.
    bench : Benchmark
        Benchmark of task ``gzsl``. The k samples of a class are taken out of ``test_unseen``.
    ks : integers
        Numbers of samples per class; default `KS`.
    draws : int
        Number of draws of the samples; default `DRAWS`.
    seed : int
        Seed of the draws, default 0; more draws change none of the first.
    chosen : FewShotChoice, optional
        Choice of `choose_few_shot`; by default kappa is `KAPPA` and gamma 0.
    rows : strings
        Names of rows from `ROWS`; default all. "latent features", for models that draw codes,
        trains a classifier for every draw and k.

    Raises
    ------
    ValueError
        If a class has no test sample left to score, or a row or k makes no sense.
    """
    check_draws(ks, draws, bench)
    chosen = FewShotChoice() if chosen is None else chosen
    table: dict[str, dict[str, Array]] = {}
    for row in rows:
        gammas = chosen.gammas.get(row, {})
        table[row] = {metric: np.empty((draws, len(ks))) for metric in ("T1", "U", "S", "H")}
        trial = _trial(model, row, bench, chosen.kappas.get(row, KAPPA))
        for at, k in enumerate(ks):
            for draw, parts in enumerate(_outcomes(trial, k, max(ks), draws, seed)):
                with candidates_without_items():
                    scores = metrics.gzsl_scores(*parts, bench.classes.seen, gammas.get(k, 0.0))
                for metric, values in table[row].items():
                    values[draw, at] = scores[metric]
    return FewShotCurve(tuple(ks), table)


def choose_few_shot(model: Any, validation: Benchmark, ks: Sequence[int] = KS,
                    draws: int = 5, seed: int = 0, *, kappas: Sequence[float] = KAPPAS,
                    rows: Sequence[str] = tuple(ROWS)) -> FewShotChoice:
    """Choose kappa, and gamma for every k, on validation classes.

    Every row with a kappa has one for all k, that of the largest mean T1. gamma is that of the
    largest H over all draws together.

    Parameters
    ----------
    model : fitted Aligner
        Model fitted on ``validation["train"]``: it must not have seen the validation classes'
        samples.
    validation : Benchmark
        Benchmark from ``bench.validation()``.
    ks, draws, seed, rows
        Numbers of samples, draws, their seed and rows, see `few_shot_curve`; default 5 draws.
    kappas : floats
        Values to try; default `KAPPAS`.
    """
    check_draws(ks, draws, validation)
    choice = FewShotChoice()
    for row in rows:
        trial, gammas = _trial(model, row, validation), {}
        if trial.weighs:
            choice.tried[row] = tried = _tried(trial, kappas, ks, draws, seed)
            choice.kappas[row] = trial.task.kappa = max(tried, key=lambda kappa: tried[kappa])
        for k in ks:
            outcomes = _outcomes(trial, k, max(ks), draws, seed)
            a, b, c, d = (np.concatenate(part) for part in zip(*outcomes, strict=True))
            gammas[k] = metrics.best_gamma(
                metrics.seen_unseen_curve(a, b, c, d, validation.classes.seen))
        choice.gammas[row] = gammas
    return choice


def support_ranks(labels: npt.ArrayLike, draws: int, seed: int = 0) -> Array:
    """Return the place of every sample in a shuffled order of its class, from 0, as (draws, n)."""
    classes = np.asarray(labels)
    ranks = np.empty((draws, len(classes)), dtype=np.int64)
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(len(classes))
        for c in np.unique(classes):
            mine = order[classes[order] == c]
            ranks[draw, mine] = np.arange(len(mine))
    return ranks


class _Trial(NamedTuple):
    """A prepared task and its test samples in the form that it reads.

    ``weighs`` says whether kappa matters.
    """

    task: FewShot
    support: bool
    weighs: bool
    seen: Views
    unseen: Views
    codes: tuple[Array, Array]


def _trial(model: Any, row: str, bench: Benchmark, kappa: float = KAPPA) -> _Trial:
    if row not in ROWS:
        raise ValueError(f"rows: got {row!r}; choose among {list(ROWS)}.")
    head, prior, support = ROWS[row]
    task = FewShot(model, kappa if prior else 0.0, head).fit(bench["train"], bench.classes)
    seen, unseen = bench["test_seen"], bench["test_unseen"]
    return _Trial(task, support, prior and support and head != "softmax", seen, unseen,
                  (task.encode(seen), task.encode(unseen)))


def _tried(trial: _Trial, kappas: Sequence[float], ks: Sequence[int], draws: int,
           seed: int) -> dict[float, float]:
    """Compute the mean T1 over k and draws of every kappa."""
    tried, seen = {}, trial.task.classes_.seen
    for kappa in kappas:
        trial.task.kappa = kappa
        tried[kappa] = float(np.mean([
            metrics.gzsl_scores(*parts, seen)["T1"]
            for k in ks for parts in _outcomes(trial, k, max(ks), draws, seed)]))
    return tried


def _outcomes(trial: _Trial, k: int, largest: int, draws: int, seed: int) -> Iterator[Parts]:
    """Yield the parts to score after every draw of k samples per class."""
    task, support, _, seen, unseen, codes = trial
    for rank in support_ranks(unseen.truth, draws, seed):
        task.fit_few_shot(unseen[rank < k] if support else None)
        is_query = rank >= largest
        yield (task.scores(codes[0]), seen.truth,
               task.scores(codes[1][is_query]), unseen.truth[is_query])


def check_draws(ks: Sequence[int], draws: int, bench: Benchmark) -> None:
    """Raise ValueError if no draw makes sense or a class has too few samples."""
    if not ks or min(ks) < 1 or draws < 1:
        raise ValueError(f"ks: got {list(ks)} with {draws} draws; give numbers of at least 1.")
    classes, counts = np.unique(bench["test_unseen"].truth, return_counts=True)
    if counts.min() <= max(ks):
        name = bench.classes.names[classes[counts.argmin()]]
        raise ValueError(f"ks: got {max(ks)}, but the class {name!r} has {counts.min()} test "
                         f"samples; give at most {counts.min() - 1}, so that one is left to score.")
