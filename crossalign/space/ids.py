"""Ids of files in the index of a space: an item is found by its file, whatever it is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from crossalign.data.class_folders import picture_id
from crossalign.index.base import Index


def ids_of_files(index: Index, files: Sequence[str], root: str | None,
                 kind: str | None) -> list[str]:
    """Return the ids of files, those that are there and new ones, which no other file has.

    Parameters
    ----------
    index : Index
        Items, with the path of their file in the payload, whole or relative to the root.
    files : sequence of str
        Whole paths.
    root : str or None
        Path of the data that a space was built from. A new file below it is called by its folder
        and its name, as building calls pictures in class folders, any other by its whole path.
    kind : str or None
        Modality of the items; None for any.
    """
    names = _there(index, files, root, kind)
    for path in files:
        if path in names:
            continue
        names[path] = path
        if root is not None and Path(path).is_relative_to(root):
            short = picture_id(Path(path))
            taken = short in names.values() or has_id(index, short)
            names[path] = path if taken else short
    return [names[path] for path in files]


def has_id(index: Index, name: str) -> bool:
    """Tell if there is an item of an id."""
    try:
        index.payload([name])
    except ValueError:
        return False
    return True


def _there(index: Index, files: Sequence[str], root: str | None,
           kind: str | None) -> dict[str, str]:
    """Return the ids of the files that are there."""
    if not len(index):
        return {}
    told = {path: path for path in files}
    if root is not None:
        told |= {os.path.relpath(path, root): path for path in files}
    where = {"file": list(told), **({} if kind is None else {"modality": kind})}
    hits = index.search(index.sample(1)[1], len(index), where)
    names = [str(name) for name in hits.ids[0].tolist()]
    found: dict[str, str] = {}
    for name, about in zip(names, index.payload(names), strict=True):
        found.setdefault(told[str(about["file"])], name)
    return found
