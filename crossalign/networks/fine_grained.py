"""The fine-grained encoder of FGAN: a region embedding and a label distribution of token rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crossalign.networks.token_reader import TokenReader, padding, token_mean
from crossalign.networks.topk import PerturbedTopK, hard_topk, tokens_kept

POOLS = ("concat", "sum", "mean")
SELECTIONS = ("saliency", "random")


class RegionEncoder(nn.Module):
    """An embedding of the K most salient tokens (Ge et al. 2025, eq. 3-9).

    Saliency is ``sigmoid(MSA(X) w)`` with multi-head self-attention, without residual; the K
    highest are chosen by `PerturbedTopK`, in training by expectation over noise.

    Parameters
    ----------
    tokens : int
        How many rows a sample has, padding included.
    dim, width : int
        Of tokens and of the embedding.
    ratio : float
        Share of the tokens to select; one is selected at least.
    pool : {"concat", "sum", "mean"}
        ``"concat"`` maps the selected tokens, in order, by ``W_r (K dim, width)`` (eq. 9);
        ``"sum"`` their mean, by a linear layer and layer normalisation, as the authors' code does;
        ``"mean"`` selects nothing and does so with the mean of all.
    selection : {"saliency", "random"}
        ``"random"`` draws K tokens anew in training and fixes them in evaluation.
    heads, dropout
        Of the attention.
    samples, sigma, grad
        Of the perturbed top-K.
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
        """Noise ``(n, samples, t)`` of a training step, or None where it needs none.

        ``normal(*tail)`` draws ``(n, *tail)``; every draw is used with both signs.
        """
        if self.attention is not None:
            half = normal(self.top.samples // 2, tokens)
            return torch.cat([half, -half], dim=1)
        return normal(1, tokens) if self.selection == "random" else None

    def forward(self, rows: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """Embedding ``(n, width)`` of tokens ``(n, t, dim)``, those where ``mask (n, t)`` is True.

        In training, ``noise`` is what `draw` gives.
        """
        if self.pool == "mean":
            pooled = token_mean(rows, mask)
        else:
            chosen = self._select(self.scores(rows, mask), mask, noise).to(rows.dtype)
            pooled = (torch.einsum("nt,ntd->nd", chosen, rows) / self.k if self.pool == "sum"
                      else (chosen @ rows).flatten(1))                       # (n, k dim)
        embedding: Tensor = self.output(pooled)
        return embedding

    def scores(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Saliency ``(n, t)`` in (0, 1) of tokens ``(n, t, dim)``; equal where none is learned."""
        if self.attention is None or self.saliency is None:
            return rows.new_ones(rows.shape[:2])
        hidden = padding(mask)
        attended, _ = self.attention(rows, rows, rows, key_padding_mask=hidden, need_weights=False)
        return torch.sigmoid(self.saliency(attended)[..., 0])

    def kept(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Which tokens ``(n, t)`` the embedding is of, in evaluation, given their `scores`."""
        if self.pool == "mean":
            return mask
        chosen = self._select(scores, mask, None)
        return (chosen if chosen.ndim == 2 else chosen.sum(dim=1)) > 0

    def _select(self, scores: Tensor, mask: Tensor, noise: Tensor | None) -> Tensor:
        """Indicators ``(n, k, t)``, or their sum over k, ``(n, t)``."""
        if self.selection == "random":
            scores = (noise[:, 0] if self.training and noise is not None
                      else _scattered(scores.shape[1]).to(scores).expand_as(scores))
        if self.attention is None:
            return hard_topk(scores, self.k, mask, self.top.pool)
        chosen: Tensor = self.top(scores, mask, noise)
        return chosen


class LabelCodes(NamedTuple):
    """Of n samples: label logits ``(n, L)``; mean and log-variance ``(n, latent)`` or None."""

    logits: Tensor
    mean: Tensor | None
    logvar: Tensor | None


class LabelEncoder(nn.Module):
    """A distribution over labels, read off the mean code of a VAE of the mean token (eq. 10-11).

    Layer sizes and their order are those of the authors' code.

    Parameters
    ----------
    dim, latent, labels : int
        Widths of tokens and code, and number of labels.
    kind : {"vae", "linear"}
        ``"linear"`` maps the mean token straight to logits.
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
        """Codes of mean tokens ``(n, dim)``."""
        if self.encoder is None:
            return LabelCodes(self.labels(pooled), None, None)
        mean, logvar = self.encoder(pooled).chunk(2, dim=1)
        return LabelCodes(self.labels(mean), mean, logvar)


class FineGrainedEncoder(nn.Module):
    """Reader, region encoder and label encoder of one modality.

    A sample is ``(t, d)`` tokens, of which zeros are padding, or one vector ``(d,)``, which counts
    as one token; or whatever ``backbone`` makes tokens of.
    """

    def __init__(self, reader: TokenReader, region: RegionEncoder, label: LabelEncoder,
                 backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone, self.reader, self.region, self.label = backbone, reader, region, label

    def tokens(self, x: Tensor) -> Tensor:
        """Samples as they are given to the reader."""
        return x if self.backbone is None else self.backbone(x)

    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows ``(n, t, dim)`` in context of samples, and which of them are real ``(n, t)``."""
        return self._read(self.tokens(x))

    def _read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of tokens ``(n, t, d)`` or vectors ``(n, d)``."""
        if x.ndim == 2:
            x = x[:, None]
            real = x.new_ones(x.shape[:2], dtype=torch.bool)
        else:
            short = max(0, self.region.tokens - x.shape[1])
            x = nn.functional.pad(x, (0, 0, 0, short))
            real = (x != 0).any(dim=2)
        return self.reader(x, real), real

    def select(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Saliency ``(n, t)`` of the tokens of x, 0 at padding, and which of them are kept."""
        x = self.tokens(x)
        rows, real = self._read(x)
        scores = self.region.scores(rows, real)
        kept = self.region.kept(scores, real)
        t = x.shape[1] if x.ndim == 3 else 1                         # reading may have padded
        return scores.masked_fill(~real, 0)[:, :t], kept[:, :t]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Region embedding ``(n, width)`` and label logits ``(n, L)``."""
        rows, real = self.read(x)
        return self.region(rows, real), self.label(token_mean(rows, real)).logits


def _scattered(n: int) -> Tensor:
    """Fixed scores ``(n,)`` whose order looks like no order: fractions of the golden ratio."""
    return (torch.arange(n, dtype=torch.float64) * 0.6180339887498949) % 1
