"""Occlusion maps: equal to a loop over pixels, and on the place that a score looks at."""

from __future__ import annotations

import numpy as np
import pytest
from complaints import complaint

from crossalign.pages import plots
from crossalign.pages.plots.occlusion import overlay, told
from crossalign.space.frames_without import frame_falls, without_each
from crossalign.tasks.log_odds import log_odds
from crossalign.tasks.occlusion import occlusion, squares

RNG = np.random.default_rng(0)


def darkness(where):
    """A score that looks at one place alone: how dark it is there."""
    return lambda pictures: np.array([255 - p[where].mean() for p in pictures])


def letter(height=24, width=24):
    """White paper with a dark bar in its upper left corner, and one in the lower right."""
    picture = np.full((height, width), 255, np.uint8)
    picture[2:6, 2:6] = picture[-6:-2, -6:-2] = 0
    return picture


@pytest.mark.parametrize("shape", [(24, 24), (17, 40), (30, 12, 3), (9, 8)])
@pytest.mark.parametrize("steps", [2, 5, 12])
def test_the_map_is_that_of_a_loop_over_pixels(shape, steps):
    picture = RNG.integers(0, 256, shape).astype(np.uint8)
    weights = RNG.normal(size=shape)

    def score(pictures):
        return np.array([(weights * p).sum() for p in pictures])

    found = occlusion(picture, score, steps=steps, block=7)
    places = list(squares(*shape[:2], steps))
    shade = np.median(picture.reshape(-1, *shape[2:]), axis=0)
    expected = np.zeros(shape[:2])
    for y in range(shape[0]):
        for x in range(shape[1]):
            falls = []
            for rows, columns in places:
                if rows.start <= y < rows.stop and columns.start <= x < columns.stop:
                    covered = picture.copy()
                    covered[rows, columns] = shade.astype(np.uint8)
                    falls.append((weights * picture).sum() - (weights * covered).sum())
            expected[y, x] = np.mean(falls)
    np.testing.assert_allclose(found.fall, expected, rtol=1e-4, atol=1e-2)
    assert found.score == pytest.approx((weights * picture).sum())


def test_the_map_of_a_linear_score_is_exact_where_its_answer_is_all_but_certain():
    picture = letter()
    weights = 0.01 * RNG.normal(size=(2, 24, 24))

    def logits(pictures):
        return np.array([np.add([5000.0, 0.0], (weights * p).sum(axis=(1, 2))) for p in pictures])

    found = occlusion(picture, lambda of: log_odds(logits(of), 0), steps=3)
    assert np.exp(-found.score) == 0                          # its probability is rounded to one
    ink = (weights[0] - weights[1]) * (picture.astype(float) - 255)
    total, count = np.zeros((24, 24)), np.zeros((24, 24))
    for place in squares(24, 24, 3):
        total[place] += ink[place].sum()
        count[place] += 1
    np.testing.assert_allclose(found.fall, total / count, rtol=1e-5, atol=1e-3)


def test_a_score_that_looks_at_one_corner_has_its_map_there():
    picture = letter()
    found = occlusion(picture, darkness((slice(2, 6), slice(2, 6)))).fall
    assert np.unravel_index(found.argmax(), found.shape) in [(y, x) for y in range(2, 6)
                                                           for x in range(2, 6)]
    assert (found[10:] == 0).all()
    assert (found[:, 10:] == 0).all()
    assert found.min() == 0


def test_what_makes_a_score_higher_when_it_is_covered_is_negative():
    found = occlusion(letter(), lambda of: -darkness((slice(-6, -2), slice(-6, -2)))(of)).fall
    assert found[-4, -4] == found.min() < 0
    assert found.max() == 0


def test_every_pixel_is_covered_and_squares_are_of_one_size_but_at_edges():
    for height, width in ((8, 8), (40, 9), (100, 300), (384, 216)):
        places = list(squares(height, width, 12))
        count = np.zeros((height, width))
        for place in places:
            count[place] += 1
        assert (count > 0).all()
        assert 90 <= len(places) <= 190
        assert max(rows.stop - rows.start for rows, _ in places) <= 2 * np.ceil(
            (height * width) ** 0.5 / 12) + 1


def test_ticks_count_the_squares_that_are_done_and_may_end_the_work():
    done = []
    occlusion(letter(), darkness((0, 0)), steps=4, block=5, tick=done.append)
    assert done == [5, 10, 15, 16]

    def late(n):
        raise TimeoutError(n)

    with pytest.raises(TimeoutError, match="64"):
        occlusion(letter(), darkness((0, 0)), tick=late)


def test_pictures_that_cannot_be_covered_are_one_sentence():
    complaint(lambda: occlusion(letter(7, 30), darkness((0, 0))), "picture: 30 x 7 pixels",
              "8 or more")
    complaint(lambda: occlusion(letter().astype(float), darkness((0, 0))), "picture: got shape")
    complaint(lambda: occlusion(letter(), darkness((0, 0)), steps=1), "steps: got 1")


def test_colours_are_as_deep_as_falls_are_large():
    fall = np.array([[2.0, 1.0, 0.0], [-1.0, -2.0, 0.5]])
    found = overlay(fall)
    assert found.shape == (2, 3, 4)
    depth = found[..., 3].astype(float)
    np.testing.assert_allclose(depth / depth.max(), np.abs(fall) / 2, atol=0.01)
    red, blue = found[0, 0, :3].astype(int), found[1, 1, :3].astype(int)
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert (overlay(np.zeros((2, 2)))[..., 3] == 0).all()
    assert overlay(1e-3 * fall)[..., 3].max() < 0.1 * depth.max()
    assert overlay(fall, largest=4.0)[0, 0, 3] == pytest.approx(depth.max() / 2, abs=1)


@pytest.mark.parametrize(("falls", "words"), [
    ([np.array([[np.log(3.0)]])], "Odds of “a” with the place covered, in orange: lower, 3.0 "
     "times at most."),
    ([np.array([[20.0]])], "more than 1,000 times"),
    ([np.array([[0.01]])], "No place of the picture matters alone"),
    ([np.array([[1.0]]), np.array([[-np.log(12.0)]])], "lower, 2.7 times at most; in blue: "
     "higher, 12 times at most.")])
def test_a_sentence_says_how_much(falls, words):
    assert words in told("a", falls)


def test_one_picture_or_two_stand_beside_their_maps():
    fall = RNG.normal(size=(24, 24))
    for n in (1, 2):
        figure = plots.occluded("acute", "which mark?", [letter()] * n, [fall] * n)
        assert [len(ax.images) for ax in figure.axes] == [1, 2] * n
        assert any("which mark?" in text.get_text() for text in figure.texts)


def test_without_a_frame_a_linear_score_of_the_mean_frame_falls_exactly():
    rows, weights = np.zeros((6, 4)), RNG.normal(size=3)
    rows[:4, :3], rows[:4, 3] = RNG.normal(size=(4, 3)), 1                # four frames of six

    def score(clips):
        means = [clip[clip[:, 3] > 0][:, :3].mean(axis=0) for clip in clips]
        return np.array(means) @ weights

    whole, falls = frame_falls(rows, score)
    each = rows[:4, :3] @ weights
    assert whole == pytest.approx(each.mean())
    np.testing.assert_allclose(falls, [each.mean() - np.delete(each, i).mean() for i in range(4)])
    without = without_each(rows)
    np.testing.assert_array_equal(without[0], rows)
    np.testing.assert_array_equal(without[2, :3], rows[[0, 2, 3]])
    assert (without[1:, 3:] == 0).all()
    complaint(lambda: without_each(rows[3:]), "a clip of one frame", "two frames or more")


def test_below_each_frame_stands_a_bar_as_deep_as_its_fall():
    falls = [np.full((9, 12), value) for value in (0.5, -1.0, 2.0)]
    figure = plots.frames("stays", "", [letter(9, 12)] * 3, falls)
    bars = [bar.get_height() for bar in figure.axes[-1].patches]
    assert bars == [0.5, -1.0, 2.0]
    assert len(figure.axes) == 4
    words = told("stays", falls, frames=True)
    assert words == ("Odds of “stays” without the frame, in orange: lower, 7.4 times at most; in "
                     "blue: higher, 2.7 times at most.")
    assert "No frame matters alone" in told("stays", [0 * fall for fall in falls], frames=True)
