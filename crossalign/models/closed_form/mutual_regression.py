"""Mutual regression: every view regressed onto every other, rows without a mate by transport.

    W_ab  = argmin |Z_b - Z_a W|^2_w + alpha |W|^2          from view a to view b, a != b
    P     = entropic plan between rows of a and rows of b that have no mate,
            from their standardised similarities under the maps so far
    z~_b  = P z_b / sum P,      w = (1 - spread of z_b under P)^c         for a row of a

A row that lacks a view is given the barycentre of the rows that the plan sends it to, and counts by
how certain that is. The sums of the plan are what tells it from self-training with soft
assignments: rows that are near to everything do not draw all others. With labels, the target of a
row is the mean of its class in the other view, and nothing is left to be transported.

The space has a block for each view: what a row is there itself, or what it is regressed to. Blocks
weigh alike over the training rows. ``axes`` of one encoder make one more block, and are where
transport starts if there are no pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch

from crossalign.arrays import evenly
from crossalign.losses.sinkhorn import log_plan
from crossalign.models.closed_form.ridge import ridge_coefficients, solved
from crossalign.models.pairing import Pairs, class_targets
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.rows import Rows, products, scatter

PLANS = ("transport", "softmax")
MOST = 4096
"""Most rows without a mate, of each view, that are matched; evenly spaced among all."""
PLAN_ROUNDS = 100
"""Most rounds of the plan, of which a plan that converges needs ten or less."""


@dataclass(frozen=True)
class Transport:
    """Way of giving mates to rows that have none.

    Parameters
    ----------
    rounds : int
        Number of times that rows are matched and maps fitted again; 0 leaves them out. Default 1.
    temperature : float
        Temperature of the plan, in standard deviations of the similarities; default 0.1.
    certainty : float
        Power c of the certainty of a mate in its weight; default 3. 0 counts all alike.
    plan : {"transport", "softmax"}
        Plan; default ``"transport"``, the entropic one. ``"softmax"`` assigns each row by itself.
    """

    rounds: int = 1
    temperature: float = 0.1
    certainty: float = 3.0
    plan: str = "transport"


Maps = dict[tuple[str, str], Array]
"""Maps ``(d_a, d_b)`` from view a to view b."""


def mutual_paths(rows: Mapping[str, Rows], present: Mapping[str, Array], alpha: float,
                 labels: Array | None = None, transport: Transport | None = None,
                 axes: Array | None = None,
                 own: Mapping[str, int] | None = None) -> dict[str, Array]:
    """Fit maps ``(d_m, D)`` of scaled rows into one space that has a block for each view.

    Parameters
    ----------
    rows : mapping of view to (n_m, d_m) Rows
        Rows of the training samples that have each view, scaled.
    present : mapping of view to (n,) bool
        Presence of each view in every sample.
    alpha : float
        Ridge of the regressions.
    labels : (n,), optional
        Labels, with which rows are paired with all rows of their class.
    transport : Transport, optional
        Way of giving mates to rows that have none; default that of `Transport`.
    axes : (d, k), optional
        Principal axes that all views share, for features of one encoder.
    own : mapping of view to int, optional
        Number of leading columns that are the view's own, which others are regressed onto; default
        all. The columns behind them are features of these.

    Raises
    ------
    ValueError
        If two views have no pair and there are no axes.
    """
    transport = Transport() if transport is None else transport
    rows = {m: x.then(lambda x: x.astype(np.float64)) for m, x in rows.items()}
    targets = {m: x.leading((own or {}).get(m)) for m, x in rows.items()}
    if labels is not None:
        of = {m: labels[present[m]] for m in rows}
        maps = {(a, b): ridge_coefficients(*class_targets(
            Pairs((a, b), {a: rows[a], b: targets[b]}, of), a, b), alpha)
            for a, b in permutations(rows, 2)}
        return _blocks(rows, targets, maps, axes)
    both = {(a, b): (present[a] & present[b])[present[a]] for a, b in permutations(rows, 2)}
    apart = [way for way, here in both.items() if not here.any()]
    if apart and axes is None:
        raise ValueError(f"X: no sample has both {' and '.join(map(repr, apart[0]))}; give some, "
                         "labels, or features of one encoder and linear__view='pca'.")
    maps = {(a, b): ridge_coefficients(rows[a].take(here), targets[b].take(both[b, a]), alpha)
            for (a, b), here in both.items()}
    for _ in range(transport.rounds):
        paths = _blocks(rows, targets, maps, axes)
        maps = {way: _completed(rows, targets, both, way, paths, alpha, transport) for way in both}
    return _blocks(rows, targets, maps, axes)


def _completed(rows: Mapping[str, Rows], targets: Mapping[str, Rows],
               both: Mapping[tuple[str, str], Array], way: tuple[str, str],
               paths: Mapping[str, Array], alpha: float, transport: Transport) -> Array:
    """Fit a map from pairs, and from rows that a plan gives mates, which weigh as all pairs do."""
    a, b = way
    x, y = rows[a].take(both[a, b]), targets[b].take(both[b, a])
    gram, cross = scatter(x), products(x, y)
    alone, others, found = (_held(part[m].take(~both[m, n])) for part, m, n in
                            ((rows, a, b), (rows, b, a), (targets, b, a)))
    if len(alone) and len(others):
        scores = unit_rows(alone @ paths[a]) @ unit_rows(others @ paths[b]).T
        mates, certainty = completed(scores, found, transport)
        weights = certainty / certainty.mean() * (len(x) / len(alone) if len(x) else 1)
        weighted = (alone * weights[:, None]).T
        gram, cross = gram + weighted @ alone, cross + weighted @ mates
    return solved(gram, cross, alpha)


def completed(scores: Array, others: Array, transport: Transport) -> tuple[Array, Array]:
    """Return the barycentres ``(n, d)`` of the rows that a plan sends each row to, and how certain.

    Parameters
    ----------
    scores : (n, m)
        Similarities of rows and others.
    others : (m, d)
        Rows of the other view.
    transport : Transport
        Plan, its temperature, and the power of certainties ``(n,)``, which are in [0, 1].
    """
    scores = (scores - scores.mean()) / (scores.std() or 1.0)
    if transport.plan == "transport":
        shares = log_plan(torch.from_numpy(scores), transport.temperature,
                          PLAN_ROUNDS).exp().numpy()
    else:
        shares = np.exp((scores - scores.max(axis=1, keepdims=True)) / transport.temperature)
    shares = shares / shares.sum(axis=1, keepdims=True)
    mates = shares @ others
    spread = (shares @ np.square(others) - np.square(mates)).sum(axis=1)
    whole = np.square(others).sum(axis=1).mean()
    certainty = np.clip(1 - spread / (whole or 1.0), 0, None) ** transport.certainty
    return mates, certainty if certainty.any() else np.ones(len(mates))


def _held(rows: Rows) -> Array:
    """Return rows as an array, at most `MOST` of them."""
    some = rows.take(evenly(len(rows), MOST))
    return np.concatenate([np.zeros((0, rows.width)), *(x for _, x in some.blocks())])


def _blocks(rows: Mapping[str, Rows], targets: Mapping[str, Rows], maps: Maps,
            axes: Array | None) -> dict[str, Array]:
    """Put what each view is in every view's space side by side, at a length of one on average."""
    paths = {}
    for m, x in rows.items():
        inner, own = scatter(x) / len(x), np.eye(x.width)[:, :targets[m].width]
        blocks = [own if b == m else maps[m, b] for b in rows]
        blocks += [] if axes is None else [own @ axes]
        lengths = [np.sqrt(max(float(np.sum(block * (inner @ block))), 0)) for block in blocks]
        paths[m] = np.concatenate([block / (length or 1.0)
                                   for block, length in zip(blocks, lengths, strict=True)], axis=1)
    return paths
