"""The fine-grained encoder of FGAN: a region embedding and a label distribution of token rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from crossalign.networks.token_reader import TokenReader, padding, real_tokens, token_mean
from crossalign.networks.topk import PerturbedTopK, hard_topk, tokens_kept

POOLS = ("concat", "sum", "mean")
SELECTIONS = ("saliency", "random")


class RegionEncoder(nn.Module):
    """Embedding of the K most salient tokens (Ge et al. 2025, eq. 3-9).

    Saliency is ``sigmoid(MSA(X) w)`` with multi-head self-attention, without residual; the K
    highest are selected by `PerturbedTopK`, in training by expectation over noise.

    Parameters
    ----------
    tokens : int
        Number of tokens of a sample, padding included.
    dim : int
        Width of the tokens.
    width : int
        Width of the embedding.
    ratio : float
        Share of the tokens to select, default 0.1; at least one is selected.
    pool : {"concat", "sum", "mean"}
        Pooling of the selected tokens; default ``"concat"``. ``"concat"`` maps the tokens, in
        order, by ``W_r (K dim, width)`` (eq. 9); ``"sum"`` maps their mean by a linear layer and
        layer normalisation, as the authors' code does; ``"mean"`` selects nothing and maps the mean
        of all tokens in the same way.
    selection : {"saliency", "random"}
        Selection of tokens; default ``"saliency"``. ``"random"`` draws K tokens anew in training
        and fixes them in evaluation.
    heads : int
        Number of attention heads; default 4.
    dropout : float
        Dropout probability of the attention; default 0.1.
    samples, sigma, grad
        Settings of the perturbed top-K, see `perturbed_topk`.
    """

    def __init__(self, tokens: int, dim: int, width: int, ratio: float = 0.1, pool: str = "concat",
                 selection: str = "saliency", heads: int = 4, dropout: float = 0.1,
                 samples: int = 1000, sigma: float = 0.05, grad: str = "full") -> None:
        super().__init__()
        for name, value, words in (("pool", pool, POOLS), ("selection", selection, SELECTIONS)):
            if value not in words:
                raise ValueError(f"{name}={value!r} is unknown; give one of {', '.join(words)}")
        self.tokens, self.width, self.pool, self.selection = tokens, width, pool, selection
        self.k = tokens_kept(tokens, ratio)
        chooses = pool != "mean" and self.k < tokens and selection == "saliency"
        self.attention = (nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
                          if chooses else None)
        self.saliency = nn.Linear(dim, 1) if chooses else None
        self.top = PerturbedTopK(self.k, samples=samples, sigma=sigma, grad=grad,
                                 pool="sum" if pool == "sum" else None)
        if pool == "concat":
            self.output: nn.Module = nn.Linear(self.k * dim, width)
        else:
            self.output = nn.Sequential(nn.Linear(dim, width), nn.LayerNorm(width))

    def draw(self, normal: Callable[..., Tensor], tokens: int) -> Tensor | None:
        """Draw the noise ``(n, samples, t)`` of a training step; return None if it needs none.

        ``normal(*tail)`` draws ``(n, *tail)``; every draw is used with both signs.
        """
        if self.attention is not None:
            half = normal(self.top.samples // 2, tokens)
            return torch.cat([half, -half], dim=1)
        return normal(1, tokens) if self.selection == "random" else None

    def forward(self, rows: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """Embed tokens ``(n, t, dim)``, those where ``mask (n, t)`` is True, as rows ``(n,
        width)``.

        In training, ``noise`` comes from `draw`.
        """
        if self.pool == "mean":
            pooled = token_mean(rows, mask)
        else:
            selection = self._select(self.scores(rows, mask), mask, noise).to(rows.dtype)
            pooled = (torch.einsum("nt,ntd->nd", selection, rows) / self.k if self.pool == "sum"
                      else (selection @ rows).flatten(1))                       # (n, k dim)
        embedding: Tensor = self.output(pooled)
        return embedding

    def scores(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Return the saliency ``(n, t)`` in (0, 1) of tokens ``(n, t, dim)``; all equal if not
        learned.
        """
        if self.attention is None or self.saliency is None:
            return rows.new_ones(rows.shape[:2])
        hidden = padding(mask)
        attended, _ = self.attention(rows, rows, rows, key_padding_mask=hidden, need_weights=False)
        return torch.sigmoid(self.saliency(attended)[..., 0])

    def kept(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return which tokens ``(n, t)`` are embedded in evaluation, given their `scores`."""
        if self.pool == "mean":
            return mask
        selection = self._select(scores, mask, None)
        return (selection if selection.ndim == 2 else selection.sum(dim=1)) > 0

    def _select(self, scores: Tensor, mask: Tensor, noise: Tensor | None) -> Tensor:
        """Return indicators ``(n, k, t)`` of the selected tokens, or their sum over k, ``(n,
        t)``.
        """
        if self.selection == "random":
            scores = (noise[:, 0] if self.training and noise is not None
                      else _scattered(scores.shape[1]).to(scores).expand_as(scores))
        if self.attention is None:
            return hard_topk(scores, self.k, mask, self.top.pool)
        selection: Tensor = self.top(scores, mask, noise)
        return selection


class LabelCodes(NamedTuple):
    """Label logits ``(n, L)`` of n samples; mean and log-variance ``(n, latent)``, or None for
    both.
    """

    logits: Tensor
    mean: Tensor | None
    logvar: Tensor | None


class LabelEncoder(nn.Module):
    """Distribution over labels, from the mean code of a VAE of the mean token (eq. 10-11).

    Layer sizes and their order are those of the authors' code.

    Parameters
    ----------
    dim, latent : int
        Widths of the tokens and of the code.
    labels : int
        Number of labels.
    kind : {"vae", "linear"}
        Path from the mean token to logits, default ``"vae"``; ``"linear"`` maps it directly.
    """

    def __init__(self, dim: int, latent: int, labels: int, kind: str = "vae") -> None:
        super().__init__()
        self.encoder = self.decoder = None
        if kind == "vae":
            self.encoder = nn.Sequential(nn.Linear(dim, dim), nn.LayerNorm(dim), nn.LeakyReLU(),
                                         nn.Linear(dim, 2 * latent))
            self.decoder = nn.Sequential(nn.Linear(latent, dim), nn.LayerNorm(dim),
                                         nn.LeakyReLU(), nn.Linear(dim, dim))
        elif kind != "linear":
            raise ValueError(f"kind={kind!r} is unknown; give 'vae' or 'linear'")
        self.labels = nn.Linear(dim if self.encoder is None else latent, labels)

    def forward(self, pooled: Tensor) -> LabelCodes:
        """Return the label codes of mean tokens ``(n, dim)``."""
        if self.encoder is None:
            return LabelCodes(self.labels(pooled), None, None)
        mean, logvar = self.encoder(pooled).chunk(2, dim=1)
        return LabelCodes(self.labels(mean), mean, logvar)


class FineGrainedEncoder(nn.Module):
    """Reader, region encoder and label encoder of one modality.

    A sample is ``(t, d)`` tokens, those where a mask ``(t,)`` is True, or one vector ``(d,)``,
    which counts as one token, or raw rows, from which ``backbone`` makes tokens.
    """

    def __init__(self, reader: TokenReader, region: RegionEncoder, label: LabelEncoder,
                 backbone: Any = None) -> None:
        super().__init__()
        self.backbone, self.reader, self.region, self.label = backbone, reader, region, label

    def tokens(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return tokens ``(n, t, d)`` as the reader gets them, and which are real ``(n, t)``."""
        if self.backbone is not None:
            tokens, real = self.backbone.tokens(x, mask)
            return tokens, real
        x = x[:, None] if x.ndim == 2 else x
        return x, real_tokens(x, mask)

    def read(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return rows ``(n, t, dim)`` of samples in context, and which are real ``(n, t)``."""
        return self._read(*self.tokens(x, mask))

    def _read(self, x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Read tokens ``(n, t, d)``."""
        short = max(0, self.region.tokens - x.shape[1])
        x, real = nn.functional.pad(x, (0, 0, 0, short)), nn.functional.pad(real, (0, short))
        return self.reader(x, real), real

    def select(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the saliency ``(n, t)`` of the tokens of x, 0 at padding, and which of them are
        selected.
        """
        x, real = self.tokens(x, mask)
        rows, real = self._read(x, real)
        scores = self.region.scores(rows, real)
        selected = self.region.kept(scores, real)
        t = x.shape[1]                                               # reading may have padded
        return scores.masked_fill(~real, 0)[:, :t], selected[:, :t]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the region embedding ``(n, width)`` and label logits ``(n, L)``."""
        rows, real = self.read(x, mask)
        return self.region(rows, real), self.label(token_mean(rows, real)).logits


def _scattered(n: int) -> Tensor:
    """Return fixed scores ``(n,)`` in no apparent order: fractions of the golden ratio."""
    return (torch.arange(n, dtype=torch.float64) * 0.6180339887498949) % 1
