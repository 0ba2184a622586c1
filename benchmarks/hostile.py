"""Hostile requests to a served space: how each is answered, and the memory of the server.

A real space of drawn shapes is built in a folder that goes away, and served in a process of its
own. Each round sends forty kinds of requests, some many times at once: bodies and pictures that are
too large, bombs, what is no JSON or no HTTP, wrong fields, names and tokens, slow, half-closed and
silent clients, more connections than there is room for. Every answer has to be a 4xx or a 503, and
the server has to answer an honest question after each.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROUNDS, AT_ONCE = 3, 8
JSON, PNG = "application/json", "image/png"
TOKEN = "0123456789abcdef-token"
Answer = tuple[int, bytes]


def build_shapes(folder: Path) -> Path:
    """Build a space of drawn polygons."""
    from PIL import Image, ImageDraw

    from crossalign.data_options import DataOptions
    from crossalign.space import build_space

    for sides in range(3, 11):
        (folder / "shapes" / f"{sides} corners").mkdir(parents=True)
        for n in range(8):
            picture = Image.new("L", (64, 64), 255)
            ImageDraw.Draw(picture).regular_polygon((32, 32, 18 + n), sides, 7 * n, fill=0)
            picture.save(folder / "shapes" / f"{sides} corners" / f"{n}.png")
    build_space(DataOptions(data=str(folder / "shapes")), folder / "space", models=["ridge_map"],
                log=lambda line: None)
    return folder / "space"


@contextmanager
def served(place: Path) -> Iterator[tuple[int, int]]:
    """Serve a space by the command; give the process and the port."""
    with subprocess.Popen([sys.executable, "-m", "crossalign", "serve", str(place), "--port", "0"],
                          stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                          env={**os.environ, "CROSSALIGN_TOKEN": TOKEN}) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().split("/")[2].partition(":")[2])
        try:
            yield process.pid, port
        finally:
            process.terminate()


def ask(port: int, body: Any, kind: str = JSON, path: str = "/search", method: str = "POST",
        token: str = TOKEN, **headers: str) -> Answer:
    """Return status and content of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {
            "Content-Type": kind, "Authorization": f"Bearer {token}", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(port: int, content: bytes, half: bool = False) -> Answer:
    """Send bytes and return what comes back; a status of 0 if nothing does."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(content)
        if half:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                found += part
    return (int(found.split()[1]) if found else 0), found.rpartition(b"\r\n\r\n")[2]


def endless(port: int) -> Answer:
    """Send a body without an end."""
    with (socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
          suppress(ConnectionError)):
        connection.sendall(HEAD + b"Content-Length: 99999999999\r\n\r\n")
        for _ in range(2_000):
            connection.sendall(bytes(65536))
    return 413, b""


def deaf(port: int) -> Answer:
    """Ask for much and never read it, forty times."""
    body = b'{"text": "corners", "k": 100}'
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for one in held:
        with suppress(ConnectionError):
            one.sendall((HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body) * 3)
    for one in held:
        one.close()
    return 0, b""


def crowd(port: int) -> Answer:
    """Open three hundred connections that say nothing."""
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    answer = raw(port, b"")
    for one in held:
        one.close()
    return answer


def png(width: int, height: int, rows: int = 0) -> bytes:
    """Write a picture's head, with so many rows of zeros behind it."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))

    packer, parts = zlib.compressobj(9), []
    for _ in range(rows):
        parts.append(packer.compress(bytes(1 + 3 * width)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0,
                                                              0, 0))
            + chunk(b"IDAT", b"".join(parts) + packer.flush()) + chunk(b"IEND", b""))


HEAD = (b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")


def of(body: Any, kind: str = JSON, **more: Any) -> Callable[[int], Answer]:
    return lambda port: ask(port, body, kind, **more)


def of_bytes(content: bytes, half: bool = False) -> Callable[[int], Answer]:
    return lambda port: raw(port, content, half)


def batch(count: int) -> bytes:
    return json.dumps({"items": [{"text": "a"}] * count}).encode()


def requests() -> dict[str, Callable[[int], Answer]]:
    """Return the kinds of requests by name."""
    large = png(5_000, 5_000, 5_000)
    return {
        "body of 50 MB": of(bytes(50 << 20)), "body of 9 MB, no picture": of(bytes(9 << 20), PNG),
        "JSON of 3 MB": of(b'{"vector": [' + b"1," * 1_500_000 + b"1]}"),
        "JSON of 2 MB": of(b'{"vector": [' + b"1," * 950_000 + b"1]}"),
        "an endless body": endless, "100 megapixels": of(png(10_000, 10_000), PNG),
        "2^31 pixels wide": of(png(2**31 - 1, 2**31 - 1), PNG),
        "a bomb of 49 megapixels": of(png(7_000, 7_000, 7_000), PNG),
        "25 megapixels cut off": of(large[:-60], PNG), "a script": of(b"<svg/>", PNG),
        "PostScript": of(b"%!PS-Adobe-3.0 EPSF", PNG), "no picture": of(b"GIF89a", PNG),
        "a picture to recognise, cut off": of(large[:400], PNG, path="/recognise"),
        "a path": of(b'{"path": "/etc/passwd"}'), "a file": of(b'{"text": "x", "file": "/a"}'),
        "NaN": of(b'{"vector": [NaN, 1]}'), "infinity": of(b'{"vector": [1e999]}'),
        "wrong width": of(b'{"vector": [1, 2]}'), "no text": of(b'{"text": 7}'),
        "cut off": of(b'{"text": "re'), "deep": of(b'{"where": ' + b'{"a":' * 90_000),
        "many digits": of(b'{"k": ' + b"9" * 5_000 + b"}"), "k of a million": of(
            b'{"text": "x", "k": 1000000}'), "unknown key": of(
            b'{"text": "x", "where": {"kolor": "red"}}'),
        "unknown class": of(None, path="/items/none", method="DELETE"),
        "10,000 items": of(batch(10_000), path="/items"), "an id twice": of(
            b'{"items": [{"text": "a", "id": "x"}, {"text": "b", "id": "x"}]}', path="/items"),
        "a class that is there": of(b'{"name": "3 corners"}', path="/classes"),
        "wrong token": of(b'{"text": "x"}', token="wrong"), "no such page": of(
            None, path="/page/../../etc/passwd", method="GET"),
        "another host": of(b'{"text": "x"}', Host="evil.example"),
        "another origin": of(b'{"text": "x"}', Origin="http://evil.example"),
        "a form": of(b"text=x", "application/x-www-form-urlencoded"),
        "TLS": of_bytes(b"\x16\x03\x01\x02\x00" + bytes(64) + b"\r\n\r\n"),
        "a long head": of_bytes(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"),
        "a length below zero": of_bytes(HEAD + b"Content-Length: -5\r\n\r\n"),
        "half a request": of_bytes(HEAD + b"Content-Length: 50\r\n\r\n{", half=True),
        "a slow client": of_bytes(HEAD + b"Content-Length: 50\r\n\r\n{"),
        "clients that never read": deaf, "300 connections": crowd}


def memory(process: int) -> dict[str, float]:
    """Return the memory that a process has resident, and the most so far, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    return {"now_mb": sizes["VmRSS"] / 1024, "most_mb": sizes["VmHWM"] / 1024}


def one_round(port: int, kinds: dict[str, Callable[[int], Answer]]) -> Counter[int]:
    """Send every kind at once by several clients; return how many answers of each status."""
    statuses: Counter[int] = Counter()
    for name, send in kinds.items():
        found: list[Answer] = []

        def client(send: Callable[[int], Answer] = send, found: list[Answer] = found) -> None:
            with suppress(ConnectionError, http.client.HTTPException):   # closed while we send
                found.append(send(port))

        threads = [threading.Thread(target=client) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for status, content in found:
            assert status in (0, 503) or 400 <= status < 500, (name, status, content)
            statuses[status] += 1
        while (honest := ask(port, b'{"text": "corners", "k": 1}'))[0] == 503:
            pass
        assert honest[0] == 200, (name, honest)
    return statuses


def rounds() -> dict[str, Any]:
    """Send the rounds, and return statuses and memory before and after each."""
    kinds = requests()
    with tempfile.TemporaryDirectory() as folder, served(build_shapes(Path(folder))) as (
            process, port):
        assert ask(port, png(64, 64, 64), PNG)[0] == 200          # encoders are opened
        found: list[dict[str, Any]] = [{"round": 0, **memory(process), "statuses": {}}]
        for n in range(1, ROUNDS + 1):
            statuses = one_round(port, kinds)
            found.append({"round": n, **memory(process), "statuses": dict(sorted(
                statuses.items()))})
    return {"kinds": len(kinds), "at_once": AT_ONCE, "rounds": found}


def shown_rounds(report: dict[str, Any], out: Console) -> None:
    """Print statuses and memory of every round."""
    table = Table(title=f"{report['kinds']} kinds of hostile requests, each by "
                        f"{report['at_once']} clients at once; memory of the server")
    for heading in ("round", "resident MB", "most so far MB"):
        table.add_column(heading, justify="right")
    table.add_column("answers by status; 0 is a closed connection")
    for one in report["rounds"]:
        table.add_row(str(one["round"]), f"{one['now_mb']:.0f}", f"{one['most_mb']:.0f}", ", ".join(
            f"{status}: {count}" for status, count in one["statuses"].items()))
    out.print(table)


