"""Alignment of two modalities in the shared space, with or without paired rows."""

import numpy as np
from numpy.typing import ArrayLike

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import Array, as_rows, check_same_length


def cmae(a: ArrayLike, b: ArrayLike) -> float:
    """Compute the cross-modal alignment error: the mean squared distance of paired embeddings.

    (1/n) sum_i ||a_i - b_i||^2, which is ||A1 X1 - A2 X2||_F^2 / n when the embeddings are the
    linear maps A1 X1 and A2 X2 of Kamboj and Do, "Towards Achieving Perfect Multimodal Alignment",
    arXiv 2503.15352. It has the unit of the space, squared: shrinking the space shrinks it, so
    compare it only between spaces of the same scale, or use `normalised_cmae`.

    Parameters
    ----------
    a : (n, d)
        Embeddings of one modality.
    b : (n, d)
        Embeddings of the other modality; row i is the pair of row i of ``a``.

    Returns
    -------
    float
        A number >= 0, computed in float64; 0 is perfect alignment.

    Raises
    ------
    ValueError
        Shapes differ, or NaN or infinity inside.
    """
    first, second = _two("a", a, "b", b)
    check_same_length("a", first, "b", second)
    difference = first.astype(np.float64) - second
    return float(np.einsum("nd,nd->", difference, difference) / len(difference))


def normalised_cmae(correlations: ArrayLike) -> float:
    """Compute one minus the mean canonical correlation: an alignment error without a unit.

    With both modalities whitened, the squared distance of a pair along one canonical direction is
    2 (1 - rho) on average; this is the mean of that over directions, halved.

    Parameters
    ----------
    correlations : (k,)
        Canonical correlations, each in [-1, 1].

    Returns
    -------
    float
        A number in [0, 2]; 0 is perfect alignment, 1 is none.

    Raises
    ------
    ValueError
        Empty, NaN, or a value outside [-1, 1] by more than rounding.
    """
    rho = as_numbers("correlations", correlations).astype(np.float64, copy=False)
    if rho.ndim != 1 or rho.size == 0:
        raise ValueError(f"correlations: got shape {rho.shape}; give a non-empty (k,) array.")
    if not (np.abs(rho) <= 1 + 1e-6).all():
        raise ValueError(
            f"correlations: got {rho[~(np.abs(rho) <= 1 + 1e-6)][0]} inside; "
            "give values between -1 and 1."
        )
    return float(1.0 - rho.clip(-1, 1).mean())


def modality_gap(a: ArrayLike, b: ArrayLike) -> float:
    """Compute the distance between the mean embeddings of two modalities, on unit rows.

    ||mean(a) - mean(b)|| after scaling every row to length one (Liang et al., "Mind the Gap",
    NeurIPS 2022). The rows need not be paired.

    Parameters
    ----------
    a : (n, d)
        Embeddings of one modality.
    b : (m, d)
        Embeddings of the other modality.

    Returns
    -------
    float
        A number in [0, 2], computed in float64.

    Raises
    ------
    ValueError
        Widths differ, NaN or infinity inside, or a row of zeros.
    """
    first, second = _two("a", a, "b", b)
    gap = _unit("a", first).mean(axis=0) - _unit("b", second).mean(axis=0)  # (d,)
    return float(np.linalg.norm(gap))


def _two(name: str, a: ArrayLike, other_name: str, b: ArrayLike) -> tuple[Array, Array]:
    """Return both arrays, checked to be of one width."""
    first, second = as_rows(name, a), as_rows(other_name, b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{name}: got width {first.shape[1]} and {other_name} has width {second.shape[1]}; "
            "give two embeddings in the same space."
        )
    return first, second


def _unit(name: str, rows: Array) -> Array:
    """Scale rows to length one, in float64."""
    wide = rows.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    if not length.all():
        raise ValueError(
            f"{name}: got a row of zeros at {int(np.argmin(length))}; drop rows without direction."
        )
    return np.asarray(wide / length)
