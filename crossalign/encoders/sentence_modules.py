"""The steps of a folder of sentence-transformers after its network: pooling, a layer, norms.

``modules.json`` lists them in order. Reimers and Gurevych, Sentence-BERT, EMNLP 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.encoders.network_files import pretrained_file, read_settings

LISTED = "modules.json"
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid")


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
    "pooling_mode_cls_token": _cls, "pooling_mode_max_tokens": _max,
    "pooling_mode_mean_tokens": mean_of_real, "pooling_mode_mean_sqrt_len_tokens": _root,
    "pooling_mode_weightedmean_tokens": _weighted, "pooling_mode_lasttoken": _last}
"""Functions from tokens ``(n, t, d)`` and which of them are real ``(n, t)`` bool to vectors, by
setting; the results of several are concatenated.
"""
SHORT = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens",
         "weightedmean": "weightedmean_tokens"}
"""Names of poolings in newer folders, and their older names."""


class SentenceModules:
    """The modules that follow the network of a folder.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.

    Attributes
    ----------
    subfolder : str
        Subfolder of the network.
    longest : int or None
        Largest number of tokens that is read of a text; None if the folder gives none.
    lower : bool
        Whether texts are read in lower case.
    prompt : str
        Text put before every text.
    facts : dict
        Facts that the vectors depend on.

    Raises
    ------
    ValueError
        One sentence naming a module or a setting that is not read here.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        listed = read_settings(name, LISTED)
        kinds = [str(entry["type"]).rpartition(".")[2] for entry in listed]
        paths = [str(entry.get("path", "")) for entry in listed]
        for entry, kind in zip(listed, kinds, strict=True):
            if kind not in ("Transformer", "Pooling", "Dense", "Normalize") \
                    or not entry["type"].startswith("sentence_transformers."):
                raise ValueError(f"encoder: {name!r} is a folder of sentence-transformers with the "
                                 f"module {entry['type']!r}, which is not read here; give the "
                                 "folder of its network.")
        if kinds[:2] != ["Transformer", "Pooling"] or "Transformer" in kinds[1:]:
            raise ValueError(f"encoder: {name!r} lists the modules {kinds}; give a folder with one "
                             "Transformer and then its Pooling.")
        self.subfolder = paths[0]
        self._read_settings()
        self._steps = [self._step(kind, path)
                       for kind, path in zip(kinds[1:], paths[1:], strict=True)]
        self.facts = {"modules": [*kinds], "lower": self.lower, "prompt": self.prompt}

    def __call__(self, tokens: Tensor, real: Tensor) -> Tensor:
        """Return vectors ``(n, d)`` of tokens ``(n, t, d)``, some of which are real ``(n, t)``
        bool.
        """
        rows = tokens
        for step in self._steps:
            rows = step(rows, real)
        return rows

    def prepare(self, text: str) -> str:
        """Return a text with the folder's prompt, in lower case if the folder wants it."""
        text = f"{self.prompt}{text}"
        return text.lower() if self.lower else text

    def _read_settings(self) -> None:
        inside = f"{self.subfolder}/" if self.subfolder else ""
        settings = read_settings(self.name, f"{inside}sentence_bert_config.json")
        self._allow(settings, {"max_seq_length", "do_lower_case"}, "sentence_bert_config.json")
        self.longest: int | None = settings.get("max_seq_length")
        self.lower = bool(settings.get("do_lower_case", False))
        about = read_settings(self.name, "config_sentence_transformers.json")
        prompt_name = about.get("default_prompt_name")
        self.prompt: str = "" if prompt_name is None else about["prompts"][prompt_name]

    def _step(self, kind: str, path: str) -> Callable[[Tensor, Tensor], Tensor]:
        if kind == "Normalize":
            return lambda rows, _: nn.functional.normalize(rows, dim=1)
        settings = read_settings(self.name, f"{path}/config.json")
        return self._pooling(settings, path) if kind == "Pooling" else self._dense(settings, path)

    def _pooling(self, settings: dict[str, Any],
                 path: str) -> Callable[[Tensor, Tensor], Tensor]:
        modes = settings.get("pooling_mode", [])
        modes = [modes] if isinstance(modes, str) else modes
        modes_on = {f"pooling_mode_{SHORT.get(mode, mode)}" for mode in modes}
        modes_on |= {key for key in settings if key.startswith("pooling_mode_") and settings[key]}
        self._allow({key: settings[key] for key in settings if not key.startswith("pooling_mode")},
                    {"word_embedding_dimension", "embedding_dimension", "include_prompt"}, path)
        self._allow(dict.fromkeys(modes_on, True), set(POOLINGS), path)
        if not modes_on or (self.prompt and not settings.get("include_prompt", True)):
            raise ValueError(f"encoder: {self.name!r} pools in {path} over "
                             f"{'nothing' if not modes_on else 'tokens behind a prompt'}, which is "
                             "not read here; give a folder that pools over all tokens.")
        poolings = [pool for key, pool in POOLINGS.items() if key in modes_on]
        return lambda rows, real: torch.cat([pool(rows, real) for pool in poolings], dim=1)

    def _dense(self, settings: dict[str, Any], path: str) -> Callable[[Tensor, Tensor], Tensor]:
        from safetensors.torch import load_file

        self._allow(settings, {"in_features", "out_features", "bias", "activation_function"}, path)
        kind = str(settings.get("activation_function", "Tanh")).rpartition(".")[2]
        file = pretrained_file(self.name, f"{path}/model.safetensors")
        if kind not in ACTIVATIONS or file is None:
            raise ValueError(f"encoder: {self.name!r} has in {path} a layer "
                             + ("without model.safetensors" if file is None else f"with {kind!r}")
                             + f"; give one with it and one of {list(ACTIVATIONS)}.")
        weights, activation = load_file(file), getattr(nn, kind)()

        def dense(rows: Tensor, real: Tensor) -> Tensor:
            at = {key: value.to(rows) for key, value in weights.items()}
            return activation(nn.functional.linear(  # type: ignore[no-any-return]
                rows, at["linear.weight"], at.get("linear.bias")))

        return dense

    def _allow(self, settings: Mapping[str, Any], allowed: set[str], file: str) -> None:
        for key, value in settings.items():
            if key not in allowed and value not in (None, False, {}, []):
                raise ValueError(f"encoder: {self.name!r} says {key!r} in {file}, which is not "
                                 "read here; give a folder without it.")


def sentence_modules(name: str) -> SentenceModules | None:
    """Return the modules of a folder of sentence-transformers, or None for any other."""
    return SentenceModules(name) if pretrained_file(name, LISTED) is not None else None
