"""Encoding by Ray Data gives the files and rows of this process, to the byte."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

import crossalign as ca
from crossalign.data_options import DataOptions, remembered_options
from crossalign.encoders import HOG
from crossalign.encoders.blocks import Encoding
from crossalign.encoders.encode import encode_items
from crossalign.encoders.engines import Local, opened_engine


@pytest.fixture
def folder(tmp_path):
    """Five blocks of pictures in four classes, one of which cannot be read."""
    rng = np.random.default_rng(0)
    for name in "abcd":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(70):
            Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(
                tmp_path / "pictures" / name / f"{i}.png")
    (tmp_path / "pictures" / "a" / "torn.png").write_bytes(b"torn")
    return tmp_path / "pictures"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    def at(name):
        monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / name))
        return lambda: {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}

    return at


class Refusing(HOG):
    """An encoder that refuses all."""

    def encode(self, pictures):
        raise ValueError(f"pictures: got {len(pictures)}; give none.")


class Codes:
    """Texts as lengths and first letters; blocks of their own length of tokens."""

    tokens, facts = True, {"encoder": "codes"}

    def encode(self, texts):
        rows = np.zeros((len(texts), max(map(len, texts)), 1), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:len(text), 0] = [ord(letter) for letter in text]
        return rows


def test_ray_gives_what_this_process_gives(folder, cache):
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    import ray

    here = cache("here")
    want = ca.load(folder)
    before, said = here(), []
    with opened_engine("ray") as engine:
        there = cache("there")
        found = ca.load(folder, engine="ray", log=said.append)
        assert there() == before
        assert ray.is_initialized()                       # who started it ends it
        texts = [chr(0xd800 + i % 5) + "x" * (i % 7) for i in range(20)]
        rows = [encode_items(texts, np.arange(20, dtype=np.uint64), Encoding(
            Codes().encode, "texts", block=3, ragged=True), engine=of).rows
            for of in (engine, Local())]
        np.testing.assert_array_equal(rows[0], Codes().encode(texts))
        np.testing.assert_array_equal(*rows)
        cache("refused")
        complaint(lambda: ca.load(folder, encoder=Refusing(), engine="ray"), "pictures: got 64")
    assert not ray.is_initialized()
    assert any("torn.png" in line for line in said)
    for split, views in want.splits.items():
        np.testing.assert_array_equal(found[split]["image"], views["image"])


def test_an_engine_that_is_not_there_is_one_sentence(folder, monkeypatch):
    for name in ("spark", "ray:", "local:here"):
        complaint(partial(ca.load, folder, engine=name), "engine: got", "local, ray or ray:ADDRESS")
    complaint(partial(ca.load, "synthetic", engine="ray"), "engine: 'synthetic' has no raw")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'crossalign\[ray\]'"):
        ca.load(folder, engine="ray")


def test_a_model_does_not_remember_where_its_data_were_encoded():
    assert "engine" not in DataOptions(data="glyphs", engine="ray").remembered()
    complaint(lambda: remembered_options({"engine": "ray"}), "remembers 'engine'")
