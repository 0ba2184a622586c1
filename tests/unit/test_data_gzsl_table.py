"""Zero-shot recognition out of .npz and text files: parts, classes, validation, malformed input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from complaints import complaint

from crossalign import data
from crossalign.data.sources.pairs.source import load_pairs
from crossalign.evaluation import evaluate
from crossalign.models import ESZSL, GFZSL
from crossalign.types import split_id

NAMES = np.array(["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"])
RNG = np.random.default_rng(1)
LABELS = RNG.permutation(np.repeat(np.arange(8), 10))
EMBEDDINGS = RNG.normal(size=(8, 4))
FEATURES = (EMBEDDINGS[LABELS] + .2 * RNG.normal(size=(80, 4))) @ RNG.normal(size=(4, 6))
SEEN = np.arange(8) < 6
TEST = RNG.permutation(80) < 20
WORDS = np.where(~SEEN[LABELS], "test_unseen", np.where(TEST, "test_seen", "train"))
TABLE = {"features": FEATURES, "labels": LABELS, "class_embeddings": EMBEDDINGS,
         "class_names": NAMES}


def saved(folder, **changes):
    table = {k: v for k, v in {**TABLE, **changes}.items() if v is not None}
    np.savez(folder / "a.npz", **table)
    return folder / "a.npz"


def check(bench):
    """Every row has its own features, class and description."""
    assert bench.task == "gzsl"
    for views in bench.splits.values():
        np.testing.assert_allclose(views[views.modalities[0]], FEATURES[views.ids], rtol=1e-5,
                                   atol=1e-5)
        assert [bench.classes.names[c] for c in views.labels] == NAMES[LABELS[views.ids]].tolist()
        np.testing.assert_allclose(bench.classes.embeddings[views.labels],
                                   EMBEDDINGS[LABELS[views.ids]], rtol=1e-6)


@pytest.mark.parametrize("parts", [
    {"split": WORDS}, {"split": np.char.encode(WORDS)},
    {"split": np.where(WORDS == "train", "train", "test")}, {"train": WORDS == "train"},
    {"train": (WORDS == "train").astype(float)}, {"split": WORDS, "seen": SEEN},
    {"split": WORDS, "unseen": NAMES[~SEEN]}])
@pytest.mark.parametrize("labels", [LABELS, NAMES[LABELS], np.char.encode(NAMES)[LABELS],
                                    np.eye(8)[LABELS], LABELS.astype(str)], ids=range(5))
def test_official_parts_are_those_of_the_file(tmp_path, parts, labels):
    bench = data.load(saved(tmp_path, labels=labels, **parts))
    check(bench)
    assert bench.protocol["split_id"] == split_id(
        {part: np.flatnonzero(part == WORDS) for part in ("train", "test_seen", "test_unseen")})
    np.testing.assert_array_equal(bench.classes.seen, SEEN)
    assert bench.protocol["split"] == "the file's"
    assert bench.protocol["side_information"]["width"] == 4


@pytest.mark.parametrize("which", [
    {"seen": SEEN}, {"seen": SEEN.astype(int)}, {"unseen": ~SEEN}, {"seen": NAMES[SEEN]},
    {"unseen": NAMES[~SEEN]}, {"seen": SEEN, "unseen": NAMES[~SEEN]}, {"seen": SEEN[LABELS]},
    {"seen": np.array(["FALSE", "TRUE"])[SEEN.astype(int)]}])
def test_classes_may_be_given_without_parts(tmp_path, which):
    bench = data.load(saved(tmp_path, **which))
    check(bench)
    np.testing.assert_array_equal(bench.classes.seen, SEEN)
    rows = np.concatenate([views.ids for views in bench.splits.values()])
    assert sorted(rows) == list(range(80))
    assert np.bincount(bench["test_seen"].labels).tolist() == [2] * 6
    again = data.load(tmp_path / "a.npz", seed=1)
    assert set(again["test_unseen"].ids) == set(bench["test_unseen"].ids)
    assert set(again["test_seen"].ids) != set(bench["test_seen"].ids)


def test_without_either_a_quarter_of_the_classes_is_drawn(tmp_path):
    bench = data.load(saved(tmp_path))
    check(bench)
    assert bench.classes.unseen.sum() == 2
    assert "drawn" in bench.protocol["split"]
    assert bench.protocol["split_id"] == data.load(tmp_path / "a.npz").protocol["split_id"]
    assert bench.protocol["split_id"] != data.load(tmp_path / "a.npz", seed=5).protocol["split_id"]


@pytest.mark.parametrize("parts", [{"split": WORDS}, {"seen": SEEN}, {}])
def test_validation_stays_within_the_training_rows(tmp_path, parts):
    bench = data.load(saved(tmp_path, **parts))
    val = bench.validation()
    rows = np.concatenate([views.ids for views in val.splits.values()])
    assert len(np.unique(rows)) == len(rows)
    assert set(rows) <= set(bench["train"].ids)
    assert set(val.classes.names) <= set(np.array(bench.classes.names)[bench.classes.seen])
    assert val.classes.unseen.sum() >= 1
    check(val)
    names = [check.name for check in data.validate(tmp_path / "a.npz")]
    assert "validation within training rows" in names


def test_models_run_on_it(tmp_path):
    report = evaluate(ESZSL(), data.load(saved(tmp_path, split=WORDS)), pictures=False)
    assert report.scores["H"]["mean"] > .6
    assert evaluate(GFZSL(), data.load(saved(tmp_path, seen=SEEN)),
                    pictures=False).scores["T1"]["mean"] > .6


def test_candidates_without_a_sample_are_unseen_classes(tmp_path):
    names, more = np.array([*NAMES, "yak"]), np.vstack([EMBEDDINGS, np.ones(4)])
    for labels in (LABELS, NAMES[LABELS]):
        bench = data.load(saved(tmp_path, labels=labels, split=WORDS, class_names=names,
                                class_embeddings=more))
        assert bench.classes.names[-1] == "yak"
        assert bench.classes.seen.tolist() == [*SEEN.tolist(), False]
        assert bench.protocol["classes"]["unseen_without_samples"] == 1
        assert evaluate(ESZSL(), bench, pictures=False).scores["T1"]["mean"] > .5
    complaint(lambda: data.load(saved(tmp_path, class_names=names, class_embeddings=more,
                                      seen=np.arange(9) != 7)), "'yak'", "no training sample")


# -- text files --------------------------------------------------------------------------------
def written(folder, **columns):
    frame = pd.DataFrame(FEATURES).add_prefix("image_").assign(**columns)
    frame.to_csv(folder / "a.csv", index=False, sep=";", decimal=",")
    attributes = pd.DataFrame(EMBEDDINGS, index=NAMES).iloc[::-1]
    attributes.to_csv(folder / "att.csv")
    return folder / "a.csv", folder / "att.csv"


@pytest.mark.parametrize("columns", [
    {"label": NAMES[LABELS], "split": WORDS}, {"class": NAMES[LABELS], "split": WORDS},
    {"label": NAMES[LABELS], "seen": SEEN[LABELS]},
    {"label": NAMES[LABELS], "unseen": (~SEEN[LABELS]).astype(int)}])
def test_a_text_file_takes_its_classes_from_another(tmp_path, columns):
    path, attributes = written(tmp_path, **columns)
    bench = data.load(path, attributes=attributes)
    check(bench)
    assert set(np.array(bench.classes.names)[bench.classes.seen]) == set(NAMES[SEEN])
    assert bench.protocol["side_information"]["mapped"] == "by name"
    if "split" in columns:
        assert len(bench["test_seen"]) == np.sum(WORDS == "test_seen")


def test_attributes_in_other_files(tmp_path):
    np.save(tmp_path / "att.npy", EMBEDDINGS)
    for changes in ({}, {"class_names": None}):
        path = saved(tmp_path, split=WORDS, class_embeddings=None, **changes)
        bench = data.load(path, "gzsl", attributes=tmp_path / "att.npy")
        np.testing.assert_allclose(bench.classes.embeddings, EMBEDDINGS, rtol=1e-6)
        assert bench.protocol["side_information"]["mapped"] == "by order"
    complaint(lambda: data.load(path, "gzsl"), "class_embeddings: missing", "attributes")
    np.save(tmp_path / "att.npy", EMBEDDINGS[:5])
    complaint(lambda: data.load(path, attributes=tmp_path / "att.npy"), "labels: 0..7 for 5")


def test_unseen_classes_by_argument(tmp_path):
    path = saved(tmp_path)
    bench = data.load(path, unseen=["fox", "ant"])
    assert np.array(bench.classes.names)[bench.classes.unseen].tolist() == ["ant", "fox"]
    (tmp_path / "unseen.txt").write_text("dog\nhen\n")
    complaint(lambda: data.load(path, "zsl", unseen=tmp_path / "unseen.txt"), "use gzsl")
    bench = data.load(path, "gzsl", unseen=tmp_path / "unseen.txt")
    assert np.array(bench.classes.names)[bench.classes.unseen].tolist() == ["dog", "hen"]
    complaint(lambda: data.load(path, unseen=["wolf", "ant"]), "'wolf'")
    complaint(lambda: data.load(path, "retrieval", unseen=["ant", "fox"]), "unseen", "gzsl")


def test_several_modalities_and_the_default_task(tmp_path):
    both = saved(tmp_path, text=FEATURES[:, :3], split=np.where(TEST, "test", "train"))
    assert data.load(both).task == "retrieval"
    bench = data.load(saved(tmp_path, text=FEATURES[:, :3], split=WORDS), "gzsl")
    assert bench.modalities == ("features", "text")
    assert data.load(tmp_path / "a.npz", "gzsl", modalities=["text"]).modalities == ("text",)
    assert data.load(tmp_path / "a.npz", "gzsl").task == "gzsl"


def test_only_unseen_classes_tested_is_zsl(tmp_path):
    words = np.where(SEEN[LABELS], "train", "test")
    path = saved(tmp_path, split=words)
    assert data.load(path, "zsl").task == "zsl"
    assert data.load(path).task == "zsl"
    complaint(lambda: data.load(path, "gzsl"), "zsl")


def moved(row_class, part):
    words = WORDS.copy()
    words[np.flatnonzero(row_class == LABELS)[0]] = part
    return words


@pytest.mark.parametrize(("changes", "words"), [
    ({"split": moved(7, "train")}, ["test_unseen", "'hen'", "training samples"]),
    ({"split": np.where(LABELS == 0, "test_seen", WORDS)}, ["'ant'", "no training sample"]),
    ({"split": np.where(WORDS == "train", 1, 0)}, ["split", "row 0", "'test_unseen'"]),
    ({"split": np.full(80, "train")}, ["'test_unseen'"]),
    ({"split": np.full(80, "test")}, ["'train'"]),
    ({"split": WORDS[:9]}, ["9 entries for 80"]),
    ({"split": WORDS, "seen": np.arange(8) < 5}, ["'fox'", "marked unseen"]),
    ({"seen": np.arange(8)}, ["seen", "np.isin"]),
    ({"seen": SEEN[:5]}, ["5 entries for 8 classes"]),
    ({"seen": np.ones(8, bool)}, ["'test_unseen'"]),
    ({"seen": SEEN, "unseen": SEEN}, ["'ant'", "both seen and unseen"]),
    ({"unseen": np.array(["wolf"])}, ["'wolf'"]),
    ({"seen": np.arange(80) % 2 == 0}, ["seen: differs"]),
    ({"class_embeddings": EMBEDDINGS[:7]}, ["shape (7, 4)"]),
    ({"class_names": np.array(["ant"] * 8)}, ["'ant'", "twice"]),
    ({"class_names": None, "labels": NAMES[LABELS]}, ["class_names: missing"]),
    ({"labels": np.where(LABELS == 3, -1, LABELS)}, ["-1", "no class"]),
    ({"ids": np.zeros(80)}, ["ids"])])
def test_malformed_files_fail_in_one_sentence(tmp_path, changes, words):
    complaint(lambda: load_pairs(saved(tmp_path, **changes), "gzsl"), *words)


def test_names_match_however_their_accents_are_composed(tmp_path):
    composed = np.array(["caf\u00e9", *NAMES[1:]])
    apart = np.array(["cafe\u0301", *NAMES[1:]])
    bench = data.load(saved(tmp_path, labels=apart[LABELS], class_names=composed,
                            unseen=apart[[0, 3]]))
    assert bench.classes.unseen.tolist() == np.isin(np.arange(8), [0, 3]).tolist()
    np.testing.assert_array_equal(bench["train"].labels, LABELS[bench["train"].ids])


def test_multi_hot_labels_are_refused(tmp_path):
    hot = np.eye(8)[LABELS]
    hot[3] = 1
    complaint(lambda: data.load(saved(tmp_path, labels=hot), "gzsl"), "one label per sample")
