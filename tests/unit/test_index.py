import numpy as np
import pytest

from crossalign import index
from crossalign.models import RidgeMap
from crossalign.tasks import Retriever
from crossalign.types import Views


def make(name, width):
    pytest.importorskip("faiss") if name == "FaissIndex" else None
    return getattr(index, name)(width)


@pytest.mark.parametrize("name", index.__all__)
def test_neighbours_are_those_of_a_full_sort(name):
    rng = np.random.default_rng(0)
    vectors, queries = rng.standard_normal((200, 8)), rng.standard_normal((30, 8))
    found = make(name, 8)
    found.add(vectors[:150])
    found.add(vectors[150:])
    hits = found.search(queries, 7)
    similarity = queries @ vectors.T
    np.testing.assert_array_equal(hits.indices, np.argsort(-similarity, axis=1)[:, :7])
    np.testing.assert_allclose(hits.scores, -np.sort(-similarity, axis=1)[:, :7], rtol=1e-4,
                               atol=1e-5)
    assert len(found) == 200
    assert found.search(queries, 500).indices.shape == (30, 200)


@pytest.mark.parametrize("name", index.__all__)
def test_bad_vectors_are_named(name):
    found = make(name, 3)
    with pytest.raises(ValueError, match="give"):
        found.add(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        found.add([[0, 0, 0], [np.nan, 0, 0]])
    found.add(np.eye(3))
    with pytest.raises(ValueError, match="k: got 0"):
        found.search(np.eye(3), 0)


def test_ties_are_ordered_by_row_whatever_the_block():
    vectors = np.tile(np.eye(4, dtype=np.float32), (5, 1))
    for block_bytes in (1, 1 << 20):
        found = index.ExactIndex(4, block_bytes=block_bytes)
        found.add(vectors)
        hits = found.search(np.eye(4)[:2], 3)
        np.testing.assert_array_equal(hits.indices, [[0, 4, 8], [1, 5, 9]])


def test_retriever_finds_the_counterpart():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((300, 5))
    views = Views({"image": z @ rng.standard_normal((5, 20)), "text": z @ rng.standard_normal(
        (5, 9))}, ids=[f"s{i}" for i in range(300)])
    retriever = Retriever(RidgeMap(alpha=1.0).fit(views[:200])).add(views[200:], "text")
    hits = retriever.search(views[200:], "image", k=1)
    assert (hits.indices[:, 0] == np.arange(100)).mean() > 0.95
    assert retriever.ids_[hits.indices[0, 0]] == "s200"
    with pytest.raises(ValueError, match="gallery is empty"):
        Retriever(retriever.model).search(views, "image")
    with pytest.raises(ValueError, match="one per row"):
        retriever.add(views[:2], "text", ids=[1])
