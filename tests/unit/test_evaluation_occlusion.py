"""Maps in a report: of pictures as their encoder read them, or the reason why there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapes import picture

import crossalign as ca
from crossalign.encoders import HOG
from crossalign.encoders.ink import Ink
from crossalign.evaluation.figures.occlusion import maps_of, reader_of
from crossalign.evaluation.figures.words import answered, captioned
from crossalign.evaluation.protocols.base import Outcome
from crossalign.models import RidgeMap
from crossalign.pages import plots
from crossalign.pages.pictures import pictures
from crossalign.tasks import Answerer
from crossalign.types import Benchmark, Captions, Classes, Views


@pytest.fixture(scope="module")
def letters():
    bench = ca.load("glyphs", "vqa")
    few = {name: views[::200 if name == "train" else 20] for name, views in bench.splits.items()}
    return replace(bench, splits=few, validation_split=None)


def toy(encoder=None, change=0.0, side=64, **features):
    """Discs and squares with captions, as an encoder reads them."""
    encoder = HOG() if encoder is None else encoder
    drawn = np.stack([np.asarray(picture(shape, n).resize((side, side)))
                      for n in range(4) for shape in ("disc", "square")])
    read = encoder.encode(list(drawn)) if side == 64 else np.zeros((8, 512), np.float32)
    views = Views({"image": read + change}, np.arange(8) % 2, ids=[str(n) for n in range(8)],
                  meta={"show:image": drawn})
    splits = {"train": views[:4], "test_seen": views[4:]}
    return Benchmark("toy", "caption", splits, Classes(np.eye(2), [True, True]),
                     {"features": {**encoder.facts, **features}}, said=Captions(
                         tuple(views.ids.tolist()), (("a disc",), ("a square",)) * 4))


def test_features_are_read_again_as_they_were(letters):
    for bench in (letters, toy(), toy(Ink()), toy(Ink(whole=True))):
        test = bench["test_seen"]
        read = reader_of(bench.protocol)(list(test.meta["show:image"]))
        np.testing.assert_allclose(read, test["image"], atol=1e-5)


def test_maps_are_where_the_score_looks():
    bench = toy()
    left = np.zeros(512, np.float32)
    left.reshape(8, 8, 8)[:, :4] = 1                       # cells of the left half

    ((shown, fall),), reason = maps_of(bench, bench["test_seen"], [1], [lambda rows: rows @ left])
    assert reason == ""
    np.testing.assert_array_equal(shown, bench["test_seen"].meta["show:image"][1])
    assert np.abs(fall[:, :24]).max() > 10 * np.abs(fall[:, 50:]).max()


@pytest.mark.parametrize(("bench", "reason"), [
    (toy(rows="mean of cells"), "does not have the encoder of the pictures; --occlusion of a"),
    (toy(change=1.0), "features are not those of the pictures"),
    (toy(side=6), "features are not those")])
def test_what_has_no_map_says_why(bench, reason):
    found, told = maps_of(bench, bench["test_seen"], [0], [lambda rows: rows[:, 0]])
    assert found == []
    assert reason in told


def test_pictures_that_have_gone_and_tokens_say_why():
    bench = toy()
    bare = Views({"image": bench["test_seen"]["image"]}, ids=list("abcd"))
    gone = Views({"image": bench["test_seen"]["image"]}, ids=list("abcd"),
                 meta={"file:image": np.array(["/none.png"] * 4)})
    rows = np.zeros((4, 3, 2), np.float32)
    for views, reason in ((bare, "no pictures"), (gone, "no pictures"),
                          (Views({"image": rows}, ids=list("abcd")), "rows of tokens")):
        assert reason in maps_of(bench, views, [0], [len])[1]


def test_answers_of_letters_have_maps_beside_them_on_the_page(letters):
    model = RidgeMap(alpha=1.0).fit(letters["train"], classes=letters.classes)
    answerer = Answerer(model, hidden=16, epochs=2).fit(letters["train"], letters.said)
    test = letters["test_unseen"]
    asked = letters.said.of(test)
    answers = answerer.predict(test, asked).tolist()
    found = answered(letters, Outcome({}, 0.0, details={"answers": answers, "answerer": answerer}),
                     test, asked)
    part = found["occlusion"]
    assert part["reason"] == ""
    assert {cell["right"] for cell in part["cells"]} == {True, False}
    for cell in part["cells"]:
        plain, mapped = cell["images"]
        assert mapped["fall"].shape == plain["image"].shape == (32, 32)
    figure = plots.rested(part["what"], part["cells"])
    assert [len(ax.images) for ax in figure.axes] == [1, 2] * len(part["cells"])
    report = type("Kept", (), {"artefacts": found, "figures_file": ""})()
    drawn = {kind: caption for kind, _, caption, _ in pictures(report)}
    assert "in orange places without which" in drawn["occlusion"]
    assert "No map" not in drawn["said"]


def test_captions_without_their_captioner_say_why_on_the_page():
    outcome = Outcome({}, 0.0, details={"captions": {"_seen": ["a disc"] * 4}})
    found = captioned(toy(), outcome)
    report = type("Kept", (), {"artefacts": found, "figures_file": ""})()
    ((kind, _, caption, _),) = pictures(report)
    assert kind == "said"
    assert "No map of what they rest on is drawn, as none of it is said" in caption
