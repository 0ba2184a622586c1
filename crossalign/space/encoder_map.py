"""EncoderMap: pictures of a new encoder as features of the one that a space was built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.files import write_bytes
from crossalign.folders import content_of, digest
from crossalign.index.drift import DriftAdapter

Array = npt.NDArray[Any]
FILE = "encoder_map-*.safetensors"
"""Pattern of the names of its files, whose middle is a checksum of the content."""


@dataclass(frozen=True)
class EncoderMap:
    """Map of features, and the name of the encoder whose features it takes.

    The model of a space, its recogniser and its index know the features of one encoder. A map in
    front of them leaves all of them as they are. Directions are those of a `DriftAdapter`; lengths,
    which some scalings need, are those of the new features in the measure of the old ones.

    Attributes
    ----------
    encoder : str
        Name of the new encoder, as ``--encoder`` takes it.
    adapter : DriftAdapter
        Fitted map of directions.
    scale : float
        Mean length of old features over that of new ones.
    """

    encoder: str
    adapter: DriftAdapter
    scale: float

    def __call__(self, rows: Array) -> Array:
        """Return old features ``(n, d)`` of pictures from their new ones ``(n, d')``."""
        lengths = self.scale * np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(lengths * self.adapter.transform(rows), dtype=np.float32)

    def save(self, place: Path) -> dict[str, Any]:
        """Write its arrays beside others, and return its record.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from safetensors.numpy import save

        content = save({"matrix": self.adapter.matrix_, "added": self.adapter.added_})
        stated = digest(content)
        write_bytes(place / FILE.replace("*", stated[:16]), content)
        return {"encoder": self.encoder, "kind": self.adapter.kind, "scale": self.scale,
                "sha256": stated}

    @classmethod
    def load(cls, place: Path, record: Mapping[str, Any]) -> EncoderMap:
        """Read a map by its record.

        Raises
        ------
        ValueError
            If its file is not there, or is not what was written.
        """
        from safetensors.numpy import load

        name = FILE.replace("*", record["sha256"][:16])
        content = content_of(place / name)
        if digest(content) != record["sha256"]:
            raise ValueError(f"{name} is not what was written")
        arrays, adapter = load(content), DriftAdapter(record["kind"])
        adapter.matrix_, adapter.added_ = arrays["matrix"], arrays["added"]
        return cls(str(record["encoder"]), adapter, float(record["scale"]))


def fit_map(encoder: str, old: Array, new: Array, kind: str) -> EncoderMap:
    """Fit a map of one kind on features of the same pictures, ``(n, d)`` and ``(n, d')``."""
    adapter = DriftAdapter(kind).fit(old, new)
    adapter.matrix_ = adapter.matrix_.astype(np.float32)              # as it is written
    adapter.added_ = adapter.added_.astype(np.float32)
    before, after = (float(np.linalg.norm(rows, axis=1).mean()) for rows in (old, new))
    return EncoderMap(encoder, adapter, before / after if after else 1.0)
