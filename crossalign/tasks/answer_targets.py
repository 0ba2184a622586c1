"""Targets of a classifier of answers: which answers it knows, and the accuracy of each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.metrics.answer_words import normalised_answer
from crossalign.metrics.answers import answer_scores

Array = npt.NDArray[Any]


def frequent_answers(answers: Sequence[Sequence[str]], most: int) -> Array:
    """Return the answers that most people gave, as they spelt them.

    Parameters
    ----------
    answers : m sequences of strings
        Answers of people to each question.
    most : int
        Largest number of answers.

    Returns
    -------
    (A,) strings, the most frequent first; of equally frequent ones, the first in the alphabet
    """
    counts = Counter(text for of in answers for text in of)
    return np.array(sorted(counts, key=lambda text: (-counts[text], text))[:most], dtype=object)


def soft_targets(answers: Sequence[Sequence[str]], known: Array) -> tuple[Array, Array]:
    """Compute the accuracy of every answer to a question, for those that are known.

    Spellings are told apart here, as "A" and "a" of letters. Each has the accuracy of its answer,
    see `metrics.answer_scores`.

    Parameters
    ----------
    answers : m sequences of strings
        Answers of people to each question.
    known : (A,) strings
        Answers that a classifier has.

    Returns
    -------
    numbers : (m, K) int64
        Places in ``known`` of the answers to each question; A where there is none.
    scores : (m, K) float32
        Accuracy of each; 0 where there is none.
    """
    place = {text: a for a, text in enumerate(known.tolist())}
    found = []
    for of in answers:
        scores = answer_scores(of)
        found.append([(place[text], scores[normalised_answer(text)])
                      for text in dict.fromkeys(of) if text in place])
    most = max((len(of) for of in found), default=0) or 1
    numbers = np.full((len(found), most), len(place), dtype=np.int64)
    values = np.zeros((len(found), most), dtype=np.float32)
    for k, scored in enumerate(found):
        for j, (a, score) in enumerate(scored):
            numbers[k, j], values[k, j] = a, score
    return numbers, values
