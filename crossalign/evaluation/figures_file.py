"""The arrays of a report's figures in a file beside it, from which a page is drawn at any time.

The file is an ``.npz`` of plain arrays: ``tree`` is JSON in UTF-8 that says how the others, ``0``,
``1`` and so on, hang together, and which report they belong to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.npz import read_npz
from crossalign.files import replacing
from crossalign.sentences import short
from crossalign.trees import pack, unpack

TREE = "tree"


def figures_path(report: str | os.PathLike[str]) -> Path:
    """Return the path of a report's figures: ``figures.npz`` beside ``report.json``.

    For any other file, such as ``gzsl-cca.json``, it is ``gzsl-cca.figures.npz``.
    """
    path = Path(report)
    return path.with_name("figures.npz" if path.stem == "report" else f"{path.stem}.figures.npz")


def write_figures(path: Path, figures: Mapping[str, Any], owner: Mapping[str, str]) -> None:
    """Write figures atomically.

    Parameters
    ----------
    path : Path
        File to write.
    figures : mapping
        Figures: a tree of mappings, lists, tuples, arrays, numbers, strings and None.
    owner : mapping
        Owner of the figures: ``report``, its name for people, and ``sha256``, by which
        `read_figures` recognises it.
    """
    arrays: list[npt.NDArray[Any]] = []

    def put(array: npt.NDArray[Any]) -> dict[str, Any]:
        arrays.append(array)
        return {"array": str(len(arrays) - 1)}

    text = json.dumps({"owner": owner, "figures": pack(dict(figures), put)})
    members = {str(i): array for i, array in enumerate(arrays)}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **members,
                            **{TREE: np.frombuffer(text.encode(), np.uint8)})


def read_figures(path: Path, owner: Mapping[str, str]) -> dict[str, Any]:
    """Read what `write_figures` wrote for the same report; {} if there is no file.

    Raises
    ------
    ValueError
        If the file is damaged, holds pickled objects, was not written by `write_figures`, or
        belongs to another report.
    """
    if not os.path.lexists(path):
        return {}
    fix = "remove it to go on without pictures."
    arrays = read_npz(path)
    try:
        tree = json.loads(arrays[TREE].tobytes())
        owner_name, digest = (str(tree["owner"][key]) for key in ("report", "sha256"))
        figures = unpack(tree["figures"], lambda stored: arrays[stored["array"]])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError):
        raise ValueError(f"path: {str(path)!r} holds no figures of a report; {fix}") from None
    if digest != owner["sha256"]:
        raise ValueError(f"path: {str(path)!r} holds the figures of another report, "
                         f"{short(owner_name)}; {fix}")
    if not isinstance(figures, dict):
        raise ValueError(f"path: {str(path)!r} holds no figures of a report; {fix}")
    return figures
