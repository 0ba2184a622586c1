"""Migration of a space to a new encoder of pictures: its vectors stay, and a map is learned.

Some pictures of the index are read again by both encoders. The map between them stands in front of
the space, so that classes, recogniser and index stay as they are (Drift-Adapter, Vejendla, EMNLP
2025; see `index.drift`). A quarter of the pictures is held out: the kind of map is chosen on the
others, by the neighbours of pairs that are left out in turn, and what is kept is measured there.
The map that is used is then fitted on all.
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
from crossalign.index.drift import KINDS
from crossalign.pace import Log, Pace
from crossalign.reading import expanded
from crossalign.sentences import short
from crossalign.space.embedding import EmbeddingSpace
from crossalign.space.encoder_map import EncoderMap, fit_map
from crossalign.space.items import CLASS, IMAGE
from crossalign.space.kept import Kept, kept_of
from crossalign.space.originals import original
from crossalign.space.readers import Readers, pictures_alone

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


class _Both(NamedTuple):
    """Features of the same pictures by both encoders, their classes, and files not read."""

    old: Array
    new: Array
    classes: list[str | None]
    unread: list[str]


def migrated(space: EmbeddingSpace, encoder: str, sample: int, accept: bool, log: Log) -> tuple[
        Readers, dict[str, Any]]:
    """Return readers with a map, and what the card says of it; see `Space.migrate`."""
    readers = _new_readers(space, encoder)
    both = _read(space, readers, _pictures(space, sample), log)
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
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"),
             "encoder": dict(readers.pictures.facts),
             "vectors_by": space.card.get("migrated", {}).get(
                 "vectors_by", dict(space.readers.pictures.facts)),
             "kind": best.adapter.kind, "pictures": len(order), "not_read": len(both.unread),
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


def _pictures(space: EmbeddingSpace, count: int) -> list[tuple[Path | bytes, str | None]]:
    """Return some pictures of the index, drawn evenly, each a file or what an index keeps of
    one that is in no file, and their classes.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < LEAST:
        raise ValueError(f"sample: got {short(count)}; give a number of pictures, {LEAST} or more.")
    if not len(space):
        return []
    names, _, payloads = space.index.sample(4 * count)
    root = space.fitted.source.get("data")
    every = [(original(root, str(name), about), about.get(CLASS))
             for name, about in zip(names, payloads, strict=True) if about.get("modality") == IMAGE]
    found = [(item, of) for item, of in every if item is not None]
    return [found[i] for i in evenly(len(found), count)]


def _read(space: EmbeddingSpace, readers: Readers,
          pictures: Sequence[tuple[Path | bytes, str | None]], log: Log) -> _Both:
    """Encode pictures by both encoders; those that cannot be read are named."""
    pairs: list[tuple[Array, Array]] = []
    classes: list[str | None] = []
    unread: list[str] = []
    pace = Pace(log, "encoded", len(pictures), "pictures by both encoders")
    for start in range(0, len(pictures), BLOCK):
        block = pictures[start:start + BLOCK]
        try:
            pairs.append(_pair(space, readers, [item for item, _ in block]))
            classes += [of for _, of in block]
        except ValueError:                                          # of one of them; which, alone
            for item, of in block:
                try:
                    pairs.append(_pair(space, readers, [item]))
                    classes.append(of)
                except ValueError as error:
                    unread.append(f"{item} ({error})" if isinstance(item, Path) else str(error))
        pace(start + len(block))
    if not pairs:
        return _Both(np.zeros((0, 0)), np.zeros((0, 0)), [], unread)
    old, new = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    return _Both(old, new, classes, unread)


def _pair(space: EmbeddingSpace, readers: Readers, items: list[Any]) -> tuple[Array, Array]:
    rows = space.readers.of_pictures(items), readers.of_pictures(items)
    if any(one.ndim != 2 for one in rows):
        raise ValueError("encoder: it gives tokens or pixels; name a network that gives vectors.")
    return rows


def _kept(space: EmbeddingSpace, found: EncoderMap, both: _Both, held: Array) -> Kept:
    """Measure a map on pictures that it has not read."""
    model = space.fitted.model
    mapped, old = found(both.new[held]), both.old[held]
    vectors = tuple(np.asarray(model.index_vectors(model.similarity_inputs(rows, IMAGE)))
                    for rows in (mapped, old))
    return kept_of((mapped, old, both.new[held]), (vectors[0], vectors[1]),
                   [both.classes[i] for i in held])


def named(encoder: str) -> str:
    """Return an encoder's name as its items carry it."""
    return expanded(encoder, "encoder").name
