"""Trees of mappings, lists, tuples, arrays and plain values as JSON, and back to the bit."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def in_text(array: Array) -> dict[str, Any]:
    """Encode an array for JSON."""
    return {"array": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
            "dtype": array.dtype.str, "shape": list(array.shape)}


def from_text(stored: Mapping[str, Any]) -> Array:
    """Decode an array, the inverse of `in_text`."""
    array = np.frombuffer(base64.b64decode(stored["array"]), np.dtype(stored["dtype"]))
    return array.reshape(stored["shape"]).copy()


def pack(value: Any, put: Callable[[Array], Mapping[str, Any]] = in_text) -> Any:
    """Return a tree as JSON holds it, from which `unpack` makes the same one.

    Parameters
    ----------
    value : mapping, list, tuple, array, number, string or None
        Tree to write.
    put : callable
        Function from an array to the mapping that stands for it, with the key ``array``; default
        its bytes.

    Raises
    ------
    TypeError
        For a value of another type.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject:
            return {"objects": [pack(item, put) for item in array.ravel()],
                    "shape": list(array.shape)}
        return {**put(array), "scalar": isinstance(value, np.generic)}
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value):
            return {"mapping": {key: pack(item, put) for key, item in value.items()}}
        return {"pairs": [[pack(key, put), pack(item, put)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [pack(item, put) for item in value]}
    if isinstance(value, list):
        return [pack(item, put) for item in value]
    raise TypeError(f"cannot keep a {type(value).__name__}.")


def unpack(value: Any, get: Callable[[Mapping[str, Any]], Array] = from_text) -> Any:
    """Rebuild a tree, the inverse of `pack`, with the inverse of its ``put``."""
    if isinstance(value, list):
        return [unpack(item, get) for item in value]
    if not isinstance(value, dict):
        return value
    if "mapping" in value:
        return {key: unpack(item, get) for key, item in value["mapping"].items()}
    if "pairs" in value:
        return {unpack(key, get): unpack(item, get) for key, item in value["pairs"]}
    if "tuple" in value:
        return tuple(unpack(item, get) for item in value["tuple"])
    if "objects" in value:
        array = np.empty(len(value["objects"]), dtype=object)
        array[:] = [unpack(item, get) for item in value["objects"]]
        return array.reshape(value["shape"])
    array = get(value)
    return array[()] if value["scalar"] else array
