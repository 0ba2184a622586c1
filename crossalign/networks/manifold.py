"""Iterative projection onto a shared manifold: the unit sphere, with anchors that attract."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

SPREADS = ("carry", "delta")


class ManifoldProjection(nn.Module):
    """Weight-tied steps towards shared anchors on the unit sphere of R^d.

    From ``z_0 = mean / |mean|``, with the K anchors as rows of A,

        p_t = softmax(A z_t / tau),   z_{t+1} = normalise((1 - alpha) z_t + alpha A^T p_t)

    as in a modern Hopfield network (Ramsauer et al. 2021). ``f(z) = tau logsumexp(A z / tau)`` is
    convex with gradient ``A^T p``, so a step maximises a linear minorant of f plus a term that is
    constant on the sphere: f never falls, whatever A, tau and alpha are (the generalised power
    method, Journee et al. 2010). Before it is normalised, a step has Lipschitz constant at most
    ``(1 - alpha) + alpha |A|_2^2 / (2 tau)``: a high temperature makes it small and draws all
    points together.

    Anchors are used as unit rows, so ``|A|_2^2 <= K`` and tau alone says how sharp p is. One module
    serves all modalities. With ``steps=0`` there are no anchors and only the normalisation is left.

    Parameters
    ----------
    latent : int
        Width d of the points.
    anchors : int
        Number K of anchors; default 32.
    steps : int
        Number of steps; default 3.
    alpha : float
        Pull of the anchors, in (0, 1]; default 0.3.
    temperature : float
        Temperature tau of the softmax over anchors; default 0.2.
    spread : {"carry", "delta"}
        Propagation of the variance, which is that around z_0 on the sphere; default ``"carry"``,
        which leaves it as it is. ``"delta"`` makes it the diagonal of ``J diag(sigma^2) J^T`` with
        J the Jacobian of all steps, and keeps ``(n, d, d)``.

    Raises
    ------
    ValueError
        For a negative number of steps, no anchors, or alpha, temperature or spread out of range.
    """

    def __init__(self, latent: int, anchors: int = 32, steps: int = 3, alpha: float = 0.3,
                 temperature: float = 0.2, spread: str = "carry") -> None:
        super().__init__()
        _check(anchors, steps, alpha, temperature, spread)
        self.steps, self.alpha, self.temperature, self.spread = steps, alpha, temperature, spread
        self.anchors = nn.Linear(latent, anchors, bias=False) if steps > 0 else None

    def unit_anchors(self) -> Tensor:
        """Return A ``(K, d)``, unit rows; without steps there are none, which is a ValueError."""
        if self.anchors is None:
            raise ValueError("steps=0 leaves no anchors; give at least 1 step")
        return normalize(self.anchors.weight, dim=1)

    def forward(self, mean: Tensor, logvar: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return unit rows ``(..., d)`` and their log-variance of that shape, None if none is
        given.
        """
        z = normalize(mean, dim=-1)
        if self.anchors is None:
            return z, logvar
        shifts = None
        if logvar is not None and self.spread == "delta":
            shifts = torch.diag_embed((0.5 * logvar).exp())                  # (..., d, d)
        anchors = self.unit_anchors()
        for _ in range(self.steps):
            z, shifts = step(z, anchors, self.alpha, self.temperature, shifts)
        if shifts is not None:
            variance = shifts.square().sum(dim=-2)
            logvar = variance.clamp_min(torch.finfo(variance.dtype).tiny).log()
        return z, logvar

    def objective(self, z: Tensor) -> Tensor:
        """Compute ``tau logsumexp(A z / tau)`` ``(...)`` for unit rows ``(..., d)``; no step lowers
        it.
        """
        scores = z @ self.unit_anchors().T / self.temperature                # (..., K)
        return self.temperature * scores.logsumexp(dim=-1)


def step(z: Tensor, anchors: Tensor, alpha: float, temperature: float,
         shifts: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Take one step of unit rows ``(..., d)``, and move m small shifts ``(..., m, d)`` of each
    along.

    A shift is multiplied by the Jacobian ``Pi' ((1 - alpha) I + alpha/tau A^T (diag p - p p^T) A)``
    with ``Pi' = (I - z z^T) / |v|`` at the new z, where v is the vector to be normalised.
    """
    p = (z @ anchors.T / temperature).softmax(dim=-1)                        # (..., K)
    ahead = (1 - alpha) * z + alpha * (p @ anchors)
    z = normalize(ahead, dim=-1)
    if shifts is None:
        return z, None
    scores = shifts @ anchors.T                                              # (..., m, K)
    pull = (scores - scores @ p[..., None]) * p[..., None, :] @ anchors
    shifts = (1 - alpha) * shifts + alpha / temperature * pull
    tangent = shifts - (shifts @ z[..., None]) * z[..., None, :]
    return z, tangent / ahead.norm(dim=-1)[..., None, None]


def _check(anchors: int, steps: int, alpha: float, temperature: float, spread: str) -> None:
    if steps < 0:
        raise ValueError(f"steps={steps} is negative; give 0 for plain normalisation or more")
    if steps > 0 and anchors < 1:
        raise ValueError(f"anchors={anchors} attract nothing; give at least 1, or steps=0")
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha={alpha} is outside (0, 1]; give the share of a step, such as 0.3")
    if not temperature > 0:
        raise ValueError(f"temperature={temperature} is not above 0; give one such as 0.2")
    if spread not in SPREADS:
        raise ValueError(f"spread={spread!r} is unknown; give one of {', '.join(SPREADS)}")
