"""Is one model better than another on the same runs? Paired differences and their p-values.

Runs of two models on one benchmark share the class split and the seed, and the split moves both
scores by more than most claimed gaps, so only differences run by run say anything. The sign-flip
permutation test assumes nothing but symmetry of the differences under "no effect"; the t-test
adds normality. Mind the floor: with n runs the exact test cannot go below 2^(1-n), so five runs
never reach .05 two-sided and six do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EXACT_LIMIT = 16
"""Largest number of runs for which all 2^n sign patterns are enumerated."""


@dataclass(frozen=True)
class PairedComparison:
    """Model a minus model b, run by run; a positive ``mean`` favours a.

    Attributes
    ----------
    n : int
        Number of paired runs.
    mean, sd : float
        Of the differences, in the unit of the scores; ``sd`` has ddof=1 and is 0.0 for one run.
    wins, ties, losses : int
        Runs where a is above, equal to and below b.
    p_value : float
        Two-sided sign-flip permutation p-value (exact up to 16 runs).
    t, t_p_value : float
        Two-sided paired t-test; NaN for a single run.
    """

    n: int
    mean: float
    sd: float
    wins: int
    ties: int
    losses: int
    p_value: float
    t: float
    t_p_value: float

    def __str__(self) -> str:
        runs = "1 run" if self.n == 1 else f"{self.n} runs"
        return (f"{100 * self.mean:+.1f} ± {100 * self.sd:.1f} points over {runs}: "
                f"{self.wins} won, {self.ties} tied, {self.losses} lost, "
                f"sign-flip p = {self.p_value:.3g}, paired t p = {self.t_p_value:.3g}")


def paired_comparison(a: npt.ArrayLike, b: npt.ArrayLike, *, seed: int = 0) -> PairedComparison:
    """Compare two models over the same runs.

    Parameters
    ----------
    a, b : (n,) float
        Scores of each model; entry i of both comes from the same run.
    seed : int
        For the Monte-Carlo permutations, used beyond 16 runs only.

    Raises
    ------
    ValueError
        If the lengths differ, there is no run, or a score is not finite.
    """
    first, second = _runs("a", a), _runs("b", b)
    if len(first) != len(second):
        raise ValueError(f"b: {len(second)} runs against {len(first)} of a; "
                         "score both models on the same runs.")
    differences = first - second
    t, t_p_value = paired_t_test(differences)
    return PairedComparison(
        n=len(differences),
        mean=float(differences.mean()),
        sd=float(differences.std(ddof=1)) if len(differences) > 1 else 0.0,
        wins=int((differences > 0).sum()),
        ties=int((differences == 0).sum()),
        losses=int((differences < 0).sum()),
        p_value=sign_flip_test(differences, seed=seed),
        t=t,
        t_p_value=t_p_value,
    )


def sign_flip_test(differences: npt.ArrayLike, *, draws: int = 100_000, seed: int = 0) -> float:
    """Two-sided sign-flip permutation p-value of "the differences are symmetric around 0".

    The statistic is |sum of differences| (Fisher, The Design of Experiments, 1935, section 21).
    Up to 16 runs every one of the 2^n sign patterns is counted. Beyond, ``draws`` random patterns
    are, plus the observed one, which keeps the p-value valid and above 0.

    Parameters
    ----------
    differences : (n,) float
    draws : int
        Random sign patterns for n > 16.
    seed : int
        Of those patterns.

    Raises
    ------
    ValueError
        If there is no difference, one is not finite, or ``draws`` is below 1.
    """
    d = _runs("differences", differences)
    if draws < 1:
        raise ValueError(f"draws: got {draws}; give at least 1.")
    # Equal sums differ by rounding only; without slack the observed pattern may miss itself.
    observed = abs(d.sum()) - 1e-12 * np.abs(d).sum()
    if len(d) <= EXACT_LIMIT:
        patterns = np.arange(2 ** len(d))[:, None] >> np.arange(len(d)) & 1  # (2^n, n)
        sums = (1 - 2 * patterns) @ d  # (2^n,)
        return float(np.mean(np.abs(sums) >= observed))
    rng = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, draws, 4096):
        signs = 1 - 2 * rng.integers(0, 2, (min(4096, draws - start), len(d)))  # (block, n)
        extreme += int((np.abs(signs @ d) >= observed).sum())
    return (extreme + 1) / (draws + 1)


def paired_t_test(differences: npt.ArrayLike) -> tuple[float, float]:
    """Student's paired t statistic and its two-sided p-value.

    Parameters
    ----------
    differences : (n,) float

    Returns
    -------
    t, p_value : float
        ``(nan, nan)`` for one run; ``(0, 1)`` where all differences are 0; ``(+-inf, 0)`` where
        they are equal and not 0.
    """
    from scipy.special import stdtr

    d = _runs("differences", differences)
    if len(d) == 1:
        return float("nan"), float("nan")
    mean = float(d.mean())
    if np.all(d == d[0]):
        return (0.0, 1.0) if d[0] == 0 else (float(np.copysign(np.inf, mean)), 0.0)
    t = mean / (float(d.std(ddof=1)) / np.sqrt(len(d)))
    return float(t), float(2 * stdtr(len(d) - 1, -abs(t)))


def _runs(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: shape {array.shape}; give one number per run, (n,) with n >= 1.")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name}: run {bad} is {array[bad]}; drop it from both models or repair.")
    return array
