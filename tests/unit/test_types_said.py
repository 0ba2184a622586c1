"""Captions and questions: what they refuse, and what of them belongs to a split."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from complaints import complaint

from crossalign.data import load
from crossalign.fingerprints import benchmark_fingerprint
from crossalign.types import Benchmark, Captions, Classes, Questions, Views

CAPTIONS = Captions(("a", "b", "c", "d"), (("a cat",), ("a dog", "one dog"), ("a bee",), ("eel",)))
QUESTIONS = Questions(("what is it?", "same?", "is it a dog?", "same?"),
                      (("cat",), ("no",), ("yes", "yes", "yes", "no"), ("yes",)),
                      ("name", "two", "yes/no", "two"), (("a",), ("b", "a"), ("b",), ("c", "d")))


def views(*ids, labels=None):
    return Views({"image": np.zeros((len(ids), 2))}, labels, ids=list(ids))


def bench(task="caption", said=CAPTIONS, **changes):
    splits = {"train": views("b", "a", labels=[0, 0]),
              "test_unseen": views("c", "d", labels=[1, 1])}
    return replace(Benchmark("toy", task, splits, Classes(np.eye(2), [True, False]), said=said),
                   **changes)


def test_captions_come_in_the_order_of_the_samples():
    assert CAPTIONS.of(views("d", "b")) == (("eel",), ("a dog", "one dog"))
    assert CAPTIONS.of(views("b", "a")[[1, 0, 0]]) == (
        ("a cat",), ("a dog", "one dog"), ("a dog", "one dog"))
    complaint(lambda: CAPTIONS.of(views("a", "x")), "captions: the sample 'x' has none")


def test_parts_of_captions_are_kept_and_counted():
    made = replace(CAPTIONS, parts=[["a", "one"], ["cat", "dog"]])
    assert made.parts == (("a", "one"), ("cat", "dog"))
    assert Captions.from_plain(json.loads(json.dumps(made.plain()))) == made
    assert made.counts({"train": views("a", "b")}) == {"captions": {"train": 3}, "parts": [2, 2]}
    assert "parts" not in CAPTIONS.plain()
    assert Captions.from_plain(CAPTIONS.plain()) == CAPTIONS


def test_questions_of_a_split_are_those_about_its_samples_alone():
    there = views("b", "a", "c")
    of = QUESTIONS.of(there)
    assert of.texts == ("what is it?", "same?", "is it a dog?")
    assert of.rows(there).tolist() == [[1, -1], [0, 1], [0, -1]]
    assert of.answers[2] == ("yes", "yes", "yes", "no")
    assert len(QUESTIONS.of(views("c"))) == 0
    assert QUESTIONS.of(views("c")).rows(views("c")).shape == (0, 2)
    assert QUESTIONS.take([True, False, False, True]).types == ("name", "two")
    complaint(lambda: QUESTIONS.rows(there), "is about 'd', which is not among the samples")


def test_ids_may_be_numbers_of_numpy():
    numbered = Captions(tuple(np.arange(3)), (("x",), ("y",), ("z",)))
    assert numbered.of(Views({"image": np.zeros((3, 1))})[[2, 0]]) == (("z",), ("x",))


@pytest.mark.parametrize("said", [CAPTIONS, QUESTIONS])
def test_json_and_pickle_keep_everything(said):
    assert type(said).from_plain(json.loads(json.dumps(said.plain()))) == said
    assert pickle.loads(pickle.dumps(said)) == said


def test_they_are_shown_in_a_line():
    assert repr(CAPTIONS) == "Captions(5 of 4 samples)"
    assert repr(QUESTIONS) == "Questions(4 of 3 types about 4 samples)"
    assert repr(QUESTIONS.take([0])) == "Questions(1 of 1 type about 1 sample)"


def test_a_benchmark_is_shown_in_a_line():
    bench = load("glyphs", task="vqa")
    assert repr(bench) == (
        "Benchmark('glyphs', 'vqa', train=Views(image (6228, 128); 300 classes), "
        "test_seen=Views(image (2076, 128); 300 classes), "
        "test_unseen=Views(image (500, 128); 75 classes), "
        f"classes=Classes(375, 300 seen; embeddings (375, {bench.classes.embeddings.shape[1]})), "
        f"said={bench.said!r})")


def test_malformed_captions_are_refused():
    complaint(lambda: Captions(("a",), ()), "ids: lengths differ, {'ids': 1, 'texts': 0}")
    complaint(lambda: Captions("ab", (("x",), ("y",))), "ids: got the text 'ab'")
    complaint(lambda: Captions(("a",), ("text",)), "texts: the sample 'a' has 'text'")
    complaint(lambda: Captions(("a",), ((),)), "texts: the sample 'a' has ()")
    complaint(lambda: Captions(("a",), (("  ",),)), "texts: entry 0 of the sample 'a' is '  '")
    complaint(lambda: Captions(("a",), ((3,),)), "texts: entry 0 of the sample 'a' is 3")
    complaint(lambda: Captions(("a", "b", "a"), (("x",),) * 3), "ids: 'a' stands twice")


@pytest.mark.parametrize(("change", "words"), [
    ({"texts": ("",)}, "texts: entry 0 is ''"), ({"types": (" ",)}, "types: entry 0 is ' '"),
    ({"texts": ("a", "b")}, "texts: lengths differ"), ({"texts": "a"}, "texts: got the text 'a'"),
    ({"answers": ("yes",)}, "answers: the question 'q?' has 'yes'"),
    ({"answers": ((),)}, "answers: the question 'q?' has ()"),
    ({"answers": ((1,),)}, "answers: the question 'q?' has (1,)"),
    ({"answers": (("a", "b"),)}, "answers: the question 'q?' has 2"),
    ({"answers": (("a", "b", "a"),)}, "answers: the question 'q?' has 3"),
    ({"pictures": ((),)}, "pictures: the question 'q?' is about []"),
    ({"pictures": (("a", "b", "c"),)}, "pictures: the question 'q?' is about ['a', 'b', 'c']"),
    ({"pictures": (("a", "a"),)}, "two different ones"),
    ({"pictures": ("ab",)}, "got the text 'ab' for a question")])
def test_malformed_questions_are_refused(change, words):
    whole = {"texts": ("q?",), "answers": (("yes",),), "types": ("t",), "pictures": (("a",),)}
    Questions(**whole)
    complaint(lambda: Questions(**{**whole, **change}), words)


def test_a_benchmark_needs_what_its_task_asks_for():
    assert bench().said.of(bench()["train"])[1] == ("a cat",)
    assert bench("vqa", QUESTIONS).said is QUESTIONS
    complaint(lambda: bench(said=None), "said: got NoneType for caption; give Captions")
    complaint(lambda: bench("vqa"), "said: got Captions for vqa; give Questions")
    complaint(lambda: bench(said=Captions(("a", "b"), (("x",), ("y",)))), "the sample 'c' has none")
    complaint(lambda: bench("vqa", QUESTIONS.take([0])), "splits['test_unseen']: no question")


def test_one_of_two_tests_is_enough_and_none_is_not():
    both = {**bench().splits, "test_seen": views("e", labels=[0])}
    more = Captions((*CAPTIONS.ids, "e"), (*CAPTIONS.texts, ("x",)))
    assert set(bench(splits=both, said=more).splits) == set(both)
    only_seen = {split: both[split] for split in ("train", "test_seen")}
    assert bench(splits=only_seen, said=more).task == "caption"
    complaint(lambda: bench(splits={"train": both["train"]}),
              "missing ['test_seen', 'test_unseen']")
    complaint(lambda: bench(splits={"test_unseen": both["test_unseen"]}), "splits: caption needs")
    complaint(lambda: bench(splits={**bench().splits, "test_unseen": views("d", labels=[0])}),
              "holds the seen class")


def test_what_is_said_is_part_of_the_fingerprint():
    other = replace(CAPTIONS, texts=(("a bat",), *CAPTIONS.texts[1:]))
    assert benchmark_fingerprint(bench()) == benchmark_fingerprint(bench())
    assert benchmark_fingerprint(bench()) != benchmark_fingerprint(bench(said=other))


def test_other_runs_and_validation_keep_what_is_said():
    whole = bench(validation_split=bench, resplit=lambda k: bench())
    named = whole.with_name("mine")
    assert named.said is CAPTIONS
    assert (named.validation().said, named.run(3).said) == (CAPTIONS, CAPTIONS)
