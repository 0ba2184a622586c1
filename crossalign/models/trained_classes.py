"""Record of the classes that a model was trained on, so that none of them is scored as unseen
later.

Classes are known by their names. Where these are mere numbers, which mean another class in other
data, a few training rows of each class stand for it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.labels import classes_held
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]

ROWS = 4
"""Number of training rows that stand for a class without a name."""


def training_record(X: Views, classes: Classes | None) -> dict[str, Any]:
    """Return the record of labelled training samples, JSON-able: names of classes, or hashes of
    rows.
    """
    if X.labels is None:
        return {}
    used = classes_held(X.labels)
    if classes is not None and _tell(classes.names):
        return {"classes": [classes.names[c] for c in used]}
    modality = X.modalities[0]
    rows = {int(c): np.flatnonzero(_of(X.labels, c))[:ROWS] for c in used}
    return {"modality": modality, "rows": {
        str(c): _digests(X.read(modality, chosen)) for c, chosen in rows.items()}}


def trained_unseen(record: dict[str, Any], bench: Benchmark) -> list[str]:
    """Return the unseen classes of a benchmark that a model with such a record was trained on.

    A class without a name is found if half of its recorded rows are among the test samples.
    """
    unseen = [bench.classes.names[c] for c in np.flatnonzero(bench.classes.unseen)]
    if "classes" in record:
        return [name for name in unseen if name in set(record["classes"])]
    if not record.get("rows") or _tell(bench.classes.names):
        return []
    tested = {digest for views in bench.splits.values() if views.labels is not None
              for digest in _tested(views, record["modality"], bench.classes.unseen)}
    return [name for name, digests in record["rows"].items()
            if 2 * sum(digest in tested for digest in digests) >= len(digests)]


def _tell(names: tuple[str, ...]) -> bool:
    """Return True if class names say more than numbers do."""
    return not all(name.isdecimal() for name in names)


def _of(labels: Array, c: int) -> Array:
    return labels == c if labels.ndim == 1 else labels[:, c].astype(bool)


def _tested(views: Views, modality: str, unseen: Array) -> list[str]:
    """Return digests of the samples of unseen classes, read a block at a time."""
    if modality not in views or views.labels is None:
        return []
    labels = views.labels
    is_unseen = np.asarray(unseen[labels] if labels.ndim == 1 else
                           (labels.astype(bool) & unseen).any(axis=1))
    part = views[is_unseen].having(modality)
    return [digest for rows in part.blocks(modality) for digest in
            _digests(part.read(modality, rows))]


def _digests(rows: Array) -> list[str]:
    """Return short hashes of rows as float32, however they are stored."""
    return [hashlib.blake2b(np.ascontiguousarray(row, dtype=np.float32).tobytes(),
                            digest_size=8).hexdigest() for row in rows]
