"""Layouts of data sets, and the places where they are looked for.

A layout is recognised by names: the files of a folder, or the arrays of a file. Relative paths are
tried as they are, then under the folder that the environment variable CROSSALIGN_DATA names. A task
may stand behind the path, after a hyphen: ``path/to/omniglot-alphabets``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from crossalign.data.class_folders import holds_classes, is_picture
from crossalign.data.sources.domains.file import holds_domains
from crossalign.data.sources.pairs.files import SUFFIXES
from crossalign.data.sources.sketches.folders import sides_of
from crossalign.data.sources.wikipedia import FEATURES as WIKIPEDIA
from crossalign.data.sources.xlsa17.files import FEATURES, SPLITS
from crossalign.reading import check_regular, expanded

ROOT_VARIABLE = "CROSSALIGN_DATA"
LAYOUTS = (f"a folder with {SPLITS} and {FEATURES} (xlsa17), a folder with {WIKIPEDIA} (Wikipedia)"
           ", a folder with images_PART.zip and strokes_PART.zip (Omniglot), one .npz of features, "
           "label and domain, a folder of .npy files with labels.npy, one .npz, .mat, .csv or .tsv "
           "file of aligned arrays, a folder with class folders of sketches beside such of photos, "
           "or a folder of class folders of pictures")
LAYOUT_TASKS = {"xlsa17": ("gzsl",), "pairs": ("retrieval", "transfer", "gzsl"),
                "omniglot": ("retrieval", "alphabets", "tokens"), "domains": ("retrieval",),
                "sketches": ("retrieval", "tokens"), "pictures": ("retrieval", "tokens")}
"""Tasks of each layout, the default first; ``domains`` also takes two of its domains."""
LEVELS_ABOVE = 3
"""Number of levels above a path on which a data set is looked for, if the path is none."""
NAMED_BELOW = 3
"""Number of data sets of a folder that are named if the folder is none."""


def locate(name_or_path: str | Path, names: Iterable[str]) -> tuple[Path, str | None]:
    """Find the path itself, or under CROSSALIGN_DATA, and the task behind it if there is one.

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
    above = _data_set_around(expanded(text, "data")) if text else None
    if above is not None:
        raise ValueError(f"data: there is no {text!r}, but the folder {str(above)!r} above it is a "
                         "data set; give that.")
    raise ValueError(f"data: {text!r} is neither a name ({', '.join(names)}) nor a path that "
                     f"exists, here or under {ROOT_VARIABLE}; give {LAYOUTS}.")


def _existing(text: str) -> Path | None:
    path = expanded(text, "data")
    root = os.environ.get(ROOT_VARIABLE)
    places = [path] if root is None else [path, Path(root) / path]
    return next((place for place in places if text and place.exists()), None)


def layout_of(path: Path) -> str:
    """Return the layout of a path, one of `LAYOUT_TASKS`.

    Raises
    ------
    ValueError
        If nothing readable lies there; it names what lies one level above or below.
    """
    if not path.is_dir():
        check_regular(path, "data")
    found = _folder_layout(path) if path.is_dir() else _file_layout(path)
    if found is not None:
        return found
    below = _one_level_below(path)
    if below:
        more = "" if len(below) <= NAMED_BELOW else f" or one of {len(below) - NAMED_BELOW} more"
        raise ValueError(f"data: {str(path)!r} is one level too high; give "
                         f"{' or '.join(repr(str(p)) for p in below[:NAMED_BELOW])}{more}.")
    above = _data_set_around(path)
    if above is not None:
        raise ValueError(f"data: {str(path)!r} lies too deep; the folder {str(above)!r} above it "
                         "is a data set, so give that.")
    if path.is_dir():
        raise ValueError(f"data: the folder {str(path)!r} holds none of the layouts read here; "
                         f"give {LAYOUTS}.")
    raise ValueError(f"data: {str(path)!r} has the suffix {path.suffix!r}; give {LAYOUTS}.")


def _folder_layout(folder: Path) -> str | None:
    try:
        there = {file.name for file in folder.iterdir()}
        if there & {SPLITS, FEATURES}:
            return "xlsa17"
        if WIKIPEDIA in there or any(name.endswith(".npy") for name in there):
            return "pairs"
        if any(name.startswith("images_") and name.endswith(".zip") for name in there):
            return "omniglot"
        if sides_of(folder) is not None:
            return "sketches"
        return "pictures" if holds_classes(folder) else None
    except (PermissionError, NotADirectoryError):
        return None


def _file_layout(file: Path) -> str | None:
    if file.name in (SPLITS, FEATURES):
        return "xlsa17"
    if file.suffix.lower() not in SUFFIXES or not file.is_file():
        return None
    return "domains" if file.suffix.lower() == ".npz" and holds_domains(file) else "pairs"


def _data_set_around(path: Path) -> Path | None:
    """Find a folder above a path that is a data set by its own files, or by this class of
    pictures.
    """
    for above in list(path.absolute().parents)[:LEVELS_ABOVE]:
        layout = _folder_layout(above) if above.is_dir() else None
        if layout in ("xlsa17", "omniglot", "sketches") or (above / WIKIPEDIA).is_file():
            return above
    is_class = path.is_dir() and any(is_picture(file) for file in path.iterdir())
    return path.absolute().parent if is_class else None


def _one_level_below(folder: Path) -> list[Path]:
    """Return the data sets that lie in a folder."""
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except PermissionError:
        return []
    return [path for path in inside if (_folder_layout(path) if path.is_dir()
                                        else _file_layout(path)) is not None]
