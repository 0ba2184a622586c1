"""The two engines of Qdrant: what the contract of all indexes does not say."""

from __future__ import annotations

import numpy as np
import pytest

from crossalign.index import ExactIndex, QdrantIndex, qdrant_edge
from crossalign.index.base import Index

pytest.importorskip("qdrant_edge")
pytest.importorskip("qdrant_client")


def rows(n=600):
    return np.random.default_rng(0).standard_normal((n, 8)).astype(np.float32)


def test_a_graph_is_built_from_many_items_on_and_the_work_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(qdrant_edge, "GRAPH_FROM", 500)
    monkeypatch.setattr(qdrant_edge, "PAUSE", 0.02)
    lines = []
    found = QdrantIndex(tmp_path / "x", log=lines.append)
    found.add(rows()[:400], payload=[{"part": i % 3} for i in range(400)])
    found.save(tmp_path / "x")
    assert found._engine._shard.info().indexed_vectors_count == 0
    assert lines == []
    found.add(rows()[400:])
    found.save(tmp_path / "x")
    assert found._engine._shard.info().indexed_vectors_count == 600
    assert lines[0].startswith("building a graph of 600 items for 0")
    exact = ExactIndex()
    exact.add(rows(), payload=[{"part": i % 3 if i < 400 else 9} for i in range(600)])
    for where in (None, {"part": 2}):
        hits, right = (one.search(rows(50), 10, where) for one in (found, exact))
        shares = [np.isin(a, b).mean() for a, b in zip(hits.ids, right.ids, strict=True)]
        assert np.mean(shares) > 0.95
    found.close()
    again = Index.open(tmp_path / "x")
    assert again.search(rows(50), 10, {"part": 2}).ids.tolist() == hits.ids.tolist()
    again.close()


def test_places_that_hold_something_else_are_one_sentence(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match=r"^place: .* exists and is no index of Qdrant; choose"):
        QdrantIndex(tmp_path).add(rows(2))
    first = QdrantIndex(tmp_path / "x")
    first.add(rows(2))
    first.close()
    with pytest.raises(ValueError, match=r"^width: got 9 for the folder .* have 8 numbers"):
        QdrantIndex(tmp_path / "x", width=9).search(np.zeros((1, 9)), 1)
    with pytest.raises(ValueError, match=r"^place: the server 'http://.*:9' does not answer"):
        len(QdrantIndex("http://127.0.0.1:9"))
    (tmp_path / "x" / "shard" / "edge_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"^folder: .* is damaged \("):
        len(QdrantIndex(tmp_path / "x"))


def test_a_collection_of_another_kind_is_refused():
    from qdrant_client import models

    found = QdrantIndex(":memory:")
    engine = found._engine
    engine.start(8)
    engine._check(8)
    with pytest.raises(ValueError, match=r"^collection: 'crossalign' holds other vectors"):
        engine._check(9)
    engine._client.create_collection("other", vectors_config=models.VectorParams(
        size=8, distance=models.Distance.EUCLID))
    engine._name = "other"
    with pytest.raises(ValueError, match=r"^collection: 'other' holds other vectors"):
        engine._check(8)


def test_what_the_engine_lets_through_is_checked_here(tmp_path):
    found = QdrantIndex(tmp_path / "x")
    found.add(rows(3))
    for bad, said in ((np.full((1, 8), np.nan), "row 0 holds NaN"), (np.ones((1, 7)), "shape")):
        with pytest.raises(ValueError, match=said):
            found.add(bad)
        with pytest.raises(ValueError, match=said):
            found.search(bad, 1)
    assert len(found) == 3
    found.close()


def test_an_addition_of_many_is_sent_in_parts(tmp_path):
    found = QdrantIndex(tmp_path / "x")
    found.add(rows(4100), [f"{i}" for i in range(4100)])
    assert len(found) == 4100
    found.save(tmp_path / "y")
    copy = Index.open(tmp_path / "y")
    hits = [one.search(rows(4100)[::800], 5) for one in (found, copy)]
    assert hits[0].ids.tolist() == hits[1].ids.tolist()
    copy.close()
    found.close()
