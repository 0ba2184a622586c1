"""A space tells pictures that are unlike all that it was built from."""

import contextlib
import csv
import io
import json
import math

import numpy as np
import pytest
from PIL import Image
from shapes import SHAPES, picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.space import build_space
from crossalign.space.unlike import (
    FEWEST,
    RARE,
    empty_pages,
    least_cosine,
    nearest_cosine,
    stand_apart,
)


def cosine(x, y):
    """Cosine of signed roots, number by number."""
    a, b = ([math.copysign(math.sqrt(abs(v)), v) for v in row] for row in (x, y))
    lengths = math.sqrt(sum(v * v for v in a) * sum(v * v for v in b))
    return sum(p * q for p, q in zip(a, b, strict=True)) / lengths if lengths else 0.0


def test_cosines_against_a_loop():
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((FEWEST, 4)), rng.integers(0, 4, FEWEST)
    rows[3] = 0
    sample, of = rows[::5], labels[::5]
    near = [max(cosine(x, y) for y in sample) for x in rows]
    np.testing.assert_allclose(nearest_cosine(rows, sample), near, atol=1e-5)
    other = [max(cosine(x, y) for y, c in zip(sample, of, strict=True) if c != own)
             for x, own in zip(rows, labels, strict=True)]
    assert least_cosine(rows, labels, sample, of) == pytest.approx(np.quantile(other, RARE),
                                                                   abs=1e-5)


def test_few_pictures_or_classes_teach_no_cosine():
    rows, labels = np.eye(FEWEST), np.arange(FEWEST)
    assert least_cosine(rows[1:], labels[1:], rows, labels) is None
    assert least_cosine(rows, labels % 2, rows, labels) is None
    assert least_cosine(rows, labels, rows, labels % 2) is None


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder, out = (tmp_path_factory.mktemp(name) for name in ("shapes", "spaces"))
    build_space(DataOptions(data=str(picture_folder(folder, 20))), out / "space",
                models=["ridge_map"], captions=True, log=lambda line: None).close()
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (48, 48, 3)).astype(np.uint8)).save(out / "noise.png")
    Image.new("RGB", (48, 48), "white").save(out / "blank.png")
    picture("square", 90).save(out / "new.png")
    return out


@pytest.fixture
def space(place):
    with contextlib.closing(ca.Space.open(place / "space")) as opened:
        yield opened


def test_noise_and_a_blank_page_are_unlike_and_new_pictures_are_not(place, space):
    new = [np.asarray(picture(shape, n)) for shape in SHAPES for n in range(60, 90)]
    assert np.mean(space.unlike(new)) < 0.02
    odd = [place / "noise.png", place / "blank.png"]
    assert space.unlike(odd) == [True, True]
    answers = space.recognise([*odd, new[0]])
    assert [one.unlike for one in answers] == [True, True, False]
    assert not any(one.set for one in answers[:2])              # no promise holds for such
    said = space.captioned([*odd, new[0]])
    assert [one.unlike for one in said] == [True, True, False]
    assert [one.caption for one in said] == space.caption([*odd, new[0]])


def test_an_empty_page_is_unlike_where_others_are_not_far_from_it(place, space):
    sample, learned = space.recognition.sample, space.fitted.settings
    paper = np.ones((1, sample.shape[1]))                               # an encoder that sees paper
    for pages, told in ((paper, True), (None, False)):
        space.fitted.settings = {**learned, "unlike": -1.0, "pages": pages}     # nothing is too far
        assert space._unlike(np.concatenate([paper, sample[:1]])) == [told, False]


def test_features_of_empty_pages_are_kept_in_the_folder(place, space, monkeypatch):
    kept = space.fitted.settings["pages"]
    np.testing.assert_array_equal(kept, space.looked_at(empty_pages()))
    asked = []
    monkeypatch.setattr(space, "looked_at", lambda items: asked.extend(items) or kept)
    space.unlike([place / "new.png"])
    assert len(asked) == 1


def test_pages_stand_apart_unless_pictures_are_of_one_shade():
    rng = np.random.default_rng(0)
    centre = rng.random(8) + 1
    things = centre + 0.1 * rng.random((50, 8))
    pages = np.eye(8)[:3]
    assert stand_apart(pages, things)
    assert not stand_apart(pages, np.concatenate([things, pages]))      # a class of empty pages
    assert not stand_apart(things[:2], things)


def test_commands_say_it(place):
    assert ca.Space.open(place / "space").uncompared is None
    both = CliRunner().invoke(app, ["recognise", str(place / "space"), str(place / "new.png"),
                                    "--csv", "--json"])
    assert both.exit_code
    assert "--csv: given beside --json" in str(both.exception)
    files = [str(place / name) for name in ("noise.png", "new.png")]
    for command, key in (("recognise", "answers"), ("caption", "captions")):
        told = CliRunner().invoke(app, [command, str(place / "space"), *files]).stdout
        lines = [line for line in told.splitlines() if line.startswith(str(place))]
        assert ["unlike all" in line for line in lines] == [True, False]
        found = json.loads(CliRunner().invoke(
            app, [command, str(place / "space"), *files, "--json"]).stdout)
        assert [one["unlike"] for one in found[key]] == [True, False]
    table = CliRunner().invoke(app, ["recognise", str(place / "space"), *files, "--csv"]).stdout
    assert {(row["file"], row["unlike"]) for row in csv.DictReader(io.StringIO(table))} == {
        (files[0], "true"), (files[1], "false")}


def test_a_space_that_never_learned_it_says_nothing(place, space):
    space.fitted.settings = {key: value for key, value in space.fitted.settings.items()
                             if key != "unlike"}
    assert space.unlike([place / "noise.png"]) == [None]
    assert [one.unlike for one in space.recognise([place / "noise.png"])] == [None]
    assert [one.unlike for one in space.captioned([place / "noise.png"])] == [None]
    assert space.uncompared.startswith("images are not compared with")
    assert "it takes 100 of them with a class each" in space.uncompared
    with pytest.raises(ValueError, match="items: got 'a text', a text; give images"):
        space.unlike(["a text"])
