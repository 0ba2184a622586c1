"""Classes that are added later: their calibration, and what is to be expected of them."""

import json

import numpy as np
import pytest
from shapes import picture, picture_folder
from sklearn.base import clone
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.models import RidgeMap
from crossalign.space import build_space
from crossalign.space import left_out as module
from crossalign.space.bounds import lifts
from crossalign.space.expectations import Added
from crossalign.space.left_out import left_out
from crossalign.space.recognition import Recognition
from crossalign.tasks import Fitted, ZeroShot
from crossalign.tasks.store import load_fitted
from crossalign.types import Classes, Views


def pictures(classes=6, each=20, noise=0.5, seed=0):
    """Samples of classes whose side information a linear map shows."""
    rng = np.random.default_rng(seed)
    side = rng.normal(size=(classes, 8)).astype(np.float32)
    labels = np.repeat(np.arange(classes), each)
    rows = side[labels] @ rng.normal(size=(8, 16)) + noise * rng.normal(size=(len(labels), 16))
    return (Views({"image": rows.astype(np.float32)}, labels),
            Classes(side, np.ones(classes, dtype=bool), tuple("abcdefghijklmnop"[:classes])))


def found_by_hand(model, used, classes):
    """The same by loops: folds and groups are the file's own, scores and counts are not."""
    labels = used.truth
    groups = module._groups(np.unique(labels), len(used))
    fold = module._folds(labels, groups)
    heads, known = [], []
    for k, out in enumerate(groups):
        seen = ~np.isin(np.arange(len(classes)), out)
        told = Classes(classes.embeddings, seen, classes.names)
        train = used[np.flatnonzero((fold != k) & seen[labels])]
        heads.append(ZeroShot(clone(model).fit(train, classes=told)).fit(train, told))
        known.append(seen)
    best, right = np.empty(len(used)), np.empty(len(used), dtype=bool)
    for i, k in enumerate(fold.tolist()):
        scores = np.where(known[k], heads[k].decision_function(used[[i]])[0], -np.inf)
        best[i], right[i] = scores.max(), scores.argmax() == labels[i]
    return groups, fold, heads, known, best, right


def test_what_is_kept_was_scored_by_fits_without_it():
    used, classes = pictures(classes=12)
    found = left_out(RidgeMap(alpha=1.0), used, classes)
    groups, fold, _, _, best, right = found_by_hand(RidgeMap(alpha=1.0), used, classes)
    assert [len(out) for out in groups] == [2] * 5
    assert len(np.unique(np.concatenate(groups))) == 10
    for k, out in enumerate(groups):
        assert not (np.isin(used.truth, out) & (fold == k)).any()
    assert len(found.rows) == len(used) == 240
    np.testing.assert_allclose(found.best, best, rtol=1e-6)         # float32
    np.testing.assert_array_equal(found.weights > 0, right)
    np.testing.assert_allclose(found.weights[right], 1 / 20)


def test_expectations_are_those_of_a_loop_over_the_classes():
    used, classes = pictures(classes=6)
    labels = used.truth
    found = left_out(RidgeMap(alpha=1.0), used, classes)
    groups, fold, heads, known, _, _ = found_by_hand(RidgeMap(alpha=1.0), used, classes)
    told, others, before = [], [], []
    for k, (new,) in enumerate(groups):
        scores = heads[k].decision_function(used)
        without = np.stack([np.where(known[f] & (np.arange(6) != new),
                                     heads[f].decision_function(used[[i]])[0], -np.inf)
                            for i, f in enumerate(fold)])
        part = (fold != k) & (labels != new)
        hits = (without.argmax(axis=1) == labels)[part] / np.bincount(labels[part])[labels[part]]
        lift = lifts((without.max(axis=1) - scores[:, new])[part][:, None], hits, 1 - found.share)
        scores[:, new] += lift
        told.append(np.mean(scores[labels == new].argmax(axis=1) == new))
        held = fold == k
        each = [[np.mean(of[held & (labels == c)].argmax(axis=1) == c)
                 for c in np.unique(labels[held])] for of in
                (scores, np.where(known[k], scores, -np.inf))]
        others.append(np.mean(each[0]))
        before.append(np.mean(each[1]))
    assert found.added.told == pytest.approx(told)
    assert found.added.others == pytest.approx(np.mean(others))
    assert found.added.before == pytest.approx(np.mean(before))
    assert np.mean(others) >= 0.9 * np.mean(before)
    assert 0 <= found.share <= 0.1
    assert np.mean(told) > 0.5


def test_it_is_the_same_on_every_machine_and_bounded():
    used, classes = pictures(14, each=6)
    again = left_out(RidgeMap(), *pictures(14, each=6))
    found = left_out(RidgeMap(), used, classes)
    assert found.setting() == again.setting()
    assert len(found.added.told) == 10
    assert [len(of) for of in module._groups(np.arange(14), 84)] == [2] * 5
    assert [len(of) for of in module._groups(np.arange(200), 50_000)] == [4, 4, 2]
    assert [len(of) for of in module._groups(np.arange(5), 10**6)] == [1, 1, 1]
    assert len(left_out(RidgeMap(), *pictures(14, each=30)).rows) == 256


def test_what_cannot_be_left_out_gives_no_estimate():
    used, classes = pictures(2)
    assert left_out(RidgeMap(), used, classes) is None
    used, classes = pictures(6, each=1)
    assert left_out(RidgeMap(), used, classes) is None
    used, classes = pictures(5)
    bare = Classes(np.zeros((5, 0), np.float32), np.ones(5, dtype=bool), classes.names)
    assert left_out(RidgeMap(), used, bare) is None
    assert len(left_out(RidgeMap(), *pictures(3, each=2)).added.told) == 3


def recogniser_of(used, classes):
    return ZeroShot(RidgeMap().fit(used, classes=classes)).fit(used, classes)


def test_an_added_class_is_lifted_by_the_sample_and_a_saved_space_knows_it(tmp_path):
    used, classes = pictures(8)
    known = Classes(classes.embeddings[:6], np.ones(6, dtype=bool), classes.names[:6])
    rows = np.flatnonzero(used.truth < 6)
    kept = left_out(RidgeMap(), used[rows], known)
    recogniser = recogniser_of(used[rows], known)
    sample = used[rows][kept.rows]["image"]
    space = Recognition(Fitted(recogniser.model, "gzsl", recogniser,
                               {"beside": kept.setting()}), sample)
    assert not hasattr(recogniser, "lift_")
    for place, name in ((6, "g"), (7, "h")):
        space.take_class(name, classes.embeddings[[place]])
        new = recogniser.decision_function(sample)[:, 6:]
        by_hand = lifts(kept.best[:, None] - new, kept.weights, 1 - kept.share)
        np.testing.assert_allclose(recogniser.lift_, [0] * 6 + by_hand.tolist())
    space.fitted.save(tmp_path / "fitted")
    again = load_fitted(tmp_path / "fitted")
    np.testing.assert_array_equal(again.predict(used), recogniser.predict(used))
    raw = recogniser.decision_function(used)
    assert (recogniser.predict(used) == (raw + recogniser.lift_).argmax(axis=1)).all()
    assert np.mean(recogniser.predict(used[np.flatnonzero(used.truth == 6)]) == 6) > 0.5


def test_a_space_of_few_classes_still_knows_them_beside_an_added_one(tmp_path):
    (tmp_path / "shapes").mkdir()
    folder = picture_folder(tmp_path / "shapes")
    for shape in ("post", "wedge", "cross"):
        for file in (folder / shape).iterdir():
            file.unlink()
        (folder / shape).rmdir()
    space = build_space(DataOptions(data=str(folder)), tmp_path / "space", models=["ridge_map"],
                        log=str)
    card = json.loads((tmp_path / "space" / "space.json").read_text())["card"]["added"]
    assert space.added == Added(**card)
    assert len(space.added.told) == 5
    space.close()
    said = CliRunner().invoke(app, ["add-class", str(tmp_path / "space"), "cross"]).output
    assert said.splitlines()[0] == "cross added, 6 classes"
    assert said.splitlines()[1].endswith(str(space.added))
    assert "of 5 classes that were left out" in said
    again = CliRunner().invoke(app, ["add-class", str(tmp_path / "space"), "wedge"]).output
    assert again.splitlines()[-1] == ("all 2 classes that are known by a text share what the "
                                      "others give up, so that fewer of each are told")
    space = ca.Space.open(tmp_path / "space")
    assert space.fitted.recogniser.lift_[-2:].all()
    shapes = ("square", "disc", "bar", "ring", "frame")
    answers = [space.recognise([picture(shape, n) for n in range(60, 70)], k=1) for shape in shapes]
    right = np.mean([[answer.names[0] == shape for answer in of]
                     for shape, of in zip(shapes, answers, strict=True)])
    assert right > 0.7                               # .56 where two classes had to calibrate five
