"""Committee: the mean of what three closed forms say, for few pairs.

    s(x, y) = mean over members m of  (s_m(x, y) - mean_m) / deviation_m

of ridge regression both ways (`RidgeMap` onto either modality, the mean of both cosines),
`Procrustes` and `ASIF`. With few pairs the three are about as good as each other and err
differently, so that their mean can be better than each; whether it is better than the ridge alone
is decided on validation classes.

Means and deviations are those of the scores of training rows that do not belong together. A
deviation is one number for a member, so that a member's rows of unit length, times the root of
1 / deviation and beside those of the others, have the sum of standardised scores as their inner
product, but for a constant that changes no ranking. The rows keep one length, but for one
that is similar to no pair; hence the committee is a space as others are, with an index that ranks
by its scores.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions

from crossalign.arrays import evenly
from crossalign.models.base import Model
from crossalign.models.closed_form.asif import ASIF
from crossalign.models.closed_form.procrustes import Procrustes
from crossalign.models.closed_form.ridge_map import RidgeMap
from crossalign.models.pairing import PAIRINGS, Pairs, idle_choices, paired_rows, two_of
from crossalign.models.ranges import RATE, SIZE, Each
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, check_fitted
from crossalign.preprocessing.scaling import KINDS
from crossalign.types import Classes, Samples, Views

__all__ = ["Committee"]

MEMBERS = ("ridge", "procrustes", "asif")
MOST = 1000
"""Most rows of each modality whose scores tell a member's deviation."""

Bench = dict[str, Aligner]
"""Fitted models of one member, by name: two of the ridge, one of others."""


class Committee(Aligner, Model):
    """Ridge regression both ways, a rotation and relative coordinates, their scores averaged.

    Parameters
    ----------
    alpha : float
        Ridge of both regressions, see `RidgeMap`; default 100.
    n_components : int
        Number of components of `Procrustes`; default 64.
    whiten : bool
        Whether these components count alike; default False.
    k : int, optional
        Number of pairs that count in `ASIF`; default 50. None takes all.
    power : float
        Power of a cosine in `ASIF`; default 1.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of both modalities, fitted on training rows; default ``"standard"``.
    pairs : {"own", "class"}
        Pairs of rows; default ``"own"``, those of samples that have both modalities. ``"class"``
        pairs rows within classes, as each member does.
    members : list of {"ridge", "procrustes", "asif"}
        Members; default all three. ``("ridge",)`` is ridge regression both ways alone.

    Attributes
    ----------
    weights_ : (maps,)
        Factors of the rows of the maps, of which the ridge has two, whose squares add up to one.
    members_ : mapping of path to array
        Arrays that the maps have learned.
    """

    many_labels = True
    uses_side_information = True
    handles_missing = handles_unlabelled = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "pairs": PAIRINGS, "alpha": (1.0, 10.0, 100.0, 1000.0),
        "n_components": (32, 128), "whiten": (False, True), "power": (1.0, 4.0),
        "members": (MEMBERS, ("ridge",))}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [RATE],
        "n_components": [SIZE],
        "whiten": ["boolean"],
        "k": [SIZE, None],
        "power": [RATE],
        "scaling": [StrOptions(set(KINDS))],
        "pairs": [StrOptions(set(PAIRINGS))],
        "members": [Each(StrOptions(set(MEMBERS)))],
    }

    def __init__(self, alpha: float = 100.0, n_components: int = 64, whiten: bool = False,
                 k: int | None = 50, power: float = 1.0, scaling: str = "standard",
                 pairs: str = "own", members: Sequence[str] = MEMBERS) -> None:
        self.alpha = alpha
        self.n_components = n_components
        self.whiten = whiten
        self.k = k
        self.power = power
        self.scaling = scaling
        self.pairs = pairs
        self.members = members

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Fit the members and their weights; labels are used for pairs of a class."""
        X, classes = self._start(X, y, classes)
        self._seat(X, [next(_fitted(member, [points], X, classes, self))
                       for member, points in self._choices().items()])
        return self

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, each member once for each choice of its own parameters."""
        known: dict[str, list[tuple[dict[str, Any], tuple[Bench, float]]]] = {}
        models = [clone(self).set_params(**params) for params in points]
        for model in models:
            X, classes = model._start(X, None, classes)
        for member in MEMBERS if models else ():
            own: list[dict[str, Any]] = []
            for choice in (m._choices().get(member) for m in models):
                own += [choice] if choice is not None and choice not in own else []
            known[member] = list(zip(own, _fitted(member, own, X, classes, self), strict=True))
        for model in models:
            model._seat(X, [next(fitted for choice, fitted in known[member] if choice == mine)
                            for member, mine in model._choices().items()])
            yield model

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters that need labels or two views that the samples do not have."""
        return idle_choices(X)

    def _choices(self) -> dict[str, dict[str, Any]]:
        """Return the parameters of each member that there is."""
        shared = {"scaling": self.scaling, "pairs": self.pairs}
        every: dict[str, dict[str, Any]] = {
            "ridge": {"alpha": self.alpha, **shared},
            "procrustes": {"n_components": self.n_components, "whiten": self.whiten, **shared},
            "asif": {"k": self.k, "power": self.power, **shared}}
        return {member: every[member] for member in MEMBERS if member in self.members}

    def _seat(self, X: Views, members: Sequence[tuple[Bench, float]]) -> None:
        """Take over fitted members, each with the deviation of its scores."""
        from crossalign.models.store import learned_arrays

        names = two_of(X, self)
        widths: dict[str, int] = next(iter(members[0][0].values())).widths_
        self._remember({m: widths[m] for m in names})
        squares = np.array([1 / deviation / len(bench)
                            for bench, deviation in members for _ in bench])
        self.weights_ = np.sqrt(squares / squares.sum())
        self.members_ = {f"{name}/{path}": array for bench, _ in members
                         for name, model in bench.items()
                         for path, array in learned_arrays(model).items()}

    def maps(self) -> Bench:
        """Return the fitted maps: ridge forth and back, Procrustes, ASIF, as far as they are there.

        Raises
        ------
        NotFittedError
            If the committee is not fitted.
        """
        from crossalign.models.store import join_state

        check_fitted(self, "members_")
        first, second = self.modalities_
        ends = {"forth": {"source_": first, "target_": second},
                "back": {"source_": second, "target_": first}}
        found = {}
        for member, choice in self._choices().items():
            for name, model in _made(member, self.modalities_).items():
                model.set_params(**choice)
                join_state(model, {path.removeprefix(f"{name}/"): array
                                   for path, array in self.members_.items()
                                   if path.startswith(f"{name}/")},
                           {"widths_": self.widths_, "modalities_": self.modalities_,
                            **ends.get(name, {})})
                found[name] = model
        return found

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, d)``: those of all maps, weighted, beside each other."""
        rows = self._rows(x, modality)
        return np.concatenate([np.float32(weight) * model.embed(rows, modality) for weight, model
                               in zip(self.weights_, self.maps().values(), strict=True)], axis=1)


def _made(member: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the models of a member, not fitted."""
    if member == "ridge":
        return {"forth": RidgeMap(), "back": RidgeMap(target=names[0])}
    return {"procrustes": Procrustes()} if member == "procrustes" else {"asif": ASIF()}


def _fitted(member: str, choices: Sequence[Mapping[str, Any]], X: Views,
            classes: Classes | None, model: object) -> Iterator[tuple[Bench, float]]:
    """Fit a member for each choice of parameters; yield it with the deviation of its scores."""
    made = _made(member, two_of(X, model))
    for choice, *models in zip(choices, *(m.fit_path(X, choices, classes=classes)
                                          for m in made.values()), strict=True):
        bench = dict(zip(made, models, strict=True))
        yield bench, deviation(bench, paired_rows(X, classes, model, choice["pairs"]),
                               choice["pairs"] == "own")


def deviation(bench: Bench, pairs: Pairs, mates: bool) -> float:
    """Return the standard deviation of the scores of rows that do not belong together.

    Parameters
    ----------
    bench : mapping of name to fitted aligner
        Maps whose mean cosine is the score.
    pairs : Pairs
        Training rows, of which at most 1,000 of each modality, evenly spaced, are scored.
    mates : bool
        Whether the i-th rows of the two are a pair, which is left out.
    """
    sides = []
    for m in pairs.names:
        n = len(pairs.rows[m])
        some = pairs.rows[m].take(evenly(n, MOST))
        rows = np.concatenate([x for _, x in some.blocks()])
        sides.append([model.embed(rows, m) for model in bench.values()])
    scores = np.mean([a @ b.T for a, b in zip(*sides, strict=True)], axis=0)
    apart = ~np.eye(len(scores), dtype=bool) if mates else np.ones(scores.shape, dtype=bool)
    return float(scores[apart].std()) or 1.0
