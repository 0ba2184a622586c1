"""Where a data set lies, and which layout it has.

A layout is recognised by names: the files of a folder, or the arrays of a file. Relative paths
are tried as they are, then under the folder that the environment variable CROSSALIGN_DATA names.
A task may stand behind the path, after a hyphen: ``path/to/omniglot-alphabets``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from crossalign.data.domain_file import holds_domains
from crossalign.data.pairs_files import SUFFIXES
from crossalign.data.pictures import holds_classes
from crossalign.data.sketch_folders import sides_of
from crossalign.data.wikipedia import FEATURES as WIKIPEDIA
from crossalign.data.xlsa17_files import FEATURES, SPLITS
from crossalign.reading import check_regular, expanded

ROOT_VARIABLE = "CROSSALIGN_DATA"
LAYOUTS = (f"a folder with {SPLITS} and {FEATURES} (xlsa17), a folder with {WIKIPEDIA} (Wikipedia)"
           ", a folder with images_PART.zip and strokes_PART.zip (Omniglot), one .npz of features, "
           "label and domain, a folder of .npy files with labels.npy, one .npz, .mat or .csv "
           "file of aligned arrays, a folder with class folders of sketches beside such of photos, "
           "or a folder of class folders of pictures")
LAYOUT_TASKS = {"xlsa17": ("gzsl",), "pairs": ("retrieval", "transfer"),
                "omniglot": ("retrieval", "alphabets", "tokens"), "domains": ("retrieval",),
                "sketches": ("retrieval", "tokens"), "pictures": ("retrieval", "tokens")}
"""Tasks of each layout, the default first; ``domains`` also takes two of its domains."""


def locate(name_or_path: str | Path, names: Iterable[str]) -> tuple[Path, str | None]:
    """The path itself, or under CROSSALIGN_DATA, and the task behind it if there is one.

    Raises
    ------
    ValueError
        If there is nothing at either place; ``names`` are what else it could have been.
    """
    text = str(name_or_path)
    places = [text] + [text[:i] for i in range(len(text) - 1, 0, -1) if text[i] == "-"]
    for place in places:
        path, task = _existing(place), text[len(place) + 1:]
        if path is None:
            continue
        if not task:
            return path, None
        with suppress(ValueError):
            layout = layout_of(path)
            if layout == "domains" or task in LAYOUT_TASKS[layout]:
                return path, task
    raise ValueError(f"data: {text!r} is neither a name ({', '.join(names)}) nor a path that "
                     f"exists, here or under {ROOT_VARIABLE}; give {LAYOUTS}.")


def _existing(text: str) -> Path | None:
    path = expanded(text, "data")
    root = os.environ.get(ROOT_VARIABLE)
    places = [path] if root is None else [path, Path(root) / path]
    return next((place for place in places if text and place.exists()), None)


def layout_of(path: Path) -> str:
    """One of `LAYOUT_TASKS`.

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
        if any(name.startswith("images_") and name.endswith(".zip") for name in there):
            return "omniglot"
        if sides_of(path) is not None:
            return "sketches"
        if holds_classes(path):
            return "pictures"
        raise ValueError(f"data: the folder {str(path)!r} holds none of the layouts read here; "
                         f"give {LAYOUTS}.")
    check_regular(path, "data")
    if path.name in (SPLITS, FEATURES):
        return "xlsa17"
    if path.suffix in SUFFIXES:
        return "domains" if path.suffix == ".npz" and holds_domains(path) else "pairs"
    raise ValueError(f"data: {str(path)!r} has the suffix {path.suffix!r}; give {LAYOUTS}.")
