"""Image classifiers as encoders: their outputs as rows, a number for each label, and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from crossalign.devices import find_device
from crossalign.encoders.checks import check_picture
from crossalign.encoders.label_names import (
    Labels,
    labels_in_archive,
    labels_in_metadata,
    numbered_labels,
)
from crossalign.encoders.network_files import open_network, read_settings
from crossalign.encoders.onnx import ONNXEncoder, settings_folders
from crossalign.encoders.pixels import Pixels
from crossalign.encoders.pretrained import network_facts
from crossalign.encoders.tflite import TFLiteEncoder, output_of
from crossalign.types import Encoder

Array = npt.NDArray[Any]
LOGITS = "logits"
"""Word for rows that are logits, in the facts of their encoder."""


class Classifier(NamedTuple):
    """An image classifier: an encoder whose rows are its outputs, and their names.

    Attributes
    ----------
    outputs : Encoder
        Encoder with rows ``(n, L)``.
    labels : L strings or None
        Names that its files give; None if they give none.
    """

    outputs: Encoder
    labels: Labels | None


class PretrainedOutputs:
    """Encoder of pictures (`types.Encoder`) by the logits of a classifier of ``transformers``.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default a GPU if there is one.

    Raises
    ------
    ValueError
        One sentence: a model that cannot be opened, or has no weights of a classifier.
    ImportError
        If ``transformers`` is not installed.
    """

    mode, resizes, tokens = "RGB", True, False

    def __init__(self, name: str, device: str = "auto") -> None:
        self.name, self._device = str(name), find_device(device)
        network = open_network(self.name, classifies=True)
        self._pixels = Pixels(self.name, network.config)
        self._network: Any = network.to(self._device).requires_grad_(False)
        self.side = self._pixels.size[0]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {**network_facts(self._network, self.name), "rows": LOGITS,
                "pixels": self._pixels.facts}

    def encode(self, pictures: Sequence[npt.ArrayLike]) -> Array:
        """Encode n pictures ``(h, w, 3)`` uint8 of any size as logits ``(n, L)``."""
        if not len(pictures):
            return self.encode([np.zeros((32, 32, 3), np.uint8)])[:0]
        pixels = np.stack([self._pixels(check_picture(picture)) for picture in pictures])
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self._device)       # (n, 3, h, w)
        with torch.inference_mode():
            return np.asarray(self._network(pixel_values=x).logits.cpu().numpy())


def open_classifier(name: str, output: str | None = None, *, named: bool = False) -> Classifier:
    """Open a classifier with the names that its own files give.

    Parameters
    ----------
    name : str
        A ``.tflite`` file, an ``.onnx`` file, a folder of ``transformers`` or a name on the hub.
    output : str, optional
        Output of an ``.onnx`` file; default the only one.
    named : bool
        Whether names are known already, so that none are looked for; default False.

    Raises
    ------
    ValueError
        As `TFLiteEncoder`, `ONNXEncoder` and `PretrainedOutputs`; or if the archive of a
        ``.tflite`` file gives several lists of names.
    """
    if name.endswith(".tflite"):
        lite = TFLiteEncoder(name, output_of(name))
        return Classifier(lite, None if named else labels_in_archive(lite.model, lite.width))
    if name.endswith(".onnx"):
        exported = ONNXEncoder(name, output)
        return Classifier(exported, None if named else labels_in_metadata(exported.metadata)
                          or _configured(*settings_folders(exported.model)))
    outputs = PretrainedOutputs(name)
    return Classifier(outputs, None if named else _configured(name))


def _configured(*places: str | Path) -> Labels | None:
    """Return the names in the first configuration of a network that has some."""
    found = (numbered_labels(read_settings(str(place), "config.json").get("id2label"))
             for place in places)
    return next((labels for labels in found if labels is not None), None)
