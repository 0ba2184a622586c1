"""Classes whose names are among the labels of the classifier that encodes pictures, as in ConSE.

Such a classifier was trained on pictures of that name, so that an unseen class is unseen to the
model that is fitted here, and not to the encoder.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from crossalign.data.noted import noted_fact
from crossalign.names import folded
from crossalign.types import Classes

KIND = "unseen_classes_among_labels_of_the_encoder"
"""Kind of the notes on these classes."""


def labelled(names: Sequence[str], labels: Sequence[str]) -> frozenset[str]:
    """Return those names of classes that are labels, or one of the names of a label.

    A label may have several names with commas between, as "tench, Tinca tinca". Case, blanks,
    hyphens and underscores do not matter.
    """
    known = {folded(part) for label in labels for part in (label, *label.split(","))}
    return frozenset(name for name in names if folded(name) in known)


def labelled_unseen(classes: Classes, named: Collection[str]) -> dict[str, Any]:
    """Return a note on the unseen classes that are named so, if there are some."""
    names = [name for name, seen in zip(classes.names, classes.seen, strict=True)
             if not seen and name in named]
    return next(iter(noted_fact({KIND: names}).values()), {})
