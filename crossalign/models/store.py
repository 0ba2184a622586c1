"""A fitted model as a folder: JSON for people to read, safetensors for arrays.

``model.json`` holds the class, the hyper-parameters and small learned values, and the SHA-256 of
``weights.safetensors``, which holds arrays and network weights; ``card.md`` is for people. Nothing
is pickled. A new model's weights are written beside those that are there; ``model.json`` says which
count and is replaced last, so that an interrupted save leaves the old model. Files that are not the
model's own are never touched.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from crossalign.files import draft_of, sweep, write_bytes, write_text
from crossalign.folders import as_text, content_of, digest, read_record, why
from crossalign.labels import label_record, recorded_labels
from crossalign.models.learned import (
    LEARNED,
    check_name,
    check_network,
    checked_values,
    try_out,
)
from crossalign.models.own_file import changed, given_class, origin
from crossalign.reading import expanded
from crossalign.sentences import short
from crossalign.trees import nested, rebuilt

Kind = TypeVar("Kind")

FORMAT = 3
RECORD, WEIGHTS, CARD = "model.json", "weights.safetensors", "card.md"
CLASSES = "classes_"
"""Learned attribute that holds labels."""
NEW_WEIGHTS = re.compile(r"weights\.[0-9a-f]{16}\.safetensors")
"""Name of weights on their way to ``WEIGHTS``, which an interrupted save may leave."""


def save_model(model: Any, folder: str | Path) -> Path:
    """Write a fitted model; replaces a model that is already there.

    Raises
    ------
    ValueError
        If the folder exists and holds something else, or cannot be written.
    """
    folder = expanded(folder, "folder")
    check_target(folder)
    record, weights = record_of(model)
    arriving = folder / _arriving(record)
    try:
        write_bytes(arriving, weights)
        write_text(folder / RECORD, as_text(record))               # the new model counts
        os.replace(arriving, folder / WEIGHTS)
        write_text(folder / CARD, _card(model, record, len(weights)))
    except OSError as error:
        raise ValueError(f"folder: {error}") from None
    for name in (remains := _remains(folder)):
        (folder / name).unlink(missing_ok=True)
    sweep(folder, RECORD, WEIGHTS, CARD, *remains)
    return folder


def record_of(model: Any) -> tuple[dict[str, Any], bytes]:
    """Return what ``model.json`` and ``weights.safetensors`` of a fitted model hold."""
    from safetensors.numpy import save

    model = model.savable()
    arrays, values = _split_state(model)
    weights = save(arrays)
    return {
        "format": FORMAT,
        "class": type(model).__name__,
        "params": {name: nested(value, lambda part, _: _plain(part))
                   for name, value in model.plain_params().items()},
        "attributes": values,
        "sha256": digest(weights),
        **({} if (source := origin(type(model))) is None else {"origin": source}),
    }, weights


def check_target(folder: str | Path) -> None:
    """Raise ValueError, as `save_model` does, if a folder holds anything but a saved model."""
    folder = expanded(folder, "folder")
    if not folder.exists() or (folder.is_dir() and _is_ours(folder)):
        return
    raise ValueError(f"folder: {str(folder)!r} exists and is not a saved model; choose another "
                     "folder.")


def _is_ours(folder: Path) -> bool:
    """Return True if a folder holds a saved model, or only remains of an unfinished first save."""
    if not (folder / RECORD).is_file():
        names = {draft_of(file.name) or file.name for file in folder.iterdir()}
        return names - {RECORD} == _remains(folder)
    with suppress(ValueError, OSError):
        record = read_record(folder / RECORD)
        return isinstance(record, Mapping) and {"format", "class", "sha256"} <= set(record)
    return False


def _remains(folder: Path) -> set[str]:
    """Return the names of weights that saves left behind, some of which may have been
    interrupted.
    """
    names = {draft_of(file.name) or file.name for file in folder.iterdir()}
    return {name for name in names if NEW_WEIGHTS.fullmatch(name)}


def _arriving(record: Mapping[str, Any]) -> str:
    """Return the name of a record's weights until they have taken the place of older ones."""
    return f"weights.{str(record['sha256'])[:16]}.safetensors"


def _read_weights(folder: Path, record: Mapping[str, Any]) -> bytes | None:
    """Return the weights whose SHA-256 a record holds, however far a save has got."""
    for name in (_arriving(record), WEIGHTS):
        with suppress(FileNotFoundError):
            file = folder / name
            if not file.exists():
                continue
            weights = content_of(file)
            if digest(weights) == record["sha256"]:
                return weights
    return None


def check_class(loaded: Any, cls: type[Kind], folder: str | Path) -> Kind:
    """Return what a folder held, a model or a task, once it is sure that it is of a class.

    Raises
    ------
    ValueError
        If it is of another class, which is named.
    """
    if not isinstance(loaded, cls):
        raise ValueError(f"folder: {str(folder)!r} holds a {type(loaded).__name__}, not a "
                         f"{cls.__name__}; load it with {type(loaded).__name__}.load.")
    return loaded


def load_model(folder: str | Path, model: str | type[Any] | None = None) -> Any:
    """Read a model of any class from a folder.

    A network goes where the model's ``device`` says; without a GPU here, that is the CPU.

    Parameters
    ----------
    folder : str or Path
        Folder of the saved model.
    model : str or class, optional
        Class of a model of the user's own, whose code a folder cannot bring, or ``FILE.py:CLASS``.

    Raises
    ------
    ValueError
        If the folder is no saved model, is of another format, or is damaged; or holds a model of
        one's own whose class is not given.
    """
    from safetensors.numpy import load

    folder = expanded(folder, "folder")
    if not (folder / RECORD).is_file():
        raise ValueError(f"folder: {str(folder)!r} holds no model.json; give a folder that a "
                         "model's save wrote, or load that of crossalign fit by load_task.")
    try:
        record = read_record(folder / RECORD)
        weights = _read_weights(folder, record)
        name, version = record["class"], record["format"]
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"folder: {str(folder)!r} is damaged ({why(error)}); save the model "
                         "again.") from None
    except KeyError as error:
        raise ValueError(f"folder: {RECORD} of {str(folder)!r} holds no {error}; save the model "
                         "again.") from None
    if version != FORMAT:
        raise ValueError(f"folder: {str(folder)!r} has format {short(version)}, this version reads "
                         f"{FORMAT}; fit the model again or use the version that wrote it.")
    cls = _class_of(record, name, model, str(folder))
    if weights is None:
        if read_record(folder / RECORD) != record:  # a new model has been saved here meanwhile
            return load_model(folder, model)
        raise ValueError(f"folder: weights.safetensors of {str(folder)!r} is damaged; save the "
                         "model again.")
    try:
        arrays = load(weights)
        fitted = cls().set_params(
            **{name: rebuilt(value, dict) for name, value in record["params"].items()})
        fitted._validate_params()
        join_state(fitted, arrays, checked_values(fitted, record["attributes"]))
        try_out(fitted)
    except Exception as error:  # what was edited or made up may be wrong in any way
        raise ValueError(f"folder: {str(folder)!r} does not fit {name} ({why(error)}); save the "
                         "model again.") from error
    return fitted


def _class_of(record: Mapping[str, Any], name: Any, given: str | type[Any] | None,
              folder: str) -> type[Any]:
    """Return the class of a saved model: the library's, or the user's own class that is given."""
    from crossalign import models

    if "origin" not in record:
        if name not in models.__all__:
            raise ValueError(f"folder: {folder!r} holds a {short(name)}, which this version does "
                             f"not know; it knows {models.__all__}.")
        return getattr(models, name)  # type: ignore[no-any-return]
    cls = given_class(record, given, folder)
    if changed(record, cls):
        warnings.warn(f"folder: the file of {name} has changed since the model of {folder!r} was "
                      "saved.", stacklevel=3)
    return cls


def _learned(model: Any) -> dict[str, Any]:
    return {k: v for k, v in vars(model).items() if k.endswith("_") and not k.startswith("_")}


def learned_arrays(model: Any) -> dict[str, Any]:
    """Return the arrays that a fitted model has learned, by path: the content of the weights
    file.
    """
    return _split_state(model)[0]


def _split_state(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return learned arrays by path (``a_/b``), and the learned values that JSON can hold."""
    arrays: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, value in _learned(model).items():
        if hasattr(value, "state_dict"):
            for key, tensor in value.state_dict().items():
                arrays[f"{name}/{key}"] = tensor.detach().cpu().contiguous().numpy()
        elif (isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
              and name not in LEARNED):
            arrays[name] = np.ascontiguousarray(value)
        elif isinstance(value, Mapping) and any(isinstance(v, np.ndarray) for v in value.values()):
            for key, array in value.items():
                arrays[f"{name}/{key}"] = np.ascontiguousarray(array)
        else:
            values[name] = (label_record(value) if name == CLASSES and isinstance(value, np.ndarray)
                            else _plain(value))
    return arrays, values


def join_state(model: Any, arrays: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Set what a model has learned: arrays by path, as `learned_arrays` gives them, and values."""
    for name, value in values.items():
        setattr(model, name, recorded_labels(value) if name == CLASSES else value)
    nested: dict[str, dict[str, Any]] = {}
    for path, array in arrays.items():
        name, _, key = path.partition("/")
        check_name(model, name)
        if name in LEARNED or name in values:
            raise ValueError(f"the array {name!r} stands in the place of a value")
        if key:
            nested.setdefault(name, {})[key] = array
        else:
            setattr(model, name, array)
    if "network_" in nested:
        check_network(model, nested["network_"])
    model._restore()
    for name, members in nested.items():
        module: Any = getattr(model, name, None)
        if hasattr(module, "load_state_dict"):
            import torch

            from crossalign.devices import device_here

            module.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in members.items()})
            module.to(device_here(model.device))
        else:
            setattr(model, name, members)


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; raise TypeError naming what cannot be saved."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    raise TypeError(f"cannot save a {type(value).__name__} without pickling it.")


def _card(model: Any, record: Mapping[str, Any], size: int) -> str:
    lines = [f"# {record['class']}", "", (type(model).__doc__ or "").strip().splitlines()[0], "",
             f"- modalities: {getattr(model, 'widths_', {})}",
             f"- weights: {size / 1e6:.1f} MB, SHA-256 {record['sha256']}", "",
             "| parameter | value |", "|---|---|"]
    lines += [f"| {k} | {v} |" for k, v in model.plain_params().items()]
    return "\n".join(lines) + "\n"
