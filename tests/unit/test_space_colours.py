"""Colours in captions and questions are told of where the encoder reads grey pictures."""

import numpy as np
import pytest
from complaints import complaint

from crossalign.encoders import HOG, Ink
from crossalign.encoders.clips import ClipEncoder
from crossalign.space import answers, captions
from crossalign.space.colours import unseen_colours
from crossalign.types import Captions, Questions, Views

TEXTS = ["a Red, round shape", "a reddish one", "What colour is it? blue"]


class Coloured:
    """An encoder of coloured pictures."""

    mode = "RGB"


@pytest.mark.parametrize("encoder", [HOG(), Ink(), ClipEncoder(HOG(), 3)])
def test_texts_that_name_colours_are_counted_where_the_encoder_is_grey(encoder):
    said = unseen_colours(encoder, TEXTS, "captions")
    assert said.startswith("2 of 3 captions name colours, as 'red', which are guessed")
    assert said.endswith("name a network that sees colours by --encoder")
    assert unseen_colours(encoder, TEXTS[1:2], "captions") is None
    assert unseen_colours(Coloured(), TEXTS, "captions") is None


@pytest.mark.parametrize(("room", "said", "what"), [
    (answers, Questions(("what colour?", "what?", "why?"), (("red",), ("blue",), ("no",)),
                        ("a",) * 3, ((0,), (1,), (2,))), "2 of 3 questions"),
    (captions, Captions((0, 1, 2), (("a red one", "one"), ("two",), ("a green one",))),
     "2 of 4 captions")])
def test_what_a_space_learns_to_say_is_looked_through(room, said, what, monkeypatch):
    class Stop(ValueError):
        """End of what is of interest."""

    def chosen(*_):
        raise Stop("done.")

    class Other:
        task = "gzsl"

    class Fitted:
        model = None

    lines, used = [], Views({"image": np.zeros((3, 2))}, [0, 1, 2], ids=[0, 1, 2])
    monkeypatch.setattr(room, "chosen_settings", chosen)
    monkeypatch.setattr(room, "check_embeds", lambda *_: None)
    of = room.answerer_of if room is answers else room.captioner_of
    more = ("image",) if room is answers else ("image", {})
    complaint(lambda: of(said, Fitted(), Other(), used, HOG(), *more,
                         lines.append), "done")
    assert len(lines) == 1
    assert lines[0].startswith(f"note: {what} name colours")
