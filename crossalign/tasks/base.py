"""Base of all tasks: parameters as in scikit-learn, and a folder for saving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator


class Task(BaseEstimator):  # type: ignore[misc]
    """Base of all tasks.

    Class attributes
    ----------------
    learned : mapping of name to type or types
        Attributes that the task learns, all of which a folder may hold.
    """

    learned: ClassVar[Mapping[str, Any]] = {}

    def save(self, folder: str | Path) -> Path:
        """Write the task, with its model, to a folder; see `tasks.store`.

        Raises
        ------
        ValueError
            If the folder exists and holds something else or cannot be written, or a part of the
            task can only be kept by pickling it.
        """
        from crossalign.tasks.store import save_task

        return save_task(self, folder)

    @classmethod
    def load(cls, folder: str | Path, model: str | type[Any] | None = None) -> Self:
        """Read a folder that `save` wrote.

        Parameters
        ----------
        folder : str or Path
            Folder of the task.
        model : str or class, optional
            Class of a model of your own, or ``FILE.py:CLASS``; default None, a model of the
            library.

        Raises
        ------
        ValueError
            If the folder is of another class or format version, or was damaged or edited.
        """
        from crossalign.tasks.store import load_task

        task = load_task(folder, model)
        if not isinstance(task, cls):
            raise ValueError(f"folder: {str(folder)!r} holds a {type(task).__name__}, not a "
                             f"{cls.__name__}; load it with {type(task).__name__}.load.")
        return task

    def try_out(self) -> None:
        """Answer made-up samples; a part that a loaded task lacks or cannot use is an error
        here.
        """
