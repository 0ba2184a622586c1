"""Folder of a space: it is opened, saved, and changed by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

from crossalign.folders import why
from crossalign.index.base import Index
from crossalign.reading import expanded
from crossalign.space.answering import AnsweringSpace
from crossalign.space.draft import bring_back
from crossalign.space.folder import (
    FITTED,
    INDEX,
    RECORD,
    alone,
    check_space_target,
    checked_record,
    read_map,
    read_sample,
    read_training,
    remove_other_maps,
    stated_digest,
    write_map,
    write_record,
    write_sample,
)
from crossalign.space.readers import Readers
from crossalign.tasks.base import ForeignError


class ChangedError(ValueError):
    """A space was changed by another process, so that this one has to open it again."""


class StoredSpace(AnsweringSpace):
    """Space in a folder."""

    def save(self, folder: str | Path) -> Path:
        """Write the space to a folder.

        Raises
        ------
        ValueError
            If the folder holds something else or cannot be written.
        """
        place = expanded(folder, "folder")
        check_space_target(place)
        self.index.save(place / INDEX)
        write_sample(place, self.recognition.sample)
        self._write(place)
        self.folder = place
        return place

    def _write(self, place: Path) -> None:
        """Write all but index and sample; the record, which counts, comes last."""
        self.fitted.save(place / FITTED)
        mapped = write_map(place, self.readers.mapped)
        kept = {} if self.training is None else self.training.save(place)
        frames = {"frames": self.readers.frames} if self.clips else {}
        self._written = write_record(place, source=self.fitted.source,
                                     encoders=self.readers.digests(), texts=self.texts,
                                     card=self.card, **frames, **mapped, **kept)
        remove_other_maps(place, mapped)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a space from its folder; encoders are opened when they are needed.

        A space that was being replaced when that was cut off is brought back as it was.

        Raises
        ------
        ValueError
            If the folder is no space, is of another format, or is damaged; or remembers a network
            that is not on this machine.
        """
        place = expanded(folder, "folder")
        bring_back(place)
        if not (place / RECORD).is_file():
            raise ValueError(f"folder: {str(folder)!r} holds no {RECORD}; give a folder that "
                             "crossalign build wrote.")
        with alone(place):
            try:
                return cls._opened(place)
            except ForeignError:
                raise
            except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
                raise ValueError(f"folder: {str(folder)!r} is damaged or was edited "
                                 f"({why(error)}); build the space again.") from error

    @classmethod
    def _opened(cls, place: Path) -> Self:
        """Read the parts of a space."""
        from crossalign.tasks.store import load_fitted

        record, stated = checked_record(place)
        space = cls(load_fitted(place / FITTED),
                    Readers.remembered(record["source"], record["encoders"],
                                       read_map(place, record), record.get("frames")),
                    Index.open(place / INDEX), record["card"], record["texts"],
                    read_sample(place), read_training(place, record))
        space.folder, space._written = place, stated
        return space

    def close(self) -> None:
        """Let another process write to the index."""
        self.index.close()

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """Write a change to the folder, if there is one, unless another process changed it.

        What cannot be written is not changed here either.
        """
        before = self._state()
        try:
            with self._written_to():
                yield
        except BaseException:
            self._put_back(before)
            raise

    def _state(self) -> tuple[Any, ...]:
        """Return what a change may change."""
        recogniser = self.fitted.recogniser
        known = None if recogniser is None else {**vars(recogniser),
                                                 "head_": deepcopy(recogniser.head_)}
        return recogniser, known, self.fitted.settings, dict(self.texts), self.readers, self.card

    def _put_back(self, state: tuple[Any, ...]) -> None:
        """Restore what `_state` returned."""
        recogniser, known, self.fitted.settings, self.texts, self.readers, self.card = state
        self.fitted.recogniser = recogniser
        if recogniser is not None:
            vars(recogniser).clear()
            vars(recogniser).update(known)

    @contextmanager
    def _written_to(self) -> Iterator[None]:
        """Write to the folder, if there is one, after what is done meanwhile."""
        if self.folder is None:
            yield
            return
        with alone(self.folder):
            if self._written not in ("", stated_digest(self.folder)):
                raise ChangedError("space: another process has changed it since it was opened; "
                                   "open it again.")
            yield
            self._write(self.folder)
