"""Preparation of pictures for a network, as its folder says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.network_files import from_here, open_error, quietly, read_settings

Array = npt.NDArray[Any]

FILES = ("processor_config.json", "preprocessor_config.json")
"""Files with the settings: the first under its key ``image_processor``, or else the second."""
ABOUT = {"image_processor_type", "feature_extractor_type", "processor_class",
         "transformers_version", "_valid_processor_keys"}
"""Keys that name the processor and change nothing."""
TRIED = ((40, 56, 3), (56, 40, 3))
"""Shapes of the pictures with which a processor is tried."""


class Pixels:
    """The resizing, cropping and scaling of pictures by the image processor of ``transformers``.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.
    config
        Configuration of the network; its ``image_size`` is used where the folder gives no size.

    Attributes
    ----------
    size : pair of int
        Height and width of the pictures that the network reads.
    facts : dict
        All settings of the processor.

    Raises
    ------
    ValueError
        One sentence: a setting that its processor does not have, a processor that is not there, or
        one that does not give pictures of one size.
    """

    def __init__(self, name: str, config: Any) -> None:
        self.name = name
        whole, alone = (read_settings(name, file) for file in FILES)
        settings = whole.get("image_processor") or alone
        self._processor = _open(name, config, settings)
        self._check(settings)
        self.size = self._size()

    def _size(self) -> tuple[int, int]:
        shapes = {self._try(np.zeros(shape, np.uint8)).shape for shape in TRIED}
        if len(shapes) > 1 or next(iter(shapes))[2:] != (3,):
            raise ValueError(f"encoder: {self.name!r} reads pictures through {self.kind}, which "
                             f"gives arrays of shape {sorted(shapes)[0]}; give a network whose "
                             "pictures have one size (height, width, 3).")
        height, width, _ = next(iter(shapes))
        return height, width

    @property
    def kind(self) -> str:
        """Name of the processor."""
        return type(self._processor).__name__.removesuffix("Pil")

    @property
    def facts(self) -> dict[str, Any]:
        """Settings that the pixels depend on."""
        settings = json.loads(self._processor.to_json_string())
        return {key: value for key, value in settings.items()
                if value is not None and key not in ABOUT - {"image_processor_type"}}

    @property
    def mean(self) -> Array:
        """Mean of every colour ``(3,)``, subtracted from pixels between 0 and 1."""
        return self._per_colour("image_mean", 0.0)

    @property
    def std(self) -> Array:
        """Divisor of every colour ``(3,)``, after the mean is subtracted."""
        return self._per_colour("image_std", 1.0)

    def __call__(self, picture: Array) -> Array:
        """Return ``(height, width, 3)`` float32 for a picture of any size, ``(h, w, 3)`` uint8."""
        arrays = self._processor([picture], input_data_format="channels_last",
                                 data_format="channels_first")["pixel_values"]
        return np.ascontiguousarray(np.moveaxis(np.asarray(arrays[0], np.float32), 0, -1))

    def _per_colour(self, key: str, neutral: float) -> Array:
        of = self._processor
        value = getattr(of, key, None) if getattr(of, "do_normalize", True) else None
        return np.broadcast_to(np.float32(neutral if value is None else value), 3)

    def _try(self, picture: Array) -> Array:
        try:
            return self(picture)
        except Exception as error:  # of a setting that it has, but not with this value
            raise ValueError(f"encoder: {self.name!r} reads pictures through {self.kind}, which "
                             f"fails with the settings of its folder ({error}); correct "
                             f"{FILES[1]}.") from None

    def _check(self, settings: dict[str, Any]) -> None:
        known_keys = {key for cls in type(self._processor).__mro__
                 for key in getattr(getattr(cls, "valid_kwargs", None), "__annotations__", ())}
        stated = str(settings.get("image_processor_type") or settings.get(
            "feature_extractor_type") or self.kind)
        if stated.removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor") != self.kind:
            raise ValueError(f"encoder: {self.name!r} prepares pictures through {stated}, which "
                             "this version of transformers does not have without torchvision; "
                             "give a network with another one.")
        for key in settings:
            if key not in known_keys | ABOUT:
                raise ValueError(f"encoder: {self.name!r} prepares pictures with {key!r}, which "
                                 f"{self.kind} does not know; remove it from {FILES[1]}, or name "
                                 "there the processor that does.")


class Patches(Pixels):
    """The cutting of pictures into patches, as many as their proportions want: SigLIP 2, NaFlex.

    Its ``size`` is that of a patch.
    """

    def _size(self) -> tuple[int, int]:
        self._try(np.zeros(TRIED[0], np.uint8))
        side = int(self._processor.patch_size)
        return side, side

    def __call__(self, picture: Array) -> Array:
        """Return the patches ``(p, values)`` float32 of a picture, zeros behind its own."""
        return np.asarray(self.arrays([picture])["pixel_values"][0], np.float32)

    def arrays(self, pictures: Sequence[Array]) -> dict[str, Array]:
        """Return patches ``(n, p, values)``, which are real ``(n, p)``, and rows and columns of
        them ``(n, 2)``, by the names of the network's arguments.
        """
        return {key: np.stack([np.asarray(one) for one in values]) for key, values in
                self._processor(list(pictures), input_data_format="channels_last").items()}


def image_size(config: Any) -> tuple[int, int]:
    """Return height and width of the pictures that a network reads; 224 if it does not say."""
    size = getattr(config, "image_size", None) or getattr(
        getattr(config, "vision_config", None), "image_size", None) or 224
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _open(name: str, config: Any, settings: dict[str, Any]) -> Any:
    """Open the processor that the settings name, or that of the kind of network, without
    torchvision.
    """
    from transformers import AutoImageProcessor

    if not settings:
        return _default(name, config)
    try:
        with quietly():
            processor = AutoImageProcessor.from_pretrained(
                name, config=config, backend="pil", trust_remote_code=False,
                local_files_only=from_here(name))
    except Exception as error:  # transformers raises many kinds
        raise open_error(name, error, FILES[1]) from None
    return processor if {"size", "crop_size"} & set(settings) else _with_size(processor, config)


def _default(name: str, config: Any) -> Any:
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING

    try:
        with quietly():
            processor = IMAGE_PROCESSOR_MAPPING[type(config)]["pil"]()
    except (KeyError, ImportError):
        raise ValueError(f"encoder: {name!r} does not say how pictures are prepared; put the "
                         f"{FILES[1]} of its model there.") from None
    warnings.warn(f"encoder: {name!r} does not say how pictures are prepared; the defaults of "
                  f"{type(processor).__name__.removesuffix('Pil')} are taken, at the size of the "
                  f"network; put a {FILES[1]} there.", stacklevel=5)
    return _with_size(processor, config)


def _with_size(processor: Any, config: Any) -> Any:
    """Return the processor set to the network's picture size, for a folder that gives none."""
    height, width = image_size(config)
    whole = {"height": height, "width": width}
    size, crop = getattr(processor, "size", None), getattr(processor, "crop_size", None)
    settings = {key: value for key, value in processor.to_dict().items()
                if key not in ABOUT | {"crop_size"}}
    settings["size"] = {"shortest_edge": min(height, width)} if size is not None \
        and "shortest_edge" in dict(size) else whole
    return type(processor)(**settings, **({} if crop is None else {"crop_size": whole}))
