"""Several views of a sample as one, each present view with its say.

Gaussians are multiplied, so that a sure view counts more (`networks.product_of_experts`); unit rows
are averaged. A view that a sample lacks does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crossalign.models.blockwise import as_given
from crossalign.models.roles import Aligner, Distributional
from crossalign.models.rows import Array, check_columns, unit_rows
from crossalign.types import Views

if TYPE_CHECKING:
    from torch import Tensor


def mean_of_views(model: Aligner, X: Views, modalities: Sequence[str]) -> Array:
    """Return unit rows ``(n, d)``: the mean over the views that a sample has.

    Raises
    ------
    ValueError
        If a sample has none of them.
    """
    here = presence(X, modalities)
    for m in modalities:
        check_columns(X, m, model)
    rows = np.stack([model.embed(as_given(X, m), m) for m in modalities], axis=1)     # (n, M, d)
    return unit_rows((rows * here[:, :, None]).sum(axis=1))


def gaussians_of_views(model: Distributional, X: Views,
                       modalities: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Return means and log-variances ``(n, M, d)`` of several views, and which are present, ``(n,
    M)``.

    Raises
    ------
    ValueError
        If a sample has none of them.
    """
    import torch

    here = presence(X, modalities)
    for m in modalities:
        check_columns(X, m, model)
    parts = [model.embed_distribution(as_given(X, m), m) for m in modalities]
    means, deviations = (torch.from_numpy(np.stack(part, axis=1))
                         for part in zip(*parts, strict=True))
    return means, 2 * deviations.log(), torch.from_numpy(here)


def presence(X: Views, modalities: Sequence[str]) -> Array:
    """Return which views ``(n, M)`` every sample has, at least one.

    Raises
    ------
    ValueError
        If a sample has none of them.
    """
    here = np.stack([X.has(m) for m in modalities], axis=1)
    missing = int((~here.any(axis=1)).sum())
    if missing:
        raise ValueError(f"X: {missing} samples have none of {list(modalities)}; leave them out.")
    return here


def joined(parts: Sequence[Views], modalities: Sequence[str]) -> Views:
    """Concatenate samples of several `Views`, through the modalities that all have."""
    names = [m for m in modalities if all(m in part for part in parts)]
    return Views.concatenate([part.select(*names) for part in parts])
