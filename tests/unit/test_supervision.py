"""Supervision: nested draws, exact counts, hidden rows that stay hidden, and the same in
validation."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from small import retrieval

from crossalign.data import Supervision, supervised
from crossalign.data.supervision import readable
from crossalign.evaluation import Report, evaluate
from crossalign.evaluation.protocols import Retrieval
from crossalign.evaluation.selection import fit_on
from crossalign.evaluation.training_part import training_of
from crossalign.labels import NO_CLASS, has_class
from crossalign.models import ASIF, CCA, Chance, Committee, Procrustes, RidgeMap
from crossalign.types import Benchmark, Views


def train(run=0, bench=None, **given):
    bench = retrieval() if bench is None else bench
    return supervised(bench, Supervision(**given)).run(run)["train"]


def pairs_of(views):
    return set(views.ids[views.has("image") & views.has("text")].tolist())


def by_id(views, modality):
    return dict(zip(views.ids.tolist(), views[modality], strict=True))


@pytest.mark.parametrize("run", [0, 1])
def test_draws_are_nested_and_the_others_keep_their_side(run):
    drawn = {n: train(run, pairs=n) for n in (0, 10, 20, 50, 72)}
    found = [pairs_of(views) for views in drawn.values()]
    assert [len(of) for of in found] == list(drawn)
    assert all(a < b for a, b in pairwise(found))
    sides = {n: dict(zip(views.ids.tolist(), views.has("image").tolist(), strict=True))
             for n, views in drawn.items()}
    alone = set(sides[50]) - pairs_of(drawn[50])
    assert {i: sides[50][i] for i in alone} == {i: sides[0][i] for i in alone}


def test_every_other_row_is_seen_through_one_modality_and_the_other_is_not_there():
    full, views = retrieval()["train"], train(pairs=20)
    assert views.ids.tolist() == full.ids.tolist()
    image, text = views.has("image"), views.has("text")
    assert ((image & text).sum(), (image & ~text).sum(), (text & ~image).sum()) == (20, 26, 26)
    for m, has in (("image", image), ("text", text)):
        np.testing.assert_array_equal(views[m][has], full[m][has])
        assert not views[m][~has].any()
        assert full[m].all(axis=1).all()                    # so that zeros are not the data's own


def test_rows_on_disk_are_hidden_too(tmp_path):
    full = retrieval()
    rows = full["train"]["image"]
    np.save(tmp_path / "x.npy", rows)
    views = Views({"image": np.load(tmp_path / "x.npy", mmap_mode="r"),
                   "text": full["train"]["text"]}, full["train"].truth, ids=full["train"].ids)
    bench = Benchmark("disk", "retrieval", {**full.splits, "train": views}, full.classes)
    drawn, memory = train(bench=bench, pairs=20, wrong=0.5), train(pairs=20, wrong=0.5)
    assert drawn.on_disk("image")
    for m in ("image", "text"):
        np.testing.assert_array_equal(drawn[m], memory[m])


def test_other_rows_are_limited_on_each_side():
    views = train(pairs=10, unpaired=5)
    assert (len(views), views.has("image").sum(), views.has("text").sum()) == (20, 15, 15)
    assert set(views.ids) < set(train(pairs=10, unpaired=8).ids)
    assert pairs_of(views) == pairs_of(train(pairs=10))
    alone = train(pairs=10, unpaired=0)
    assert len(alone) == 10
    assert not alone.present or all(has.all() for has in alone.present.values())


def test_labels_are_dropped_on_the_right_side():
    full = dict(zip(retrieval()["train"].ids.tolist(), retrieval()["train"].truth, strict=True))
    truth = np.array([full[i] for i in train(pairs=20).ids.tolist()])
    assert train(pairs=20, labels="none").labels is None
    np.testing.assert_array_equal(train(pairs=20).truth, truth)
    for word, side in (("one", "image"), ("image", "image"), ("text", "text")):
        views = train(pairs=20, labels=word)
        np.testing.assert_array_equal(views.truth, np.where(views.has(side), truth, NO_CLASS))
        assert (views.truth == NO_CLASS).sum() == 26


def test_labels_of_several_classes_are_dropped_too():
    full = retrieval()
    several = np.eye(8, dtype=bool)[full["train"].truth]
    several[3, 2:4] = True
    bench = Benchmark("several", "retrieval", {
        **full.splits, "train": full["train"].with_labels(several)}, full.classes)
    views = train(bench=bench, pairs=20, labels="text")
    assert (views.truth.any(axis=1) == views.has("text")).all()


@pytest.mark.parametrize(("share", "count"), [(0.1, 4), (0.5, 20), (1.0, 40), (0.0, 0)])
def test_the_share_of_wrong_pairs_is_exact_and_among_pairs_only(share, count):
    right, wrong = train(pairs=40), train(pairs=40, wrong=share)
    rows = {m: (by_id(right, m), by_id(wrong, m)) for m in ("image", "text")}
    moved = {i for i in rows["text"][0]
             if not np.array_equal(rows["text"][0][i], rows["text"][1][i])}
    assert len(moved) == count
    assert moved <= pairs_of(right) == pairs_of(wrong)
    assert all(np.array_equal(a, rows["image"][1][i]) for i, a in rows["image"][0].items())
    there = {rows["text"][0][i].tobytes() for i in moved}
    assert {rows["text"][1][i].tobytes() for i in moved} == there      # they exchange rows


def test_a_wrong_pair_has_the_label_of_its_first_or_of_its_labelled_modality():
    right = train(pairs=40)
    label = dict(zip([x.tobytes() for x in right["text"]], right.truth, strict=True))
    by_text = train(pairs=40, wrong=0.5, labels="text")
    for x, of in zip(by_text["text"], by_text.truth, strict=True):
        assert of == (label[x.tobytes()] if x.any() else NO_CLASS)
    np.testing.assert_array_equal(train(pairs=40, wrong=0.5).truth, right.truth)


def test_validation_is_under_the_same_supervision():
    bench = supervised(retrieval(), Supervision(20, labels="none", wrong=0.2))
    for run in (0, 3):
        part = bench.run(run)
        for one in (part, part.validation()):
            assert len(pairs_of(one["train"])) == 20
            assert one["train"].labels is None
            stated = one.protocol["supervision"]
            assert (stated["pairs"], stated["wrong_pairs"], stated["labels"]) == (20, 4, "none")
            assert one["query"].labels is not None
        assert pairs_of(part["train"]) == pairs_of(train(run, pairs=20))
    few = supervised(retrieval(), Supervision(60)).validation()
    assert few.protocol["supervision"]["pairs"] == 60


def test_validation_with_fewer_pairs_has_all_of_them():
    full = retrieval()
    inner = retrieval(1, False)
    small = Benchmark("inner", "retrieval", {**inner.splits, "train": inner["train"][:30]},
                      inner.classes)
    bench = Benchmark("outer", "retrieval", full.splits, full.classes, {}, lambda: small)
    assert supervised(bench, Supervision(50)).validation().protocol["supervision"]["pairs"] == 30


def test_the_split_id_stays_and_the_supervision_is_stated():
    full = retrieval()
    less = supervised(full, Supervision(20, unpaired=4, labels="text", wrong=0.5))
    assert less.protocol["split_id"] == full.protocol["split_id"]
    assert less.run(2).protocol["split_id"] == full.run(2).protocol["split_id"]
    assert less.protocol["supervision"] == {
        "pairs": 20, "wrong_pairs": 10, "unpaired": {"image": 4, "text": 4}, "labels": "text"}
    for split in ("query", "gallery"):
        np.testing.assert_array_equal(less[split]["text"], full[split]["text"])
        assert not less[split].present


def test_full_supervision_changes_nothing():
    full = retrieval()
    assert supervised(full, Supervision()) is full
    assert "supervision" not in full.protocol


def test_one_official_split_draws_other_pairs_on_every_run():
    full = retrieval()
    fixed = Benchmark("fixed", "retrieval", full.splits, full.classes, {"split_id": "one"})
    bench = supervised(fixed, Supervision(20))
    assert pairs_of(bench.run(0)["train"]) != pairs_of(bench.run(1)["train"])
    report = evaluate(CCA(), supervised(fixed, Supervision(3)), 2, tune=False)
    assert report.protocol["split_id"] == ["one", "one"]
    assert len(set(report.scores["mAP"]["runs"])) == 2


def test_a_supervised_benchmark_pickles():
    full = retrieval()
    bench = supervised(Benchmark("b", "retrieval", full.splits, full.classes), Supervision(20))
    again = pickle.loads(pickle.dumps(bench.resplit))
    assert pairs_of(again(1)["train"]) == pairs_of(bench.run(1)["train"])


@pytest.mark.parametrize(("given", "says"), [
    ({"pairs": 73}, "pairs: got 73, and the training part of 'pairs' has 72; give at most 72"),
    ({"labels": "audio"}, "labels: got 'audio'; choose none, one, both or the modality"),
    ({"pairs": 10, "wrong": 0.1}, "wrong: 0.1 of 10 pairs is one pair"),
    ({"pairs": 0, "unpaired": 0}, "leaves no training row")])
def test_what_cannot_be_is_one_sentence(given, says):
    with pytest.raises(ValueError, match=says):
        train(**given)


@pytest.mark.parametrize(("given", "says"), [
    ({"pairs": "many"}, "pairs: got 'many'; give a number from 0, or all."),
    ({"unpaired": "-1"}, "unpaired: got '-1'"), ({"wrong": "x"}, "wrong: got 'x'"),
    ({"wrong": "1.5"}, "wrong: got 1.5"), ({"wrong": "nan"}, "wrong: got nan")])
def test_words_of_the_command_line_are_checked(given, says):
    with pytest.raises(ValueError, match=says):
        Supervision.read(**given)


def test_words_of_the_command_line_are_read():
    assert Supervision.read("0", "all", "one", "0.25") == Supervision(0, None, "one", 0.25)
    assert Supervision.read() == Supervision()
    with pytest.raises(ValueError, match="pairs: got -1"):
        Supervision(-1)


def test_only_supervision_that_is_stated_takes_labels_away():
    full = retrieval()
    splits = {**full.splits, "train": full["train"].with_labels(None)}
    with pytest.raises(ValueError, match="unlabelled"):
        Benchmark("x", "retrieval", splits, full.classes)


# -- what models get -----------------------------------------------------------------------------
class _Kept(Chance):
    """Model that remembers its training samples."""

    def fit(self, X, y=None, *, classes=None, callbacks=()):
        super().fit(X, y, classes=classes)
        self.given_ = X
        return self


class _Semi(_Kept):
    handles_missing = handles_unlabelled = True


def test_a_model_gets_what_it_can_read():
    bench = supervised(retrieval(), Supervision(20, labels="one"))
    alone, both = (fit_on(kind(), bench, Retrieval()).given_ for kind in (_Kept, _Semi))
    assert set(alone.ids) == pairs_of(bench["train"])
    assert not any((~has).any() for has in alone.present.values())
    assert len(both) == 72
    assert (both.truth == NO_CLASS).sum() == 26
    labelled = readable(bench["train"], unpaired=True, unlabelled=False)
    assert (len(labelled), labelled.has("image").all()) == (46, True)


@pytest.mark.parametrize("model", [CCA(covariances="all", reg=0.1), Procrustes(covariances="all"),
                                   RidgeMap(), ASIF(), Committee()])
def test_closed_forms_learn_from_unlabelled_rows_what_needs_no_label(model):
    bench = supervised(retrieval(), Supervision(20, labels="one"))
    blind = supervised(retrieval(), Supervision(20, labels="none"))
    assert training_of(model, bench, Retrieval())[0].truth.min() == NO_CLASS
    semi, alone = (fit_on(clone(model), b, Retrieval()) for b in (bench, blind))
    for m in ("image", "text"):
        np.testing.assert_array_equal(semi.embed(bench["query"], m), alone.embed(bench["query"], m))


@pytest.mark.parametrize("model", [
    RidgeMap(pairs="class", whitening=1.0), CCA(pairs="class", whitening=1.0), ASIF(pairs="class"),
    Procrustes(pairs="class", n_components=4), Committee(pairs="class")])
def test_pairs_of_a_class_and_whitening_are_of_labelled_rows(model):
    bench = supervised(retrieval(), Supervision(20, labels="one"))
    labelled = bench["train"][has_class(bench["train"].truth)]
    semi = fit_on(clone(model), bench, Retrieval())
    alone = clone(model).fit(labelled, classes=bench.classes)
    for m in ("image", "text"):
        np.testing.assert_allclose(semi.embed(bench["query"], m), alone.embed(bench["query"], m),
                                   atol=1e-5)


def test_a_model_of_pairs_alone_says_that_there_are_none():
    with pytest.raises(ValueError, match="no training pair is left"):
        fit_on(Chance(), supervised(retrieval(), Supervision(0)), Retrieval())
    with pytest.raises(ValueError, match="no sample has both 'image' and 'text'"):
        fit_on(RidgeMap(), supervised(retrieval(), Supervision(0)), Retrieval())
    classes = fit_on(RidgeMap(pairs="class"), supervised(retrieval(), Supervision(0)), Retrieval())
    assert classes.coef_.any()


def test_pairs_alone_give_the_same_model_with_and_without_the_other_rows():
    few, alone = (supervised(retrieval(), Supervision(20, unpaired=n)) for n in (None, 0))
    a, b = (fit_on(RidgeMap(), bench, Retrieval()).coef_ for bench in (few, alone))
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_reports_under_different_supervision_do_not_compare(tmp_path):
    reports = {n: evaluate(RidgeMap(), supervised(retrieval(), Supervision(n)), 1, tune=False)
               for n in (20, 50)}
    full = evaluate(RidgeMap(), retrieval(), 1, tune=False)
    assert "supervision.pairs (20, 50)" in reports[20].differences(reports[50])
    with pytest.raises(ValueError, match=r"supervision\.pairs"):
        reports[20].comparable(full)
    assert "supervision.pairs 20" in str(reports[20])
    other = evaluate(_Kept(), supervised(retrieval(), Supervision(20)), 1, tune=False)
    assert reports[20].comparable(other)                   # what a model could read is its own
    assert (other.protocol["fitted_on"], reports[20].protocol["fitted_on"]) == (20, 72)
    assert Report.load(reports[20].save(tmp_path / "r.json")).protocol["supervision"]["pairs"] == 20


def test_binary_codes_are_learned_from_rows_that_are_there():
    bench = supervised(retrieval(), Supervision(20))
    assert "mAP_4bit" in evaluate(RidgeMap(), bench, 1, tune=False, task=Retrieval(bits=4)).scores
