"""From pictures and texts to a space: read, encode, choose, fit, calibrate, index."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace as replaced
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign import __version__
from crossalign.arrays import evenly
from crossalign.cores import one_thread
from crossalign.data.layouts import check_outside
from crossalign.data.samples import Samples
from crossalign.data_options import DataOptions
from crossalign.evaluation.fitted import answering, fit_chosen
from crossalign.evaluation.protocols import Protocol, with_options
from crossalign.evaluation.protocols.unlabelled import tests_of
from crossalign.evaluation.selection import Selection
from crossalign.index import ExactIndex
from crossalign.models import get as get_model
from crossalign.pace import Log, duration
from crossalign.preprocessing.pooling import pooled_views
from crossalign.reading import expanded
from crossalign.space.answers import answerer_of
from crossalign.space.captions import captioner_of, language_of
from crossalign.space.choice import choose, short_list
from crossalign.space.cutoffs import choose_cutoffs, measured
from crossalign.space.draft import beside, building
from crossalign.space.expectations import ADDED
from crossalign.space.filling import fill
from crossalign.space.folder import RECORD, check_space_target
from crossalign.space.items import IMAGE, LOOKS, SKETCH, TEXT
from crossalign.space.left_out import BESIDE, SAMPLED, LeftOut, left_out
from crossalign.space.matching import CUTOFFS, NOTHING
from crossalign.space.raw_data import check_options, lies_in_files, read_raw, read_words
from crossalign.space.readers import Readers
from crossalign.space.recognition import PLAYED, adapted
from crossalign.space.scores import guessing, scores_on_test
from crossalign.space.searching import UNJUDGED
from crossalign.space.space import Space
from crossalign.space.training import kept_training
from crossalign.space.unlike import (
    MOST,
    PAGES,
    UNLIKE,
    empty_pages,
    least_cosine,
    stand_apart,
)
from crossalign.tasks.class_em import moves
from crossalign.tasks.fitted import Fitted
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]
BUDGET = 300.0
"""Seconds after which no further model is tried."""
SHORT = 1_024
"""Numbers in a row up to which products have one thread."""


def build_space(options: DataOptions, out: str | Path, *, models: Sequence[str] | None = None,
                budget: float = BUDGET, name: str | None = None, replace: bool = False,
                adapt: bool = False, captions: bool = False, questions: bool = False,
                language_model: str | None = None, lora: int | None = None,
                log: Log = print, callbacks: Sequence[Any] = ()) -> Space:
    """Build a space from raw pictures and texts, and save it.

    Parameters
    ----------
    options : DataOptions
        Where the data are, and the names of networks.
    out : str or Path
        Folder of the space.
    models : sequence of str, optional
        Models to choose among on validation classes; default `choice.short_list`.
    budget : float
        Time in seconds after which no further model is tried; default `BUDGET`.
    name : str, optional
        Name of the space; default that of the folder.
    replace : bool
        Whether to replace a space that is there, with all that was added to it, once the new one is
        whole; default False.
    adapt : bool
        Whether unlabelled pictures may teach the space where classes without training pictures lie,
        in a way that is chosen on validation classes. Those of classes that are held out teach it
        at once, others by `Space.adapt`; default False.
    captions : bool
        Whether the space learns to say what pictures show from the captions of the data; default
        False.
    questions : bool
        Whether the space learns to answer from the questions of the data; default False. Pictures
        with questions, and without classes and texts, make no other space.
    language_model : str, optional
        Causal language model of ``transformers`` that says captions, a folder or a name on the
        Hugging Face hub; default None, a small decoder that is trained from scratch.
    lora : int, optional
        Rank of what is learned beside the weights of its attention; default that of
        `LanguageCaptioner`.
    log : callable
        Function called with a line for every step; default ``print``.
    callbacks : sequence of Callback
        Callbacks of every training, as `training.Progress`; default none.

    Raises
    ------
    ValueError
        If the data cannot be read, or the folder holds anything but a space, or a space that is not
        to be replaced.
    """
    started, place = time.perf_counter(), expanded(out, "out")
    check_outside(place, options.name, given=options.given)
    with building(place, log):
        check_space_target(place)
        if (place / RECORD).is_file() and not replace:
            raise ValueError(f"out: {str(out)!r} holds a space already, and what was added to it "
                             "would be lost; give another folder, or replace it with --replace.")
        for asked in models or ():
            get_model(asked)                                   # a wrong name is told at once
        check_options(options, captions, questions, adapt)
        language = language_of(language_model, lora, captions)
        words = read_words(options, captions, questions, log)
        bench, samples, readers = read_raw(options, words, log)
        one_space = readers.one_space and all(pool == "mean" for pool in bench.pools.values())
        with _products(bench):
            fitted, used, about, kept = _fitted(bench, samples, options, models, budget, adapt,
                                                one_space, log, callbacks)
        fitted.source = options.remembered()
        samples = replaced(samples, views=fitted.pooled(samples.views))
        looks = next((kind for kind in LOOKS if kind in samples.views), IMAGE)
        if questions:
            fitted.answerer, about["answers"] = answerer_of(
                words["vqa"](samples), fitted, bench, used, readers.pictures, looks, log, callbacks)
        if captions:
            fitted.captioner, about["captions"] = captioner_of(
                words["caption"](samples), fitted, bench, used, readers.pictures, looks, language,
                log, callbacks)
        card = {**_card(name or place.name, bench), **about,
                "held": [kind for kind in (*LOOKS, SKETCH, TEXT) if kind in samples.views]}
        sample, unlike = _sample(samples, used, kept, readers)
        fitted.settings = {**fitted.settings, **unlike}
        space = Space(fitted, readers, ExactIndex(), card, _texts(bench), sample,
                      kept_training(fitted.model, used))
        fill(space, samples, log)
        with beside(place) as draft:
            space.save(draft)
        log(f"{len(space):,} items indexed; {duration(time.perf_counter() - started)} in all")
        return Space.open(place)


def _fitted(bench: Benchmark, samples: Samples, options: DataOptions,
            models: Sequence[str] | None, budget: float, adapt: bool, one_space: bool,
            log: Log, callbacks: Sequence[Any]) -> tuple[Fitted, Views, dict[str, Any],
                                                         LeftOut | None]:
    """Choose a model, fit it and measure it; fit it again on all pictures where test is drawn here.

    Returns
    -------
    fitted, used, about, kept
        Fitted model, the samples that it was fitted on, what the card says of it, and what of them
        calibrates classes that are added; None if nothing does.
    """
    task = with_options(bench.task, adapt="heldout" if adapt else None)
    model, choice, tried = choose(bench, task, models or short_list(bench.task, one_space),
                                  budget, log, callbacks)
    log(f"fitting {model.cli_name} on the training samples, to be measured")
    fitted = fit_chosen(model, bench, task, choice, callbacks=callbacks)
    scores = scores_on_test(fitted, bench, task, one_space, log)
    note, judged = guessing(scores["scores"], bench), _cutoffs(fitted, model, choice, task, bench,
                                                               log)
    if note is not None:
        log(f"note: {note}")
    trained, used, kept = "the training samples of the protocol", bench["train"], None
    if bench.task == "gzsl" and options.unseen is None and lies_in_files(options):
        fitted, used, kept = _on_all(model, choice, bench, task, samples, log)
        judged |= {} if kept is None else {ADDED: kept.added._asdict()}
        trained = "all pictures, after the scores were measured on held-out classes"
    fitted.settings = {**fitted.settings, **{name: {
        direction: of[key] for direction, of in judged["matches"].items() if of[key] is not None}
        for name, key in ((CUTOFFS, "cutoff"), (NOTHING, "nothing"))}}
    recogniser = fitted.recogniser
    if (adapt and moves(fitted.settings["adaptation"]) and recogniser is not None
            and recogniser.classes_.unseen.any() and fitted.pools == bench.pools):
        log("unlabelled pictures teach where unseen classes lie")
        fitted, kept = adapted(fitted, tests_of(bench)), None
    validation = bench.validation()
    played = 0 if validation is None else int(validation.classes.unseen.sum())
    return fitted, used, {"tried": {one.model: round(one.objective, 4) for one in tried},
                          "selection": choice.how, **scores, **judged, PLAYED: played,
                          "model": model.cli_name, "trained_on": trained,
                          **({} if note is None else {"note": note})}, kept


def _on_all(model: Any, choice: Selection, bench: Benchmark, task: Protocol, samples: Samples,
            log: Log) -> tuple[Fitted, Views, LeftOut | None]:
    """Fit the chosen model again, on all pictures.

    Returns
    -------
    fitted, used, kept
        Fitted model, its samples, and what of them calibrates classes that are added later.
    """
    log("fitting it again on all pictures, for use")
    (used, classes), pools = _all(samples), bench.pools
    if pools:
        from crossalign.data.time_pooling import fitted_again

        pools = fitted_again(bench.pools, used, classes)
        used = pooled_views(used, pools)
    again = clone(model).set_params(**choice.params).fit(used, classes=classes)
    fitted = answering(again, replaced(bench, pools=pools), (used, classes), task, choice)
    learnt = any(not isinstance(pool, str) for pool in pools.values())
    kept = None if learnt else left_out(                      # of classes that taught the pool
        clone(model).set_params(**choice.params), used, classes)
    if kept is not None:
        log(f"classes that are added later: {kept.added}")
        fitted.settings = {**fitted.settings, BESIDE: kept.setting()}
    return fitted, used, kept


def _cutoffs(fitted: Fitted, model: Any, choice: Selection, task: Protocol, bench: Benchmark,
             log: Log) -> dict[str, Any]:
    """Return what a card says of matches by direction: cut-offs and what they do on test classes,
    and why there are none.
    """
    cutoffs = choose_cutoffs(model, choice, bench, task)
    found = {}
    for direction, of in measured(fitted.model, bench, cutoffs).items():
        cutoff = cutoffs[direction]
        found[direction] = {"cutoff": cutoff.match, "nothing": cutoff.nothing,
                            **{key: round(share, 4) for key, share in of._asdict().items()}}
        log(f"{direction}: of the queries on test without an answer {100 * of.told:.0f} % are told "
            f"that nothing matches and {100 * of.false:.0f} % get a match, of those with one "
            f"{100 * of.missed:.0f} % and {100 * of.kept:.0f} %")
    untold = {direction: cutoff.reason for direction, cutoff in cutoffs.items() if cutoff.reason}
    for direction, reason in untold.items():
        log(f"{direction}: whether hits match is not told: {reason}")
    return {"matches": found, UNJUDGED: untold}


def _products(bench: Benchmark) -> AbstractContextManager[Any]:
    """Give products one thread where rows are short: decompositions of such are many and small."""
    train = bench["train"]
    width = max(train[kind].shape[-1] for kind in train.modalities)
    return one_thread() if width <= SHORT else nullcontext()


def _sample(samples: Samples, trained: Views, kept: LeftOut | None,
            readers: Readers) -> tuple[Array | None, dict[str, Any]]:
    """Return the features of some pictures, those that are kept or drawn evenly from all, and the
    settings by which a picture is told that is unlike all others.
    """
    looks = next((kind for kind in LOOKS if kind in samples.views), None)
    if looks is None or samples.labels.ndim != 1:
        return None, {}
    used = np.flatnonzero(samples.used & samples.views.has(looks))
    every = used[evenly(len(used), MOST)]
    rows = np.asarray(samples.views[every][looks], dtype=np.float32)
    some = samples.views[used[evenly(len(used), SAMPLED)]] if kept is None else trained[kept.rows]
    sample = np.asarray(some[looks], dtype=np.float32)
    least = least_cosine(rows, samples.labels[every], sample, some.truth)
    if least is None:
        return sample, {}
    pages = readers.of_pictures(empty_pages()) if looks == IMAGE else None
    apart = pages is not None and stand_apart(pages, sample)
    return sample, {UNLIKE: least, PAGES: pages if apart else None}


def _all(samples: Samples) -> tuple[Views, Classes]:
    """Return all samples that have a class, and the classes, seen where there are samples."""
    every = np.arange(len(samples.class_names))
    used = np.flatnonzero(samples.used)
    seen = np.isin(every, samples.labels[used])
    return samples.views[used], samples.classes(every, seen)


def _texts(bench: Benchmark) -> dict[str, Sequence[str]]:
    """Return the texts by which classes are known, if they are known by texts."""
    classes = bench.classes
    if not classes.embeddings.shape[1] or not classes.texts:
        return {}
    return dict(zip(classes.names, classes.texts, strict=True))


def _card(name: str, bench: Benchmark) -> dict[str, Any]:
    """Return what a space says of itself, before it is fitted."""
    return {"name": name, "data": bench.name, "task": bench.task,
            "built": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__,
            "protocol": {key: bench.protocol[key] for key in ("split_id", "features",
                                                              "side_information", "noted")
                         if key in bench.protocol}}
