"""Adaptation to unlabelled test samples, as a mode with a name: it is never on by itself.

- ``heldout``: unseen classes are moved by one half of the test samples, the other half is scored,
  and the reverse. No scored sample was adapted on.
- ``transductive``: they are moved by the very samples that are scored.

The way of moving, see `tasks.ClassEM`, is chosen on the validation classes in the same mode; where
it helps none of them, nothing is moved.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from crossalign import metrics
from crossalign.evaluation.protocols.base import Array, Settings
from crossalign.metrics.classification import candidates_without_items
from crossalign.tasks import ZeroShot
from crossalign.tasks.class_em import ClassEM, moves
from crossalign.types import Benchmark, Views

MODES = {
    "heldout": "unseen classes moved by the unlabelled half of the test samples that is not scored",
    "transductive": "unseen classes moved by the unlabelled test samples that are scored"}
"""Modes of adaptation, as a protocol states them."""
SEED = 0
"""Seed of the halves."""
GRID = {"prior": (3.0, 10.0, 30.0), "temperature": (0.05, 0.1, 0.2), "balance": (0.0, 0.5, 1.0)}
"""Parameters of `ClassEM` that validation chooses among."""


def check_mode(mode: str | None, balance: float | None) -> None:
    """Raise ValueError for an unknown mode, or a balance without one or out of range."""
    if mode is not None and mode not in MODES:
        raise ValueError(f"adapt: got {mode!r}; choose one of {list(MODES)}.")
    if balance is not None and (mode is None or not 0 <= balance <= 1):
        raise ValueError(f"adapt_balance: got {balance!r} with adapt {mode!r}; give a number from "
                         "0 to 1, with a mode.")


def adapted(head: ZeroShot, tests: Views, mode: str, by: ClassEM, gamma: float) -> Array:
    """Score test samples, ``(n, C)``, after adaptation.

    Parameters
    ----------
    head : ZeroShot
        Prepared recogniser; it stays as it is.
    tests : Views
        Test samples of seen and of unseen classes; labels are not read.
    mode : {"heldout", "transductive"}
        Mode, see above.
    by : ClassEM
        Way of moving the classes.
    gamma : float
        Number subtracted from the scores of seen classes when samples are assigned.
    """
    rows, views = head.read(tests)
    seen = head.classes_.seen
    scores = np.empty((len(tests), len(seen)))
    for adapts, scored in halves(len(tests), mode):
        moved = by.moved(head.head_, head.model, rows, views, seen, gamma, adapts)
        scores[scored] = moved.scores(head.model, rows, views)[scored]
    return scores


def tests_of(bench: Benchmark) -> Views:
    """Return the test samples, those of seen classes first."""
    return Views.concatenate([bench["test_seen"], bench["test_unseen"]])


def halves(n: int, mode: str) -> list[tuple[Array, Array]]:
    """Return pairs of the samples ``(n,)`` bool that are adapted on, and of those then scored."""
    if mode == "transductive":
        return [(np.ones(n, dtype=bool),) * 2]
    half = np.random.default_rng(SEED).permutation(n) % 2 == 0
    return [(half, ~half), (~half, half)]


def choose_adaptation(head: ZeroShot, validation: Benchmark, mode: str, gamma: float,
                      reached: float, balance: float | None = None) -> dict[str, Any]:
    """Choose on validation classes how to adapt.

    Parameters
    ----------
    head : ZeroShot
        Recogniser that is prepared for the validation benchmark.
    validation : Benchmark
    mode : {"heldout", "transductive"}
    gamma, reached : float
        Calibration without adaptation, and H with it.
    balance : float, optional
        Balance that is not to be chosen.

    Returns
    -------
    dict
        Parameters of `ClassEM` by name and the ``gain`` in H; only a ``gain`` of 0 if nothing
        gains.
    """
    tests, n = tests_of(validation), len(validation["test_seen"])
    best: dict[str, Any] = {"gain": 0.0}
    grid = GRID if balance is None else {**GRID, "balance": (balance,)}
    for values in product(*grid.values()):
        params: dict[str, Any] = dict(zip(GRID, values, strict=True))
        rows = adapted(head, tests, mode, ClassEM(**params), gamma)
        known = rows[:n], tests.truth[:n], rows[n:], tests.truth[n:]
        with candidates_without_items():
            after = metrics.best_gamma(
                metrics.seen_unseen_curve(*known, validation.classes.seen))
            gain = metrics.gzsl_scores(*known, validation.classes.seen, after)["H"] - reached
        if gain > best["gain"]:
            best = {**params, "gain": float(gain)}
    return best


def told(mode: str, settings: Settings) -> str:
    """Say in a few words what was chosen."""
    if not moves(settings):
        return f"no adaptation ({mode}), as it helps on none of the validation classes"
    chosen = ", ".join(f"{name} {settings[name]:g}" for name in GRID)
    return (f"adaptation ({mode}): {chosen}, gamma {settings['gamma']:.4g} "
            f"(H {100 * settings['gain']:+.1f} on validation)")
