"""Encoders by name are those that a user would open himself."""

from __future__ import annotations

import numpy as np
import pytest
from complaints import complaint
from shapes import picture_folder

import crossalign as ca
from crossalign.data import validate
from crossalign.encoders import Ink, open_encoders


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("shapes"), 6)


def test_a_name_reads_as_its_encoder_does(folder):
    named, own = (ca.load(folder, encoder=encoder) for encoder in ("ink+hog", Ink(True)))
    np.testing.assert_array_equal(named["train"]["image"], own["train"]["image"])
    assert named.protocol == own.protocol
    assert validate(folder, encoder="ink+hog") == validate(folder, encoder=Ink(True))


def test_no_names_open_nothing():
    assert open_encoders(None, None) == (None, None)


@pytest.mark.parametrize(("name", "fix"), [("nowhere.tflite", "nowhere.tflite"),
                                           ("package:crossalign_of_nowhere", "install it"),
                                           ("package:__main__", "install it"),
                                           ("raw:ink", "as it is"),
                                           ("x" * 5000, "cannot be opened"),
                                           ("nul\0", "cannot be opened")])
def test_a_name_of_nothing_is_one_sentence(folder, name, fix):
    with pytest.raises((ValueError, OSError)) as raised:
        ca.load(folder, encoder=name)
    assert fix in str(raised.value)
    assert "\n" not in str(raised.value)


def test_ink_has_no_tokens(folder):
    assert "vectors" in complaint(lambda: ca.load(folder, tokens=True, encoder="ink"))


def test_ink_reads_no_texts():
    """Asked for as texts, it is not looked for on a hub, which may have a network of that name."""
    for name in ("ink", "ink+pieces"):
        said = complaint(lambda name=name: open_encoders(name, name))
        assert said.startswith(f"text_encoder: {name!r} is no network and reads pictures alone")
