"""Backbones of models that read raw rows: opened, checked against the samples, and applied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from crossalign.encoders.backbone import Backbone
from crossalign.models.rows import Array
from crossalign.networks.token_reader import token_mean
from crossalign.types import Views

BLOCK = 32
"""Number of samples that a backbone reads at a time."""


def open_backbones(X: Views, names: Sequence[str | None], tied: bool,
                   device: str) -> dict[str, Backbone]:
    """Open the pretrained networks of the first two modalities that have one.

    Parameters
    ----------
    X : samples
        Raw rows; those of width 1 are texts.
    names : pair of str or None
        Folders or names on the hub; None for a modality that has no network.
    tied : bool
        Whether one encoder reads both modalities; its network is opened for the first.
    device : {"auto", "cpu", "cuda"}
        Device of the networks.

    Raises
    ------
    ValueError
        One sentence: not a pair, two for tied encoders, rows that a network does not read, or one
        that cannot be opened.
    """
    if len(names) != 2 or (tied and len(set(names)) > 1):
        raise ValueError(f"backbones: got {names!r}; give a name or None for each modality, the "
                         "same where encoders are tied.")
    opened = {}
    for m, name in list(zip(X.modalities, names, strict=True))[:1 if tied else 2]:
        if name is None:
            continue
        backbone = Backbone.pretrained(name, "text" if X.widths[m] == 1 else "image", device)
        shape, expected = X.read(m, np.arange(0)).shape[1:], tuple(backbone.blank().shape[1:])
        if len(shape) != 2 or (backbone.kind == "image" and shape != expected):
            raise ValueError(f"backbones: {name!r} reads rows {expected} and {m!r} has {shape}; "
                             "make them with its encoder and rows='raw'.")
        opened[m] = backbone
    return opened


def mean_tokens(backbone: Backbone, X: Views, modality: str) -> Array:
    """Return the mean over tokens of a backbone's output for the raw rows of samples, ``(n,
    d)``.
    """
    means, masks = [np.zeros((0, backbone.width), np.float32)], X.masks.get(modality)
    for start in range(0, len(X), BLOCK):
        rows = X.read(modality, np.arange(start, min(start + BLOCK, len(X))))
        with torch.inference_mode():
            raw = torch.from_numpy(np.require(rows, np.float32, ["C", "W"])).to(backbone.device)
            mask = None if masks is None else torch.from_numpy(
                masks[start:start + BLOCK]).to(backbone.device)
            means.append(token_mean(*backbone.tokens(raw, mask)).cpu().numpy())
    return np.concatenate(means)
