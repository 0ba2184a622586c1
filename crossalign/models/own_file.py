"""A model of the user's own: a class in a file that the user names, such as ``my.py:LeastSquares``.

Naming a file runs it, as ``python my.py`` would. A saved model records its file and class, and that
record alone never runs anything.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from crossalign.reading import expanded
from crossalign.sentences import nearest, short

PACKAGE = "crossalign.models"
IMPORTED = "crossalign_own"
"""Prefix of the names of modules that are imported here."""

_known: dict[tuple[Path, str], type[Any]] = {}


def names_file(name: str) -> bool:
    """Return True if a model's name is a file and a class in it."""
    return name.rpartition(":")[0].endswith(".py")


def own_class(name: str) -> type[Any]:
    """Return the class of ``FILE.py:CLASS``; the file is run once in a process.

    Raises
    ------
    ValueError
        One sentence: there is no such file or class, the file fails, or the class is no model.
    """
    path, _, class_name = name.rpartition(":")
    file = expanded(path, "model").resolve()
    if (file, class_name) not in _known:
        _known[file, class_name] = _checked(_imported(file, path), class_name, path)
    return _known[file, class_name]


def origin(cls: type[Any]) -> dict[str, str | None] | None:
    """Return the file of a user's class and the digest of its text; None for the library's models.

    Both are None for a class that was written into a session.
    """
    if cls.__module__.startswith(f"{PACKAGE}."):
        return None
    try:
        file = Path(inspect.getfile(cls))
        return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    except (TypeError, OSError):
        return {"file": None, "sha256": None}


def given_class(record: Mapping[str, Any], given: str | type[Any] | None, folder: str) -> type[Any]:
    """Return the class with which a saved model of the user's own is loaded: the one the user
    names.

    Raises
    ------
    ValueError
        If the user names none, or one of another name.
    """
    name, file = short(record["class"]), _said(record, "file") or "a session"
    if given is None:
        raise ValueError(f"folder: {folder!r} holds a {name} of {file!r}, and code is run only "
                         "where you name it: give model='FILE.py:CLASS', or --model on the command "
                         "line.")
    cls = own_class(given) if isinstance(given, str) else given
    if cls.__name__ != record["class"] or origin(cls) is None:
        raise ValueError(f"model: got {cls.__module__}.{cls.__name__}, but {folder!r} holds a "
                         f"{name} of {file!r}; name its file and class.")
    return cls


def changed(record: Mapping[str, Any], cls: type[Any]) -> bool:
    """Return True if the file of a class is not the one from which the model was saved."""
    saved, here = _said(record, "sha256"), (origin(cls) or {}).get("sha256")
    return bool(saved) and saved != here


def _said(record: Mapping[str, Any], key: str) -> str:
    """Return an entry of a saved record's origin, whatever was written there."""
    of = record["origin"]
    return str(of.get(key) or "")[:100] if isinstance(of, Mapping) else ""


def _imported(file: Path, path: str) -> Any:
    spec = spec_from_file_location(f"{IMPORTED}.{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ValueError(f"model: there is no file {path!r}; give FILE.py:CLASS.")
    module = module_from_spec(spec)
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own file raises
        sys.modules.pop(spec.name)
        if before is not None:
            sys.modules[spec.name] = before
        raise ValueError(f"model: {path!r} fails ({_where(error, file)}{type(error).__name__}: "
                         f"{error}); mend it.") from error
    return module


def _where(error: BaseException, file: Path) -> str:
    """Return the last line of the file that had a part in an error."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}, "
    lines, step = [], error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(file):
            lines.append(step.tb_lineno)
        step = step.tb_next
    return f"line {lines[-1]}, " if lines else ""


def _checked(module: Any, class_name: str, path: str) -> type[Any]:
    from crossalign.models.base import Model

    own = {name: value for name, value in vars(module).items()
           if isinstance(value, type) and issubclass(value, Model)
           and value.__module__ == module.__name__}
    if class_name in own:
        return own[class_name]
    if class_name in vars(module):
        raise ValueError(f"model: {class_name!r} in {path!r} is no model; derive the class from "
                         "crossalign.models.base.Model.")
    raise ValueError(f"model: {path!r} has no {class_name!r}; "
                     f"{nearest(class_name, own, f'its models are {list(own)}.')}")
