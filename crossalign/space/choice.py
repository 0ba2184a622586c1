"""The model of a space: the best of a short list on validation classes, within a budget of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from crossalign.data.samples import RawSamples
from crossalign.evaluation.protocols import Protocol
from crossalign.evaluation.selection import Selection, select
from crossalign.models import get
from crossalign.pace import duration
from crossalign.types import Benchmark

FROZEN = "dual_encoder"
"""Model that leaves a space of pictures and texts as its encoders make it."""
SHORT_LIST = {
    "gzsl": ("ridge_map", "cca", "linear_cosine", "fusionnet_qsma"),
    "zsl": ("ridge_map", "cca", "linear_cosine", "fusionnet_qsma"),
    "retrieval": ("ridge_map", "cca", "fusionnet_qsma"),
    "vqa": (FROZEN,)}                                          # pictures have nothing to align with
"""Models that are tried for each task, quick ones first; all can be searched."""
FROM_FROZEN = (FROZEN, "tip_adapter", "residual_adapter")
"""Models that start from there: what they do not learn they know from the encoders."""


def short_list(task: str, one_space: bool) -> tuple[str, ...]:
    """Return the models to try for a task, quick ones first.

    Where encoders make one space, those that start from it come first. In recognition they are
    alone: a few classes teach no map that knows more words than the encoders do, and on the few
    validation classes it may look as if they did. Pairs, of which there are many, may teach one.

    Parameters
    ----------
    task : {"gzsl", "zsl", "retrieval", "vqa"}
        Task of the benchmark.
    one_space : bool
        Whether encoders make one space of pictures and texts.
    """
    own = tuple(name for name in FROM_FROZEN if one_space and task != "vqa" and (task == "gzsl"
                                                               or name != "tip_adapter"))
    return (*own, *(() if own and task != "retrieval" else SHORT_LIST[task]))

FEWEST = 5
"""Number of classes with pictures below which none can be held out twice, to be measured on and to
choose by.
"""
FEWEST_SEEN = 3
"""Number of classes that are trained on below which none can be held out to choose by."""
FEW, DRAWS = 5, 5
"""Number of validation classes that play unseen below which one draw of them says too little, and
the number of draws instead.
"""


@dataclass(frozen=True)
class Tried:
    """A model that was tried: its name, the best objective on validation, and seconds."""

    model: str
    objective: float
    seconds: float


def choose(bench: Benchmark, task: Protocol, names: Sequence[str], budget: float,
           log: Callable[[str], None],
           callbacks: Sequence[Any] = ()) -> tuple[Any, Selection, list[Tried]]:
    """Choose a model and its hyper-parameters on the validation classes of a benchmark.

    Where fewer than `FEW` of them play unseen, it is over `DRAWS` draws of them from the training
    classes.

    Parameters
    ----------
    bench : Benchmark
        Benchmark of one run.
    task : Protocol
        Task whose objective counts.
    names : sequence of str
        Models to try, in order.
    budget : float
        Time in seconds after which no further model is begun; the first always is.
    log : callable
        Function called with a line for every model.
    callbacks : sequence of Callback
        Callbacks of every training; default none.

    Returns
    -------
    model, selection, tried
        Unfitted model, its choices, and what each model reached.

    Raises
    ------
    ValueError
        If no model on the list can be tried, or fewer than three classes are trained on.
    """
    started, best = time.perf_counter(), None
    if bench.task in ("gzsl", "zsl") and bench.classes.seen.sum() < FEWEST_SEEN:
        raise too_few(len(bench.classes))
    validation = bench.validation()
    few = 0 if validation is None else int(validation.classes.unseen.sum())
    draws = DRAWS if 0 < few < FEW and bench.validation(1) is not None else 1
    if draws > 1:
        log(f"validation has {few} class{'es' * (few > 1)} to play unseen, so each model is tried "
            f"on {draws} draws of them")
    tried: list[Tried] = []
    refused: list[str] = []
    for name in names:
        passed = time.perf_counter() - started
        if tried and passed > budget:
            log(f"{name} and what follows were not tried, as choosing took {duration(passed)} and "
                f"was given {duration(budget)}; with more time another model may be chosen")
            break
        model, begun = get(name)(), time.perf_counter()
        try:
            choice = select(model, bench, task, model.grid(), callbacks, draws=draws)
            why = choice.refused
        except ValueError as error:
            why = str(error)
        if why is not None:
            log(f"{name} cannot be tried: {why}")
            refused.append(f"{name}: {why}")
            continue
        objective = max((value for _, value in choice.tried), default=0.0)
        tried.append(Tried(name, objective, time.perf_counter() - begun))
        log(f"{name}: {task.objective} {100 * objective:.1f} on validation classes"
            f"{f' on average over {draws} draws' * (draws > 1)}, "
            f"{duration(tried[-1].seconds)}")
        if best is None or objective > best[0]:
            best = objective, model, choice
    if best is None:
        raise none_can(refused)
    return best[1], best[2], tried


def too_few(classes: int) -> ValueError:
    """Return what is wrong with data of too few classes to choose a model."""
    return ValueError(f"data: no model can be chosen on validation classes of {classes} classes; "
                      f"give more, {FEWEST} at least, or other models.")


def none_can(refused: Sequence[str]) -> ValueError:
    """Return that none of the models can be tried, as the first of them says of itself."""
    more = f"; neither can {len(refused) - 1} more" * (len(refused) > 1)
    return ValueError(f"models: none can be tried, {refused[0].removesuffix('.')}{more}; give "
                      "other models, or other data.")


def check_enough(raw: RawSamples, unseen: bool) -> None:
    """Raise ValueError, before anything is encoded, if pictures for recognition are of too few
    classes.

    Parameters
    ----------
    raw : RawSamples
        Pictures, class by class.
    unseen : bool
        Whether unseen classes are named, or have texts and no pictures.
    """
    names = {name for classes in raw.pictures.values() for name in classes}
    pictured = {name for classes in raw.pictures.values() for name, of in classes.items() if of}
    if names and len(pictured) < (FEWEST_SEEN if unseen or pictured < names else FEWEST):
        raise too_few(len(pictured))
