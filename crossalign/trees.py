"""Trees of mappings, lists, tuples, arrays and plain values as JSON, and back to the bit.

`nested` and `tagged` say how JSON holds lists, tuples and mappings in whatever the library saves;
`pack` adds arrays.
"""

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
    def leaf(item: Any, path: str) -> Any:
        if isinstance(item, Mapping):
            return tagged(item, leaf, path)
        if not isinstance(item, np.ndarray | np.generic):
            raise TypeError(f"cannot keep a {type(item).__name__}.")
        array = np.asarray(item)
        if array.dtype.hasobject:
            return {"objects": [nested(part, leaf) for part in array.ravel()],
                    "shape": list(array.shape)}
        return {**put(array), "scalar": isinstance(item, np.generic)}

    return nested(value, leaf)


def unpack(value: Any, get: Callable[[Mapping[str, Any]], Array] = from_text) -> Any:
    """Rebuild a tree, the inverse of `pack`, with the inverse of its ``put``."""
    def leaf(item: Mapping[str, Any]) -> Any:
        if not item.keys().isdisjoint(TAGS):
            return untagged(item, leaf)
        if "objects" in item:
            array = np.empty(len(item["objects"]), dtype=object)
            array[:] = [rebuilt(part, leaf) for part in item["objects"]]
            return array.reshape(item["shape"])
        array = get(item)
        return array[()] if item["scalar"] else array

    return rebuilt(value, leaf)


# -- values and lists, which every file of the library writes like this ---------------------------
Leaf = Callable[[Any, str], Any]
"""Function from a value that is none of JSON, nor a list or tuple, and its path to JSON."""
TAGS = ("mapping", "pairs")


def nested(value: Any, leaf: Leaf, path: str = "") -> Any:
    """Return a value as JSON holds it, tuples told from lists; ``leaf`` writes what is in them.

    Values of JSON and lists stand for themselves, and a tuple is ``{"tuple": [...]}``.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        items = [nested(item, leaf, f"{path}/{i}") for i, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    return leaf(value, path)


def rebuilt(value: Any, leaf: Callable[[Mapping[str, Any]], Any]) -> Any:
    """Return the value from which `nested` made JSON; ``leaf`` reads the other mappings."""
    if isinstance(value, list):
        return [rebuilt(item, leaf) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"tuple"}:
        return tuple(rebuilt(item, leaf) for item in value["tuple"])
    return leaf(value)


def tagged(mapping: Mapping[Any, Any], leaf: Leaf, path: str = "") -> dict[str, Any]:
    """Return a mapping as ``{"mapping": {...}}``, or ``{"pairs": [...]}`` if keys are no
    strings.
    """
    items = {key: nested(item, leaf, f"{path}/{key}") for key, item in mapping.items()}
    if all(type(key) is str for key in items):
        return {"mapping": items}
    return {"pairs": [[nested(key, leaf, path), item] for key, item in items.items()]}


def untagged(stored: Mapping[str, Any],
             leaf: Callable[[Mapping[str, Any]], Any]) -> dict[Any, Any]:
    """Return the mapping from which `tagged` made one."""
    if "mapping" in stored:
        return {key: rebuilt(item, leaf) for key, item in stored["mapping"].items()}
    return {rebuilt(key, leaf): rebuilt(item, leaf) for key, item in stored["pairs"]}
