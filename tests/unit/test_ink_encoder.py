"""Encoders of ink by name: the ink cut out, and beside it the whole picture."""

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

from crossalign.data_options import DataOptions
from crossalign.encoders import HOG, Ink


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


@pytest.mark.parametrize(("name", "whole"), [("ink", False), ("ink+hog", True)])
def test_encoders_of_ink_are_named_on_the_command_line(name, whole):
    options = DataOptions(data="glyphs", encoder=name)
    encoder = options.read_as()["encoder"]
    assert isinstance(encoder, Ink)
    assert encoder.whole is whole
    kept = options.remembered()
    assert kept["encoder"] == name
    assert DataOptions().over({"data": "glyphs", "encoder": name}).encoder == name
    complaint(lambda: DataOptions(data="glyphs", encoder=name, tokens=True).read_as(),
              f"encoder: '{name}' gives vectors; leave --tokens out")
