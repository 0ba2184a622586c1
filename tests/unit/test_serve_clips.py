"""The server of a space of clips, which are sent as their frames."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from serving import Colours, Map, picture, running

from crossalign.data.formats.clips import Film
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.uploads import film


def as_uri(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


class Moving(Colours):
    """Stand-in for a space of clips, which are as the mean of their frames."""

    modalities, frames = ("clip", "text"), 3

    def embed(self, item):
        if not isinstance(item, Film):
            return super().embed(item)
        return np.mean([super(Moving, self).embed(frame) for frame in item.frames], axis=0)


    def occlusion(self, items, of, question, tick):
        (clip,) = items
        falls = [np.full((4, 4), fall) for fall in (-1.0, 2.0)]
        assert len(clip.frames) == len(falls)
        return Map(f"the {of} of {question}", 0.5, falls, clip=True, png=b"a strip")


@pytest.fixture(scope="module")
def clip_server():
    with running(Moving()) as found:
        yield found


def test_a_clip_is_its_frames(clip_server):
    assert clip_server.ask("GET", "/space")[2]["frames"] == 3
    frames = [as_uri(picture("blue")), as_uri(picture("blue", kind="JPEG"), "image/jpeg")]
    for path, body in (("/search", {"k": 1}), ("/recognise", {}), ("/caption", {}),
                       ("/ask", {"question": "which colour?"})):
        status, _, found = clip_server.ask("POST", path, {**body, "frames": frames})
        assert status == 200, found
    status, _, found = clip_server.ask("POST", "/search", {"k": 1, "frames": frames})
    assert found["hits"][0]["id"] == "text/blue"
    (*_, asked) = clip_server.space.asked
    assert isinstance(asked, Film)
    assert len(asked.frames) == 2


@pytest.mark.parametrize(("body", "status", "words"), [
    ({"frames": []}, 400, "frames"), ({"frames": ["/etc/passwd"]}, 400, "frames.0: it is no pic"),
    ({"frames": "data:image/png;base64,"}, 400, "frames"), ({"frames": [3]}, 400, "frames.0"),
    ({"frames": ["data:video/mp4;base64,AAAA"]}, 400, "frames.0: it is no picture"),
    ({"frames": ["data:image/png;base64,AAAA"]}, 400, "no whole picture"),
    ({"frames": ["data:image/png;base64,AAAA"], "text": "red"}, 400, "a clip alone"),
    ({"frames": ["data:image/png;base64,AAAA"] * 65}, 413, "send 64 at most")])
def test_frames_that_are_none_are_refused(clip_server, body, status, words):
    got, _, found = clip_server.ask("POST", "/search", body)
    assert (got, words in found["error"]) == (status, True), found


def test_of_a_clip_a_strip_is_sent_in_the_place_of_maps(clip_server):
    status, _, found = clip_server.ask("POST", "/occlusion", {
        "of": "answer", "question": "what?", "frames": [as_uri(picture("blue"))] * 2})
    assert (status, found["said"]) == (200, "the answer of what?")
    assert found["falls"] == [-1.0, 2.0]
    assert found["strip"] == as_uri(b"a strip")
    assert found["told"].startswith("Odds of “the answer of what?” without the frame, in orange")
    assert "maps" not in found


def test_frames_together_have_the_pixels_of_one_picture():
    frame, limits = ("image/png", picture(size=(10, 10))), Limits(pixels=200)
    assert len(film([frame] * 2, limits).frames) == 2
    with pytest.raises(AskError, match="megapixels; send a smaller one"):
        film([frame] * 3, limits)
