"""Alignment of two modalities' label distributions with each other and with a target."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from crossalign.losses.batch_mean import batch_mean

PAPER, CODE = 0.5, 0.25
"""Factors of the four divergences in FGAN's eq. 24-25 and in its code."""


def label_alignment(logits_a: Tensor, logits_b: Tensor, target: Tensor,
                    factor: float = CODE) -> Tensor:
    """Compute four divergences between label distributions, a scalar in nats (FGAN: Ge et al.
    2025).

    With ``g_a, g_b`` the softmax of logits ``(n, L)`` and ``target (n, L)`` rows of probabilities
    tau, ``factor * [KL(tau || g_a) + KL(tau || g_b) + KL(g_a || g_b) + KL(g_b || g_a)]``, averaged
    over the batch (eq. 24-26). Gradients flow through both sides of the last two, as in the
    authors' code.
    """
    a, b = functional.log_softmax(logits_a, dim=1), functional.log_softmax(logits_b, dim=1)
    # kl_div(log q, p) is KL(p || q); labels of target 0 add nothing
    to_target = (functional.kl_div(a, target, reduction="sum") / max(len(a), 1)
                 + functional.kl_div(b, target, reduction="sum") / max(len(b), 1))
    mutual = batch_mean(((a.exp() - b.exp()) * (a - b)).sum(dim=1))
    return factor * (to_target + mutual)
