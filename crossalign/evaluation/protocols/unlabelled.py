"""Adaptation to unlabelled test samples, as a mode with a name: it is never on by itself.

- ``heldout``: unseen classes are moved by one half of the test samples, the other half is scored,
  and the reverse. No scored sample was adapted on.
- ``transductive``: they are moved by the very samples that are scored.

The way of moving, see `tasks.ClassEM`, is chosen on the validation classes in the same mode. Its
gain in H has to be clear there: the 95 % interval of a bootstrap over these classes, seen and
unseen ones, lies above zero, with and without adaptation at the best calibration of either. Else
nothing is moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from crossalign import metrics
from crossalign.evaluation.class_bootstrap import PerClass, class_bootstrap
from crossalign.evaluation.protocols.base import NOTHING, Array, Outcome, Settings, accuracies
from crossalign.metrics.classification import candidates_without_items
from crossalign.sentences import nearest
from crossalign.tables import points
from crossalign.tasks import ZeroShot
from crossalign.tasks.class_em import ClassEM, moves, way_of
from crossalign.types import Benchmark, Views

MODES = {
    "heldout": "unseen classes moved by the unlabelled half of the test samples that is not scored",
    "transductive": "unseen classes moved by the unlabelled test samples that are scored"}
"""Modes of adaptation, as a protocol states them."""
SEED = 0
"""Seed of the halves."""
GRID: dict[str, tuple[Any, ...]] = {
    "prior": (3.0, 10.0, 30.0), "temperature": (0.05, 0.1, 0.2), "balance": (0.0, 0.5, 1.0)}
"""Parameters of `ClassEM` that validation chooses among."""


def check_mode(mode: str | None, by: Mapping[str, Any]) -> None:
    """Raise ValueError for an unknown mode, or parameters without one, unknown or out of range."""
    if mode is not None and mode not in MODES:
        raise ValueError(f"adapt: got {mode!r}; {nearest(mode, MODES)}")
    known = list(ClassEM().get_params())
    if by and (mode is None or not set(by) <= set(known)):
        raise ValueError(f"adapt_by: got {dict(by)} with adapt {mode!r}; give a mode, and "
                         f"parameters among {known}.")
    ClassEM(**by).check()


class Apart(NamedTuple):
    """Test samples as a mode takes them apart.

    Attributes
    ----------
    shape : (int, int)
        Number of samples and of classes.
    views
        View or views through which they are read.
    parts : list of (samples, samples, (n,) bool)
        Samples that are adapted on, those then scored, and which of all these are.
    """

    shape: tuple[int, int]
    views: Any
    parts: list[tuple[Any, Any, Array]]


def apart(head: ZeroShot, tests: Views, mode: str) -> Apart:
    """Take test samples of seen and of unseen classes apart; labels are not read."""
    rows, views = head.read(tests)
    return Apart((len(tests), len(head.classes_)), views,
                 [(rows if adapts.all() else rows[adapts],
                   rows if scored.all() else rows[scored], scored)
                  for adapts, scored in halves(len(tests), mode)])


def adapted(head: ZeroShot, tests: Apart, by: ClassEM, gamma: float) -> Array:
    """Score test samples, ``(n, C)``, after adaptation.

    Parameters
    ----------
    head : ZeroShot
        Prepared recogniser; it stays as it is.
    tests : Apart
        Test samples.
    by : ClassEM
        Way of moving the classes.
    gamma : float
        Number subtracted from the scores of seen classes when samples are assigned.
    """
    scores = np.empty(tests.shape)
    for adapts, scored, which in tests.parts:
        moved = by.moved(head.head_, head.model, adapts, tests.views, head.classes_.seen, gamma)
        scores[which] = moved.scores(head.model, scored, tests.views)
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


def choose_adaptation(base: Outcome, validation: Benchmark, mode: str,
                      by: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Choose on validation classes how to adapt.

    Parameters
    ----------
    base : Outcome
        Outcome without adaptation on the validation benchmark, see `GZSL.trial`.
    validation : Benchmark
    mode : {"heldout", "transductive"}
    by : mapping of parameter to value
        Parameters of `ClassEM` that are not to be chosen.

    Returns
    -------
    dict
        The largest ``gain`` in H and ``between``, its 95 % interval over classes; where the gain is
        clear, parameters of `ClassEM` by name, too.
    """
    head, gamma = base.details["head"], base.gamma or 0.0
    tests, n, seen = tests_of(validation), len(validation["test_seen"]), validation.classes.seen
    parts = apart(head, tests, mode)
    best: tuple[float, dict[str, Any], Any] | None = None
    grid = {**GRID, **{name: (value,) for name, value in by.items()}}
    for values in product(*grid.values()):
        params: dict[str, Any] = dict(zip(grid, values, strict=True))
        rows = adapted(head, parts, ClassEM(**params), gamma)
        reached, right = _calibrated((rows[:n], tests.truth[:n], rows[n:], tests.truth[n:]), seen)
        if best is None or reached > best[0]:
            best = reached, params, right
    assert best is not None
    reached, params, right = best
    before, right_before = _calibrated(base.details["parts"], seen)
    found = class_bootstrap(right, right_before, "H")
    gain = {"gain": float(reached - before), "between": [found.low, found.high]}
    return {**params, **gain} if found.low > 0 else gain


def _calibrated(parts: tuple[Array, Array, Array, Array],
                seen: Array) -> tuple[float, PerClass]:
    """Return H at the best calibration of scores and labels, first of samples of seen classes, and
    the accuracies of classes there.
    """
    with candidates_without_items():
        gamma = metrics.best_gamma(metrics.seen_unseen_curve(*parts, seen))
        reached = metrics.gzsl_scores(*parts, seen, gamma)["H"]
    right = {}
    for name, (rows, labels) in (("S", parts[:2]), ("U", parts[2:])):
        answers = metrics.calibrated_stacking(rows, seen, gamma).argmax(axis=1)
        classes, share, _ = accuracies(labels, answers)
        right[name] = {"classes": classes, "runs": share[None]}
    return float(reached), right


def told(mode: str, settings: Settings) -> str:
    """Say in a few words what was chosen."""
    if not moves(settings):
        return f"no adaptation ({mode}), as no gain is clear ({_gain(settings)})"
    by, usual = way_of(settings).get_params(), ClassEM().get_params()
    chosen = ", ".join(f"{name} {value:g}" if name in GRID else f"{name} {value}"
                       for name, value in by.items() if name in GRID or value != usual[name])
    return (f"adaptation ({mode}): {chosen}, gamma {settings['gamma']:.4g} "
            f"({_gain(settings)})")


def _gain(settings: Settings) -> str:
    low, high = settings["between"]
    return f"H {points(settings['gain'], low, high)} on validation"
