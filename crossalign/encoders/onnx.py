"""Pictures through an ONNX network, prepared as the settings beside its file say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.checks import check_picture
from crossalign.encoders.network_files import first_line, read_settings
from crossalign.encoders.pixels import FILES, Pixels
from crossalign.fingerprints import file_digest
from crossalign.reading import check_regular, expanded

Array = npt.NDArray[Any]

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Types of pixels that are read here."""
OUTSIDE = re.compile(rb"\n\x08location\x12([\x01-\x7f])")
"""Entry of a tensor whose numbers are in another file, up to the length of that file's name."""
SUBFOLDER = "onnx"
"""Folder of exported networks; settings may stand in the folder around it."""


class ONNXEncoder:
    """Encoder of pictures (`types.Encoder`) by an ``.onnx`` file, on the CPU.

    Parameters
    ----------
    model : str or Path
        An ``.onnx`` file that reads pictures ``(n, 3, h, w)``. Beside it, or around a folder
        ``onnx`` with it, stands ``preprocessor_config.json`` or ``processor_config.json``.
    output : str, optional
        Name of the output to read; default the only one.
    tokens : bool
        Whether to give the cells of a map ``(n, d, h, w)``, row by row, or the tokens of an output
        ``(n, t, d)``, instead of their mean ``(n, d)``; default False.

    Raises
    ------
    ValueError
        One sentence: a file that is missing or no network, that reads something else, has several
        outputs and none is named, or has no settings beside it.
    ImportError
        If ``onnxruntime`` or ``transformers`` is not installed.
    """

    mode = "RGB"
    resizes = True
    """True: pictures of any size are taken."""

    def __init__(self, model: str | Path, output: str | None = None, tokens: bool = False) -> None:
        self.model, self.tokens = expanded(model, "model").absolute(), tokens
        check_regular(self.model, "model")
        self._outside = _other_files(self.model)
        self._session = _open(self.model)
        self._input, size = self._picture_input()
        self.output = self._select(output)
        self._pixels = _pixels(self.model, size)
        if size is not None and size != self._pixels.size:
            raise ValueError(f"model: {self.model.name!r} reads pictures of {size} pixels and its "
                             f"settings make {self._pixels.size} of them; correct the settings.")
        self._check_output(tokens)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file again in another process."""
        return type(self), (self.model, self.output, self.tokens)

    @property
    def side(self) -> int:
        """Height of the pictures that its network reads."""
        return self._pixels.size[0]

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata that its file carries beside the network."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "onnx", "model": self.model.name,
                "model_sha256": file_digest(self.model, *self._outside), "output": self.output,
                "rows": "tokens" if self.tokens else "vectors", "pixels": self._pixels.facts}

    def encode(self, pictures: Sequence[npt.ArrayLike]) -> Array:
        """Encode n pictures ``(h, w, 3)`` uint8 of any size as rows ``(n, d)`` or ``(n, t, d)``.

        Raises
        ------
        ValueError
            For pictures of another type.
        """
        return self.encode_prepared([self.prepare(picture) for picture in pictures])

    def prepare(self, picture: npt.ArrayLike) -> Array:
        """Return what the network reads of a picture, ``(height, width, 3)`` float32."""
        return self._pixels(check_picture(picture))

    def encode_prepared(self, prepared: Sequence[Array]) -> Array:
        """Encode n pictures that `prepare` has prepared."""
        if not len(prepared):
            return self._rows(self._run(self._blank()))[:0]
        pixels = np.stack(prepared)
        alone = self._input.shape[0] == 1
        blocks = np.split(pixels, len(pixels)) if alone else [pixels]
        return np.concatenate([self._rows(self._run(block)) for block in blocks])

    def _run(self, pixels: Array) -> Array:
        """Return the network's output for pixels ``(n, h, w, 3)``."""
        x = np.ascontiguousarray(np.moveaxis(pixels, 3, 1), dtype=TYPES[self._input.type])
        return np.asarray(self._session.run([self.output], {self._input.name: x})[0], np.float32)

    def _rows(self, values: Array) -> Array:
        if values.ndim == 4:                                                # (n, d, h, w)
            values = values.reshape(*values.shape[:2], -1).swapaxes(1, 2)
        mean = values.ndim == 3 and not self.tokens
        return np.ascontiguousarray(values.mean(axis=1) if mean else values)

    def _blank(self) -> Array:
        return np.zeros((1, *self._pixels.size, 3), np.float32)

    def _picture_input(self) -> tuple[Any, tuple[int, int] | None]:
        """Return the input and the height and width that it wants, None if it takes any."""
        inputs, name = self._session.get_inputs(), self.model.name
        if len(inputs) != 1:
            raise ValueError(f"model: {name!r} reads {[i.name for i in inputs]}; give a network "
                             "that reads a picture and nothing else.")
        of = inputs[0]
        fixed = [n if isinstance(n, int) else None for n in of.shape]
        if of.type not in TYPES or len(fixed) != 4 or fixed[1] not in (3, None) \
                or fixed[0] not in (1, None):
            raise ValueError(f"model: {name!r} reads {of.shape} of {of.type}; give a network for "
                             "(n, 3, height, width) pictures of floats.")
        height, width = fixed[2:]
        return of, None if height is None or width is None else (height, width)

    def _select(self, output: str | None) -> str:
        names = [one.name for one in self._session.get_outputs()]
        if output is None and len(names) == 1:
            return str(names[0])
        if output is None or output not in names:
            raise ValueError(f"output: {self.model.name!r} has the outputs {names}"
                             f"{'' if output is None else f' and no {output!r}'}; name one.")
        return output

    def _check_output(self, tokens: bool) -> None:
        try:
            shape = self._run(self._blank()).shape
        except Exception as error:  # onnxruntime raises kinds of its own
            raise ValueError(f"model: {self.model.name!r} fails on a picture of "
                             f"{self._pixels.size} pixels ({first_line(error)}); export it "
                             "again.") from None
        if shape[:1] != (1,) or len(shape) not in (2, 3, 4) or (tokens and len(shape) == 2):
            raise ValueError(f"output: {self.output!r} has shape {shape}, "
                             + ("one row a picture; name one with tokens or cells, or ask for "
                                "vectors." if len(shape) == 2 else
                                "which is no vector, no tokens and no map; name another."))


def _open(file: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ImportError(
            "ONNXEncoder needs onnxruntime: pip install 'crossalign[onnx]'.") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3                                             # errors alone
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises kinds of its own
        raise ValueError(f"model: {str(file)!r} cannot be opened as an ONNX network "
                         f"({first_line(error)}); export or download it again.") from None


def _other_files(file: Path) -> list[Path]:
    """Return the files beside a network that hold numbers of it.

    Raises
    ------
    ValueError
        If one of them is in another folder.
    """
    content, names = file.read_bytes(), set()
    for match in OUTSIDE.finditer(content):
        start = match.end()
        names.add(content[start:start + match[1][0]].decode("utf-8", "replace"))
    for name in names:
        if Path(name).name != name.removeprefix("./"):
            raise ValueError(f"model: {file.name!r} asks for numbers from {name!r}, outside of its "
                             "folder; save them beside it.")
    return sorted(path for name in names if (path := file.parent / name).is_file())


def settings_folders(file: Path) -> list[Path]:
    """Return the folders in which settings of a network may stand, nearest first."""
    return [file.parent, *([file.parent.parent] if file.parent.name == SUBFOLDER else [])]


def _pixels(file: Path, size: tuple[int, int] | None) -> Pixels:
    """Return the preparation of pictures that the settings beside a network say."""
    for folder in settings_folders(file):
        whole, alone = (read_settings(str(folder), name) for name in FILES)
        settings = whole.get("image_processor") or alone
        if not settings:
            continue
        if not {"image_processor_type", "feature_extractor_type"} & set(settings) or (
                size is None and not {"size", "crop_size"} & set(settings)):
            raise ValueError(f"model: the settings beside {file.name!r} lack image_processor_type "
                             "or size, so pictures cannot be prepared; take the "
                             f"{FILES[1]} of the network that was exported.")
        return Pixels(str(folder), SimpleNamespace(image_size=size))
    raise ValueError(f"model: beside {file.name!r} nothing says how pictures are prepared; put the "
                     f"{FILES[1]} of the network that was exported there.")
