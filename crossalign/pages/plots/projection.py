"""Rows of any width as points of a plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.preprocessing.pooling import as_vectors

Array = npt.NDArray[Any]


def tsne(views: Mapping[str, Array], random_state: int = 0) -> dict[str, Array]:
    """Compute the joint t-SNE of rows of several modalities of one width, (n, 2) each.

    PCA to 30 columns comes first; t-SNE starts from the two main components, as in scikit-learn.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    stacked = principal(np.concatenate(list(views.values())), 30)  # (sum n, <= 30)
    n = len(stacked)
    start = stacked[:, :2] if stacked.shape[1] > 1 else np.pad(stacked, ((0, 0), (0, 1)))
    noise = np.random.default_rng(random_state).normal(size=(n, 2))
    start = 1e-4 * (start / max(float(start[:, 0].std()), 1e-12) + 1e-3 * noise)
    if n > 5:
        # Threads that wait for each other at every one of 500 short steps cost ten times what they
        # save as soon as one core is busy with something else.
        with threadpool_limits(1, user_api="openmp"):
            start = TSNE(init=start.astype(np.float32), perplexity=min(30.0, (n - 1) / 3),
                         max_iter=500, random_state=random_state).fit_transform(stacked)
    ends = np.cumsum([len(x) for x in views.values()])[:-1]
    return dict(zip(views, np.split(start, ends), strict=True))


def principal(x: Array, k: int) -> Array:
    """Return at most k principal components, (n, min(k, n, d)) float32."""
    centred = np.asarray(x, dtype=np.float64) - np.mean(x, axis=0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    components: Array = (u[:, :k] * s[:k]).astype(np.float32)
    return components


def side_by_side(views: Mapping[str, Array], width: int = 30) -> dict[str, Array]:
    """Scale each modality's components to unit spread, and pad them with zeros to a common
    width.
    """
    padded = {}
    for m, x in views.items():
        z = principal(x, width)
        z = z / max(float(np.sqrt((z**2).sum(axis=1).mean())), 1e-12)
        padded[m] = np.pad(z, ((0, 0), (0, width - z.shape[1])))
    return padded


def matrix_of(values: npt.ArrayLike) -> Array:
    """Return rows (n, d) unchanged; for token rows (n, t, d), their mean."""
    return as_vectors(np.asarray(values, dtype=np.float32))
