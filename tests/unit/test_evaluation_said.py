"""The sheet of captions and answers: what is on it, and that it says what was right."""

import numpy as np
import pytest
import small
from complaints import complaint

from crossalign import models
from crossalign.evaluation import evaluate
from crossalign.evaluation.figures.words import CELLS, answered, captioned, some_of_both
from crossalign.evaluation.protocols.base import Outcome
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.metrics import vqa_accuracy
from crossalign.pages import plots, render
from crossalign.types import Benchmark, Captions, Classes, Views

ASKED = small.questions()


@pytest.mark.parametrize(("right", "wrong"), [(50, 50), (50, 3), (2, 50), (3, 4), (0, 9), (30, 0)])
def test_right_and_wrong_are_half_each_where_there_are_as_many(right, wrong):
    marks = np.random.default_rng(0).permutation(np.arange(right + wrong) < right)
    places = some_of_both(marks)
    assert len(set(places)) == len(places) == min(CELLS, right + wrong)
    shown = int((~marks[places]).sum())
    assert shown == min(wrong, max(CELLS // 2, CELLS - right))


def test_answers_stand_beside_those_of_people():
    test, asked = ASKED["test_unseen"], ASKED.said.of(ASKED["test_unseen"])
    given = [answers[0] if k % 3 else "shape 9" for k, answers in enumerate(asked.answers)]
    part = answered(ASKED, Outcome({}, 0.0, details={"answers": given}), test, asked)["said"]
    right = [vqa_accuracy([text], [of]) for text, of in zip(given, asked.answers, strict=True)]
    assert (part["what"], part["right"], part["of"]) == ("answers", sum(right), len(asked))
    assert [cell["right"] for cell in part["cells"]] == [True] * 6 + [False] * 6
    assert {cell["question"] for cell in part["cells"]} == set(asked.texts)
    for cell in part["cells"]:
        assert (cell["said"] == cell["reference"]) is cell["right"]
        assert len(cell["images"]) == 1 + cell["question"].startswith("Do both")


def captions(tests):
    rows = {"train": 4, **tests}
    labels = {"train": 0, "test_seen": 0, "test_unseen": 1}
    splits = {name: Views({"image": np.zeros((n, 2))}, np.full(n, labels[name]),
                          ids=[f"{name}{k}" for k in range(n)],
                          meta={"show:image": np.full((n, 5, 4), 9, np.uint8)})
              for name, n in rows.items()}
    ids = tuple(name for views in splits.values() for name in views.ids.tolist())
    return Benchmark("toy", "caption", splits, Classes(np.eye(2), [True, False]),
                     said=Captions(ids, (("a cat", "one cat"),) * len(ids)))


@pytest.mark.parametrize(("tests", "end"), [
    ({"test_seen": 3, "test_unseen": 5}, ""), ({"test_seen": 5}, "_seen")])
def test_captions_are_those_of_the_split_of_the_headline(tests, end):
    said = ["One cat.", "a dog", "a cat", "cat a", ""]
    outcome = Outcome({}, 0.0, details={"captions": {end: said, "_other": []}})
    part = captioned(captions(tests), outcome)["said"]
    assert (part["what"], part["right"], part["of"]) == ("captions", 2, 5)
    assert [(cell["said"], cell["right"]) for cell in part["cells"]] == [
        ("One cat.", True), ("a cat", True), ("a dog", False), ("cat a", False), ("", False)]
    figure = plots.said(**part)
    words = [text.get_text() for text in figure.texts]
    assert words.count("people say: a cat") == 3
    assert {"One cat.", "a dog", "(nothing)"} < set(words)
    marks = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert marks == ["✓", "✓", "✗", "✗", "✗"]
    assert figure.get_suptitle() == "Captions: 2 of 5 are right"
    assert [ax.images[0].get_array().shape for ax in figure.axes] == [(5, 4)] * 5


def test_nothing_to_show_is_a_sentence():
    complaint(lambda: plots.said("captions", 0, 0, []), "cells: got none")


def test_a_report_of_answers_has_the_sheet_on_its_page():
    report = evaluate(models.RidgeMap(alpha=1.0), ASKED, task=VQA(epochs=2), tune=False)
    part = report.artefacts["said"]
    assert part["of"] == len(ASKED.said.of(ASKED["test_unseen"]))
    assert part["right"] / part["of"] == pytest.approx(report.scores["accuracy"]["mean"])
    page = render(report)
    assert "Pictures with answers, each marked right or wrong." in page
    assert f"Answers: {part['right']:,} of {part['of']:,} are right" in page
