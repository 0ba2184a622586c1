"""Poolings of tokens into vectors, as sentence-transformers computes them.

Each is a function from tokens ``(n, t, d)`` and which of them are real ``(n, t)`` bool to vectors
``(n, d)``. Reimers and Gurevych, Sentence-BERT, EMNLP 2019; Muennighoff, SGPT, 2022 (weighted).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def _cls(tokens: Tensor, real: Tensor) -> Tensor:
    return tokens[:, 0]


def _max(tokens: Tensor, real: Tensor) -> Tensor:
    return tokens.masked_fill(~real[..., None], -torch.inf).amax(dim=1)


def mean_of_real(tokens: Tensor, real: Tensor) -> Tensor:
    """Return means ``(n, d)`` of tokens ``(n, t, d)`` over the real ones ``(n, t)``; 0 if none
    is.
    """
    return (tokens * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True).clamp_min(1)


def _root(tokens: Tensor, real: Tensor) -> Tensor:
    return (tokens * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True).sqrt()


def _weighted(tokens: Tensor, real: Tensor) -> Tensor:
    weights = real * torch.arange(1, real.shape[1] + 1, device=real.device)
    return (tokens * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True)


def _last(tokens: Tensor, real: Tensor) -> Tensor:
    return tokens[torch.arange(len(tokens), device=real.device), real.sum(dim=1) - 1]


POOLINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": _cls, "max": _max, "mean": mean_of_real, "mean_sqrt_len_tokens": _root,
    "weightedmean": _weighted, "lasttoken": _last}
"""Poolings by the names of newer folders."""
FLAGS = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max",
         "pooling_mode_mean_tokens": "mean",
         "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
         "pooling_mode_weightedmean_tokens": "weightedmean", "pooling_mode_lasttoken": "lasttoken"}
"""Settings of older folders, each true or false, in the order of concatenation."""
