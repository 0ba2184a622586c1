"""Unseen classes in the published splits of sketch-based retrieval, or in a list.

| split | unseen | source |
|---|---|---|
| sketchy25-sempcyc | 25 of 125 | Dutta and Akata, CVPR 2019: their test and validation classes |
| sketchy25-sake | 25 of 125 | Liu et al., ICCV 2019 |
| sketchy21-yelamarthi | 21 of 125, none of ImageNet-1k | Yelamarthi et al., ECCV 2018 |
| tuberlin30-sempcyc | 30 of 250 | Dutta and Akata, drawn from the names of the classes |
| tuberlin30-sake | 30 of 250 | Liu et al. |

Numbers of different splits do not compare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.splits.sketchy_classes import SKETCHY_CLASSES
from crossalign.names import folded, matched, written
from crossalign.reading import expanded

Array = npt.NDArray[Any]

SKETCHY25_SAKE = (
    "airplane", "bell", "butterfly", "camel", "chicken", "cup", "deer", "harp", "horse", "parrot",
    "pineapple", "ray", "rifle", "scissors", "snail", "squirrel", "swan", "tank", "teddy_bear",
    "tree", "umbrella", "volcano", "wheelchair", "windmill", "wine_bottle")
SKETCHY21_YELAMARTHI = (
    "bat", "cabin", "cow", "dolphin", "door", "giraffe", "helicopter", "mouse", "pear", "raccoon",
    "rhinoceros", "saw", "scissors", "seagull", "skyscraper", "songbird", "sword", "tree",
    "wheelchair", "windmill", "window")
TUBERLIN30_SAKE = (
    "ant", "banana", "bottle opener", "brain", "bread", "bridge", "bus", "canoe", "fan",
    "frying-pan", "horse", "hot air balloon", "laptop", "lighter", "parachute", "penguin", "pizza",
    "rollerblades", "shoe", "snowboard", "space shuttle", "streetlight", "suitcase", "t-shirt",
    "table", "teacup", "telephone", "tractor", "trombone", "windmill")

PUBLISHED = ("sketchy25-sempcyc", "sketchy25-sake", "sketchy21-yelamarthi", "tuberlin30-sempcyc",
             "tuberlin30-sake")
"""Names of the splits whose classes are known here."""


def sempcyc_sketchy_unseen() -> tuple[str, ...]:
    """Return the 25 unseen Sketchy classes of Dutta and Akata (CVPR 2019), sorted.

    They train on 100 of the 125 sorted class names, drawn without replacement by NumPy's legacy
    generator with seed 0, and test on the rest (12 of which their code calls validation classes
    and adds back). The legacy generator is frozen, so this recomputes their list.
    """
    seen = np.random.RandomState(0).choice(np.array(SKETCHY_CLASSES), 100, replace=False)
    return tuple(sorted(set(SKETCHY_CLASSES) - set(seen.tolist())))


def sempcyc_tuberlin_unseen(names: Sequence[str]) -> tuple[str, ...]:
    """Return the 30 unseen TU-Berlin classes of Dutta and Akata (CVPR 2019), sorted.

    As with Sketchy (`splits.sempcyc_sketchy_unseen`): 220 of the sorted names are seen, drawn by
    NumPy's legacy generator with seed 0. The names are those of the folders of photos.

    Raises
    ------
    ValueError
        If there are not 250.
    """
    if len(names) != 250:
        raise ValueError(f"unseen: 'tuberlin30-sempcyc' is drawn from the 250 classes of "
                         f"TU-Berlin, and there are {len(names)} here; use the whole set, or give "
                         "a file of class names.")
    seen = np.random.RandomState(0).choice(np.array(sorted(names)), 220, replace=False)
    return tuple(sorted(set(names) - set(seen.tolist())))


def unseen_mask(unseen: str | Path | Sequence[str], names: Sequence[str]) -> tuple[Array, str]:
    """Return ``(C,)`` bool, True where a class is unseen, and the name of the split.

    Parameters
    ----------
    unseen : str, Path or strings
        Unseen classes: one of `PUBLISHED`, a text file with a class name a line (a number may stand
        behind it, as in SAKE's ``cname_cid_zero.txt``), or the names. Case, hyphens and underscores
        do not matter, but a name that is equal to the letter wins.
    names : C strings

    Raises
    ------
    ValueError
        If the split is not known, a name is not among the classes or may be two of them, or fewer
        than two classes are unseen or none is seen.
    """
    if isinstance(unseen, str | Path):
        listed, called = _listed(str(unseen), names)
    else:
        listed, called = list(unseen), "listed classes"
    rows = matched(listed, names, "unseen")
    missing = [name for name, row in zip(listed, rows, strict=True) if row is None]
    if missing:
        raise ValueError(f"unseen: {called!r} names {len(missing)} classes that are not here, for "
                         f"example {missing[0]!r}; give a file with names of these {len(names)} "
                         "classes.")
    mask = np.zeros(len(names), dtype=bool)
    mask[[row for row in rows if row is not None]] = True
    if mask.sum() < 2 or mask.all():
        raise ValueError(f"unseen: {called!r} makes {mask.sum()} of {len(names)} classes unseen; "
                         "give two or more, and leave one seen.")
    return mask, called


def _listed(unseen: str, names: Sequence[str]) -> tuple[list[str], str]:
    """Return the class names of a published split or of a file, and its name."""
    if unseen in PUBLISHED:
        splits: dict[str, Callable[[], Sequence[str]]] = {
            "sketchy25-sempcyc": sempcyc_sketchy_unseen,
            "sketchy25-sake": lambda: SKETCHY25_SAKE,
            "sketchy21-yelamarthi": lambda: SKETCHY21_YELAMARTHI,
            "tuberlin30-sake": lambda: TUBERLIN30_SAKE,
            "tuberlin30-sempcyc": lambda: sempcyc_tuberlin_unseen(names)}
        return list(splits[unseen]()), unseen
    file = expanded(unseen, "unseen")
    if not file.is_file():
        raise ValueError(f"unseen: {unseen!r} is neither a split whose classes are known here "
                         f"({', '.join(PUBLISHED)}) nor a file; give a text file with one class "
                         "name a line.")
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (UnicodeDecodeError, OSError) as error:
        raise ValueError(f"unseen: {unseen!r} cannot be read as text; give a text file with one "
                         "class name a line.") from error
    here = {folded(name) for name in names}
    return [line if folded(line) in here else re.sub(r"\s+\d+$", "", line)
            for line in lines if line], written(file.name)
