"""Codec: tasks and their parts as JSON beside arrays and models.

JSON values stand for themselves. Everything else is a mapping with one key, its kind: ``tuple``,
``mapping``, ``pairs`` (a mapping whose keys are not all strings), ``array``, ``words``, ``model``,
``template`` (a model that is not fitted) or ``object`` (a `part_class`, with its parameters,
fields or items).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from crossalign.models.base import Model
from crossalign.models.learned import check_name, check_network
from crossalign.sentences import short
from crossalign.tasks.base import VersionError
from crossalign.trees import TAGS, nested, rebuilt, tagged, untagged


def part_class(name: str) -> type[Any] | None:
    """Return the class, besides models, of that name that a saved task may consist of; None if
    there is none.
    """
    from crossalign import data, heads, index, tasks
    from crossalign.index.itq import ITQ
    from crossalign.tasks.binary_codes import BinaryCodes
    from crossalign.tasks.class_gaussians import ClassGaussians
    from crossalign.types import Classes

    if name == "TimePool":                            # which brings torch
        return data.TimePool
    parts = ITQ, BinaryCodes, ClassGaussians, Classes
    found: Any = {cls.__name__: cls for cls in parts}.get(name)
    for room in (tasks, index, heads):
        if name in room.__all__:                      # no other is loaded, as some bring torch
            found = getattr(room, name)
    return found if isinstance(found, type) else None


def format_of(cls: type[Any]) -> int:
    """Return the number of the format of what a class learns; 1 for one that never changed it."""
    return int(getattr(cls, "learned_format", 1))


class Encoder:
    """Encoder of a task into JSON.

    Attributes
    ----------
    arrays : mapping of path to array
        Arrays found so far.
    models : mapping of path to model
        Fitted models found so far, each once.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self.models: dict[str, Any] = {}

    def encode(self, value: Any, path: str) -> Any:
        """Return JSON for the value at a path.

        Raises
        ------
        ValueError
            If it can only be kept by pickling it.
        """
        return nested(value, self._leaf, path)

    def _leaf(self, value: Any, path: str) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, int | float | str):
            return value
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, Mapping):
            return tagged(value, self._leaf, path)
        if isinstance(value, Model):
            return self._model(value, path)
        return self._object(value, path)

    def _array(self, value: Any, path: str) -> Any:
        if value.dtype.kind in "fiub":
            self.arrays[path] = np.ascontiguousarray(value)
            return {"array": path}
        plain = [self.encode(item, path) for item in value.tolist()]
        return {"words": plain, "dtype": value.dtype.kind}

    def _model(self, model: Any, path: str) -> Any:
        if not hasattr(model, "widths_"):
            name = type(model).__name__
            return {"template": name, "params": self.encode(model.plain_params(), path)}
        for path_of, other in self.models.items():
            if other is model:
                return {"model": path_of}
        self.models[path] = model
        return {"model": path}

    def _object(self, value: Any, path: str) -> Any:
        name = type(value).__name__
        if part_class(name) is not type(value):
            raise ValueError(f"folder: {path} is a {name}, which can only be kept by pickling it; "
                             "save a task without one.")
        if is_dataclass(value):
            return {"object": name, "fields": self.encode(
                {field.name: getattr(value, field.name) for field in fields(value)}, path)}
        if hasattr(value, "from_arrays"):
            return {"object": name, "arrays": self.encode(value.arrays(), path)}
        record = {"object": name,
                  "params": self.encode(value.get_params(deep=False), f"{path}.params")}
        if format_of(type(value)) > 1:
            record["format"] = format_of(type(value))
        if hasattr(value, "stored"):
            return {**record, "items": self.encode(value.stored(), f"{path}.items")}
        learned = {key: item for key, item in vars(value).items()
                   if key.endswith("_") and not key.startswith("_")}
        network = learned.pop("network_", None)
        weights = (value.kept_weights() if hasattr(value, "kept_weights") else
                   None if network is None else network.state_dict())
        if weights is not None:
            record["network"] = self.encode(
                {key: tensor.detach().cpu().contiguous().numpy()
                 for key, tensor in weights.items()}, f"{path}.network_")
        return {**record, "learned": self.encode(learned, path)}


class Decoder:
    """Decoder of the JSON of an `Encoder` into the same task.

    Parameters
    ----------
    arrays, models : mapping of path to array or model
        Arrays and models that the JSON refers to.
    """

    def __init__(self, arrays: Mapping[str, Any], models: Mapping[str, Any]) -> None:
        self.arrays, self.models = arrays, models

    def decode(self, value: Any) -> Any:
        """Return the value.

        Raises
        ------
        ValueError
            If it is of no known kind or class, or an object holds what its class does not learn.
        """
        return rebuilt(value, self._leaf)

    def _leaf(self, value: Mapping[str, Any]) -> Any:
        kind = next(iter(value), None)
        if kind in TAGS:
            return untagged(value, self._leaf)
        if kind == "array":
            return self.arrays[value["array"]]
        if kind == "words":
            words = np.empty(len(value["words"]), dtype=object)
            for i, word in enumerate(value["words"]):
                words[i] = self.decode(word)
            return words if value["dtype"] == "O" else words.astype(str)
        if kind == "model":
            return self.models[value["model"]]
        if kind == "template":
            return self._template(value)
        if kind == "object":
            return self._object(value)
        raise ValueError(f"{short(value)} is of no known kind")

    def _template(self, value: Mapping[str, Any]) -> Any:
        from crossalign import models

        if value["template"] not in models.__all__:
            raise ValueError(f"{short(value['template'])} is no known model")
        model = getattr(models, value["template"])().set_params(**self.decode(value["params"]))
        model._validate_params()
        return model

    def _object(self, value: Mapping[str, Any]) -> Any:
        cls = part_class(value["object"])
        if cls is None:
            raise ValueError(f"{short(value['object'])} is no known class")
        if is_dataclass(cls):
            return cls(**self.decode(value["fields"]))
        if hasattr(cls, "from_arrays"):
            return cls.from_arrays(self.decode(value["arrays"]))
        version = value.get("format", 1)
        if version != format_of(cls):
            raise VersionError(f"it holds a {cls.__name__} of format {short(version)}, and this "
                               f"version reads {format_of(cls)}")
        instance = cls(**self.decode(value["params"]))
        if "items" in value:
            instance.restore(self.decode(value["items"]))
            return instance
        for name, item in self.decode(value["learned"]).items():
            check_name(instance, name)
            if not isinstance(item, cls.learned.get(name, ())):
                raise ValueError(f"{name} is {short(item)}, which {cls.__name__} does not learn")
            setattr(instance, name, item)
        if "network" in value:
            self._join_network(instance, self.decode(value["network"]))
        return instance

    def _join_network(self, instance: Any, arrays: Mapping[str, Any]) -> None:
        """Build an object's network, checked to fit the weights."""
        import torch

        weights = {key: torch.from_numpy(array.copy()) for key, array in arrays.items()}
        if hasattr(instance, "take_weights"):                   # of a network that is not all kept
            instance.take_weights(weights)
            return
        check_network(instance, arrays)
        instance._restore()
        instance.network_.load_state_dict(weights)
        if hasattr(instance, "device"):
            from crossalign.devices import device_here

            instance.network_.to(device_here(instance.device))
