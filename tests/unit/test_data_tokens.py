"""Token rows: padding, moments, and glyphs as patches and words."""

from __future__ import annotations

import hashlib
from functools import partialmethod

import numpy as np
import pytest

from crossalign import data
from crossalign.data.sources.glyphs.source import load_glyphs
from crossalign.encoders.char_ngrams import WORD, word_tokens, word_vector
from crossalign.encoders.gradients import oriented_gradients
from crossalign.encoders.patches import patch_tokens
from crossalign.preprocessing.tokens import lengths_mask, real_rows, token_moments, vector_rows
from crossalign.types import Views


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# -- rows --------------------------------------------------------------------------------------
def test_a_token_of_zeros_is_a_token_unless_a_mask_hides_it(rng, tmp_path):
    tokens = rng.standard_normal((3, 4, 2)).astype(np.float32)
    tokens[1, 2:] = 0
    mask = lengths_mask([4, 2, 4])
    np.testing.assert_array_equal(mask.sum(axis=1), [4, 2, 4])
    np.save(tmp_path / "text.npy", tokens)
    for values in (tokens, np.load(tmp_path / "text.npy", mmap_mode="r")):
        whole, masked = Views({"text": values}), Views({"text": values}, masks={"text": mask})
        for views, real in ((whole, np.ones((3, 4), bool)), (masked, mask)):
            rows = np.concatenate([x for _, x in real_rows(views, "text").blocks()])
            np.testing.assert_array_equal(rows, tokens[real])
            means = np.concatenate([x for _, x in vector_rows(views, "text").blocks()])
            np.testing.assert_allclose(
                means, [x[r].mean(axis=0) for x, r in zip(tokens, real, strict=True)], rtol=1e-5)


def test_lengths_say_which_tokens_are_real():
    np.testing.assert_array_equal(lengths_mask([2, 0], 3), [[1, 1, 0], [0, 0, 0]])
    assert lengths_mask([]).shape == (0, 0)


@pytest.mark.parametrize("n", [7, 2500])
def test_moments_are_those_of_real_tokens(rng, n, tmp_path, monkeypatch):
    monkeypatch.setattr(Views, "blocks", partialmethod(Views.blocks, numbers=3000))
    tokens = (5 + rng.standard_normal((n, 4, 3)) * [0, 1, 10]).astype(np.float32)
    mask = np.arange(4) < rng.integers(1, 5, n)[:, None]
    tokens[~mask] = 0
    np.save(tmp_path / "text.npy", tokens)
    mapped = np.load(tmp_path / "text.npy", mmap_mode="r")
    for values in (tokens, mapped):
        mean, deviation = token_moments(Views({"text": values}, masks={"text": mask}), "text")
        np.testing.assert_allclose(mean, tokens[mask].mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(deviation, [1, *tokens[mask].std(axis=0)[1:]], rtol=1e-4)
    flat = Views({"text": tokens[:, 0]})
    np.testing.assert_allclose(token_moments(flat, "text")[0], tokens[:, 0].mean(axis=0), rtol=1e-4)


def test_tokens_on_disk_that_a_mask_hides_do_not_count(rng, tmp_path):
    tokens, mask = rng.normal(size=(2, 3, 4)), np.array([[True, False, True], [True] * 3])
    np.save(tmp_path / "text.npy", tokens)
    views = Views({"text": np.load(tmp_path / "text.npy", mmap_mode="r")}, masks={"text": mask})
    np.testing.assert_allclose(token_moments(views, "text")[0], tokens[mask].mean(axis=0),
                               rtol=1e-4)


def test_tokens_in_memory_that_a_mask_hides_are_read_as_zeros(rng):
    tokens, mask = rng.normal(size=(2, 3, 4)), np.array([[True, False, True], [True] * 3])
    np.testing.assert_array_equal(
        (Views({"text": tokens}, masks={"text": mask})["text"] != 0).any(axis=2), mask)


# -- patches and words -------------------------------------------------------------------------
def test_patches_of_pixels_are_cut_out_row_by_row(rng):
    pictures = rng.random((2, 32, 32), dtype=np.float32)
    tokens = patch_tokens(pictures, "pixels")
    assert tokens.shape == (2, 16, 66)
    for row, column in ((0, 0), (0, 3), (2, 1), (3, 3)):
        patch = pictures[1, 8 * row:8 * row + 8, 8 * column:8 * column + 8]
        found = tokens[1, 4 * row + column]
        np.testing.assert_array_equal(found[:64], patch.ravel())
        np.testing.assert_allclose(found[64:], [(row + 1) / 4, (column + 1) / 4], rtol=1e-6)


def test_patches_of_gradients_are_their_four_cells(rng):
    pictures = rng.random((2, 32, 32), dtype=np.float32)
    cells = oriented_gradients(pictures, cell=4, bins=8).reshape(2, 8, 8, 8)
    tokens = patch_tokens(pictures)
    assert tokens.shape == (2, 16, 34)
    for row, column in ((0, 0), (2, 1), (3, 3)):
        found = tokens[0, 4 * row + column, :32].reshape(2, 2, 8)
        np.testing.assert_array_equal(found, cells[0, 2 * row:2 * row + 2,
                                                   2 * column:2 * column + 2])


def test_no_patch_is_all_zeros():
    assert (patch_tokens(np.zeros((1, 32, 32))) != 0).any(axis=2).all()


def test_words_are_unit_vectors_of_their_letters():
    words = ["capital", "a", "b", "double", "acute", "grave", "with", "small"]
    vectors = np.stack([word_vector(w) for w in words])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(words)), atol=0.35)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    assert word_vector("oblique") @ word_vector("obliques") > 0.5        # common pieces
    bits = int.from_bytes(hashlib.blake2b(b"<a>", digest_size=16).digest(), "big")
    signs = "".join("1" if value > 0 else "0" for value in word_vector("a"))
    assert signs == f"{bits:0128b}"                                      # its only piece


def test_documents_are_words_in_order():
    tokens = word_tokens(["small a", "small letter b"])
    assert tokens.shape == (2, 3, WORD)
    np.testing.assert_array_equal((tokens != 0).any(axis=2), [[True, True, False], [True] * 3])
    np.testing.assert_array_equal(tokens[0, 0], tokens[1, 0])
    np.testing.assert_allclose(tokens[1, 2], word_vector("b"), rtol=1e-6)


# -- glyphs ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def benches():
    return {"retrieval": data.load("glyphs", "retrieval"),
            "tokens": data.load("glyphs", "retrieval", tokens=True),
            "sketch-tokens": data.load("glyphs:sketch", tokens=True)}


def test_token_benchmarks_have_the_splits_of_the_vectors(benches):
    vectors, tokens = benches["retrieval"], benches["tokens"]
    assert tokens.task == "retrieval"
    assert tokens.modalities == ("image", "text")
    for split in ("train", "query", "gallery"):
        np.testing.assert_array_equal(tokens[split].ids, vectors[split].ids)
        np.testing.assert_array_equal(tokens[split].truth, vectors[split].truth)
        assert tokens[split]["image"].shape[1:] == (16, 34)
        words = [len(text.split()) for text in tokens[split].meta["show:text"]]
        np.testing.assert_array_equal(tokens[split].masks["text"].sum(axis=1), words)
    assert tokens.protocol["split_id"] == vectors.protocol["split_id"]
    assert "patches" in tokens.protocol["features"]
    assert "hashed" in tokens.protocol["text_features"]
    assert benches["sketch-tokens"].modalities == ("sketch", "image")
    assert benches["sketch-tokens"]["query"]["sketch"].shape[1:] == (16, 34)
    validation = tokens.validation()
    assert validation["train"]["text"].shape[2] == WORD


def test_a_text_is_the_tokens_of_its_name(benches):
    query = benches["tokens"]["query"]
    expected = word_tokens([query.meta["show:text"][5]])[0]
    np.testing.assert_array_equal(query["text"][5][query.masks["text"][5]], expected)


def test_a_page_can_tell_what_the_tokens_are_of(benches):
    """Words whose vectors are the text, and as many patches as the grid has."""
    query = benches["tokens"]["query"]
    words, real = [text.split() for text in query.meta["words:text"]], query.masks["text"]
    assert [len(each) for each in words] == real.sum(axis=1).tolist()
    for row in (0, 5, len(query) - 1):
        vectors = np.stack([word_vector(word) for word in words[row]])
        np.testing.assert_allclose(query["text"][row][real[row]], vectors, rtol=1e-6)
    sketch = benches["sketch-tokens"]["gallery"]
    for views, m in ((query, "image"), (sketch, "image"), (sketch, "sketch")):
        assert (views.meta[f"grid:{m}"].prod(axis=1) == views[m].shape[1]).all()
    assert not [name for name in benches["retrieval"]["query"].meta if name[:4] in ("grid", "word")]


def test_pixels_as_tokens(benches):
    bench = load_glyphs("retrieval", features="pixels", tokens=True)
    query = bench["query"]
    assert query["image"].shape[1:] == (16, 66)
    picture = 1 - query.meta["show:image"][3].astype(np.float32) / 255
    np.testing.assert_allclose(query["image"][3, 6, :64].reshape(8, 8), picture[8:16, 16:24],
                               atol=1e-6)
