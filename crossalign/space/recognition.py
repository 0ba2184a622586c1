"""Recognition in a space: calibrated answers, for classes with pictures and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.metrics.conformal import least_groups
from crossalign.sentences import short
from crossalign.space.bounds import lifts
from crossalign.space.left_out import BESIDE
from crossalign.tasks.conformal import COVERAGE
from crossalign.tasks.fitted import Fitted
from crossalign.tasks.rejection import Rejection
from crossalign.tasks.zero_shot import ZeroShot
from crossalign.types import Classes, Samples

Array = npt.NDArray[Any]
CONFIDENCE = "max_probability"
"""Confidence by which an answer is given or not."""
UNSURE = 0.25
"""Share of the sample, the least sure, whose confidences show where the threshold goes."""
PLAYED = "played_unseen"
"""Key of the card of a space for the number of classes that played unseen on validation."""
ALWAYS = float("-inf")
"""Threshold of a recogniser that validation gave none: it always answers."""


class Answer(NamedTuple):
    """Answer of recognition for one item.

    Attributes
    ----------
    names : k strings
        Likeliest classes, best first.
    probabilities : k floats
        Their calibrated probabilities.
    none : bool
        True if the item is rather of none of the classes.
    confidence : float
        Probability of the likeliest class, by which ``none`` is decided.
    set : strings
        Classes that may be right, the likeliest first: they are meant to hold the right one in 90 %
        of the cases, and for classes without training pictures can only where validation had nine
        such classes, see `unpromised` and `tasks.Conformal`. Empty if validation chose no limits,
        or the item is unlike all others, of which nothing is promised.
    unlike : bool or None
        True if the item is unlike all that the space was built from, so that none of this says
        much, see `space.unlike`; default None, where that is not told.
    """

    names: list[str]
    probabilities: list[float]
    none: bool
    confidence: float
    set: list[str]
    unlike: bool | None = None


def unpromised(classes: Classes, played: int) -> str | None:
    """Say why sets of classes promise nothing for classes without training pictures; None where
    there are none, or enough classes ``played`` such on validation.
    """
    least = least_groups(COVERAGE)
    if played >= least or not classes.unseen.any():
        return None
    return (f"classes without training pictures may be missing from those that may be right: "
            f"{played} classes played such on validation, and a promise takes {least}")


def adapted(fitted: Fitted, samples: Samples) -> Fitted:
    """Return the same that unlabelled samples have taught, which has its own calibration.

    Raises
    ------
    ValueError
        See `Fitted.adapt`.
    """
    found = fitted.adapt(samples)
    found.settings = {name: value for name, value in found.settings.items() if name != BESIDE}
    return found


class Recognition:
    """Recogniser of a space.

    Parameters
    ----------
    fitted : Fitted
        Model and its recogniser, whose calibration is changed here.
    sample : (n, a) array, optional
        Features of some pictures, by which the threshold follows further classes; default none.
    """

    def __init__(self, fitted: Fitted, sample: Array | None = None) -> None:
        self.fitted = fitted
        self.sample = sample
        self._balance()

    @property
    def classes(self) -> Classes:
        """Classes that are recognised.

        Raises
        ------
        ValueError
            If there are none.
        """
        if self.fitted.recogniser is None:
            raise ValueError("space: it was built to be searched and recognises no classes; build "
                             "one from pictures in a folder for each class.")
        return self.fitted.recogniser.classes_

    def answers(self, rows: Array, k: int) -> list[Answer]:
        """Return the k likeliest classes of every row of features ``(n, a)``.

        Raises
        ------
        ValueError
            If ``k`` is no number of classes.
        """
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"k: got {short(k)}; ask for at least one class.")
        names, judge = self.classes.names, self._judge()
        assert self.fitted.recogniser is not None
        scores, sure = self.fitted.recogniser.decision_function(rows), judge.score_samples(rows)
        chances, sets, answers = judge.predict_proba(rows, scores), self._sets(scores), []
        for chance, one, maybe in zip(chances, sure.tolist(), sets, strict=True):
            order = np.argsort(-chance, kind="stable")
            answers.append(Answer([names[c] for c in order[:k]], chance[order[:k]].tolist(),
                                  bool(one < judge.threshold_), float(one),
                                  [names[c] for c in order if maybe[c]]))
        return answers

    def log_odds(self, rows: Array, name: str) -> Array:
        """Return the log-odds ``(n,)`` of a class for rows ``(n, a)``, of its calibrated
        probability.
        """
        return self._judge().log_odds(rows, self.classes.names.index(name))

    def _sets(self, scores: Array) -> Array:
        """Return which classes are in the sets, ``(n, C)`` bool, and the best always is."""
        if not self.fitted.settings.get("sets"):
            return np.zeros(scores.shape, dtype=bool)
        held = self.fitted.conformal().sets(scores)
        assert self.fitted.recogniser is not None
        best = self.fitted.recogniser.calibrated(scores).argmax(axis=1)
        held[np.arange(len(held)), best] = True
        return held

    def take_class(self, name: str, vector: Array) -> None:
        """Know a class by its vector ``(1, a)``; the threshold goes down as probabilities do."""
        recogniser, before = self.fitted.recogniser, self._confidences()
        assert recogniser is not None
        recogniser.add_classes(Classes(vector, np.array([False]), (name,)))
        self._balance()
        self._follow(before)

    def adapt(self, rows: Array) -> None:
        """Learn from unlabelled rows of features ``(n, a)`` where unseen classes lie; the threshold
        goes as probabilities do.

        Raises
        ------
        ValueError
            See `Fitted.adapt`.
        """
        before, threshold = self._confidences(), self.fitted.confidences.get(CONFIDENCE, {})
        found = adapted(self.fitted, rows)
        self.fitted.recogniser, self.fitted.settings = found.recogniser, found.settings
        self._balance()
        if before is not None and CONFIDENCE in self.fitted.confidences:
            self._set_threshold(threshold["threshold"])
            self._follow(before)

    def _follow(self, before: Array | None) -> None:
        """Move the threshold as the least confidences in the sample have moved since ``before
        (n,)``, whichever pictures these are now.
        """
        after = self._confidences()
        if before is None or after is None:
            return
        chosen = self.fitted.confidences[CONFIDENCE]
        least = max(1, round(UNSURE * len(before)))
        ratios = np.sort(after)[:least] / np.sort(before)[:least]
        self._set_threshold(chosen["threshold"] * float(np.median(ratios)))

    def _set_threshold(self, threshold: float) -> None:
        chosen = self.fitted.confidences[CONFIDENCE]
        self.fitted.settings = {**self.fitted.settings, "confidences": {
            **self.fitted.confidences, CONFIDENCE: {**chosen, "threshold": threshold}}}

    def _balance(self) -> None:
        """Calibrate by pictures that were left out, see `space.bounds`; without such, for classes
        that are equally likely, with pictures or without.
        """
        recogniser, kept = self.fitted.recogniser, self.fitted.settings.get(BESIDE)
        if recogniser is None:
            return
        if hasattr(recogniser, "lift_"):
            del recogniser.lift_
        if kept is not None and self.sample is not None:
            recogniser.gamma = 0.0
            if recogniser.classes_.unseen.any():
                recogniser.lift_ = self._lifts(recogniser, self.sample, **kept)
        else:
            recogniser.gamma = self.fitted.gamma_at(float(np.mean(recogniser.classes_.unseen)))

    @staticmethod
    def _lifts(recogniser: ZeroShot, sample: Array, best: Sequence[float],
               weights: Sequence[float], share: float) -> Array:
        """Return the numbers ``(C,)`` that classes without pictures are lifted by."""
        unseen = recogniser.classes_.unseen
        new = recogniser.decision_function(sample)[:, unseen]
        found = np.zeros(len(unseen))
        found[unseen] = lifts(np.asarray(best)[:, None] - new, np.asarray(weights), 1 - share)
        return found

    def _judge(self) -> Rejection:
        """Return the recogniser with the temperature and threshold that validation chose."""
        if CONFIDENCE in self.fitted.confidences:
            return self.fitted.rejection(CONFIDENCE)
        assert self.fitted.recogniser is not None
        return Rejection(self.fitted.recogniser, threshold=ALWAYS)

    def _confidences(self) -> Array | None:
        """Return the confidences ``(n,)`` in the answers for the sample; None without one."""
        if self.sample is None or CONFIDENCE not in self.fitted.confidences:
            return None
        return self._judge().score_samples(self.sample)
