"""Pairs needed: how well mates are found over the number of pairs, and how that goes on.

Ridge regression both ways is fitted on 20, 40, 80, ... pairs of one half and ranks the mates of the
other half. Its mean average precision, which is the mean reciprocal rank where no two rows are
alike, is near to linear in the logarithm of the number of pairs as long as it is far from 1; the
line through the last three points says what more pairs would bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossalign.metrics import mean_average_precision
from crossalign.models import Committee
from crossalign.types import Views

FIRST = 20
"""Smallest number of pairs."""
LAST = 3
"""Number of points that the line goes through."""
GOAL = 0.5
"""Mean average precision that is asked for: a mate is second, or first half of the time."""
FURTHEST = 100
"""Largest factor of the pairs at hand up to which the line is followed."""


@dataclass(frozen=True)
class PairsCurve:
    """Mean average precision over the number of pairs.

    Attributes
    ----------
    pairs : K integers
        Numbers of pairs that the regressions were fitted on.
    precisions : K floats
        Mean average precision of the mates of further items, over both directions.
    gallery : int
        Number of items that a mate is among.
    """

    pairs: tuple[int, ...]
    precisions: tuple[float, ...]
    gallery: int

    @property
    def slope(self) -> float:
        """Gain with each doubling of the pairs."""
        return float(np.polyfit(np.log2(self.pairs[-LAST:]), self.precisions[-LAST:], 1)[0])

    @property
    def needed(self) -> int | None:
        """Number of pairs at which the line reaches `GOAL`; None if it does not, or too far off."""
        reached = [n for n, precision in zip(self.pairs, self.precisions, strict=True)
                   if precision >= GOAL]
        if reached:
            return reached[0]
        doublings = (GOAL - self.precisions[-1]) / self.slope if self.slope > 0 else np.inf
        if doublings > np.log2(FURTHEST):
            return None
        return int(self.pairs[-1] * 2.0**doublings)

    @property
    def advice(self) -> str:
        """Say in a sentence how many pairs it takes."""
        found = (f"With {self.pairs[-1]} pairs, ridge regression finds the mate of a further item "
                 f"among {self.gallery} with an average precision of {self.precisions[-1]:.2f}")
        if self.needed is None:
            return (f"{found}, and each doubling adds {self.slope:.3f}: {GOAL} is out of reach of "
                    f"{FURTHEST} times as many.")
        if self.needed <= self.pairs[-1]:
            return f"{found}; {self.needed} were enough for {GOAL}."
        return (f"{found}; each doubling adds {self.slope:.2f}, so that {GOAL} takes about "
                f"{self.needed:,} if it goes on.")


def pairs_curve(views: Views, rng: np.random.Generator) -> PairsCurve | None:
    """Measure the curve on paired rows of two modalities; None for fewer than 80 of them."""
    order = rng.permutation(len(views))
    half = len(views) // 2
    counts = [int(n) for n in FIRST * 2.0**np.arange(20) if n < half] + [half]
    if len(counts) < 2 or counts[0] > half:
        return None
    held = views[np.sort(order[half:])]
    codes = [np.unique(np.asarray(held[m]), axis=0, return_inverse=True)[1].reshape(-1)
             for m in held.modalities]
    mates = min(codes, key=lambda code: code.max())                  # rows that are alike are one
    found = []
    for count in counts:
        model = Committee(members=("ridge",)).fit(views[np.sort(order[:count])])
        a, b = (model.embed(held[m], m) for m in held.modalities)
        found.append(float(np.mean([mean_average_precision(x @ y.T, mates, mates)
                                    for x, y in ((a, b), (b, a))])))
    return PairsCurve(tuple(counts), tuple(found), len(held))
