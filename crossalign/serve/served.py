"""A space as the server uses it: one call at a time, and plain values."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crossalign.pages.plots.occlusion import overlay, told
from crossalign.serve.limits import AskError, Limits, overload
from crossalign.serve.plane import points
from crossalign.serve.uploads import as_uri, png_uri
from crossalign.space.folder import Stamp, stamp
from crossalign.space.searching import nothing_matches
from crossalign.space.stored import ChangedError
from crossalign.space.thumbs import THUMB_KEY

if TYPE_CHECKING:
    from crossalign.space import Space
    from crossalign.space.occluded import Kind

Plain = dict[str, Any]


class Served:
    """A space behind a lock: encoders and indexes are not made for several threads.

    Parameters
    ----------
    space : Space
        Open space.
    limits : Limits
        Numbers of points of the map and of classes that may be added.
    """

    def __init__(self, space: Space, limits: Limits) -> None:
        self._space, self._limits = space, limits
        self._lock = threading.Lock()
        self._added = 0
        self._map: list[Plain] | None = None
        self._seen = self._stamp()

    @contextmanager
    def _current(self, *, changes: bool = False) -> Iterator[None]:
        """Keep the space from other threads, as it is in its folder now.

        What another process has made of the folder is opened first; what this one changes is not
        taken for that.
        """
        with self._lock:
            now = self._stamp()
            if now is not None and now != self._seen:
                self._open_again()
            try:
                yield
            finally:
                if changes:
                    self._seen = self._stamp()

    def _stamp(self) -> Stamp | None:
        return None if self._space.folder is None else stamp(self._space.folder)

    def about(self) -> Plain:
        """Return the name, card, modalities and sizes, the number of frames of clips if it holds
        some, and whether it captions and answers.
        """
        with self._current():
            space = self._space
            return {"name": space.name, "card": space.card, "modalities": list(space.modalities),
                    "items": len(space), "classes": len(space.class_names),
                    "frames": space.frames, "captions": space.captions,
                    "asked_about": list(space.asked_about)}

    def classes(self) -> list[Plain]:
        """Return names of classes, and which were seen in training."""
        with self._current():
            return [{"name": str(name), "seen": bool(seen)} for name, seen in
                    zip(self._space.class_names, self._space.seen, strict=True)]

    def search(self, query: Any, k: int, where: Plain | None, modality: str | None) -> Plain:
        """Return the items nearest to a query, best first, and whether it has no answer here.

        Those that have a small picture come with its address.
        """
        with self._current():
            hits = self._space.search(query, k, where, modality)
        return {"hits": [_shown(hit) for hit in hits], "none": nothing_matches(hits)}

    def why(self, item: Any, name: str, k: int) -> Plain:
        """Return the training pairs and words that put an item among the hits of a query."""
        with self._current():
            self._payload(name)
            said = self._space.why(item, name, k)[0]
        return {"id": said.id, "score": said.score,
                "pairs": [{"id": one, "share": share} for one, share in said.pairs],
                "words": [{"word": word, "drop": drop} for word, drop in said.words]}

    def recognise(self, item: Any, k: int) -> Plain:
        """Return the likeliest classes of an item, and if it is rather of none."""
        with self._current():
            found, unpromised = self._space.recognise([item], k)[0], self._space.unpromised
            uncompared = self._space.uncompared
        return {"classes": [{"name": str(name), "probability": float(chance)} for name, chance in
                            zip(found.names, found.probabilities, strict=True)],
                "none": bool(found.none), "confidence": float(found.confidence),
                "set": list(found.set), "unlike": found.unlike,
                "uncompared": uncompared, "unpromised": unpromised}

    def caption(self, item: Any) -> Plain:
        """Return what a picture shows, in words."""
        with self._current():
            return {**self._space.captioned([item])[0]._asdict(),
                    "uncompared": self._space.uncompared}

    def ask(self, items: Sequence[Any], question: str, k: int) -> Plain:
        """Return answers to a question about one picture or two, likeliest first."""
        with self._current():
            reply, uncompared = self._space.ask(list(items), question, k), self._space.uncompared
        return {"answers": [{"answer": text, "accuracy": share} for text, share in
                            zip(reply.answers, reply.accuracies, strict=True)],
                "unknown": list(reply.unknown), "calibrated": reply.calibrated,
                "unlike": reply.unlike, "uncompared": uncompared}

    def occlusion(self, items: Sequence[Any], of: Kind, question: str | None) -> Plain:
        """Return what is said of a picture or two, and a map of what it rests on over each; of a
        clip a strip of its frames, with a bar below each.

        The work ends when the time of the request does, so that nobody waits for it in vain.
        """
        end = time.monotonic() + self._limits.seconds

        def tick() -> None:
            if time.monotonic() > end:
                raise overload(f"the map took more than {self._limits.seconds:g} seconds; ask for "
                               "it on the command line, by --occlusion.")

        with self._current():
            found = self._space.occlusion(list(items), of, question, tick=tick)
            strip = as_uri(found.png, "png") if found.clip else None
        answer = {"said": found.said, "probability": found.probability,
                  "told": told(found.said, found.falls, frames=found.clip)}
        if strip is not None:
            return {**answer, "falls": [float(fall.flat[0]) for fall in found.falls],
                    "strip": strip}
        largest = max(float(abs(fall).max()) for fall in found.falls)
        return {**answer, "maps": [png_uri(overlay(fall, largest)) for fall in found.falls]}

    def add(self, items: Sequence[Any], ids: Sequence[str | None],
            payload: Sequence[Plain | None], modality: str | None) -> list[str]:
        """Add items of one kind; those without an id get one that no other has."""
        names = [uuid.uuid4().hex if name is None else name for name in ids]
        with self._current(changes=True):
            self._map = None
            return self._space.add(list(items), names, [one or {} for one in payload], modality)

    def remove(self, name: str) -> None:
        """Remove an item; AskError if there is none of that id."""
        with self._current(changes=True):
            self._payload(name)
            self._map = None
            self._space.remove([name])

    def add_class(self, name: str, text: str | None) -> None:
        """Add a class; AskError if too many were added."""
        with self._current(changes=True):
            if self._added >= self._limits.classes:
                raise AskError(409, f"name: {self._added} classes were added already; restart the "
                               "server to add more.")
            try:
                self._space.add_class(name, text)
            except ChangedError:
                self._open_again()
                self._space.add_class(name, text)
            self._added += 1

    def _open_again(self) -> None:
        """Serve what another process, as the command line, has made of the folder."""
        assert self._space.folder is not None
        seen, opened = self._stamp(), type(self._space).open(self._space.folder)
        self._space.close()
        self._space, self._map, self._seen = opened, None, seen

    def thumb(self, name: str) -> Any:
        """Return what an item's payload holds as its small picture; None if nothing."""
        with self._current():
            return self._payload(name).get(THUMB_KEY)

    def map(self) -> list[Plain]:
        """Return points of the map, which is made again after a change."""
        with self._current():
            if self._map is None:
                if not hasattr(self._space.index, "sample"):
                    raise AskError(404, "map: the index of this space does not give its vectors.")
                self._map = points(*self._space.index.sample(self._limits.points))
            return self._map

    def _payload(self, name: str) -> Plain:
        try:
            return dict(self._space.index.payload([name])[0])
        except ValueError:
            raise AskError(404, "id: there is no item of that id; search for the ids that there "
                           "are.") from None


def _shown(hit: Any) -> Plain:
    """Return a hit as plain values; a small picture is named by its address."""
    payload = dict(hit.payload)
    found = {"id": hit.id, "score": float(hit.score), "chance": hit.chance, "match": hit.match,
             "payload": payload}
    if payload.pop(THUMB_KEY, None) is not None:
        found["thumb"] = f"/thumb/{quote(hit.id, safe='')}"
    return found
