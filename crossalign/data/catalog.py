"""One door to every data set: a name that the library knows, or a path (see `layouts`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from crossalign.data.domains import load_domains
from crossalign.data.layouts import LAYOUT_TASKS, ROOT_VARIABLE, layout_of, locate
from crossalign.data.pairs import load_pairs
from crossalign.data.pooling import pool_tokens
from crossalign.data.xlsa17 import load_xlsa17
from crossalign.data.xlsa17_files import SPLITS
from crossalign.types import Benchmark


class DataSet(NamedTuple):
    """A line of ``data list``; the first task is the default."""

    name: str
    tasks: tuple[str, ...]
    description: str


def _glyphs(task: str, seed: int) -> Benchmark:
    from crossalign.data.glyphs import load_glyphs

    kind = {"tokens": "retrieval", "sketch-tokens": "sketch"}.get(task, task)
    return load_glyphs(kind, tokens=kind != task, seed=seed)


def _synthetic(task: str, seed: int) -> Benchmark:
    from crossalign.data.synthetic import load_synthetic

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
         attributes: str | Path | None = None, pool: str | None = None,
         seed: int = 0) -> Benchmark:
    """A benchmark by name or path.

    Parameters
    ----------
    name_or_path : str or Path
        ``"glyphs"``, ``"synthetic"``, or a path; a task may stand behind it, as in
        ``"glyphs-sketch"`` or ``"path/to/omniglot-alphabets"``.
    task : {"gzsl", "zsl", "retrieval", "sketch", "alphabets", "transfer"}, optional
        The data set's first task by default; ``zsl`` reads the same benchmark as ``gzsl``. Of a
        file of several domains two, as ``"sketch-photo"``.
    attributes : str or Path, optional
        Other side information, for xlsa17 folders.
    pool : {"mean", "flat"}, optional
        Tokens as vectors, for models that read nothing else: see `data.pooling`.
    seed : int
        Of everything drawn; an official test split does not depend on it.

    Raises
    ------
    ValueError
        One sentence: an unknown name, a task the data set does not serve, or a malformed file.
    """
    bench = _load(name_or_path, task, attributes, seed)
    return bench if pool is None else pool_tokens(bench, pool)


def _load(name_or_path: str | Path, task: str | None, attributes: str | Path | None,
          seed: int) -> Benchmark:
    name = str(name_or_path)
    stem, _, suffix = name.partition("-")
    if stem in NAMED and (not suffix or suffix in NAMED[stem][0].tasks):
        about, read = NAMED[stem]
        if attributes is not None:
            raise ValueError(f"attributes: got {str(attributes)!r}, but {stem} brings its own; "
                             "only xlsa17 folders take a file of side information.")
        return read(_task(task, (suffix,) if suffix else about.tasks, name), seed)
    path, behind = locate(name_or_path, NAMED)
    layout = layout_of(path)
    if layout == "domains" and behind is None:
        wanted = "retrieval" if task is None else task  # only the file knows its domains
    else:
        wanted = _task(task, LAYOUT_TASKS[layout] if behind is None else (behind,), name)
    if layout == "xlsa17":
        folder = path if path.is_dir() else path.parent
        return load_xlsa17(folder, attributes=SPLITS if attributes is None else attributes,
                           seed=seed)
    if attributes is not None:
        raise ValueError(f"attributes: got {str(attributes)!r}, but {name!r} is of the layout "
                         f"{layout}; only xlsa17 folders take a file of side information, others "
                         "an array 'class_embeddings' if any.")
    return _READERS[layout](path, wanted, seed)


def _omniglot(folder: Path, task: str, seed: int) -> Benchmark:
    from crossalign.data.omniglot import load_omniglot

    return load_omniglot(folder, task, seed=seed)


_READERS: dict[str, Callable[[Path, str, int], Benchmark]] = {
    "pairs": lambda path, task, seed: load_pairs(path, task, seed=seed),
    "domains": lambda path, task, seed: load_domains(path, task, seed=seed),
    "omniglot": _omniglot}


def _task(task: str | None, tasks: tuple[str, ...], name: str) -> str:
    """The loader's own word for ``task``."""
    if task is None:
        return tasks[0]
    wanted = {"zsl": "gzsl"}.get(task, task)
    if wanted == "retrieval" and len(tasks) == 1 and tasks[0] not in ("gzsl", "transfer"):
        return tasks[0]  # a kind of retrieval
    if wanted not in tasks:
        offered = [*tasks, "zsl"] if "gzsl" in tasks else list(tasks)
        raise ValueError(f"task: got {task!r}, but {name!r} serves {offered}; choose one of those.")
    return wanted


def available() -> list[DataSet]:
    """Every named data set, and every one found under CROSSALIGN_DATA."""
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
