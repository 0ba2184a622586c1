"""Mean over queries: those without a relevant item are left out, and counted in a warning."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mean_over_queries(
    values: NDArray[np.float64], mean: Callable[..., Any] = np.mean
) -> NDArray[np.float64]:
    """Average the rows that are not NaN, with a warning that counts the others.

    Parameters
    ----------
    values : (q,) or (q, w)
        Values of the queries; a row is NaN if its query has no relevant item.
    mean : callable
        Average to take, a function with an argument `axis`; default `numpy.mean`.

    Returns
    -------
    ndarray
        () or (w,) float64; NaN if every row is.
    """
    answerable = ~np.isnan(values.reshape(len(values), -1)[:, 0])  # (q,)
    missing = len(values) - np.count_nonzero(answerable)
    if missing:
        warnings.warn(
            f"{missing} of {len(values)} queries have no relevant item in the gallery and are left "
            "out of the mean",
            stacklevel=3,
        )
    if missing == len(values):
        return np.full(values.shape[1:], np.nan)
    return np.asarray(mean(values[answerable], axis=0))
