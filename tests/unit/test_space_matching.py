"""A hit matches, or is only the nearest: the cut-offs of a space are from classes held out."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from complaints import complaint
from shapes import SHAPES, picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data import encoding
from crossalign.data_options import DataOptions
from crossalign.evaluation.protocols import Retrieval
from crossalign.evaluation.selection import Selection
from crossalign.metrics import match_cutoff
from crossalign.models import CCA, RidgeMap
from crossalign.space import Hit, build, build_space, nothing_matches
from crossalign.space.choice import check_enough
from crossalign.space.cutoffs import ENOUGH, choose_cutoffs, chosen_cutoff, measured
from crossalign.space.matching import CUTOFFS, NOTHING, matches, way
from crossalign.tasks import Fitted


def points(classes=60, each=8, seed=0):
    """Samples of classes far apart, of which a linear map of one view gives the other."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 12))
    labels = np.repeat(np.arange(classes), each)
    image = centres[labels] + 0.15 * rng.normal(size=(len(labels), 12))
    text = centres[labels] @ rng.normal(size=(12, 12)) / 3 + 0.05 * rng.normal(
        size=(len(labels), 12))
    return image.astype(np.float32), text.astype(np.float32), labels


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    image, text, labels = points()
    folder = tmp_path_factory.mktemp("points")
    np.savez(folder / "data.npz", image=image, text=text, labels=labels)
    return ca.load(folder / "data.npz", "retrieval").run(0)


@pytest.fixture(scope="module")
def chosen(bench):
    task = Retrieval()
    return choose_cutoffs(CCA(), Selection({}, {}, ""), bench, task)


def test_a_tenth_of_the_classes_without_an_answer_exceed_a_cutoff():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(30), 4)
    absent = rng.normal(size=120)
    cutoff = match_cutoff(absent, labels)
    shares = [np.mean(absent[labels == c] <= cutoff) for c in range(30)]
    assert sum(shares) / 31 >= 0.9
    below = absent[absent < cutoff].max()
    assert sum(np.mean(absent[labels == c] <= below) for c in range(30)) / 31 < 0.9
    assert match_cutoff(absent[:8], labels[:8]) == absent[:8].max()      # too few for a promise
    assert match_cutoff([np.nan], [0]) is None


def test_cutoffs_let_few_through_that_have_no_answer(bench, chosen):
    assert set(chosen) == {"image->image", "image->text", "text->image", "text->text"}
    fitted = CCA().fit(bench["train"], classes=bench.classes)
    found = measured(fitted, bench, chosen)
    for direction, of in found.items():
        a, b = direction.split("->")
        queries, items = bench["query"], [bench["train"], bench["gallery"]]
        rows = np.concatenate([fitted.embed(part[b], b) for part in items])
        classes = np.concatenate([part.truth for part in items])
        match, nothing, reason = chosen[direction]
        assert not reason
        assert nothing <= match
        shares = []
        for row, label in zip(fitted.embed(queries[a], a), queries.truth, strict=True):
            scores = rows @ row
            without, best = scores[classes != label].max(), scores.max()
            shares.append([without > match, best > match, without <= nothing, best <= nothing])
        np.testing.assert_allclose(of, np.mean(shares, axis=0), atol=2 / len(shares))
        assert of.false <= 0.15
        assert of.kept >= 0.5
        assert of.missed <= 0.15
        assert of.told >= 0.5


def drawn(rng, classes, each=6, gap=2.0):
    """Best similarities with and without the items of a class, and classes, which differ."""
    labels = np.repeat(np.arange(classes), each)
    of_class = rng.normal(size=classes)[labels]
    absent = of_class + 0.3 * rng.normal(size=len(labels))
    own = gap + of_class + 0.3 * rng.normal(size=len(labels))
    return np.maximum(own, absent), absent, labels


def test_both_promises_hold_for_a_class_that_was_not_drawn():
    rng = np.random.default_rng(0)
    false, missed = [], []
    for _ in range(400):
        whole, absent, labels = drawn(rng, ENOUGH + 1, gap=4.0)
        chosen, new = labels < ENOUGH, labels == ENOUGH
        cutoff = chosen_cutoff(whole[chosen], absent[chosen], labels[chosen])
        assert cutoff.nothing <= cutoff.match
        false.append(np.mean(absent[new] > cutoff.match))
        missed.append(np.mean(whole[new] <= cutoff.nothing))
    assert np.mean(false) <= 0.1 + 0.03                          # two standard errors of 400 draws
    assert np.mean(missed) <= 0.1 + 0.03
    assert np.mean(false) >= 0.02                                # not by saying nothing


def test_too_few_classes_promise_nothing_and_say_so():
    whole, absent, labels = drawn(np.random.default_rng(1), ENOUGH - 1, each=50, gap=9.0)
    cutoff = chosen_cutoff(whole, absent, labels)
    assert cutoff[:2] == (None, None)
    assert cutoff.reason.startswith("8 validation classes are too few")
    whole, absent, labels = drawn(np.random.default_rng(1), ENOUGH, gap=9.0)
    assert not chosen_cutoff(whole, absent, labels).reason
    absent[labels == 0] = np.nan                                 # of which nothing is known
    assert chosen_cutoff(whole, absent, labels).reason
    whole, absent, labels = drawn(np.random.default_rng(1), 40, gap=-9.0)
    untold = chosen_cutoff(whole, absent, labels)
    assert untold.match is None                                  # hardly any answer would be kept
    assert np.mean(whole <= untold.nothing) <= 0.1


def test_a_direction_that_tells_nothing_has_no_cutoff(tmp_path):
    image, _, labels = points()
    noise = np.random.default_rng(1).normal(size=image.shape).astype(np.float32)
    np.savez(tmp_path / "data.npz", image=image, text=noise, labels=labels)
    bench, task = ca.load(tmp_path / "data.npz", "retrieval").run(0), Retrieval()
    found = choose_cutoffs(RidgeMap(), Selection({}, {}, ""), bench, task)
    assert found["text->image"].match is None


def test_hits_are_judged_by_the_cutoff_of_their_kinds():
    cutoffs, nothing = {"image->image": 0.5, "text->image": 0.25}, {"image->image": 0.4}
    scores = np.array([0.9, 0.5, 0.4, 0.3], dtype=np.float32)
    kinds = [{"modality": kind} for kind in ("image", "sketch", "sketch", "text")]
    assert matches("image", scores, kinds, cutoffs, nothing) == [True, None, False, None]
    assert matches("text", scores, kinds, cutoffs, nothing) == [True, True, True, None]
    assert matches("text", scores - 1, kinds, cutoffs, nothing) == [None] * 4
    assert matches("image", scores, kinds, {}, nothing) == [None, None, False, None]
    assert matches("vector", scores, kinds, cutoffs, nothing) == [None] * 4
    assert way("sketch", "text") == "image->text"
    assert [nothing_matches([Hit("a", 0.1, {}, None, one) for one in of]) for of in (
        [False, False], [True, False], [None, False], [None], [])] == [
            True, False, False, False, False]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    place = tmp_path_factory.mktemp("spaces") / "shapes"
    build_space(DataOptions(data=str(picture_folder(tmp_path_factory.mktemp("shapes")))), place,
                models=["ridge_map"], log=str)
    space = ca.Space.open(place)
    space.fitted.settings = {**space.fitted.settings, CUTOFFS: {"image->image": 0.95},
                             NOTHING: {"image->image": 0.95}}
    with space._changed():
        pass
    yield space
    space.close()


def test_a_space_and_its_command_say_that_nothing_matches(shop, tmp_path):
    at_home = shop.folder / ".." / "query.png"
    picture("ring", 3).save(at_home)
    noise = tmp_path / "noise.png"
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(noise)
    for file, answer in ((at_home, True), (noise, False)):
        hits = shop.search(file, k=5)
        assert [hit.match for hit in hits] == [hit.score > np.float32(0.95) for hit in hits]
        assert hits[0].match is answer
        shop.close()
        said = CliRunner().invoke(app, ["search", str(shop.folder), "--image", str(file)]).output
        assert ("nothing matches: these are the nearest" in said) is not answer
        told = json.loads(CliRunner().invoke(
            app, ["search", str(shop.folder), "--image", str(file), "--json"]).output)
        assert told["none"] is not answer
        assert told["hits"][0]["match"] is answer
    hits = shop.search("ring", k=3)
    assert {hit.match for hit in hits} == {None}
    why = shop.card["unjudged"]["text->image"]
    assert "validation classes are too few" in why
    assert shop.unjudged("ring", hits) == why
    assert shop.unjudged(at_home, shop.search(at_home, k=3)) is None
    shop.close()
    said = CliRunner().invoke(app, ["search", str(shop.folder), "ring"]).output
    assert f"whether these match is not told: {why}" in said
    assert json.loads(CliRunner().invoke(
        app, ["search", str(shop.folder), "ring", "--json"]).output)["unjudged"] == why


def test_a_space_of_few_classes_says_so_and_not_that_a_right_hit_is_nothing(shop):
    assert not shop.card["matches"]
    for words in ("ring", "a ring", "a picture of a disc"):
        first = shop.search(words, k=1)[0]
        assert first.payload["class"] in words
        shop.close()
        said = CliRunner().invoke(app, ["search", str(shop.folder), words]).output
        assert "nothing" not in said
    assert shop.search("ring", k=1)[0].chance < 1 / 8            # the share of pairs of one class


def test_why_no_model_can_be_tried_is_told(tmp_path):
    (tmp_path / "shapes").mkdir()
    options = DataOptions(data=str(picture_folder(tmp_path / "shapes", 6)), tokens=True)
    complaint(lambda: build_space(options, tmp_path / "space", models=["ridge_map", "eszsl"],
                                  log=str),
              "models: none can be tried, ridge_map: ", "reads vectors (n, d)",
              "; neither can 1 more; give other models")


def test_too_few_classes_are_refused_before_anything_is_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "encoded", lambda *given, **more: pytest.fail("it encodes"))
    (tmp_path / "few").mkdir()
    folder = picture_folder(tmp_path / "few")
    for shape in list(SHAPES)[4:]:
        shutil.rmtree(folder / shape)
    with pytest.raises(ValueError, match="of 4 classes; give more, 5 at least"):
        build_space(DataOptions(data=str(folder)), tmp_path / "space", log=str)
    raw = SimpleNamespace(pictures={"image": {shape: [] for shape in SHAPES}})
    for shape in list(SHAPES)[:3]:
        with pytest.raises(ValueError, match="no model can be chosen"):
            check_enough(raw, unseen=False)
        raw.pictures["image"][shape] = ["a picture"]
    check_enough(raw, unseen=False)                              # five have texts alone
    raw.pictures["image"] = {shape: ["a picture"] for shape in list(SHAPES)[:3]}
    check_enough(raw, unseen=True)
    with pytest.raises(ValueError, match="no model can be chosen"):
        check_enough(raw, unseen=False)
    assert not (tmp_path / "space").exists()


def test_a_card_says_what_cutoffs_do(bench, tmp_path):
    said = []
    fitted = Fitted(CCA().fit(bench["train"], classes=bench.classes), "retrieval")
    judged = build._cutoffs(fitted, CCA(), Selection({}, {}, ""), Retrieval(), bench, said.append)
    assert judged["unjudged"] == {}
    for of in judged["matches"].values():
        assert set(of) == {"cutoff", "nothing", "false", "kept", "told", "missed"}
    assert len(said) == 4
    assert said[0].startswith("image->image: of the queries on test without an answer ")
