"""A model that was fitted for a benchmark, with what was chosen for it and the task it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval

from crossalign.models.ranges import Having, check_values
from crossalign.preprocessing.pooling import has_tokens, pooled_rows, pooled_views
from crossalign.tasks.base import Task
from crossalign.tasks.class_em import moves, way_of
from crossalign.tasks.conformal import COVERAGE, Conformal
from crossalign.tasks.recogniser import SCORED
from crossalign.tasks.rejection import Rejection
from crossalign.tasks.zero_shot import ZeroShot
from crossalign.types import Samples, Views


class Nothing(Mapping[str, Any]):
    """Mapping that is empty for good, and can be cloned as a parameter."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING = Nothing()
RANGES: dict[str, Any] = {
    "model": [SCORED], "task": [str],
    "recogniser": [Having("decision_function", words="a ZeroShot, as ZeroShot(model).fit(train, "
                          "classes) is"), None],
    "settings": [Mapping], "selection": [str],
    "run": [Interval(Integral, 0, None, closed="left")], "protocol": [Mapping], "source": [Mapping],
    "options": [Mapping],
    "answerer": [Having("unknown_words", words="an Answerer, as Answerer(model).fit(train, "
                        "questions) is"), None],
    "pools": [Mapping],
    "captioner": [Having("speaker", words="a Captioner, as Captioner(model).fit(train, captions) "
                         "is"), None]}


class Fitted(Task):
    """Model that `evaluation.fit_for` has fitted, with what validation chose for it.

    Parameters
    ----------
    model : fitted model
        Model that is searched or recognised with.
    task : str
        Name of the task that it is for, and that its settings are of.
    recogniser : ZeroShot, optional
        Prepared and calibrated head of the model, where it is to recognise classes.
    settings : mapping
        Settings of the task besides hyper-parameters, as validation chose them: of gzsl ``gamma``,
        ``gamma_by_share``, ``confidences``, the threshold and temperature of each, see
        `Rejection`, ``sets``, the limits of `Conformal`, and ``adaptation``, see `adapt`; of
        retrieval ``cutoff``; of any in a space ``cutoffs``, see `space.cutoffs`.
    selection : str
        Sentence that says what was chosen, and by what.
    run : int
        Class split that it was fitted on.
    protocol : mapping
        Protocol of that split.
    source : mapping
        Options with which the benchmark was loaded.
    options : mapping
        Options of the task, as ``ks`` and ``draws`` of few_shot, with which it is scored again.
    answerer : Answerer, optional
        Answerer of questions over the model, where it is to answer some.
    captioner : Captioner, optional
        Captioner over the model, where it is to say what samples show.
    pools : mapping of modality to pooling
        Poolings that made the vectors which the model was fitted on of token rows, as of the frames
        of clips, see `preprocessing.pooling`; default none.
    """

    def __init__(self, model: Any, task: str = "retrieval", recogniser: ZeroShot | None = None,
                 settings: Mapping[str, Any] = NOTHING,
                 selection: str = "the model was fitted elsewhere", run: int = 0,
                 protocol: Mapping[str, Any] = NOTHING,
                 source: Mapping[str, Any] = NOTHING,
                 options: Mapping[str, Any] = NOTHING, answerer: Any = None,
                 captioner: Any = None, pools: Mapping[str, Any] = NOTHING) -> None:
        check_values({"model": model, "task": task, "recogniser": recogniser,
                      "settings": settings, "selection": selection, "run": run,
                      "protocol": protocol, "source": source, "options": options,
                      "answerer": answerer, "captioner": captioner, "pools": pools}, RANGES)
        self.model = model
        self.task = task
        self.recogniser = recogniser
        self.settings = settings
        self.selection = selection
        self.run = run
        self.protocol = protocol
        self.source = source
        self.options = options
        self.answerer = answerer
        self.captioner = captioner
        self.pools = pools

    @property
    def gamma(self) -> float | None:
        """Calibration of the recogniser; None without one."""
        return None if self.recogniser is None else self.recogniser.gamma

    @property
    def confidences(self) -> Mapping[str, Any]:
        """Threshold and temperature of each confidence of the recogniser; empty without any."""
        found: Mapping[str, Any] = self.settings.get("confidences", NOTHING)
        return found

    def gamma_at(self, unseen_share: float) -> float:
        """Return the calibration that validation chose for a share of items of unseen classes, as
        in a space whose classes are equally likely; that for H if it chose no other.
        """
        chosen = self.settings.get("gamma_by_share") or [[0.0, self.gamma or 0.0]]
        shares, gammas = zip(*chosen, strict=True)
        return float(np.interp(unseen_share, shares, gammas))

    def settings_for(self, task: str) -> Mapping[str, Any]:
        """Return the settings of a task: those chosen for it, or else the calibration alone."""
        if task == self.task:
            return self.settings
        return NOTHING if self.gamma is None else {"gamma": self.gamma}

    def pooled(self, X: Any) -> Any:
        """Return samples as the model reads them: those of `Views` whose tokens were pooled when it
        was fitted are, and so are token rows ``(n, t, d)`` alone; all else stays as it is.
        """
        if isinstance(X, Views):
            return pooled_views(X, self.pools) if has_tokens(X, self.pools) else X
        if len(self.pools) == 1 and np.ndim(X) > 2:
            return pooled_rows(next(iter(self.pools.values())), X)
        return X

    def predict(self, X: npt.ArrayLike | Views) -> npt.NDArray[np.int64]:
        """Recognise the class ``(n,)`` of every sample, calibrated."""
        return np.asarray(self._head().predict(self.pooled(X)), dtype=np.int64)

    def decision_function(self, X: npt.ArrayLike | Views) -> npt.NDArray[Any]:
        """Score the classes ``(n, C)`` of every sample, before calibration."""
        return self._head().decision_function(self.pooled(X))

    def rejection(self, confidence: str = "max_probability") -> Rejection:
        """Return a recogniser that also answers "none of these", as validation chose.

        Raises
        ------
        ValueError
            If validation chose nothing for that confidence.
        """
        if confidence not in self.confidences:
            raise ValueError(f"confidence: got {confidence!r}; validation chose for "
                             f"{list(self.confidences)}.")
        return Rejection(self._head(), confidence, **self.confidences[confidence])

    def conformal(self) -> Conformal:
        """Return a recogniser that answers with sets of classes, as validation chose.

        Raises
        ------
        ValueError
            If validation chose no limits.
        """
        limits = self.settings.get("sets")
        if not limits:
            raise ValueError("coverage: validation chose no limits for sets; fit the model for "
                             "gzsl on a benchmark with a validation_split.")
        return Conformal(self._head(), **limits)

    def predict_set(self, X: npt.ArrayLike | Views,
                    coverage: float = COVERAGE) -> list[npt.NDArray[Any]]:
        """Return for every sample the classes that may be right, see `Conformal.predict_set`."""
        return self.conformal().predict_set(self.pooled(X), coverage)

    def adapt(self, X: Samples) -> Self:
        """Return the same with a recogniser that unlabelled samples have taught where unseen
        classes lie, in the way and with the calibration that validation chose.

        Raises
        ------
        ValueError
            If it was fitted without adaptation, or validation found no clear gain by it.
        """
        chosen = self.settings.get("adaptation")
        if not chosen or not moves(chosen):
            raise ValueError("X: validation classes chose no way of adapting; fit with the task "
                             "GZSL(adapt='heldout')." if chosen is None else
                             "X: no gain by adapting is clear on validation classes, so "
                             "nothing was moved; recognise without it.")
        other = copy(self)
        other.recogniser = self._head().adapt(self.pooled(X), way_of(chosen))
        other.recogniser.gamma = chosen["gamma"]
        other.settings = {**self.settings,
                          **{key: chosen[key] for key in self.settings if key in chosen}}
        return other

    def try_out(self) -> None:
        """Let recogniser, answerer and captioner, if they are there, read made-up samples."""
        for taught in (self.answerer, self.captioner):
            if taught is not None:
                taught.try_out()
        if self.recogniser is not None:
            self.recogniser.try_out()
            for confidence in self.confidences:
                self.rejection(confidence)
            if self.settings.get("sets"):
                self.conformal()

    def _head(self) -> ZeroShot:
        if self.recogniser is None:
            raise ValueError(f"model: it was fitted for {self.task}, which recognises no classes; "
                             "use ZeroShot(fitted.model), or fit it for gzsl.")
        return self.recogniser
