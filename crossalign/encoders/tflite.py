"""Any tensor of a TensorFlow Lite network as features, by default its last feature map."""

from __future__ import annotations

import hashlib
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.encoders.checks import checked_pictures

Array = npt.NDArray[Any]


class Tensor(NamedTuple):
    """A tensor of a network file, as its interpreter describes it."""

    number: int
    name: str
    shape: tuple[int, ...]
    dtype: Any
    scale: float
    zero: int


class TFLiteEncoder:
    """Features of pictures by a TensorFlow Lite file, one picture at a time, on the CPU.

    Parameters
    ----------
    model : str or Path
        A ``.tflite`` file whose input is one square colour picture.
    tensor : str, optional
        Which tensor, by its name or by one of the names that a converter joined with ``;``. By
        default the last of shape (1, h, w, d) with more than one cell: the feature map in front of
        the pooling of an image classifier.
    tokens : bool
        The cells of a feature map as ``(n, h w, d)``, row by row, instead of their mean ``(n, d)``.
    pixels : pair of float
        What a network that reads floats is given for 0 and for 255. One that reads bytes is given
        those of the picture.
    threads : int

    Raises
    ------
    ValueError
        If the file is missing or no TensorFlow Lite file, its input is no square colour picture,
        there is no such tensor, or it has no cells where tokens are asked for.
    ImportError
        If LiteRT is not installed.
    """

    mode = "RGB"

    def __init__(self, model: str | Path, tensor: str | None = None, tokens: bool = False,
                 pixels: tuple[float, float] = (-1.0, 1.0), threads: int = 1) -> None:
        self.model = Path(model).expanduser()
        self.tokens, self.pixels, self.threads = tokens, pixels, threads
        self._interpreter = _opened(self.model, threads)
        self._input = _described(self._interpreter.get_input_details()[0])
        if len(self._input.shape) != 4 or self._input.shape[1:] != (self.side, self.side, 3):
            raise ValueError(f"model: {self.model.name!r} reads shape {self._input.shape}; give a "
                             "network for (1, side, side, 3) pictures.")
        self._output = self._chosen(tensor)
        self.tensor = self._output.name
        if tokens and (len(self._output.shape) != 4 or self._output.shape[1:3] == (1, 1)):
            raise ValueError(f"tokens: {self.tensor!r} has shape {self._output.shape}, one cell; "
                             "name a feature map (1, h, w, d), or ask for vectors.")

    @property
    def side(self) -> int:
        """Height and width of the pictures it reads."""
        return self._input.shape[1]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What its rows depend on."""
        with self.model.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
        return {"encoder": "tflite", "model": self.model.name, "model_sha256": digest,
                "tensor": self.tensor, "rows": "cells" if self.tokens else "mean of cells",
                **({} if self._input.dtype in (np.uint8, np.int8) else
                   {"pixels": list(self.pixels)})}

    def encode(self, pictures: npt.ArrayLike) -> Array:
        """Rows ``(n, d)`` or ``(n, t, d)``, float32, of ``(n, side, side, 3)`` uint8 pictures.

        Raises
        ------
        ValueError
            For pictures of another size or type.
        """
        x = checked_pictures(pictures, self.side)
        rows = [self._row(picture) for picture in x]
        width = self._output.shape[-1]
        empty = np.zeros((0, *([int(np.prod(self._output.shape[1:-1]))] if self.tokens else []),
                          width), np.float32)
        return np.stack(rows) if rows else empty

    def _row(self, picture: Array) -> Array:
        self._interpreter.set_tensor(self._input.number, self._prepared(picture)[None])
        self._interpreter.invoke()
        values = self._interpreter.get_tensor(self._output.number).astype(np.float32)
        if self._output.scale:
            values = np.float32(self._output.scale) * (values - self._output.zero)
        cells = values.reshape(-1, self._output.shape[-1])                 # (h w, d)
        return np.asarray(cells if self.tokens else cells.mean(axis=0))

    def _prepared(self, picture: Array) -> Array:
        """The picture in the type of the network's input."""
        if self._input.dtype == np.uint8:
            return picture
        if self._input.dtype == np.int8:
            return (picture.astype(np.int16) - 128).astype(np.int8)
        low, high = self.pixels
        return np.asarray(low + (high - low) / 255 * picture, dtype=self._input.dtype)

    def _chosen(self, name: str | None) -> Tensor:
        known = [_described(d) for d in self._interpreter.get_tensor_details()]
        if name is not None:
            found = [t for t in known if name in (t.name, *t.name.split(";"))]
            if not found:
                maps = [t.name.split(";")[0] for t in known if _is_map(t)]
                raise ValueError(f"tensor: {self.model.name!r} has no {name!r}; its last feature "
                                 f"maps are {maps[-3:]}.")
            return found[-1]
        maps_here = [t for t in known if _is_map(t) and t.number != self._input.number]
        if not maps_here:
            raise ValueError(f"tensor: {self.model.name!r} has no feature map (1, h, w, d); name "
                             "the tensor to read.")
        return max(maps_here, key=lambda t: t.number)


def _opened(file: Path, threads: int) -> Any:
    """An interpreter that keeps every tensor, so that any can be read after a run."""
    if not file.is_file():
        raise ValueError(f"model: there is no file {str(file)!r}; give a .tflite file.")
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise ImportError("TFLiteEncoder needs LiteRT: pip install 'crossalign[vision]'.") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the memory that keeping tensors costs
        try:
            interpreter = Interpreter(str(file), num_threads=threads,
                                      experimental_preserve_all_tensors=True)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"model: {str(file)!r} cannot be read as a TensorFlow Lite network "
                             f"({error}); download it again.") from error
    return interpreter


def _described(details: dict[str, Any]) -> Tensor:
    scale, zero = details["quantization"]
    return Tensor(int(details["index"]), str(details["name"]),
                  tuple(int(n) for n in details["shape"]), np.dtype(details["dtype"]),
                  float(scale), int(zero))


def _is_map(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[0] == 1 and tensor.shape[1] * tensor.shape[2] > 1
