"""The embedded data set: what is drawn, what Unicode says of it, and how it is split."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import unicodedata
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from crossalign.data.sources.glyphs import samples as glyph_samples
from crossalign.data.sources.glyphs import typefaces
from crossalign.data.sources.glyphs.letters import (
    attributes,
    decompose,
    dense_core,
    questions,
    unseen_combinations,
)
from crossalign.data.sources.glyphs.source import RUNS, TEST_FACES, VALIDATION_FACES, load_glyphs
from crossalign.encoders.cache import cache_folder, cache_path, cached_arrays
from crossalign.encoders.gradients import LEAST, oriented_gradients
from crossalign.preprocessing.bag_of_words import tf_idf

TASKS = ("gzsl", "retrieval", "sketch", "transfer", "caption", "vqa")


def glyphs(task, **options):
    """The benchmark of a task, or of the variant that has another one's."""
    return (load_glyphs("retrieval", variant=task, **options) if task == "sketch"
            else load_glyphs(task, **options))


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache folder that holds the default drawings."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSALIGN_CACHE", str(folder))
        load_glyphs()
        yield folder


@pytest.fixture(scope="module")
def benches(warm):
    return {task: glyphs(task) for task in TASKS}


def digest(bench) -> str:
    made = hashlib.sha256()
    for split, views in bench.splits.items():
        made.update(split.encode())
        arrays = [views[m] for m in views.modalities] + [views.ids, *views.meta.values()]
        for array in arrays if views.labels is None else [*arrays, views.labels]:
            made.update(np.ascontiguousarray(array).tobytes())
    made.update(bench.classes.embeddings.tobytes() + bench.classes.seen.tobytes())
    return made.hexdigest()


@cache
def letter(name: str) -> str:
    return unicodedata.lookup(name.upper())


# -- letters -----------------------------------------------------------------------------------
def test_decomposition_is_one_base_and_one_mark():
    drawn = decompose("Ş")
    assert (drawn.base, drawn.mark_name, drawn.script) == ("S", "cedilla", "latin")
    assert (drawn.capital, drawn.position, drawn.combining_class) == (True, "attached below", 202)
    assert dict(questions(drawn))["which mark?"] == "cedilla"
    for other in ("a", "ộ", "\u212b", "½", "か゛"[0], "ﬁ"):  # none, two marks, a second name...
        assert decompose(other) is None


def test_attributes_are_one_hot_groups():
    letters = [decompose(c) for c in "ÁáàИй"[:3] + "ё"]
    embeddings, names = attributes(letters)
    assert set(names) >= {"letter a", "letter \u0435", "capital", "small", "mark acute",
                          "position above", "script cyrillic", "combining class 230"}
    assert embeddings.shape == (4, len(names))
    np.testing.assert_array_equal(embeddings.sum(axis=1), 6)
    both = [names[j] for j in np.flatnonzero(embeddings[0] != embeddings[1])]
    assert sorted(both) == ["capital", "small"]


def test_dense_core_leaves_no_rare_part():
    letters = [decompose(c) for c in "áàâéèêíìîǰñ"]
    core = dense_core(letters, 3, 3)
    assert "".join(x.character for x in core) == "áàâéèêíìî"
    assert dense_core(letters, 4, 3) == []


def test_unseen_combinations_respect_order_share_and_parts():
    letters = [decompose(c) for c in "áàéèñ"]
    everything = np.ones(5, dtype=bool)
    unseen = unseen_combinations(letters, everything, 0.4, [4, 0, 1, 2, 3])
    assert unseen.tolist() == [True, False, False, True, False]  # ñ is the only n: never unseen
    without = unseen_combinations(letters, everything & (np.arange(5) != 1), 1.0, np.arange(5))
    assert without.tolist() == [False, False, True, False, False]  # á is the last a, è the last `


# -- drawings ----------------------------------------------------------------------------------
class Still:
    """A generator without jitter."""

    def uniform(self, low, high, size):
        return np.zeros(size)


def test_no_two_letters_are_drawn_alike(benches):
    letters = [letter(n) for n in benches["gzsl"].classes.names]
    face = list(typefaces.FACES).index("DejaVuSans")
    pictures, outlines = typefaces.draw("".join(letters), [face] * len(letters), Still())
    for drawn in (pictures, outlines):
        assert len(np.unique(drawn.reshape(len(letters), -1), axis=0)) == len(letters)
    bare = "".join(unicodedata.normalize("NFD", x)[0] for x in letters)
    unmarked, _ = typefaces.draw(bare, [face] * len(letters), Still())
    changed = (np.abs(pictures.astype(int) - unmarked) > 64).sum(axis=(1, 2))
    assert changed.min() >= 3  # the mark is visible


def test_lookalikes_go_and_the_rest_stays():
    letters = [decompose(c) for c in "ÄäӒӓёӜӜ" if decompose(c)]
    kept = "".join(x.character for x in typefaces.without_lookalikes(letters))
    assert kept == "ÄäёӜ"


def test_outlines_are_hollow_and_drawn_apart():
    face = list(typefaces.FACES).index("DejaVuSans-Bold")
    pictures, outlines = typefaces.draw("Í", [face], Still())
    ink, line = pictures[0] > 200, outlines[0] > 100
    assert 0.5 * ink.sum() < line.sum() < 3 * ink.sum()
    assert (ink & line).sum() < 0.1 * ink.sum()
    many, lines = typefaces.draw("Í" * 8, [face] * 8, np.random.default_rng(0))
    assert len(np.unique(many.reshape(8, -1), axis=0)) == 8
    assert ((many > 200) & (lines > 100)).sum() > 0.15 * (many > 200).sum()  # not registered


def test_gradients_equal_a_loop_over_pixels():
    x = np.random.default_rng(0).random((3, 12, 8)).astype(np.float32)
    cell, bins = 4, 5
    h = np.zeros((3, 3, 2, bins))
    for n in range(3):
        for i in range(12):
            for j in range(8):
                gx = x[n, i, j + 1] - x[n, i, j - 1] if 0 < j < 7 else 0.0
                gy = x[n, i + 1, j] - x[n, i - 1, j] if 0 < i < 11 else 0.0
                at = np.arctan2(gy, gx) % np.pi / (np.pi / bins)
                low = int(at)
                h[n, i // cell, j // cell, low % bins] += np.hypot(gx, gy) * (1 - at + low)
                h[n, i // cell, j // cell, (low + 1) % bins] += np.hypot(gx, gy) * (at - low)
    want = np.empty_like(h)
    for r in range(3):
        for c in range(2):
            around = h[:, max(r - 1, 0):r + 2, max(c - 1, 0):c + 2]
            want[:, r, c] = h[:, r, c] / np.sqrt((around**2).sum(axis=(1, 2, 3)) + 0.1)[:, None]
    got = oriented_gradients(x, cell=cell, bins=bins)
    np.testing.assert_allclose(got, want.reshape(3, -1), atol=1e-5)
    with pytest.raises(ValueError, match="multiples"):
        oriented_gradients(x, cell=5)


def test_edges_along_a_bin_leave_the_other_bins_at_zero():
    """Edges of upright and leaning bars run at multiples of 45 degrees: every second bin of 8."""
    rows, columns = np.indices((64, 64))
    bars = [np.clip(of, 0, 8) / np.float32(8) for of in (
        np.broadcast_to(columns - 20, (64, 64)), rows - 17, rows + columns - 50,
        rows - columns + 3)]
    bars += [1 - bar for bar in bars]
    found = oriented_gradients(np.array(bars)).reshape(8, 64, 8)
    assert (found[:, :, ::2] > 0.1).any(axis=(0, 1)).all()
    np.testing.assert_array_equal(found[:, :, 1::2], 0)


def test_one_shade_of_one_pixel_is_never_too_weak_a_gradient():
    """Nothing around a pixel is stronger than 64 pixels a cell, each of black beside white twice,
    and all of one direction."""
    strongest = 9 * (64 * np.sqrt(2))**2
    assert 1 / 255 / np.sqrt(strongest + 0.1) > LEAST


def test_words_weigh_as_in_scikit_learn():
    documents = ["small a acute bold", "small b acute", "capital a grave bold", "small unheard"]
    fitted = [0, 0, 1, 2]
    rows, words = tf_idf(documents, fitted)
    reference = TfidfVectorizer(binary=True, token_pattern=r"\S+")
    reference.fit([documents[i] for i in fitted])
    assert words == tuple(reference.get_feature_names_out())
    np.testing.assert_allclose(rows, reference.transform(documents).toarray(), atol=1e-6)
    assert "unheard" not in words


# -- determinism and cache -----------------------------------------------------------------------
def test_same_seed_same_bytes_cached_or_fresh_other_seed_other_bytes(monkeypatch, tmp_path):
    monkeypatch.setattr(glyph_samples, "PER_BASE", 12)  # few letters, so that drawing is quick
    monkeypatch.setattr(glyph_samples, "PER_MARK", 8)
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path))
    fresh, other = (load_glyphs("retrieval", seed=s, cache=False) for s in (3, 4))
    assert list(tmp_path.iterdir()) == []
    written, read = (load_glyphs("retrieval", seed=3) for _ in range(2))
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".npz", ".npz"]
    assert digest(fresh) == digest(written) == digest(read) != digest(other)
    assert fresh.protocol == written.protocol == read.protocol != other.protocol


def test_a_warm_load_needs_no_drawing_library(warm):
    code = ("import sys, crossalign.data.sources.glyphs.source as g;"
            "heavy = {'matplotlib', 'PIL', 'fontTools', 'torch', 'sklearn'};"
            "print(sorted(heavy & set(sys.modules)));"
            "g.load_glyphs('retrieval', variant='sketch'); print(sorted(heavy & set(sys.modules)))")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split("\n")[:2] == ["[]", "[]"]


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("CROSSALIGN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "crossalign"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "crossalign"


@pytest.fixture
def counted(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "c"))
    calls = []

    def build():
        calls.append(1)
        return {"x": np.arange(1000.0), "names": np.array(["a", "bc"])}
    return build, calls


def test_cache_builds_once_per_key(counted):
    build, calls = counted
    for key in ({"name": "k", "seed": 0}, {"seed": 0, "name": "k"}, {"name": "k", "seed": 1}):
        kept = cached_arrays(key, build)
        np.testing.assert_array_equal(kept["x"], np.arange(1000.0))
        assert kept["names"].tolist() == ["a", "bc"]
    assert len(calls) == 2
    assert {p.suffix for p in cache_folder().iterdir()} == {".npz"}


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "flipped", "other format"])
def test_damaged_cache_is_built_again(counted, damage):
    build, calls = counted
    key = {"name": "k"}
    cached_arrays(key, build)
    path = cache_path(key)
    whole = path.read_bytes()
    if damage == "other format":
        with open(path, "wb") as file:
            np.save(file, np.arange(3))
    else:
        path.write_bytes({"truncated": whole[: len(whole) // 2], "garbage": b"x" * 500,
                          "empty": b"",
                          "flipped": whole[:900] + bytes([whole[900] ^ 255]) + whole[901:]}[damage])
    for _ in range(2):
        np.testing.assert_array_equal(cached_arrays(key, build)["x"], np.arange(1000.0))
    assert len(calls) == 2


def test_unwritable_cache_is_done_without(counted, monkeypatch, tmp_path):
    build, calls = counted
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "file" / "c"))
    for _ in range(2):
        assert len(cached_arrays({"name": "k"}, build)["x"]) == 1000
    assert len(calls) == 2


def test_cache_refuses_objects_and_bad_keys(counted):
    build, _ = counted
    with pytest.raises(ValueError, match="Python objects"):
        cached_arrays({"name": "k"}, lambda: {"x": np.array([None])})
    for key in ({"seed": 0}, {"name": "../k"}, {"name": "k", "x": object()},
                {"name": "k", "x": float("nan")}):
        with pytest.raises(ValueError, match="key"):
            cached_arrays(key, build)


# -- splits --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def nested(benches):
    """Some class splits of every zero-shot task, each with its validation."""
    runs = [benches["gzsl"], benches["retrieval"], benches["retrieval"].run(7),
            benches["sketch"].run(3)]
    return [(bench, bench.validation()) for bench in runs]


def assert_parts_are_seen(classes):
    pairs = np.array([tuple(unicodedata.normalize("NFD", letter(n))) for n in classes.names])
    assert classes.unseen.any()
    for column in pairs.T:
        assert set(column[classes.unseen]) <= set(column[classes.seen])


def test_unseen_bases_and_marks_occur_in_seen_classes(nested):
    for pair in nested:
        for bench in pair:
            assert_parts_are_seen(bench.classes)
            trained = np.unique(bench["train"].labels)
            np.testing.assert_array_equal(trained, np.flatnonzero(bench.classes.seen))


def test_test_faces_never_train(benches):
    for task, bench in benches.items():
        both = ("test_seen", "test_unseen")
        tests = {"gzsl": both, "caption": both, "vqa": both, "transfer": ("test",)}.get(
            task, ("query",))
        for split, views in bench.splits.items():
            faces = set(views.meta["face"])
            assert (faces <= set(TEST_FACES)) if split in tests else not faces & set(TEST_FACES)
        classes = {c for s in tests for c in bench[s].labels}
        assert classes == set(range(len(bench.classes))) or bench.task == "retrieval"
    for a, b in combinations(benches["transfer"].splits.values(), 2):
        assert not set(a.ids) & set(b.ids)


def test_validation_knows_nothing_of_the_test(nested):
    for bench, inner in nested:
        training = {bench.classes.names[c] for c in np.unique(bench["train"].labels)}
        assert set(inner.classes.names) == training
        ids = set(np.concatenate([v.ids for v in inner.splits.values()]))
        assert ids < set(bench["train"].ids)
        assert not set(inner["train"].meta["face"]) & set(VALIDATION_FACES)
        assert inner.protocol["split_id"] != bench.protocol["split_id"]
        row = {n: bench.classes.embeddings[i] for i, n in enumerate(bench.classes.names)}
        for name, vector in zip(inner.classes.names, inner.classes.embeddings, strict=True):
            np.testing.assert_array_equal(vector, row[name])
        names = np.char.lower(np.array(inner.classes.names))
        for split in inner.splits.values():  # renumbered labels still name the drawn letter
            assert (names[split.labels] == split.meta["caption"]).all()


def test_ten_class_splits_are_fixed_and_different(benches):
    half, seen = len(benches["retrieval"].classes) / 2, {}
    for k in range(RUNS):
        first, second = (benches[task].run(k).classes for task in ("retrieval", "sketch"))
        np.testing.assert_array_equal(first.seen, second.seen)
        assert abs(first.seen.sum() - half) <= 1
        assert_parts_are_seen(first)
        seen[first.seen.tobytes()] = k
    assert len(seen) == RUNS
    for task in ("retrieval", "sketch"):
        bench = benches[task]
        assert bench.run(3).run(0).protocol == bench.protocol == glyphs(task).protocol
        for outside in (-1, 10):
            with pytest.raises(ValueError, match=f"k: got {outside}"):
                bench.run(outside)
    assert benches["gzsl"].resplit is None


def test_galleries_hold_no_row_twice(nested):
    for bench, _ in nested:
        if bench.task == "retrieval":
            for m in bench.modalities:
                assert len(np.unique(bench["gallery"][m], axis=0)) == len(bench["gallery"])
            assert bench.protocol["leaks"]["duplicate_gallery_rows"] is False


def test_text_is_fitted_on_training_rows_only(benches):
    for bench in (benches["retrieval"].run(2), benches["retrieval"].run(2).validation()):
        train, query = bench["train"], bench["query"]
        reference = TfidfVectorizer(binary=True, token_pattern=r"\S+")
        expected = reference.fit_transform(train.meta["show:text"]).toarray()
        np.testing.assert_allclose(train["text"], expected, atol=1e-5)
        np.testing.assert_allclose(query["text"], reference.transform(
            query.meta["show:text"]).toarray(), atol=1e-5)


def test_transfer_names_the_base_letter(benches):
    bench = benches["transfer"]
    assert bench.modalities == ("image", "sketch")
    assert bench["pairs"].labels is None
    assert 20 <= len(bench.classes) <= 40
    for split in ("train", "test"):
        views = bench[split]
        drawn = [unicodedata.normalize("NFD", letter(c))[0]
                 for c in views.meta["caption"]]
        assert [bench.classes.names[c] for c in views.labels] == drawn
        assert np.bincount(views.labels).min() >= 20


def test_what_rides_along(benches):
    for bench in benches.values():
        for views in bench.splits.values():
            assert views.meta["show:image"].shape == (len(views), 32, 32)
            assert views.meta["show:sketch"].dtype == np.uint8
            assert np.median(views.meta["show:image"]) == 255  # paper is white
            assert all(t.startswith(c) for t, c in zip(
                np.char.replace(views.meta["show:text"], "-", " "),
                np.char.replace(views.meta["caption"], "-", " "), strict=True))
            first = dict(zip(views.meta["question"][0], views.meta["answer"][0], strict=True))
            assert first == dict(questions(decompose(letter(views.meta["caption"][0]))))


def test_pixels_are_ink(warm):
    bench = load_glyphs("retrieval", variant="sketch", features="pixels")
    for m in ("image", "sketch"):
        ink = 1 - bench["query"].meta[f"show:{m}"].reshape(len(bench["query"]), -1) / 255
        np.testing.assert_allclose(bench["query"][m], ink, atol=1e-6)
    assert bench.protocol["features"] != glyphs("sketch").protocol["features"]


def test_protocol_is_json_and_counts_are_true(benches):
    for bench in benches.values():
        record = json.loads(json.dumps(dict(bench.protocol)))
        assert record["samples"] == {s: len(v) for s, v in bench.splits.items()}
        assert record["classes"]["seen"] == bench.classes.seen.sum()
        assert record["held_out_faces"] == list(TEST_FACES)
        assert not any(v for k, v in record["leaks"].items() if k != "single_class_split")


def test_unseen_letters_are_recognisable_but_not_given_away(benches):
    """Ridge regression onto attributes: far above chance, far from solved."""
    bench = benches["gzsl"]
    train, test = bench["train"], bench["test_unseen"]
    x = np.c_[train["image"], np.ones(len(train))]
    targets = bench.classes.embeddings[train.labels]
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ targets)
    guess = np.c_[test["image"], np.ones(len(test))] @ weights
    unseen = np.flatnonzero(bench.classes.unseen)
    distance = ((guess[:, None] - bench.classes.embeddings[unseen][None]) ** 2).sum(axis=2)
    right = (unseen[distance.argmin(axis=1)] == test.labels).mean()
    assert 10 / len(unseen) < right < 0.8


@pytest.mark.parametrize(("wrong", "message"), [
    ({"task": "zsl"}, "task: got 'zsl'"), ({"features": "cnn"}, "features: got 'cnn'"),
    ({"seed": -1}, "seed: got -1"), ({"seed": 0.5}, "seed: got 0.5"),
    ({"seed": True}, "seed: got True")])
def test_bad_arguments_end_in_one_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        load_glyphs(**wrong)
