"""A language model of ``transformers`` that says a code: a learned prefix in front of its words.

The code becomes a few embeddings, the prefix (Mokady et al., "ClipCap", arXiv 2111.09734, section
3.1); names of classes stand behind it as words of the model's own, the hard prompt (Fei et al.,
"ViECap", ICCV 2023). The model's weights are frozen: gradients reach the prefix alone, or low-rank
additions to its attention as well (Hu et al., "LoRA", ICLR 2022; through ``peft``).

Starts differ in length. The shorter ones are padded in front, the padding is masked, and places are
counted from the first token that is there, so that a text does not depend on its neighbours.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax


@dataclass
class Begun:
    """State of n texts: embeddings of all so far, those that are there, and the model's cache."""

    x: Tensor                                                            # (n, t, width)
    real: Tensor                                                         # (n, t) bool
    cache: Any = None

    def take(self, rows: Tensor) -> Begun:
        """Return the same of some of the texts, in that order; the cache follows in place."""
        if self.cache is not None:
            self.cache.batch_select_indices(rows)
        return Begun(self.x[rows], self.real[rows], self.cache)


class LanguageDecoder(nn.Module):
    """Prefix and language model.

    Parameters
    ----------
    language : Module
        Causal language model of ``transformers``; it is frozen, and changed in place by ``lora``.
    inputs : int
        Width of the codes.
    prefix : int
        Number of embeddings that a code becomes; default 10.
    lora : int
        Rank of what is added to the weights of attention; default 0, nothing.
    first : int, optional
        Token that the model's texts start with; default None, no token.

    Raises
    ------
    ValueError
        If ``peft`` does not know where the model's attention is.
    ImportError
        If ``peft`` is needed and not installed.
    """

    language: Any

    def __init__(self, language: nn.Module, inputs: int, prefix: int = 10, lora: int = 0,
                 first: int | None = None) -> None:
        super().__init__()
        model: Any = language.requires_grad_(False)
        self.language = model
        arguments = inspect.signature(model.forward).parameters
        self._cache = "cache" if "cache" in arguments else "past_key_values"
        self._takes = {name for name in ("position_ids", "logits_to_keep") if name in arguments}
        if lora > 0:
            _add_lora(model, lora)
        table = model.get_input_embeddings().weight
        self.prefix, self.first = prefix, first
        self.scale = float(table.detach().std())
        self.embeddings, width = table.shape
        self.read = nn.Sequential(nn.Linear(inputs, width), nn.GELU(),
                                  nn.Linear(width, prefix * width))
        self.blind = nn.Parameter(torch.randn(prefix, width))

    def train(self, mode: bool = True) -> Self:
        """Set training mode, as for any module; the language model stays in evaluation mode."""
        super().train(mode)
        self.language.eval()
        return self

    def learned(self) -> dict[str, nn.Parameter]:
        """Return what learns, by name: the prefix and what ``lora`` adds."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def restore(self, weights: dict[str, Tensor]) -> None:
        """Set all that learns.

        Raises
        ------
        ValueError
            If names or shapes differ.
        """
        there = {name: tuple(weight.shape) for name, weight in self.learned().items()}
        given = {name: tuple(weight.shape) for name, weight in weights.items()}
        if there != given:
            wrong = min(name for name in {*there, *given} if there.get(name) != given.get(name))
            raise ValueError(f"the weights {wrong!r} have the shape {given.get(wrong)} and the "
                             f"network {there.get(wrong)}")
        with torch.no_grad():
            for name, weight in self.learned().items():
                weight.copy_(weights[name])

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the model's embeddings ``(n, t, width)`` of tokens ``(n, t)``."""
        found: Tensor = self.language.get_input_embeddings()(tokens)
        return found

    def start(self, codes: Tensor, sighted: Tensor, prompt: Tensor, real: Tensor) -> Begun:
        """Put codes and prompts in front of texts.

        Parameters
        ----------
        codes : (n, d)
        sighted : (n,) bool
            False for texts that are said without their code.
        prompt : (n, m) integers
            Tokens of names.
        real : (n, m) bool
            True where a token of a prompt is there.
        """
        n = len(codes)
        tokens = torch.where(sighted[:, None, None], self.read(codes).view(n, self.prefix, -1),
                             self.blind)
        x = torch.cat([self.scale * tokens, self.embed(prompt)], dim=1)
        real = torch.cat([real.new_ones(n, self.prefix), real], dim=1)
        if self.first is not None:
            x = torch.cat([self.embed(prompt.new_full((n, 1), self.first)), x], dim=1)
            real = torch.cat([real.new_ones(n, 1), real], dim=1)
        order = real.long().argsort(dim=1, stable=True)                  # what is not there, first
        x, real = x.gather(1, order[:, :, None].expand_as(x)), real.gather(1, order)
        kept = real.any(dim=0)
        return Begun(x[:, kept], real[:, kept])

    def forward(self, codes: Tensor, sighted: Tensor, prompt: Tensor, real: Tensor,
                text: Tensor) -> Tensor:
        """Return log-probabilities ``(n, t, words)`` of every token of texts ``(n, t)`` behind
        what is in front of it, see `start`; texts may be filled up with any token.
        """
        begun = self.start(codes, sighted, prompt, real)
        return self.say(begun, text[:, :-1], text.shape[1])

    def say(self, begun: Begun, text: Tensor, last: int = 1) -> Tensor:
        """Go on by tokens ``(n, t)`` and return log-probabilities ``(n, last, words)`` of the
        token behind each of the last ones; ``begun`` then holds them too.

        A cache that ``begun`` has is read and extended; without one all is read anew.
        """
        before = begun.x.shape[1] if begun.cache is not None and begun.cache.get_seq_length() else 0
        begun.x = torch.cat([begun.x, self.embed(text)], dim=1)
        begun.real = torch.cat([begun.real, begun.real.new_ones(text.shape)], dim=1)
        more: dict[str, Any] = {}
        if "position_ids" in self._takes:
            places = (begun.real.long().cumsum(dim=1) - 1).clamp_min(0)
            more["position_ids"] = places[:, before:]
        if "logits_to_keep" in self._takes:
            more["logits_to_keep"] = last
        if begun.cache is not None:
            more[self._cache] = begun.cache
        found = self.language(inputs_embeds=begun.x[:, before:], attention_mask=begun.real.long(),
                              use_cache=begun.cache is not None, **more)
        return log_softmax(found.logits[:, -last:].float(), dim=2)

    def cache(self) -> Any:
        """Return an empty cache of keys and values, for `Begun`."""
        from transformers import DynamicCache

        return DynamicCache(config=self.language.config)


def _add_lora(language: nn.Module, rank: int) -> None:
    """Add matrices of low rank to the projections of attention that ``peft`` has for a model."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise ImportError("LoRA needs peft: pip install 'crossalign[language]', or give lora=0."
                          ) from None
    kind = str(getattr(language.config, "model_type", type(language).__name__))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")              # of weights that are stored transposed
        try:
            inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank), language)
        except ValueError:
            raise ValueError(f"lora: peft knows no projections of attention of {kind}; give "
                             "lora=0.") from None
