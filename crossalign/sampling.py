"""Sampling that spreads draws evenly: Sobol points, slicing directions, quasi-random noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional
from torch.quasirandom import SobolEngine

DIRECTIONS = ("orthogonal", "iid", "sobol")
"""Kinds of slicing directions."""
SAMPLINGS = ("quasi", "iid")
"""Kinds of normal noise."""
FEWEST_SOBOL = 8
"""Number of draws from which a Sobol set is used; fewer are antithetic pairs."""
BITS = 24
"""Binary digits of a uniform number in float32."""
CELLS = 1 << BITS
"""Number of values that a uniform number in float32 takes."""


def directions(noise: Tensor, kind: str = "orthogonal") -> Tensor:
    """Turn standard normal noise ``(L, d)`` into unit rows ``(L, d)`` along which to slice.

    Every row is uniform on the sphere in every kind, so that a mean over rows is unbiased; the
    kinds differ in how the rows depend on each other, hence in its variance.

    ``"orthogonal"``: each block of d rows is an orthonormal frame drawn from the Haar measure (QR
    with positive diagonal, Mezzadri 2007), and so is what L leaves over; blocks are independent.

    ``"iid"``: the rows of the noise, normalised.

    ``"sobol"``: a Sobol set of L points, scrambled once and for all, whose binary digits are
    flipped where the first row of the noise, made uniform, has ones (a random digital shift:
    L'Ecuyer & Lemieux 2002), through the inverse normal distribution function, normalised. It has
    the variance of a set that is scrambled anew every time and is made many times faster.

    Raises
    ------
    ValueError
        If ``kind`` is none of these.
    """
    if kind not in DIRECTIONS:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(DIRECTIONS)}")
    if kind == "orthogonal":
        width = noise.shape[1]
        return torch.cat([_frame(noise[at:at + width]) for at in range(0, len(noise), width)])
    return functional.normalize(noise if kind == "iid" else _shifted_sobol(noise))


def _frame(block: Tensor) -> Tensor:
    """Return orthonormal rows ``(k, d)``, k <= d, that span those of the block."""
    q, r = torch.linalg.qr(block.T)                                          # (d, k), (k, k)
    frame: Tensor = q * r.diagonal().sign()
    return frame.T


def _shifted_sobol(noise: Tensor) -> Tensor:
    """Return standard normal points ``(L, d)`` of low discrepancy."""
    least = 2.0**-BITS
    shift = (torch.special.ndtr(noise[0]).clamp(max=1 - least) * 2**BITS).int()
    digits = sobol_digits(len(noise), noise.shape[1], noise.device)
    uniform = ((digits ^ shift).to(noise.dtype) / 2**BITS).clamp(least, 1 - least)
    points: Tensor = torch.special.ndtri(uniform)
    return points


def quasi_normal(samples: int, latent: int, uniform: Callable[..., Tensor],
                 kind: str = "quasi") -> Tensor:
    """Draw noise ``(samples, n, latent)``, every draw of which is standard normal.

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
        Number S of draws for each row.
    latent : int
        Width d of a draw.
    uniform : callable
        Source of randomness: ``uniform(*tail)`` gives uniform noise ``(n, *tail)`` on [0, 1), as
        `training.Batch` does.
    kind : {"quasi", "iid"}
        Kind of draws; default ``"quasi"``.

    Raises
    ------
    ValueError
        If ``samples`` is below 1, or from 8 on no power of two for ``"quasi"``.
    """
    if samples < 1:
        raise ValueError(f"samples={samples} draws nothing; give at least 1")
    if kind not in SAMPLINGS:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(SAMPLINGS)}")
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
    """Apply the inverse normal distribution function, within 5.3 standard deviations."""
    least = 1 / CELLS
    centred = 2 * uniform.clamp(least, 1 - least) - 1
    return math.sqrt(2) * torch.erfinv(centred)                              # faster than ndtri


def sobol_digits(count: int, width: int, device: torch.device) -> Tensor:
    """Return a scrambled Sobol set ``(count, width)``, as int32 of its first `BITS` binary
    digits.
    """
    return _draw(count, width, device)


def keep_from_compiler() -> None:
    """Let ``torch.compile`` pass over the drawing; call it before a network is compiled.

    It imports the compiler, which takes as long as the rest of torch and is mostly not needed.
    """
    global _draw
    _draw = torch.compiler.disable(_drawn)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=32)
def _drawn(count: int, width: int, device: torch.device) -> Tensor:
    engine = SobolEngine(width, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    digits: Tensor = (engine.draw(count, dtype=torch.float64) * 2**BITS).int()
    return digits.to(device)


_draw: Callable[[int, int, torch.device], Tensor] = _drawn
