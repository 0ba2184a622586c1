"""Choices on validation: what refuses is left out and named, and the rest is chosen among."""

from __future__ import annotations

import numpy as np
import pytest
import small
from sklearn.base import clone

from crossalign.evaluation import evaluate
from crossalign.evaluation.protocols import Retrieval
from crossalign.evaluation.selection import select
from crossalign.models import CCA, Chance, Committee, RidgeMap

GRID = {"alpha": (1.0, 10.0, 1000.0)}


class Refusing(RidgeMap):
    """RidgeMap that refuses ridges of ``refused``, and counts its fits."""

    refused: tuple[float, ...] = (10.0,)
    fits = 0

    def fit_path(self, X, points, *, classes=None, callbacks=()):
        for params in points:
            type(self).fits += 1
            if params.get("alpha", self.alpha) in self.refused:
                raise ValueError(f"alpha: got {params['alpha']} and so on.")
            yield clone(self).set_params(**params).fit(X, classes=classes)


def test_a_point_that_refuses_is_left_out_and_named():
    said = []
    bench = small.retrieval()
    found = select(Refusing(), bench, Retrieval(), GRID, log=said.append)
    whole = select(RidgeMap(), bench, Retrieval(), {"alpha": (1.0, 1000.0)})
    assert (found.params, found.settings, found.tried) == (whole.params, whole.settings,
                                                           whole.tried)
    sentence = "left out alpha=10.0, refused on validation classes: alpha: got 10.0 and so on"
    assert found.how.endswith(f"; {sentence}")
    assert sentence in said
    report = evaluate(Refusing(), bench, 1, tune=GRID)
    assert sentence in report.selection


def test_a_path_that_breaks_off_for_a_later_point_loses_no_other():
    """The committee fits all members of all points before the first is yielded."""
    grid = {"members": (("ridge",), ("nothing",), ("procrustes",))}
    found = select(Committee(), small.retrieval(), Retrieval(), grid)
    alone = select(Committee(), small.retrieval(), Retrieval(), {"members": grid["members"][::2]})
    assert found.tried == alone.tried
    assert "left out members=('nothing',), refused on" in found.how


def test_points_of_one_reason_are_named_together():
    class Both(Refusing):
        refused = (1.0, 10.0)

        def fit_path(self, X, points, *, classes=None, callbacks=()):
            try:
                yield from super().fit_path(X, points, classes=classes)
            except ValueError:
                raise ValueError("alpha: too small.") from None

    how = select(Both(), small.retrieval(), Retrieval(), GRID).how
    assert how.endswith("left out alpha=1.0 and alpha=10.0, refused on validation classes: "
                        "alpha: too small")


def test_where_all_refuse_the_last_sentence_is_raised():
    class All(Refusing):
        refused = GRID["alpha"]

    with pytest.raises(ValueError, match=r"alpha: got 1000\.0 and so on"):
        select(All(), small.retrieval(), Retrieval(), GRID)


@pytest.mark.parametrize("draws", [1, 2])
def test_over_several_draws_a_point_counts_that_every_draw_took(draws, monkeypatch):
    bench = small.retrieval()
    monkeypatch.setattr(type(bench), "validation",
                        lambda self, draw=0: small.retrieval(1 + draw, False))
    choice = select(Refusing(), bench, Retrieval(), GRID, draws=draws)
    assert [params["alpha"] for params, _ in choice.tried] == [1.0, 1000.0]
    means = []
    for alpha in (1.0, 1000.0):
        scores = []
        for draw in range(draws):
            part = small.retrieval(1 + draw, False)
            model = RidgeMap(alpha=alpha).fit(part["train"], classes=part.classes)
            scores.append(Retrieval().trial(model, part).objective)
        means.append(np.mean(scores))
    np.testing.assert_allclose([value for _, value in choice.tried], means)


def test_an_error_of_scoring_is_told_and_a_refused_fit_without_a_grid_selects_nothing(monkeypatch):
    class Never(RidgeMap):
        def fit_path(self, *args, **kwargs):
            raise ValueError("X: too few samples.")
            yield

    bench = small.retrieval()
    found = select(Never(), bench, Retrieval(), {})
    assert found.how == "nothing was selected, as validation refused: X: too few samples."

    def broken(self, model, validation):
        raise ValueError("query: no such thing.")

    monkeypatch.setattr(Retrieval, "trial", broken)
    for model, grid in ((CCA(reg=0.1), {}), (Chance(), {}), (RidgeMap(), GRID)):
        with pytest.raises(ValueError, match="query: no such thing"):
            select(model, bench, Retrieval(), grid)
