"""Maps in a report: of pictures as their encoder read them, or the reason why there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapes import picture, picture_folder

import crossalign as ca
from crossalign.data.sources.glyphs.features import GlyphEncoder
from crossalign.encoders import HOG
from crossalign.encoders.ink import Ink
from crossalign.evaluation.figures.occlusion import BY_NETWORK, MAPPED, maps_of, most_maps, read_by
from crossalign.evaluation.figures.words import answered, captioned
from crossalign.evaluation.protocols.base import Outcome
from crossalign.models import RidgeMap
from crossalign.pages import plots
from crossalign.pages.pictures import pictures
from crossalign.tasks import Answerer
from crossalign.tasks.occlusion import squares
from crossalign.types import Benchmark, Captions, Classes, Views


@pytest.fixture(scope="module")
def letters():
    bench = ca.load("glyphs", "vqa")
    few = {name: views[::200 if name == "train" else 20] for name, views in bench.splits.items()}
    return replace(bench, splits=few, validation_split=None)


def toy(encoder=None, change=0.0, side=64, known=True):
    """Discs and squares with captions, as an encoder reads them that is at hand if it is known."""
    encoder = HOG() if encoder is None else encoder
    drawn = np.stack([np.asarray(picture(shape, n).resize((side, side)))
                      for n in range(4) for shape in ("disc", "square")])
    read = encoder.encode(list(drawn)) if side == 64 else np.zeros((8, 512), np.float32)
    views = Views({"image": read + change}, np.arange(8) % 2, ids=[str(n) for n in range(8)],
                  meta={"show:image": drawn})
    splits = {"train": views[:4], "test_seen": views[4:]}
    return Benchmark("toy", "caption", splits, Classes(np.eye(2), [True, True]),
                     said=Captions(tuple(views.ids.tolist()), (("a disc",), ("a square",)) * 4),
                     encoders={"image": encoder} if known else {})


def test_features_are_read_again_as_they_were(letters):
    for bench in (letters, toy(), toy(Ink()), toy(Ink(whole=True))):
        test = bench["test_seen"]
        read = read_by(bench.encoders["image"], list(test.meta["show:image"]))
        np.testing.assert_allclose(read, test["image"], atol=1e-5)
    drawn = letters["test_seen"].meta["show:image"][:9]
    np.testing.assert_allclose(read_by(GlyphEncoder("pixels"), list(drawn)),
                               1 - drawn.reshape(9, -1) / 255, atol=1e-6)


def test_the_name_of_the_data_decides_nothing(letters):
    assert letters.with_name("toys").encoders == letters.encoders
    assert letters.protocol["name"] == "glyphs"
    other = replace(letters, name="toys", protocol={**letters.protocol, "name": "toys"})
    ((_, fall),), reason = maps_of(other, other["test_seen"], [0], [lambda rows: rows.sum(axis=1)])
    assert reason == ""
    assert np.ptp(fall) > 0


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Shapes with captions, read by a small network."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")
    from small_networks import PIXELS, SIZES, saved

    place = tmp_path_factory.mktemp("network")
    (place / "shapes").mkdir()
    config = transformers.ViTConfig(**SIZES, image_size=16, patch_size=4)
    folder = saved(transformers.ViTModel(config), place / "net", PIXELS)
    return ca.load(str(picture_folder(place / "shapes", 4)), "caption", encoder=str(folder))


class Counted:
    """An encoder with the numbers of pictures that it was given at once."""

    def __init__(self, encoder):
        self.of, self.blocks = encoder, []

    def __getattr__(self, name):
        return getattr(self.of, name)

    def encode_prepared(self, prepared):
        self.blocks.append(len(prepared))
        return self.of.encode_prepared(prepared)


def test_maps_of_pictures_that_a_network_reads_are_those_of_a_loop_and_few(network):
    assert (most_maps(network), most_maps(toy())) == (BY_NETWORK, MAPPED)
    encoder, test = network.encoders["image"], network["test_seen"]
    counted, weights = Counted(encoder), np.random.default_rng(0).normal(size=16)
    bench = replace(network, encoders={"image": counted})
    ((shown, fall),), reason = maps_of(bench, test, [1], [lambda rows: rows @ weights])
    assert reason == ""
    places = list(squares(*shown.shape[:2], 12))
    assert sum(counted.blocks) == 2 + len(places)
    assert max(counted.blocks) > 10

    def score(pixels):
        return float(encoder.encode([pixels])[0] @ weights)

    total, count = np.zeros((2, *shown.shape[:2]))
    for place in places:
        covered = shown.copy()
        covered[place] = np.median(shown.reshape(-1, 3), axis=0)
        total[place] += score(shown) - score(covered)
        count[place] += 1
    np.testing.assert_allclose(fall, total / count, atol=1e-4)


def test_maps_are_where_the_score_looks():
    bench = toy()
    left = np.zeros(512, np.float32)
    left.reshape(8, 8, 8)[:, :4] = 1                       # cells of the left half

    ((shown, fall),), reason = maps_of(bench, bench["test_seen"], [1], [lambda rows: rows @ left])
    assert reason == ""
    np.testing.assert_array_equal(shown, bench["test_seen"].meta["show:image"][1])
    assert np.abs(fall[:, :24]).max() > 10 * np.abs(fall[:, 50:]).max()


@pytest.mark.parametrize(("bench", "reason"), [
    (toy(known=False), "no encoder came with the data"),
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
