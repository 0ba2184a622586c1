"""Clips of letters that move: what they do, in which order, and what is kept out of training."""

import numpy as np
import pytest
from complaints import complaint
from PIL import Image, ImageDraw

from crossalign import data
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.samples import Samples
from crossalign.data.sources.glyphs.source import TEST_FACES, VALIDATION_FACES
from crossalign.data.sources.glyphs.typefaces import FACES
from crossalign.data.sources.moving_glyphs.clips import (
    LETTERS,
    LONGEST,
    MOVING,
    attributes_of,
    draw_clips,
    filmed,
    moving_letters,
)
from crossalign.data.sources.moving_glyphs.motions import (
    COMBINED,
    KINDS,
    Motion,
    course,
    programmes,
    questions,
)
from crossalign.data.sources.moving_glyphs.names import MovingLetterNames
from crossalign.data.sources.moving_glyphs.raw import read_moving_glyphs
from crossalign.encoders.gradients import oriented_gradients
from crossalign.types import Views


@pytest.fixture(scope="module")
def bench():
    return data.load("moving_glyphs", tokens=True)


def bar():
    """A canvas with a bar that is taller than wide, a little right of the middle."""
    canvas = Image.new("L", (64, 64))
    ImageDraw.Draw(canvas).rectangle((28, 18, 38, 46), fill=255)
    return canvas


def film(*words, moving=6, rests=(0, 0)):
    ways = {way: Motion(kind, i) for kind, pair in KINDS.items() for i, way in enumerate(pair)}
    return filmed(bar(), course(tuple(ways[w] for w in words), moving, rests),
                  np.zeros(4)).astype(float)


def moments(frames):
    """Ink of every frame, its mean column and row, and the angle of its longer axis."""
    rows, columns = np.mgrid[:32, :32]
    ink = frames.sum(axis=(1, 2))
    x, y = ((frames * at).sum(axis=(1, 2)) / ink for at in (columns, rows))
    dx, dy = columns - x[:, None, None], rows - y[:, None, None]
    xx, yy, xy = (((frames * part).sum(axis=(1, 2)) / ink) for part in (dx * dx, dy * dy, dx * dy))
    return ink, x, y, np.rad2deg(0.5 * np.arctan2(2 * xy, xx - yy))


@pytest.mark.parametrize(("words", "measure", "sign"), [
    ("slides right", 1, 1), ("slides left", 1, -1), ("slides down", 2, 1), ("slides up", 2, -1),
    ("grows", 0, 1), ("shrinks", 0, -1), ("is drawn", 0, 1), ("is erased", 0, -1)])
def test_a_letter_does_what_its_words_say(words, measure, sign):
    found = moments(film(words))
    assert (np.sign(np.diff(found[measure])) == sign).all()
    others = [1, 2] if measure == 0 else [3 - measure]
    if "draw" not in words and "erase" not in words:
        assert all(np.ptp(found[other]) < 1 for other in others)


def test_right_is_clockwise():
    turned = moments(film("turns right"))[3] % 180           # rows go down, so angles go clockwise
    np.testing.assert_allclose(turned, 90 + np.linspace(-40, 40, 6), atol=3)
    np.testing.assert_allclose(moments(film("turns left"))[3] % 180, turned[::-1], atol=3)


@pytest.mark.parametrize("pair", KINDS.values())
def test_a_reversal_shows_the_same_frames_in_opposite_order(pair):
    one, other = (film(words) for words in pair)
    np.testing.assert_allclose(one, other[::-1], atol=1)
    assert np.abs(one - other).max() > 100


def as_set(frames):
    return sorted(frame.tobytes() for frame in frames)


def test_two_motions_show_the_same_frames_in_either_order():
    for first in ("turns left", "shrinks"):
        one, other = film(first, "slides right", moving=8), film("slides right", first, moving=8)
        assert as_set(one) == as_set(other)
        assert (one[:4] == other[4:]).all()
        assert not (one == other).all()


def test_a_letter_rests_before_and_after():
    still = film("turns left", rests=(2, 1))
    assert len(still) == 9
    for frame in still[[0, 1, 8]]:
        np.testing.assert_allclose(moments(frame[None])[3] % 180, 90, atol=1)
        np.testing.assert_array_equal(frame, still[0])
    np.testing.assert_array_equal(still[2:8], film("turns left"))


def test_programmes():
    every = programmes()
    assert len(set(every)) == len(every) == 2 * len(KINDS) + 24
    for programme in every:
        if len(programme) == 2:
            assert programme[::-1] in every
            assert {m.kind for m in programme} <= set(COMBINED)
    assert all(moving % 2 == 0 for moving in MOVING)
    names = [one.name for one in moving_letters()]
    assert len(set(names)) == len(names) == len(every) * len(LETTERS)
    assert "A slides left, then grows" in names


def test_questions_about_a_clip():
    programme = Motion("turns", 1), Motion("slides across", 0)
    assert questions("K", programme) == (
        ("letter", "which letter is it?", "k"),
        ("way", "does it turn right or left?", "turns left"),
        ("way", "does it slide right or left?", "slides right"),
        ("order", "which is first: slides across or turns?", "turns"))
    assert questions("A", (Motion("changes size", 0),))[1:] == (
        ("way", "does it grow or shrink?", "grows"), ("kind", "what does it do?", "changes size"))
    # the order of the words tells nothing
    assert questions("K", programme[::-1])[3][1] == questions("K", programme)[3][1]


def test_clips_depend_on_the_seed_alone():
    one, again = draw_clips(0, cache=False), draw_clips(0)
    np.testing.assert_array_equal(one.frames, again.frames)
    np.testing.assert_array_equal(one.mask, again.mask)
    assert one.frames.shape[1:] == (LONGEST, 128)
    assert one.mask.sum(axis=1).min() == min(MOVING)
    assert (one.frames[~one.mask] == 0).all()
    assert one.frames[one.mask].any(axis=1).all()
    assert one.strips.shape[1:] == (32, 128)


def parts(bench, split):
    names = [bench.classes.names[c] for c in np.unique(bench[split].truth)]
    return {tuple(name.split(" ", 1)) for name in names}


@pytest.mark.parametrize("task", ["gzsl", "retrieval"])
def test_unseen_are_combinations_of_seen_parts(bench, task):
    made = bench if task == "gzsl" else data.load("moving_glyphs", "retrieval", tokens=True)
    for of in (made, made.validation()):
        tests = "test_unseen" if task == "gzsl" else "query"
        seen, unseen = parts(of, "train"), parts(of, tests)
        assert not seen & unseen
        for place in (0, 1):
            assert {part[place] for part in unseen} <= {part[place] for part in seen}
        faces = set(VALIDATION_FACES if of is not made else TEST_FACES)
        assert set(of[tests].meta["face"]) == faces
        assert not set(of["train"].meta["face"]) & faces
    assert not set(made.validation()["train"].ids) & set(made[tests].ids)


def test_attributes_tell_classes_apart(bench):
    rows = bench.classes.embeddings
    assert len(np.unique(rows, axis=0)) == len(rows) == len(bench.classes.names)
    assert rows.any(axis=0).all()
    columns = bench.protocol["side_information"]
    named = {columns[j] for j in np.flatnonzero(
        rows[bench.classes.names.index("A slides left, then grows")])}
    assert named == {"letter a", "2 motions", "first slides left", "second grows"}


def test_answers_are_about_the_clips_of_their_split():
    made = data.load("moving_glyphs", "vqa", tokens=True)
    for split, views in made.splits.items():
        asked = made.said.of(views)
        assert set(asked.types) == {"letter", "kind", "way", "order"}
        rows, orders = asked.rows(views)[:, 0], []
        for text, answer, kind, row in zip(asked.texts, asked.answers, asked.types, rows,
                                           strict=True):
            name = made.classes.names[views.truth[row]]
            if kind == "letter":
                assert answer == (name[0].lower(),)
            if kind == "way":
                assert answer[0] in name
            if kind == "order":
                orders.append(text.removeprefix("which is first: ").startswith(answer[0]))
        # of two motions either is first equally often, up to the choice of unseen letters
        assert 0.35 < np.mean(orders) < 0.65, split


def test_what_is_refused():
    complaint(lambda: data.load("moving_glyphs", "transfer"), "task: got 'transfer'")
    complaint(lambda: data.load("moving_glyphs", seed=-1), "seed: got -1")
    complaint(lambda: data.load("moving_glyphs", unseen="x"), "unseen: given for moving_glyphs")


# -- raw clips ---------------------------------------------------------------------------------
def test_names_of_moving_letters_are_their_attributes():
    names, classes = MovingLetterNames(), moving_letters()
    rows, columns = attributes_of(classes)
    np.testing.assert_array_equal(names.encode([one.name for one in classes]), rows)
    assert names.facts["columns"] == list(columns)
    part = names.encode(["it Grows, then turns left"])[0]
    assert {columns[j] for j in np.flatnonzero(part)} == {"2 motions", "first grows",
                                                          "second turns left"}
    complaint(lambda: names.encode(["a cat"]), "names no letter of AEGJKRST and no motion")


def test_raw_clips_are_the_films_of_the_features(bench):
    raw = read_moving_glyphs()
    of_class = raw.pictures["clip"]
    assert list(of_class) == list(bench.classes.names)
    films = [film for listed in of_class.values() for film in listed]
    clips = draw_clips(0)
    for i in (0, 777, len(films) - 1):
        pixels = np.asarray(films[i].frames)
        assert len(pixels) == clips.mask[i].sum()
        ink = (255 - pixels) / np.float32(255)
        np.testing.assert_array_equal(oriented_gradients(ink), clips.frames[i][clips.mask[i]])
    assert raw.ids[0] == films[0].name == f"{bench.classes.names[0]}/{next(iter(FACES))}"
    complaint(lambda: read_moving_glyphs("retrieval"), "has features of its own")


def test_raw_clips_are_split_as_the_features_are():
    clips = draw_clips(0)
    raw, whole = read_moving_glyphs("vqa"), data.load("moving_glyphs", "vqa", tokens=True)
    rows = Views({"clip": np.arange(len(raw.ids), dtype=np.float32)[:, None]}, clips.label,
                 ids=raw.ids)
    made = raw.cut(Samples("moving_glyphs", rows, tuple(raw.pictures["clip"]), raw.embeddings, {},
                           0, NO_BACKBONE))
    assert set(made.splits) == set(whole.splits)
    for split, views in made.splits.items():
        np.testing.assert_array_equal(views.truth, whole[split].truth)
        assert made.said.of(views).texts == whole.said.of(whole[split]).texts
