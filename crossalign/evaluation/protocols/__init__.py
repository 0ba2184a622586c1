"""Tasks of evaluation, one file each: splits, training, scores, metrics with meaning, figures.

A task is a `Protocol`: `GZSL`, `ZSL`, `FewShotRecognition`, `Retrieval`, `CrossModalTransfer`,
`Captioning`, `VQA`. Its fields are options, as in ``Retrieval(bits=64)``. It states all facts of
the task. A class of your own is known by its name as soon as it is defined.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from crossalign.evaluation.protocols.base import KNOWN, Metric, Outcome, Protocol
from crossalign.evaluation.protocols.caption import Captioning
from crossalign.evaluation.protocols.few_shot import FewShotRecognition
from crossalign.evaluation.protocols.gzsl import GZSL, ZSL
from crossalign.evaluation.protocols.retrieval import Retrieval
from crossalign.evaluation.protocols.transfer import CrossModalTransfer
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.sentences import nearest
from crossalign.types import Benchmark

__all__ = ["GZSL", "VQA", "ZSL", "Captioning", "CrossModalTransfer", "FewShotRecognition",
           "Metric", "Outcome", "Protocol", "Retrieval", "benchmark_of", "get", "known", "names",
           "resolve",
           "with_options"]


def names() -> list[str]:
    """Return the names of all tasks."""
    return sorted(KNOWN)


def get(name: str) -> type[Protocol]:
    """Return the class of a task.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name not in KNOWN:
        raise ValueError(f"task: got {name!r}; {nearest(name, names())}")
    return KNOWN[name]


def known(name: str) -> Protocol | None:
    """Return the task of a name, with default options, or None for a foreign one."""
    return KNOWN[name]() if name in KNOWN else None


def benchmark_of(name: str) -> str:
    """Return the task of the benchmarks that a task is scored on; a foreign name stays."""
    return KNOWN[name].benchmark if name in KNOWN else name


def with_options(name: str, **options: Any) -> Protocol:
    """Return the task of a name with those of the options that are not None or False.

    Raises
    ------
    ValueError
        For an option that the task does not have.
    """
    given = {key: value for key, value in options.items()
             if value is not None and value is not False}
    own = {option.name for option in fields(get(name))}
    for key in given:
        if key not in own:
            others = [task for task in names() if key in {o.name for o in fields(get(task))}]
            raise ValueError(f"{key}: got {given[key]} for {name}; it is an option of "
                             f"{' and '.join(others)}, so leave it out.")
    return get(name)(**given)


def resolve(model: Any, bench: Benchmark, task: str | Protocol | None = None) -> Protocol:
    """Return the task to score, checked to suit benchmark and model.

    Parameters
    ----------
    model : estimator
        Model to score.
    bench : Benchmark
        Benchmark to score on.
    task : str or Protocol, optional
        Task or its name; default the benchmark's own.

    Raises
    ------
    ValueError
        If one of them is not.
    """
    if isinstance(model, type) or not hasattr(model, "cli_name"):
        raise ValueError(f"model: got {model!r}; give an estimator, as models.ESZSL() is.")
    if not isinstance(task, Protocol):
        task = get(bench.task if task is None else task)()
    task.check_benchmark(bench)
    task.check_model(model)
    return task
