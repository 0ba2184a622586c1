"""Classes that are added later: their calibration, and what is to be expected of them."""

import json

import numpy as np
import pytest
from shapes import picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data.splits import hold_out
from crossalign.data_options import DataOptions
from crossalign.metrics import SeenUnseenCurve, seen_unseen_curve
from crossalign.models import RidgeMap
from crossalign.space import build_space
from crossalign.space.left_out import Added, at, chosen_gamma, left_out
from crossalign.tasks import ZeroShot
from crossalign.types import Classes, Views


def pictures(classes=6, each=20, noise=0.5, seed=0):
    """Samples of classes whose side information a linear map shows."""
    rng = np.random.default_rng(seed)
    side = rng.normal(size=(classes, 8)).astype(np.float32)
    labels = np.repeat(np.arange(classes), each)
    rows = side[labels] @ rng.normal(size=(8, 16)) + noise * rng.normal(size=(len(labels), 16))
    return (Views({"image": rows.astype(np.float32)}, labels),
            Classes(side, np.ones(classes, dtype=bool), tuple("abcdefghijklmnop"[:classes])))


def test_shares_are_those_of_a_loop_over_the_classes():
    used, classes = pictures()
    found = left_out(RidgeMap(alpha=1.0), used, classes)
    held, told, others, before = hold_out(used.truth, 0.2, seed=0), [], [], []
    each, curves = [], []
    for out in range(6):
        seen = np.arange(6) != out
        known = Classes(classes.embeddings, seen, classes.names)
        train = used[np.flatnonzero((used.truth != out) & ~held)]
        head = ZeroShot(RidgeMap(alpha=1.0).fit(train, classes=known)).fit(train, known)
        each.append(head.decision_function(used))
        there, own = (used.truth != out) & held, used.truth == out
        curves.append(seen_unseen_curve(each[out][there], used.truth[there], each[out][own],
                                        used.truth[own], seen))
    for out, scores in enumerate(each):
        seen = np.arange(6) != out
        gamma = chosen_gamma([curve for other, curve in enumerate(curves) if other != out])
        answers = (scores - gamma * seen).argmax(axis=1)
        told.append(np.mean(answers[used.truth == out] == out))
        asked = (used.truth != out) & held
        right = answers[asked] == used.truth[asked]
        others.append(np.mean([right[used.truth[asked] == c].mean() for c in np.flatnonzero(seen)]))
        alone = np.where(seen, scores, -np.inf).argmax(axis=1)[asked] == used.truth[asked]
        before.append(np.mean([alone[used.truth[asked] == c].mean()
                               for c in np.flatnonzero(seen)]))
    assert sorted(found.told) == pytest.approx(sorted(told))
    assert found.others == pytest.approx(np.mean(others))
    assert found.before == pytest.approx(np.mean(before))
    assert 0.3 < np.mean(told) <= 1
    assert found.gamma == pytest.approx(chosen_gamma(curves))
    for curve in curves:
        assert at(curve, found.gamma)[1] >= 0.9 * curve.seen[0]


def test_a_curve_is_read_at_the_step_before():
    one = SeenUnseenCurve(np.array([-np.inf, 0.0, 2.0]), np.array([0, 0.5, 1]),
                          np.array([1, 0.7, 0]))
    assert [at(one, gamma) for gamma in (-9.0, 0.5, 2.0)] == [(0, 1), (0.5, 0.7), (1, 0)]


def test_the_gamma_is_the_best_that_leaves_the_others_enough_beside_every_class():
    rng = np.random.default_rng(3)
    curves = [SeenUnseenCurve(np.r_[-np.inf, np.sort(rng.normal(size=20))],
                              np.linspace(0, 1, 21), np.linspace(0.8, 0, 21)**power)
              for power in (0.5, 1, 2)]

    def harmonic(gamma):
        u, s = np.mean([at(curve, gamma) for curve in curves], axis=0)
        return 2 * u * s / (u + s)

    def fair(gamma):
        return all(at(curve, gamma)[1] >= 0.9 * curve.seen[0] for curve in curves)

    steps = [gamma for gamma in np.linspace(-4, 4, 4001) if fair(gamma)]
    found = chosen_gamma(curves)
    assert fair(found)
    assert harmonic(found) == pytest.approx(max(map(harmonic, steps)))
    assert harmonic(found) < max(map(harmonic, np.linspace(-4, 4, 4001)))


def test_where_no_class_is_told_the_others_keep_their_share_all_the_same():
    curve = SeenUnseenCurve(np.array([-np.inf, -5.0, -3.0]), np.array([0, 0, 1.0]),
                            np.array([1.0, 0.95, 0]))
    assert at(curve, chosen_gamma([curve])) == (0, 0.95)
    assert at(curve, 0.0) == (1, 0)


def test_what_cannot_be_left_out_gives_no_estimate_and_time_ends_it():
    used, classes = pictures(2)
    assert left_out(RidgeMap(), used, classes) is None
    used, classes = pictures(6, each=1)
    assert left_out(RidgeMap(), used, classes) is None
    used, classes = pictures(5)
    bare = Classes(np.zeros((5, 0), np.float32), np.ones(5, dtype=bool), classes.names)
    assert left_out(RidgeMap(), used, bare) is None
    assert len(left_out(RidgeMap(), used, classes, seconds=0.0).told) == 3
    assert len(left_out(RidgeMap(), *pictures(14)).told) == 10


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
    space = ca.Space.open(tmp_path / "space")
    assert space.fitted.recogniser.gamma == space.added.gamma
    shapes = ("square", "disc", "bar", "ring", "frame")
    answers = [space.recognise([picture(shape, n) for n in range(60, 70)], k=1) for shape in shapes]
    right = np.mean([[answer.names[0] == shape for answer in of]
                     for shape, of in zip(shapes, answers, strict=True)])
    assert right > 0.7                               # .56 where two classes had to calibrate five
