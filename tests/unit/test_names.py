"""Names in both spellings of Unicode, in other case, and with bytes that are no text."""

from __future__ import annotations

import os
import unicodedata

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

import crossalign as ca
from crossalign.data.side_information import read_side_information
from crossalign.data.splits.unseen import unseen_mask
from crossalign.names import folded, identifier, matched, one_spelling, written
from crossalign.types import Classes

NFC = ("café", "dog", "Ångström", "한국어", "नमस्ते")
NFD = tuple(unicodedata.normalize("NFD", name) for name in NFC)
BAD = os.fsdecode(b"caf\xe9")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


def folder_of(place, names, suffix="png"):
    rng = np.random.default_rng(len(str(place)))
    for name in names:
        (place / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(rng.integers(0, 255, (9, 9), dtype=np.uint8)).save(
                place / name / f"{i}.{suffix}")
    return place


# -- one name ----------------------------------------------------------------------------------
def test_both_spellings_of_unicode_are_one_name():
    for composed, parted in zip(NFC, NFD, strict=True):
        assert written(parted) == written(composed) == composed
    assert matched(NFD, NFC, "x") == matched(NFC, NFD, "x") == [0, 1, 2, 3, 4]


def test_bytes_that_are_no_text_are_shown_and_told_apart():
    other = os.fsdecode(b"caf\xe8")
    assert written(BAD) == written(other) == "caf\ufffd"
    assert (identifier(BAD), identifier(other)) == (r"caf\xe9", r"caf\xe8")
    written(BAD).encode("utf-8")
    identifier(BAD).encode("utf-8")


def test_a_name_that_is_equal_wins_over_one_that_is_alike():
    names = ["t shirt", "T-shirt", "DOG", "hot-air_balloon"]
    assert matched(["T-shirt", "t shirt", "dog", "Hot air balloon"], names, "x") == [1, 0, 2, 3]
    assert matched(["cow"], names, "x") == [None]
    complaint(lambda: matched(["T_SHIRT"], names, "unseen"), "unseen: 'T_SHIRT' may be 't shirt'",
              "'T-shirt'")
    assert folded("  Hot-Air__Balloon ") == "hot air balloon"


def test_words_keep_their_spelling_unless_one_stands_in_two():
    alone = np.array([NFD[0], "dog", NFD[0]])
    assert one_spelling(alone).tolist() == alone.tolist()      # so that their order stays
    mixed = np.array([NFD[0], "dog", NFC[0]])
    assert one_spelling(mixed).tolist() == [NFC[0], "dog", NFC[0]]
    assert one_spelling(mixed.reshape(3, 1)).shape == (3, 1)


# -- where names meet --------------------------------------------------------------------------
def test_unseen_classes_are_found_in_either_spelling_and_case(tmp_path):
    (tmp_path / "u.txt").write_text(f"{NFD[0]}\n{NFC[2].upper()}\n", encoding="utf-8-sig")
    for names in (NFC, NFD):
        np.testing.assert_array_equal(unseen_mask(tmp_path / "u.txt", names)[0],
                                      [True, False, True, False, False])
    mask, _ = unseen_mask(["T-shirt", "dog"], ["dog", "T-shirt", "t shirt", "cow"])
    np.testing.assert_array_equal(mask, [True, True, False, False])


def test_tables_of_attributes_are_matched_in_either_spelling(tmp_path):
    lines = ["class,a", *(f"{name},{i}" for i, name in enumerate(NFD))]
    (tmp_path / "a.csv").write_text("\n".join([lines[0], *lines[:0:-1]]), encoding="utf-8")
    rows, how = read_side_information(tmp_path / "a.csv", NFC, len(NFC))
    assert how == "by name"
    np.testing.assert_array_equal(rows[:, 0], range(len(NFC)))


def test_labels_in_both_spellings_are_one_class(tmp_path):
    image = np.random.default_rng(0).standard_normal((40, 3))
    labels = np.array([NFC[i % 5] if i < 20 else NFD[i % 5] for i in range(40)])
    np.savez(tmp_path / "x.npz", image=image, text=image, labels=labels)
    assert sorted(ca.load(tmp_path / "x.npz").classes.names) == sorted(NFC)


def test_words_find_their_classes_in_either_spelling():
    for names, words in ((NFC, NFD), (NFD, NFC)):
        classes = Classes(np.zeros((5, 2)), np.ones(5, bool), names)
        assert classes.rows(words[::-1]).tolist() == [4, 3, 2, 1, 0]


def test_sides_of_sketches_may_be_spelt_differently(tmp_path):
    folder_of(tmp_path / "sketch", NFC)
    folder_of(tmp_path / "photo", NFD)
    bench = ca.load(tmp_path, unseen=[NFD[1], NFC[2]])
    assert sorted(bench.classes.names) == sorted(NFC)
    assert bench.classes.unseen.sum() == 2


def test_two_folders_of_one_name_are_refused(tmp_path):
    folder = folder_of(tmp_path / "x", [NFC[0], NFD[0], "dog", "cow", "pig"])
    complaint(lambda: ca.load(folder), f"{NFC[0]!r}", "two spellings")


def test_a_folder_whose_name_is_no_text_is_shown_with_a_replacement(tmp_path):
    """All the way to the page and the saved report."""
    folder = folder_of(tmp_path / BAD, [BAD, "bee", "cow", "dog"])
    os.rename(folder / "bee" / "1.png", folder / "bee" / f"1{BAD}.png")
    bench = ca.load(folder)
    assert "caf\ufffd" in bench.classes.names
    assert bench.name == "caf\ufffd"
    report = ca.evaluate(ca.models.RidgeMap(), bench, tune=False)
    saved = report.save(tmp_path / "report.json")
    page = report.html(tmp_path / "report.html")
    assert "caf\ufffd" in saved.read_text(encoding="utf-8") or "\\ufffd" in saved.read_text()
    assert "caf\ufffd" in page.read_text(encoding="utf-8")
