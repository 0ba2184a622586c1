"""Statistics of pairs: centred rows, axes of both covariances and the cross-covariance.

They are all that a linear map of two modalities needs. Covariances are those of the pairs, or of
all rows of a modality, also of samples without the other: few pairs say what belongs together, many
rows say how each modality varies (semi-supervised CCA: Kimura et al., ICPR 2010, at the end where
all rows count alike).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scipy import linalg

from crossalign.models.pairing import Pairs, check_pairs, class_covariance, paired_rows
from crossalign.models.rows import Array
from crossalign.preprocessing.rows import Rows, mean_row, products, rows_of, scatter
from crossalign.preprocessing.scaling import fit_scaling, scaled_rows
from crossalign.types import CLASS_MODALITY, Classes, Views

COVARIANCES = ("pairs", "all")


class PairStatistics(NamedTuple):
    """Statistics of samples, scaling and pairs.

    Attributes
    ----------
    pairs : Pairs
        Rows of the pairs, scaled and less ``means``.
    shift, scale, farthest : mapping of modality to (d_m,)
        Scaling, fitted on the rows of the covariances.
    means : mapping of modality to (d_m,)
        Means of the scaled rows of the covariances.
    axes : mapping of modality to ((d_m,), (d_m, d_m))
        Eigenvalues, ascending, and eigenvectors of the covariances.
    cross : (d_a, d_b)
        Covariance of the two modalities over the pairs, about the means of the pairs.
    """

    pairs: Pairs
    shift: dict[str, Array]
    scale: dict[str, Array]
    farthest: dict[str, Array]
    means: dict[str, Array]
    axes: dict[str, tuple[Array, Array]]
    cross: Array


def pair_statistics(X: Views, classes: Classes | None, model: Any) -> PairStatistics:
    """Compute the statistics for the ``scaling``, ``pairs`` and ``covariances`` of a model.

    Raises
    ------
    ValueError
        If there are fewer than two pairs, or a modality is constant over them.
    """
    pairs = paired_rows(X, classes, model, model.pairs)
    check_pairs(pairs)
    whole = covariance_rows(X, pairs, model.covariances)
    shift, scale, farthest, means, axes, centred = {}, {}, {}, {}, {}, {}
    for name, rows in whole.items():
        fitted = fit_scaling(rows, model.scaling)
        shift[name], scale[name], farthest[name] = (
            fitted[of] for of in ("shift", "scale", "farthest"))
        x = scaled_rows(rows, model.scaling, fitted)
        means[name] = mean_row(x)
        axes[name] = linalg.eigh(scatter(x.less(means[name])) / len(x))
        centred[name] = scaled_rows(pairs.rows[name], model.scaling, fitted).less(means[name])
    pairs = pairs._replace(rows=centred)
    a, b = pairs.names
    if model.pairs == "class":
        cross = class_covariance(pairs, a, b)
    else:
        first, second = (centred[m] if model.covariances == "pairs" else
                         centred[m].less(mean_row(centred[m])) for m in (a, b))
        cross = products(first, second) / len(first)
    return PairStatistics(pairs, shift, scale, farthest, means, axes, cross)


def covariance_rows(X: Views, pairs: Pairs, covariances: str) -> dict[str, Rows]:
    """Return the rows ``(n_m, d_m)`` of each modality whose covariance counts."""
    if covariances == "pairs" or CLASS_MODALITY in pairs.names:
        return dict(pairs.rows)
    return {m: rows_of(X.having(m), m) for m in pairs.names}


def all_are_paired(X: Views) -> bool:
    """Return True if no sample lacks a modality, so that all rows are those of pairs."""
    return all(X.has(m).all() for m in X.modalities)
