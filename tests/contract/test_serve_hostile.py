"""Hostile requests: each is answered by one sentence, and the server answers the next one."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image
from serving import Colours, picture, running

BODY = 200_000
TOKEN = "0123456789abcdef-token"


@pytest.fixture(scope="module")
def server():
    with running(body=BODY, patience=1.0, seconds=5.0, batch=50) as found:
        yield found


@pytest.fixture(autouse=True)
def still_answers(request):
    """The same server finds red after every request."""
    yield
    if "server" in request.fixturenames:
        found = request.getfixturevalue("server").ask("POST", "/search", {"text": "red", "k": 1})
        assert (found[0], found[2]["hits"][0]["id"]) == (200, "text/red")


def is_refused(answer, *statuses):
    """One sentence in JSON, and nothing of the server's inside."""
    status, headers, found = answer
    assert status in statuses, (status, found)
    assert list(found) == ["error"]
    sentence = found["error"]
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 400
    assert "Traceback" not in sentence
    assert headers["X-Content-Type-Options"] == "nosniff"
    return sentence


def chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content
            + struct.pack(">I", zlib.crc32(kind + content)))


def png(width, height, data=b""):
    """A PNG whose head claims a size."""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0,
                                                              0, 0))
            + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


# -- JSON --------------------------------------------------------------------------------------
QUERIES = {
    "no JSON": b"{text: 'red'}", "nothing": b"", "cut off": b'{"text": "re', "a list": b"[1, 2]",
    "null": b"null", "a number": b"7", "no UTF-8": b'{"text": "\xff\xfe"}',
    "half a character": b'{"text": "\\ud800"}',
    "deep": b'{"where": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "deep list": b'{"vector": ' + b"[" * 90_000,
    "thousands of digits": b'{"k": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"vector": [NaN, 1, 2]}', "infinity": b'{"vector": [1e999, 1, 2]}',
    "beyond float32": b'{"vector": [1e300, 1, 2]}', "twice": b'{"text": "red", "text": "blue"}',
    "no query": b"{}", "two queries": b'{"text": "red", "vector": [1, 0, 0]}',
    "wrong width": b'{"vector": [1, 2]}', "empty vector": b'{"vector": []}',
    "texts in a vector": b'{"vector": ["1", 2, 3]}', "nested vector": b'{"vector": [[1, 2, 3]]}',
    "text no text": b'{"text": ["red"]}', "blank": b'{"text": "  "}',
    "long": json.dumps({"text": "x" * 3_000}).encode(),
    "k negative": b'{"text": "red", "k": -1}', "k zero": b'{"text": "red", "k": 0}',
    "k large": b'{"text": "red", "k": 1000000}', "k a fraction": b'{"text": "red", "k": 1.5}',
    "k true": b'{"text": "red", "k": true}', "k text": b'{"text": "red", "k": "5"}',
    "where a list": b'{"text": "red", "where": [1]}',
    "where unknown": b'{"text": "red", "where": {"class": {"like": "r%"}}}',
    "where no word": b'{"text": "red", "where": {"__class__.x": 1}}',
    "where large": json.dumps({"text": "red", "where": {"class": ["red"] * 900}}).encode(),
    "modality": b'{"text": "red", "modality": "smell"}',
    "a path": b'{"path": "/etc/passwd"}', "a file": b'{"text": "red", "file": "/etc/passwd"}',
    "prototype": b'{"text": "red", "__proto__": {"k": 1}}'}


@pytest.mark.parametrize("name", QUERIES)
def test_queries(server, name):
    is_refused(server.ask("POST", "/search", QUERIES[name]), 400)


def test_a_path_is_a_text_and_nothing_else(server):
    status, _, found = server.ask("POST", "/search", {"text": "/etc/passwd"})
    assert status == 200
    assert server.space.asked[-1] == "/etc/passwd"
    assert type(server.space.asked[-1]) is str
    assert "root:" not in json.dumps(found)


ITEMS = {
    "no items": {"items": []}, "items no list": {"items": {"text": "red"}},
    "an item no object": {"items": ["red"]}, "two kinds": {"items": [
        {"text": "red"}, {"vector": [1, 0, 0]}]},
    "a number as id": {"items": [{"text": "red", "id": 7}]},
    "an empty id": {"items": [{"text": "red", "id": ""}]},
    "an id twice": {"items": [{"text": "red", "id": "x"}, {"text": "blue", "id": "x"}]},
    "a nested payload": {"items": [{"text": "red", "payload": {"a": {"b": 1}}}]},
    "a payload of null": {"items": [{"text": "red", "payload": {"a": None}}]},
    "a key no word": {"items": [{"text": "red", "payload": {"<img>": 1}}]},
    "a large payload": {"items": [{"text": "red", "payload": {"a": "x" * 9_000}}]},
    "a path": {"items": [{"path": "/etc/passwd"}]}}


@pytest.mark.parametrize("name", ITEMS)
def test_items(server, name):
    before = len(server.space)
    is_refused(server.ask("POST", "/items", ITEMS[name]), 400)
    assert len(server.space) == before


def test_too_many_items(server):
    items = [{"text": "red"}] * 2_000
    assert "1 to 50" in is_refused(server.ask("POST", "/items", {"items": items}), 413)
    with running() as other:
        assert "1 to 256" in is_refused(other.ask("POST", "/items", {"items": items * 5}), 413)


@pytest.mark.parametrize("body", [{"name": "red"}, {"name": " "}, {"name": "x" * 5_000}, {},
                                  {"name": 7}, {"name": "new", "text": ""}, {"text": "new"},
                                  {"name": "new", "vector": [1, 2, 3]}])
def test_classes(server, body):
    is_refused(server.ask("POST", "/classes", body), 400)
    assert server.space.class_names == ["red", "green", "blue"]


# -- pictures ----------------------------------------------------------------------------------
PICTURES = {
    "no picture": b"GIF89a" + bytes(50), "nothing": b"", "text": b"red",
    "cut off": picture("red", (300, 300), "JPEG")[:400], "of another type": picture(kind="BMP"),
    "an empty one": png(0, 0), "too little data": png(64, 64, b"\0" * 10),
    "a script": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PostScript": b"%!PS-Adobe-3.0 EPSF"}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(server, name):
    for path in ("/search", "/recognise", "/items"):
        is_refused(server.ask("POST", path, PICTURES[name], "image/png"), 400)


@pytest.mark.parametrize("size", [(10_000, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_head_of_many_pixels_is_refused_before_they_are_decoded(server, monkeypatch, size):
    decoded = []
    monkeypatch.setattr(Image.Image, "load", lambda self: decoded.append(self.size))
    words = is_refused(server.ask("POST", "/search", png(*size), "image/png"), 413)
    assert "megapixels" in words
    assert not decoded


def test_a_bomb_within_a_small_body(server):
    bomb = picture("red", (7_000, 7_000), kind="PNG")
    assert len(bomb) < BODY
    is_refused(server.ask("POST", "/recognise", bomb, "image/png"), 413)


def test_a_picture_of_several_frames(server):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = picture(kind="PNG", save_all=True, append_images=frames)
    assert "frames" in is_refused(server.ask("POST", "/search", content, "image/png"), 400)


@pytest.mark.parametrize("query", [
    "k=-1", "k=x", "k=1&k=2", "where=x", "where=[1]", "where={%22a%22:NaN}", "path=/etc/passwd",
    "text=red", "vector=1", "modality=smell", "k=1e3"])
def test_parameters_beside_a_picture(server, query):
    is_refused(server.ask("POST", f"/search?{query}", picture(), "image/png"), 400)


# -- HTTP --------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded",
                                  "multipart/form-data; boundary=x", "image/svg+xml", "image/gif"])
def test_bodies_that_pages_of_others_could_send(server, kind):
    is_refused(server.ask("POST", "/search", b'{"text": "red"}', kind), 415)


@pytest.mark.parametrize("path", ["/items", "/classes"])
def test_bodies_of_the_wrong_kind_for_their_route(server, path):
    statuses = (400, 415)
    is_refused(server.ask("POST", path, b"red", "image/png"), *statuses)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nothing", 404), ("GET", "/page/../../etc/passwd", 404),
    ("GET", "/page/%2e%2e/app.py", 404),
    ("GET", "/thumb//etc/passwd", 404), ("GET", "/thumb/..%2f..%2fetc%2fpasswd", 404),
    ("GET", "/search", 405), ("PUT", "/items", 405), ("DELETE", "/items/none", 404),
    ("DELETE", "/items/", 404), ("TRACE", "/search", 405), ("GET", "/search/", 404)])
def test_addresses(server, method, path, status):
    is_refused(server.ask(method, path), status)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil",
                                  "[::1", "169.254.169.254"])
def test_names_of_other_hosts(server, host):
    is_refused(server.ask("GET", "/", Host=host), 403)


def test_pages_of_other_origins(server):
    for origin in ("http://evil.example", "null", f"http://localhost:{server.port + 1}"):
        is_refused(server.ask("POST", "/search", {"text": "red"}, Origin=origin), 403)
    own = f"http://127.0.0.1:{server.port}"
    assert server.ask("POST", "/search", {"text": "red"}, Origin=own)[0] == 200


def test_tokens():
    with running(token=TOKEN) as server:
        for given in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9", "Bearer "):
            for method, path in (("POST", "/search"), ("GET", "/docs"), ("GET", "/map"),
                                 ("DELETE", "/items/x"), ("GET", "/nothing")):
                answer = server.ask(method, path, {"text": "red"}, Authorization=given)
                assert TOKEN not in is_refused(answer, 401)
                assert answer[1]["WWW-Authenticate"] == "Bearer"
        assert server.ask("GET", "/")[0] == server.ask("GET", "/health")[0] == 200
        assert server.ask("POST", "/search", {"text": "red"},
                          Authorization=f"Bearer {TOKEN}")[0] == 200


def test_a_large_body(server):
    for body in (b"x" * (BODY + 1), b"x" * (3 * BODY)):
        is_refused(server.ask("POST", "/search", body), 413)
    is_refused(server.ask("POST", "/search", iter([b"x" * BODY, b"x" * BODY])), 413)


def test_a_large_body_of_json():
    with running() as other:
        for body in (b"[" * 3_000_000, b'{"vector": [' + b"1," * 1_500_000 + b"1]}"):
            is_refused(other.ask("POST", "/search", body), 413)
        assert other.ask("POST", "/search", {"text": "red"})[0] == 200


def test_a_body_that_never_ends(server):
    """It is dropped after some bounds, whatever length it claims."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                           b"application/json\r\nContent-Length: 99999999999\r\n\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 500 * BODY:
                sent += connection.send(bytes(65536))
    assert sent < 200 * BODY                              # most of it in the machine's buffers


# -- sockets -----------------------------------------------------------------------------------
HEAD = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("content", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    HEAD + b"Content-Length: -5\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ids=["TLS", "a word", "version", "no host", "two hosts", "a space", "long", "negative",
         "two lengths", "chunks"])
def test_what_is_no_http(server, content):
    found = server.say(content)
    assert found.startswith(b"HTTP/1.1 4"), found
    assert list(json.loads(found.rpartition(b"\r\n\r\n")[2])) == ["error"]


@pytest.mark.parametrize("begun", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
                                   HEAD + b"Content-Length: 50\r\n\r\n{"],
                         ids=["line", "headers", "body"])
def test_slow_clients_are_told_and_closed(server, begun):
    start = time.monotonic()
    found = server.say(begun)
    assert 0.5 < time.monotonic() - start < 4
    assert found.startswith(b"HTTP/1.1 408"), found
    assert list(json.loads(found.rpartition(b"\r\n\r\n")[2])) == ["error"]


def test_a_client_that_drips_is_closed(server):
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(HEAD)
        with suppress(ConnectionError):
            while time.monotonic() - start < 8:
                connection.sendall(b"X: y\r\n")
                time.sleep(0.1)
    assert time.monotonic() - start < 4


def test_a_client_that_says_nothing_is_closed(server):
    assert server.say(b"") == b""


def test_a_half_closed_socket_in_the_middle_of_a_request(server):
    for begun in (b"GET / HT", HEAD + b"Content-Length: 50\r\n\r\n{"):
        assert server.say(begun, half=True) in (b"",)


def test_a_client_that_leaves_before_its_answer(server):
    server.space.pause = 0.2
    body = b'{"text": "red"}'
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.close()
    server.space.pause = 0.0


def test_a_client_that_never_reads_is_closed():
    space = Colours()
    space.add(["red"] * 100, [f"x{n}" for n in range(100)], [{"a": "x" * 100_000}] * 100, None)
    body = json.dumps({"text": "red", "k": 100}).encode()
    with running(space, patience=0.5, seconds=0.5) as server:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline and not server.server.server_state.connections:
            time.sleep(0.01)
        while time.monotonic() < deadline and server.server.server_state.connections:
            time.sleep(0.05)
        assert not server.server.server_state.connections
        connection.close()


def test_too_many_connections(server):
    with running(connections=4, patience=5.0) as other:
        held = [socket.create_connection(("127.0.0.1", other.port)) for _ in range(4)]
        time.sleep(0.1)
        found = other.say(b"")
        assert found.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in found
        for one in held:
            one.close()
        time.sleep(0.1)
        assert other.ask("GET", "/health")[0] == 200


# -- load --------------------------------------------------------------------------------------
def test_overload_is_answered_at_once_and_passes():
    space = Colours()
    with running(space, workers=1, waiting=2) as server:
        space.pause = 0.5
        found, start = [], time.monotonic()

        def ask():
            answer = server.ask("POST", "/search", {"text": "red"})
            found.append((answer[0], time.monotonic() - start, answer))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = [status for status, _, _ in found]
        assert statuses.count(200) == 3
        assert statuses.count(503) == 9
        for status, seconds, answer in found:
            if status == 503:
                is_refused(answer, 503)
                assert answer[1]["Retry-After"] == "1"
                assert seconds < 0.5
        space.pause = 0.0
        assert server.ask("POST", "/search", {"text": "red"})[0] == 200


def test_what_takes_too_long():
    space = Colours()
    with running(space, seconds=0.2) as server:
        space.pause = 1.0
        assert "0.2 seconds" in is_refused(server.ask("POST", "/search", {"text": "red"}), 503)
        space.pause = 0.0


def test_a_bug_is_one_sentence_and_its_traceback_stays_inside(capfd):
    space = Colours()
    space.recognise = lambda items, k: 1 / 0
    with running(space) as server:
        answer = server.ask("POST", "/recognise", {"text": "red"})
        assert "bug" in is_refused(answer, 500)
        assert server.ask("GET", "/health")[0] == 200
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_full_disk_is_told_and_passes():
    space = Colours()
    with running(space) as server:
        def full(*arguments):
            raise OSError(28, "No space left on device", "/secret/place")

        space.add = full
        words = is_refused(server.ask("POST", "/items", {"items": [{"text": "red"}]}), 503)
        assert "No space left on device" in words
        assert "secret" not in words


def test_nothing_is_written_to_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    with running() as server:
        assert server.ask("POST", "/items?thumb=true", stream.getvalue(), "image/png")[0] == 201
    assert list(tmp_path.iterdir()) == []
