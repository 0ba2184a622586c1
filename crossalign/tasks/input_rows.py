"""Rows that the network of a task reads of samples: codes, features or both, put by training rows.

Codes are of one unit; features are of one encoder or of a table, and may be of several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.models.blockwise import Encode, encoded
from crossalign.models.one_modality import complete
from crossalign.preprocessing.scaling import apply_scaling, fit_within
from crossalign.tasks.inputs import CODES, FEATURES
from crossalign.types import Views

Array = npt.NDArray[Any]
Blocks = Mapping[str, Array]
"""Codes and features ``(n, width)`` of samples, by `CODES` and `FEATURES`."""


def input_blocks(samples: Views, modality: str, inputs: str, encode: Encode) -> Blocks:
    """Return what ``inputs`` names of samples; ``encode(rows, modality)`` makes codes.

    Raises
    ------
    ValueError
        If a sample lacks the modality, or features are asked of anything but vectors.
    """
    complete(samples, modality)
    blocks = {}
    if inputs != FEATURES:
        blocks[CODES] = encoded(encode, samples, modality)
    if inputs != CODES:
        if samples.kind(modality) != "vectors":
            raise ValueError(f"inputs: got {inputs!r}, and {modality!r} holds "
                             f"{samples.kind(modality)}; use 'codes'.")
        blocks[FEATURES] = np.asarray(samples[modality])
    return blocks


def fit_inputs(blocks: Blocks) -> dict[str, Array]:
    """Fit the scaling of training rows, of their blocks side by side, see `apply_scaling`."""
    fitted = [fit_within(rows, one_unit=kind == CODES) for kind, rows in blocks.items()]
    return {name: np.concatenate([of[name] for of in fitted]) for name in fitted[0]}


def scaled_inputs(blocks: Blocks, scaling: Mapping[str, Array]) -> Array:
    """Return the blocks of samples side by side, scaled, ``(n, d)`` float32."""
    rows = np.concatenate([*blocks.values()], axis=1, dtype=np.float32)
    return apply_scaling(rows, "standard", **scaling)
