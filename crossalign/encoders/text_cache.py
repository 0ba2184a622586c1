"""Texts to rows, computed once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.blocks import Encoding
from crossalign.encoders.encode import encode_items, row_key
from crossalign.encoders.engines import Engine
from crossalign.encoders.steps import on_gpu
from crossalign.pace import Log
from crossalign.types import TextEncoder

Array = npt.NDArray[Any]

BLOCK = 1024
"""Number of texts encoded at a time."""


def cached_texts(texts: Sequence[str], encoder: TextEncoder, keep: bool = True,
                 log: Log | None = None, engine: Engine | None = None) -> Array:
    """Encode n texts as rows ``(n, d)``, or as tokens with zeros up to the longest.

    Rows are kept in the user's cache if ``keep``.
    """
    digests = np.frombuffer(b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for text in texts), dtype=np.uint64).reshape(-1, 2)
    how = Encoding(encoder.encode, "texts", block=BLOCK, ragged=True, gpu=on_gpu(encoder))
    return encode_items(texts, digests, how, row_key("text-rows", encoder) if keep else None,
                        log, engine).rows
