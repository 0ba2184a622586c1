"""Descriptions of classes for recognition: attributes, texts of a file, or texts that are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.class_texts import classes_file, read_class_texts
from crossalign.data.noted import Noted
from crossalign.data.recognition import Recognition
from crossalign.data.samples import Samples, Texts
from crossalign.data.side_information import with_candidates
from crossalign.data.splits import unseen_mask
from crossalign.types import Benchmark

Array = npt.NDArray[Any]
Unseen = str | Path | Sequence[str] | None


class Described(NamedTuple):
    """Classes and their descriptions, as `RawSamples` takes them.

    Attributes
    ----------
    names : C strings
        Names of the classes; those without samples stand last.
    embeddings : (C, a) float32
        Attributes; a is 0 if there are none.
    texts : C tuples of strings, or None
        Texts of each class, if attributes do not describe it.
    facts, of_texts : dict
        Facts of the attributes and of the texts.
    noted : mapping of kind to names
    """

    names: list[str]
    embeddings: Array
    texts: Sequence[Texts] | None
    facts: dict[str, Any]
    of_texts: dict[str, Any]
    noted: Noted


def described(folder: Path, names: Sequence[str], own: tuple[Sequence[Texts], dict[str, Any]], *,
              attributes: str | Path | None = None,
              class_texts: str | Path | None = None) -> Described:
    """Describe classes by attributes, else by the texts of a file, else by their own texts.

    Parameters
    ----------
    folder : Path
        Folder in which a file of texts is looked for, see `class_texts.classes_file`.
    names : strings
        Names of the classes that have samples.
    own : texts and their facts
        Text of each of these classes where nothing else describes it.
    attributes, class_texts : str or Path, optional
        Files that are given; one of them at most.

    Raises
    ------
    ValueError
        If both are given, or a file cannot be read.
    """
    if attributes is not None and class_texts is not None:
        raise ValueError("class_texts: given beside attributes, and a class is described by one of "
                         "them; leave the other out.")
    nothing = np.zeros((0, 0), np.float32)
    if attributes is not None:
        everyone, rows, fact = with_candidates(attributes, names)
        return Described(everyone, rows, None, {"side_information": fact}, {}, {})
    file = classes_file(folder) if class_texts is None else class_texts
    if file is None:
        return Described(list(names), nothing, own[0], {}, own[1], {})
    everyone, texts, noted = read_class_texts(file, names)
    return Described(everyone, nothing, texts, {},
                     {"of": "texts of the classes", "file": Path(file).name}, noted)


def recognition_of(names: Sequence[str], unseen: Unseen, *, seen_tested: bool,
                   ) -> Callable[[Samples], Benchmark]:
    """Return the function that cuts samples for recognition.

    The unseen classes are those given, or those of ten class splits.

    Raises
    ------
    ValueError
        As `splits.unseen_mask`.
    """
    mask, called = (None, "") if unseen is None else unseen_mask(unseen, names)
    return partial(_recognised, mask, called, seen_tested)


def _recognised(mask: Array | None, called: str, seen_tested: bool, samples: Samples) -> Benchmark:
    return Recognition(samples, mask, called, seen_tested).benchmark()
