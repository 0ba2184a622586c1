"""Words of captions, also where a script writes no blanks."""

from __future__ import annotations

import pytest

from crossalign import metrics
from crossalign.tasks.caption_words import CaptionWords
from crossalign.words import joined, spoken_words


@pytest.mark.parametrize(("text", "words", "again"), [
    ("A red cat, 12th", ["a", "red", "cat", "12th"], "a red cat 12th"),
    ("疲れた顔", ["疲", "れ", "た", "顔"], "疲れた顔"),
    ("B型、コーヒー", ["b", "型", "コ", "ー", "ヒ", "ー"], "b型コーヒー"),
    ("ka\u304b\u3099 x y", ["ka", "が", "x", "y"], "kaがx y"),
    ("葛\U000e0100城", ["葛\U000e0100", "城"], "葛\U000e0100城"),
    ("müdes Gesicht", ["müdes", "gesicht"], "müdes gesicht"), ("", [], "")])
def test_characters_are_words_where_no_blanks_are_written(text, words, again):
    assert spoken_words(text) == words
    assert joined(words) == again
    assert spoken_words(again) == words
    known = CaptionWords.of([text])
    assert known.text(known.numbers(text)) == again


def test_captions_without_blanks_are_compared_by_characters():
    assert metrics.exact_match(["疲れた顔"], [["疲れた 顔"]]) == 1
    assert metrics.bleu(["疲れた顔"], [["疲れた犬"]], 2) > 0
    assert metrics.rouge_l(["疲れた顔"], [["疲れた犬"]]) == pytest.approx(0.75)
