"""Pictures and texts through one network that projects both into one space: CLIP and its kin.

The network is opened once for both. Rows have unit length, so that their products are cosines; the
network's own scale, and the bias of SigLIP, make its logits of them. Radford et al., CLIP, ICML
2021, section 2.3; Zhai et al., SigLIP, ICCV 2023, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from crossalign.encoders.dual_halves import DualPictures, DualTexts, PatchPictures
from crossalign.encoders.network_files import first_line, open_network
from crossalign.encoders.prompts import BARE, checked_prompts

Array = npt.NDArray[Any]

PATCHED = ("siglip2",)
"""Kinds of network that read pictures as lists of patches."""
PROBE = np.linspace(0, 255, 40 * 56 * 3).reshape(40, 56, 3).astype(np.uint8)
"""Picture with which a network is tried."""
TRIED = ["a", "red square"]
"""Texts with which a network is tried."""


class DualEncoder:
    """Encoder of pictures and of texts in one space: CLIP, SigLIP, ALIGN, Chinese CLIP, BLIP.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub, which is downloaded once.
    prompts : sequence of str
        Templates with one ``{}`` in the place of a text, as ``"a photo of a {}."``. The row of a
        text is the mean of the unit rows of its prompts, at unit length again; default the text
        alone.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default a GPU if there is one.

    Attributes
    ----------
    pictures : Encoder
        Encoder of pictures; its rows have unit length.
    texts : TextEncoder
        Encoder of texts; its rows have unit length.
    scale, bias : float
        Numbers that make the network's logit of a cosine, ``scale * cosine + bias``.
    sigmoid : bool
        True if the network was trained on each pair alone, as SigLIP, and not on a softmax.

    Raises
    ------
    ValueError
        One sentence: a prompt without one ``{}``, a model that cannot be opened, or one whose
        logits are no scaled cosines of pictures and texts.
    ImportError
        If ``transformers`` is not installed.
    """

    def __init__(self, name: str, prompts: Sequence[str] = BARE, device: str = "auto") -> None:
        self.name = str(name)
        checked_prompts(prompts)
        network: Any = open_network(self.name)
        if not all(hasattr(network, f"get_{kind}_features") for kind in ("image", "text")):
            raise _no_space(self.name, network, "it projects no pictures and texts")
        self.scale, self.bias = logit_numbers(network, self.name)
        self.sigmoid = hasattr(network, "logit_bias")
        self.pictures: DualPictures | PatchPictures = PatchPictures(
            self.name, device, network) if network.config.model_type in PATCHED else DualPictures(
            self.name, device=device, network=network)
        self.texts = DualTexts(self.name, prompts, device, network)
        self._check(network)

    @property
    def prompts(self) -> tuple[str, ...]:
        """Templates of texts."""
        return self.texts.prompts

    def encode(self, items: Sequence[Any]) -> Array:
        """Encode n texts, or n pictures ``(h, w, 3)`` uint8 of any size, as unit rows ``(n, d)``.

        Raises
        ------
        ValueError
            For pictures of another type, or texts among pictures.
        """
        kinds = {isinstance(item, str) for item in items}
        if len(kinds) > 1:
            raise ValueError("items: texts and pictures are mixed; encode each kind alone.")
        return self.texts.encode(items) if kinds == {True} else self.pictures.encode(items)

    def logits(self, pictures: npt.ArrayLike, texts: npt.ArrayLike) -> Array:
        """Return the network's logits ``(n, m)`` of rows of pictures ``(n, d)`` and of texts
        ``(m, d)``.
        """
        cosines = np.asarray(pictures, np.float32) @ np.asarray(texts, np.float32).T
        return np.asarray(self.scale * cosines + self.bias, np.float32)

    def probabilities(self, pictures: npt.ArrayLike, texts: npt.ArrayLike) -> Array:
        """Return the network's probabilities ``(n, m)`` that a text belongs to a picture.

        After a softmax over the texts they sum to one; those of SigLIP, by a sigmoid, do not.
        """
        logits = torch.from_numpy(self.logits(pictures, texts))
        return np.asarray((logits.sigmoid() if self.sigmoid else logits.softmax(dim=1)).numpy())

    def _check(self, network: Any) -> None:
        """Raise ValueError where the network's own logits are others."""
        inputs = {**self.pictures.arguments([PROBE]), **self.texts.arguments(TRIED)}
        try:
            with torch.inference_mode():
                own = network(**inputs).logits_per_image.cpu().numpy()
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            raise _no_space(self.name, network, first_line(error)) from None
        found = self.logits(self.pictures.encode([PROBE]), self.texts.plain(TRIED))
        if own.shape != found.shape or np.abs(own - found).max() > 1e-3 * max(self.scale, 1):
            raise _no_space(self.name, network, "its logits are no scaled cosines")


def logit_numbers(network: Any, name: str) -> tuple[float, float]:
    """Return scale and bias with which a network makes logits of cosines.

    Raises
    ------
    ValueError
        If it has no scale.
    """
    if hasattr(network, "temperature"):                                              # ALIGN
        return 1 / network.temperature.item(), 0.0
    if not hasattr(network, "logit_scale"):
        raise _no_space(name, network, "it has no scale of logits")
    log, largest = network.logit_scale.item(), getattr(network, "max_log_logit_scale", None)
    scale = math.exp(log if largest is None else min(max(log, 0.0), largest))       # AIMv2's limit
    return scale, network.logit_bias.item() if hasattr(network, "logit_bias") else 0.0


def _no_space(name: str, network: nn.Module, why: str) -> ValueError:
    return ValueError(f"encoder: {name!r} ({type(network).__name__}) has no space of cosines that "
                      f"pictures and texts share ({why}); give CLIP, SigLIP or their kin, or one "
                      "network for pictures and one for texts.")
