"""The Wikipedia feature set of Rasiwasia et al. (ACM MM 2010) as a table of pairs.

``raw_features.mat`` holds SIFT word histograms (``I_tr``, ``I_te``) and topic proportions
(``T_tr``, ``T_te``); the category of each pair, 1 to 10, is the last column of
``trainset_txt_img_cat.list`` and ``testset_txt_img_cat.list``, in the same row order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.matlab import read_mat, refuse_unread
from crossalign.data.registry import Place, Source
from crossalign.types import Benchmark

Array = npt.NDArray[Any]

FEATURES = "raw_features.mat"
LISTS = {"tr": "trainset_txt_img_cat.list", "te": "testset_txt_img_cat.list"}
CATEGORIES = ("art", "biology", "geography", "history", "literature", "media", "music", "royalty",
              "sport", "warfare")


def read_wikipedia(folder: str | Path) -> dict[str, Array]:
    """Read both parts one after the other: ``image``, ``text``, ``labels`` from 0, ``train``,
    names.

    Raises
    ------
    ValueError
        If a file or variable is missing, a category is no number, or the counts differ.
    """
    folder = Path(folder)
    stored = read_mat(folder / FEATURES)
    variables = [f"{m}_{part}" for m in "IT" for part in LISTS]
    refuse_unread(stored, *variables)
    missing = [name for name in variables if name not in stored]
    if missing:
        raise ValueError(f"{missing[0]}: missing from {FEATURES}, which holds {sorted(stored)}; "
                         "it needs I_tr, T_tr, I_te and T_te.")
    lines = {part: _lines(folder / name) for part, name in LISTS.items()}
    for part, name in LISTS.items():
        for modality in "IT":
            count = len(np.atleast_1d(stored[f"{modality}_{part}"]))
            if count != len(lines[part]):
                raise ValueError(f"{modality}_{part}: {count} rows in {FEATURES} for "
                                 f"{len(lines[part])} lines of {name}; both need one per pair.")
    both = lines["tr"] + lines["te"]
    return {
        "image": _stacked("image", stored["I_tr"], stored["I_te"]),
        "text": _stacked("text", stored["T_tr"], stored["T_te"]),
        "labels": np.array([int(line[-1]) - 1 for line in both]),  # categories count from 1
        "train": np.arange(len(both)) < len(lines["tr"]),
        "class_names": _category_names(folder / "categories.list"),
        "text_file": np.array([line[0] for line in both]),
        "image_file": np.array([line[1] for line in both]),
    }


def _lines(file: Path) -> list[list[str]]:
    """Return text name, image name and category of each pair."""
    if not file.is_file():
        raise ValueError(f"{file.name}: missing from {str(file.parent)!r}; put the category list "
                         f"of the data set beside {FEATURES}.")
    lines = [line.split() for line in _text_lines(file)]
    for number, line in enumerate(lines, start=1):
        if len(line) < 3 or not line[-1].isdecimal():
            raise ValueError(f"{file.name}: line {number} is {' '.join(line)!r}; give a text name, "
                             "an image name and a category from 1.")
    return lines


def _stacked(name: str, train: Array, test: Array) -> Array:
    if train.ndim != 2 or train.shape[1:] != test.shape[1:]:
        raise ValueError(f"{name}: shapes {train.shape} and {test.shape} in {FEATURES}; give both "
                         "parts the same columns.")
    return np.concatenate([train, test])


def _category_names(file: Path) -> Array:
    """Return one name a line, of one word or several."""
    return np.array(_text_lines(file) if file.is_file() else CATEGORIES)


def _text_lines(file: Path) -> list[str]:
    """Return the lines that are not blank, without blanks around them."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name}: not text; copy the list again.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _recognises(place: Place) -> bool:
    return FEATURES in place.names or (place.path.name == FEATURES and place.path.is_file())


def _read(path: Path, task: str | None, *, seed: int, variant: str, tokens: bool, log: Any,
          **options: Any) -> Benchmark:
    from crossalign.data.sources.pairs.source import load_table

    folder = path if path.is_dir() else path.parent
    return load_table(path, read_wikipedia(folder), [folder / FEATURES], task, seed=seed,
                      **options)


SOURCE = Source("Wikipedia", f"a folder with {FEATURES} (Wikipedia)", _read,
                ("retrieval", "transfer", "gzsl"), options=("modalities", "attributes", "unseen"),
                recognises=_recognises, precedence=60, encloses=True)
