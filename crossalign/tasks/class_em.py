"""Unlabelled samples move the means of unseen classes: expectation-maximisation with a prior.

    s_ic  scores of sample i for class c, less gamma for seen classes
    P     = argmin_P  <P, -s> / t + sum P (log P - 1),   sum_c P_ic = 1,   and for unseen classes
            sum_i P_ic = (1 - b) n_c + b mean_c(n_c),     n_c what the samples themselves ask for
    m_c   = (k m0_c + sum_i P_ic z_i) / (k + sum_i P_ic)          for unseen classes c

and so on, `steps` times. With b = 0 the plan P is the posterior of a mixture, and the iteration
that of EM with a prior of k samples on every mean (Dempster et al. 1977). With b = 1 it is an
entropic transport plan from samples to classes of equal size (Cuturi, NeurIPS 2013), whose size is
estimated. Between, the size of a class is shrunk towards the mean size. A sliced plan of the same
sizes, which reads places and no scores, can stand in P's place, see `sliced_plan`.

Whatever has means of classes is moved by the same plan: the Gaussians on features and on codes, and
the prototypes, each in its own space, while the plan comes from the scores of all together.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.utils._param_validation import StrOptions

from crossalign.arrays import unit_rows
from crossalign.models.ranges import COUNT, RATE, SHARE, check_values
from crossalign.nested import Part

if TYPE_CHECKING:
    from crossalign.heads.base import Head, Places

Array = npt.NDArray[Any]

PLANS = ("entropic", "sliced")
"""Plans from samples to classes."""
ROUNDS = 50
"""Largest number of rounds in which the sizes of classes are brought to what they should be."""
TOGETHER = 10
"""Number of rounds between which shares are not computed anew from their logarithms."""
NEAR = 1e-3
"""Largest relative error of a size at which the rounds end."""
LEAST = 1e-9
"""Size of a class below which it counts as this large."""


class ClassEM(Part):
    """Expectation-maximisation of the means of unseen classes on unlabelled samples.

    Parameters
    ----------
    steps : int
        Number of times that samples are assigned and means moved; default 6.
    prior : float
        Number of samples that the mean from side information is worth; default 10.
    temperature : float
        Temperature of the plan, in deviations of a sample's scores over the classes; default 0.1.
    balance : float in [0, 1]
        Share of the way from the size of an unseen class, as samples ask for it, to the mean size;
        default 0.5.
    plan : {"entropic", "sliced"}
        Plan from samples to classes; default ``"entropic"``. ``"sliced"`` is a mean over random
        lines and takes longer. Among many classes it tells none apart: on a line, samples lie
        beside draws of any class.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "steps": [COUNT], "prior": [RATE], "temperature": [RATE], "balance": [SHARE],
        "plan": [StrOptions(set(PLANS))]}

    def __init__(self, steps: int = 6, prior: float = 10.0, temperature: float = 0.1,
                 balance: float = 0.5, plan: str = "entropic") -> None:
        self.steps = steps
        self.prior = prior
        self.temperature = temperature
        self.balance = balance
        self.plan = plan

    def check(self) -> None:
        """Raise ValueError for a parameter out of range."""
        check_values(self.get_params(), self._parameter_constraints)

    def moved(self, head: Head, model: Any, rows: Any, views: Any, seen: Array,
              gamma: float = 0.0) -> Head:
        """Return a copy of a fitted head whose unseen classes lie where unlabelled samples ask.

        Parameters
        ----------
        head : Head
            Fitted head with means of classes, see `Head.places`.
        model : fitted model
            Model of the head.
        rows, views
            Samples that move classes, as `Head.scores` takes them.
        seen : (C,) bool
            Seen classes, which stay where they are.
        gamma : float
            Number subtracted from the scores of seen classes; default 0.

        Raises
        ------
        ValueError
            If the head has no means of classes, or there are no samples.
        """
        self.check()
        other, unit = deepcopy(head), None
        if not len(rows):
            raise ValueError("X: got no samples; give some, as no class can be moved by none.")
        start = [places.means for places in head.places(model, rows, views)]
        for step in range(self.steps):
            scores = other.scores(model, rows, views)
            unit = np.std(scores, axis=1).mean() if unit is None else unit
            plan = class_plan(scores - gamma * seen, ~seen,
                              max(self.temperature * unit, np.finfo(float).tiny), self.balance)
            spaces = other.places(model, rows, views)
            if self.plan == "sliced":
                plan = _sliced(spaces, plan, step)
            for places, first in zip(spaces, start, strict=True):
                places.settle(moved_means(places, plan, first, ~seen, self.prior))
        return other


def moves(chosen: Mapping[str, Any]) -> bool:
    """Tell whether validation chose a way of moving classes, among its other settings."""
    return "prior" in chosen


def way_of(chosen: Mapping[str, Any]) -> ClassEM:
    """Return the way of moving classes whose parameters stand among settings."""
    return ClassEM(**{key: chosen[key] for key in ClassEM().get_params() if key in chosen})


def class_plan(scores: Array, unseen: Array, temperature: float, balance: float) -> Array:
    """Assign samples to classes, in shares ``(n, C)`` that sum to 1 for every sample.

    Parameters
    ----------
    scores : (n, C)
        Scores, larger is likelier.
    unseen : (C,) bool
        Classes whose sizes are balanced.
    temperature : float
        Difference of scores by which shares differ by a factor of e.
    balance : float in [0, 1]
        Share of the way from the size that samples ask for to the mean size.
    """
    logits = scores / temperature
    plan = _shares(logits)
    if balance == 0 or not unseen.any():
        return plan
    offset = np.zeros(scores.shape[1])
    sizes = plan[:, unseen].sum(axis=0)
    wanted = (1 - balance) * sizes + balance * sizes.mean()
    for _ in range(ROUNDS // TOGETHER):
        factor = _factor(plan[:, unseen], plan[:, ~unseen].sum(axis=1), wanted)
        offset[unseen] += np.log(factor)
        plan = _shares(logits + offset)
        if _error(plan[:, unseen].sum(axis=0), wanted).max() <= NEAR:
            break
    return plan


def _factor(shares: Array, rest: Array, wanted: Array) -> Array:
    """Return factors ``(u,)`` of the shares ``(n, u)`` of unseen classes that bring their sizes
    near to ``wanted (u,)``, where ``rest (n,)`` goes to other classes.
    """
    factor = np.ones(len(wanted))
    for _ in range(TOGETHER):
        sizes = factor * ((1 / (rest + shares @ factor)) @ shares)
        if _error(sizes, wanted).max() <= NEAR:
            break
        factor *= (wanted + LEAST) / (sizes + LEAST)
    return factor


def _error(sizes: Array, wanted: Array) -> Array:
    return np.abs(np.log((wanted + LEAST) / (sizes + LEAST)))


def moved_means(places: Places, plan: Array, start: Array, which: Array, prior: float) -> Array:
    """Return the means ``(C, d)`` after a step.

    Those of ``which (C,)`` move from ``start (C, d)`` by the samples that a plan gives them, ``(n,
    C)``.
    """
    shares = plan[places.here][:, which]                                        # (m, u)
    means = places.means.copy()
    means[which] = ((prior * start[which] + shares.T @ places.rows)
                    / (prior + shares.sum(axis=0))[:, None])
    if places.sphere:
        means[which] = unit_rows(means[which])
    return means


def _sliced(spaces: list[Places], plan: Array, seed: int) -> Array:
    from crossalign.tasks.sliced_plan import sliced_plan  # torch is imported where it is used

    return sliced_plan(spaces, plan, seed)


def _shares(logits: Array) -> Array:
    return np.asarray(np.exp(logits - logsumexp(logits, axis=1, keepdims=True)))
