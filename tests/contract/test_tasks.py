"""Arguments of the wrong type end in one sentence, whatever the task."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from complaints import complaint
from sklearn.base import clone

from crossalign import Classes, Views, models
from crossalign.tasks import (
    Adaptation,
    Answerer,
    Conformal,
    FewShot,
    Rejection,
    Retriever,
    Transfer,
    ZeroShot,
)
from crossalign.tasks.fitted import Fitted

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 10)
TRAIN = Views({"image": RNG.standard_normal((30, 6)), "text": RNG.standard_normal((30, 4))}, LABELS)
CLASSES = Classes(RNG.standard_normal((4, 5)), [1, 1, 1, 0])
ALIGNER = models.CCA(n_components=3).fit(TRAIN)
RIDGE = models.RidgeMap(alpha=1.0).fit(TRAIN.select("image"), classes=CLASSES)
HEAD = ZeroShot(RIDGE).fit(TRAIN, CLASSES)

MAKE = {
    ZeroShot: lambda **given: ZeroShot(**{"model": RIDGE, **given}),
    FewShot: lambda **given: FewShot(**{"model": RIDGE, **given}),
    Rejection: lambda **given: Rejection(**{"head": HEAD, **given}),
    Conformal: lambda **given: Conformal(**{"head": HEAD, **given}),
    Retriever: lambda **given: Retriever(**{"model": ALIGNER, **given}),
    Transfer: lambda **given: Transfer(**given).fit(TRAIN, TRAIN, "image", "text", 3),
    Answerer: lambda **given: Answerer(**{"model": RIDGE, **given}),
    Adaptation: lambda **given: Adaptation(**{"epochs": 1, **given}).fit(
        TRAIN.select("image"), TRAIN.select("image")),
}
"""How each task comes to look at its arguments."""

ODD = ("1", b"x", object(), [[1], [2, 3]], {"a": 1}, dict, np.ones((2, 2)), float("nan"), lambda: 0)
ARGUMENTS = [(task, name) for task in MAKE for name in inspect.signature(task).parameters
             if name != "nested"]


@pytest.mark.parametrize(("task", "name"), ARGUMENTS, ids=lambda v: getattr(v, "__name__", v))
def test_a_constructor_argument_of_no_sense_is_named_in_a_sentence(task, name):
    for value in ODD:
        assert complaint(lambda value=value: MAKE[task](**{name: value}), "give") \
            .startswith(f"{name}: got ")


@pytest.mark.parametrize("task", MAKE, ids=lambda task: task.__name__)
def test_the_constructions_are_fine_otherwise(task):
    MAKE[task]()


def test_infinite_numbers_are_numbers_where_they_mean_something():
    assert set(ZeroShot(RIDGE, gamma=np.inf).fit(TRAIN, CLASSES).predict(TRAIN)) == {3}
    assert (Rejection(HEAD, threshold=np.inf).predict(TRAIN) == -1).all()
    assert (Rejection(HEAD, threshold=-np.inf).predict(TRAIN) != -1).all()


def test_a_coverage_is_a_share_that_can_be_promised():
    limits = [float(n) for n in range(50)]
    sets = Conformal(HEAD, seen=limits, unseen=limits)
    for coverage in ("0.9", [0.9], True, 1.5, -0.1, 0, 1.0):
        complaint(lambda coverage=coverage: sets.predict_set(TRAIN, coverage), "coverage: got")
    complaint(lambda: Conformal(HEAD).predict_set(TRAIN), "call fit(validation) first")
    complaint(lambda: Conformal(HEAD).fit(TRAIN), "validation: none", "unseen class")
    complaint(lambda: Fitted(RIDGE, "gzsl", HEAD).predict_set(TRAIN), "coverage: validation chose")


def test_retriever_wants_one_identifier_per_row():
    for ids in (3, "abc", [[1, 2], [3, 4], [5, 6]], [[1], [2, 3], [4]], [1, 2], {1, 2, 3}, [],
                np.zeros((3, 2)), iter([1, 2, 3])):
        task = Retriever(ALIGNER)
        complaint(lambda ids=ids, task=task: task.add(TRAIN[:3], "text", ids=ids), "ids: ", "give")
        assert len(task.index_) == 0
    for ids in (["a", None, "b"], [1.0, np.nan, 2.0]):
        complaint(lambda ids=ids: Retriever(ALIGNER).add(TRAIN[:3], "text", ids=ids),
                  "ids: missing in row 1")


def test_retriever_refuses_an_identifier_given_twice():
    task = Retriever(ALIGNER)
    complaint(lambda: task.add(TRAIN[:4], "text", ids=["c", "a", "b", "a"]), "ids: 'a' stands",
              "2 times", "its own")
    assert len(task.index_) == 0
    assert len(task.add(TRAIN[[0, 1, 1]], "text").index_) == 3     # a selection may repeat a row


def test_retriever_keeps_identifiers_as_they_were_given():
    task = Retriever(ALIGNER).add(TRAIN[:3], "text", ids=["a", 7, 2**70])
    assert task.ids_.tolist() == ["a", 7, 2**70]


@pytest.mark.parametrize("wish", ["coverage", "risk", "false_alarms"])
def test_wishes_are_shares(wish):
    for value in ("0.9", [0.9], True, 1.5, -0.1):
        complaint(lambda value=value: Rejection(HEAD).fit(TRAIN, **{wish: value}), f"{wish}: got")


def test_transfer_counts_classes_in_whole_numbers():
    for count in ("3", 3.5, None, 0, [3]):
        complaint(lambda count=count: Transfer().fit(TRAIN, TRAIN, "image", "text", count),
                  "n_classes: got")


@pytest.mark.parametrize("model", [models.ESZSL(), models.GFZSL()], ids=lambda m: m.cli_name)
def test_a_classifier_scores_the_classes_it_is_given_and_not_those_of_training(model):
    side = np.eye(4)
    train = Views({"image": 5 * side[LABELS] + 0.1 * RNG.standard_normal((30, 4))}, LABELS)
    known = Classes(side, [1, 1, 1, 0])
    model.fit(train, classes=known)
    right = ZeroShot(model).fit(train, known).decision_function(train)
    turned = ZeroShot(model).fit(train, known.take([3, 2, 1, 0]))
    assert (turned.predict(train) == 3 - LABELS).all()
    np.testing.assert_allclose(turned.decision_function(train)[:, ::-1], right, atol=1e-9)
    others = Classes(RNG.standard_normal((4, 4)), [0, 0, 0, 0])
    assert np.abs(ZeroShot(model).fit(train, others).decision_function(train) - right).max() > 0.1
    complaint(lambda: ZeroShot(model).fit(train, Classes(np.eye(5), [0] * 5)), "give (C, 4)")


@pytest.mark.parametrize("head", ["prototype", "gaussian", "softmax", "fused"])
def test_heads_of_codes_need_an_aligner(head):
    model = models.ESZSL().fit(TRAIN.select("image"), classes=CLASSES)
    complaint(lambda: ZeroShot(model, head).fit(TRAIN, CLASSES), f"head: {head!r} needs an aligner")


@pytest.mark.parametrize("path", [None, 3, "a\0b"])
def test_folders_are_paths(path):
    for call in (ALIGNER.save, models.CCA.load, HEAD.save, ZeroShot.load):
        complaint(lambda call=call: call(path), "folder: got ")


def test_transfer_goes_from_one_modality_to_another():
    complaint(lambda: Transfer().fit(TRAIN, TRAIN, "image", "image", 3), "target: got 'image'")


def test_tasks_take_arrays_frames_and_dicts_as_models_do():
    rows, side = TRAIN["image"], {f"c{c}": row for c, row in enumerate(CLASSES.embeddings)}
    right = ZeroShot(RIDGE).fit(TRAIN, CLASSES).predict(TRAIN)
    assert (ZeroShot(RIDGE).fit(rows, side).predict({"image": rows})
            == [f"c{c}" for c in right]).all()
    found = FewShot(RIDGE).fit(TRAIN, side)
    assert found.classes_.seen.tolist() == [True, True, True, False]
    added = ZeroShot(RIDGE).fit(TRAIN, CLASSES).add_classes({"z": CLASSES.embeddings[0]})
    assert added.classes_.names[-1] == "z"
    assert not added.classes_.seen[-1]
    hits = Retriever(ALIGNER).add({"text": TRAIN["text"]}, "text").search({"image": rows}, "image")
    assert hits.indices.shape == (30, 10)


@pytest.mark.parametrize("odd", [None, 3, "x", object(), [TRAIN], CLASSES],
                         ids=lambda v: type(v).__name__)
def test_what_is_neither_samples_nor_classes_is_named_in_a_sentence(odd):
    few, filled = FewShot(RIDGE).fit(TRAIN, CLASSES), Retriever(ALIGNER).add(TRAIN, "text")
    for call in (lambda: ZeroShot(RIDGE).fit(odd, CLASSES),
                 lambda: FewShot(RIDGE).fit(odd, CLASSES),
                 lambda: Transfer().fit(TRAIN, odd, "image", "text", 3),
                 lambda: Adaptation(epochs=1).fit(odd, TRAIN), lambda: HEAD.predict(odd),
                 lambda: filled.add(odd, "text"), lambda: filled.search(odd, "image"),
                 lambda: Retriever(ALIGNER, bits=2).fit(odd)):
        complaint(call, ": got ", "give Views")
    if odd is not None:
        complaint(lambda: few.fit_few_shot(odd), "support: got ", "give Views")
    if not isinstance(odd, Classes):
        for call in (lambda: ZeroShot(RIDGE).fit(TRAIN, odd),
                     lambda: FewShot(RIDGE).fit(TRAIN, odd),
                     lambda: ZeroShot(RIDGE, "prototype").fit(TRAIN, CLASSES).add_classes(odd)):
            complaint(call, "classes: got ", "give Classes")
    complaint(lambda: filled.search(TRAIN, "smell"), "'smell' is not among")


def test_a_task_that_is_not_prepared_says_so():
    bare = ZeroShot(RIDGE)
    for call in (lambda: bare.predict(TRAIN), lambda: bare.add_classes(CLASSES),
                 lambda: FewShot(RIDGE).fit_few_shot(TRAIN), lambda: FewShot(RIDGE).encode(TRAIN),
                 lambda: Rejection(bare).fit([TRAIN], coverage=0.9)):
        complaint(call, "not prepared")
    complaint(lambda: Rejection(HEAD).fit([], coverage=0.9), "validation: got []")


def test_a_fitted_model_without_settings_is_cloned():
    fitted = Fitted(models.RidgeMap(alpha=3.0), "gzsl")
    again = clone(fitted)
    assert again.model.alpha == 3.0
    assert again.task == "gzsl"
    for name in ("settings", "protocol", "source", "options"):
        assert getattr(again, name) == getattr(fitted, name) == {}
