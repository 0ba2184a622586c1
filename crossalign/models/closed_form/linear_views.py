"""Linear views of a shared space: maps of several modalities that need no training.

`FusionNetQSMA` starts its encoders from one and keeps it beside the codes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crossalign.models.closed_form.common_pca import common_axes
from crossalign.models.closed_form.ridge import ridge_coefficients
from crossalign.models.pairing import Pairs, class_targets
from crossalign.models.rows import Array
from crossalign.preprocessing.rows import Rows

LINEAR_VIEWS = ("ridge", "pca")


def linear_paths(kind: str, rows: Mapping[str, Rows], present: Mapping[str, Array], width: int,
                 seed: int, alpha: float, labels: Array | None = None,
                 own: Mapping[str, int] | None = None) -> dict[str, Array]:
    """Fit maps of scaled rows ``(n, d_m)`` into one space of ``width`` dimensions.

    ``"ridge"`` regresses every modality onto the second, which is put there by a random frame;
    ``"pca"`` takes the principal axes of all, for features of one encoder, see `CommonPCA`.

    Parameters
    ----------
    kind : {"ridge", "pca"}
        Kind of maps.
    rows : mapping of modality to (n_m, d_m) Rows
        Rows of the training samples that have each modality.
    present : mapping of modality to (n,) bool
        Presence of each modality in every sample.
    width : int
        Width of the space.
    seed : int
        Seed of the random frame.
    alpha : float
        Ridge of the regression, on scaled rows as in `RidgeMap`.
    labels : (n,), optional
        Labels, with which rows are paired with all rows of their class; by default each is paired
        with its own sample's, see `models.pairing`.
    own : mapping of modality to int, optional
        Number of leading columns that are the modality's own, which others are regressed onto;
        default all. The columns behind them are features of these.

    Returns
    -------
    mapping of modality to (d_m, width) array

    Raises
    ------
    ValueError
        For ``"pca"`` of modalities that differ in width.
    """
    own = own or {}
    if kind == "pca":
        axes = common_axes({m: x.leading(own.get(m)) for m, x in rows.items()}, width)
        return {m: np.pad(axes, ((0, x.width - len(axes)), (0, width - axes.shape[1])))
                for m, x in rows.items()}
    second = list(rows)[1]
    target = rows[second].leading(own.get(second)).width
    short, long = sorted((target, width))
    frame, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((long, short)))
    frame = frame if target == long else frame.T
    paths = {second: np.pad(frame, ((0, rows[second].width - target), (0, 0)))}
    for name in (m for m in rows if m != second):
        x, y = _partners(rows, present, (name, second), labels)
        paths[name] = ridge_coefficients(x, y.leading(own.get(second)), alpha) @ frame
    return paths


def _partners(rows: Mapping[str, Rows], present: Mapping[str, Array], names: tuple[str, str],
              labels: Array | None) -> tuple[Rows, Rows]:
    """Return rows of one modality and their regression targets in the other, float64."""
    doubled = {m: rows[m].then(lambda x: x.astype(np.float64)) for m in names}
    if labels is None:
        both = present[names[0]] & present[names[1]]
        first, second = (doubled[m].take(both[present[m]]) for m in names)
        return first, second
    return class_targets(Pairs(names, doubled, {m: labels[present[m]] for m in names}), *names)
