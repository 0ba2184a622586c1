"""Iterative quantisation: binary codes by the rotation that loses least when only signs are kept.

Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary Codes" (CVPR
2011). With V the first principal components of centred rows, their eq. 2 is

    Q(B, R) = |B - V R|^2,   B of signs, R orthogonal,

lowered in turn by B = sign(V R) and by the R of the orthogonal Procrustes problem. Any rotation
keeps distances, but not those of signs: unrotated components carry very different variance and each
gets one bit.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import BaseEstimator

from crossalign.index.base import check_vectors

Array = npt.NDArray[Any]


def principal_axes(rows: Array, count: int) -> tuple[Array, Array]:
    """Return the mean ``(d,)`` and the first ``count`` principal axes ``(d, count)`` of rows ``(n,
    d)``.

    The largest entry of an axis is positive, so that a solver's choice of sign does not matter.
    """
    mean = rows.mean(axis=0)
    centred = rows - mean
    width = rows.shape[1]
    _, axes = linalg.eigh(centred.T @ centred, subset_by_index=[width - count, width - 1])
    axes = axes[:, ::-1]                                         # (d, count), largest first
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    return mean, np.asarray(axes * signs)


def rotate_to_signs(projected: Array, iterations: int, seed: int) -> tuple[Array, Array]:
    """Find the rotation R ``(b, b)`` of rows V ``(n, b)``; also return Q(sign(V R), R) per
    iteration.

    It starts from a random rotation, drawn from ``seed``; the loss never rises.
    """
    noise = np.random.default_rng(seed).standard_normal((projected.shape[1],) * 2)
    rotation = np.linalg.qr(noise)[0]
    losses = np.empty(iterations)
    for i in range(iterations):
        rotated = projected @ rotation
        signs = np.where(rotated >= 0, 1.0, -1.0)
        losses[i] = ((signs - rotated)**2).sum()
        left, _, right = np.linalg.svd(projected.T @ signs)      # (b, b) each
        rotation = left @ right
    return rotation, losses


class ITQ(BaseEstimator):  # type: ignore[misc]
    """Binary codes of ``bits`` bits, learned from training rows alone.

    Parameters
    ----------
    bits : int
        Length of a code, at most the width of the rows; default 64.
    iterations : int
        Number of iterations; default 50, as in the paper.
    seed : int
        Seed of the first rotation; default 0.

    Attributes
    ----------
    mean_ : (d,)
    projection_ : (d, bits)
        Principal axes, rotated.
    losses_ : (iterations,)
        Squared distance of signs and rotated rows, summed over the training rows.

    Raises
    ------
    ValueError
        For less than one bit or iteration.
    """

    learned = MappingProxyType({"mean_": np.ndarray, "projection_": np.ndarray,
                                "losses_": np.ndarray})

    def __init__(self, bits: int = 64, iterations: int = 50, seed: int = 0) -> None:
        for name, value in (("bits", bits), ("iterations", iterations)):
            if value < 1:
                raise ValueError(f"{name}: got {value}; give a positive number.")
        self.bits, self.iterations, self.seed = bits, iterations, seed

    def fit(self, rows: npt.ArrayLike) -> Self:
        """Learn axes and rotation from training rows ``(n, d)``.

        Raises
        ------
        ValueError
            If there are fewer columns than bits or fewer than two rows, or for NaN or infinity.
        """
        x = np.asarray(rows)
        if x.ndim != 2 or len(x) < 2:
            raise ValueError(f"rows: shape {x.shape}; give two training rows or more, (n, d).")
        if x.shape[1] < self.bits:
            raise ValueError(f"bits: got {self.bits} for embeddings of width {x.shape[1]}; ask for "
                             "at most as many bits as columns.")
        x = check_vectors(x, x.shape[1]).astype(np.float64)
        self.mean_, axes = principal_axes(x, self.bits)
        rotation, self.losses_ = rotate_to_signs((x - self.mean_) @ axes, self.iterations,
                                                 self.seed)
        self.projection_ = axes @ rotation
        return self

    def encode(self, rows: npt.ArrayLike) -> Array:
        """Return the codes ``(n, ceil(bits / 8))`` uint8 of rows ``(n, d)``; bits past the last are
        0.

        Raises
        ------
        ValueError
            If there was no fit, or rows are not of its width.
        """
        if not hasattr(self, "projection_"):
            raise ValueError("rows: these codes are not fitted; call fit on training rows first.")
        x = check_vectors(rows, len(self.mean_)).astype(np.float64)
        return np.packbits((x - self.mean_) @ self.projection_ >= 0, axis=1)
