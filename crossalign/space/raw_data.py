"""Raw data of a space: what it is built for, what may be asked of the data, and their reading."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from crossalign.data.catalog import Loaded, load_whole, read_said
from crossalign.data.layouts import Located, inside_serving, locate
from crossalign.data.samples import ALL, Samples
from crossalign.data_options import DataOptions
from crossalign.evaluation.protocols import benchmark_of
from crossalign.pace import Log
from crossalign.space.choice import SHORT_LIST, check_enough
from crossalign.space.readers import Readers
from crossalign.types import Benchmark


def space_task(options: DataOptions) -> str | None:
    """Return the task that a space is built for: the one that is asked for, else recognition
    wherever the data serve it; None for the first of the data.
    """
    if options.task is not None:
        return benchmark_of(options.task)
    return "gzsl" if _located(options).source.raw and "gzsl" in _tasks(options) else None


def _tasks(options: DataOptions) -> tuple[str, ...]:
    """Return the tasks that the data serve, by the columns that are there."""
    source, path, variant = _located(options)
    return source.tasks_at(path, variant, options.roles)


def _located(options: DataOptions) -> Located:
    return locate(options.name, options.given)


def lies_in_files(options: DataOptions) -> bool:
    """Return True for data of files; others are made here."""
    return _located(options).path is not None


def check_options(options: DataOptions, captions: bool, questions: bool,
                  adapt: bool = False) -> None:
    """Raise ValueError where no space can be built of what is asked of the data."""
    if space_task(options) not in (None, *SHORT_LIST):
        raise ValueError(f"task: got {options.task!r}, and a space is built for one of "
                         f"{list(SHORT_LIST)}; leave it out.")
    if adapt and (space_task(options) or next(iter(_tasks(options)), "gzsl")) != "gzsl":
        raise ValueError(f"adapt: a space of {options.name!r} is built without classes, and "
                         "unlabelled pictures teach where classes lie; leave --adapt out.")
    _check_said(options, captions, questions)
    _check_pool(options)


def _check_said(options: DataOptions, captions: bool, questions: bool) -> None:
    """Raise ValueError where a space is to learn what the data do not say, or could learn nothing
    else.
    """
    tasks = _tasks(options)
    for asked, task, name, columns in (
            (captions, "caption", "captions", "path and caption"),
            (questions, "vqa", "questions", "path, question and answer")):
        if asked and task not in tasks:
            inside = inside_serving(_located(options).path, task)
            fix = (f"{str(inside)!r} has some, so give that" if inside else
                   f"give data with {name}, as a .csv file with the columns {columns}")
            raise ValueError(f"{name}: {options.name!r} has none; {fix}, or leave --{name} out.")
    if set(tasks) == {"vqa"} and not questions:
        raise ValueError(f"data: {options.name!r} has pictures with questions, and no classes or "
                         "texts to search with; build a space that answers, with --questions.")


def _check_pool(options: DataOptions) -> None:
    """Raise ValueError for a pooling of what has no frames, or for tokens of what has."""
    clips = _located(options)[0].pool is not None
    if options.pool is not None and not clips:
        raise ValueError(f"pool: got {options.pool!r} for {options.name!r}, and a space pools the "
                         "frames of clips alone; leave --pool out.")
    if options.tokens and clips:
        raise ValueError(f"tokens: asked for of {options.name!r}, whose frames a space pools; "
                         "leave --tokens out.")


def load_raw(options: DataOptions, besides: Collection[str], log: Log,
             arguments: Mapping[str, Any]) -> Loaded:
    """Load the data of a space as ``arguments`` of `load` say, for the task that it is built for.

    Raises
    ------
    ValueError
        If they cannot be read, or are too few classes to choose a model by.
    """
    task = space_task(options)
    check = partial(check_enough, unseen=options.unseen is not None)
    return load_whole(options.name, task, log=log, check=check if task == "gzsl" else None,
                      besides=besides, **arguments)


def read_raw(options: DataOptions, besides: Collection[str],
             log: Log) -> tuple[Benchmark, Samples, Readers]:
    """Return the benchmark of the data, all their samples, and their encoders, opened once.

    ``besides`` are the tasks whose captions or questions are read too.

    Raises
    ------
    ValueError
        If the data are features.
    """
    arguments = options.read_raw_as()
    whole = load_raw(options, besides, log, arguments)
    if whole.samples is None:
        raise ValueError(f"data: {options.name!r} gives features, and a space answers about raw "
                         "pictures; give a folder of pictures, or use crossalign fit.")
    bench, readers = whole.benchmark, Readers(options, opened=arguments, frames=whole.frames)
    if whole.frames is not None:
        from crossalign.data.time_pooling import pooled  # with torch, for clips alone

        bench = pooled(bench, options.pool or str(whole.pool))
        log(f"clips by {whole.frames} frames, spread over each, pooled by "
            f"{options.pool or whole.pool}")
    bench = bench.run(0)
    log(f"pictures by {_facts(getattr(readers.pictures, 'of_frames', readers.pictures))}")
    log(f"texts by {_facts(readers.texts)}")
    log(_told(bench))
    return bench, whole.samples, readers


def read_words(options: DataOptions, captions: bool, questions: bool,
               log: Log) -> dict[str, Callable[[Samples], Any]]:
    """Return what the data say, by ``"caption"`` and ``"vqa"`` as far as it is asked for, as
    functions of their samples: it is read before a picture is encoded.

    Raises
    ------
    ValueError
        If it cannot be read, or is not there for all samples.
    """
    unread = replace(options, encoder=None, text_encoder=None, prompts=None, output_names=None)
    own = space_task(options) or next(iter(_tasks(options)), None)
    return {task: read_said(options.name, task, log=None if task == own else log,
                            **unread.read_as())
            for task, asked in (("caption", captions), ("vqa", questions)) if asked}


def _facts(encoder: Any) -> str:
    """Say in a line what an encoder makes of its items."""
    facts = dict(encoder.facts)
    return ", ".join(str(facts[key]) for key in ("encoder", "model", "name", "rows")
                     if key in facts)


def _told(bench: Benchmark) -> str:
    """Say what was read, for the first line."""
    counts = {split: len(views) for split, views in bench.splits.items()}
    told = f"{bench.name}: {', '.join(f'{n:,} {split}' for split, n in counts.items())}"
    if bench.classes.names == (ALL,):
        return told
    seen = int(bench.classes.seen.sum())
    return (f"{told}; {seen} classes with pictures in training, {len(bench.classes) - seen} "
            "without")
