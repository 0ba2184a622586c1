"""Every head scores as an oracle does, and a new head is one file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from scipy.stats import multivariate_normal
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

import crossalign
from crossalign import heads
from crossalign.heads.fused import Fused
from crossalign.models import ESZSL, GFZSL, RidgeMap
from crossalign.tasks import ZeroShot
from crossalign.types import Classes, Views

RNG = np.random.default_rng(0)
SIDE = RNG.normal(size=(6, 5)).astype(np.float32)
CLASSES = Classes(SIDE, np.arange(6) < 4)
LABELS = np.repeat(np.arange(4), 20)
TRAIN = Views({"image": (SIDE[LABELS] @ RNG.normal(size=(5, 9))
                         + 0.3 * RNG.normal(size=(80, 9))).astype(np.float32)}, LABELS)
ROWS = RNG.normal(size=(7, 9)).astype(np.float32)
ALIGNER = RidgeMap().fit(TRAIN, classes=CLASSES)

MINE = '''
"""The nearest training sample of a class, or its side information where there is none."""

from types import MappingProxyType

import numpy as np

from crossalign.heads.base import Head, codes_of, read_through

__all__ = ["Nearest"]


class Nearest(Head):
    """Largest inner product with the training samples of a class."""

    learned = MappingProxyType({"codes_": np.ndarray, "owners_": np.ndarray, "n_": int})
    _parameter_constraints = {"sharpness": ["boolean", float]}

    def __init__(self, sharpness=1.0):
        self.sharpness = sharpness

    def reads_samples(self, classes):
        return True

    def learn(self, model, train, classes, views):
        unseen = np.flatnonzero(classes.unseen)
        self.codes_ = np.concatenate([codes_of(model, *read_through(train, views)),
                                      model.embed_classes(classes.embeddings[unseen])])
        self.owners_, self.n_ = np.concatenate([train.truth, unseen]), len(classes)

    def scores(self, model, rows, views):
        inner = codes_of(model, rows, views) @ self.codes_.T
        return self.sharpness * np.stack(
            [inner[:, self.owners_ == c].max(axis=1) for c in range(self.n_)], axis=1)
'''
USE = '''
import numpy as np
from crossalign import heads, load, models
from crossalign.tasks import ZeroShot
bench = load("glyphs")
model = models.RidgeMap().fit(bench["train"], classes=bench.classes)
task = ZeroShot(model, head="nearest", head__sharpness=2.0).fit(bench["train"], bench.classes)
rows = bench["test_unseen"][:9]
task.save("saved")
again = ZeroShot.load("saved")
np.testing.assert_array_equal(again.decision_function(rows), task.decision_function(rows))
assert again.get_params()["head__sharpness"] == 2.0
print("nearest" in heads.names())
'''


def fitted(head, model=ALIGNER, **params):
    return ZeroShot(model, head, **params).fit(TRAIN, CLASSES)


def test_a_head_is_one_file(tmp_path):
    place = tmp_path / "crossalign"
    shutil.copytree(Path(crossalign.__file__).parent, place,
                    ignore=shutil.ignore_patterns("__pycache__"))
    (place / "heads" / "nearest.py").write_text(MINE)
    ran = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False)
    assert ran.stdout == "True\n", ran.stderr


def test_heads_are_named_as_their_files():
    for cls in map(heads.__getattr__, heads.__all__):
        assert heads.get(cls.name) is cls
        assert cls() == cls.name
    with pytest.raises(ValueError, match=r"head: there is no 'sofmax'; did you mean 'softmax'\?"):
        heads.get("sofmax")


def test_gaussian_is_a_normal_density_around_regressed_means():
    task = fitted("gaussian", head__scaling="none", head__ridge=0.1, head__shrinkage=0.5)
    codes = np.asarray(ALIGNER.project(TRAIN, "image"), dtype=np.float64)
    means = np.stack([codes[c == LABELS].mean(axis=0) for c in range(4)])
    within = np.cov((codes - means[LABELS]).T, bias=True)
    cov = 0.5 * within + 0.5 * np.trace(within) / len(within) * np.eye(len(within))
    unit = SIDE / np.linalg.norm(SIDE, axis=1, keepdims=True)
    kernel = np.exp(-((unit[:, None] - unit[None, :4])**2).sum(axis=2))
    regressed = means.mean(axis=0) + kernel @ np.linalg.solve(
        kernel[:4] + 0.1 * np.eye(4), means - means.mean(axis=0))
    centres = np.concatenate([means, regressed[4:]])
    rows = np.asarray(task.model.project(ROWS, "image"), dtype=np.float64)
    logs = np.stack([multivariate_normal(c, cov).logpdf(rows) for c in centres], axis=1)
    scores = task.decision_function(ROWS)
    np.testing.assert_allclose(scores - scores[:, :1], logs - logs[:, :1], rtol=1e-3, atol=1e-3)


def test_code_has_the_means_of_gaussian_and_the_models_codes_for_unseen_classes():
    own, code = fitted("gaussian").head_.gaussians_, fitted("code").head_.gaussians_
    np.testing.assert_array_equal(code.means_[:4], own.means_[:4])
    np.testing.assert_allclose(code.means_[4:], ALIGNER.embed_classes(SIDE[4:]), atol=1e-6)
    assert not np.allclose(code.means_[4:], own.means_[4:])


def without(keep, width=0.25, ridge=0.002, landmarks=None):
    """Predict side information of all rows by scikit-learn, from some of the training rows."""
    x, rows = (unit.astype(np.float64) / np.linalg.norm(unit, axis=1, keepdims=True)
               for unit in (TRAIN["image"], ROWS))
    apart = ((x[:, None] - x[None])**2).sum(axis=2).mean()
    mean, y = SIDE[LABELS].astype(np.float64).mean(axis=0), SIDE[LABELS].astype(np.float64)
    if landmarks is None:
        lift = KernelRidge(alpha=ridge, kernel="rbf", gamma=width / apart)
        return mean + lift.fit(x[keep], y[keep] - mean).predict(np.concatenate([x, rows]))
    lift = Nystroem(gamma=width / apart, n_components=len(landmarks)).fit(x[landmarks])
    ridged = Ridge(alpha=ridge, fit_intercept=False).fit(lift.transform(x[keep]), y[keep] - mean)
    return mean + ridged.predict(lift.transform(np.concatenate([x, rows])))


@pytest.mark.parametrize("landmarks", [None, np.linspace(0, 79, 30).round().astype(int)],
                         ids=["whole kernel", "landmarks"])
def test_attributes_is_a_normal_density_of_what_kernel_ridge_predicts(landmarks):
    found = without(np.arange(80), landmarks=landmarks)
    left_out = [without(np.flatnonzero(c != LABELS), landmarks=landmarks)[:80] for c in range(4)]
    errors = np.concatenate([SIDE[c] - left_out[c][c == LABELS] for c in range(4)])
    covariance = errors.T @ errors / 80
    covariance = 0.9 * covariance + 0.1 * np.trace(covariance) / 5 * np.eye(5)
    logs = np.stack([multivariate_normal(a, covariance).logpdf(found[80:]) for a in SIDE], axis=1)
    task = fitted("attributes", head__landmarks=80 if landmarks is None else 30)
    scores = task.decision_function(ROWS)
    np.testing.assert_allclose(task.head_.predict(ROWS, "image"), found[80:], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(scores - scores[:, :1], logs - logs[:, :1], rtol=2e-3, atol=2e-3)


def test_attributes_needs_side_information():
    bare = Classes(SIDE[:, :0], np.arange(6) < 4)
    model = RidgeMap().fit(TRAIN, classes=CLASSES)
    complaint(lambda: ZeroShot(model, "attributes").fit(TRAIN, bare), "classes: ", "Attributes")


def test_inputs_is_gfzsl_and_classifier_the_model_itself():
    own = GFZSL().fit(TRAIN, classes=CLASSES)
    np.testing.assert_array_equal(fitted("inputs").decision_function(ROWS),
                                  own.decision_function(ROWS))
    eszsl = ESZSL().fit(TRAIN, classes=CLASSES)
    for head in ("auto", "classifier"):
        np.testing.assert_array_equal(fitted(head, eszsl).decision_function(ROWS),
                                      eszsl.decision_function(ROWS, classes=CLASSES))
    np.testing.assert_array_equal(fitted("inputs", eszsl).decision_function(ROWS),
                                  own.decision_function(ROWS))


def test_fused_adds_what_the_others_say():
    parts = [fitted(h).decision_function(ROWS)
             for h in ("inputs", "gaussian", "prototype", "attributes")]
    standard = [(p - p.mean(axis=1, keepdims=True)) / p.std(axis=1, keepdims=True) for p in parts]
    found = fitted("fused", head__weights=(1.0, 0.0, 2.0)).decision_function(ROWS)
    np.testing.assert_allclose(found, standard[0] + 2 * standard[2], atol=1e-5)
    found = fitted("fused", head__weights=(1.0, 0.0, 2.0, 3.0))
    np.testing.assert_allclose(found.decision_function(ROWS),
                               standard[0] + 2 * standard[2] + 3 * standard[3], atol=1e-5)


@pytest.mark.parametrize(("head", "model", "words"), [
    ("prototype", ESZSL(), "needs an aligner"), ("classifier", ALIGNER, "by itself"),
    ("softmax", ALIGNER, "draws no codes")])
def test_a_head_that_a_model_cannot_have_is_refused(head, model, words):
    model = model if model is ALIGNER else model.fit(TRAIN, classes=CLASSES)
    complaint(lambda: fitted(head, model), "head: ", words)


@pytest.mark.parametrize("labels", [
    ["a", "b", "c", "d"], [10, 7, 2**60, 3], [1.5, 2.5, 0.5, 3.25]], ids=["text", "large", "float"])
def test_labels_come_back_as_they_were_given(labels):
    names = [*labels, *(["e", "f"] if labels[0] == "a" else [99, 100])]
    side = dict(zip(names, SIDE, strict=True))
    y = [labels[c] for c in LABELS]
    model = RidgeMap().fit(TRAIN["image"], y, classes=side)
    task = ZeroShot(model).fit(TRAIN["image"], side, y)
    found = task.predict(ROWS)
    assert set(found.tolist()) <= set(names)
    expected = ZeroShot(ALIGNER).fit(TRAIN, CLASSES).predict(ROWS)
    assert found.tolist() == [names[c] for c in expected]
    right = float(np.mean(task.predict(TRAIN["image"]) == np.array(y)))
    assert task.score(TRAIN["image"], y) == right
    complaint(lambda: task.score(TRAIN["image"]), "y: got None")


def test_score_of_views_is_the_share_that_is_right():
    task = ZeroShot(ALIGNER).fit(TRAIN, CLASSES)
    assert task.score(TRAIN) == np.mean(task.predict(TRAIN) == LABELS)


@pytest.mark.parametrize("head", ["prototype", "gaussian", "code", "inputs", "attributes", "fused"])
def test_further_classes_are_scored_as_if_they_had_been_there_from_the_start(head):
    some = CLASSES.take(np.arange(5))
    task = ZeroShot(ALIGNER, head).fit(TRAIN, some)
    before = task.decision_function(ROWS)
    task.add_classes(Classes(SIDE[5:], [False], ("5",)))
    whole = fitted(head).decision_function(ROWS)
    np.testing.assert_allclose(task.decision_function(ROWS), whole, atol=1e-4)
    assert before.shape == (7, 5)
    assert task.classes_.names == CLASSES.names


@pytest.mark.parametrize("model", [ESZSL(), GFZSL()])
def test_a_model_that_scores_by_itself_takes_further_classes(model):
    model.fit(TRAIN, classes=CLASSES)
    task = ZeroShot(model).fit(TRAIN, CLASSES.take(np.arange(5)))
    task.add_classes(Classes(SIDE[5:], [False], ("5",)))
    np.testing.assert_allclose(task.decision_function(ROWS),
                               fitted("classifier", model).decision_function(ROWS), atol=1e-5)


@pytest.mark.parametrize("weights", [
    (0, 0, 0), (1,), (-1, 1, 1), (float("nan"), 1, 1), "abc", None])
def test_weights_that_no_head_can_have_are_a_sentence_of_a_head_by_itself_too(weights):
    with pytest.raises(ValueError, match="head__weights: got"):
        ZeroShot(ALIGNER, head=Fused(weights)).fit(TRAIN, CLASSES)
