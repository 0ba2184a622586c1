"""Smoothness of an encoder: a mixture of inputs lies on the geodesic between their codes."""

from __future__ import annotations

import torch
from torch import Tensor

from crossalign.losses.batch_mean import batch_mean

COINCIDENT, ANTIPODAL = 1e-12, 1e-6
"""Added to the squared length of the difference, and of the sum, of two unit rows."""


def slerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Return the point at ``t`` in [0, 1] of the great circle from ``a`` to ``b``, unit rows ``(n,
    d)``.

    ``t`` is one number or ``(n, 1)``. With the angle w, sum ``s = a + b`` and ``r = b - a``, which
    are perpendicular, it is ``cos((t - 1/2) w) s / |s| + sin((t - 1/2) w) r / |r|``: the formula of
    Shoemake (1985) without the sine of w in a denominator. Values and gradients are finite
    everywhere. Between antipodes no great circle is the shortest; there the point leaves the sphere
    and takes the chord's direction, and within about 0.001 of them it is damped.
    """
    total, difference = a + b, b - a
    long = (total.square().sum(dim=1, keepdim=True) + ANTIPODAL).sqrt()
    short = (difference.square().sum(dim=1, keepdim=True) + COINCIDENT).sqrt()
    angle = (t - 0.5) * 2 * torch.atan2(short, long)
    return angle.cos() * total / long + angle.sin() * difference / short


def interpolation_gap(encoded_mix: Tensor, a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Compute the squared distance of the code of a mixture to the mixture of the codes, a scalar.

    ``encoded_mix (n, d)`` is the code of ``(1 - t) x_a + t x_b``, and ``a``, ``b`` are those of
    ``x_a`` and ``x_b``; `slerp` mixes them. Summed over dimensions, averaged over the batch
    (interpolation consistency as of Verma et al. 2019, along geodesics).
    """
    return batch_mean((encoded_mix - slerp(a, b, t)).square().sum(dim=1))
