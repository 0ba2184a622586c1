"""Cross-weighting: two codes of one sample, re-weighted by the products of their dimensions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

FORMS = ("plain", "residual", "scaled")


def cross_weighting(z_x: Tensor, z_a: Tensor, form: str = "residual") -> tuple[Tensor, Tensor]:
    """Apply Vision-Semantic Alignment to the codes ``(n, d)`` of two modalities (ACMR, Fig. 4).

    ``R = z_x z_a^T`` is d by d for every sample, ``S`` its softmax over the index of ``z_x`` (every
    column sums to one), and both codes are multiplied by ``S``.

    ``form="plain"`` is the authors' code. ``"scaled"`` divides ``R`` by ``sqrt(d)``, the normaliser
    of the paper's figure: ``S`` is then nearly uniform and passes on little more than the mean of a
    code. ``"residual"`` is the scaled form added to the code itself.
    """
    scale = 1.0 if form == "plain" else z_x.shape[1]**-0.5
    exact = [z.float() if z.dtype in (torch.bfloat16, torch.float16) else z for z in (z_x, z_a)]
    with torch.autocast(z_x.device.type, enabled=False):
        x, a = _Weighted.apply(*exact, scale)  # type: ignore[no-untyped-call]
    return (z_x + x, z_a + a) if form == "residual" else (x, a)


class _Weighted(torch.autograd.Function):
    """Products ``(S z_x, S z_a)`` that touch the ``(n, d, d)`` weights as rarely as possible.

    With ``E[j, i] = exp(c a_j x_i - top_j)`` and ``s`` its row sums, ``S^T = E / s``; the largest
    entry of a row is at the largest or the smallest ``x_i``, depending on the sign of ``a_j``. In
    the backward pass the gradient of the softmax falls apart into products of E with vectors, so
    nothing else of that size is made.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, scale: float) -> Any:
        """Return both weighted codes ``(n, d)``."""
        c = scale * a
        top = torch.where(c > 0, c * x.amax(1, keepdim=True), c * x.amin(1, keepdim=True))
        weights = torch.addcmul(-top[:, :, None], c[:, :, None], x[:, None, :]).exp_()
        inverse = weights.sum(dim=2).reciprocal_()                           # (n, d), 1 / s
        ctx.save_for_backward(x, a, weights, inverse)
        ctx.scale = scale
        return _columns(torch.bmm(torch.stack([x * inverse, a * inverse], 1), weights))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Return the gradients ``(n, d)`` of both codes."""
        x, a, weights, inverse = ctx.saved_tensors
        g_x, g_a = gradients
        right = torch.stack([g_x, g_a, g_x * x, g_a * x, x], dim=2)          # (n, d, 5)
        p, q, px, qx, mean = (inverse[:, :, None] * torch.bmm(weights, right)).unbind(2)
        r = x * p + a * q
        left = torch.stack([x * a, a * a, r * a], dim=1) * inverse[:, None]  # (n, 3, d)
        u, v, w = _columns(torch.bmm(left, weights))
        return (p + ctx.scale * (g_x * u + g_a * v - w),
                q + ctx.scale * (x * px + a * qx - r * mean), None)


def _columns(stacked: Tensor) -> tuple[Tensor, ...]:
    return stacked.unbind(dim=1)
