"""Migration of a space to a new encoder of pictures: its vectors stay, and a map is learned.

Some pictures of the index are read again by both encoders. The map between them stands in front of
the space, so that classes, recogniser and index stay as they are (Drift-Adapter, Vejendla, EMNLP
2025; see `index.drift`). A quarter of the pictures is held out: the kind of map is chosen on the
others, by the neighbours of pairs that are left out in turn, and what is kept is measured there,
among the vectors that the index holds. The map that is used is then fitted on all.

A map stands in front of the encoder that made the vectors, never of another map: pictures are read
by that encoder where it is on this machine, and by the mapped one where it is not. Back to it, no
map is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.arrays import evenly
from crossalign.data_options import remembered_options
from crossalign.index.drift import KINDS
from crossalign.index.exact import ExactIndex
from crossalign.pace import Log, Pace
from crossalign.reading import expanded
from crossalign.sentences import short
from crossalign.space.embedding import EmbeddingSpace
from crossalign.space.encoder_map import EncoderMap, fit_map
from crossalign.space.items import CLASS, IMAGE
from crossalign.space.kept import Kept, kept_of
from crossalign.space.originals import original
from crossalign.space.readers import Readers, facts_digest, pictures_alone

Array = npt.NDArray[Any]
SAMPLE = 1000
"""Number of pictures that are read again."""
LEAST = 48
"""Smallest number of them, so that those held out have neighbours."""
BLOCK = 64
"""Number of them that are read at a time."""
ENOUGH = 0.95
"""Share of recall below which a map is refused unless it is accepted."""
HELD_OUT = 0.25
"""Share of the pictures on which is measured what is kept."""
SEED = 0
"""Seed of the draw of those."""
NO_MAP = "none"
"""Kind of the map of a space that is read again by the encoder that made its vectors."""


class _Picture(NamedTuple):
    """Picture of the index: a file or what an index keeps of one that is in no file, its class, and
    its vector in the index.
    """

    item: Path | bytes
    of: str | None
    vector: Array


class _Both(NamedTuple):
    """Features of the same pictures by both encoders, the pictures, and files not read."""

    old: Array
    new: Array
    pictures: list[_Picture]
    unread: list[str]


def migrated(space: EmbeddingSpace, encoder: str, sample: int, accept: bool, log: Log) -> tuple[
        Readers, dict[str, Any]]:
    """Return readers with a map, and what the card says of it; see `Space.migrate`."""
    readers, first = _new_readers(space, encoder), _first_readers(space)
    about: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "encoder": dict(readers.pictures.facts), "vectors_by": _made_by(space)}
    if first is not None and first.digests()[IMAGE] == readers.digests()[IMAGE]:
        log("this encoder made the vectors of the space, so that no map is needed; pictures that "
            "were added by another keep what its map made of them, and mapped_from says so")
        return first, {**about, "kind": NO_MAP, "share": 1.0, "accepted": False}
    both = _read(space.readers if first is None else first, readers, _pictures(space, sample), log)
    if both.unread:
        log(f"not read: {len(both.unread)} of {len(both.unread) + len(both.old)} pictures, the "
            f"first {both.unread[0]}")
    if len(both.old) < LEAST:
        raise ValueError(f"sample: {len(both.old)} pictures of the space can be read again, and "
                         f"{LEAST} are needed; bring back the folder that it was built from, or "
                         "build the space again.")
    name = str(readers.options.remembered()["encoder"])
    order = np.random.default_rng(SEED).permutation(len(both.old))
    held, used = np.split(order, [int(HELD_OUT * len(order))])
    tried = [fit_map(name, both.old[used], both.new[used], kind) for kind in KINDS]
    best = max(tried, key=lambda one: one.adapter.recall_)
    kept = _kept(space, best, both, held)
    for line in [f"map: {best.adapter.kind}, chosen by the neighbours of pairs left out, among "
                 + ", ".join(f"{one.adapter.kind} {one.adapter.recall_:.3f}" for one in tried),
                 f"on {len(held)} pictures held out:", *kept.lines()]:
        log(line)
    if kept.share < ENOUGH and not accept:
        raise ValueError(f"encoder: the map keeps {kept.share:.3f} of the recall, less than "
                         f"{ENOUGH}; accept it with --accept, give more pictures by --sample, or "
                         "build the space again.")
    found = fit_map(name, both.old, both.new, best.adapter.kind)
    about |= {"kind": best.adapter.kind, "pictures": len(order), "not_read": len(both.unread),
              "held_out": len(held), "share": round(kept.share, 4), "accepted": kept.share < ENOUGH,
              **{key: value if value is None or key == "k" else round(value, 4)
                 for key, value in asdict(kept).items()}}
    return space.readers.under(found), about


def _new_readers(space: EmbeddingSpace, encoder: str) -> Readers:
    """Return readers whose pictures are read by the new encoder."""
    if not isinstance(encoder, str) or not encoder:
        raise ValueError(f"encoder: got {short(encoder)}; name a network, as for build's "
                         "--encoder.")
    if space.clips:
        raise ValueError("encoder: this space holds clips, and maps are of pictures; build the "
                         "space again.")
    if space.readers.options.tokens:
        raise ValueError("encoder: this space reads tokens, and maps are of vectors; build the "
                         "space again.")
    readers = Readers(pictures_alone(space.readers.options, encoder))
    if readers.digests()[IMAGE] == space.readers.digests()[IMAGE]:
        raise ValueError(f"encoder: {encoder!r} is the encoder of this space already; name "
                         "another.")
    return readers


def _made_by(space: EmbeddingSpace) -> dict[str, Any]:
    """Return the facts of the encoder that made the vectors of a space."""
    return dict(space.card.get("migrated", {}).get("vectors_by", space.readers.pictures.facts))


def _first_readers(space: EmbeddingSpace) -> Readers | None:
    """Return readers by the encoder that made the vectors; None where it is not on this machine any
    more, or is another there.
    """
    if space.readers.mapped is None:
        return space.readers
    try:
        first = Readers(remembered_options(space.fitted.source))
        same = first.digests()[IMAGE] == facts_digest(_made_by(space))
    except (ValueError, ImportError):
        return None
    return first if same else None


def _pictures(space: EmbeddingSpace, count: int) -> list[_Picture]:
    """Return some pictures of the index, drawn evenly."""
    if not isinstance(count, int) or isinstance(count, bool) or count < LEAST:
        raise ValueError(f"sample: got {short(count)}; give a number of pictures, {LEAST} or more.")
    if not len(space):
        return []
    root = space.root
    found = [_Picture(item, about.get(CLASS), row)
             for name, row, about in zip(*space.index.sample(4 * count), strict=True)
             if about.get("modality") == IMAGE
             and (item := original(root, str(name), about)) is not None]
    return [found[i] for i in evenly(len(found), count)]


def _read(old: Readers, new: Readers, pictures: Sequence[_Picture], log: Log) -> _Both:
    """Encode pictures by both encoders; those that cannot be read are named."""
    pairs: list[tuple[Array, Array]] = []
    read: list[_Picture] = []
    unread: list[str] = []
    pace = Pace(log, "encoded", len(pictures), "pictures by both encoders")
    for start in range(0, len(pictures), BLOCK):
        block = pictures[start:start + BLOCK]
        try:
            pairs.append(_pair(old, new, block))
            read += block
        except ValueError:                                          # of one of them; which, alone
            for one in block:
                try:
                    pairs.append(_pair(old, new, [one]))
                    read.append(one)
                except ValueError as error:
                    unread.append(f"{one.item} ({error})" if isinstance(one.item, Path)
                                  else str(error))
        pace(start + len(block))
    if not pairs:
        return _Both(np.zeros((0, 0)), np.zeros((0, 0)), [], unread)
    before, after = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    return _Both(before, after, read, unread)


def _pair(old: Readers, new: Readers, pictures: Sequence[_Picture]) -> tuple[Array, Array]:
    items = [one.item for one in pictures]
    rows = old.of_pictures(items), new.of_pictures(items)
    if any(one.ndim != 2 for one in rows):
        raise ValueError("encoder: it gives tokens or pixels; name a network that gives vectors.")
    return rows


def _kept(space: EmbeddingSpace, found: EncoderMap, both: _Both, held: Array) -> Kept:
    """Measure a map on pictures that it has not read, among their vectors in the index."""
    model, pictures = space.fitted.model, [both.pictures[i] for i in held]
    mapped, old = found(both.new[held]), both.old[held]
    asked, before = (np.asarray(model.index_vectors(model.similarity_inputs(rows, IMAGE)))
                     for rows in (mapped, old))
    there = (np.stack([one.vector for one in pictures]) if isinstance(space.index, ExactIndex)
             else before)
    return kept_of((mapped, old, both.new[held]), (asked, there), [one.of for one in pictures])


def named(encoder: str) -> str:
    """Return an encoder's name as its items carry it."""
    return expanded(encoder, "encoder").name
