"""Significance: is one model better than another? The answer depends on what was drawn at random.

- **One split**: the classes are the sample. Both models score the same classes, so classes are
  drawn with replacement, the same for both, and the difference is computed in every draw
  (`class_bootstrap.class_bootstrap`). Runs that differ by their seed alone show how much training
  varies, and nothing about other classes; they are averaged within each class, and no p-value is
  computed from them.
- **Several splits of the same classes**: their training parts overlap, so their differences are not
  independent. The variance of their mean is raised for that (`corrected_t_test`).
- Anything else has a mean difference and no test.

Comparisons of one model with several have the p-values of `holm`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crossalign.tables import points

Array = npt.NDArray[np.float64]
LEVEL = 0.95
"""Level of every interval."""


@dataclass(frozen=True)
class PairedComparison:
    """Comparison of model a minus model b; a positive ``mean`` favours a.

    Attributes
    ----------
    mean : float
        Difference of the mean scores, in the unit of the scores.
    low, high : float
        Ends of the 95 % interval; NaN if nothing can be tested.
    p_value : float
        P-value, two-sided; NaN if nothing can be tested.
    n : int
        Number of units that were compared.
    unit : {"class", "class split", "run"}
        Unit of the comparison.
    wins, ties, losses : int
        Numbers of units where a is above, equal to and below b.
    method : str
        Description of the method.
    """

    mean: float
    low: float
    high: float
    p_value: float
    n: int
    unit: str
    wins: int
    ties: int
    losses: int
    method: str

    @property
    def tested(self) -> bool:
        """True if there is an interval and a p-value."""
        return bool(np.isfinite(self.p_value))

    def __str__(self) -> str:
        units = f"{self.n} {self.unit if self.n == 1 else _plural(self.unit)}"
        counts = f"over {units}: {self.wins} won, {self.ties} tied, {self.losses} lost"
        if not self.tested:
            return f"{points(self.mean)} points {counts}; {self.method}"
        interval = f"[{points(self.low)}, {points(self.high)}]"
        return (f"{points(self.mean)} points {interval} {counts}; {self.method}, "
                f"p = {self.p_value:.2g}")


def _plural(unit: str) -> str:
    return f"{unit}es" if unit.endswith("s") else f"{unit}s"


def corrected_t_test(differences: npt.ArrayLike, ratio: float) -> tuple[float, float, float]:
    """Compute the corrected resampled t-test (Nadeau and Bengio, Machine Learning 52, 2003).

    J random splits of the same data share most of their training parts. The variance of the mean
    difference is taken as ``(1/J + ratio)`` times the sample variance, not as ``1/J`` times.

    Parameters
    ----------
    differences : (J,) float
        Differences of two models, one per split.
    ratio : float
        Size of the test part over that of the training part, in drawn units: classes, if classes
        are divided. 0 gives Student's paired t-test.

    Returns
    -------
    p_value, low, high : float
        Two-sided p-value, with the 95 % interval of the mean; NaN for one split, p-value 1 if all
        differences are 0.
    """
    from scipy.special import stdtr, stdtrit

    d = finite("differences", differences)
    if len(d) == 1:
        return float("nan"), float("nan"), float("nan")
    if not 0 <= ratio < np.inf:
        raise ValueError(f"ratio: got {ratio}; give test size over training size, 0 or more.")
    mean, spread = float(d.mean()), float(np.sqrt(d.var(ddof=1) * (1 / len(d) + ratio)))
    if np.all(d == d[0]):
        return (1.0 if d[0] == 0 else 0.0), mean, mean
    half = float(stdtrit(len(d) - 1, (1 + LEVEL) / 2)) * spread
    return float(2 * stdtr(len(d) - 1, -abs(mean / spread))), mean - half, mean + half


def split_comparison(a: npt.ArrayLike, b: npt.ArrayLike, ratio: float | None) -> PairedComparison:
    """Compare two models over the same class splits, by `corrected_t_test`; no test without a
    ratio.

    Parameters
    ----------
    a, b : (J,) float
        Scores; entry i of both is of the same split.
    ratio : float, optional
        Size of the test part over that of the training part; None gives no test.
    """
    differences = paired("b", a, b)
    nothing = (float("nan"),) * 3
    tested = ratio is not None and len(differences) > 1
    p_value, low, high = corrected_t_test(differences, ratio) if tested and ratio is not None \
        else nothing
    method = "corrected resampled t-test" if tested else (
        "no test over one split" if len(differences) == 1 else
        "no test, as the sizes of the parts are not known")
    return _counted(differences, "class split", method, p_value, low, high)


def run_comparison(a: npt.ArrayLike, b: npt.ArrayLike, why: str) -> PairedComparison:
    """Compare two models over runs of one split: a difference and no test, and why."""
    return _counted(paired("b", a, b), "run", f"no test, as {why}", *(float("nan"),) * 3)


def _counted(differences: Array, unit: str, method: str, p_value: float, low: float,
             high: float) -> PairedComparison:
    return PairedComparison(
        mean=float(differences.mean()), low=low, high=high, p_value=p_value, n=len(differences),
        unit=unit, wins=int((differences > 0).sum()), ties=int((differences == 0).sum()),
        losses=int((differences < 0).sum()), method=method)


def holm(p_values: npt.ArrayLike) -> Array:
    """Correct the p-values of several comparisons (Holm, Scand. J. Statistics 6, 1979); NaN stays.

    The smallest of m is multiplied by m, the next by m - 1 and so on, none below the one before.
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    adjusted = p.copy()
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted


def paired(name: str, a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Subtract scores of the same runs.

    Raises
    ------
    ValueError
        If the lengths differ, there is none, or one is not finite.
    """
    first, second = finite("a", a), finite(name, b)
    if len(first) != len(second):
        raise ValueError(f"{name}: {len(second)} runs against {len(first)} of a; "
                         "score both models on the same runs.")
    return first - second


def finite(name: str, values: npt.ArrayLike) -> Array:
    """Check for one finite number per run, ``(n,)`` with n at least 1; return them."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: shape {array.shape}; give one number per run, (n,) with n >= 1.")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name}: run {bad} is {array[bad]}; drop it from both models or repair.")
    return array
