"""Accuracy of answers, by leaving out one person after the other."""

import numpy as np
import pytest
from complaints import complaint
from hypothesis import given
from hypothesis import strategies as st

from crossalign.metrics import (
    answer_scores,
    normalised_answer,
    vqa_accuracies,
    vqa_accuracy,
    vqa_accuracy_by_type,
)


def by_hand(prediction, answers):
    """min(agreeing / 3, 1), averaged over all choices of all people but one."""
    left = [answers[:i] + answers[i + 1:] for i in range(len(answers))]
    return float(np.mean([min(of.count(prediction) / 3, 1) for of in left]))


@given(st.lists(st.sampled_from(["cat", "dog", "red", "2"]), min_size=4, max_size=12))
def test_accuracy_is_the_mean_over_all_people_but_one(answers):
    for word in ("cat", "dog", "red", "2", "blue"):
        assert vqa_accuracy([word], [answers]) == pytest.approx(by_hand(word, answers), abs=1e-12)
    assert answer_scores(answers) == pytest.approx(
        {word: by_hand(word, answers) for word in set(answers) if by_hand(word, answers) > 0}
        | {word: 0.0 for word in set(answers) if by_hand(word, answers) == 0})


def test_three_of_ten_are_nearly_right_and_four_wholly():
    for count, accuracy in ((0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)):
        answers = ["yes"] * count + [f"other {i}" for i in range(10 - count)]
        assert vqa_accuracy(["yes"], [answers]) == pytest.approx(accuracy)


def test_one_answer_is_right_or_wrong():
    np.testing.assert_array_equal(vqa_accuracies(["Cat.", "dog"], [["a cat"], ["cat"]]), [1, 0])


@pytest.mark.parametrize(("answer", "plain"), [
    ("The Dog", "dog"), ("two", "2"), ("TEN cats", "10 cats"), ("St. Mary's", "st mary's"),
    ("3.5", "3.5"), (".5 miles.", "5 miles"), ("100,978", "100978"), ("red, white", "red white"),
    ("yes/no", "yes no"), ("dont know", "don't know"), ("isnt", "isn't"), ("it\u2019s", "it's"),
    ("10:30", "10:30"), ("t-shirt", "t shirt"), ("were", "were"), ("its", "its"),
    ("  two   dogs ", "2 dogs"), ("a", "a"), ("the", "the"), ("?", "?"), ("", ""),
    ("e\u0301", "é"), ("ДА!", "да"), ("\u00ab no \u00bb", "no")])
def test_answers_are_compared_in_one_spelling(answer, plain):
    assert normalised_answer(answer) == plain
    assert normalised_answer(plain) == plain


def test_types_are_apart_and_together_the_whole():
    predictions = ["yes", "no", "red", "blue", "2"]
    answers = [["yes"], ["yes"], ["red"], ["red"], ["two"]]
    types = ["yes/no", "yes/no", "colour", "colour", "number"]
    assert vqa_accuracy_by_type(predictions, answers, types) == {
        "yes/no": 0.5, "colour": 0.5, "number": 1.0}
    assert vqa_accuracy(predictions, answers) == pytest.approx(3 / 5)


def test_what_cannot_be_scored_is_refused():
    complaint(lambda: vqa_accuracy([], []), "predictions: got none")
    complaint(lambda: vqa_accuracy("yes", [["yes"]]), "predictions: got 'yes'")
    complaint(lambda: vqa_accuracy([None], [["yes"]]), "predictions: got [None]")
    complaint(lambda: vqa_accuracy(["a"], []), "predictions: got 1 rows and answers has 0")
    complaint(lambda: vqa_accuracy(["a"], ["a"]), "answers: got 'a' for a question")
    complaint(lambda: vqa_accuracy(["a"], [[]]), "answers: got 0 to a question")
    complaint(lambda: vqa_accuracy(["a"], [["a", "b", "c"]]), "answers: got 3", "at least 4")
    complaint(lambda: vqa_accuracy_by_type(["a"], [["a"]], []), "types: got 0 rows")
    complaint(lambda: vqa_accuracy_by_type(["a"], [["a"]], [float("nan")]), "types: got [nan]")
