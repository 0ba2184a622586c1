"""Captions of letters and questions about them, and how little the words alone give away."""

from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np
import pytest
from complaints import complaint
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.sources.glyphs.letters import QUESTION_TYPES, decompose
from crossalign.data.sources.glyphs.source import load_glyphs
from crossalign.encoders import Ink
from crossalign.metrics import (
    exact_match,
    normalised_answer,
    vqa_accuracy,
    vqa_accuracy_by_type,
)

TYPES = (*QUESTION_TYPES, "same letter", "same mark", "which has the mark")


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def captions(warm):
    return load_glyphs("caption")


@pytest.fixture(scope="module")
def vqa(warm):
    return load_glyphs("vqa")


def every(bench):
    """The benchmark and its validation."""
    return bench, bench.validation()


def letters_of(bench, views):
    """The letter of each sample, by the name of its class alone."""
    return [decompose(unicodedata.lookup(bench.classes.names[c])) for c in views.labels]


# -- captions ----------------------------------------------------------------------------------
def test_a_caption_is_the_name_of_the_letter(captions):
    for bench in every(captions):
        for views in bench.splits.values():
            names = [bench.classes.names[c].lower() for c in views.labels]
            assert bench.said.of(views) == tuple((name,) for name in names)
            assert exact_match(names, bench.said.of(views)) == 1


def test_captions_are_features_in_training_alone(captions):
    assert captions["train"].modalities == ("image", "text")
    assert captions["test_seen"].modalities == captions["test_unseen"].modalities == ("image",)
    text = captions["train"]["text"]                       # equal where and only where captions are
    told = [of[0] for of in captions.said.of(captions["train"])]
    _, by_row = np.unique(text, axis=0, return_inverse=True)
    _, by_caption = np.unique([name.replace("-", " ") for name in told], return_inverse=True)
    assert len(set(zip(by_row, by_caption, strict=True))) == len(set(by_caption)) == len(
        set(by_row))


def test_unseen_captions_are_new_and_their_words_are_not(captions):
    """All but one word: "short i" is the name of one base with one mark, and of nothing else."""
    for bench in every(captions):
        trained = {of[0] for of in bench.said.of(bench["train"])}
        unseen = {of[0] for of in bench.said.of(bench["test_unseen"])}
        assert not trained & unseen
        words = {word for name in trained for word in name.split()}
        assert {word for name in unseen for word in name.split()} - words <= {"short"}


def test_every_caption_is_a_letter_and_a_mark_of_captions_of_training(captions):
    for bench in every(captions):
        letters, marks = bench.said.parts
        allowed = {f"{letter} {mark}" for letter in letters for mark in marks}
        told = {of[0] for of in bench.said.of(bench["train"])}
        assert {text.partition(" with ")[0] for text in told} == set(letters)
        assert {text[len(text.partition(" with ")[0]) + 1:] for text in told} == set(marks)
        for split in bench.splits:
            beyond = {of[0] for of in bench.said.of(bench[split])} - {
                f"{letter} {mark}".strip() for letter in letters for mark in marks}
            assert all(text.endswith("short i") for text in beyond)         # have no mark in it
            assert split != "train" or not beyond
        assert len(allowed) > 2 * len({of[0] for of in bench.said.texts})
        assert bench.protocol["parts"] == [len(letters), len(marks)]


def test_retrieving_the_nearest_caption_never_says_an_unseen_one(captions):
    train, test = captions["train"], captions["test_unseen"]
    nearest = ((test["image"][:50, None] - train["image"][None]) ** 2).sum(axis=2).argmin(axis=1)
    told = captions.said.of(train)
    assert exact_match([told[i][0] for i in nearest], captions.said.of(test)[:50]) == 0


def test_pictures_are_those_of_recognition(captions, vqa):
    recognition = load_glyphs()
    for bench in (captions, vqa):
        assert bench.protocol["split_id"] == recognition.protocol["split_id"]
        for split, views in recognition.splits.items():
            np.testing.assert_array_equal(bench[split]["image"], views["image"])
            np.testing.assert_array_equal(bench[split].labels, views.labels)


# -- questions ---------------------------------------------------------------------------------
def answer(text, kind, first, second):
    """The answer to a question, by Unicode alone."""
    base = [unicodedata.normalize("NFD", x.character)[0].lower() for x in (first, second) if x]
    mark = [x.mark_name for x in (first, second) if x]
    if kind == "same letter":
        return "yes" if base[0] == base[1] else "no"
    if kind == "same mark":
        return "yes" if mark[0] == mark[1] else "no"
    if kind == "which has the mark":
        asked = text.removeprefix("which has the ").partition(",")[0]
        assert mark.count(asked) == 1
        return ("first", "second")[mark.index(asked)]
    return {"letter": base[0], "mark": mark[0], "place": first.position,
            "capital": "yes" if first.character.isupper() else "no",
            "script": first.name.split()[0].lower()}[kind]


def test_every_answer_is_what_unicode_says(vqa):
    for bench in every(vqa):
        for views in bench.splits.values():
            asked, of = bench.said.of(views), letters_of(bench, views)
            rows = asked.rows(views)
            assert set(asked.types) == set(TYPES)
            for text, kind, answers, (i, j) in zip(asked.texts, asked.types, asked.answers, rows,
                                                   strict=True):
                assert (j >= 0) == (kind in TYPES[5:])
                second = of[j] if j >= 0 else None
                assert answers == (answers[0],)
                assert normalised_answer(answers[0]) == answer(text, kind, of[i], second)


def test_no_question_is_about_pictures_of_two_splits(vqa):
    for bench in every(vqa):
        apart = sum(len(bench.said.of(views)) for views in bench.splits.values())
        assert apart == len(bench.said)
    trained = set(vqa["train"].ids.tolist())
    inner = vqa.validation()
    assert all(trained.issuperset(of) for of in inner.said.pictures)


def test_answers_of_few_kinds_are_equally_frequent(vqa):
    for bench in every(vqa):
        for views in bench.splits.values():
            asked = bench.said.of(views)
            for kind in TYPES[2:]:
                counts = Counter(of[0] for of, k in zip(asked.answers, asked.types, strict=True)
                                 if k == kind)
                assert max(counts.values()) - min(counts.values()) <= (
                    0 if kind in QUESTION_TYPES else 3)


def test_letter_and_mark_of_two_pictures_are_independent(vqa):
    """What one question about two pictures has as its answer says nothing about the other's."""
    for views in vqa.splits.values():
        asked, of = vqa.said.of(views), letters_of(vqa, views)
        both = [(of[i], of[j]) for i, j in asked.rows(views)]
        for kind in ("same letter", "same mark"):
            cells = Counter((a.base.lower() == b.base.lower(), a.mark == b.mark)
                            for (a, b), k in zip(both, asked.types, strict=True) if k == kind)
            assert len(cells) == 4
            assert max(cells.values()) - min(cells.values()) <= 1


def test_words_alone_answer_little(vqa):
    """The most frequent training answer to the same words, which is all that words can give."""
    train = vqa.said.of(vqa["train"])
    best: dict[str, Counter[str]] = {}
    for text, answers in zip(train.texts, train.answers, strict=True):
        best.setdefault(text, Counter())[normalised_answer(answers[0])] += 1
    for split in ("test_seen", "test_unseen"):
        asked = vqa.said.of(vqa[split])
        said = [best[text].most_common(1)[0][0] for text in asked.texts]
        assert vqa_accuracy(said, asked.answers) < 1 / 3
        by_type = vqa_accuracy_by_type(said, asked.answers, asked.types)
        assert by_type["capital"] == 0.5
        assert all(0.45 < by_type[kind] < 0.55 for kind in TYPES[5:])
        assert by_type["letter"] < 0.2
        assert by_type["mark"] < 0.2
        assert by_type["place"] == by_type["script"] == pytest.approx(1 / 3)


def test_every_answer_of_the_test_is_one_of_training(vqa):
    known = {normalised_answer(of[0]) for of in vqa.said.of(vqa["train"]).answers}
    for split in ("test_seen", "test_unseen"):
        assert {normalised_answer(of[0]) for of in vqa.said.of(vqa[split]).answers} <= known


def test_the_same_seed_asks_the_same_and_another_does_not(vqa):
    assert load_glyphs("vqa").said == vqa.said
    assert load_glyphs("vqa").validation().said == vqa.validation().said
    other = load_glyphs("vqa", seed=1)
    assert other.said != vqa.said
    assert other.protocol["said"] != vqa.protocol["said"]


def test_unseen_letters_can_be_chosen_and_variants_cannot(warm):
    names = ["LATIN SMALL LETTER E WITH ACUTE", "LATIN SMALL LETTER O WITH ACUTE"]
    bench = load_glyphs("caption", unseen=names)
    assert set(bench.said.of(bench["test_unseen"])) == {(name.lower(),) for name in names}
    complaint(lambda: data.load("glyphs:sketch", "caption"), "task: got 'caption'")
    assert load_glyphs("caption", tokens=True)["train"].kind("text") == "tokens"


def test_encoders_read_the_same_captions_and_questions(captions, vqa):
    """Ids of raw drawings are names; what is said of each is the same."""
    for own in (captions, vqa):
        raw = data.load("glyphs", own.task, encoder=Ink())
        assert raw.protocol["split_id"] == own.protocol["split_id"]
        assert raw["train"].modalities == own["train"].modalities
        for split, views in own.splits.items():
            of, told = raw.said.of(raw[split]), own.said.of(views)
            if own is captions:
                assert of == told
            else:
                assert (of.texts, of.answers, of.types) == (told.texts, told.answers, told.types)
                assert of.rows(raw[split]).tolist() == told.rows(views).tolist()
    complaint(lambda: data.load("glyphs", "retrieval", encoder=Ink()), "encoder: ")


def test_data_validate_counts_what_is_said(warm):
    ran = CliRunner().invoke(app, ["data", "validate", "glyphs", "--task", "vqa"])
    assert ran.exit_code == 0, ran.output
    assert "ok  questions: train 26322, test_seen 8774, test_unseen 2085" in ran.output
    assert "ok  types: train (letter 6228, mark 6228," in ran.output
