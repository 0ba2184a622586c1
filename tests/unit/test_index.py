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


def exact(vectors, queries, k):
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


EVERY = {**{name: (lambda width, name=name: make(name, width)) for name in index.__all__},
         **{f"faiss {factory} {nprobe}": (
             lambda width, factory=factory, nprobe=nprobe: lists(width, factory, nprobe))
            for factory, nprobe in (("IVF40,Flat", None), ("IVF40,Flat", 3), ("HNSW16", None),
                                    ("PCA4,IVF10,Flat", None), ("PQ4", None))}}


def lists(width, factory, nprobe=None):
    pytest.importorskip("faiss")
    return index.FaissIndex(width, factory, nprobe)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("k", [1, 30, 300, 1000])
def test_every_place_of_every_index_holds_an_item(name, k):
    rng = np.random.default_rng(0)
    vectors, queries = rng.standard_normal((300, 8)), rng.standard_normal((7, 8))
    found = EVERY[name](8)
    found.add(vectors)
    hits = found.search(queries, k)
    assert hits.indices.shape == hits.scores.shape == (7, min(k, 300))
    assert hits.indices.min() >= 0
    assert all(len(set(row)) == len(row) for row in hits.indices.tolist())
    assert np.isfinite(hits.scores).all()
    assert (np.diff(hits.scores, axis=1) <= 1e-5).all()


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_index_finds_nothing(name):
    found = EVERY[name](8)
    assert found.search(np.ones((3, 8)), 5).indices.shape == (3, 0)
    found.add(np.zeros((0, 8)))
    assert len(found) == 0
    assert found.search(np.zeros((0, 8)), 5).scores.shape == (0, 0)


def test_more_lists_are_looked_through_and_all_are_the_exact_answer():
    rng = np.random.default_rng(1)
    vectors, queries = rng.standard_normal((400, 6)), rng.standard_normal((20, 6))
    right = exact(vectors, queries, 10)
    found = {}
    for nprobe in (1, 8, 20):
        some = lists(6, "IVF20,Flat", nprobe)
        some.add(vectors)
        found[nprobe] = (some.search(queries, 10).indices[:, :, None] == right[:, None]).any(2)
    assert found[1].mean() < found[8].mean() <= found[20].mean() == 1
    rest = lists(6, "IVF20,Flat")
    rest.add(vectors)
    rest.search(queries, 400)                             # takes all lists, this once
    np.testing.assert_array_equal(rest.search(queries, 3).indices[:1],
                                  rest.search(queries[:1], 3).indices)
    assert rest._lists.nprobe == 1


def test_what_faiss_cannot_do_is_one_sentence():
    for factory in ("Foo", "IVF40,Foo", ""):
        with pytest.raises(ValueError, match=r"^factory: FAISS makes no index .*; give one as"):
            lists(6, factory)
    with pytest.raises(ValueError, match="nprobe: got 3 for 'Flat', which has no lists"):
        lists(6, "Flat", 3)
    with pytest.raises(ValueError, match="nprobe: got 0"):
        lists(6, "IVF4,Flat", 0)
    with pytest.raises(ValueError, match=r"vectors: 20 rows do not train 'IVF100,Flat'.* more at"):
        lists(6, "IVF100,Flat").add(np.ones((20, 6)))


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
