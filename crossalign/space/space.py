"""Space: one folder that recognises, searches and grows, and needs no training set for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from crossalign.data.class_folders import picture_id
from crossalign.folders import digest, why
from crossalign.index.base import Index
from crossalign.models.roles import Aligner
from crossalign.names import folded
from crossalign.reading import expanded
from crossalign.sentences import nearest, short
from crossalign.space.chance import RandomPairs
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
from crossalign.space.items import IMAGE, SKETCH, TEXT, VECTOR, listed, one_kind
from crossalign.space.migrate import SAMPLE, migrated, named
from crossalign.space.readers import Readers
from crossalign.space.recognition import Answer, Recognition
from crossalign.space.training import Training
from crossalign.space.why import Why, explained
from crossalign.tasks.fitted import Fitted
from crossalign.types import CLASS_MODALITY, Classes

Array = npt.NDArray[Any]
Where = Mapping[str, Any]

class Hit(NamedTuple):
    """Item that a search found.

    Attributes
    ----------
    id : str
    score : float
        Similarity.
    payload : dict
        Plain values by key.
    chance : float or None
        Share of random pairs of such a query and such an item that are at least as similar, see
        `space.chance`; None if there are too few to say.
    """

    id: str
    score: float
    payload: dict[str, Any]
    chance: float | None = None


class Space:
    """Fitted space of pictures and texts, with its encoders, classes and index.

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

    def __init__(self, fitted: Fitted, readers: Readers, index: Index, card: Mapping[str, Any],
                 texts: Mapping[str, Sequence[str]], sample: Array | None = None,
                 training: Training | None = None) -> None:
        self.fitted = fitted
        self.readers = readers
        self.index = index
        self.card = dict(card)
        self.texts = {name: list(of) for name, of in texts.items()}
        self.recognition = Recognition(fitted, sample)
        self.training = training
        self.folder: Path | None = None
        self._written = ""
        self._pairs = RandomPairs(index, self._class_texts)

    # -- what it is ----------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """Name of the space."""
        return str(self.card.get("name", "space"))

    @property
    def modalities(self) -> list[str]:
        """Modalities of items that it embeds and searches; line drawings are pictures of a kind."""
        held = self.card.get("held", ())
        return [m for m in (IMAGE, SKETCH, TEXT)
                if (m in held if m == SKETCH else self._side_of(m) is not None)]

    @property
    def classes(self) -> Classes:
        """Classes that it recognises.

        Raises
        ------
        ValueError
            If it recognises none.
        """
        return self.recognition.classes

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; none of a space that is only searched."""
        return [] if self.fitted.recogniser is None else list(self.classes.names)

    @property
    def seen(self) -> Array:
        """True for classes that had training pictures, ``(C,)`` bool."""
        return (np.zeros(0, dtype=bool) if self.fitted.recogniser is None
                else np.asarray(self.classes.seen))

    def __len__(self) -> int:
        """Count the items in the index."""
        return len(self.index)

    # -- what it answers -----------------------------------------------------------------------
    def embed(self, items: Any, modality: str | None = None) -> Array:
        """Embed items of one kind as rows ``(n, d)``, which the index compares.

        Parameters
        ----------
        items : item or items
            Texts, pictures or vectors, see `space.items`; vectors are returned as they are.
        modality : str, optional
            Kind of the items, ``"image"`` or ``"text"``; default that of their form.

        Raises
        ------
        ValueError
            If items are of several kinds, cannot be read or are of a kind that the space does not
            embed.
        """
        given = listed(items)
        kind = one_kind(given)
        if modality not in (None, kind):
            raise ValueError(f"modality: got {short(modality)} for items that are {kind}s; leave "
                             "it out.")
        if kind == VECTOR:
            return np.asarray(given, dtype=np.float32)
        model = self.fitted.model
        return np.asarray(model.index_vectors(model.similarity_inputs(*self.features(given))))

    def features(self, items: Any) -> tuple[Array, str]:
        """Encode texts or pictures as features ``(n, a)`` of the model's modality that reads them.

        Raises
        ------
        ValueError
            As `embed`.
        """
        given = listed(items)
        kind = one_kind(given)
        side = self._side_of(kind)
        if side is None:
            raise ValueError(f"item: this space does not embed {kind}s; it embeds "
                             f"{' and '.join(m + 's' for m in self.modalities) or 'none'}.")
        if kind == IMAGE:
            return self.readers.of_pictures(given), side
        if side == CLASS_MODALITY:
            return self.readers.of_classes([[text] for text in given]), side
        return self.readers.of_texts(given), side

    def _side_of(self, kind: str) -> str | None:
        """Return the model's modality that reads a kind of items: texts may be read as classes
        are.
        """
        model = self.fitted.model
        if not isinstance(model, Aligner):
            return None
        if kind in self.fitted.model.views:
            return kind
        return CLASS_MODALITY if kind == TEXT and self.texts and model.knows_classes else None

    def search(self, query: Any, k: int = 10, where: Where | None = None,
               modality: str | None = None) -> list[Hit]:
        """Find the k nearest items of a text, a picture or a vector, best first.

        Parameters
        ----------
        query : item
            Text, picture or vector ``(d,)``, see `space.items`.
        k : int
            Number of items; default 10.
        where : mapping, optional
            Filter on payloads, see `index.where`; default none. Its keys are those that payloads
            have.
        modality : str, optional
            Modality of the items to find; default any.

        Raises
        ------
        ValueError
            If the query cannot be read, the filter is of no known form, or it has a key that no
            item has; then it names those that there are.
        """
        if modality is not None:
            if modality not in self.modalities:
                raise ValueError(f"modality: got {short(modality)}; "
                                 f"{nearest(modality, self.modalities)}")
            where = {**(where or {}), "modality": modality}
        hits = self.index.search(self.embed(query)[:1], k, where)
        self._check_keys(where or {})
        ids, scores = hits.ids[0].tolist(), hits.scores[0]
        payloads = self.index.payload(ids)
        likely = self._pairs.chances(one_kind(listed(query)), scores, payloads)
        return [Hit(str(name), *found) for name, *found in
                zip(ids, scores.tolist(), payloads, likely, strict=True)]

    def _class_texts(self, places: Callable[[int], list[int]]) -> Array | None:
        """Return the vectors of some texts of classes; None if there are none."""
        texts = [known[0] for known in self.texts.values()]
        return self.embed([texts[n] for n in places(len(texts))]) if texts else None

    def _check_keys(self, where: Where) -> None:
        """Raise ValueError if a filter has a key that no item has."""
        there = self.index.keys() if where and len(self) else list(where)
        for key in where:
            if key not in there:
                raise ValueError(f"where: no item has {short(key)} in its payload; "
                                 f"{nearest(key, there)}")

    def why(self, query: Any, ids: Sequence[str] | str, k: int = 5) -> list[Why]:
        """Say why items are hits of a query: the training pairs that voted for them, and words.

        Parameters
        ----------
        query : item
            Text or picture that was searched with.
        ids : strings
            Ids of the hits.
        k : int
            Number of training pairs to name for each; default 5.

        Raises
        ------
        ValueError
            If the space keeps no training pairs, or an item can neither be found among them nor be
            read again.
        """
        return explained(self, query, [ids] if isinstance(ids, str) else ids, k)

    def recognise(self, items: Any, k: int = 5) -> list[Answer]:
        """Name the k likeliest classes of every picture, with calibrated probabilities.

        Raises
        ------
        ValueError
            If the space recognises no classes, or items are no pictures or cannot be read.
        """
        given = listed(items)
        if len(self.classes) and one_kind(given) != IMAGE:
            raise ValueError(f"items: got {one_kind(given)}s; recognition is of pictures.")
        return self.recognition.answers(self.readers.of_pictures(given), k)

    # -- how it grows --------------------------------------------------------------------------
    def add(self, items: Any, ids: Sequence[str] | None = None,
            payload: Sequence[Mapping[str, Any]] | None = None,
            modality: str | None = None) -> list[str]:
        """Add items of one kind to the index; one whose id is there is replaced.

        Parameters
        ----------
        items : item or items
        ids : n strings, optional
            Ids; default the whole paths of files, or what building called them, and for others a
            digest of their vectors with the kind before it, so that none is there twice.
        payload : n mappings, optional
            Plain values by key; ``modality``, of a text ``text``, and of a picture that a new
            encoder read ``mapped_from``, its name, are added.
        modality : str, optional
            Kind of the items; default that of their form.

        Returns
        -------
        n strings
            Ids.

        Raises
        ------
        ValueError
            As `embed`; also if ids are not one for each item. Then none is added.
        """
        given = listed(items)
        kind = modality if one_kind(given) == VECTOR and modality else one_kind(given)
        vectors = self.embed(given, None if kind != one_kind(given) else modality)
        names = ([self._id_of(item) if isinstance(item, Path) else
                  f"{kind}-{digest(row.tobytes())[:16]}"
                  for item, row in zip(given, vectors, strict=True)] if ids is None
                 else [str(i) for i in ids])
        more = [{}] * len(given) if payload is None else payload
        if len(names) != len(given) or len(more) != len(given):
            raise ValueError(f"ids: got {len(names)}, and {len(more)} payloads, for {len(given)} "
                             "items; give one each.")
        mapped = self.readers.mapped if kind == IMAGE == one_kind(given) else None
        read_by = {} if mapped is None else {"mapped_from": named(mapped.encoder)}
        about = [{"modality": kind, **read_by, **({"text": item} if kind == TEXT else {}),
                  **({"file": str(item)} if isinstance(item, Path) else {}), **of}
                 for item, of in zip(given, more, strict=True)]
        self.index.add(vectors, names, about)
        self._pairs.forget()
        return names

    def _id_of(self, file: Path) -> str:
        """Return the id of a file: that which building gave it, or its whole path."""
        path, root = Path(os.path.abspath(file)), self.fitted.source.get("data")
        return picture_id(path) if root and path.is_relative_to(root) else str(path)

    def remove(self, ids: Sequence[str] | str) -> int:
        """Remove items by their ids, and return how many there were.

        Raises
        ------
        ValueError
            If there is no item of an id; then none is removed.
        """
        names = [ids] if isinstance(ids, str) else list(ids)
        self.index.remove(names)
        self._pairs.forget()
        return len(names)

    def add_class(self, name: str, text: str | Sequence[str] | None = None) -> None:
        """Add a class that is known by a text, or several; by default by its name.

        A space in a folder keeps it there.

        Raises
        ------
        ValueError
            If there is a class of that name, or of one that reads alike, classes are not known by
            texts, or the recogniser has to be built again for further classes.
        """
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"name: got {short(name)}; give the class a name.")
        if name in self.class_names:
            raise ValueError(f"name: there is a class {name!r} already; give another name.")
        alike = next((one for one in self.class_names if folded(one) == folded(name)), None)
        if alike is not None:
            raise ValueError(f"name: {short(name)} differs from the class {alike!r} only in case, "
                             "blanks or spelling; give a name of its own.")
        if len(self.classes) and not self.texts:
            raise ValueError("text: classes of this space are known by vectors, not by texts; "
                             "build one from texts of the classes.")
        of = [name] if text is None else [text] if isinstance(text, str) else list(text)
        if one_kind(of) != TEXT:
            raise ValueError(f"text: got {short(text)}; describe the class in words.")
        vector = self.readers.of_classes([of])
        with self._changed():
            self.recognition.take_class(name, vector)
            self.texts[name] = of

    def migrate(self, encoder: str, sample: int = SAMPLE, *, accept: bool = False,
                log: Callable[[str], None] = print) -> dict[str, Any]:
        """Read pictures by a new encoder from now on; the vectors of the index stay.

        What the new encoder makes of a picture is mapped to what the old one would have made, see
        `space.migrate`. A space in a folder keeps it there.

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
        before = self.readers, self.card
        try:
            with self._changed():
                self.readers, self.card = readers, {**self.card, "migrated": about}
        except ValueError:
            self.readers, self.card = before
            raise
        return about

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """Write a change to the folder, if there is one, unless another process changed it."""
        if self.folder is None:
            yield
            return
        with alone(self.folder):
            if self._written not in ("", stated_digest(self.folder)):
                raise ValueError("space: another process has changed it since it was opened; open "
                                 "it again.")
            yield
            self._write(self.folder)

    # -- how it is kept ------------------------------------------------------------------------
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
        self._written = write_record(place, source=self.fitted.source,
                                     encoders=self.readers.digests(), texts=self.texts,
                                     card=self.card, **mapped, **kept)
        remove_other_maps(place, mapped)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a space from its folder; encoders are opened when they are needed.

        Raises
        ------
        ValueError
            If the folder is no space, is of another format, or is damaged; or remembers a network
            that is not on this machine.
        """
        place = expanded(folder, "folder")
        if not (place / RECORD).is_file():
            raise ValueError(f"folder: {str(folder)!r} holds no {RECORD}; give a folder that "
                             "crossalign build wrote.")
        with alone(place):
            try:
                return cls._opened(place)
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
                                       read_map(place, record)),
                    Index.open(place / INDEX), record["card"], record["texts"],
                    read_sample(place), read_training(place, record))
        space.folder, space._written = place, stated
        return space

    def close(self) -> None:
        """Let another process write to the index."""
        self.index.close()

