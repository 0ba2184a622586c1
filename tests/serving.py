"""A small space that is served, and a server on a free port of this machine."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import uvicorn
from PIL import Image

from crossalign.index import ExactIndex
from crossalign.serve.app import make_app
from crossalign.serve.limits import Limits
from crossalign.serve.patience import patient
from crossalign.serve.start import door_of

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220)}


class Hit(NamedTuple):
    id: str
    score: float
    payload: dict
    chance: float | None = None
    match: bool | None = None


class Answer(NamedTuple):
    names: list
    probabilities: list
    none: bool
    confidence: float
    set: list
    unlike: bool = False


class Reply(NamedTuple):
    answers: list
    accuracies: list
    unknown: list
    calibrated: bool = True
    unlike: bool = False


class Caption(NamedTuple):
    caption: str
    none: bool = False
    instead: str | None = None
    unlike: bool | None = False


class Map(NamedTuple):
    said: str
    probability: float
    falls: list
    clip: bool = False
    png: bytes = b""


class Colours:
    """Stand-in for a space: pictures are their mean colour, texts the colours that they name."""

    name, modalities, folder, frames = "colours", ("image", "text"), None, None
    unpromised, uncompared = "too few classes", None

    def __init__(self, captions=True, asked_about=(1, 2)):
        self.captions, self.asked_about = captions, asked_about
        self.card = {"scores": {"mAP": 0.9}}
        self.index = ExactIndex(3)
        self.class_names, self.seen = list(COLOURS), [True, True, False]
        self.asked: list[Any] = []
        self.pause = 0.0
        self.add(list(COLOURS), [f"text/{name}" for name in COLOURS],
                 [{"class": name} for name in COLOURS], "text")

    def __len__(self):
        return len(self.index)

    def embed(self, item):
        if isinstance(item, str):
            row = sum((np.array(rgb, float) for name, rgb in COLOURS.items() if name in item),
                      np.full(3, 1e-3))
        elif isinstance(item, np.ndarray):
            if item.shape != (3,):
                raise ValueError(f"query: a vector of {len(item)} numbers; give 3.")
            row = item
        else:
            row = np.asarray(item.convert("RGB"), float).mean((0, 1)) + 1e-3
        return np.float32(row / np.linalg.norm(row))

    def search(self, query, k, where, modality):
        self.asked.append(query)
        time.sleep(self.pause)
        if modality is not None:
            if modality not in self.modalities:
                raise ValueError(f"modality: got {modality!r}; choose image or text.")
            where = {**(where or {}), "modality": modality}
        hits = self.index.search(self.embed(query)[None], k, where)
        ids = hits.ids[0].tolist()
        return [Hit(name, score, payload) for name, score, payload in
                zip(ids, hits.scores[0], self.index.payload(ids), strict=True)]

    def recognise(self, items, k):
        rows = np.array([self.embed(name) for name in self.class_names])
        chances = np.exp(5 * rows @ self.embed(items[0]))
        chances /= chances.sum()
        best = np.argsort(-chances)[:k]
        return [Answer([self.class_names[i] for i in best], chances[best].tolist(),
                       bool(chances.max() < 0.4), chances.max(),
                       [self.class_names[i] for i in best if chances[i] > 0.1])]

    def captioned(self, items):
        if not self.captions:
            raise ValueError("captions: this space was taught none; build it with --captions.")
        return [Caption(f"a {self.recognise([item], 1)[0].names[0]} sheet") for item in items]

    def ask(self, items, question, k):
        if len(items) not in self.asked_about:
            raise ValueError(f"items: got {len(items)}; ask about others.")
        self.asked.append(question)
        found = [self.recognise([item], 1)[0].names[0] for item in items]
        return Reply([" and ".join(found), "none"][:k], [0.75, 0.25][:k], ["zebra"])

    def occlusion(self, items, of, question, tick):
        tick()
        falls = [np.linspace(-1, 2, 64).reshape(8, 8) for _ in items]
        return Map(f"the {of} of {question}", 0.5, falls)

    def add(self, items, ids, payload, modality):
        kind = modality or ("text" if isinstance(items[0], str) else "image")
        more = [{"text": item} if isinstance(item, str) else {} for item in items]
        self.index.add(np.array([self.embed(item) for item in items]), ids,
                       [{"modality": kind, **a, **b} for a, b in zip(more, payload, strict=True)])
        return ids

    def remove(self, ids):
        self.index.remove(ids)
        return len(ids)

    def add_class(self, name, text):
        if name in self.class_names:
            raise ValueError(f"name: there is a class {name!r} already; give another name.")
        self.class_names.append(name)
        self.seen.append(False)


class Running(NamedTuple):
    """A server that runs."""

    space: Any
    port: int
    server: Any

    def ask(self, method, path, body=None, kind="application/json", timeout=20, **headers):
        """Return status, headers and content of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        if isinstance(body, dict):
            body = json.dumps(body)
        if body is not None and kind is not None:
            headers["Content-Type"] = kind
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v
                                                    for k, v in headers.items()})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.headers.get_content_type() == "application/json":
            content = json.loads(content)
        return answer.status, answer.headers, content

    def say(self, content, *, half=False, wait=20):
        """Send bytes on a fresh connection and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(content)
            if half:
                connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)


@contextmanager
def running(space=None, *, token=None, host="127.0.0.1", **limits):
    """Serve a space on a free port of this machine."""
    space = Colours() if space is None else space
    found = Limits(**limits)
    app = make_app(space, door_of(host, token), found)
    server = uvicorn.Server(uvicorn.Config(
        app, http=patient(found), ws="none", loop="asyncio", lifespan="on", log_level="error",
        access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=found.head))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield Running(space, listener.getsockname()[1], server)
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def picture(colour="red", size=(8, 6), kind="PNG", **options):
    """Bytes of a picture of one colour."""
    stream = io.BytesIO()
    Image.new("RGB", size, COLOURS.get(colour, colour)).save(stream, kind, **options)
    return stream.getvalue()
