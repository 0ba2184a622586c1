"""Split ids: digests of the rows in each split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt


def split_id(indices: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike]) -> str:
    """Hash sorted index arrays by SHA-256, first 16 hex digits; numbers compare only if it is
    equal.
    """
    digest = hashlib.sha256()
    items = indices.items() if isinstance(indices, Mapping) else enumerate(indices)
    for name, values in items:
        digest.update(str(name).encode())
        digest.update(np.sort(np.asarray(values, dtype=np.int64)).tobytes())
    return digest.hexdigest()[:16]
