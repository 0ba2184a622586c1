"""Many items to rows: in shards that outlive a kill, against a loop over single items."""

from __future__ import annotations

import os
import signal
import warnings

import numpy as np
import pytest

from crossalign.encoders import shards as shards_file
from crossalign.encoders.blocks import Encoding
from crossalign.encoders.encode import encode_items, row_key

N, SHARD, PART = 23, 10, 5


@pytest.fixture(autouse=True)
def small_shards(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shards_file, "SHARD", SHARD)
    monkeypatch.setattr(shards_file, "PART", PART)
    return tmp_path / "cache"


class Squares:
    """Rows of numbers; every block that is encoded is a line of a file."""

    def __init__(self, book, tokens=False):
        self.book, self.tokens, self.facts = book, tokens, {"encoder": "squares", "tokens": tokens}

    def encode(self, numbers):
        with self.book.open("a") as book:
            print(len(numbers), file=book)
        rows = np.array([[n, n * n] for n in numbers], np.float32)
        return np.stack([rows, rows + 1, rows + 2], axis=1) if self.tokens else rows

    @property
    def encoded(self):
        return sum(map(int, self.book.read_text().split())) if self.book.exists() else 0


def contents(items):
    return np.asarray(items, np.uint64)


def encoded(items, encoder, read=None, keep=True, log=None, **how):
    return encode_items(items, contents([abs(hash(item)) for item in items]), Encoding(
        encoder.encode, "numbers", read, block=2, **how),
        row_key("numbers", encoder) if keep else None, log)


def files_of(cache):
    return sorted(cache.glob("*.npy")) if cache.exists() else []


@pytest.mark.parametrize("tokens", [False, True])
def test_rows_are_those_of_a_loop_and_are_encoded_once(tmp_path, small_shards, tokens):
    encoder = Squares(tmp_path / "book", tokens)
    want = np.concatenate([Squares(tmp_path / "other", tokens).encode([n]) for n in range(N)])
    for _ in range(2):
        rows = encoded(range(N), encoder).rows
        np.testing.assert_array_equal(rows, want)
        assert isinstance(rows, np.memmap) == tokens
        assert encoder.encoded == N
    assert len(files_of(small_shards)) == (1 if tokens else 3)      # tokens stand in one file
    np.testing.assert_array_equal(encoded(range(N), encoder, keep=False).rows, want)
    assert encoder.encoded == 2 * N


def test_shards_go_by_content_and_facts(tmp_path, small_shards):
    encoder = Squares(tmp_path / "book")
    encoded(range(N), encoder)
    file = max(files_of(small_shards), key=lambda file: file.stat().st_size)
    whole = file.read_bytes()
    file.write_bytes(whole[:-50] + bytes([whole[-50] ^ 1]) + whole[-49:])
    np.testing.assert_array_equal(encoded(range(N), encoder).rows[:, 1], np.arange(N) ** 2)
    assert encoder.encoded == N + SHARD                  # the damaged one alone
    encoded(range(N + 4), encoder)                       # the last, of 3, is now one of 7
    assert encoder.encoded == N + SHARD + 7
    encoder.facts = {"encoder": "others"}
    encoded(range(N), encoder)
    assert encoder.encoded == N + SHARD + 7 + N


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.parametrize(("tokens", "block"), [(False, 1), (False, 5), (False, 8), (True, 12)])
def test_after_a_kill_it_goes_on_at_the_part_that_was_not_finished(tmp_path, tokens, block):
    """A part of five is three blocks, so the n-th block is of part (n - 1) // 3."""
    encoder, lines = Squares(tmp_path / "book", tokens), []
    child = os.fork()
    if child == 0:
        encode, count = encoder.encode, 0

        def dying(numbers):
            nonlocal count
            count += 1
            if count == block:
                os.kill(os.getpid(), signal.SIGKILL)
            return encode(numbers)

        encoder.encode = dying
        try:
            encoded(range(N), encoder)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    before, finished = encoder.encoded, PART * ((block - 1) // 3)
    rows = encoded(range(N), encoder, log=lines.append).rows
    assert encoder.encoded - before == N - finished
    said = [f"going on: {finished} of {N} numbers were encoded before"] if finished else []
    assert lines == said
    clean = Squares(tmp_path / "clean", tokens)
    np.testing.assert_array_equal(rows, encoded(range(N), clean, keep=False).rows)


@pytest.mark.parametrize("keep", [True, False])
def test_items_that_cannot_be_read_are_noted_and_have_no_row(tmp_path, keep):
    closed = {0, 5, 6, 7, 8, 9, 22}                      # a whole part among them

    def read(number):
        return (None, [("not_read", f"torn {number}")]) if number in closed else (
            number, [("small", "it is small")] if number == 3 else [])

    encoder = Squares(tmp_path / "book")
    for _ in range(2):
        rows, notes = encoded(range(N), encoder, read, keep)
        np.testing.assert_array_equal(rows[:, 0], [n for n in range(N) if n not in closed])
        assert notes == sorted([[n, "not_read", f"torn {n}"] for n in closed]
                               + [[3, "small", "it is small"]])
    assert encoder.encoded == (N - len(closed)) * (1 if keep else 2)
    none, notes = encoded([5, 6], encoder, read, keep)
    assert len(none) == 0
    assert [n for n, *_ in notes] == [0, 1]


def test_blocks_of_texts_differ_in_length_and_get_zeros_behind(tmp_path):
    class Letters(Squares):
        def encode(self, texts):
            super().encode([0] * len(texts))
            rows = np.zeros((len(texts), max(map(len, texts)), 1), np.float32)
            for row, text in zip(rows, texts, strict=True):
                row[:len(text), 0] = [ord(letter) for letter in text]
            return rows

    texts = ["a" * (1 + n * 7 % 11) for n in range(N)]
    encoder = Letters(tmp_path / "book", True)
    want = Letters(tmp_path / "other").encode(texts)
    for keep in (True, True, False):
        rows = encode_items(texts, contents(range(N)), Encoding(
            encoder.encode, "texts", block=2, ragged=True),
            row_key("texts", encoder) if keep else None).rows
        np.testing.assert_array_equal(rows, want)
    assert encoder.encoded == 2 * N


def test_a_warning_is_given_again_where_rows_were_kept(tmp_path):
    class Cutting(Squares):
        def encode(self, numbers):
            warnings.warn("texts: some are longer and were cut.", stacklevel=2)
            return super().encode(numbers)

    encoder = Cutting(tmp_path / "book")
    for _ in range(2):
        with pytest.warns(UserWarning, match="were cut") as caught:
            notes = encoded(range(N), encoder).notes
        assert (len(caught), notes) == (1, [])
    assert encoder.encoded == N
