"""Calibration of answers: the temperature at which the share of an answer is how often it is right.

Temperature scaling (Guo et al., ICML 2017, section 4.2) of the softmax over answers, on questions
that the answerer has not learned from, about pictures that its model has not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crossalign.metrics.answers import vqa_accuracies
from crossalign.metrics.reliability import calibration_error
from crossalign.metrics.temperature import likeliest_temperature
from crossalign.tasks.answerer import Answerer
from crossalign.types import Questions, Views

FEWEST = 100
"""Number of questions below which no temperature is found."""
WITHIN = (1.0, 100.0)
"""Least and largest temperature. Where all of a few questions are answered right, the likeliest is
zero and every share one; so no answer is made surer than the network's own softmax. At the largest
all shares are nearly equal: the scores say nothing, and no temperature is found."""
AT_END = 0.99
"""Share of the largest temperature from which on it counts as that."""


def answer_temperature(answerer: Answerer, X: npt.ArrayLike | Views,
                       questions: Questions) -> float | None:
    """Find the temperature that makes the answers of people likeliest, see `Answerer.temperature`.

    Of several people the answer counts that most of them gave, the first of equally frequent ones.
    Questions whose answer the answerer cannot give are left out.

    Parameters
    ----------
    answerer : fitted Answerer
    X : Views
        Pictures that neither it nor its model has learned from.
    questions : Questions
        Questions about them, with answers.

    Returns
    -------
    float or None
        Temperature within `WITHIN`; None if fewer than `FEWEST` questions are left, or if it is the
        largest.
    """
    place = {text: a for a, text in enumerate(answerer.answers_.tolist())}
    columns = np.array([place.get(max(dict.fromkeys(of), key=list(of).count), -1)
                        for of in questions.answers])
    known = columns >= 0
    if known.sum() < FEWEST:
        return None
    logits = answerer.decision_function(X, questions).astype(np.float64)
    found = likeliest_temperature(logits[known], columns[known], WITHIN)
    return found if found < AT_END * WITHIN[1] else None


def answer_calibration_error(answerer: Answerer, X: npt.ArrayLike | Views,
                             questions: Questions) -> float:
    """Compute the gap between the shares of an answerer's best answers and their accuracy (ECE).

    Parameters
    ----------
    answerer : fitted Answerer
    X : Views
        Pictures.
    questions : Questions
        Questions about them, with answers.
    """
    shares = answerer.predict_proba(X, questions)
    best = answerer.answers_[shares.argmax(axis=1)].tolist()
    return calibration_error(shares.max(axis=1), vqa_accuracies(best, questions.answers))
