"""Store: a prepared task as a folder, which answers without the training samples.

``task.json`` holds the class, its parameters and what it has learned; arrays are in
``arrays-*.safetensors`` and fitted models in folders ``model-*``, as `models.store` writes them.
The names end in a checksum of the content, so that a save never touches what another one wrote:
``task.json`` says which are meant, and is replaced last. Nothing is pickled, and only classes that
are registered here are ever made.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from crossalign.files import draft_of, sweep, write_bytes, write_text
from crossalign.folders import as_text, content_of, digest, read_record, record_text, why
from crossalign.models.own_file import given_class
from crossalign.models.store import RECORD, load_model, record_of, save_model
from crossalign.reading import expanded
from crossalign.sentences import short
from crossalign.tasks.base import ForeignError, VersionError
from crossalign.tasks.codec import Decoder, Encoder

FORMAT = 3
TASK, CARD = "task.json", "card.md"
PART = re.compile(r"(arrays-[0-9a-f]{16}\.safetensors|model-[0-9a-f]{16})")
"""Pattern of the names of arrays and models, which end in a checksum of the content."""


def load_fitted(folder: str | Path, model: str | type[Any] | None = None) -> Any:
    """Read a `Fitted` from its folder, or make one of the model or task that the folder holds.

    Raises
    ------
    ValueError
        As `load_task` and `load_model` do.
    """
    from crossalign.tasks.fitted import Fitted
    from crossalign.tasks.zero_shot import ZeroShot

    place = expanded(folder, "folder")
    if (place / RECORD).is_file() and not (place / TASK).is_file():
        return Fitted(load_model(folder, model), "")
    if not (place / TASK).is_file():
        raise ValueError(f"folder: {str(folder)!r} holds neither {TASK} nor {RECORD}; give a "
                         "folder that crossalign fit or save wrote.")
    task = load_task(folder, model)
    if isinstance(task, Fitted):
        return task
    if not hasattr(task, "model"):
        raise ValueError(f"folder: {str(folder)!r} holds a {type(task).__name__}, which has no "
                         "model to evaluate; give a folder that crossalign fit wrote.")
    return Fitted(task.model, "", task if isinstance(task, ZeroShot) else None)


def save_task(task: Any, folder: str | Path) -> Path:
    """Write a task; replace a task that is already there.

    Raises
    ------
    ValueError
        If the folder exists and holds something else or cannot be written, or a part of the task
        can only be kept by pickling it.
    """
    from safetensors.numpy import save

    folder = expanded(folder, "folder")
    check_task_target(folder)
    encoder = Encoder()
    state = encoder.encode(task, type(task).__name__)
    models = {name: record_of(model) for name, model in encoder.models.items()}
    places = {name: f"model-{digest(as_text(record))[:16]}"
              for name, (record, _) in models.items()}
    content = save(encoder.arrays)
    arrays = f"arrays-{digest(content)[:16]}.safetensors"
    record = {"format": FORMAT, "class": type(task).__name__, "state": state,
              "arrays": [arrays, digest(content)],
              "models": {name: [places[name], digest(as_text(part))]
                         for name, (part, _) in models.items()}}
    try:
        for name, model in encoder.models.items():
            save_model(model, folder / places[name])
        write_bytes(folder / arrays, content)
        write_text(folder / TASK, as_text({**record, "digest": digest(as_text(record))}))
        write_text(folder / CARD, _card(task, encoder.models.values()))
    except OSError as error:
        raise ValueError(f"folder: {error}") from None
    _remove_others(folder, {arrays, *places.values()})
    sweep(folder, TASK, CARD, arrays)
    return folder


def check_task_target(folder: str | Path) -> None:
    """Raise ValueError, like `save_task`, if a folder holds anything but a saved task."""
    folder = expanded(folder, "folder")
    if not folder.exists() or (folder.is_dir() and _is_ours(folder)):
        return
    raise ValueError(f"folder: {str(folder)!r} exists and is not a saved task; choose another "
                     "folder.")


def load_task(folder: str | Path, model: str | type[Any] | None = None) -> Any:
    """Read a task of any class from a folder.

    Parameters
    ----------
    folder : str or Path
        Folder that `save_task` wrote.
    model : str or class, optional
        Class of a model of your own, whose code a folder cannot bring, or ``FILE.py:CLASS``;
        default None, a model of the library.

    Raises
    ------
    ValueError
        If the folder is no saved task, is of another version, or was damaged or edited.
    """
    from safetensors.numpy import load

    folder = expanded(folder, "folder")
    if not (folder / TASK).is_file():
        hint = (" (it is a model's: load it with load_model)" if (folder / RECORD).is_file()
                else "")
        raise ValueError(f"folder: {str(folder)!r} holds no {TASK}{hint}; give a folder that a "
                         "task's save wrote.")
    try:
        record = _read(folder)
        written, version = record.pop("digest"), record["format"]
        if version != FORMAT:
            raise VersionError(f"it has format {short(version)}, and this version reads {FORMAT}")
        if digest(as_text(record)) != written:
            raise ValueError(f"{TASK} is not what was written")
        arrays = load(_checked_bytes(folder, *record["arrays"]))
        parts = {name: _loaded_model(folder, place, model)
                 for name, place in record["models"].items()}
        task = Decoder(arrays, parts).decode(record["state"])
        if type(task).__name__ != record["class"] or not hasattr(task, "try_out"):
            raise ValueError(f"it holds no {short(record['class'])}")
        task.try_out()
    except VersionError as error:
        raise VersionError(f"folder: {str(folder)!r} was made by another version ({error}); make "
                           "it again, or use the version that did.") from None
    except (ForeignError, ImportError):
        raise
    except Exception as error:  # what was edited or made up may be wrong in any way
        raise ValueError(f"folder: {str(folder)!r} is damaged or was edited ({why(error)}); save "
                         "the task again.") from error
    return task


def _loaded_model(folder: Path, part: list[str], model: Any) -> Any:
    """Read a model in a task's folder, checked to be the one that was saved."""
    place, written = part
    if not PART.fullmatch(place):
        raise ValueError(f"{short(place)} is no name of a model")
    text = record_text(folder / place / RECORD)
    if digest(text) != written:
        raise ValueError(f"{place}/{RECORD} is not what was written")
    record = json.loads(text)
    if "origin" in record:
        try:
            given_class(record, model, str(folder))
        except ValueError as error:
            raise ForeignError(str(error)) from None
    return load_model(folder / place, model)


def _read(folder: Path) -> dict[str, Any]:
    record = read_record(folder / TASK)
    if not isinstance(record, dict):
        raise ValueError(f"{TASK} holds no record")
    return record


def _checked_bytes(folder: Path, name: str, written: str) -> bytes:
    if not PART.fullmatch(name):
        raise ValueError(f"{short(name)} is no name of arrays")
    content = content_of(folder / name)
    if digest(content) != written:
        raise ValueError(f"{name} is not what was written")
    return content


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder holds a saved task, or only what an unfinished first save left."""
    if not (folder / TASK).is_file():
        names = {draft_of(file.name) or file.name for file in folder.iterdir()}
        return all(PART.fullmatch(name) or name == TASK for name in names)
    with suppress(ValueError, OSError):
        return {"format", "class", "state", "digest"} <= set(_read(folder))
    return False


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove arrays and models of earlier saves; files of anybody else stay."""
    for place in folder.iterdir():
        if not PART.fullmatch(place.name) or place.name in names:
            continue
        if place.is_dir():
            for name in (RECORD, "weights.safetensors", CARD):
                (place / name).unlink(missing_ok=True)
            with suppress(OSError):
                place.rmdir()
        else:
            place.unlink(missing_ok=True)


def _card(task: Any, models: Any) -> str:
    summary = (type(task).__doc__ or "").strip().splitlines()[0]
    kinds = ", ".join(type(model).__name__ for model in models)
    return f"# {type(task).__name__}\n\n{summary}\n\n- models: {kinds or 'none'}\n"
