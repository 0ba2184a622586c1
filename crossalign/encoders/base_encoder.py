"""A pretrained network as what reads raw pictures or texts: their rows in context, as tokens.

Raw rows fit `Views`, so that batches of them are slices like any other: a picture is its pixel rows
``(h, 3 w)``, normalised; a text is its token numbers, each plus one, ``(t, 1)``, so that zeros are
padding. `pretrained` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.devices import find_device
from crossalign.encoders.network_files import first_line, network_of, opened_network
from crossalign.encoders.pixels import Pixels, size_of
from crossalign.encoders.sentence_modules import sentence_modules

KINDS = ("image", "text")
PARTS = {"image": ("vision_model", "image_model"), "text": ("text_model",)}
"""What a network of two halves calls the one that reads a kind."""
PROBE = 24
"""Tokens of the text with which a network is tried."""


class BaseEncoder(nn.Module):
    """A network of ``transformers`` from its configuration, with random weights at first.

    Parameters
    ----------
    config : mapping
        As `base_config` gives it.
    network : optional
        The part of it that reads, where it is there already, see `reading_part`.

    Attributes
    ----------
    config : dict
    kind : {"image", "text"}
    width, cells : int
        Of its tokens; how many a picture has.
    learns : bool
        Whether its weights learn, at first not; if not, it stays in evaluation mode, too.
    """

    def __init__(self, config: Mapping[str, Any], network: Any = None) -> None:
        super().__init__()
        self.config, self.kind = dict(config), str(config["kind"])
        if network is None:
            with torch.device("cpu"):        # also where a model is measured without memory
                network = reading_part(network_of(config["network"]), self.kind, "the network")
        self.network: Any = network
        if self._masks:
            network.config.mask_ratio = 0.0
        self.let_learn(False).eval()
        with torch.inference_mode(), torch.device("cpu"):
            self.cells, self.width = self(self.blank().to(self.device)).shape[1:]

    @classmethod
    def pretrained(cls, name: str, kind: str, device: str = "auto") -> BaseEncoder:
        """One with the weights of a folder or of a name on the hub, which do not learn.

        Raises
        ------
        ValueError
            One sentence: a model that cannot be opened, reads something else, or answers at random.
        """
        modules = sentence_modules(name) if kind == "text" else None
        network = opened_network(name, modules.subfolder if modules else "")
        reading_part(network, kind, name)
        size = Pixels(name, network.config).size if kind == "image" else None
        return cls.of(network, name, kind, size).to(find_device(device))

    @classmethod
    def of(cls, network: nn.Module, name: str, kind: str,
           size: tuple[int, int] | None) -> BaseEncoder:
        """That of an opened network, which reads pictures of a size."""
        part = reading_part(network, kind, name)
        base = _built(base_config(network, kind, size), part, name)
        check_steady(base, base.probe(), name)
        return base

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.parameters()).device

    @property
    def _masks(self) -> bool:
        """Whether it leaves patches out at random unless it is told not to."""
        return getattr(self.network.config, "model_type", "") == "vit_mae"

    def let_learn(self, learns: bool) -> BaseEncoder:
        """Say whether its weights learn."""
        self.learns = learns
        self.network.requires_grad_(learns)
        return self

    def train(self, mode: bool = True) -> BaseEncoder:
        """As of any module, but a network that does not learn stays as it is in evaluation."""
        super().train(mode)
        self.network.train(mode and self.learns)
        return self

    def blank(self) -> Tensor:
        """The raw rows of a grey picture or of a text of one token, as a batch of one."""
        return probe(self.kind, self.config["size"], self.network.config, 1) * 0 + (
            self.kind == "text")

    def probe(self) -> Tensor:
        """Raw rows that are no two alike, as a batch of one."""
        return probe(self.kind, self.config["size"], self.network.config)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``(n, t, width)`` of raw rows; of a text, zeros at its padding.

        The last hidden states: of a Transformer for pictures those of its patches, row by row; of
        a convolutional network the cells of its last map.
        """
        if self.kind == "text":
            inputs = numbers_of(x, self.network.config)
            states: Tensor = self.network(**inputs).last_hidden_state
            return states.masked_fill(inputs["attention_mask"][..., None] == 0, 0)
        inputs, config = pixels_of(x), self.network.config
        rows, columns = (inputs["pixel_values"].shape[2:])
        patch = _pair(getattr(config, "patch_size", None))
        patches = None if patch is None else (rows // patch[0]) * (columns // patch[1])
        if self._masks:                                        # all patches, in their order
            order = torch.arange(patches or 0, device=x.device, dtype=torch.float32)
            inputs["noise"] = order.expand(len(x), -1)
        states = self.network(**inputs).last_hidden_state
        if states.ndim == 4:                                                 # (n, d, h, w)
            return states.flatten(2).transpose(1, 2)
        states = states[:, :states.shape[1] - getattr(config, "num_detection_tokens", 0)]
        return states if patches is None else states[:, -patches:]           # without [CLS]


def base_config(network: Any, kind: str, size: tuple[int, int] | None) -> dict[str, Any]:
    """What a `BaseEncoder` is built from again: the kind, the pictures' size, the settings."""
    settings = json.loads(network.config.to_json_string(use_diff=False))
    return {"kind": kind, "size": None if size is None else list(size), "network": settings}


def reading_part(network: Any, kind: str, name: str) -> nn.Module:
    """The part of a network that reads pictures or texts: a half, an encoder, or all of it.

    Raises
    ------
    ValueError
        If it reads something else.
    """
    part = network
    if hasattr(network, f"get_{kind}_features") or kind_of(network) != kind:
        found = [getattr(network, half) for half in PARTS[kind] if hasattr(network, half)]
        part = found[0] if found else network
    if getattr(part.config, "is_encoder_decoder", False):
        part = part.get_encoder()
    if kind_of(part) != kind:
        raise ValueError(f"encoder: {name!r} reads {kind_of(part)}s, not {kind}s; give a model "
                         f"for {kind}s.")
    return part  # type: ignore[no-any-return]


def kind_of(network: nn.Module) -> str:
    """``"text"`` for a network that reads token numbers, ``"image"`` for one that reads pixels."""
    return {"input_ids": "text", "pixel_values": "image"}.get(
        str(getattr(network, "main_input_name", "")), "other thing")


def numbers_of(x: Tensor, config: Any) -> dict[str, Tensor]:
    """What a network of texts is called with, of raw rows ``(n, t, 1)``."""
    numbers = x[..., 0].round().long()
    real, padding = numbers > 0, getattr(config, "pad_token_id", None)
    return {"input_ids": torch.where(real, numbers - 1, padding if padding is not None else 0),
            "attention_mask": real.long()}


def pixels_of(x: Tensor) -> dict[str, Tensor]:
    """What a network of pictures is called with, of raw rows ``(n, h, 3 w)``."""
    return {"pixel_values": x.view(len(x), x.shape[1], -1, 3).permute(0, 3, 1, 2)}


def probe(kind: str, size: Any, config: Any, tokens: int = PROBE) -> Tensor:
    """Raw rows that are no two alike, as a batch of one: a picture, or so many tokens."""
    if kind == "text":
        most = min(tokens, getattr(config, "max_position_embeddings", None) or tokens)
        rows: Tensor = torch.arange(max(most - 4, 1)) % int(config.vocab_size) + 1.0
        return rows[None, :, None]
    height, width = size or size_of(config)
    return torch.linspace(-1, 1, 3 * height * width).view(1, height, 3 * width)


def check_steady(encode: Any, x: Tensor, name: str) -> None:
    """Raise ValueError where two answers to the same raw rows differ."""
    with torch.inference_mode():
        one, other = encode(x), encode(x)
    if one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-4):
        raise ValueError(f"encoder: {name!r} gives another answer to the same rows every time, as "
                         "networks that hide parts of their input do; give one that does not.")


def _built(config: dict[str, Any], part: nn.Module, name: str) -> BaseEncoder:
    try:
        return BaseEncoder(config, part)
    except Exception as error:  # whatever a network raises that needs more than one input
        raise ValueError(f"encoder: {name!r} ({type(part).__name__}) does not make tokens of "
                         f"{config['kind']}s alone ({first_line(error)}); give "
                         "another kind of model.") from None


def _pair(size: Any) -> tuple[int, int] | None:
    if size is None or isinstance(size, int):
        return None if size is None else (size, size)
    return int(size[-2]), int(size[-1])
