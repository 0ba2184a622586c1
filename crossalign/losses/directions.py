"""Directions along which distributions are sliced."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crossalign.sobol import BITS, sobol_digits

KINDS = ("orthogonal", "iid", "sobol")


def directions(noise: Tensor, kind: str = "orthogonal") -> Tensor:
    """Unit rows ``(L, d)`` out of standard normal noise ``(L, d)``.

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
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(KINDS)}")
    if kind == "orthogonal":
        width = noise.shape[1]
        return torch.cat([_frame(noise[at:at + width]) for at in range(0, len(noise), width)])
    return functional.normalize(noise if kind == "iid" else _shifted_sobol(noise))


def _frame(block: Tensor) -> Tensor:
    """Orthonormal rows ``(k, d)``, k <= d, that span those of the block."""
    q, r = torch.linalg.qr(block.T)                                          # (d, k), (k, k)
    frame: Tensor = q * r.diagonal().sign()
    return frame.T


def _shifted_sobol(noise: Tensor) -> Tensor:
    """Standard normal points ``(L, d)`` of low discrepancy."""
    least = 2.0**-BITS
    shift = (torch.special.ndtr(noise[0]).clamp(max=1 - least) * 2**BITS).int()
    digits = sobol_digits(len(noise), noise.shape[1], noise.device)
    uniform = ((digits ^ shift).to(noise.dtype) / 2**BITS).clamp(least, 1 - least)
    points: Tensor = torch.special.ndtri(uniform)
    return points
