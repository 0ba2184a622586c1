"""Catalog of data sets: benchmarks by a name that the library knows, or by a path (see
`layouts`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.arrays import lost_digits_noted
from crossalign.data.layouts import LAYOUT_TASKS, LAYOUTS, ROOT_VARIABLE, layout_of, locate
from crossalign.data.noted import digits_fact, say
from crossalign.data.sources.domains.source import load_domains
from crossalign.data.sources.pairs.source import load_pairs
from crossalign.data.sources.picture_folder.source import load_picture_folder
from crossalign.data.sources.sketches.source import load_sketches
from crossalign.data.sources.xlsa17.files import SPLITS
from crossalign.data.sources.xlsa17.source import load_xlsa17
from crossalign.preprocessing.pooling import pool_tokens
from crossalign.tables import aligned, below
from crossalign.types import Benchmark, Encoder, TextEncoder


class DataSet(NamedTuple):
    """Data set as a line of ``data list``; the first task is the default."""

    name: str
    tasks: tuple[str, ...]
    description: str


def _glyphs(task: str, seed: int) -> Benchmark:
    from crossalign.data.sources.glyphs.source import load_glyphs

    kind = {"tokens": "retrieval", "sketch-tokens": "sketch"}.get(task, task)
    return load_glyphs(kind, tokens=kind != task, seed=seed)


def _synthetic(task: str, seed: int) -> Benchmark:
    from crossalign.data.sources.synthetic import load_synthetic

    return load_synthetic(task, seed=seed)


NAMED: dict[str, tuple[DataSet, Callable[[str, int], Benchmark]]] = {
    "glyphs": (DataSet("glyphs", ("gzsl", "retrieval", "sketch", "transfer", "tokens",
                                  "sketch-tokens"),
                       "letters of the typefaces that matplotlib ships: image, sketch, text and "
                       "attributes; 'glyphs-sketch' is image-sketch retrieval, 'glyphs-tokens' "
                       "and 'glyphs-sketch-tokens' are retrieval of token rows"), _glyphs),
    "synthetic": (DataSet("synthetic", ("transfer",),
                          "paired multimodal Gaussians whose truth is known"), _synthetic),
}


def load(name_or_path: str | Path, task: str | None = None, *,
         attributes: str | Path | None = None, seed: int = 0,
         unseen: str | Path | Sequence[str] | None = None, encoder: Encoder | None = None,
         text_encoder: TextEncoder | None = None, pool: str | None = None,
         modalities: Sequence[str] | None = None,
         log: Callable[[str], None] | None = None) -> Benchmark:
    """Load a benchmark by name or path.

    Parameters
    ----------
    name_or_path : str or Path
        Name ``"glyphs"`` or ``"synthetic"``, or a path; a task may stand behind it, as in
        ``"glyphs-sketch"`` or ``"path/to/omniglot-alphabets"``.
    task : {"gzsl", "zsl", "retrieval", "sketch", "alphabets", "tokens", "transfer"}, optional
        The data set's first task by default; ``zsl`` reads the same benchmark as ``gzsl``, and
        also folders that test no seen class. Of a file of several domains two, as
        ``"sketch-photo"``.
    attributes : str or Path, optional
        File of other side information, for xlsa17 folders, folders of pictures, and files of arrays
        that serve gzsl.
    seed : int
        Seed of everything drawn, default 0; an official test split does not depend on it.
    unseen : str, Path or strings, optional
        Unseen classes, for folders of sketches and photos and files of arrays that serve gzsl: a
        published split, a text file or names; see `unseen_classes.unseen_mask`.
    encoder : Encoder, optional
        Encoder of the pictures of a folder, such as `encoders.TFLiteEncoder`.
    text_encoder : TextEncoder, optional
        Encoder of the texts beside them, such as `encoders.PretrainedTexts`.
    pool : {"mean", "flat"}, optional
        Pooling of tokens to vectors, for models that read nothing else: see
        `preprocessing.pooling`.
    modalities : strings, optional
        Names of the modalities to read from files of aligned arrays, in order; the first is the
        query.
    log : callable, optional
        Function called with lines on the progress of long readings and with notes on the data.

    Raises
    ------
    ValueError
        One sentence: an unknown name, a task the data set does not serve, or a malformed file.
    """
    given: dict[str, Any] = {
        argument: value for argument, value in (
            ("attributes", attributes), ("unseen", unseen), ("encoder", encoder),
            ("text_encoder", text_encoder), ("modalities", modalities))
        if value is not None}
    with lost_digits_noted() as lost:
        bench = _load(name_or_path, task, seed, given, log)
    if lost:
        bench = replace(bench, protocol={**bench.protocol, **digits_fact(bench, lost)})
    say(bench.protocol, log)
    return bench if pool is None else pool_tokens(bench, pool)


def _load(name_or_path: str | Path, task: str | None, seed: int, given: dict[str, Any],
          log: Callable[[str], None] | None) -> Benchmark:
    name = str(name_or_path)
    stem, _, suffix = name.partition("-")
    if stem in NAMED and (not suffix or suffix in NAMED[stem][0].tasks):
        about, read = NAMED[stem]
        _refuse(given, stem, ())
        return read(_task(task, (suffix,) if suffix else about.tasks, name), seed)
    path, behind = locate(name_or_path, NAMED)
    layout = layout_of(path)
    _refuse(given, f"{name!r} of the layout {layout}", TAKES.get(layout, ()))
    if layout == "domains" and behind is None:
        wanted = "retrieval" if task is None else task  # only the file knows its domains
    else:
        wanted = _task(task, LAYOUT_TASKS[layout] if behind is None else (behind,), name)
    if layout == "xlsa17":
        folder = path if path.is_dir() else path.parent
        return load_xlsa17(folder, task, attributes=given.get("attributes", SPLITS), seed=seed)
    if layout in ("sketches", "pictures"):
        read_folder: Any = load_sketches if layout == "sketches" else load_picture_folder
        bench: Benchmark = read_folder(path, wanted, seed=seed, log=log, **given)
        return bench
    if layout == "pairs":
        word = task if behind is None else behind
        return load_pairs(path, word and (word if word == "zsl" else wanted), seed=seed, **given)
    return _READERS[layout](path, wanted, seed)


TAKES: dict[str, tuple[str, ...]] = {
    "xlsa17": ("attributes",), "pairs": ("modalities", "attributes", "unseen"),
    "sketches": ("attributes", "unseen", "encoder"),
    "pictures": ("attributes", "encoder", "text_encoder")}
"""Arguments that the layouts take besides a task and a seed."""

_TAKERS = {
    "attributes": "xlsa17 folders, folders of pictures and files of arrays for gzsl take a file of "
                  "side information, and any file of arrays may hold 'class_embeddings'",
    "unseen": "only folders of sketches and photos, and files of arrays for gzsl, take a list of "
              "unseen classes",
    "encoder": "only folders of pictures take an encoder",
    "text_encoder": "only folders of pictures with texts take an encoder of texts",
    "modalities": "only files of aligned arrays have modalities to choose among"}


def _refuse(given: Collection[str], name: str, taken: Collection[str]) -> None:
    """Raise ValueError for an argument that a data set does not take."""
    for argument in given:
        if argument not in taken:
            raise ValueError(f"{argument}: given for {name}, which does not take it; "
                             f"{_TAKERS[argument]}.")


def _omniglot(folder: Path, task: str, seed: int) -> Benchmark:
    from crossalign.data.sources.omniglot.source import load_omniglot

    tokens = task == "tokens"
    return load_omniglot(folder, "retrieval" if tokens else task, tokens=tokens, seed=seed)


_READERS: dict[str, Callable[[Path, str, int], Benchmark]] = {
    "domains": lambda path, task, seed: load_domains(path, task, seed=seed),
    "omniglot": _omniglot}


def _task(task: str | None, tasks: tuple[str, ...], name: str) -> str:
    """Return the loader's own word for ``task``."""
    if task is None:
        return tasks[0]
    wanted = {"zsl": "gzsl"}.get(task, task)
    if wanted == "retrieval" and len(tasks) == 1 and tasks[0] not in ("gzsl", "transfer"):
        return tasks[0]  # a kind of retrieval
    if wanted not in tasks:
        offered = [*tasks, "zsl"] if "gzsl" in tasks else list(tasks)
        raise ValueError(f"task: got {task!r}, but {name!r} serves {offered}; choose one of those.")
    return wanted


def listing() -> str:
    """Return `available` for a terminal, and below it the possible kinds of paths."""
    found = available()
    heads = aligned([("data", "tasks"), *((about.name, ", ".join(about.tasks))
                                          for about in found)], words=2)
    lines = [f"{head}\n{below(about.description)}" for head, about in
             zip(heads[1:], found, strict=True)]
    return "\n".join([heads[0], *lines, "a path to", below(f"{LAYOUTS}.")])


def available() -> list[DataSet]:
    """List every named data set, and every one found under CROSSALIGN_DATA."""
    found = [about for about, _ in NAMED.values()]
    root = os.environ.get(ROOT_VARIABLE)
    if root is None or not Path(root).is_dir():
        return found
    for path in sorted(Path(root).iterdir()):
        try:
            layout = layout_of(path)
        except (ValueError, OSError):
            continue
        found.append(DataSet(path.name, LAYOUT_TASKS[layout], f"{layout} layout, in {root}"))
    return found
