"""Limits of a server, and the refusal of a request that exceeds one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Largest requests that are answered, and the room in which they are.

    Attributes
    ----------
    body : int
        Bytes of a request's body.
    json : int
        Bytes of a body in JSON.
    head : int
        Bytes of a request's line and headers.
    pixels : int
        Pixels of a picture, read from its head before it is decoded.
    k : int
        Results of one search.
    batch : int
        Items of one request.
    frames : int
        Frames of a clip; together they have no more pixels than one picture.
    text : int
        Characters of a text.
    where : int
        Characters of a filter, written as JSON.
    classes : int
        Classes that the server adds at most, all requests together.
    points : int
        Points of the map.
    workers : int
        Requests that are worked on at a time.
    waiting : int
        Requests that wait for a worker; any further one is answered with 503.
    connections : int
        Open connections; any further one is answered with 503.
    seconds : float
        Time in which a request is answered, in seconds.
    patience : float
        Time in which a client sends a request, and in which a quiet connection stays open, in
        seconds.
    """

    body: int = 10 * 2**20
    json: int = 2 * 2**20
    head: int = 16 * 2**10
    pixels: int = 25_000_000
    k: int = 100
    batch: int = 256
    frames: int = 64
    text: int = 2_000
    where: int = 4_000
    classes: int = 1_000
    points: int = 2_000
    workers: int = 2
    waiting: int = 16
    connections: int = 64
    seconds: float = 30.0
    patience: float = 10.0


class AskError(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        Status of HTTP, 4xx or 503.
    sentence : str
        Message, one sentence.
    headers : mapping of str to str, optional
        Further headers of the answer.
    """

    def __init__(self, status: int, sentence: str,
                 headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})


def overload(sentence: str) -> AskError:
    """Return the refusal of a request for which there is no room now."""
    return AskError(503, sentence, {"Retry-After": "1"})
