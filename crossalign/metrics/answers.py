"""Accuracy of answers to questions about pictures: how many people gave that answer.

Antol et al., "VQA: Visual Question Answering", ICCV 2015, section 3, and Goyal et al., CVPR 2017:
an answer is right if three of ten people gave it. The share is averaged over all choices of nine,
so that it can be compared with a person. Answers are compared in the spelling of
`answer_words.normalised_answer`.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossalign.metrics.answer_words import normalised_answer
from crossalign.metrics.checks import check_same_length
from crossalign.sentences import short
from crossalign.types.questions import ENOUGH, too_few


def answer_scores(answers: Sequence[str]) -> dict[str, float]:
    """Compute the accuracy that each answer to one question would have.

    With one answer given it is 1 for that answer. With k people it is the mean over the k choices
    of k - 1 of them of min(those who gave it / 3, 1). All answers that are not among them have 0.

    Parameters
    ----------
    answers : k strings
        Answers of k people, one or at least four; VQA has ten.

    Returns
    -------
    dict
        Fraction in (0, 1] of each normalised answer, those that more people gave first; also the
        soft targets of a classifier of answers.

    Raises
    ------
    ValueError
        No answer, or two or three, of whom no three others could agree.
    """
    if isinstance(answers, str) or not all(isinstance(text, str) for text in answers):
        raise ValueError(f"answers: got {short(answers)} for a question; give a sequence of "
                         "strings.")
    people = len(answers)
    if people == 0 or too_few(people):
        raise ValueError(f"answers: got {people} to a question; give one, or those of at least "
                         f"{ENOUGH + 1} people, as VQA has ten.")
    counts = Counter(map(normalised_answer, answers)).most_common()
    if people == 1:
        return {counts[0][0]: 1.0}
    return {answer: ((people - count) * min(count / ENOUGH, 1.0)
                     + count * min((count - 1) / ENOUGH, 1.0)) / people
            for answer, count in counts}


def vqa_accuracies(
    predictions: Sequence[str], answers: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """Compute the accuracy of each prediction.

    Parameters
    ----------
    predictions : n strings
        One answer per question.
    answers : n sequences of strings
        Answers that people gave to each question, see `answer_scores`.

    Returns
    -------
    ndarray
        (n,) fractions in [0, 1].

    Raises
    ------
    ValueError
        Nothing to score, lengths that differ, or see `answer_scores`.
    """
    if isinstance(predictions, str) or not all(isinstance(text, str) for text in predictions):
        raise ValueError(f"predictions: got {short(predictions)}; give one string per question.")
    if len(predictions) == 0:
        raise ValueError("predictions: got none; give one per question.")
    check_same_length("predictions", predictions, "answers", answers)
    return np.array([answer_scores(of).get(normalised_answer(text), 0.0)
                     for text, of in zip(predictions, answers, strict=True)])


def vqa_accuracy(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> float:
    """Compute the mean over questions of `vqa_accuracies`.

    Parameters
    ----------
    predictions : n strings
        One answer per question.
    answers : n sequences of strings
        Answers that people gave to each question.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        See `vqa_accuracies`.
    """
    return float(vqa_accuracies(predictions, answers).mean())


def vqa_accuracy_by_type(
    predictions: Sequence[str], answers: Sequence[Sequence[str]], types: Sequence[str]
) -> dict[str, float]:
    """Compute `vqa_accuracy` of the questions of each type.

    Parameters
    ----------
    predictions : n strings
        One answer per question.
    answers : n sequences of strings
        Answers that people gave to each question.
    types : n strings
        Type of each question, such as "yes/no".

    Returns
    -------
    dict
        Fraction in [0, 1] of each type, in the order of their first question.

    Raises
    ------
    ValueError
        Lengths that differ, a type is no string, or see `vqa_accuracies`.
    """
    accuracies = vqa_accuracies(predictions, answers)
    check_same_length("types", types, "predictions", predictions)
    if isinstance(types, str) or not all(isinstance(kind, str) for kind in types):
        raise ValueError(f"types: got {short(types)}; give one string per question.")
    of = np.asarray(types)
    return {str(kind): float(accuracies[of == kind].mean()) for kind in dict.fromkeys(types)}
