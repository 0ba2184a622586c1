"""Encoders of ink by name: the ink cut out, and beside it the whole picture."""

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

from crossalign.data_options import DataOptions
from crossalign.encoders import HOG, Ink
from crossalign.encoders.pieces import apart


def drawn(top):
    """A cross on white paper, near the top or not."""
    paper = np.full((64, 64), 255, np.uint8)
    paper[top:top + 12, 30:33] = 0
    paper[top + 4:top + 7, 25:38] = 0
    return paper


def test_the_whole_picture_stands_beside_the_ink():
    pictures = [drawn(4), drawn(40), np.asarray(Image.fromarray(drawn(4)).resize((128, 128)))]
    rows = Ink(whole=True).encode(pictures)
    np.testing.assert_array_equal(rows[:, :512], Ink().encode(pictures))
    np.testing.assert_allclose(rows[:2, 512:], HOG().encode(np.stack(pictures[:2])))
    assert rows.shape == (3, 1024)
    np.testing.assert_array_equal(rows[0, :512], rows[1, :512])          # place is lost
    assert np.abs(rows[0, 512:] - rows[1, 512:]).max() > 0.1            # and kept
    assert Ink().facts != Ink(whole=True).facts


def marked(row, column, size=5, unit=1):
    """A stem, and a small square beside it with its corner at a place."""
    paper = np.full((48 * unit, 48 * unit), 255, np.uint8)
    paper[14 * unit:40 * unit, 20 * unit:26 * unit] = 0
    paper[row * unit:(row + size) * unit, column * unit:(column + size) * unit] = 0
    return paper


def pieces_by_flooding(ink):
    """Pixels of every piece, found one after another."""
    left, found = set(zip(*np.nonzero(ink), strict=True)), []
    while left:
        edge, piece = [left.pop()], set()
        while edge:
            r, c = edge.pop()
            piece.add((r, c))
            near = {(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(piece)
    return found


def test_ink_falls_into_its_largest_piece_and_the_rest():
    rng = np.random.default_rng(0)
    dots = np.kron(rng.random((17, 13)) < 0.2, np.ones((8, 8), bool))          # 136 pixels high
    dots[[0, -1]] = dots[:, [0, -1]] = False
    largest, rest, _ = apart(np.where(dots, 0, 255).astype(np.uint8))
    expected = np.zeros_like(dots)
    expected[tuple(np.array(sorted(max(pieces_by_flooding(dots), key=len))).T)] = True
    np.testing.assert_array_equal(largest == 255, expected)
    np.testing.assert_array_equal(rest == 255, dots & ~expected)


def test_pieces_have_a_place_whatever_the_size_of_the_picture():
    *_, standing = apart(marked(5, 24, unit=4))
    # ink: rows 5 to 40, columns 20 to 29; its middle is at 22.5 and 24.5
    np.testing.assert_allclose(standing, [1, (7.5 - 22.5) / 35, (26.5 - 24.5) / 35, 5 / 35, 5 / 35,
                                          0], atol=1e-6)
    *_, smaller = apart(marked(5, 24))
    np.testing.assert_allclose(smaller, standing, atol=0.03)
    dark = 255 - marked(5, 24, unit=4)
    np.testing.assert_array_equal(apart(dark)[2], standing)


def test_pieces_stand_behind_what_other_rows_hold():
    pictures = [marked(5, 24, unit=4), marked(42, 24, unit=4), drawn(4)]
    rows = Ink(whole=True, pieces=True).encode(pictures)
    assert rows.shape == (3, 2054)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[:, :1024], Ink(whole=True).encode(pictures))
    np.testing.assert_array_equal(rows[:, [*range(512), *range(1024, 2054)]],
                                  Ink(pieces=True).encode(pictures))
    square, stem = np.full((2, 80, 80), 255, np.uint8)
    square[20:40, 20:40] = 0
    stem[9:61, 20:32] = 0                                                        # 26 by 6
    np.testing.assert_allclose(rows[0, 1024:1536], Ink().encode([stem])[0], atol=1e-6)
    np.testing.assert_allclose(rows[0, 1536:2048], Ink().encode([square])[0], atol=1e-6)
    np.testing.assert_allclose(rows[1, 1024:2048], rows[0, 1024:2048], atol=1e-6)  # place is apart
    assert rows[1, 2049] > 0 > rows[0, 2049]
    apart_by = np.linalg.norm(rows[2, 1024:1536] - rows[2, :512])
    assert apart_by < 0.2 * np.linalg.norm(rows[2, :512])               # edges of a finer picture
    assert not rows[2, 1536:].any()                                     # one piece alone
    assert not Ink(pieces=True).encode([np.full((9, 9), 255, np.uint8)]).any()
    known = [Ink(whole, pieces).facts["rows"] for whole in (False, True)
             for pieces in (False, True)]
    assert len(set(known)) == 4


@pytest.mark.parametrize(("name", "whole", "pieces"), [
    ("ink", False, False), ("ink+hog", True, False), ("ink+pieces", False, True),
    ("ink+hog+pieces", True, True)])
def test_encoders_of_ink_are_named_on_the_command_line(name, whole, pieces):
    options = DataOptions(data="glyphs", encoder=name)
    encoder = options.read_as()["encoder"]
    assert isinstance(encoder, Ink)
    assert encoder.whole is whole
    assert encoder.pieces is pieces
    kept = options.remembered()
    assert kept["encoder"] == name
    assert DataOptions().over({"data": "glyphs", "encoder": name}).encoder == name
    complaint(lambda: DataOptions(data="glyphs", encoder=name, tokens=True).read_as(),
              f"encoder: '{name}' gives vectors; leave --tokens out")
