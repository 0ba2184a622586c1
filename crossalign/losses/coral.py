"""Distance between the covariances of two batches."""

from __future__ import annotations

from torch import Tensor

from crossalign.losses.batch_mean import no_pairs


def coral(x: Tensor, y: Tensor) -> Tensor:
    """Compute ``|C_x - C_y|_F^2 / (4 d^2)`` for samples ``x (n, d)`` and ``y (m, d)``, a scalar.

    ``C`` are covariances, divided by n - 1 and m - 1 (Sun & Saenko 2016, eq. 1 and 2). Means do not
    enter: two samples that differ by a shift are at distance 0. The unit is the fourth power of the
    samples' unit. A sample of one row has no covariance, and the result is 0.

    Raises
    ------
    ValueError
        If widths differ.
    """
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x, y: shapes {tuple(x.shape)} and {tuple(y.shape)}; give rows of the "
                         "same width")
    if min(len(x), len(y)) < 2:
        return no_pairs(x, y)
    return (_covariance(x) - _covariance(y)).square().sum() / (4 * x.shape[1]**2)


def _covariance(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(dim=0)
    return centred.T @ centred / (len(rows) - 1)
