"""Training: the pairs that a closed form of a space learned from, kept to explain its hits."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.files import write_bytes
from crossalign.folders import content_of, digest
from crossalign.models.closed_form.votes import explains
from crossalign.types import Views

Array = npt.NDArray[Any]
FILE = "training.safetensors"
ROWS = "rows:"
LARGEST = 1 << 28
"""Most bytes of features that a space keeps."""


def kept_training(model: Any, train: Views) -> Training | None:
    """Return the samples that explain a model's hits, as it was fitted on them.

    None where they would not: a model that is no sum over its own pairs, or features of more than
    256 MiB.
    """
    if not explains(model):
        return None
    rows = {m: np.asarray(train[m], dtype=np.float32) for m in model.views
            if m in train.modalities}
    if (sum(part.nbytes for part in rows.values()) > LARGEST
            or not all(train.has(m).all() for m in rows)):
        return None
    labels = train.labels if train.labels is not None and train.labels.ndim == 1 else None
    return Training(Views(rows, labels=None if labels is None else train.truth,
                          ids=[str(name) for name in train.ids.tolist()]))


class Training:
    """Samples that a space was fitted on, read from its folder when they are asked for.

    Parameters
    ----------
    views : Views, optional
        The samples, with the ids of their items; None for those of the file.
    place : Path, optional
        Folder of the space.
    stated : str, optional
        Digest of the file that its record states.
    """

    def __init__(self, views: Views | None = None, place: Path | None = None,
                 stated: str = "") -> None:
        self._given, self._place, self._stated = views, place, stated

    @cached_property
    def views(self) -> Views:
        """The samples.

        Raises
        ------
        ValueError
            If the file is not what was written.
        """
        if self._given is not None:
            return self._given
        assert self._place is not None
        content = content_of(self._place / FILE)
        if digest(content) != self._stated:
            raise ValueError(f"folder: {FILE} is not what was written; build the space again.")
        return _from_bytes(content)

    def save(self, place: Path) -> dict[str, Any]:
        """Write the samples, unless the folder is theirs, and return their part of the record.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        if self._place is None or self._place.resolve() != place.resolve():
            content = _as_bytes(self.views)
            write_bytes(place / FILE, content)
            if self._given is not None and self._place is None:
                self._place = place
            self._stated = digest(content)
        return {"training": self._stated}


def _as_bytes(train: Views) -> bytes:
    from safetensors.numpy import save

    arrays = {f"{ROWS}{m}": np.ascontiguousarray(train[m]) for m in train.modalities}
    if train.labels is not None:
        arrays["labels"] = np.ascontiguousarray(train.truth)
    ids = json.dumps(train.ids.tolist()).encode()
    return save(arrays | {"ids": np.frombuffer(ids, dtype=np.uint8)})


def _from_bytes(content: bytes) -> Views:
    from safetensors.numpy import load

    arrays = load(content)
    return Views({key.removeprefix(ROWS): rows for key, rows in arrays.items()
                  if key.startswith(ROWS)}, labels=arrays.get("labels"),
                 ids=json.loads(arrays["ids"].tobytes()))
