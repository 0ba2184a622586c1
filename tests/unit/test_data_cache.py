"""Rows kept on disk: whole or not there, by content and code, checked to the bit."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from crossalign import data
from crossalign.data.sources.picture_folder.source import load_picture_folder
from crossalign.encoders import HOG
from crossalign.encoders.cache import cached_arrays, cached_rows
from crossalign.fingerprints import file_digest

KEY = {"name": "toy"}
BLOCKS = [(np.arange(24, dtype=np.float32).reshape(2, 3, 4), [[0, "kind", "é"]]),
          (None, [[2, "x"]]),
          (np.zeros((1, 3, 4), np.float32), [])]
ROWS, NOTES = np.concatenate([BLOCKS[0][0], BLOCKS[2][0]]), [[0, "kind", "é"], [2, "x"]]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never():
    pytest.fail("built again")


def test_rows_and_notes_come_back_as_they_were():
    for build in (lambda: iter(BLOCKS), never):
        rows, notes = cached_rows(KEY, build)
        assert isinstance(rows, np.memmap)
        np.testing.assert_array_equal(rows, ROWS)
        assert notes == NOTES


def test_kept_rows_are_whole_or_not_there(cache, monkeypatch):
    def interrupted():
        yield BLOCKS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_rows(KEY, interrupted)
    assert list(cache.iterdir()) == []
    with pytest.raises(ValueError, match="gave no row"):
        cached_rows(KEY, lambda: iter(BLOCKS[1:2]))
    monkeypatch.setenv("CROSSALIGN_CACHE", "/dev/null/no-folder")
    rows, notes = cached_rows(KEY, lambda: iter(BLOCKS))
    assert not isinstance(rows, np.memmap)
    np.testing.assert_array_equal(rows, ROWS)
    assert notes == NOTES


def test_a_flipped_bit_anywhere_is_found_and_the_rows_are_made_anew(cache):
    cached_rows(KEY, lambda: iter(BLOCKS))
    file = next(cache.iterdir())
    whole = file.read_bytes()
    for place in [*range(0, len(whole), 7), *range(len(whole) - 20, len(whole))]:
        file.unlink()                                          # a map of it stays as it was
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
        built = []
        rows, notes = cached_rows(KEY, lambda built=built: built.append(1) or iter(BLOCKS))
        assert built, place
        np.testing.assert_array_equal(rows, ROWS)
        assert notes == NOTES
    for content in (b"", whole[:150], whole[:-1], whole + b"\0", b"no array at all" * 9):
        file.unlink()
        file.write_bytes(content)
        np.testing.assert_array_equal(cached_rows(KEY, lambda: iter(BLOCKS)).rows, ROWS)
    assert cached_rows(KEY, never).notes == NOTES


def test_flipped_bits_of_kept_arrays_are_found(cache):
    cached_arrays(KEY, lambda: {"x": np.arange(50.0)})
    file = next(cache.iterdir())
    whole = bytearray(file.read_bytes())
    for place in range(130, 500, 11):                          # within the values
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1:])
        built = cached_arrays(KEY, lambda: {"x": np.arange(50.0)})
        np.testing.assert_array_equal(built["x"], np.arange(50.0))


def test_two_that_write_at_once_both_get_whole_rows(cache):
    def slowly():
        for block in BLOCKS:
            time.sleep(0.002)
            yield block

    with ThreadPoolExecutor(8) as pool:
        for found in [pool.submit(cached_rows, KEY, slowly) for _ in range(16)]:
            np.testing.assert_array_equal(found.result().rows, ROWS)
    assert [file.suffix for file in cache.iterdir()] == [".npy"]


# -- features of pictures ----------------------------------------------------------------------
def folder_of(place, seed):
    """Pictures without compression, with the dates that a reproducible archive gives them."""
    rng = np.random.default_rng(seed)
    for name in ("ant", "bee", "cat", "dog"):
        (place / name).mkdir(parents=True)
        for i in range(4):
            file = place / name / f"{i}.bmp"
            Image.fromarray(rng.integers(0, 255, (32, 32), dtype=np.uint8)).save(file)
            os.utime(file, (315532800, 315532800))
    return place


def test_folders_with_equal_names_sizes_and_times_have_their_own_features(tmp_path):
    one, two = (data.load(folder_of(tmp_path / name, seed))
                for seed, name in enumerate(("one", "two")))
    fresh = load_picture_folder(tmp_path / "two", cache=False)
    assert not np.array_equal(one["train"]["image"], two["train"]["image"])
    np.testing.assert_array_equal(two["train"]["image"], fresh["train"]["image"])
    assert one.protocol["features"]["sha256"] != two.protocol["features"]["sha256"]
    assert two.protocol == fresh.protocol


def test_a_picture_changed_in_place_is_encoded_again(tmp_path):
    folder = folder_of(tmp_path / "one", 0)
    first = data.load(folder)
    file = folder / first["train"].ids[0]
    Image.fromarray(np.full((32, 32), 9, np.uint8)).save(file)
    os.utime(file, (315532800, 315532800))
    again = data.load(folder)
    assert not np.array_equal(again["train"]["image"][0], first["train"]["image"][0])
    np.testing.assert_array_equal(again["train"]["image"][1:], first["train"]["image"][1:])


def test_fingerprints_are_of_contents_texts_and_encoders(tmp_path):
    class Other(HOG):
        facts = {"encoder": "other"}                           # noqa: RUF012

    folder = folder_of(tmp_path / "one", 0)
    prints = [data.load(folder).protocol["features"]["sha256"],
              data.load(folder, encoder=Other()).protocol["features"]["sha256"],
              data.load(folder, tokens=True).protocol["features"]["sha256"]]
    (folder / "ant" / "0.txt").write_text("a red ant")
    prints.append(data.load(folder).protocol["features"]["sha256"])
    assert len(set(prints)) == 4
    assert data.load(folder).protocol["features"]["sha256"] == prints[-1]


def test_fingerprints_of_large_files_are_of_all_their_bytes(tmp_path, monkeypatch):
    """A change in the middle counts, and a file that is not larger than a piece keeps its print."""
    monkeypatch.setattr("crossalign.fingerprints.PIECE", 1000)
    content = np.random.default_rng(0).bytes(3500)
    (tmp_path / "a.npy").write_bytes(content)
    pieces = b"".join(hashlib.sha256(content[i:i + 1000]).digest() for i in range(0, 3500, 1000))
    first = file_digest(tmp_path / "a.npy")
    assert first == hashlib.sha256(b"3500" + pieces).hexdigest()[:16]
    for place in (0, 999, 1700, 3499):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1:]
        (tmp_path / "b.npy").write_bytes(changed)
        assert file_digest(tmp_path / "b.npy") != first
    (tmp_path / "c.npy").write_bytes(content[:1000])
    assert file_digest(tmp_path / "c.npy") == hashlib.sha256(content[:1000]).hexdigest()[:16]
