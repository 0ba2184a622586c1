"""What every index promises about its items: ids, payloads, filters, removal and folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes import EVERY, KINDS

from crossalign import index
from crossalign.index.base import Index
from crossalign.index.where import conditions, matches

IN_PLACE = [name for name in KINDS if "readers" in getattr(index, name).lacks]
SAVED = [name for name in EVERY if name not in ("faiss PQ4x4 None", "faiss PCA4,IVF10,Flat None")]
NAMES = ["ä", "b c", 0, 7, "7", *(f"item {i}" for i in range(295))]


def filled(name, ids=NAMES, payload=None, start=0):
    """An index with an item for every id."""
    found = EVERY[name].make()
    found.add(EVERY[name].draw(300, 0)[start:start + len(ids)], ids, payload)
    return found


def everything(found, queries, where=None):
    """The ids that a search for all of them finds."""
    hits = found.search(queries[:1], 1000, where)
    return hits.ids[0].tolist()


# -- ids ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVERY)
def test_items_have_their_ids_and_payloads(name):
    payload = [{"n": i} for i in range(300)]
    found, queries = filled(name, payload=payload), EVERY[name].draw(5, 1)
    hits = found.search(queries, 300)
    assert all(set(row) == set(NAMES) for row in hits.ids.tolist())
    assert [found.payload([one])[0]["n"] for one in ("7", 7)] == [4, 3]
    rows = EVERY[name].scores(queries, EVERY[name].draw(300, 0))
    if not EVERY[name].approximate:
        best = [NAMES[i] for i in np.argsort(-rows, axis=1, kind="stable")[:, 0]]
        assert hits.ids[:, 0].tolist() == best
    with pytest.raises(ValueError, match=r"^indices: the items of this index have names"):
        _ = hits.indices


@pytest.mark.parametrize("name", EVERY)
def test_numbers_go_on_after_the_largest(name):
    kind, found = EVERY[name], EVERY[name].make()
    rows = kind.draw(300, 0)
    found.add(rows[:290], range(5, 295))
    found.add(rows[290:294])
    found.remove([298])
    found.add(rows[294:295])
    assert sorted(everything(found, rows)) == [*range(5, 298), 299]
    assert found.search(rows[:2], 3).indices.dtype == np.int64


@pytest.mark.parametrize("name", EVERY)
def test_an_item_is_replaced_and_removed(name):
    kind = EVERY[name]
    found, rows = filled(name, payload=[{"old": True}] * 300), kind.draw(300, 0)
    found.add(rows[[1, 0]], ["ä", "new"])
    assert (len(found), found.payload(["ä", "b c"])) == (301, [{}, {"old": True}])
    assert set(everything(found, rows)) == {*NAMES, "new"}
    assert set(everything(found, rows, {"old": True})) == {*NAMES[1:]}
    if not kind.approximate:
        best = found.search(rows[:2], 2).ids.tolist()
        scores = kind.scores(rows[:2], rows[[1, *range(1, 300), 0]])
        ids = ["ä", *NAMES[1:], "new"]
        for row, found_ids in zip(scores, best, strict=True):
            np.testing.assert_allclose(row[[ids.index(one) for one in found_ids]],
                                       np.sort(row)[::-1][:2])
    found.remove(["ä", "7", *NAMES[100:250]])
    rest = {*NAMES[1:4], *NAMES[5:100], *NAMES[250:], "new"}
    assert len(found) == len(rest)
    assert set(everything(found, rows)) == rest
    hits = found.search(rows, 10).ids
    assert set(hits.ravel().tolist()) <= rest
    with pytest.raises(ValueError, match=r"^ids: there is no item '7'; give ids that were added"):
        found.remove(["b c", "7"])
    with pytest.raises(ValueError, match=r"^ids: there is no item 'ä'"):
        found.payload(["ä"])
    assert len(found) == len(rest)
    found.remove(list(rest))
    assert (len(found), found.search(rows[:2], 3).ids.shape) == (0, (2, 0))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("ids", "payload", "said"), [
    (["a"], None, "ids: 1 for 2 vectors"), (["a", "a"], None, "ids: 'a' occurs twice"),
    ([True, "a"], None, "ids: got True; name an item"), (["", "a"], None, "ids: got ''"),
    ("ab", None, "ids: got 'ab'; give a list"), ([-1, 2], None, "ids: got -1"),
    ([2**62, 2], None, "ids: got 4611686018427387904; number"), ([0.5, 1], None, "ids: got 0.5"),
    (None, [{}], "payload: 1 dicts for 2 vectors"), (None, {"a": 1}, "payload: got {'a': 1}"),
    (None, [{"_a": 1}, {}], "payload: the key '_a' is no word"),
    (None, [{"a.b": 1}, {}], "payload: the key 'a.b' is no word"),
    (None, [{"a": None}, {}], "payload: 'a' has None; give a text"),
    (None, [{"a": [1]}, {}], r"payload: 'a' has \[1\]; give a text"),
    (None, [{}, {"a": float("nan")}], "payload: 'a' has nan; give a text"),
    (None, [{}, {"a": 2**60}], "payload: 'a' has 1152921504606846976; give a text"),
    (None, [{}, {"a": "\ud800"}], "payload: 'a' has .*, which is no valid text")])
def test_bad_ids_and_payloads_are_one_sentence(name, ids, payload, said):
    kind, found = KINDS[name], KINDS[name].make()
    with pytest.raises(ValueError, match=f"^{said}") as error:
        found.add(kind.draw(2, 0), ids, payload)
    assert "\n" not in str(error.value)
    assert len(found) == 0


@pytest.mark.parametrize("name", [name for name in SAVED if hasattr(EVERY[name].make(), "sample")])
def test_a_sample_spreads_over_what_is_there(name):
    found = filled(name, payload=[{"n": n} for n in range(300)])
    found.remove([0, "ä"])
    ids, rows, payloads = found.sample(50)
    stored = found.stored()
    places = [stored["ids"].tolist().index(one) for one in ids]
    assert len(places) == len(rows) == 50
    assert places[0] == 0
    assert places[-1] == 297
    assert set(np.diff(places)) == {6, 7}
    np.testing.assert_array_equal(rows, stored["vectors"][places])
    assert payloads == [stored["payload"][place] for place in places]
    assert found.sample(1000)[0] == stored["ids"].tolist()
    found.remove(found.sample(1000)[0])
    assert [len(part) for part in found.sample(5)] == [0, 0, 0]


# -- filters -----------------------------------------------------------------------------------
VALUES = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from([-1.5, 0.0, 1.0, 2.5, 1e300]),
                   st.sampled_from(["a", "b", "1", "true", "", "ä ö"]), st.text(max_size=3))
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([-1.5, 0.0, 1.0, 2.5, 1e300]))
KEYS = st.sampled_from(["k", "Größe", "a-b_2"])
BOUNDS = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS, min_size=1)
FORMS = st.recursive(st.one_of(VALUES, BOUNDS), lambda form: st.one_of(
    st.lists(form, max_size=3), form.map(lambda x: {"not": x}),
    st.tuples(BOUNDS, form).map(lambda x: {**x[0], "not": x[1]})), max_leaves=4)
PAYLOADS = st.lists(st.dictionaries(KEYS, VALUES), min_size=1, max_size=12)
WHERE = st.dictionaries(KEYS, FORMS, max_size=2)


def plainly(form, value):
    """The meaning of a condition, said once more; the value is None where there is none."""
    if isinstance(form, list):
        return any(plainly(part, value) for part in form)
    if isinstance(form, dict):
        number = type(value) in (int, float)
        agree = [{"gt": value > bound, "gte": value >= bound, "lt": value < bound,
                             "lte": value <= bound}[name] if number else False
                 for name, bound in form.items() if name != "not"]
        return all(agree) and not ("not" in form and plainly(form["not"], value))
    if type(value) is bool or type(form) is bool:
        return value is form
    return value == form


@given(PAYLOADS, WHERE)
@settings(deadline=None, max_examples=300)
def test_the_reference_evaluation(payloads, where):
    parts = conditions(where)
    for payload in payloads:
        right = all(plainly(form, payload.get(key)) for key, form in where.items())
        assert matches(parts, payload) is right


@pytest.mark.parametrize("name", [*KINDS, "QdrantIndex of a server"])
def test_a_search_finds_what_the_reference_selects(name, tmp_path):
    kind = EVERY[name]
    rows = kind.draw(12, 0)

    @given(PAYLOADS, WHERE)
    @settings(deadline=None, max_examples=kind.examples)
    def check(payloads, where):
        found = kind.make()
        found.add(rows[:len(payloads)], payload=payloads)
        right = [i for i, payload in enumerate(payloads) if matches(conditions(where), payload)]
        hits = found.search(rows[:2], 20, where)
        assert hits.ids.shape == (2, len(right))
        assert all(sorted(row) == right for row in hits.ids.tolist())
        assert found.payload(range(len(payloads))) == payloads
        scores = kind.scores(rows[:2], rows)
        np.testing.assert_allclose(hits.scores, np.take_along_axis(scores, hits.ids, axis=1),
                                   rtol=1e-4, atol=1e-5)
        found.close()

    check()


@pytest.mark.parametrize("name", EVERY)
def test_few_and_many_items_are_filtered_and_those_removed_stay_away(name):
    kind, rows = EVERY[name], EVERY[name].draw(300, 0)
    found = kind.make()
    found.add(rows, payload=[{"part": i % 10, "x": i / 2} for i in range(300)])
    found.remove(range(0, 300, 7))
    for where, right in (({"part": 3}, lambda i: i % 10 == 3), (None, lambda i: True),
                         ({"x": {"lt": 100}, "part": {"not": [1, 3]}},
                          lambda i: i < 200 and i % 10 not in (1, 3))):
        kept = [i for i in range(300) if i % 7 and right(i)]
        hits = found.search(rows[:20], 5, where)
        assert set(hits.ids.ravel().tolist()) <= set(kept)
        scores = kind.scores(rows[:20], rows[kept])
        best = np.sort(scores, axis=1)[:, :-6:-1]
        if kind.approximate:
            assert (hits.scores >= best[:, -1:] - 1e-4).mean() > 0.25
        else:
            np.testing.assert_allclose(hits.scores, best, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_a_filter_that_is_asked_again_sees_what_has_changed(name):
    kind, found = KINDS[name], KINDS[name].make()
    rows = kind.draw(6, 0)
    found.add(rows[:3], payload=[{"a": 1}, {"a": True}, {"a": 1.0}])
    assert [everything(found, rows, {"a": a}) for a in (True, False)] == [[1], []]
    for a in (1, 1.0, {"not": True}):
        assert set(everything(found, rows, {"a": a})) == {0, 2}
    found.add(rows[3:4], payload=[{"a": True}])
    found.add(rows[4:5], [0], [{"a": True}])
    found.remove([1])
    assert set(everything(found, rows, {"a": True})) == {0, 3}
    found.remove([3])
    assert everything(found, rows, {"a": True}) == [0]


@pytest.mark.parametrize(("where", "said"), [
    ("class", "where: got 'class'; give a dict"), ({1: 2}, "where: the key 1 is no word"),
    ({"a": None}, "where: 'a' has None; give a text"), ({"a": {}}, "where: 'a' has no condition"),
    ({"a": {"ge": 1}}, r"where: 'a' has the unknown condition 'ge'; did you mean 'gte'\?"),
    ({"a": {"gte": "x"}}, "where: 'a' has the bound 'x'; give a number"),
    ({"a": {"gte": True}}, "where: 'a' has the bound True; give a number"),
    ({"a": {"lt": float("inf")}}, "where: 'a' has inf; give a text"),
    ({"a": json.loads("[" * 99 + "]" * 99)}, "where: 'a' has more than 8 conditions within")])
@pytest.mark.parametrize("name", KINDS)
def test_an_unknown_filter_is_one_sentence(name, where, said):
    found = KINDS[name].make()
    found.add(KINDS[name].draw(2, 0))
    with pytest.raises(ValueError, match=f"^{said}") as error:
        found.search(KINDS[name].draw(2, 0), 1, where)
    assert "\n" not in str(error.value)


# -- folders -----------------------------------------------------------------------------------
def answers(found, name):
    hits = found.search(EVERY[name].draw(9, 1), 300)
    return hits.ids.tolist(), hits.scores.tolist()


def saved(name, folder, payload=None):
    found = filled(name, payload=payload)
    found.remove(NAMES[10:20])
    found.save(folder)
    return found


@pytest.mark.parametrize("name", SAVED)
def test_a_folder_opens_as_the_same_index(name, tmp_path):
    payload = [{"n": i, "t": "ä\r\n\u2028"} for i in range(300)]
    first = saved(name, tmp_path / "x", payload)
    again = Index.open(tmp_path / "x")
    assert (type(again), len(again)) == (type(first), 290)
    assert again.get_params() == first.get_params() or "clones" in first.lacks
    assert answers(again, name)[0] == answers(first, name)[0] or EVERY[name].approximate
    if not EVERY[name].approximate:
        apart = {"rtol": 1e-4, "atol": 1e-5} if "clones" in first.lacks else {"rtol": 0}
        np.testing.assert_allclose(answers(again, name)[1], answers(first, name)[1], **apart)
    assert again.payload([7]) == [payload[3]]
    rows = EVERY[name].draw(303, 3)[300:]
    again.add(rows, ["a", "b", "ä"], [{"x": 1}] * 3)
    again.remove(["a", "7"])
    ids = set(everything(again, rows))
    assert ids == {*NAMES[:4], *NAMES[5:10], *NAMES[20:], "b"}
    again.close()
    third = type(first).open(tmp_path / "x")                # without another save
    assert set(everything(third, rows)) == ids
    assert third.payload(["ä", "b c"]) == [{"x": 1}, payload[1]]
    third.save(tmp_path / "x")                              # closes the gaps
    assert set(everything(third, rows)) == ids
    third.add(rows[:1])                                     # numbers go on
    assert set(everything(third, rows)) == ids | {8}
    third.close()


@pytest.mark.parametrize("name", KINDS)
def test_an_empty_index_is_saved_and_opened(name, tmp_path):
    kind = KINDS[name]
    kind.make().save(tmp_path / "x")
    found = Index.open(tmp_path / "x")
    assert (len(found), found.search(kind.draw(2, 0), 3).ids.shape) == (0, (2, 0))
    found.add(kind.draw(3, 0))
    found.close()
    assert len(Index.open(tmp_path / "x")) == 3


@pytest.mark.parametrize("name", [name for name in KINDS if name not in IN_PLACE])
def test_two_writers_are_refused_and_readers_are_not(name, tmp_path):
    kind = KINDS[name]
    saved(name, tmp_path / "x")
    one, two = Index.open(tmp_path / "x"), Index.open(tmp_path / "x")
    one.add(kind.draw(1, 5), ["new"])
    for change in (lambda: two.add(kind.draw(1, 5)), lambda: two.remove(["b c"]),
                   lambda: two.save(tmp_path / "x"),
                   lambda: kind.make().save(tmp_path / "x")):
        with pytest.raises(ValueError, match=r"^folder: .* is being written to by another index"):
            change()
    assert (len(one), len(two), len(Index.open(tmp_path / "x"))) == (291, 290, 291)
    one.close()
    with pytest.raises(ValueError, match=r"^folder: .* was changed by another index since"):
        two.add(kind.draw(1, 5))
    three = Index.open(tmp_path / "x")
    three.add(kind.draw(1, 5), ["newer"])
    three.close()
    assert len(Index.open(tmp_path / "x")) == 292


ADDING = """
import os, sys
import numpy as np
from crossalign.index.base import Index

folder, rows, step = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
found = Index.open(folder)
sync, count = os.fsync, 0
def dying(handle):
    global count
    count += 1
    if count == step:
        os.kill(os.getpid(), 9)
    sync(handle)
os.fsync = dying
found.add(rows, payload=[{"new": True}] * len(rows))
found.remove([0])
"""


@pytest.mark.parametrize("name", ["ExactIndex", "HammingIndex"])
@pytest.mark.parametrize(("step", "size"), [(1, 290), (2, 290), (3, 290), (4, 305), (5, 305),
                                            (6, 305), (7, 304)])
def test_a_kill_leaves_an_addition_undone_or_done(name, step, size, tmp_path):
    saved(name, tmp_path / "x")
    before = answers(Index.open(tmp_path / "x"), name)
    rows = EVERY[name].draw(15, 5)
    np.save(tmp_path / "rows.npy", rows)
    done = subprocess.run([sys.executable, "-c", ADDING, tmp_path / "x", tmp_path / "rows.npy",
                           str(step)], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    found = Index.open(tmp_path / "x")
    assert len(found) == size
    assert len(everything(found, rows, {"new": True})) == (0 if size == 290 else 15)
    if size == 290:
        assert answers(found, name) == before
    found.add(rows, [f"again {i}" for i in range(15)])       # over what the kill left
    found.close()
    assert len(Index.open(tmp_path / "x")) == size + 15


GOING_ON = """
import sys
import numpy as np
from crossalign.index.base import Index

found, rows = Index.open(sys.argv[1]), np.load(sys.argv[2])
for start in range(0, 10**6, len(rows)):
    found.add(rows, range(start, start + len(rows)), [{"part": start}] * len(rows))
    print(start, flush=True)
"""


@pytest.mark.parametrize("name", ["ExactIndex", "QdrantIndex"])
def test_what_was_added_before_a_kill_is_there(name, tmp_path):
    KINDS[name].make().save(tmp_path / "x")
    rows = EVERY[name].draw(7, 5)
    np.save(tmp_path / "rows.npy", rows)
    with subprocess.Popen([sys.executable, "-c", GOING_ON, tmp_path / "x", tmp_path / "rows.npy"],
                          stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 70:
                break
        process.kill()
    found = Index.open(tmp_path / "x")
    size = len(found)
    assert size >= 77
    assert size % 7 == 0
    assert everything(found, rows, {"part": 70}) != []
    assert len(found.payload(range(size))) == size
    found.close()


@pytest.mark.parametrize("name", IN_PLACE)
def test_an_index_in_place_is_opened_once(name, tmp_path):
    saved(name, tmp_path / "x")
    one = Index.open(tmp_path / "x")
    with pytest.raises(ValueError, match=r"^folder: .* is being written to by another index"):
        Index.open(tmp_path / "x")
    with pytest.raises(ValueError, match=r"^folder: .* holds something; choose a new folder"):
        KINDS[name].make().save(tmp_path / "x")
    one.close()
    two = Index.open(tmp_path / "x")
    assert len(two) == 290
    with pytest.raises(ValueError, match=r"^index: its items are kept at .*; save a task with"):
        two.stored()
    two.close()


@pytest.mark.parametrize("name", ["ExactIndex", "JointIndex"])
def test_damage_and_foreign_folders_are_one_sentence(name, tmp_path):
    place = tmp_path / "x"
    saved(name, place)
    manifest = json.loads((place / "index.json").read_text())
    for change in ({"slots": 289}, {"items": "../x"}, {"journal": 10**9}, {"dtype": "O"},
                   {"width": 10**9}, {"params": {"a": 1}}, {"slots": "x"}, {"following": None},
                   {"width": -7}, {"slots": -1}, {"slots": True}, {"params": None}, {"params": []},
                   {"params": {"block_bytes": "x"}}, {"params": {"block_bytes": None}},
                   {"params": {"block_bytes": float("nan")}}):
        (place / "index.json").write_text(json.dumps({**manifest, **change}))
        with pytest.raises(ValueError, match=r"^folder: .* is damaged \("):
            Index.open(place)
    (place / "index.json").write_text(json.dumps({**manifest, "class": "Sequence"}))
    with pytest.raises(ValueError, match=r"^folder: .* holds a 'Sequence', not a"):
        Index.open(place)
    (place / "index.json").write_text(json.dumps({**manifest, "format": 9}))
    with pytest.raises(ValueError, match=r"^folder: .* holds no index of format 1"):
        Index.open(place)
    with pytest.raises(ValueError, match=r"holds no readable index\.json; give a folder"):
        Index.open(tmp_path)
    (place / "index.json").write_text(json.dumps(manifest))
    other = index.HammingIndex
    with pytest.raises(ValueError, match=f"holds a '{name}', not a HammingIndex"):
        other.open(place)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match=r"^folder: .* exists and is not a saved index; choose"):
        KINDS[name].make().save(tmp_path)


def test_the_rows_of_an_opened_index_stay_on_the_disk(tmp_path):
    found = index.ExactIndex()
    found.add(np.eye(4))
    found.save(tmp_path / "x")
    again = index.ExactIndex.open(tmp_path / "x")
    again.add(np.eye(4))
    assert isinstance(again._vectors.base, np.memmap)
    assert sorted(file.name[:7] for file in (tmp_path / "x").iterdir()) == [
        "index.j", "items-0"[:6] + (tmp_path / "x" / again._folder.manifest["items"]).name[6],
        "lock", "vectors"]


def test_items_that_are_replaced_again_and_again_take_no_room():
    found = index.ExactIndex()
    for i in range(40):
        found.add(np.full((500, 2), i), range(500))
    assert (len(found), found._vectors.shape[0] < 8000) == (500, True)
    assert found.search([[1, 1]], 1).scores.item() == 78


def test_what_a_folder_cannot_keep_is_named(tmp_path):
    found = index.JointIndex(3, 5, candidates=100, inner=index.ExactIndex)
    with pytest.raises(ValueError, match=r"^inner: a .* cannot be kept in a folder"):
        found.save(tmp_path / "x")
    for name in set(EVERY) - set(SAVED):
        with pytest.raises(ValueError, match=r"^factory: .* does not keep the vectors"):
            filled(name).save(tmp_path / "x")
