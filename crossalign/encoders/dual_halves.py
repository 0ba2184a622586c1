"""The two halves of a network with one space, each an encoder whose rows have unit length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from crossalign.arrays import unit_rows
from crossalign.devices import find_device
from crossalign.encoders.checks import check_picture
from crossalign.encoders.pixels import Patches
from crossalign.encoders.pretrained import PretrainedPictures, PretrainedTexts, network_facts
from crossalign.encoders.prompts import BARE, PLACE, checked_prompts

Array = npt.NDArray[Any]


class DualPictures(PretrainedPictures):
    """Encoder of pictures whose rows are the network's own vectors at unit length."""

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {**super().facts, "length": "unit"}

    def in_space_of(self, texts: Any) -> bool:
        """Return True if its rows are in the space of an encoder of texts."""
        return _one_network(self, texts)

    def encode_prepared(self, prepared: Sequence[Array]) -> Array:
        """Encode n pictures that `prepare` has prepared as unit rows ``(n, d)``."""
        return unit_rows(super().encode_prepared(prepared))

    def arguments(self, pictures: Sequence[Array]) -> dict[str, Tensor]:
        """Return the network's arguments of pictures."""
        return self.inputs(torch.from_numpy(self.raw(pictures)).to(self.device))


class PatchPictures:
    """Encoder of pictures (`types.Encoder`) in their own proportions: SigLIP 2, NaFlex.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.
    device : {"auto", "cpu", "cuda"}
        Device of the network.
    network : Module
        The opened network.
    """

    mode, resizes, tokens = "RGB", True, False

    def __init__(self, name: str, device: str, network: nn.Module) -> None:
        self._patches = Patches(name, network.config)
        self.name, self.device = name, find_device(device)
        self._network: Any = network.to(self.device).requires_grad_(False)
        self.side = self._patches.size[0]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {**network_facts(self._network, self.name), "rows": "vectors", "length": "unit",
                "vectors": "projection of the network", "pixels": self._patches.facts}

    def in_space_of(self, texts: Any) -> bool:
        """Return True if its rows are in the space of an encoder of texts."""
        return _one_network(self, texts)

    def encode(self, pictures: Sequence[npt.ArrayLike]) -> Array:
        """Encode n pictures ``(h, w, 3)`` uint8 of any size as unit rows ``(n, d)``."""
        if not len(pictures):
            return self.encode([np.zeros((32, 32, 3), np.uint8)])[:0]
        with torch.inference_mode():
            output = self._network.get_image_features(
                **self.arguments([check_picture(picture) for picture in pictures]))
        return unit_rows(output.pooler_output.cpu().numpy())

    def arguments(self, pictures: Sequence[Array]) -> dict[str, Tensor]:
        """Return the network's arguments of pictures."""
        arrays = self._patches.arrays(pictures)
        return {key: torch.from_numpy(array).to(self.device) for key, array in arrays.items()}


class DualTexts(PretrainedTexts):
    """Encoder of texts whose rows are means of prompts, each and all at unit length.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.
    prompts : sequence of str
        Templates, each with one ``{}`` in the place of the text; default the text alone.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default a GPU if there is one.
    network : Module, optional
        Network of that name, if it is open already; by default it is opened.
    """

    def __init__(self, name: str, prompts: Sequence[str] = BARE, device: str = "auto",
                 network: nn.Module | None = None) -> None:
        self.prompts = checked_prompts(prompts)
        super().__init__(name, device=device, network=network)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {**super().facts, "length": "unit", "prompts": list(self.prompts)}

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode n texts as unit rows ``(n, d)``."""
        filled = [prompt.replace(PLACE, text) for text in texts for prompt in self.prompts]
        rows = self.plain(filled)                                                   # (n p, d)
        return unit_rows(rows.reshape(len(texts), len(self.prompts), -1).mean(axis=1)) \
            if len(texts) else rows

    def plain(self, texts: Sequence[str]) -> Array:
        """Encode n texts, without prompts, as unit rows ``(n, d)``."""
        return unit_rows(super().encode(texts))

    def arguments(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return the network's arguments of texts, without prompts."""
        return self.inputs(torch.from_numpy(self.raw(texts)).to(self.device))


def _one_network(pictures: Any, texts: Any) -> bool:
    """Return True if an encoder of pictures and one of texts are the halves of one network."""
    return isinstance(texts, DualTexts) and (
        pictures.facts["model_sha256"] == texts.facts["model_sha256"])
