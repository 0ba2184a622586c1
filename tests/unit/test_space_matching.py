"""A hit matches, or is only the nearest: the cut-offs of a space are from classes held out."""

import json

import numpy as np
import pytest
from shapes import picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.evaluation.protocols import Retrieval
from crossalign.evaluation.selection import Selection
from crossalign.metrics import match_cutoff
from crossalign.models import CCA, RidgeMap
from crossalign.space import Hit, build_space, nothing_matches
from crossalign.space.cutoffs import choose_cutoffs, measured
from crossalign.space.matching import matches, way


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
        false, kept = [], []
        for row, label in zip(fitted.embed(queries[a], a), queries.truth, strict=True):
            scores = rows @ row
            false.append(scores[classes != label].max() > chosen[direction])
            kept.append(scores.max() > chosen[direction])
        assert of.false == pytest.approx(np.mean(false), abs=2 / len(false))
        assert of.kept == pytest.approx(np.mean(kept), abs=2 / len(kept))
        assert of.false <= 0.15
        assert of.kept >= 0.5


def test_a_direction_that_tells_nothing_has_no_cutoff(tmp_path):
    image, _, labels = points()
    noise = np.random.default_rng(1).normal(size=image.shape).astype(np.float32)
    np.savez(tmp_path / "data.npz", image=image, text=noise, labels=labels)
    bench, task = ca.load(tmp_path / "data.npz", "retrieval").run(0), Retrieval()
    found = choose_cutoffs(RidgeMap(), Selection({}, {}, ""), bench, task)
    assert "text->image" not in found


def test_hits_are_judged_by_the_cutoff_of_their_kinds():
    cutoffs = {"image->image": 0.5, "text->image": 0.25}
    scores = np.array([0.9, 0.5, 0.3], dtype=np.float32)
    kinds = [{"modality": kind} for kind in ("image", "sketch", "text")]
    assert matches("image", scores, kinds, cutoffs) == [True, False, None]
    assert matches("text", scores, kinds, cutoffs) == [True, True, None]
    assert matches("vector", scores, kinds, cutoffs) == [None] * 3
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
    space.fitted.settings = {**space.fitted.settings, "cutoffs": {"image->image": 0.95}}
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
    assert {hit.match for hit in shop.search("ring", k=3)} == {None}


def test_a_card_says_what_cutoffs_do(shop):
    assert shop.card["matches"]
    for of in shop.card["matches"].values():
        assert set(of) == {"cutoff", "false", "kept"}
