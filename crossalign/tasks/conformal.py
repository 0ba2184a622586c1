"""Sets of classes that hold the right one with a promised probability.

A recogniser names one class, whatever it is shown. `Conformal` names all that may be right: a class
is in the set if its score is not further below the best than a limit, in standard deviations of
the sample's scores (`metrics.conformal.standardised_margins`; split conformal prediction). Seen and
unseen classes have a limit each, since unseen ones score lower. Both come from validation samples:
that of seen classes from samples that were held out, that of unseen classes from whole classes that
were, which count alike however many samples they have.

The best class is always in the set. "None of these" is what `Rejection` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType, NoneType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from crossalign.metrics.calibration import calibrated_stacking
from crossalign.metrics.conformal import conformal_quantile, standardised_margins
from crossalign.models.ranges import NUMBER, SHARE, Each, Having, check_values
from crossalign.tasks.base import Task
from crossalign.tasks.rejection import NONE, labelled_samples
from crossalign.tasks.zero_shot import ZeroShot
from crossalign.types import Views

Array = npt.NDArray[Any]

LEVELS = tuple(percent / 100 for percent in range(50, 100))
"""Coverages that can be asked for; one between two is the higher one."""
COVERAGE = 0.9
"""Coverage of reports and by default."""
ROUNDING = 1e-6
"""Margin that is allowed above a limit, which scores in float32 may miss by rounding."""
RANGES: dict[str, Any] = {
    "head": [Having("decision_function", words="a ZeroShot, as ZeroShot(model).fit(train, classes)"
                    " is")],
    "gamma": [NUMBER, None], "seen": [Each(NUMBER, length=len(LEVELS)), None],
    "unseen": [Each(NUMBER, length=len(LEVELS)), None]}


class Conformal(Task):
    """A prepared `ZeroShot` head that answers with a set of classes.

    Parameters
    ----------
    head : ZeroShot
        Prepared head.
    gamma : float, optional
        Calibrated stacking of the scores; default that of the head.
    seen, unseen : list of 50 floats, optional
        Limits of the margin for every coverage of `LEVELS`, in standard deviations of a sample's
        scores, of seen and of unseen classes; by default `fit` chooses them.

    Attributes
    ----------
    gamma_, seen_, unseen_
        Values in use.
    """

    learned = MappingProxyType({"gamma_": (float, int), "seen_": (list, NoneType),
                                "unseen_": (list, NoneType)})

    def __init__(self, head: ZeroShot, gamma: float | None = None,
                 seen: Sequence[float] | None = None,
                 unseen: Sequence[float] | None = None) -> None:
        check_values({"head": head, "gamma": gamma, "seen": seen, "unseen": unseen}, RANGES)
        self.head = head
        self.gamma = gamma
        self.seen = seen
        self.unseen = unseen
        self.gamma_ = head.gamma if gamma is None else gamma
        self.seen_, self.unseen_ = (None if of is None else list(of) for of in (seen, unseen))

    def fit(self, validation: Views | Sequence[Views], scores: Array | None = None) -> Self:
        """Choose the limits on labelled samples that the model was not trained on.

        Samples of seen and of unseen classes are needed. With fewer than ``c / (1 - c)`` of either,
        nine unseen classes for a coverage c of 0.9, nothing can be promised; then the limit is the
        largest margin among them.

        Parameters
        ----------
        validation : Views or several
            Samples whose labels are rows of the head's classes, or `NONE`, which are left out.
        scores : (n, C), optional
            Values of ``head.decision_function`` for the samples, if they are at hand.

        Raises
        ------
        ValueError
            If labels are foreign, or there are no samples of seen or of unseen classes.
        """
        samples, rows = labelled_samples(self.head, validation, scores)
        labels, known = samples.truth, samples.truth != NONE
        margins = standardised_margins(self._calibrated(rows[known]))
        labels = labels[known]
        own, seen = margins[np.arange(len(labels)), labels], self.head.classes_.seen[labels]
        for kind, there in (("seen", seen), ("unseen", ~seen)):
            if not there.any():
                raise ValueError(f"validation: none of its samples is of an {kind} class; give "
                                 "samples of both kinds, as validation benchmarks hold.")
        self.seen_ = [_limit(own[seen], level, None) for level in LEVELS]
        self.unseen_ = [_limit(own[~seen], level, labels[~seen]) for level in LEVELS]
        return self

    def with_head(self, head: ZeroShot) -> Conformal:
        """Return the same limits with another head of the same kind, trained on all samples."""
        return Conformal(head, self.gamma_, self.seen_, self.unseen_)

    @property
    def settings(self) -> dict[str, Any]:
        """Values in use, as plain numbers that `Conformal` takes."""
        return {"gamma": self.gamma_, "seen": self.seen_, "unseen": self.unseen_}

    def sets(self, scores: Array, coverage: float = COVERAGE) -> Array:
        """Return which classes are in the sets, ``(n, C)`` bool, of scores of the head ``(n, C)``.

        Raises
        ------
        ValueError
            As `predict_set`.
        """
        check_values({"coverage": coverage}, {"coverage": [SHARE]})
        if not 0 < coverage <= LEVELS[-1]:
            raise ValueError(f"coverage: got {coverage}; give a share above 0 and up to "
                             f"{LEVELS[-1]}.")
        if self.seen_ is None or self.unseen_ is None:
            raise ValueError("seen: got None; call fit(validation) first, or give limits.")
        level = int(np.searchsorted(LEVELS, coverage - 1e-9))
        limits = np.where(self.head.classes_.seen, self.seen_[level], self.unseen_[level])
        return np.asarray(standardised_margins(self._calibrated(scores)) <= limits + ROUNDING)

    def predict_set(self, X: npt.ArrayLike | Views, coverage: float = COVERAGE) -> list[Array]:
        """Return for every sample the classes that may be right, the likeliest first.

        Classes go by their labels as they were given, or by their rows in `Classes`, as those of
        `ZeroShot.predict`.

        Parameters
        ----------
        X : Views, or (n, d) array
            Samples.
        coverage : float
            Share of samples whose set holds the right class, up to 0.99; default 0.9. Those below
            0.5 are as 0.5.

        Raises
        ------
        ValueError
            If the coverage is out of range, or there are no limits.
        """
        scores = self.head.decision_function(X)
        held, order = self.sets(scores, coverage), np.argsort(-self._calibrated(scores), axis=1,
                                                              kind="stable")
        names = self.head.labels_
        ranked = [best[inside[best]] for best, inside in zip(order, held, strict=True)]
        return ranked if names is None else [np.asarray(names[rows]) for rows in ranked]

    def predict(self, X: npt.ArrayLike | Views) -> Array:
        """Return the best class ``(n,)``, the first of every set."""
        return np.array([rows[0] for rows in self.predict_set(X)])

    def decision_function(self, X: npt.ArrayLike | Views) -> Array:
        """Return the margins ``(n, C)`` that limits are compared with, negative."""
        return np.asarray(-standardised_margins(self._calibrated(self.head.decision_function(X))))

    def try_out(self) -> None:
        """Let the head score made-up samples."""
        self.head.try_out()

    def _calibrated(self, scores: Array) -> Array:
        return calibrated_stacking(scores, self.head.classes_.seen, self.gamma_)


def _limit(margins: Array, coverage: float, classes: Array | None) -> float:
    """Return the limit for a coverage; the largest margin where nothing can be promised."""
    return min(conformal_quantile(margins, coverage, classes), float(margins.max()))
