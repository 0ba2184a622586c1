"""What every index promises, checked over the registry and over FAISS's factories."""

from __future__ import annotations

import numpy as np
import pytest
from indexes import EVERY, KINDS
from sklearn.base import clone

from crossalign import index
from crossalign.index.base import Index


def test_the_registry_is_covered():
    kinds = [getattr(index, name) for name in sorted(index.__all__)]
    assert list(KINDS) == [kind.__name__ for kind in kinds
                           if isinstance(kind, type) and issubclass(kind, Index)]


@pytest.mark.parametrize("name", KINDS)
def test_neighbours_are_those_of_a_full_sort(name):
    kind, found = KINDS[name], KINDS[name].make()
    items, queries = kind.draw(200, 0), kind.draw(30, 1)
    found.add(items[:150])
    found.add(items[150:])
    hits = found.search(queries, 7)
    scores = kind.scores(queries, items)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(hits.indices, order)
    np.testing.assert_allclose(hits.scores, np.take_along_axis(scores, order, 1), rtol=1e-4,
                               atol=1e-5)
    assert hits.scores.dtype == np.float32
    assert len(found) == 200
    assert found.search(queries, 500).indices.shape == (30, 200)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("k", [1, 30, 300, 1000])
def test_every_place_holds_an_item(name, k):
    kind, found = EVERY[name], EVERY[name].make()
    items, queries = kind.draw(300, 0), kind.draw(7, 1)
    found.add(items)
    hits = found.search(queries, k)
    assert hits.indices.shape == hits.scores.shape == (7, min(k, 300))
    assert hits.indices.min() >= 0
    assert all(len(set(row)) == len(row) for row in hits.indices.tolist())
    assert np.isfinite(hits.scores).all()
    assert (np.diff(hits.scores, axis=1) <= 1e-5).all()


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_index_finds_nothing(name):
    kind, found = EVERY[name], EVERY[name].make()
    assert found.search(kind.draw(3, 0), 5).indices.shape == (3, 0)
    found.add(kind.draw(3, 0)[:0])
    assert len(found) == 0
    assert found.search(kind.draw(3, 0)[:0], 5).scores.shape == (0, 0)


@pytest.mark.parametrize("name", EVERY)
def test_a_clone_is_empty_and_has_the_same_parameters(name):
    kind, found = EVERY[name], EVERY[name].make()
    found.add(kind.draw(300, 0))
    again = clone(found)
    assert isinstance(again, Index)
    assert again.measure == found.measure
    assert again.get_params() == found.get_params()
    if "clones" not in found.lacks:
        assert (len(again), len(found)) == (0, 300)


@pytest.mark.parametrize("name", KINDS)
def test_bad_rows_and_counts_are_named(name):
    kind, found = KINDS[name], KINDS[name].make()
    items = kind.draw(3, 0)
    found.add(items)
    with pytest.raises(ValueError, match="give"):
        found.add(kind.bad)
    with pytest.raises(ValueError, match="k: got 0"):
        found.search(items, 0)
    if items.dtype == np.float32:
        items[1, 0] = np.nan
        with pytest.raises(ValueError, match="row 1 holds NaN"):
            found.add(items)
    assert len(found) == 3


@pytest.mark.parametrize("name", ["ExactIndex", "HammingIndex", "JointIndex"])
def test_ties_are_ordered_by_row(name):
    kind, found = KINDS[name], KINDS[name].make()
    items = kind.draw(4, 0)
    found.add(np.tile(items, (5, 1)))
    hits = found.search(items[:2], 3)
    np.testing.assert_array_equal(hits.indices, [[0, 4, 8], [1, 5, 9]])


@pytest.mark.parametrize("name", EVERY)
def test_the_keys_are_those_of_the_items_that_are_there(name):
    found = EVERY[name].make()
    assert found.keys() == []
    rows = EVERY[name].draw(300, 0)
    found.add(rows, range(300), [{"n": i, "last": True} if i == 299 else {"n": i, "b": "x"}
                                 for i in range(300)])
    assert found.keys() == ["b", "last", "n"]
    if "arrays" not in found.lacks:                           # an engine remembers keys
        found.remove([299])
        assert found.keys() == ["b", "n"]
        found.add(rows[:1], [0], [{"new": 1}])
        assert found.keys() == ["b", "n", "new"]
