"""Two domains of one file: drawn pairs, who is present, every class split, real PACS."""

from __future__ import annotations

import json
from math import comb

import numpy as np
import pytest
from complaints import complaint

from crossalign import data
from crossalign.data.sources.domains.file import holds_domains
from crossalign.data.sources.domains.source import load_domains
from crossalign.data.splits.divisions import every_split
from crossalign.data.splits.pairs import pairs_within_classes
from crossalign.metrics import cosine, mean_average_precision

NAMES = np.array(["ant", "bee", "cat", "dog", "eel"])
COUNTS = {"photo": [4, 9, 8, 5, 2], "sketch": [8, 8, 3, 20, 6], "art-work": [3, 3, 3, 3, 3]}


def make_table(counts=None):
    """Column 0 of the features is the row, column 1 the class, column 2 the domain."""
    rows = [(domain, c) for domain, sizes in (counts or COUNTS).items()
            for c, size in enumerate(sizes) for _ in range(size)]
    rng = np.random.default_rng(2)
    rows = [rows[i] for i in rng.permutation(len(rows))]
    domain, labels = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    features = rng.normal(size=(len(rows), 6)).astype(np.float16)
    features[:, 0], features[:, 1] = np.arange(len(rows)), labels
    features[:, 2] = [list(counts or COUNTS).index(d) for d in domain]
    return {"features": features, "label": NAMES[labels], "domain": domain,
            "path": np.array([f"{d}/{i}.png" for i, d in enumerate(domain)])}


def saved(folder, table, name="toy.npz"):
    np.savez(folder / name, **table)
    return folder / name


@pytest.fixture
def path(tmp_path):
    return saved(tmp_path, make_table())


# -- pairs within classes ----------------------------------------------------------------------
def test_drawn_pairs_use_every_sample_evenly():
    rng = np.random.default_rng(0)
    first = rng.permutation(np.repeat(np.arange(4), [5, 1, 7, 3]))
    second = rng.permutation(np.repeat(np.arange(4), [2, 6, 7, 10]))
    a, b = pairs_within_classes(first, second)
    np.testing.assert_array_equal(first[a], second[b])
    assert len(a) == 5 + 6 + 7 + 10
    assert len(np.unique(np.c_[a, b], axis=0)) == len(a)
    for c in range(4):
        uses = [np.bincount(rows[labels[rows] == c], minlength=len(labels))[labels == c]
                for rows, labels in ((a, first), (b, second))]
        larger, smaller = sorted(uses, key=len)[::-1]
        assert set(larger) == {1}
        assert smaller.min() >= 1
        assert np.ptp(smaller) <= 1


def test_drawn_pairs_are_shuffled_by_seed_and_class_alone():
    first, second = np.zeros(30, int), np.zeros(30, int)
    a, b = pairs_within_classes(first, second)
    np.testing.assert_array_equal(a, np.arange(30))
    assert (b != np.arange(30)).sum() > 20
    np.testing.assert_array_equal(pairs_within_classes(first, second)[1], b)
    assert (pairs_within_classes(first, second, seed=1)[1] != b).any()
    more = pairs_within_classes(np.r_[first, 5, 5], np.r_[second, 5])
    np.testing.assert_array_equal(more[1][:30], b)
    complaint(lambda: pairs_within_classes([0, 1], [0, 0]), "class 1", "one side only")


# -- class splits ------------------------------------------------------------------------------
@pytest.mark.parametrize(("n_classes", "n_seen"), [(7, 4), (4, 2), (6, 1)])
def test_every_split_stands_once(n_classes, n_seen):
    seen = every_split(n_classes, n_seen)
    assert seen.shape == (comb(n_classes, n_seen), n_classes)
    assert (seen.sum(axis=1) == n_seen).all()
    assert len(np.unique(seen, axis=0)) == len(seen)
    other = every_split(n_classes, n_seen, seed=1)
    assert (other != seen).any()
    assert {tuple(r) for r in other} == {tuple(r) for r in seen}


def test_every_split_is_half_by_default_and_needs_two_sides():
    np.testing.assert_array_equal(every_split(7), every_split(7, 4))
    for n_seen in (0, 5):
        complaint(lambda n_seen=n_seen: every_split(5, n_seen), f"n_seen: got {n_seen}")


# -- the benchmark -----------------------------------------------------------------------------
def test_protocol_on_every_run(path):
    table = make_table()
    bench = load_domains(path)
    labels = np.searchsorted(NAMES, table["label"])
    asks, found, masks = set(), set(), set()
    for k in range(comb(5, 3)):
        run = bench.run(k)
        record = json.loads(json.dumps(dict(run.protocol)))
        seen = run.classes.seen
        masks.add(tuple(seen))
        assert run.modalities == ("sketch", "photo")
        assert seen.sum() == 3
        asks |= set(run["query"].ids)
        found |= set(run["gallery"].ids)
        either = np.isin(table["domain"], ["sketch", "photo"])
        unseen = np.flatnonzero(~seen[labels] & either)
        np.testing.assert_array_equal(np.union1d(run["query"].ids, run["gallery"].ids), unseen)
        for domain in ("sketch", "photo"):
            for c in np.flatnonzero(~seen):
                size = COUNTS[domain][c]
                views = run["query"]
                of = views.present[domain] & (views.labels == c)
                assert of.sum() == min(max(1, round(size / 4)), size - 1)
        assert record["class_split"] == {"k": k, "of": 10, "seed": 0}
        assert record["samples_by_domain"]["sketch"]["train"] == sum(
            np.array(COUNTS["sketch"])[seen])
        assert record["samples"]["train"] == (seen[labels] & either).sum()
        assert record["domains"] == ["sketch", "photo"]
        assert "within the class" in record["pairs"]
        assert record["leaks"]["query_in_gallery"] is False
        assert record["leaks"]["backbone_saw_unseen_classes"] is None
        assert record["leaks"]["single_class_split"] is False
    assert len(masks) == comb(5, 3)
    assert not asks & found  # who asks does not depend on the class split
    assert bench.protocol == bench.run(0).protocol
    complaint(lambda: bench.run(10), "k: got 10", "0 to 9")
    assert load_domains(path, seed=1).protocol["split_id"] != bench.protocol["split_id"]


def test_training_pairs_are_of_one_class_and_use_all_its_samples(path):
    table = make_table()
    for k in (0, 3):
        run = load_domains(path).run(k)
        train = run["train"]
        assert not train.present
        assert len(np.unique(train.ids)) == len(train)
        drawn = {d: train.meta[f"sample:{d}"] for d in ("sketch", "photo")}
        for domain, rows in drawn.items():
            np.testing.assert_array_equal(train[domain], table["features"][rows].astype("f4"))
            assert set(table["domain"][rows]) == {domain}
            np.testing.assert_array_equal(table["label"][rows], NAMES[train.labels])
            of_seen = np.isin(table["label"], NAMES[run.classes.seen])
            assert set(rows) == set(np.flatnonzero(of_seen & (table["domain"] == domain)))
        for c in np.flatnonzero(run.classes.seen):
            sizes = {d: COUNTS[d][c] for d in drawn}
            assert (train.labels == c).sum() == max(sizes.values())
            ids = train.ids[train.labels == c]
            assert set(ids) in [set(rows[train.labels == c]) for rows in drawn.values()]
            assert len(set(ids)) == max(sizes.values())


def test_every_asking_and_found_sample_has_one_modality(path):
    table = make_table()
    bench = load_domains(path)
    for split in ("query", "gallery"):
        views = bench[split]
        np.testing.assert_array_equal(views.present["sketch"], ~views.present["photo"])
        np.testing.assert_array_equal(views.present["sketch"], table["domain"][views.ids] ==
                                      "sketch")
        for domain, present in views.present.items():
            rows = views[domain]
            want = table["features"][views.ids].astype("f4")
            np.testing.assert_array_equal(rows[present], want[present])
            assert not rows[~present].any()
        np.testing.assert_array_equal(views.meta["path"], table["path"][views.ids])
        np.testing.assert_array_equal(NAMES[views.labels], table["label"][views.ids])


def test_both_directions_find_their_class(path):
    """Column 1 is the class: present rows alone rank perfectly, all rows together do not."""
    bench = load_domains(path)

    def unit(rows):
        return np.eye(5, dtype="f4")[rows[:, 1].astype(int)]

    for a, b in (("sketch", "photo"), ("photo", "sketch")):
        query, gallery = (bench[s][bench[s].present[m]] for s, m in (("query", a), ("gallery", b)))
        assert set(query.labels) <= set(gallery.labels)
        assert mean_average_precision(cosine(unit(query[a]), unit(gallery[b])), query.truth,
                                      gallery.truth) == 1
        whole = bench["query"], bench["gallery"]
        assert mean_average_precision(cosine(unit(whole[0][a]), unit(whole[1][b])), whole[0].truth,
                                      whole[1].truth) < 1


def test_validation_lives_inside_the_seen_classes(tmp_path):
    counts = {d: [*sizes, 4, 6] for d, sizes in COUNTS.items()}
    names = np.array([*NAMES, "fox", "gnu"])
    table = make_table()
    table = {**table, **{k: np.concatenate([table[k], v]) for k, v in {
        "features": np.random.default_rng(1).normal(size=(30, 6)).astype("f2"),
        "label": np.repeat(["fox", "gnu"], [12, 18]),
        "domain": np.r_[np.repeat(list(counts), 4), np.repeat(list(counts), 6)],
        "path": np.array(["x"] * 30)}.items()}}
    bench = load_domains(saved(tmp_path, table))
    assert bench.protocol["class_split"]["of"] == comb(7, 3)
    for k in (0, 11, 34):
        run = bench.run(k)
        val = run.validation()
        assert set(val.classes.names) == set(names[run.classes.seen])
        assert (val.classes.seen.sum(), val.classes.unseen.sum()) == (2, 2)
        of_train = np.union1d(*(run["train"].meta[f"sample:{d}"] for d in ("sketch", "photo")))
        of_val = [np.union1d(*(val["train"].meta[f"sample:{d}"] for d in ("sketch", "photo"))),
                  val["query"].ids, val["gallery"].ids]
        assert sorted(np.concatenate(of_val)) == sorted(of_train)
        for views in val.splits.values():
            assert set(np.array(val.classes.names)[views.labels]) <= set(table["label"][views.ids])
            np.testing.assert_array_equal(np.array(val.classes.names)[views.labels],
                                          table["label"][views.ids])
        assert val.validation() is None


def test_few_classes_have_no_validation_and_many_have_ten_splits(tmp_path):
    four = make_table({d: sizes[:4] for d, sizes in COUNTS.items() if d != "art-work"})
    bench = load_domains(saved(tmp_path, four))
    assert bench.protocol["class_split"]["of"] == 6
    assert bench.validation() is None
    labels = np.repeat(np.arange(12), 6)
    many = {"features": np.random.default_rng(0).normal(size=(72, 3)), "label": labels,
            "domain": np.tile(["a", "b"], 36)}
    bench = load_domains(saved(tmp_path, many, "many.npz"))
    assert bench.protocol["class_split"]["of"] == 10
    assert bench.run(9).classes.seen.sum() == 6
    assert bench.run(9).classes.seen.tolist() != bench.classes.seen.tolist()
    complaint(lambda: bench.run(10), "k: got 10")


def test_equal_rows_are_told(tmp_path):
    table = make_table()
    bench = load_domains(saved(tmp_path, table))
    sketches = bench["gallery"].ids[bench["gallery"].present["sketch"]]
    asking = bench["query"].ids[bench["query"].present["sketch"]]
    for pair, name in ((sketches[:2], "duplicate_gallery_rows"),
                       ((sketches[0], asking[0]), "query_in_gallery")):
        doubled = {**table, "features": table["features"].copy()}
        doubled["features"][pair[0]] = doubled["features"][pair[1]]
        assert load_domains(saved(tmp_path, doubled)).protocol["leaks"][name] is True
        assert bench.protocol["leaks"][name] is False


def test_labels_may_be_numbers_with_names_and_side_information(tmp_path):
    table = make_table()
    numbers = {**table, "label": np.searchsorted(NAMES, table["label"]), "class_names": NAMES,
               "class_embeddings": np.arange(10.0).reshape(5, 2)}
    bench = load_domains(saved(tmp_path, numbers))
    words = load_domains(saved(tmp_path, table, "words.npz"))
    assert bench.classes.names == words.classes.names == tuple(NAMES)
    assert bench.protocol["split_id"] == words.protocol["split_id"]
    np.testing.assert_array_equal(bench.classes.embeddings, numbers["class_embeddings"])
    assert bench.protocol["side_information"] == {"width": 2}
    kept = np.array(bench.validation().classes.names)
    np.testing.assert_array_equal(bench.validation().classes.embeddings,
                                  numbers["class_embeddings"][np.searchsorted(NAMES, kept)])
    assert data.load(tmp_path / "toy.npz").protocol == bench.protocol


# -- which two domains -------------------------------------------------------------------------
def test_two_domains_are_chosen_by_name(tmp_path, path, monkeypatch):
    assert load_domains(path).modalities == ("sketch", "photo")
    assert load_domains(path).name == "toy-sketch-photo"
    assert load_domains(path, variant="sketch-photo").name == "toy-sketch-photo"
    for variant in ("photo-sketch", "sketch-art-work", "art-work-sketch"):
        bench = data.load(f"{path}:{variant}")
        assert "-".join(bench.modalities) == variant
        assert bench.protocol == load_domains(path, variant=variant).protocol
        assert data.load(f"{path}:{variant}", "retrieval").protocol == bench.protocol
    monkeypatch.setenv("CROSSALIGN_DATA", str(tmp_path))
    assert data.load("toy.npz:photo-sketch").modalities == ("photo", "sketch")
    assert {about.name: about.tasks for about in data.available()}["toy.npz"] == ("retrieval",)
    complaint(lambda: data.load(f"{path}:"), "has no variant ''", "name one")
    for variant in ("photo", "photo-photo", "photo-clipart", "-photo"):
        complaint(lambda variant=variant: data.load(f"{path}:{variant}"),
                  f"variant: got {variant!r}", "art-work")
    for task in ("zsl", "transfer", "sketch-photo"):
        complaint(lambda task=task: data.load(f"{path}:photo-sketch", task),
                  f"task: got {task!r}", "retrieval")
    complaint(lambda: data.load(path, attributes="x.mat"), "attributes", "class_embeddings")


def test_without_a_name_two_domains_are_all_or_usual_ones(tmp_path):
    table = make_table()
    two = table["domain"] != "sketch"
    bench = load_domains(saved(tmp_path, {name: v[two] for name, v in table.items()}))
    _, first = np.unique(table["domain"][two], return_index=True)
    assert bench.modalities == tuple(table["domain"][two][np.sort(first)])
    renamed = {**table, "domain": np.char.replace(table["domain"], "photo", "real")}
    complaint(lambda: load_domains(saved(tmp_path, renamed)), "variant: none given", "'real'",
              "name two")


# -- the front door ----------------------------------------------------------------------------
def test_validate_counts_what_is_there(path):
    checks = dict(data.validate(path))
    bench = load_domains(path)
    query = bench["query"]
    assert checks["split query"].startswith(
        f"{len(query)} samples, sketch of {query.present['sketch'].sum()}, photo of")
    assert checks["class splits"] == "10 loaded, 10 of them distinct"
    assert "validation split train" in checks
    assert checks["validation within training rows"] == (
        f"{bench.protocol['samples']['train']} samples")


def test_files_of_pairs_stay_pairs(tmp_path):
    """A second modality beside features and domain is a file of pairs, as it was."""
    table = make_table()
    assert holds_domains(saved(tmp_path, table))
    both = saved(tmp_path, {**table, "text": table["features"]}, "both.npz")
    assert not holds_domains(both)
    assert data.load(both).modalities == ("features", "text")
    without = {n: v for n, v in table.items() if n != "domain"}
    assert not holds_domains(saved(tmp_path, without, "without.npz"))
    complaint(lambda: data.load(tmp_path / "without.npz"), "1 modality ['features']")


# -- malformed input ---------------------------------------------------------------------------
def spoiled(**changes):
    table = make_table()
    for name, change in changes.items():
        if change is None:
            del table[name]
        else:
            table[name] = change(table[name]) if callable(change) else change
    return table


def with_infinity(features):
    features[3, 1] = np.inf
    return features


@pytest.mark.parametrize(("table", "words"), [
    (spoiled(features=None), ["features: missing"]),
    (spoiled(domain=None), ["domain: missing"]),
    (spoiled(label=None), ["labels: missing"]),
    (spoiled(features=lambda x: x[:20]), ["features: shape (20, 6)", "88 labels"]),
    (spoiled(features=lambda x: x.astype(str)), ["features: shape", "<U"]),
    (spoiled(features=lambda x: x[:, :, None]), ["features: shape (88, 6, 1)"]),
    (spoiled(features=with_infinity), ["features: row 3 holds NaN or infinity"]),
    (spoiled(domain=lambda x: x[:20]), ["domain: shape (20,) for 88 labels"]),
    (spoiled(path=lambda x: x[:20]), ["path: shape (20,) for 88 labels"]),
    (spoiled(label=lambda x: np.where(x == "eel", "dog", np.where(x == "cat", "dog", x))),
     ["label: 3 classes", "needs four"]),
    (spoiled(label=np.arange(88)), ["label: class '0' has"]),
    (spoiled(label=lambda x: np.searchsorted(NAMES, x), class_names=np.array([*NAMES, "fox"])),
     ["class 'fox' has 0 of the domain 'sketch'"]),
    (spoiled(class_embeddings=np.ones((4, 3)), class_names=NAMES,
             label=lambda x: np.searchsorted(NAMES, x)), ["class_embeddings: shape (4, 3)"]),
    (spoiled(domain=np.array(["sketch"] * 88)), ["variant: none given", "['sketch']"]),
])
def test_malformed_arrays_fail_in_one_sentence(tmp_path, table, words):
    complaint(lambda: load_domains(saved(tmp_path, table)), *words)


def test_damaged_and_pickled_files(tmp_path, path):
    whole = path.read_bytes()
    for content in (b"", whole[:30], whole[:len(whole) // 2], b"<!doctype html>" * 20):
        path.write_bytes(content)
        assert not holds_domains(path)
        complaint(lambda: load_domains(path), "toy.npz", "truncated")
        complaint(lambda: data.load(path), "toy.npz", "truncated")
    table = {**make_table(), "path": np.array([object()] * 88)}
    complaint(lambda: load_domains(saved(tmp_path, table)), "pickled objects")


# -- PACS --------------------------------------------------------------------------------------
@pytest.mark.shared
def test_pacs_has_its_counts_and_every_split(shared):
    path = shared / "pacs" / "mobilenetv2.npz"
    bench = data.load(path)
    assert bench.modalities == ("sketch", "photo")
    assert bench.protocol["class_split"]["of"] == 35
    ids = set()
    for k in (0, 17, 34):
        run = bench.run(k)
        counts = run.protocol["samples_by_domain"]
        assert sum(counts["sketch"].values()) == 3929
        assert sum(counts["photo"].values()) == 1670
        assert (run.classes.seen.sum(), run.classes.unseen.sum()) == (4, 3)
        assert run.protocol["leaks"]["query_in_gallery"] is False
        assert set(run["train"].meta) == {"sample:sketch", "sample:photo"}
        ids.add(run.protocol["split_id"])
    assert len(ids) == 3
    assert data.load(f"{path}:cartoon-art_painting").modalities == ("cartoon", "art_painting")
