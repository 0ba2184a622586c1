"""One door to every data set: a name that the library knows, or a path.

A path is recognised by what lies there: ``att_splits.mat`` is the xlsa17 layout, everything else
a set of pairs. Relative paths are tried as they are, then under the folder that the environment
variable CROSSALIGN_DATA names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crossalign.data.pairs import RUNS, SUFFIXES, load_pairs
from crossalign.data.wikipedia import FEATURES as WIKIPEDIA
from crossalign.data.xlsa17 import load_xlsa17
from crossalign.data.xlsa17_files import FEATURES, SPLITS
from crossalign.types import Benchmark, Views

ROOT_VARIABLE = "CROSSALIGN_DATA"
LAYOUTS = (f"a folder with {SPLITS} and {FEATURES} (xlsa17), a folder with {WIKIPEDIA} (Wikipedia)"
           ", a folder of .npy files with labels.npy, or one .npz, .mat or .csv file of aligned "
           "arrays")


class DataSet(NamedTuple):
    """A line of ``data list``; the first task is the default."""

    name: str
    tasks: tuple[str, ...]
    description: str


class Check(NamedTuple):
    """A check that a data set passed, and what was counted."""

    name: str
    detail: str


def _glyphs(task: str, seed: int) -> Benchmark:
    from crossalign.data.glyphs import load_glyphs

    return load_glyphs(task, seed=seed)


def _synthetic(task: str, seed: int) -> Benchmark:
    from crossalign.data.synthetic import load_synthetic

    return load_synthetic(task, seed=seed)


NAMED: dict[str, tuple[DataSet, Callable[[str, int], Benchmark]]] = {
    "glyphs": (DataSet("glyphs", ("gzsl", "retrieval", "sketch", "transfer"),
                       "letters of the typefaces that matplotlib ships: image, sketch, text and "
                       "attributes; 'glyphs-sketch' is image-sketch retrieval"), _glyphs),
    "synthetic": (DataSet("synthetic", ("transfer",),
                          "paired multimodal Gaussians whose truth is known"), _synthetic),
}
LAYOUT_TASKS = {"xlsa17": ("gzsl",), "pairs": ("retrieval", "transfer")}


def load(name_or_path: str | Path, task: str | None = None, *,
         attributes: str | Path | None = None, seed: int = 0) -> Benchmark:
    """A benchmark by name or path.

    Parameters
    ----------
    name_or_path : str or Path
        ``"glyphs"``, ``"glyphs-sketch"``, ``"synthetic"``, or a path as the module says.
    task : {"gzsl", "zsl", "retrieval", "sketch", "transfer"}, optional
        The data set's first task by default; ``zsl`` reads the same benchmark as ``gzsl``.
    attributes : str or Path, optional
        Other side information, for xlsa17 folders.
    seed : int
        Of everything drawn; an official test split does not depend on it.

    Raises
    ------
    ValueError
        One sentence: an unknown name, a task the data set does not serve, or a malformed file.
    """
    name = str(name_or_path)
    stem, _, suffix = name.partition("-")
    if stem in NAMED and (not suffix or suffix in NAMED[stem][0].tasks):
        about, read = NAMED[stem]
        if attributes is not None:
            raise ValueError(f"attributes: got {str(attributes)!r}, but {stem} brings its own; "
                             "only xlsa17 folders take a file of side information.")
        return read(_task(task, (suffix,) if suffix else about.tasks, name), seed)
    path = find(name_or_path)
    layout = layout_of(path)
    wanted = _task(task, LAYOUT_TASKS[layout], name)
    if layout == "xlsa17":
        folder = path if path.is_dir() else path.parent
        return load_xlsa17(folder, attributes=SPLITS if attributes is None else attributes,
                           seed=seed)
    if attributes is not None:
        raise ValueError(f"attributes: got {str(attributes)!r}, but {name!r} holds pairs; put the "
                         "side information into its array 'class_embeddings'.")
    return load_pairs(path, wanted, seed=seed)


def _task(task: str | None, tasks: tuple[str, ...], name: str) -> str:
    """The loader's own word for ``task``."""
    if task is None:
        return tasks[0]
    wanted = {"zsl": "gzsl"}.get(task, task)
    if wanted == "retrieval" and tasks == ("sketch",):
        return "sketch"
    if wanted not in tasks:
        offered = [*tasks, "zsl"] if "gzsl" in tasks else list(tasks)
        raise ValueError(f"task: got {task!r}, but {name!r} serves {offered}; choose one of those.")
    return wanted


def find(name_or_path: str | Path) -> Path:
    """The path itself, or under CROSSALIGN_DATA.

    Raises
    ------
    ValueError
        If there is nothing at either place.
    """
    path = Path(name_or_path).expanduser()
    root = os.environ.get(ROOT_VARIABLE)
    for candidate in [path] if root is None else [path, Path(root) / path]:
        if str(name_or_path) and candidate.exists():
            return candidate
    raise ValueError(f"data: {str(name_or_path)!r} is neither a name ({', '.join(NAMED)}) nor a "
                     f"path that exists, here or under {ROOT_VARIABLE}; give {LAYOUTS}.")


def layout_of(path: Path) -> str:
    """``"xlsa17"`` or ``"pairs"``.

    Raises
    ------
    ValueError
        If nothing readable lies there.
    """
    if path.is_dir():
        there = {file.name for file in path.iterdir()}
        if there & {SPLITS, FEATURES}:
            return "xlsa17"
        if WIKIPEDIA in there or any(name.endswith(".npy") for name in there):
            return "pairs"
        raise ValueError(f"data: the folder {str(path)!r} holds none of the layouts read here; "
                         f"give {LAYOUTS}.")
    if path.name in (SPLITS, FEATURES):
        return "xlsa17"
    if path.suffix in SUFFIXES:
        return "pairs"
    raise ValueError(f"data: {str(path)!r} has the suffix {path.suffix!r}; give {LAYOUTS}.")


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


def validate(name_or_path: str | Path, *, attributes: str | Path | None = None,
             seed: int = 0) -> list[Check]:
    """Load a data set in every way it is used and list what was checked, with counts.

    Raises
    ------
    ValueError
        The first thing that is wrong, in one sentence.
    """
    bench = load(name_or_path, attributes=attributes, seed=seed)
    checks = [Check("readable", f"{bench.name}: {bench.task}, features {_text(bench.protocol)}")]
    checks += _checks(bench)
    validation = bench.validation()
    if validation is not None:
        rows = np.unique(np.concatenate([views.ids for views in validation.splits.values()]))
        if bench.task in ("gzsl", "retrieval"):
            outside = np.setdiff1d(rows, bench["train"].ids)
            if len(outside):
                raise ValueError(f"validation: {len(outside)} samples are not training samples; "
                                 "repair the split file.")
        checks += [Check(f"validation {c.name}", c.detail) for c in _checks(validation)]
        checks.append(Check("validation within training rows", f"{len(rows)} samples"))
    if bench.task == "retrieval" and bench.resplit is not None:
        ids = {str(bench.run(k).protocol.get("split_id")) for k in range(RUNS)}
        checks.append(Check("class splits", f"{RUNS} loaded, {len(ids)} of them distinct"))
    return checks


def _checks(bench: Benchmark) -> list[Check]:
    checks = [Check(f"split {split}", _count(split, views)) for split, views in
              bench.splits.items()]
    checks.append(Check("classes", f"{int(bench.classes.seen.sum())} seen, "
                                   f"{int(bench.classes.unseen.sum())} unseen, disjoint"))
    width = bench.classes.embeddings.shape[1]
    checks.append(Check("side information", f"{len(bench.classes)} rows of width {width}"))
    return checks


def _count(split: str, views: Views) -> str:
    for modality in views.modalities:
        for start in range(0, len(views), 4096):  # memory-mapped arrays were not read so far
            block = views.read(modality, np.arange(start, min(start + 4096, len(views))))
            if not np.isfinite(block).all():
                raise ValueError(f"{modality}: rows {start}..{start + len(block) - 1} of the split "
                                 f"{split!r} hold NaN or infinity; repair them.")
    labels = "unlabelled" if views.labels is None else f"{len(np.unique(views.labels))} classes"
    return f"{len(views)} samples, {labels}, {views.widths}, finite"


def _text(protocol: Any) -> str:
    features = protocol.get("features")
    return ", ".join(str(v) for v in features.values()) if isinstance(features, dict) else str(
        features)
