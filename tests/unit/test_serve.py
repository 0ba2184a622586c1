"""The server answers as the space itself does, and its parts keep their limits."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import socket
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from serving import COLOURS, Colours, picture, running

from crossalign.serve import served
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.page import page_files
from crossalign.serve.plane import on_plane
from crossalign.serve.pool import Pool
from crossalign.serve.start import door_of, serve
from crossalign.serve.uploads import picture_in
from crossalign.space.thumbs import thumb_of_picture


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


# -- answers -----------------------------------------------------------------------------------
@pytest.mark.parametrize("colour", COLOURS)
def test_a_text_a_vector_and_a_picture_find_what_the_space_finds(server, colour):
    for body, kind in (({"text": colour, "k": 1}, "application/json"),
                       ({"vector": list(COLOURS[colour]), "k": 1}, "application/json"),
                       (picture(colour), "image/png"),
                       (picture(colour, kind="JPEG"), "image/jpeg")):
        path = "/search" if isinstance(body, dict) else "/search?k=1&modality=text"
        status, _, found = server.ask("POST", path, body, kind)
        assert status == 200
        (hit,) = found["hits"]
        assert hit["id"] == f"text/{colour}"
        assert hit["score"] == pytest.approx(1, abs=0.02)
        assert hit["payload"] == {"modality": "text", "text": colour, "class": colour}


def test_filters_reach_the_space(server):
    for where in ({"class": ["red", "blue"]}, {"class": {"not": "green"}}):
        status, _, found = server.ask("POST", "/search", {"text": "green", "where": where})
        assert status == 200
        assert {hit["id"] for hit in found["hits"]} == {"text/red", "text/blue"}
    status, _, found = server.ask("POST", "/search?where=%7B%22class%22:%22blue%22%7D",
                                  picture("red"), "image/png")
    assert [hit["id"] for hit in found["hits"]] == ["text/blue"]


def test_recognition_and_classes_that_are_added(server):
    status, _, found = server.ask("POST", "/recognise?k=2", picture("blue"), "image/png")
    assert status == 200
    assert len(found["classes"]) == 2
    expected = server.space.recognise([Image.open(io.BytesIO(picture("blue")))], 2)[0]
    assert [one["name"] for one in found["classes"]] == expected.names
    assert found["classes"][0]["probability"] == pytest.approx(expected.probabilities[0])
    assert found["none"] is expected.none
    assert found["set"] == expected.set
    assert found["unpromised"] == server.space.unpromised
    assert server.ask("POST", "/classes", {"name": "<b>red green", "text": "both"})[0] == 201
    listed = server.ask("GET", "/classes")[2]["classes"]
    assert listed[:3] == [{"name": name, "seen": name != "blue"} for name in COLOURS]
    assert listed[3] == {"name": "<b>red green", "seen": False}


def test_a_picture_is_captioned_and_a_text_is_not(server):
    assert server.ask("GET", "/space")[2]["captions"] is True
    for colour in COLOURS:
        status, _, found = server.ask("POST", "/caption", picture(colour), "image/png")
        assert (status, found) == (200, {
            "caption": f"a {colour} sheet", "none": False, "instead": None, "unlike": False,
            "uncompared": None})
    for body, kind, path, status, words in (
            ({"text": "red"}, "application/json", "/caption", 400, "the fields are frames"),
            (picture(), "image/png", "/caption?k=3", 400, "there are no fields"),
            (b"no picture", "image/png", "/caption", 400, "picture: the body is no whole"),
            (b"", "image/png", "/caption", 400, "picture: the body is no whole")):
        got, _, found = server.ask("POST", path, body, kind)
        assert got == status
        assert words in found["error"]


def as_uri(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def test_a_question_is_about_one_picture_or_two(server):
    assert server.ask("GET", "/space")[2]["asked_about"] == [1, 2]
    status, _, found = server.ask("POST", "/ask?question=which%20colour%3F&k=1", picture("blue"),
                                  "image/png")
    assert status == 200
    assert found == {"answers": [{"answer": "blue", "accuracy": 0.75}], "unknown": ["zebra"],
                     "calibrated": True, "unlike": False, "uncompared": None}
    assert server.space.asked[-1] == "which colour?"
    two = [as_uri(picture("red")), as_uri(picture("green", kind="JPEG"), "image/jpeg")]
    found = server.ask("POST", "/ask", {"question": "same?", "pictures": two})[2]
    assert [one["answer"] for one in found["answers"]] == ["red and green", "none"]


@pytest.mark.parametrize(("path", "body", "words"), [
    ("/ask", {"question": "q?", "pictures": []}, "pictures: ask about one picture or two"),
    ("/ask", {"question": "q?", "pictures": [as_uri(b"")] * 3}, "pictures: list should have at"),
    ("/ask", {"question": "q?", "pictures": ["/etc/passwd"]}, "pictures.0: it is no picture"),
    ("/ask", {"question": "q?", "pictures": [as_uri(b"no")]}, "picture: the body is no whole"),
    ("/ask", {"question": " ", "pictures": [as_uri(picture())]}, "question: got 1 characters"),
    ("/ask", {"question": "q" * 2001, "pictures": [as_uri(picture())]}, "question: got 2001"),
    ("/ask", {"question": "q?", "pictures": [as_uri(picture())], "k": 101}, "k: got 101"),
    ("/ask", {"pictures": [as_uri(picture())]}, "question: field required"),
    ("/ask", {"question": "q?", "pictures": [as_uri(picture((1, 2, 3), (6000, 5000)))]},
     "megapixels"),
    ("/ask", picture(), "question: field required"),
    ("/ask?question=q&pictures=x", picture(), "pictures: unknown field")])
def test_what_cannot_be_asked_is_a_sentence(server, path, body, words):
    kind = "application/json" if isinstance(body, dict) else "image/png"
    status, _, found = server.ask("POST", path, body, kind)
    assert status in (400, 413)
    assert words in found["error"]


def overlay_in(uri):
    """Pixels of a map that a server gave."""
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_a_map_is_of_a_class_a_caption_or_an_answer_and_lies_over_each_picture(server):
    status, _, found = server.ask("POST", "/occlusion", picture("blue"), "image/png")
    assert (status, found["said"], found["probability"]) == (200, "the class of None",
                                                             pytest.approx(0.5))
    assert "lower, 7.4 times at most; in blue: higher, 2.7 times" in found["told"]
    (pixels,) = map(overlay_in, found["maps"])
    assert pixels.shape == (8, 8, 4)
    assert pixels[-1, -1, 3] == pixels[..., 3].max() > 2 * pixels[0, 0, 3] - 3 > 0
    found = server.ask("POST", "/occlusion?of=caption", picture(), "image/png")[2]
    assert found["said"] == "the caption of None"
    two = [as_uri(picture("red")), as_uri(picture("green"))]
    found = server.ask("POST", "/occlusion", {"of": "answer", "question": "same?",
                                              "pictures": two})[2]
    assert (found["said"], len(found["maps"])) == ("the answer of same?", 2)


@pytest.mark.parametrize(("path", "body", "words"), [
    ("/occlusion?of=colour", picture(), "of: input should be 'answer', 'caption' or 'class'"),
    ("/occlusion?question=%20", picture(), "question: got 1 characters"),
    ("/occlusion?file=/etc/passwd", picture(), "file: unknown field"),
    ("/occlusion", b"no", "picture: the body is no whole"),
    ("/occlusion", {"pictures": ["/etc/passwd"]}, "pictures.0: it is no picture"),
    ("/occlusion", {"of": "class"}, "pictures: ask about one picture or two, or about the frames"),
    ("/occlusion", {"pictures": [as_uri(picture())], "frames": [as_uri(picture())]}, "ask about"),
    ("/occlusion", {"pictures": [as_uri(picture((1, 2, 3), (6000, 5000)))]}, "megapixels")])
def test_what_has_no_map_is_a_sentence(server, path, body, words):
    kind = "application/json" if isinstance(body, dict) else "image/png"
    status, _, found = server.ask("POST", path, body, kind)
    assert status in (400, 413)
    assert words in found["error"]


def test_a_map_that_takes_too_long_ends_and_lets_others_in(monkeypatch):
    """By a clock of its own, which a map moves on."""
    now, ticks = [0.0], []

    class Slow(Colours):
        def occlusion(self, items, of, question, tick):
            for _ in range(9):
                tick()
                ticks.append(now[0])
                now[0] += 0.4 * seconds

    seconds = Limits().seconds
    monkeypatch.setattr(served, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with running(Slow()) as server:
        status, _, found = server.ask("POST", "/occlusion", picture(), "image/png")
        assert (status, list(found)) == (503, ["error"])
        assert f"the map took more than {seconds:g} seconds" in found["error"]
        assert ticks == [0, 0.4 * seconds, 0.8 * seconds]
        assert server.ask("POST", "/caption", picture(), "image/png")[0] == 200


def test_a_space_that_was_taught_no_words_says_so():
    with running(Colours(captions=False, asked_about=())) as server:
        about = server.ask("GET", "/space")[2]
        assert (about["captions"], about["asked_about"]) == (False, [])
        for path in ("/caption", "/ask?question=q"):
            status, _, found = server.ask("POST", path, picture(), "image/png")
            assert (status, list(found)) == (400, ["error"])


def test_items_come_and_go_with_ids_of_their_own(server):
    status, _, found = server.ask("POST", "/items", {"items": [
        {"text": "red one"}, {"text": "red two", "id": "a/b c", "payload": {"year": 1999}}]})
    assert status == 201
    assert found["ids"][1] == "a/b c"
    hits = server.ask("POST", "/search", {"text": "red", "where": {"year": 1999}})[2]["hits"]
    assert [hit["id"] for hit in hits] == ["a/b c"]
    for name in found["ids"]:
        assert server.ask("DELETE", f"/items/{name.replace(' ', '%20')}")[0] == 200
    assert server.ask("DELETE", "/items/a/b%20c")[0] == 404
    assert len(server.space) == 3


def test_a_small_picture_is_kept_if_asked_for(server):
    status, _, _ = server.ask("POST", "/items?id=p&thumb=true", picture("green", (900, 300)),
                              "image/png")
    assert status == 201
    status, headers, content = server.ask("GET", "/thumb/p")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    shown = Image.open(io.BytesIO(content))
    assert shown.size == (96, 32)
    assert np.abs(np.asarray(shown, int) - COLOURS["green"]).max() < 10
    assert server.ask("GET", "/thumb/text/red")[0] == 404
    assert server.ask("DELETE", "/items/p")[0] == 200


def test_a_thumb_that_is_no_picture_is_not_served(server):
    for thumb in ("/etc/passwd", "data:image/svg+xml;base64,PHN2Zz4=", "data:image/png;base64,!"):
        server.ask("POST", "/items", {"items": [
            {"text": "red", "id": "bad", "payload": {"thumb": thumb}}]})
        status, _, found = server.ask("GET", "/thumb/bad")
        assert (status, list(found)) == (404, ["error"])
    server.ask("DELETE", "/items/bad")


def test_the_map_is_made_again_after_a_change(server):
    before = server.ask("GET", "/map")[2]["points"]
    assert {point["id"] for point in before} == set(server.space.index.stored()["ids"])
    assert {point["class"] for point in before} >= set(COLOURS)
    server.ask("POST", "/items", {"items": [{"text": "blue", "id": "new"}]})
    assert len(server.ask("GET", "/map")[2]["points"]) == len(before) + 1
    server.ask("DELETE", "/items/new")


def test_the_description_names_every_route_and_the_page_needs_no_other_host(server):
    status, _, found = server.ask("GET", "/docs")
    assert status == 200
    assert set(found["paths"]) == {"/health", "/space", "/classes", "/map", "/thumb/{name}",
                                   "/search", "/recognise", "/why", "/items", "/items/{name}",
                                   "/caption", "/ask", "/occlusion"}
    content = found["paths"]["/caption"]["post"]["requestBody"]["content"]
    assert content["application/json"]["schema"]["required"] == ["frames"]
    assert "image/png" in content
    beside = found["paths"]["/ask"]["post"]["parameters"]
    assert {one["name"]: one["required"] for one in beside} == {"question": True, "k": False}
    assert "$ref" not in str(found["paths"]["/items"]["post"])
    status, headers, content = server.ask("GET", "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"//" not in content.replace(b"http://www.w3.org/2000/svg", b"")


def test_the_page_sets_texts_as_texts_and_asks_no_other_host():
    files = page_files()
    assert {path for path in files if path != "/"} == {
        f"/page/{name}" for name in (
            "page.css", "clip.js", "elements.js", "main.js", "map.js", "picture.js", "results.js",
            "server.js", "sketch.js", "where.js", "words.js")}
    for content, _ in files.values():
        assert not re.search(rb"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:"
                             rb"|<[^>]* (style|on\w+)=", content)
    shown = files["/"][0].decode()
    named = set(re.findall(r' id="([\w-]+)"', shown))
    used = set(re.findall(r'by\("([\w-]+)"\)', b"".join(c for c, _ in files.values()).decode()))
    assert used <= named
    assert set(re.findall(r'(?:for|aria-controls|aria-labelledby|aria-describedby)="([\w-]+)"',
                          shown)) <= named


def test_a_small_picture_of_sixteen_bits_keeps_its_greys():
    values = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    kind, content = picture_in(thumb_of_picture(Image.fromarray(values)))
    shown = np.asarray(Image.open(io.BytesIO(content)).convert("L"), int)
    assert kind == "image/jpeg"
    assert np.abs(shown - values // 257).max() < 12


def test_a_whole_answer_for_a_client_that_sends_no_more(server):
    found = server.say(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", half=True)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b'{"status":"ok"}')


def test_an_answer_is_sent_at_once(server):
    """Small parts of an answer do not wait for the client's acknowledgement (Nagle)."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(10_000)
        held = [one.transport.get_extra_info("socket") for one in
                list(server.server.server_state.connections)]
        assert held
        assert all(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in held)


@pytest.mark.parametrize("match", [True, False, None])
def test_a_search_says_whether_anything_matches(match):
    space = Colours()
    found = space.search
    space.search = lambda *asked: [hit._replace(match=match) for hit in found(*asked)]
    with running(space) as server:
        told = server.ask("POST", "/search", {"text": "red", "k": 2})[2]
    assert [hit["match"] for hit in told["hits"]] == [match, match]
    assert told["none"] is (match is False)


def test_the_space_is_asked_by_one_thread_at_a_time():
    space, inside, most = Colours(), [], []
    original = space.search

    def watched(*arguments):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return original(*arguments)

    space.search = watched
    with running(space, workers=4) as server:
        threads = [threading.Thread(target=server.ask, args=("POST", "/search", {"text": "red"}))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1] * 8


# -- parts -------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(40, 5), (6, 30), (2, 3), (1, 4), (9, 1), (0, 3)])
def test_the_plane_is_that_of_the_two_largest_directions(shape):
    rows = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
    centred = rows - rows.mean(axis=0) if len(rows) else rows
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    expected = np.zeros((len(rows), 2))
    expected[:, :min(2, *shape)] = (left * size)[:, :2]
    expected /= max(np.abs(expected).max(initial=0), 1e-12)
    if len(rows) > 1:
        np.testing.assert_allclose(np.abs(on_plane(rows)), np.abs(expected), atol=1e-6)
    assert on_plane(np.ones(shape)).tolist() == [[0, 0]] * len(rows)


def test_the_pool_never_holds_more_than_its_places():
    pool, go, ran = Pool(Limits(workers=1, waiting=2, seconds=0.2)), threading.Event(), []

    def slow():
        ran.append(1)
        go.wait(10)

    async def ask():
        tasks = [asyncio.create_task(pool.run(slow)) for _ in range(5)]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        again = await asyncio.gather(pool.run(slow), return_exceptions=True)
        go.set()
        await asyncio.sleep(0.2)
        return [*found, *again], await pool.run(lambda: "answered")

    refused, answer = asyncio.run(ask())
    pool.close()
    assert all(isinstance(one, AskError) and one.status == 503 for one in refused)
    assert sorted("busy" in one.sentence for one in refused) == [False] * 3 + [True] * 3
    assert len(ran) == 1                                          # those that waited were dropped
    assert answer == "answered"


@pytest.mark.parametrize(("host", "token", "words"), [
    ("0.0.0.0", None, "needs a token"), ("example.org", None, "needs a token"),
    ("::", None, "needs a token"), ("127.0.0.1", "short", "at least 16"),
    ("0.0.0.0", "a token with spaces", "without spaces"), ("0.0.0.0", "schlüssel" * 3, "ASCII")])
def test_doors_that_are_not_opened(host, token, words):
    with pytest.raises(ValueError, match=words):
        door_of(host, token)


def test_a_server_ends_as_interrupted_whatever_became_of_the_signal(monkeypatch):
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    with pytest.raises(KeyboardInterrupt):
        serve(Colours(), port=0, log=lambda line: None)


def test_a_port_that_is_taken_is_one_sentence():
    words = r"^port: .* cannot listen .*--port\.$"
    with running() as other, pytest.raises(ValueError, match=words):
        serve(Colours(), port=other.port)
