"""Any tensor of a TensorFlow Lite network as features, by default its last feature map."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.encoders.checks import check_pictures
from crossalign.encoders.native_lines import without_info
from crossalign.fingerprints import file_digest
from crossalign.reading import check_regular, expanded

Array = npt.NDArray[Any]
BYTES = (np.uint8, np.int8)
QUANTISED, FLOATS = (*BYTES, np.int16), (np.float16, np.float32)
"""Types of pixels that are read here."""


class Tensor(NamedTuple):
    """A tensor of a network file, as its interpreter describes it.

    ``fixed`` is false if the file leaves sizes open. ``scale`` and ``zero`` turn its integers into
    numbers: arrays of length one, or of one number per channel along the last axis, or empty.
    """

    number: int
    name: str
    shape: tuple[int, ...]
    dtype: Any
    scale: Array
    zero: Array
    fixed: bool


class TFLiteEncoder:
    """Features of pictures by a TensorFlow Lite file, one picture at a time, on the CPU.

    Parameters
    ----------
    model : str or Path
        A ``.tflite`` file whose input is one square colour picture.
    tensor : str, optional
        Name of the tensor to read, or one of the names that a converter joined with ``;``. By
        default the last that the network computes of shape (1, h, w, d) with more than one cell:
        the feature map in front of the pooling of an image classifier.
    tokens : bool
        Whether to give the cells of a feature map as ``(n, h w, d)``, row by row, instead of their
        mean ``(n, d)``; default False.
    pixels : pair of float, optional
        Input values for pixels 0 and 255, in the steps of the input if that is quantised. By
        default a network that reads bytes gets the picture's own, and any other gets -1 and 1.
    threads : int
        Number of CPU threads; default 1.

    Raises
    ------
    ValueError
        If the file is missing or no TensorFlow Lite file, its input is not one square colour
        picture of a fixed size or of a type that is not read here, there is no such tensor or it
        is a constant, or it has no cells where tokens are asked for.
    ImportError
        If LiteRT is not installed.
    """

    mode = "RGB"

    def __init__(self, model: str | Path, tensor: str | None = None, tokens: bool = False,
                 pixels: tuple[float, float] | None = None, threads: int = 1) -> None:
        self.model = expanded(model, "model")
        self.tokens, self.threads = tokens, threads
        self._interpreter = _open(self.model, threads)
        self._input = self._input_tensor()
        as_it_is = pixels is None and self._input.dtype in BYTES
        self.pixels = None if as_it_is else pixels or (-1.0, 1.0)
        self._output = self._select(tensor)
        self.tensor = self._output.name
        if tokens and (len(self._output.shape) != 4 or self._output.shape[1:3] == (1, 1)):
            raise ValueError(f"tokens: {self.tensor!r} has shape {self._output.shape}, one cell; "
                             "name a feature map (1, h, w, d), or ask for vectors.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file again in another process."""
        return type(self), (self.model, self.tensor, self.tokens, self.pixels, self.threads)

    @property
    def side(self) -> int:
        """Height and width of the pictures that it reads."""
        return self._input.shape[1]

    @property
    def width(self) -> int:
        """Width of its rows."""
        return self._output.shape[-1]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "tflite", "model": self.model.name,
                "model_sha256": file_digest(self.model),
                "tensor": self.tensor, "rows": "cells" if self.tokens else "mean of cells",
                **({} if self.pixels is None else {"pixels": list(self.pixels)})}

    def encode(self, pictures: npt.ArrayLike) -> Array:
        """Encode ``(n, side, side, 3)`` uint8 pictures as float32 rows ``(n, d)`` or ``(n, t, d)``.

        Raises
        ------
        ValueError
            For pictures of another size or type.
        """
        x = check_pictures(pictures, self.side)
        rows = [self._row(picture) for picture in x]
        empty = np.zeros((0, *([int(np.prod(self._output.shape[1:-1]))] if self.tokens else []),
                          self.width), np.float32)
        return np.stack(rows) if rows else empty

    def _row(self, picture: Array) -> Array:
        self._interpreter.set_tensor(self._input.number, self._prepare(picture)[None])
        self._interpreter.invoke()
        values = self._interpreter.get_tensor(self._output.number).astype(np.float32)
        if len(self._output.scale):
            values = self._output.scale * (values - self._output.zero)
        cells = values.reshape(-1, self._output.shape[-1])                 # (h w, d)
        return np.asarray(cells if self.tokens else cells.mean(axis=0))

    def _prepare(self, picture: Array) -> Array:
        """Return the picture in the type of the network's input."""
        of = self._input
        if self.pixels is None:
            return picture if of.dtype == np.uint8 else (
                picture.astype(np.int16) - 128).astype(np.int8)
        low, high = self.pixels
        values = low + (high - low) / 255 * picture.astype(np.float64)
        if len(of.scale):
            limits = np.iinfo(of.dtype)
            values = np.clip(np.rint(values / of.scale) + of.zero, limits.min, limits.max)
        return np.asarray(values, dtype=of.dtype)

    def _input_tensor(self) -> Tensor:
        inputs = [_tensor_of(d) for d in self._interpreter.get_input_details()]
        of, name = inputs[0], self.model.name
        if len(inputs) > 1:
            raise ValueError(f"model: {name!r} reads {[t.name for t in inputs]}; give a network "
                             "that reads a picture and nothing else.")
        if not of.fixed or len(of.shape) != 4 or of.shape != (1, of.shape[1], of.shape[1], 3):
            raise ValueError(f"model: {name!r} reads shape {of.shape}"
                             f"{'' if of.fixed else ', of no fixed size'}; give a network for "
                             "(1, side, side, 3) pictures.")
        if of.dtype not in FLOATS and (of.dtype not in QUANTISED or (
                of.dtype not in BYTES and not len(of.scale))):
            raise ValueError(f"model: {name!r} reads {of.dtype} pixels"
                             f"{'' if len(of.scale) else ' without a scale'}; give a network that "
                             "reads floats, bytes or quantised numbers.")
        return of

    def _select(self, name: str | None) -> Tensor:
        computed = self._computed()
        maps = [t for t in computed if _is_map(t)]
        if name is None:
            if not maps:
                raise ValueError(f"tensor: {self.model.name!r} has no feature map (1, h, w, d); "
                                 "name the tensor to read.")
            return maps[-1]
        matches = [t for t in computed if name in (t.name, *t.name.split(";"))]
        if not matches:
            raise ValueError(f"tensor: {self.model.name!r} computes no {name!r}; its last feature "
                             f"maps are {[t.name.split(';')[0] for t in maps[-3:]]}.")
        return matches[-1]

    def _computed(self) -> list[Tensor]:
        """Return the outputs of the network's steps, in order, without weights and the picture."""
        tensors = {t.number: t for t in map(_tensor_of, self._interpreter.get_tensor_details())}
        order = [int(n) for step in self._interpreter._get_ops_details() for n in step["outputs"]]
        return [tensors[n] for n in dict.fromkeys(order) if n in tensors]


def output_of(file: str | Path) -> str:
    """Return the name of the tensor that a TensorFlow Lite file gives out.

    Raises
    ------
    ValueError
        If it cannot be read, or gives out several.
    """
    model = expanded(file, "model")
    outputs = [_tensor_of(details) for details in _open(model, 1).get_output_details()]
    if len(outputs) != 1:
        raise ValueError(f"model: {model.name!r} has the outputs {[one.name for one in outputs]}; "
                         "give a classifier, which has one.")
    return outputs[0].name


def _open(file: Path, threads: int) -> Any:
    """Open an interpreter that keeps every tensor, so that any can be read after a run."""
    check_regular(file, "model")
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise ImportError("TFLiteEncoder needs LiteRT: pip install 'crossalign[vision]'.") from None
    with warnings.catch_warnings(), without_info():
        warnings.simplefilter("ignore")  # of the memory that keeping tensors costs
        try:
            interpreter = Interpreter(str(file), num_threads=threads,
                                      experimental_preserve_all_tensors=True)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"model: {str(file)!r} cannot be read as a TensorFlow Lite network "
                             f"({error}); download it again.") from error
    return interpreter


def _tensor_of(details: dict[str, Any]) -> Tensor:
    shape = tuple(int(n) for n in details["shape"])
    about = details["quantization_parameters"]
    scale, zero = (np.asarray(about[key], np.float32) for key in ("scales", "zero_points"))
    if len(scale) > 1:                                            # one for each channel
        along = [-1 if axis == about["quantized_dimension"] else 1 for axis in range(len(shape))]
        scale, zero = scale.reshape(along), zero.reshape(along)
    signature = details.get("shape_signature", shape)
    return Tensor(int(details["index"]), str(details["name"]), shape, np.dtype(details["dtype"]),
                  scale, zero, all(int(n) >= 0 for n in signature))


def _is_map(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[0] == 1 and tensor.shape[1] * tensor.shape[2] > 1
