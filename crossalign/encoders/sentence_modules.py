"""The steps of a folder of sentence-transformers after its network: pooling, a layer, norms.

``modules.json`` lists them in order. Reimers and Gurevych, Sentence-BERT, EMNLP 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.encoders.network_files import pretrained_file, read_settings
from crossalign.encoders.poolings import FLAGS, POOLINGS

LISTED = "modules.json"
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid")


PLAIN = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
"""Settings of newer folders with the values that say nothing new: of layers and norms."""
READING = {"transformer_task": "feature-extraction", "module_output_name": "token_embeddings",
           "modality_config": {"text": {"method": "forward",
                                        "method_output_name": "last_hidden_state"}}}
"""The same for the network."""
KINDS = ("Pooling", "Dense", "LayerNorm", "Normalize", "Dropout")
"""Modules that are read, behind the network."""

Step = Callable[[Tensor, Tensor], Tensor]
"""A function from tokens or vectors, and real tokens, to vectors."""


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
            if kind not in ("Transformer", *KINDS) \
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
        self._allow(settings, {"max_seq_length", "do_lower_case", "unpad_inputs"},
                    "sentence_bert_config.json", READING)
        self.longest: int | None = settings.get("max_seq_length")
        self.lower = bool(settings.get("do_lower_case", False))
        about = read_settings(self.name, "config_sentence_transformers.json")
        prompt_name = about.get("default_prompt_name")
        self.prompt: str = "" if prompt_name is None else about["prompts"][prompt_name]

    def _step(self, kind: str, path: str) -> Step:
        settings = read_settings(self.name, f"{path}/config.json")
        if kind == "Pooling":
            return self._pooling(settings, path)
        if kind == "Dense":
            return self._dense(settings, path)
        self._allow(settings, {"dimension", "dropout"}, path, PLAIN)
        if kind == "LayerNorm":
            at = self._weights(path)
            return lambda rows, _: nn.functional.layer_norm(
                rows, rows.shape[1:], at["norm.weight"].to(rows), at["norm.bias"].to(rows))
        return (lambda rows, _: nn.functional.normalize(rows, dim=1)) if kind == "Normalize" \
            else lambda rows, _: rows                                      # dropout of a network

    def _pooling(self, settings: dict[str, Any], path: str) -> Step:
        modes = self._modes(settings, path)
        if not modes or (self.prompt and not settings.get("include_prompt", True)):
            raise ValueError(f"encoder: {self.name!r} pools in {path} over "
                             f"{'tokens behind a prompt' if modes else 'nothing'}, which is "
                             "not read here; give a folder that pools over all tokens.")
        poolings = [POOLINGS[mode] for mode in modes]
        return lambda rows, real: torch.cat([pool(rows, real) for pool in poolings], dim=1)

    def _modes(self, settings: dict[str, Any], path: str) -> list[str]:
        """Return the names of poolings, in the order of concatenation; the mean by default."""
        flags = {key: on for key, on in settings.items() if key.startswith("pooling_mode_")}
        self._allow({key: settings[key] for key in settings if key not in flags},
                    {"word_embedding_dimension", "embedding_dimension", "include_prompt",
                     "pooling_mode"}, path)
        self._allow(flags, set(FLAGS), path)
        if "pooling_mode" not in settings:
            return [mode for key, mode in FLAGS.items() if flags.get(key)] if flags else ["mean"]
        listed = settings["pooling_mode"]
        modes = [listed] if isinstance(listed, str) else list(listed or [])
        self._allow(dict.fromkeys(map(str, modes), True), set(POOLINGS), path)
        return modes

    def _dense(self, settings: dict[str, Any], path: str) -> Step:
        self._allow(settings, {"in_features", "out_features", "bias", "activation_function",
                               "use_residual"}, path, PLAIN)
        full = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh"))
        kind = full.rpartition(".")[2]
        if kind not in ACTIVATIONS or not full.startswith("torch."):
            raise ValueError(f"encoder: {self.name!r} has in {path} a layer with {full!r}; give "
                             f"one with one of {list(ACTIVATIONS)} of torch.")
        weights, activation = self._weights(path), getattr(nn, kind)()

        def dense(rows: Tensor, real: Tensor) -> Tensor:
            at = {key: value.to(rows) for key, value in weights.items()}
            out: Tensor = activation(nn.functional.linear(
                rows, at["linear.weight"], at.get("linear.bias")))
            if not settings.get("use_residual"):
                return out
            return out + (rows if "residual.weight" not in at else
                          nn.functional.linear(rows, at["residual.weight"]))

        return dense

    def _weights(self, path: str) -> dict[str, Tensor]:
        from safetensors.torch import load_file

        file = pretrained_file(self.name, f"{path}/model.safetensors")
        if file is None:
            raise ValueError(f"encoder: {self.name!r} has in {path} a layer without "
                             "model.safetensors; save it again with it.")
        return load_file(file)

    def _allow(self, settings: Mapping[str, Any], allowed: set[str], file: str,
               plain: Mapping[str, Any] | None = None) -> None:
        """Raise ValueError for a setting that is not allowed, unless it is empty or plain."""
        for key, value in settings.items():
            if key not in allowed and value not in (None, False, {}, [], (plain or {}).get(key)):
                raise ValueError(f"encoder: {self.name!r} says {key!r} in {file}, which is not "
                                 "read here; give a folder without it.")


def sentence_modules(name: str) -> SentenceModules | None:
    """Return the modules of a folder of sentence-transformers, or None for any other."""
    return SentenceModules(name) if pretrained_file(name, LISTED) is not None else None
