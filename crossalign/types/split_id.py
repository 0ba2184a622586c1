"""The name of a split: a digest of the rows in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt


def split_id(indices: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike]) -> str:
    """SHA-256 over sorted index arrays, first 16 hex digits: two numbers compare only if equal."""
    digest = hashlib.sha256()
    items = indices.items() if isinstance(indices, Mapping) else enumerate(indices)
    for name, values in items:
        digest.update(str(name).encode())
        digest.update(np.sort(np.asarray(values, dtype=np.int64)).tobytes())
    return digest.hexdigest()[:16]
