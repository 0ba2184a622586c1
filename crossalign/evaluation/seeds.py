"""Seeds: the runs of an evaluation that are asked for, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import index
from typing import Any, TypeVar

from sklearn.base import clone

from crossalign.types import Benchmark

Result = TypeVar("Result")

MOST_RUNS = 100_000


def check_runs(seeds: int | Iterable[int], bench: Benchmark) -> list[int]:
    """Return the runs that are asked for, checked to be in the benchmark.

    Raises
    ------
    ValueError
        For no run, the same twice, or a class split that there is not.
    """
    if isinstance(seeds, int) and seeds > MOST_RUNS:
        raise ValueError(f"seeds: got {seeds}; ask for {MOST_RUNS} runs at most.")
    try:
        runs = [index(seed) for seed in
                (seeds if isinstance(seeds, Iterable) else range(index(seeds)))]
    except TypeError:
        raise ValueError(f"seeds: got {seeds!r}; give a number of runs, or which, as whole "
                         "numbers.") from None
    if not runs:
        raise ValueError(f"seeds: got {seeds!r}; ask for at least one run.")
    if len(set(runs)) < len(runs):
        raise ValueError(f"seeds: got {seeds!r}, in which a run stands twice; give each once.")
    for run in {min(runs), max(runs)}:
        reason = bench.lacks(run)
        if reason is not None:
            raise ValueError(f"seeds: {len(runs)} asked for, up to class split {run} of "
                             f"{bench.name!r}; {reason}. Give fewer --seeds.")
    return runs


def each_run(runs: Sequence[int], one_run: Callable[[int], Result],
             log: Callable[[str], None] | None) -> tuple[list[int], list[Result], str]:
    """Call ``one_run(seed)`` for each of these seeds.

    Return the seeds, the results and the words of a report on an interruption: Ctrl-C after the
    first run leaves those that were finished.
    """
    results: list[Result] = []
    for number, seed in enumerate(runs, start=1):
        if log is not None:
            log(f"run {number} of {len(runs)}")
        try:
            results.append(one_run(seed))
        except KeyboardInterrupt:
            if not results:
                raise
            return (list(runs[:len(results)]), results,
                    f"; interrupted after {len(results)} of {len(runs)} runs")
    return list(runs), results, ""


def seeded(model: Any, seed: int) -> Any:
    """Return a clone of the model whose randomness, if it has any, comes from ``seed``."""
    fresh = clone(model)
    return fresh.set_params(random_state=seed) if "random_state" in fresh.get_params() else fresh
