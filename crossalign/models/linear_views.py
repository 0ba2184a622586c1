"""Linear views of a shared space: maps of several modalities that need no training.

`FusionNetQSMA` starts its encoders from one and keeps it beside the codes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import linalg

from crossalign.models.base import Array
from crossalign.models.common_pca import common_axes

LINEAR_VIEWS = ("ridge", "pca")
RIDGE = 1000.0
"""Of the regression, on standardised rows as in `RidgeMap`."""


def linear_paths(kind: str, rows: Mapping[str, Array], present: Mapping[str, Array], width: int,
                 seed: int) -> dict[str, Array]:
    """Maps of scaled rows ``(n, d_m)`` into one space of so many dimensions.

    ``"ridge"`` regresses every modality onto the second, which is put there by a random frame;
    ``"pca"`` takes the principal axes of all, for features of one encoder, see `CommonPCA`.

    Parameters
    ----------
    kind : {"ridge", "pca"}
    rows : mapping of modality to (n, d_m) array
        Training rows, sample by sample.
    present : mapping of modality to (n,) bool
        Which samples have it.
    width, seed : int
        Of the space; of the frame.

    Returns
    -------
    mapping of modality to (d_m, width) array

    Raises
    ------
    ValueError
        For ``"pca"`` of modalities that differ in width.
    """
    if kind == "pca":
        axes = common_axes({m: x[present[m]] for m, x in rows.items()}, width)
        return dict.fromkeys(rows, np.pad(axes, ((0, 0), (0, width - axes.shape[1]))))
    second = list(rows)[1]
    target = rows[second]
    short, long = sorted((target.shape[1], width))
    frame, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((long, short)))
    paths = {second: frame if target.shape[1] == long else frame.T}
    for name in (m for m in rows if m != second):
        both = present[name] & present[second]
        x, y = (part[both].astype(np.float64) for part in (rows[name], target))
        gram = x.T @ x + RIDGE * np.eye(x.shape[1])
        paths[name] = linalg.solve(gram, x.T @ y, assume_a="pos") @ paths[second]
    return paths
