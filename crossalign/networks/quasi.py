"""Standard normal noise whose draws for one row are spread evenly rather than independent."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from crossalign.sobol import BITS, sobol_digits

KINDS = ("quasi", "iid")
FEWEST_SOBOL = 8
"""Fewer draws than this are better spent on antithetic pairs."""
CELLS = 1 << BITS
"""Values that a uniform number in float32 takes."""


def quasi_normal(samples: int, latent: int, uniform: Callable[..., Tensor],
                 kind: str = "quasi") -> Tensor:
    """Noise ``(samples, n, latent)``, every draw of which is standard normal.

    All randomness comes from one call of ``uniform``, and rows of it give rows of the noise, so a
    rank that holds some rows draws what one process would draw for them. Means over the draws
    are unbiased in every kind; they differ in variance.

    ``"quasi"``: one plain draw; antithetic pairs ``z, -z`` below eight draws, and one plain draw
    more if their number is odd; from eight on, a scrambled Sobol set with a random digital shift
    per row and dimension, through the inverse normal distribution function (randomised quasi-Monte
    Carlo: L'Ecuyer & Lemieux 2002; for variational losses Buchholz, Wenzel & Mandt 2018). The shift
    acts on binary digits. Added modulo 1 it would move all points of a row together, and its
    variance at eight draws is three times as large.

    ``"iid"``: independent draws.

    Parameters
    ----------
    samples : int
        S, number of draws for each row.
    latent : int
        d.
    uniform : callable
        ``uniform(*tail)`` gives uniform noise ``(n, *tail)`` on [0, 1), as `training.Batch` does.
    kind : {"quasi", "iid"}

    Raises
    ------
    ValueError
        If ``samples`` is below 1, or from 8 on no power of two for ``"quasi"``.
    """
    if samples < 1:
        raise ValueError(f"samples={samples} draws nothing; give at least 1")
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(KINDS)}")
    if kind == "iid" or samples == 1:
        return _normal(uniform(samples, latent)).movedim(1, 0)
    if samples < FEWEST_SOBOL:
        z = _normal(uniform((samples + 1) // 2, latent)).movedim(1, 0)
        return torch.cat([z, -z])[:samples]
    if samples & (samples - 1):
        raise ValueError(f"samples={samples} is no power of two, which a Sobol set must be; give "
                         f"{1 << samples.bit_length() - 1} or {1 << samples.bit_length()}")
    noise = uniform(latent)                                                  # (n, d)
    shift = (noise * CELLS).int()
    points = sobol_digits(samples, latent, noise.device)                     # (S, d)
    shifted = points[:, None] ^ shift                                        # (S, n, d)
    return _normal(shifted.to(noise.dtype) / CELLS)


def _normal(uniform: Tensor) -> Tensor:
    """Inverse of the normal distribution function, within 5.3 standard deviations."""
    least = 1 / CELLS
    centred = 2 * uniform.clamp(least, 1 - least) - 1
    return math.sqrt(2) * torch.erfinv(centred)                              # faster than ndtri
