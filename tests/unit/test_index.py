import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from crossalign import index
from crossalign.cores import _libraries, one_thread
from crossalign.models import RidgeMap
from crossalign.tasks import Retriever
from crossalign.types import Views


def exact(vectors, queries, k):
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("cores", [1, 2, 3, 7])
@pytest.mark.parametrize("where", [None, {"odd": 1}])
def test_a_few_queries_in_shares_of_the_vectors_find_all_and_ties_by_place(cores, where,
                                                                           monkeypatch):
    monkeypatch.setattr(index.exact, "SHARE", 40)
    monkeypatch.setattr(index.exact, "usable_cores", lambda: cores)
    rng = np.random.default_rng(0)
    vectors = rng.integers(-2, 3, (101, 4)).astype(np.float32)      # whole numbers: many ties
    found = index.ExactIndex()
    found.add(vectors, payload=[{"odd": n % 2} for n in range(len(vectors))])
    there = np.arange(len(vectors))[(1 if where else 0)::(2 if where else 1)]
    for count in (1, 3):
        queries = rng.integers(-2, 3, (count, 4)).astype(np.float32)
        for k in (1, 10, 40, 200):
            hits = found.search(queries, k, where)
            right = there[exact(vectors[there], queries, k)]
            np.testing.assert_array_equal(hits.ids, right)
            np.testing.assert_array_equal(
                hits.scores, np.take_along_axis(queries @ vectors.T, right, axis=1))


def test_products_have_one_thread_while_anyone_asks_for_it():
    def threads():
        return [one["num_threads"] for one in _libraries(len(sys.modules)).info()
                if one["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        first, second = one_thread(), one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)                            # the other still holds it
        assert before
        assert threads() == [1] * len(before)
        second.__exit__(None, None, None)
        assert threads() == before


def lists(width, factory, nprobe=None):
    pytest.importorskip("faiss")
    return index.FaissIndex(width, factory, nprobe)


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
