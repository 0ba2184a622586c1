"""The K best tokens of a sample, selected so that the selection can be learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossalign.networks.smoothed_topk import SmoothedTopK, count_columns, top_columns

GRADIENTS = ("full", "author")
POOLS = (None, "sum")


def tokens_kept(n: int, ratio: float) -> int:
    """Return ``ratio`` of ``n`` tokens, rounded to a whole number, at least one."""
    return min(n, max(1, round(ratio * n)))


def hard_topk(scores: Tensor, k: int, mask: Tensor | None = None,
              pool: str | None = None) -> Tensor:
    """Return indicators of the k highest scores ``(b, n)``, with no noise and no gradient.

    The indicators are ``(b, k, n)``, one 1 a row, rows in order of position; among equal scores the
    first positions are taken. ``pool="sum"`` gives the sum over k, ``(b, n)``. Tokens where ``mask
    (b, n)`` is False are never selected; with fewer than k left, the last rows are zero.
    """
    exact = _prepared(scores.detach(), k, mask, pool)
    counts, _ = count_columns(top_columns(exact, k)[:, None], exact.shape[1], pool)
    return counts.to(exact.dtype)


def perturbed_topk(scores: Tensor, k: int, noise: Tensor | torch.Generator, *, samples: int = 1000,
                   sigma: float = 0.05, mask: Tensor | None = None, pool: str | None = None,
                   grad: str = "full", antithetic: bool = True) -> Tensor:
    """Estimate the expected indicators of the k highest of ``scores + sigma Z``, Z standard normal.

    The smoothed top-K of Cordonnier et al. (2021), after Berthet et al. (2020): row j of the result
    is ``E_Z[onehot(position of the j-th selected token)]``, the selected tokens sorted by position.
    Its Jacobian is ``E_Z[Y Z^T] / sigma``. Both expectations are means over ``samples`` draws.

    Only the positions are kept (``b * samples * k`` integers), and one-hot vectors never exist.
    Noise from a generator is drawn a second time in the backward pass instead of stored, except
    for up to 8 MB of it on a CPU.

    Parameters
    ----------
    scores : Tensor
        Scores ``(b, n)``. Half precision is computed, and returned, as float32.
    k : int
        Number of tokens to select.
    noise : Tensor or torch.Generator
        Standard normal values ``(b, samples, n)``, or a generator to draw them.
    samples : int
        Number of draws from a generator; default 1000.
    sigma : float
        Standard deviation of the noise; default 0.05.
    mask : Tensor, optional
        Real tokens, ``(b, n)`` bool. The others are never selected and get no gradient; with fewer
        than k real tokens in a sample, its last rows are zero.
    pool : str, optional
        Pooling of the result, default none; ``"sum"`` is the sum over k, ``(b, n)``, without ever
        making ``(b, k, n)``.
    grad : str
        Gradient; default ``"full"``. ``"author"`` is the diagonal of the Jacobian, which FGAN's
        public code uses: a token learns only from draws that selected it, which is not the true
        gradient.
    antithetic : bool
        Whether to draw half the noise and use it with both signs, default True: as unbiased, less
        variance.

    Returns
    -------
    Tensor
        Expected indicators ``(b, k, n)``, or ``(b, n)`` when pooled.

    Raises
    ------
    ValueError
        On a shape, number or word that does not fit.
    """
    exact = _prepared(scores, k, mask, pool)
    if grad not in GRADIENTS:
        raise ValueError(f"grad: got {grad!r}; choose from {', '.join(GRADIENTS)}.")
    if not sigma > 0:
        raise ValueError(f"sigma: got {sigma}; give a positive number, or use hard_topk.")
    if isinstance(noise, Tensor):
        if noise.ndim != 3 or (len(noise), noise.shape[2]) != scores.shape:
            raise ValueError(f"noise: shape {tuple(noise.shape)}; give "
                             f"({len(scores)}, samples, {scores.shape[1]}).")
        samples, antithetic = noise.shape[1], False
    elif samples < 1 or (antithetic and samples % 2):
        raise ValueError(f"samples: got {samples}; give a positive number, even if antithetic.")
    result: Tensor = SmoothedTopK.apply(  # type: ignore[no-untyped-call]
        exact, k, noise, samples, sigma, pool, grad, antithetic)
    return result


class PerturbedTopK(nn.Module):
    """Module for `perturbed_topk` while training and `hard_topk` in evaluation.

    Unlike the authors of FGAN, who perturb in evaluation too, this follows Cordonnier et al.

    Parameters
    ----------
    k : int, optional
        Number of tokens to select.
    ratio : float, optional
        Share of all tokens, padding included, to select instead of k, see `tokens_kept`.
    samples, sigma, pool, grad, antithetic
        Settings of `perturbed_topk`.
    """

    def __init__(self, k: int | None = None, ratio: float | None = None, samples: int = 1000,
                 sigma: float = 0.05, grad: str = "full", pool: str | None = None,
                 antithetic: bool = True) -> None:
        super().__init__()
        if (k is None) == (ratio is None):
            raise ValueError(f"k: got {k} with ratio {ratio}; give one of the two.")
        self.k, self.ratio, self.pool = k, ratio, pool
        self.samples, self.sigma, self.grad, self.antithetic = samples, sigma, grad, antithetic

    def forward(self, scores: Tensor, mask: Tensor | None = None,
                noise: Tensor | torch.Generator | None = None) -> Tensor:
        """Return indicators ``(b, k, n)``, or weights ``(b, n)``, for ``scores (b, n)``."""
        k = self.k if self.ratio is None else tokens_kept(scores.shape[1], self.ratio)
        assert k is not None
        if not self.training:
            return hard_topk(scores, k, mask, self.pool)
        if noise is None:
            raise ValueError("noise: got None in training; give a torch.Generator or a tensor.")
        return perturbed_topk(scores, k, noise, samples=self.samples, sigma=self.sigma, mask=mask,
                              pool=self.pool, grad=self.grad, antithetic=self.antithetic)


def _prepared(scores: Tensor, k: int, mask: Tensor | None, pool: str | None) -> Tensor:
    """Return scores ``(b, n)`` in single precision or better, -inf where masked."""
    if scores.ndim != 2:
        raise ValueError(f"scores: shape {tuple(scores.shape)}; give (b, n).")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k: got {k} of {scores.shape[1]} tokens; select from 1 to all of them.")
    if pool not in POOLS:
        raise ValueError(f"pool: got {pool!r}; choose None or 'sum'.")
    exact = scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores
    if mask is None:
        return exact
    if mask.shape != scores.shape or mask.dtype != torch.bool:
        raise ValueError(f"mask: {mask.dtype} of shape {tuple(mask.shape)}; give bools "
                         f"{tuple(scores.shape)}, True for a token.")
    return exact.masked_fill(~mask, -torch.inf)
