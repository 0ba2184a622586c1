"""Alignability: have two encoders anything in common on these pairs, before a model is fitted.

Three questions about paired training rows, each beside its answers for shuffled pairs, which have
nothing in common but what each encoder has by itself: do items have the same neighbours, are their
similarities correlated, and do canonical correlations hold on pairs that they were not fitted on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.pairs_needed import PairsCurve, pairs_curve
from crossalign.metrics.neighbourhoods import centred_gram, neighbours, shared
from crossalign.models import CCA
from crossalign.preprocessing.pooling import vectors_in
from crossalign.tables import aligned
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

LEAST, MOST = 40, 1000
"""Least number of pairs that say something, and largest that are read."""
NEIGHBOURS = 10
WIDTH = 32
"""Largest number of principal components of each modality that canonical correlations are of."""
SHUFFLES = 99
"""Number of times that pairs are shuffled."""
LEVEL = 0.05
"""Share of shuffles that may reach a figure that counts as more than chance, shared by the three
figures.
"""


@dataclass(frozen=True)
class Figure:
    """A figure and its place among those of shuffled pairs.

    Attributes
    ----------
    value : float
        Value of the pairs as they are.
    low, high : float
        Middle 95 % of the values of shuffled pairs.
    p : float
        Share of shuffles that reach the value, counting the pairs themselves as one.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Alignability:
    """Figures of what two modalities have in common on paired rows.

    Attributes
    ----------
    modalities : pair of str
    pairs : int
        Number of pairs that were read.
    neighbours : Figure
        Share of the 10 nearest others that are the same in both modalities.
    cka : Figure
        Linear centred kernel alignment.
    correlation : Figure
        Largest canonical correlation on the half of the pairs that it was not fitted on.
    beyond : int
        Number of canonical correlations there above 97.5 % of the largest of shuffled pairs.
    curve : PairsCurve, optional
        Precision of mates over the number of pairs; None for fewer than 80.
    """

    modalities: tuple[str, str]
    pairs: int
    neighbours: Figure
    cka: Figure
    correlation: Figure
    beyond: int
    curve: PairsCurve | None

    @property
    def advice(self) -> str:
        """Say whether the two align, and how many pairs that takes."""
        return self._verdict if self.curve is None else f"{self._verdict} {self.curve.advice}"

    @property
    def _verdict(self) -> str:
        a, b = self.modalities
        told = [words for words, figure in (
            ("neighbours agree", self.neighbours), ("similarities agree", self.cka),
            ("correlations hold on further pairs", self.correlation)) if figure.p <= LEVEL / 3]
        if not told:
            return (f"On {self.pairs} pairs {a} and {b} have nothing in common beyond chance: try "
                    "other encoders, or more pairs.")
        if len(told) < 3:
            return (f"{a} and {b} have something in common ({' and '.join(told)}), but not in "
                    "every respect: expect little, and look at crossalign learning-curve.")
        return (f"{a} and {b} align: {', '.join(told)}, all beyond chance, with {self.beyond} "
                "correlated directions.")

    def to_dict(self) -> dict[str, Any]:
        """Return all figures and the advice as plain values."""
        return {**asdict(self), "modalities": list(self.modalities), "advice": self.advice}

    def __str__(self) -> str:
        rows = [[name, *(f"{value:.3f}" for value in (of.value, of.low, of.high)), f"{of.p:.2f}"]
                for name, of in ((f"{NEIGHBOURS} nearest in common", self.neighbours),
                                 ("linear CKA", self.cka),
                                 ("largest held-out correlation", self.correlation))]
        table = aligned([["", "pairs", "shuffled from", "to", "p"], *rows], words=1)
        if self.curve is not None:
            table += ["", *aligned([["pairs", *map(str, self.curve.pairs)],
                                    ["average precision of mates",
                                     *(f"{value:.3f}" for value in self.curve.precisions)]],
                                   words=1)]
        return "\n".join([*table, "", self.advice])


def alignability(bench: Benchmark, seed: int = 0) -> Alignability:
    """Measure what the first two modalities of a benchmark have in common on training pairs.

    Parameters
    ----------
    bench : Benchmark
        Benchmark of two modalities, of one run; its test samples are not read.
    seed : int
        Seed of the pairs that are drawn, at most 1000, of the halves and of the shuffles;
        default 0.

    Raises
    ------
    ValueError
        If there are fewer than two modalities, or than 40 pairs.
    """
    if len(bench.modalities) < 2:
        raise ValueError(f"data: {bench.name!r} has {bench.modalities}; give data of two "
                         "modalities, as pictures with texts.")
    rng = np.random.default_rng(seed)
    first, second = bench.modalities[:2]
    train = bench["train"].having(first).having(second)
    if len(train) < LEAST:
        raise ValueError(f"data: {bench.name!r} has {len(train)} training pairs of {first} and "
                         f"{second}; give {LEAST} at least.")
    some = train[np.sort(rng.permutation(len(train))[:MOST])]
    a, b = (np.asarray(vectors_in(some, m), dtype=np.float64) for m in (first, second))
    orders = [rng.permutation(len(a)) for _ in range(SHUFFLES)]
    near, gram = [neighbours(x, NEIGHBOURS) for x in (a, b)], [centred_gram(x) for x in (a, b)]
    correlated = _held_out(a, b, rng)
    largest = [float(correlated(order).max()) for order in orders]
    found = correlated(np.arange(len(a)))
    return Alignability(
        (first, second), len(a),
        _figure(lambda o: shared(near[0], near[1][np.ix_(o, o)]), orders),
        _figure(lambda o: float((gram[0] * gram[1][np.ix_(o, o)]).sum()), orders),
        _among(float(found.max()), largest),
        int((found > np.quantile(largest, 0.975)).sum()),
        pairs_curve(Views({first: a.astype(np.float32), second: b.astype(np.float32)}), rng))


def _held_out(a: Array, b: Array, rng: np.random.Generator) -> Callable[[Array], Array]:
    """Return a function from an order of the second rows to canonical correlations ``(k,)`` on one
    half of the pairs, fitted on the other.
    """
    half = rng.permutation(len(a)) < len(a) // 2
    width = max(1, min(WIDTH, int(half.sum()) // 10))
    one, other = _components(a, width), _components(b, width)

    def correlations(order: Array) -> Array:
        views = Views({"a": one, "b": other[order]})
        model = CCA(n_components=min(one.shape[1], other.shape[1])).fit(views[half])
        held = views[~half]
        x, y = (np.asarray(model.project(held[m], m), dtype=np.float64) for m in ("a", "b"))
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        sizes = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
        return np.asarray((x * y).sum(axis=0) / np.where(sizes > 0, sizes, 1.0))

    return correlations


def _components(rows: Array, width: int) -> Array:
    """Return the first principal components of rows, ``(n, w)``."""
    left, size, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    kept = min(width, int((size > 1e-9 * size[0]).sum()))
    return np.asarray(left[:, :kept] * size[:kept])


def _figure(measure: Callable[[Array], float], orders: list[Array]) -> Figure:
    """Return the figure of a measure of an order of the second rows."""
    return _among(measure(np.arange(len(orders[0]))), [measure(order) for order in orders])


def _among(value: float, shuffled: list[float]) -> Figure:
    low, high = np.quantile(shuffled, [0.025, 0.975])
    reached = sum(other >= value for other in shuffled)
    return Figure(value, float(low), float(high), (1 + reached) / (1 + len(shuffled)))
