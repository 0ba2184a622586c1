"""Files of word vectors and means of them, against arrays that were written by hand."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest

from crossalign.data_options import DataOptions
from crossalign.encoders import WordVectors

WORDS = ["red", "blue", "Paris", "café", "<unk>", "new_york"]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)


def text_of(words=WORDS, vectors=VECTORS, head=True, end="\n"):
    lines = [f"{len(words)} {vectors.shape[1]}"] * head
    lines += [" ".join([word, *(repr(float(n)) for n in row)])
              for word, row in zip(words, vectors, strict=True)]
    return "".join(line + end for line in lines).encode()


def binary_of(words=WORDS, vectors=VECTORS, between=b"\n"):
    parts = [word.encode() + b" " + row.astype("<f4").tobytes() + between
             for word, row in zip(words, vectors, strict=True)]
    return f"{len(words)} {vectors.shape[1]}\n".encode() + b"".join(parts)


FORMS = {"word2vec": text_of(), "glove": text_of(head=False), "blanks at ends": text_of(end=" \n"),
         "windows": text_of(end="\r\n"), "binary": binary_of(), "no breaks": binary_of(between=b""),
         "packed": gzip.compress(text_of()), "packed binary": gzip.compress(binary_of())}


def saved(place, content):
    place.write_bytes(content)
    return place


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_vectors_that_were_written(tmp_path, form):
    encoder = WordVectors(saved(tmp_path / "v", FORMS[form]))
    assert len(encoder) == len(WORDS)
    np.testing.assert_array_equal(encoder.encode(["red", "blue", "café"]), VECTORS[[0, 1, 3]])
    np.testing.assert_array_equal(encoder.vectors, VECTORS)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_binary_files_are_read_in_pieces(tmp_path, monkeypatch, chunk):
    words = [f"w{n}" for n in range(200)]
    vectors = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    monkeypatch.setattr("crossalign.encoders.word_vector_files.CHUNK", chunk)
    monkeypatch.setattr("crossalign.encoders.word_vector_files.LONGEST", 9)
    encoder = WordVectors(saved(tmp_path / "v.bin", binary_of(words, vectors)))
    np.testing.assert_array_equal(encoder.encode(words), vectors)


def test_a_text_is_the_mean_of_its_words_as_written_or_in_lower_case(tmp_path):
    encoder = WordVectors(saved(tmp_path / "v", text_of()))
    np.testing.assert_allclose(encoder.encode(["Red, red; Paris!", "BLUE"]), [
        (2 * VECTORS[0] + VECTORS[2]) / 3, VECTORS[1]], rtol=1e-6)
    tokens = WordVectors(tmp_path / "v", tokens=True)
    rows = tokens.encode(["Red, red; Paris!", "BLUE"])
    np.testing.assert_array_equal(rows[0], VECTORS[[0, 0, 2]])
    np.testing.assert_array_equal(rows[1], [VECTORS[1], np.zeros(4), np.zeros(4)])
    assert tokens.words(["Red, red; Paris!", "BLUE"]) == [["red", "red", "Paris"], ["blue"]]
    assert encoder.facts != tokens.facts
    assert encoder.encode([]).shape == (0, 4)
    with pytest.warns(UserWarning, match="1 of 1 are longer than the 64 words"):
        assert tokens.encode(["red " * 70]).shape == (1, 64, 4)


def test_words_without_a_vector_are_counted_and_named(tmp_path):
    encoder = WordVectors(saved(tmp_path / "v.txt", text_of()))
    with pytest.warns(UserWarning, match=r"3 of 4 words have no vector in 'v.txt', as "
                      r"\['green', 'paris'\], and were left out. 1 of 2 texts have no other"):
        rows = encoder.encode(["green red green", "paris"])
    np.testing.assert_array_equal(rows, [VECTORS[0], np.zeros(4)])
    with pytest.raises(ValueError, match="'green' has no word with a vector"):
        WordVectors(tmp_path / "v.txt", tokens=True).encode(["red", "green"])


def test_a_word_that_comes_again_has_its_first_vector(tmp_path):
    with pytest.warns(UserWarning, match="1 words of 'v' come again"):
        encoder = WordVectors(saved(tmp_path / "v", text_of(["red", "blue", "red"], VECTORS[:3])))
    np.testing.assert_array_equal(encoder.encode(["red", "blue"]), VECTORS[:2])


@pytest.mark.parametrize(("content", "says"), [
    (pickle.dumps({"red": [1.0]}), "is pickled, and pickles are never loaded"),
    (b"", "does not begin as one of them"), (b"some words\nand more\n", "does not begin"),
    (text_of()[:-80], "has in line 7 no word with 4 numbers"),
    (text_of() + b"more 1 2 3 4\n", "says that it has 6 words and has 7"),
    (text_of().replace(b"blue", b"bl\xffe"), "has in line 3 no word with 4 numbers"),
    (text_of(vectors=np.where(VECTORS > 1, np.nan, VECTORS)), "is not finite"),
    (binary_of()[:-9], "ends or is damaged behind word 5 of 6"),
    (binary_of() + b"more", "goes on behind its 6 words"),
    (gzip.compress(text_of())[:-12], "cannot be read"),
    (b"0 4\n", "says that it holds nothing"),
    (b"900000000000 300\nred 1 2\n", "of memory and")])
def test_damaged_files_are_refused_in_a_sentence(tmp_path, content, says):
    with pytest.raises(ValueError, match=says) as caught:
        WordVectors(saved(tmp_path / "v", content))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="there is no file"):
        WordVectors(tmp_path / "gone")


def test_a_file_is_named_on_the_command_line(tmp_path):
    file = saved(tmp_path / "v.vec", text_of())
    encoder = DataOptions(text_encoder=str(file), tokens=True).read_as()["text_encoder"]
    assert (encoder.file, encoder.tokens) == (file, True)
