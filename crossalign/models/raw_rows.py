"""Base encoders of models that read raw rows: opened, checked against the samples, and asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from crossalign.encoders.base_encoder import BaseEncoder
from crossalign.models.base import Array
from crossalign.networks.token_reader import token_mean
from crossalign.types import Views

BLOCK = 32
"""Samples that a base encoder reads at a time."""


def open_bases(X: Views, names: Sequence[str | None], tied: bool,
               device: str) -> dict[str, BaseEncoder]:
    """The pretrained networks of the first two modalities that have one.

    Parameters
    ----------
    X : samples
        Texts are recognised by their width of 1.
    names : pair of str or None
    tied : bool
        Whether one encoder reads both modalities; it is opened for the first.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    ValueError
        One sentence: not a pair, two for tied encoders, rows that a network does not read, or one
        that cannot be opened.
    """
    if len(names) != 2 or (tied and len(set(names)) > 1):
        raise ValueError(f"bases: got {names!r}; give a name or None for each modality, the same "
                         "where encoders are tied.")
    found = {}
    for m, name in list(zip(X.modalities, names, strict=True))[:1 if tied else 2]:
        if name is None:
            continue
        base = BaseEncoder.pretrained(name, "text" if X.widths[m] == 1 else "image", device)
        shape, wanted = X.read(m, np.arange(0)).shape[1:], tuple(base.blank().shape[1:])
        if len(shape) != 2 or (base.kind == "image" and shape != wanted):
            raise ValueError(f"bases: {name!r} reads rows {wanted} and {m!r} has {shape}; make "
                             "them with its encoder and rows='raw'.")
        found[m] = base
    return found


def mean_tokens(base: BaseEncoder, X: Views, modality: str) -> Array:
    """What a base encoder makes of the raw rows of samples, averaged over tokens, ``(n, d)``."""
    means = [np.zeros((0, base.width), np.float32)]
    for start in range(0, len(X), BLOCK):
        rows = X.read(modality, np.arange(start, min(start + BLOCK, len(X))))
        with torch.inference_mode():
            raw = torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))
            tokens = base(raw.to(base.device))
            means.append(token_mean(tokens, (tokens != 0).any(dim=2)).cpu().numpy())
    return np.concatenate(means)
