"""Protocol of a report: known ways to be wrong, and those that nobody here can know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from crossalign.data.noted import digits_fact
from crossalign.evaluation.protocols import Protocol
from crossalign.evaluation.training_part import training_of
from crossalign.fingerprints import arrays_fingerprint, classes_fingerprint, samples_fingerprint
from crossalign.types import Benchmark
from crossalign.types.benchmark import SUPERVISION

FREE = ("random_state", "device", "precision", "compile")
"""Parameters that say where and with which draws a model runs, and not what it is."""


def protocol_of(bench: Benchmark, model: Any, task: Protocol, *,
                chosen: Collection[str] | None = None) -> dict[str, Any]:
    """Return the benchmark's protocol, with the leaks that this evaluation rules out.

    Every known way to be wrong is True, False or None. None says that nobody here can know it: on
    which data a hyper-parameter was set by hand, how a model was fitted elsewhere, whether one seed
    was picked among several. A model adds its own leaks; a model without any does not settle what
    the data leave open. A benchmark of arrays without a split id or features gets the fingerprints
    of its arrays.

    Parameters
    ----------
    bench : Benchmark
        Benchmark of one run.
    model : estimator
        Fitted model.
    task : Protocol
        Task that is scored.
    chosen : names of parameters, optional
        Parameters that validation chose, if the model was fitted here; None if it was fitted
        elsewhere.
    """
    oracle, ours = model.oracle, _is_ours(model)
    fitted_here = chosen is not None
    settled = {
        "epoch_selected_on_test": oracle or (False if fitted_here else None),
        "tuned_on_test": oracle or (False if chosen is not None and _untouched(model, chosen)
                                    else None),
        "micro_accuracy": task.micro, "harmonic_of_means": False,
        "transductive": oracle or (task.saw_test(bench) if fitted_here else None),
        "stochastic_evaluation": bool(getattr(model, "stochastic_evaluation", False)) or
                                 (False if ours else None),
        "best_of_seeds": None,
        "batch_dependent_prediction": False if ours else None}
    own = {name: True for name, leaks in getattr(model, "leaks_", {}).items() if leaks}
    protocol = {**_of_arrays(bench), **bench.protocol}
    known = {**protocol.get("leaks", {}), **settled, **own}
    if SUPERVISION in bench.protocol and not oracle:
        protocol["fitted_on"] = len(training_of(model, bench, task)[0])
    source = getattr(model, "pseudo_labels_", None)
    return {**protocol, "leaks": known, **task.stated(),
            **({} if source is None else {"pseudo_labels": source})}


def _of_arrays(bench: Benchmark) -> dict[str, Any]:
    """Compute fingerprints of what a protocol does not name: the split, the features, the
    descriptions.

    They tell two data sets apart that were never files.
    """
    facts: dict[str, Any] = {}
    if bench.protocol.get("split_id") is None:
        facts["split_id"] = arrays_fingerprint(
            part for name in sorted(bench.splits)
            for part in (np.array(name), bench[name].ids, bench[name].labels))
    if "features" not in bench.protocol:
        facts["features"] = {"sha256": arrays_fingerprint(
            np.array(samples_fingerprint(bench[name])) for name in sorted(bench.splits))}
    if "side_information" not in bench.protocol and bench.classes.embeddings.shape[1]:
        facts["side_information"] = {"sha256": classes_fingerprint(bench.classes)}
    return facts


def of_runs(protocols: Sequence[Mapping[str, Any]], asked: Sequence[int],
            bench: Benchmark) -> dict[str, Any]:
    """Return the first protocol of several runs, with the facts that only all of them settle.

    Parameters
    ----------
    protocols : list of dict
        Protocols, one per run.
    asked : seeds
        Seeds of all runs that were asked for. The first ones in order were not picked, others may
        have been.
    bench : Benchmark
        Benchmark before it was split.
    """
    splits = [protocol["split_id"] for protocol in protocols]
    leaks = {**protocols[0]["leaks"], "single_class_split": len(set(splits)) == 1,
             "best_of_seeds": False if list(asked) == list(range(len(asked))) else None}
    several = {} if bench.resplit is None else {"split_id": splits}
    return {**protocols[0], **several, **digits_fact(bench), "leaks": leaks}


def _is_ours(model: Any) -> bool:
    """Tell whether the model is of this library, whose tests settle how it predicts."""
    return type(model).__module__.startswith("crossalign.models.")


def _untouched(model: Any, chosen: Collection[str]) -> bool:
    """Tell whether every hyper-parameter is the class's own default or was chosen on validation."""
    if not _is_ours(model):
        return False
    defaults = type(model)().plain_params()
    return all(repr(value) == repr(defaults.get(name))
               for name, value in model.plain_params().items()
               if name not in FREE and name not in chosen)
