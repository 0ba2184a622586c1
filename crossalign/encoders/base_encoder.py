"""A pretrained network as what reads raw pictures or texts: their rows in context, as tokens.

Raw rows fit `Views`, so that batches of them are slices like any other: a picture is its pixel rows
``(side, 3 side)``, normalised; a text is its token numbers, each plus one, ``(t, 1)``, so that
zeros are padding. `pretrained` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.devices import find_device

KINDS = ("image", "text")


class BaseEncoder(nn.Module):
    """A network of ``transformers`` from its configuration, with random weights at first.

    Parameters
    ----------
    config : mapping
        As `pretrained_network` gives it.
    network : optional
        What the configuration is of, where it is there already.

    Attributes
    ----------
    config : dict
    kind : {"image", "text"}
    width, cells : int
        Of its tokens; how many a picture has.
    learns : bool
        Whether its weights learn, at first not; if not, it stays in evaluation mode, too.
    """

    def __init__(self, config: Mapping[str, Any], network: nn.Module | None = None) -> None:
        super().__init__()
        self.config = dict(config)
        if network is None:
            AutoConfig, AutoModel = _transformers()
            network = AutoModel.from_config(AutoConfig.for_model(**self.config))
        self.network: Any = network
        self.kind = kind_of(self.network)
        self.let_learn(False).eval()
        with torch.inference_mode():
            self.cells, self.width = self(self.blank()).shape[1:]

    @classmethod
    def pretrained(cls, name: str, kind: str, device: str = "auto") -> BaseEncoder:
        """One with the weights of `pretrained_network`, which do not learn, on a device."""
        config, network = pretrained_network(name, kind)
        return cls(config, network=network).to(find_device(device))

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.parameters()).device

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
        if self.kind == "text":
            return torch.ones(1, 1, 1)
        side = side_of(self.network.config)
        return torch.zeros(1, side, 3 * side)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``(n, t, width)`` of raw rows; of a text, zeros at its padding.

        The last hidden states: of a Transformer for pictures those of its patches, row by row; of
        a convolutional network the cells of its last map.
        """
        if self.kind == "text":
            numbers = x[..., 0].round().long()
            real = numbers > 0
            said = self.network(input_ids=(numbers - 1).clamp_min(0), attention_mask=real.long())
            rows: Tensor = said.last_hidden_state.masked_fill(~real[..., None], 0)
            return rows
        side = x.shape[1]
        pixels = x.view(len(x), side, side, 3).permute(0, 3, 1, 2)
        states: Tensor = self.network(pixel_values=pixels).last_hidden_state
        if states.ndim == 4:                                                 # (n, d, h, w)
            return states.flatten(2).transpose(1, 2)
        patch = getattr(self.network.config, "patch_size", None)
        patches = states.shape[1] if patch is None else (side // patch) ** 2
        return states[:, -patches:]                                          # without [CLS]


def pretrained_network(name: str, kind: str) -> tuple[dict[str, Any], nn.Module]:
    """The configuration and the network of a folder, or of a name on the Hugging Face hub.

    Of a model that reads both, such as CLIP, the part that reads ``kind``. Weights are read from
    safetensors only, and no code that comes with them is run.

    Raises
    ------
    ValueError
        One sentence: there is no such model, it is damaged, or reads something else.
    ImportError
        If ``transformers`` is not installed.
    """
    AutoConfig, AutoModel = _transformers()
    try:
        with _quietly():
            config = AutoConfig.from_pretrained(name)
            part = getattr(config, {"image": "vision_config", "text": "text_config"}[kind], None)
            network = AutoModel.from_pretrained(name, config=config if part is None else part,
                                                use_safetensors=True, dtype=torch.float32)
    except Exception as error:  # transformers raises many kinds, of its own and of its libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"encoder: {name!r} cannot be opened ({reason}); give the folder of a "
                         "model with config.json and model.safetensors, or its name on the "
                         "Hugging Face hub.") from None
    if kind_of(network) != kind:
        raise ValueError(f"encoder: {name!r} reads {kind_of(network)}s, not {kind}s; give a model "
                         f"for {kind}s.")
    return json.loads(network.config.to_json_string(use_diff=False)), network


def kind_of(network: nn.Module) -> str:
    """``"text"`` for a network that reads token numbers, ``"image"`` for one that reads pixels."""
    return {"input_ids": "text", "pixel_values": "image"}.get(
        str(getattr(network, "main_input_name", "")), "other")


def side_of(config: Any) -> int:
    """Side of the square pictures that a network reads; 224 where it does not say."""
    size = getattr(config, "image_size", 224)
    return int(size if isinstance(size, int) else size[0])


def pretrained_file(name: str, file: str) -> Path | None:
    """Where a file of a folder, or of a model on the hub, lies; None if it has no such file."""
    from transformers.utils import cached_file

    with _quietly():
        found = cached_file(name, file, _raise_exceptions_for_missing_entries=False,
                            _raise_exceptions_for_connection_errors=False)
    return None if found is None else Path(found)


def _transformers() -> tuple[Any, Any]:
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError:
        raise ImportError("Pretrained networks need transformers: "
                          "pip install 'crossalign[text]'.") from None
    return AutoConfig, AutoModel


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars and the list of unused weights that loading prints."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
