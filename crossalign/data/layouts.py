"""Places of data sets: a name or a path, with the variant behind it, to the source that reads it.

Relative paths are tried as they are, then under the folder that the environment variable
CROSSALIGN_DATA names. A variant stands behind a colon: ``glyphs:sketch``,
``path/to/omniglot:alphabets``.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from crossalign.data.class_folders import is_picture
from crossalign.data.registry import LISTED_BY, Source, named, source_at
from crossalign.reading import check_regular, expanded
from crossalign.sentences import nearest

ROOT_VARIABLE = "CROSSALIGN_DATA"
LEVELS_ABOVE = 3
"""Number of levels above a path on which a data set is looked for, if the path is none."""
MOST_BESIDE = 1_000
"""Number of names beside a path that is none among which one that was meant is looked for."""
NAMED_BELOW = 3
"""Number of data sets of a folder that are named if the folder is none."""


class Located(NamedTuple):
    """Data set that was asked for.

    Attributes
    ----------
    source : Source
    path : Path or None
        Place of the files; None of data that are made here.
    variant : str
        Empty for the data set's first.
    """

    source: Source
    path: Path | None
    variant: str


def locate(name_or_path: str | Path, given: Collection[str] = ()) -> Located:
    """Find a data set by name or path, itself or under CROSSALIGN_DATA.

    ``given`` are arguments of `load` by which a path may be taken for another layout.

    Raises
    ------
    ValueError
        If there is nothing at either place, nothing that can be read, or no such variant.
    """
    text = str(name_or_path)
    stem, _, behind = text.rpartition(":")
    for place, variant in ((text, ""), (stem, behind)) if stem else ((text, ""),):
        source, path = named().get(place), None
        if source is None:
            path = existing(place)
            source = None if path is None else source_of(path, given)
        if source is None:
            continue
        if place != text and not (variant and source.has_variant(variant)):
            there = (f"choose one of {[f'{place}:{name}' for name in source.variants]}, or leave "
                     "out the colon" if source.variants else
                     "name one behind the colon, or leave the colon out" if source.any_variant else
                     "leave out the colon and what is behind it")
            raise ValueError(f"data: {place!r} has no variant {variant!r}; {there}.")
        return Located(source, path, variant)
    above = _data_set_around(expanded(text, "data")) if text else None
    if above is not None:
        raise ValueError(f"data: there is no {text!r}, but the folder {str(above)!r} above it is a "
                         "data set; give that.")
    raise ValueError(f"data: {text!r} is neither a name nor a path that exists, here or under "
                     f"{ROOT_VARIABLE}; {_meant(stem or text)}")


def check_outside(out: Path, name_or_path: str | Path, argument: str = "out",
                  given: Collection[str] = ()) -> None:
    """Raise ValueError if a folder that is to be written lies in that of a data set, whose part it
    would become, or holds it; see `locate` for ``given``.
    """
    source = locate(name_or_path, given).path
    if source is None or not source.is_dir():
        return
    there, data = out.resolve(), source.resolve()
    if there.is_relative_to(data) or data.is_relative_to(there):
        how = "lies in" if there.is_relative_to(data) else "holds"
        raise ValueError(f"{argument}: {str(out)!r} {how} the folder of the data, {str(source)!r}; "
                         "choose a folder beside it.")


def existing(text: str) -> Path | None:
    """Return a path as it is or under CROSSALIGN_DATA, where there is something."""
    return next((place for place in _places(text) if text and place.exists()), None)


def whole_path(text: str) -> str:
    """Return the whole path of data that a saved folder remembers; what it remembers otherwise lies
    under CROSSALIGN_DATA.
    """
    return os.path.join(os.environ.get(ROOT_VARIABLE, ""), text)


def _places(text: str) -> list[Path]:
    """Return a path as it is, and under CROSSALIGN_DATA."""
    path, root = expanded(text, "data"), os.environ.get(ROOT_VARIABLE)
    return [path] if root is None else [path, Path(root) / path]


def source_of(path: Path, given: Collection[str] = ()) -> Source:
    """Return the source that reads a path; see `locate` for ``given``.

    Raises
    ------
    ValueError
        If nothing readable lies there; it names what lies one level above or below.
    """
    if not path.is_dir():
        check_regular(path, "data")
    found = source_at(path, given)
    if found is not None:
        return found
    below = _one_level_below(path)
    if below:
        more = "" if len(below) <= NAMED_BELOW else f" or one of {len(below) - NAMED_BELOW} more"
        clips = "; where folders of pictures are clips, say so by frames (--frames N)" * (
            source_at(path, ("frames",)) is not None)
        raise ValueError(
            f"data: {str(path)!r} is one level too high; give "
            f"{' or '.join(repr(str(p)) for p in below[:NAMED_BELOW])}{more}{clips}.")
    above = _data_set_around(path)
    if above is not None:
        raise ValueError(f"data: {str(path)!r} lies too deep; the folder {str(above)!r} above it "
                         "is a data set, so give that.")
    if path.is_dir():
        empty = all(inside.name.startswith(".") for inside in path.iterdir())
        what = "is empty" if empty else "holds nothing that is read here"
        raise ValueError(f"data: the folder {str(path)!r} {what}; put pictures into it, in a "
                         f"folder for each class, or give what {LISTED_BY} names.")
    raise ValueError(f"data: {str(path)!r} has the suffix {path.suffix!r}, of which no data are "
                     f"read; give what {LISTED_BY} names.")


def _meant(text: str) -> str:
    """Return the name that was perhaps meant: of data made here, or of what lies beside a path."""
    beside = [] if not text else [place.parent for place in _places(text) if place.parent.is_dir()]
    names = [] if len(Path(text).parts) > 1 else list(named())
    for folder in beside:
        with suppress(PermissionError):
            names += [inside.name for inside in islice(folder.iterdir(), MOST_BESIDE)]
    return nearest(Path(text).name, names, f"give what {LISTED_BY} names.", LISTED_BY)


def _data_set_around(path: Path) -> Path | None:
    """Return a folder above a path that is a data set by its own files, or by this class."""
    for above in list(path.absolute().parents)[:LEVELS_ABOVE]:
        source = source_at(above) if above.is_dir() else None
        if source is not None and source.encloses:
            return above
    is_class = path.is_dir() and any(is_picture(file) for file in path.iterdir())
    return path.absolute().parent if is_class else None


def _one_level_below(folder: Path) -> list[Path]:
    """Return data sets that lie in a folder."""
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except PermissionError:
        return []
    return [path for path in inside if source_at(path) is not None]


def inside_serving(path: Path | None, task: str) -> Path | None:
    """Return the first data set in a folder that serves a task, by its columns if it has any."""
    inside = [] if path is None else _one_level_below(path)
    return next((one for one in inside if _serves(one, task)), None)


def _serves(path: Path, task: str) -> bool:
    source = source_at(path)
    with suppress(ValueError, ImportError):            # a table that is not understood here
        return source is not None and task in source.tasks_at(path, "")
    return False
