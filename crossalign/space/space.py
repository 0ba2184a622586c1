"""Space: one folder that recognises, searches and grows, and needs no training set for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.folders import digest
from crossalign.names import folded
from crossalign.reading import expanded
from crossalign.sentences import short
from crossalign.space.answering import SAID
from crossalign.space.expectations import ADDED, Added
from crossalign.space.ids import has_id, ids_of_files
from crossalign.space.items import CLASS, IMAGE, TEXT, VECTOR, listed, one_kind
from crossalign.space.left_out import BESIDE
from crossalign.space.migrate import SAMPLE, migrated, named
from crossalign.space.stored import StoredSpace
from crossalign.space.thumbs import MOST_THUMBS, THUMB_KEY, thumb_of_file
from crossalign.tables import printable
from crossalign.types import Classes

Array = npt.NDArray[Any]

LONGEST_NAME = 200
"""Longest name of a class that is added, in characters."""
ROUNDING = 1e-5
"""Share of a vector by which its numbers differ where a network reads a text again."""

OURS = ("modality", "file", "mapped_from", SAID)
"""Keys of payloads that a space alone sets: it reads files again that they name."""


class Space(StoredSpace):
    """Fitted space of pictures and texts, with its encoders, classes and index.

    What it embeds, `embedding`, what it answers, `answering`, and how it is kept, `stored`, are one
    file each; here it grows.

    Parameters
    ----------
    fitted : Fitted
        Model, and its recogniser if it recognises classes.
    readers : Readers
        Encoders of raw items.
    index : Index
        Index of the items.
    card : mapping
        Name, protocol, scores, date and versions, as JSON.
    texts : mapping of class to texts
        Texts by which the classes are known; empty if they are known by other vectors.
    sample : (n, a) array, optional
        Features of some pictures, by which the threshold follows further classes; default none.
    training : Training, optional
        Samples that the model was fitted on, by which hits are explained; default none.
    """

    def add(self, items: Any, ids: Sequence[str] | None = None,
            payload: Sequence[Mapping[str, Any]] | None = None,
            modality: str | None = None) -> list[str]:
        """Add items of one kind to the index; one whose id is there is replaced.

        A file that is there already is read anew, and keeps its class and the other keys of its
        payload that are not given again, unless it is given an id.

        Parameters
        ----------
        items : item or items
        ids : n strings, optional
            Ids; default what files that are there are called, of others of the data their folder
            and name and of any other their whole paths, and for what is no file a digest of its
            vector with the kind before it, so that none is there twice.
        payload : n mappings, optional
            Plain values by key; ``modality``, of a text ``text``, of a file ``file``, its whole
            path, of a picture that a new encoder read ``mapped_from``, its name, of one that
            the space says something of ``said``, its caption, and of a file ``thumb``, a small
            picture, in a space of 20,000 items at most, are added.
        modality : str, optional
            Kind of the items; default that of their form.

        Returns
        -------
        n strings
            Ids.

        Raises
        ------
        ValueError
            As `embed`; also if ids are not one for each item, or a payload has a key that the space
            sets, or a blank class. Then none is added.
        """
        given = [expanded(item) if isinstance(item, Path) else item for item in listed(items)]
        form = self.kind_of(given)
        kind = modality if form == VECTOR and modality else form
        vectors, rows = self._embedded(given, None if kind != form else modality)
        names = self._names(given, vectors, kind) if ids is None else [str(i) for i in ids]
        more = [{}] * len(given) if payload is None else payload
        if len(names) != len(given) or len(more) != len(given):
            raise ValueError(f"ids: got {len(names)}, and {len(more)} payloads, for {len(given)} "
                             "items; give one each.")
        ours = next((key for of in more for key in of
                     if key in OURS or (key == "text" and form == TEXT)), None)
        if ours is not None:
            raise ValueError(f"payload: {ours!r} is what the space says of an item itself; give it "
                             "another key.")
        blank = next((of[CLASS] for of in more if not str(of.get(CLASS, "-")).strip()), None)
        if blank is not None:
            raise ValueError(f"payload: {CLASS!r} is {blank!r}; give a name, or leave it out.")
        mapped = self.readers.mapped if kind == IMAGE == form else None
        small = len(self) + len(given) <= MOST_THUMBS
        read_by = {} if mapped is None else {"mapped_from": named(mapped.encoder)}
        said = [{}] * len(given) if rows is None or not self.captions else [
            {SAID: text} for text in self.caption_rows(rows)]
        about = [{**(self._told_of(name) if ids is None else {}), **_file_of(item, form, small),
                  "modality": kind, **read_by, **told, **({"text": item} if form == TEXT else {}),
                  **of} for name, item, told, of in zip(names, given, said, more, strict=True)]
        self.index.add(vectors, names, about)
        self._pairs.forget()
        return names

    def _told_of(self, name: str) -> dict[str, Any]:
        """Return what the payload of an item says that the space does not set; nothing of none."""
        about = self.index.payload([name])[0] if has_id(self.index, name) else {}
        return {key: value for key, value in about.items() if key not in (*OURS, THUMB_KEY)}

    def _names(self, items: Sequence[Any], vectors: Array, kind: str) -> list[str]:
        """Return the ids of items that are given none, of one kind."""
        files = iter(self._ids_of([item for item in items if isinstance(item, Path)], kind))
        return [next(files) if isinstance(item, Path) else f"{kind}-{digest(row.tobytes())[:16]}"
                for item, row in zip(items, vectors, strict=True)]

    def _ids_of(self, files: Sequence[Path], kind: str | None = None) -> list[str]:
        """Return the ids of files, see `ids_of_files`."""
        return ids_of_files(self.index, [os.path.abspath(file) for file in files],
                            self.root, kind) if files else []

    def remove(self, ids: Sequence[str] | str) -> int:
        """Remove items by their ids, or by the files that they were added from.

        Returns how many there were.

        Raises
        ------
        ValueError
            If there is no item of an id; then none is removed.
        """
        names = [self._known(name) for name in ([ids] if isinstance(ids, str) else ids)]
        self.index.remove(names)
        self._pairs.forget()
        return len(names)

    def _known(self, name: str) -> str:
        """Return the id of an item by its id, or by the path of its file."""
        if has_id(self.index, name):
            return name
        (of_file,) = self._ids_of([Path(name)])
        return of_file if has_id(self.index, of_file) else name

    @property
    def added(self) -> Added | None:
        """Share of the pictures of an added class that are likely told; None if none was left out
        when the space was built, or it has learned from unlabelled pictures since.
        """
        return Added(**self.card[ADDED]) if BESIDE in self.fitted.settings else None

    def add_class(self, name: str, text: str | Sequence[str] | None = None) -> None:
        """Add a class that is known by a text, or several; by default by its name.

        A space in a folder keeps it there.

        Raises
        ------
        ValueError
            If there is a class of that name, or of one that reads alike, the name is longer than
            200 characters or more than a line, classes are not known by texts, the encoder makes
            of the text what it makes of another class's, or the recogniser has to be built again
            for further classes.
        """
        _check_name(name, self.class_names)
        if len(self.classes) and not self.texts:
            raise ValueError("text: classes of this space are known by vectors, not by texts; "
                             "build one from texts of the classes.")
        of = [name] if text is None else [text] if isinstance(text, str) else list(text)
        if one_kind(of) != TEXT:
            raise ValueError(f"text: got {short(text)}; describe the class in words.")
        vector = self.readers.of_classes([of])
        _check_apart(vector, self.classes)
        with self._changed():
            self.recognition.take_class(name, vector)
            self.texts[name] = of

    def adapt(self, items: Any) -> None:
        """Learn from unlabelled pictures where the classes without training pictures lie.

        The way was chosen on validation classes when the space was built for it. A space in a
        folder keeps what it learned.

        Parameters
        ----------
        items : item or items
            Pictures, see `space.items`; what they show need not be known.

        Raises
        ------
        ValueError
            If the space was not built for it, it helped no validation class, every class had
            training pictures, or items are no pictures or cannot be read.
        """
        given = listed(items)
        kind = self.kind_of(given)
        if len(self.classes) and kind != self.looks:
            raise ValueError(f"items: got {kind}s; a space learns from pictures.")
        if self.fitted.settings.get("adaptation") is None:
            raise ValueError("items: this space was not built to learn from unlabelled pictures; "
                             "build it with adapt=True or --adapt.")
        if self.seen.all():
            raise ValueError("items: every class of this space had training pictures; add one that "
                             "is known by a text first, as with add-class.")
        rows = self.looked_at(given)
        with self._changed():
            self.recognition.adapt(rows)

    def migrate(self, encoder: str, sample: int = SAMPLE, *, accept: bool = False,
                log: Callable[[str], None] = print) -> dict[str, Any]:
        """Read pictures by a new encoder from now on; the vectors of the index stay.

        What the new encoder makes of a picture is mapped to what the old one would have made, see
        `space.migrate`; back to the encoder that made the vectors, the map goes. A space in a
        folder keeps it there.

        Parameters
        ----------
        encoder : str
            File or name of the network, as ``--encoder`` takes it.
        sample : int
            Number of pictures of the index that both encoders read; default 1000.
        accept : bool
            Whether to take a map that keeps less than 0.95 of the recall; default False.
        log : callable
            Function called with a line for every step; default ``print``.

        Returns
        -------
        dict
            Figures measured on pictures held out, as the card keeps them under ``migrated``.

        Raises
        ------
        ValueError
            If too few pictures can be read, too little is kept, or it is the encoder already; then
            nothing changes.
        """
        readers, about = migrated(self, encoder, sample, accept, log)
        with self._changed():
            self.readers, self.card = readers, {**self.card, "migrated": about}
        return about


def _file_of(item: Any, kind: str, small: bool) -> dict[str, Any]:
    """Return what a payload says of an item's file: its whole path, and a small picture."""
    if not isinstance(item, Path):
        return {}
    return {"file": os.path.abspath(item),
            **({THUMB_KEY: thumb_of_file(item, kind)} if small else {})}


def _check_apart(vector: Array, classes: Classes) -> None:
    """Raise ValueError if the vector of a new class ``(1, a)`` is that of another, which no picture
    could be told apart from.
    """
    known = classes.embeddings
    if vector.shape[1:] != known.shape[1:]:
        return                                          # refused where classes are taken
    apart = np.abs(known - vector).max(axis=1, initial=0)
    twin = np.flatnonzero(apart <= ROUNDING * np.abs(vector).max(initial=0))
    if len(twin):
        raise ValueError(f"text: its vector is that of the class {short(classes.names[twin[0]])}, "
                         "so that the two could not be told apart; describe in other words what "
                         "the new one looks like.")


def _check_name(name: str, there: Sequence[str]) -> None:
    """Raise ValueError unless a new class may have this name."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name: got {short(name)}; give the class a name.")
    hidden = printable(name).count("\ufffd") > name.count("\ufffd")
    if len(name) > LONGEST_NAME or len(name.splitlines()) > 1 or hidden:
        raise ValueError(f"name: got {short(name)}, of {len(name):,} characters; give the class a "
                         f"name of one line, {LONGEST_NAME} characters at most, and put what it "
                         "looks like into its text.")
    if name in there:
        raise ValueError(f"name: there is a class {name!r} already; give another name.")
    alike = next((one for one in there if folded(one) == folded(name)), None)
    if alike is not None:
        raise ValueError(f"name: {short(name)} differs from the class {alike!r} only in case, "
                         "blanks or spelling; give a name of its own.")
