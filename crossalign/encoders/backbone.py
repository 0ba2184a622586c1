"""Backbones: pretrained networks that turn raw pictures or texts into tokens in context.

Raw rows fit `Views`, so that batches of them are slices like any other: a picture is its normalised
pixel rows ``(h, 3 w)``; a text is its token numbers, each plus one, ``(t, 1)``, so that zeros are
padding. `pretrained` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.devices import find_device
from crossalign.encoders.network_files import build_network, first_line, open_network
from crossalign.encoders.pixels import Pixels, image_size
from crossalign.encoders.sentence_modules import sentence_modules

KINDS = ("image", "text")
PARTS = {"image": ("vision_model", "image_model"), "text": ("text_model",)}
"""Names that two-part networks give to the part that reads a kind of input."""
PROBE = 24
"""Tokens of the text with which a network is tried."""


class Backbone(nn.Module):
    """A network of ``transformers`` from its configuration, with random weights at first.

    Parameters
    ----------
    config : mapping
        Configuration from `backbone_config`.
    network : optional
        The reading part of an existing network, see `reading_part`; built from the configuration by
        default.

    Attributes
    ----------
    config : dict
        Configuration from which the network can be built again.
    kind : {"image", "text"}
        Kind of input.
    width : int
        Width of its tokens.
    cells : int
        Number of tokens of a picture.
    learns : bool
        Whether its weights learn; False at first. If not, it also stays in evaluation mode.
    """

    def __init__(self, config: Mapping[str, Any], network: Any = None) -> None:
        super().__init__()
        self.config, self.kind = dict(config), str(config["kind"])
        if network is None:
            with torch.device("cpu"):        # also where a model is measured without memory
                network = reading_part(build_network(config["network"]), self.kind, "the network")
        self.network: Any = network
        if self._masks:
            network.config.mask_ratio = 0.0
        self.let_learn(False).eval()
        with torch.inference_mode(), torch.device("cpu"):
            self.cells, self.width = self(self.blank().to(self.device)).shape[1:]

    @classmethod
    def pretrained(cls, name: str, kind: str, device: str = "auto") -> Backbone:
        """Open a network with the weights of a folder or of a name on the hub, which do not learn.

        Raises
        ------
        ValueError
            One sentence: a model that cannot be opened, reads something else, or answers at random.
        """
        modules = sentence_modules(name) if kind == "text" else None
        network = open_network(name, modules.subfolder if modules else "")
        reading_part(network, kind, name)
        size = Pixels(name, network.config).size if kind == "image" else None
        return cls.of(network, name, kind, size).to(find_device(device))

    @classmethod
    def of(cls, network: nn.Module, name: str, kind: str,
           size: tuple[int, int] | None) -> Backbone:
        """Wrap an opened network that reads pictures of that size, or texts."""
        part = reading_part(network, kind, name)
        backbone = _built(backbone_config(network, kind, size), part, name)
        check_steady(backbone, backbone.probe(), name)
        return backbone

    @property
    def device(self) -> torch.device:
        """Device that holds the weights."""
        return next(self.parameters()).device

    @property
    def _masks(self) -> bool:
        """True for a network that leaves out patches at random unless told not to."""
        return getattr(self.network.config, "model_type", "") == "vit_mae"

    def let_learn(self, learns: bool) -> Backbone:
        """Set whether the weights learn, and return the backbone."""
        self.learns = learns
        self.network.requires_grad_(learns)
        return self

    def train(self, mode: bool = True) -> Backbone:
        """Set training mode, as for any module; a network that does not learn stays in evaluation
        mode.
        """
        super().train(mode)
        self.network.train(mode and self.learns)
        return self

    def blank(self) -> Tensor:
        """Return the raw rows of a grey picture or of a text of one token, as a batch of one."""
        return probe(self.kind, self.config["size"], self.network.config, 1) * 0 + (
            self.kind == "text")

    def probe(self) -> Tensor:
        """Return raw rows of which no two are alike, as a batch of one."""
        return probe(self.kind, self.config["size"], self.network.config)

    def tokens(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the tokens of raw rows and which are `real`; what a mask ``(n, t)`` hides of the
        rows is read as padding.
        """
        if mask is not None:
            x = x.masked_fill(~mask[..., None], 0)
        return self(x), self.real(x)

    def real(self, x: Tensor) -> Tensor:
        """Return True for tokens of raw rows that are no padding, ``(n, t)``; for pictures all are
        real.
        """
        if self.kind == "text":
            return x[..., 0] > 0
        return torch.ones(len(x), self.cells, dtype=torch.bool, device=x.device)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens ``(n, t, width)`` of raw rows, zeros at the padding of texts.

        They are the last hidden states: those of the patches, row by row, for a Transformer that
        reads pictures, and the cells of the last feature map for a convolutional network.
        """
        if self.kind == "text":
            inputs = text_inputs(x, self.network.config)
            states: Tensor = self.network(**inputs).last_hidden_state
            return states.masked_fill(inputs["attention_mask"][..., None] == 0, 0)
        inputs, config = image_inputs(x), self.network.config
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


def backbone_config(network: Any, kind: str, size: tuple[int, int] | None) -> dict[str, Any]:
    """Return the settings from which a `Backbone` is built again: kind, size of pictures,
    network.
    """
    settings = json.loads(network.config.to_json_string(use_diff=False))
    return {"kind": kind, "size": None if size is None else list(size), "network": settings}


def reading_part(network: Any, kind: str, name: str) -> nn.Module:
    """Return the part of a network that reads pictures or texts: a half, an encoder, or all of it.

    Raises
    ------
    ValueError
        If it reads something else.
    """
    part = network
    if hasattr(network, f"get_{kind}_features") or kind_of(network) != kind:
        halves = [getattr(network, half) for half in PARTS[kind] if hasattr(network, half)]
        part = halves[0] if halves else network
    if getattr(part.config, "is_encoder_decoder", False):
        part = part.get_encoder()
    if kind_of(part) != kind:
        raise ValueError(f"encoder: {name!r} reads {kind_of(part)}s, not {kind}s; give a model "
                         f"for {kind}s.")
    return part  # type: ignore[no-any-return]


def kind_of(network: nn.Module) -> str:
    """Return ``"text"`` for a network that reads token numbers, ``"image"`` for one that reads
    pixels.
    """
    return {"input_ids": "text", "pixel_values": "image"}.get(
        str(getattr(network, "main_input_name", "")), "other thing")


def text_inputs(x: Tensor, config: Any) -> dict[str, Tensor]:
    """Turn raw rows ``(n, t, 1)`` into the arguments of a network for texts."""
    numbers = x[..., 0].round().long()
    real, padding = numbers > 0, getattr(config, "pad_token_id", None)
    return {"input_ids": torch.where(real, numbers - 1, padding if padding is not None else 0),
            "attention_mask": real.long()}


def image_inputs(x: Tensor) -> dict[str, Tensor]:
    """Turn raw rows ``(n, h, 3 w)`` into the arguments of a network for pictures."""
    return {"pixel_values": x.view(len(x), x.shape[1], -1, 3).permute(0, 3, 1, 2)}


def probe(kind: str, size: Any, config: Any, tokens: int = PROBE) -> Tensor:
    """Return raw rows of which no two are alike, as a batch of one: a picture, or ``tokens``
    tokens.
    """
    if kind == "text":
        most = min(tokens, getattr(config, "max_position_embeddings", None) or tokens)
        rows: Tensor = torch.arange(max(most - 4, 1)) % int(config.vocab_size) + 1.0
        return rows[None, :, None]
    height, width = size or image_size(config)
    return torch.linspace(-1, 1, 3 * height * width).view(1, height, 3 * width)


def check_steady(encode: Any, x: Tensor, name: str) -> None:
    """Raise ValueError where two answers to the same raw rows differ."""
    with torch.inference_mode():
        one, other = encode(x), encode(x)
    if one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-4):
        raise ValueError(f"encoder: {name!r} gives another answer to the same rows every time, as "
                         "networks that hide parts of their input do; give one that does not.")


def _built(config: dict[str, Any], part: nn.Module, name: str) -> Backbone:
    try:
        return Backbone(config, part)
    except Exception as error:  # whatever a network raises that needs more than one input
        raise ValueError(f"encoder: {name!r} ({type(part).__name__}) does not make tokens of "
                         f"{config['kind']}s alone ({first_line(error)}); give "
                         "another kind of model.") from None


def _pair(size: Any) -> tuple[int, int] | None:
    if size is None or isinstance(size, int):
        return None if size is None else (size, size)
    return int(size[-2]), int(size[-1])
