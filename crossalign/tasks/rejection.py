"""Rejection, "none of these": answer if the head is sure, and otherwise say that it is not.

A head must name one of the classes it knows, whatever it is shown. Rejection answers only where a
confidence reaches a threshold (Chow, IEEE Trans. Inf. Theory 1970), which is chosen on validation
samples. Samples of classes that the head does not know, neither by training samples nor by side
information, have the label `NONE`; whatever they are called instead is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType, NoneType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.utils._param_validation import StrOptions

from crossalign.labels import NO_CLASS
from crossalign.metrics import aurc, excess_aurc, risk_coverage_curve
from crossalign.models.blockwise import in_blocks
from crossalign.models.ranges import NUMBER, RATE, SHARE, Each, Having, check_values
from crossalign.models.roles import Distributional
from crossalign.models.several_views import joined
from crossalign.sentences import short
from crossalign.tasks.base import Task
from crossalign.tasks.confidence import (
    CONFIDENCES,
    from_logarithms,
    max_probability,
    temperature,
    varying_temperature,
)
from crossalign.tasks.log_odds import log_odds
from crossalign.tasks.thresholds import threshold_at_coverage, threshold_at_risk
from crossalign.tasks.zero_shot import ZeroShot
from crossalign.types import Views

Array = npt.NDArray[Any]

NONE = NO_CLASS
"""Label and prediction of a sample of none of the classes."""
LATENT = ("tempered", "uncertainty")
"""Confidences that need the latent Gaussians of a `Distributional` model."""

RANGES: dict[str, Any] = {
    "head": [Having("decision_function", words="a ZeroShot, as ZeroShot(model).fit(train, classes)"
                    " is")],
    "confidence": [StrOptions({*CONFIDENCES, *LATENT})], "threshold": [NUMBER, None],
    "temperature": [RATE, Each(NUMBER), np.ndarray, None]}


class Rejection(Task):
    """A prepared `ZeroShot` head that may also answer "none of these".

    Parameters
    ----------
    head : ZeroShot
        Prepared head; its ``gamma`` is applied first.
    confidence : {"max_probability", "margin", "energy", "tempered", "uncertainty"}
        Confidence of an answer; default ``"max_probability"``. The first three come from the
        scores, see `crossalign.tasks.confidence`. The others need the latent Gaussians of a
        `Distributional` model: ``tempered`` is the largest probability at a temperature that
        depends on the variance of the sample, and of its predicted class if the model has one;
        ``uncertainty`` is the negative variance of the sample, whatever the scores.
    threshold : float, optional
        Least confidence of an answer; by default `fit` chooses it.
    temperature : float or floats, optional
        Divisor of the scores. By default `fit` makes it the likeliest on the validation samples of
        known classes; without `fit` it is 1. For ``tempered``, the coefficients of
        `varying_temperature`.

    Attributes
    ----------
    threshold_, temperature_
        Values in use.

    Raises
    ------
    ValueError
        If the confidence is unknown or the model lacks it, or the temperature is not positive.
    """

    learned = MappingProxyType({"threshold_": (float, int, NoneType),
                                "temperature_": (float, int, list, np.ndarray)})

    def __init__(self, head: ZeroShot, confidence: str = "max_probability",
                 threshold: float | None = None,
                 temperature: float | Sequence[float] | Array | None = None) -> None:
        check_values({"head": head, "confidence": confidence, "threshold": threshold,
                      "temperature": temperature}, RANGES)
        if confidence in LATENT and not isinstance(head.model, Distributional):
            raise ValueError(f"confidence: {type(head.model).__name__} has no latent distribution; "
                             f"choose one of {list(CONFIDENCES)}.")
        if temperature is not None and np.ndim(temperature) != (confidence == "tempered"):
            raise ValueError(f"temperature: got {short(temperature)} for {confidence!r}; give one "
                             "number, or of 'tempered' its coefficients.")
        self.head = head
        self.confidence = confidence
        self.threshold = threshold
        self.temperature = temperature
        self.threshold_ = threshold
        self.temperature_: Any = 1.0 if temperature is None else temperature

    def fit(self, validation: Views | Sequence[Views], *, coverage: float | None = None,
            risk: float | None = None, false_alarms: float | None = None,
            scores: Array | None = None, variances: Array | None = None) -> Self:
        """Choose the threshold on labelled samples that the model was not trained on.

        The requested share is met on these samples, and on others as far as they resemble these.
        They should therefore hold unseen and unknown classes too, if those will come.

        Parameters
        ----------
        validation : Views or several
            Samples whose labels are rows of the head's classes, or `NONE`.
        coverage : float, optional
            Least share of all samples to answer.
        risk : float, optional
            Largest share of the answers that may be wrong; as many samples are answered as it
            allows.
        false_alarms : float, optional
            Largest share of the samples of known classes that may be rejected.
        scores : (n, C), optional
            Values of ``head.decision_function`` for the samples, if they are at hand.
        variances : (n,), optional
            Answer of `variances` for the samples, where it is known already.

        Raises
        ------
        ValueError
            If not one wish is given, it is out of range or cannot be met, or labels are foreign.
        """
        wishes = {"coverage": coverage, "risk": risk, "false_alarms": false_alarms}
        check_values(wishes, {name: [SHARE, None] for name in wishes})
        requests = [name for name, value in wishes.items() if value is not None]
        if len(requests) != 1:
            raise ValueError(f"coverage, risk, false_alarms: got {requests or None}; give one.")
        samples, scores = self._labelled(validation, scores)
        variances = self._known(samples, variances)
        labels, known = samples.truth, samples.truth != NONE
        if not known.any():
            raise ValueError("validation: every sample is of none of the classes; add samples that "
                             "the head may name.")
        if self.temperature is None:
            parts = scores[known], labels[known]
            self.temperature_ = (
                varying_temperature(*parts, self._spreads(variances, scores)[known])
                if self.confidence == "tempered" else temperature(*parts))
        sure = self._sure(variances, scores)
        if risk is not None:
            self.threshold_ = threshold_at_risk(sure, scores.argmax(axis=1) != labels, risk)
        elif coverage is not None:
            self.threshold_ = threshold_at_coverage(sure, coverage)
        elif false_alarms is not None:
            if not 0 <= false_alarms < 1:
                raise ValueError(f"false_alarms: got {false_alarms}; give a share below 1.")
            self.threshold_ = threshold_at_coverage(sure[known], 1 - false_alarms)
        return self

    def with_head(self, head: ZeroShot) -> Rejection:
        """Return the same threshold and temperature with another head of the same kind.

        For the model that is trained again on all samples once validation has chosen. The requested
        share is met as far as the two heads agree in their confidence; probabilities at a
        temperature mostly do, latent variances of two trainings need not.
        """
        return Rejection(head, self.confidence, self.threshold_, self.temperature_)

    def predict(self, X: npt.ArrayLike | Views) -> Array:
        """Return the best class ``(n,)``, or `NONE` if the confidence is below the threshold."""
        if self.threshold_ is None:
            raise ValueError("threshold: got None; call fit(validation, coverage=0.9) first, or "
                             "give a threshold.")
        scores = self._scores(X)
        sure = self._sure(self._known(X), scores)
        return np.where(sure >= self.threshold_, scores.argmax(axis=1), NONE)

    def predict_proba(self, X: npt.ArrayLike | Views, scores: Array | None = None) -> Array:
        """Return the probabilities ``(n, C)`` of the known classes: softmax of scores over
        temperature.

        ``scores`` as in `fit`.
        """
        return np.asarray(softmax(self._tempered(X, scores), axis=1))

    def log_odds(self, X: npt.ArrayLike | Views, column: int) -> Array:
        """Return the log-odds ``(n,)`` of one known class: ``log p - log(1 - p)`` of its
        probability p.
        """
        return log_odds(self._tempered(X), column)

    def score_samples(self, X: npt.ArrayLike | Views) -> Array:
        """Return the confidence ``(n,)``; larger is surer."""
        if self.confidence == "uncertainty":
            return -self.variances(X)
        return self._sure(self._known(X), self._scores(X))

    def curve(self, test: Views | Sequence[Views], scores: Array | None = None,
              variances: Array | None = None) -> dict[str, Any]:
        """Return the input of `pages.plots.coverage_risk` for labelled samples.

        ``scores`` and ``variances`` as in `fit`.

        Returns
        -------
        dict
            ``coverage`` and ``risk (n,)``, ``aurc`` and ``excess_aurc``, fractions; ``chosen``, the
            coverage and the risk (NaN without answers) at the threshold, None without one.
        """
        samples, scores = self._labelled(test, scores)
        sure = self._sure(self._known(samples, variances), scores)
        wrong = scores.argmax(axis=1) != samples.truth
        coverage, risk = risk_coverage_curve(sure, wrong)
        at_threshold = None
        if self.threshold_ is not None:
            answered = sure >= self.threshold_
            at_threshold = (float(answered.mean()),
                            float(wrong[answered].mean()) if answered.any() else float("nan"))
        return {"coverage": coverage, "risk": risk, "aurc": aurc(sure, wrong),
                "excess_aurc": excess_aurc(sure, wrong), "chosen": at_threshold}

    def try_out(self) -> None:
        """Let the head score made-up samples."""
        self.head.try_out()

    def _labelled(self, views: Views | Sequence[Views],
                  scores: Array | None = None) -> tuple[Views, Array]:
        """Join all samples, with their scores ``(n, C)`` after calibrated stacking."""
        samples, scores = labelled_samples(self.head, views, scores)
        return samples, self._scores(samples, scores)

    def _scores(self, X: npt.ArrayLike | Views, scores: Array | None = None) -> Array:
        """Return the scores ``(n, C)`` after calibrated stacking; ``scores`` are those before, if
        at hand.
        """
        return self.head.calibrated(self.head.decision_function(X) if scores is None else scores)

    def _tempered(self, X: npt.ArrayLike | Views, scores: Array | None = None) -> Array:
        """Return scores over temperature ``(n, C)``."""
        scores = self._scores(X, scores)
        return np.asarray(scores / self._temperature(self._known(X), scores))

    def variances(self, X: npt.ArrayLike | Views) -> Array:
        """Compute the total variance ``(n,)`` of the samples' latent Gaussians."""
        if isinstance(X, Views):
            return in_blocks(self._variance_of, X)
        return self._variance_of(X)

    def _variance_of(self, X: npt.ArrayLike | Views) -> Array:
        _, deviation = self.head.model.embed_distribution(*self.head.read(X))
        return _total(deviation)

    def _known(self, X: npt.ArrayLike | Views, variances: Array | None = None) -> Array | None:
        """Return the variances ``(n,)`` if the confidence reads them, computed unless given."""
        if self.confidence not in LATENT:
            return None
        return self.variances(X) if variances is None else variances

    def _sure(self, variances: Array | None, scores: Array) -> Array:
        """Return the confidence ``(n,)`` of samples and their scores."""
        if self.confidence == "uncertainty":
            assert variances is not None
            return -variances
        measure = CONFIDENCES.get(self.confidence, max_probability)
        return measure(scores / self._temperature(variances, scores))

    def _temperature(self, variances: Array | None, scores: Array) -> Any:
        """Return T, or one for every sample, ``(n, 1)``."""
        if self.confidence != "tempered" or np.ndim(self.temperature_) == 0:
            return self.temperature_
        first, *slopes = self.temperature_
        logarithms = first + self._spreads(variances, scores) @ np.asarray(slopes)
        return from_logarithms(logarithms)[:, None]

    def _spreads(self, variances: Array | None, scores: Array) -> Array:
        """Return the log-variances ``(n, k)`` of the samples and of their predicted classes."""
        assert variances is not None
        columns = [variances]
        if self.head.model.knows_classes:
            _, deviation = self.head.model.class_distribution(self.head.classes_.embeddings)
            columns.append(_total(deviation)[scores.argmax(axis=1)])
        positive = np.maximum(np.column_stack(columns), np.finfo(np.float64).tiny)
        return np.asarray(np.log(positive))


def labelled_samples(head: ZeroShot, views: Views | Sequence[Views],
                     scores: Array | None = None) -> tuple[Views, Array]:
    """Join labelled samples, and score them by a prepared head, ``(n, C)``, unless scores are
    given.

    Raises
    ------
    ValueError
        If they are no labelled samples, or labels are neither rows of the head's classes nor
        `NONE`.
    """
    if not isinstance(views, Views):
        if not hasattr(head, "views_"):
            raise ValueError("head: it is not prepared; call fit(train, classes) of it first.")
        if not isinstance(views, list | tuple) or not views or not all(
                isinstance(part, Views) for part in views):
            raise ValueError(f"validation: got {short(views)}; give labelled Views, or a list of "
                             "them.")
        views = joined(views, head.views_)
    scores = head.decision_function(views) if scores is None else scores
    labels = views.truth
    if len(labels) and (labels.min() < NONE or labels.max() >= scores.shape[1]):
        raise ValueError(f"labels: {labels.min()}..{labels.max()} for {scores.shape[1]} classes; "
                         "give rows of the head's classes, or -1, as relabel does.")
    return views, scores


def _total(deviation: Array) -> Array:
    """Sum the variances of deviations ``(n, d)`` to ``(n,)``."""
    return np.asarray(np.square(deviation, dtype=np.float64).sum(axis=1))


def relabel(views: Views, known: npt.ArrayLike) -> Views:
    """Return the same samples with labels as rows of ``classes.take(known)``, or `NONE`.

    Their labels are rows of ``classes``; ``known`` are the classes that a head will know.
    """
    rows = np.asarray(known, dtype=np.int64)
    place = np.full(max(int(views.truth.max(initial=0)), int(rows.max(initial=0))) + 1, NONE)
    place[rows] = np.arange(len(rows))
    return views.with_labels(place[views.truth])
