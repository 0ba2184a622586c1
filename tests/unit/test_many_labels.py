"""Several classes a sample: loaded, split without leaks, trained on and scored."""

from __future__ import annotations

import numpy as np
import pytest
from complaints import complaint
from sklearn.metrics import average_precision_score

from crossalign import data, metrics, models
from crossalign.evaluation import evaluate
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.types import Views

RNG = np.random.default_rng(0)
N, C = 160, 8
CENTRES = RNG.normal(size=(C, 5))
LABELS = np.eye(C, dtype=bool)[np.arange(N) % C]
LABELS[::2] |= np.eye(C, dtype=bool)[RNG.integers(C, size=N)][::2]
LATENT = LABELS @ CENTRES + .2 * RNG.normal(size=(N, 5))
IMAGE, TEXT = LATENT @ RNG.normal(size=(5, 6)), LATENT @ RNG.normal(size=(5, 7))
NAMES = np.array([f"tag {c}" for c in range(C)])


# -- metrics -----------------------------------------------------------------------------------
def problem(q=25, g=60, width=5, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(q, g)).round(1)
    labels = [rng.random((n, width)) < .3 for n in (q, g)]
    labels[1][:3] = False                       # items of no class answer nothing
    labels[0] |= np.eye(width, dtype=bool)[rng.integers(width, size=q)]
    return scores, *labels, (labels[0].astype(int) @ labels[1].T.astype(int)) > 0


def naive_precision_at(scores, relevant, k, orders=400):
    rng = np.random.default_rng(0)
    values = []
    for row, hits in zip(scores, relevant, strict=True):
        if hits.any():
            draws = [hits[np.lexsort((rng.random(len(row)), -row))[:k]].mean()
                     for _ in range(orders)]
            values.append(np.mean(draws))
    return np.mean(values)


def test_relevance_is_a_class_in_common():
    _, q, g, relevant = problem()
    found = Relevance(q, g)
    np.testing.assert_array_equal([found.row(c) > 0 for c in found.codes], relevant)
    np.testing.assert_array_equal(found.counts(), relevant.sum(axis=1))
    own = Relevance(g, g).counts(exclude_self=True)
    shared = (g.astype(int) @ g.T.astype(int)) > 0
    np.testing.assert_array_equal(own, shared.sum(axis=1) - np.diag(shared))


@pytest.mark.parametrize("dtype", [bool, int, float, np.uint8])
def test_average_precision_is_that_of_scikit_learn(dtype):
    scores, q, g, relevant = problem()
    scores = scores + np.random.default_rng(1).random(scores.shape) * 1e-3    # no ties
    got = metrics.average_precisions(scores, q.astype(dtype), g.astype(dtype))
    wanted = [average_precision_score(hits, row)
              for hits, row in zip(relevant, scores, strict=True)]
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_every_retrieval_metric_reads_several_classes():
    scores, q, g, relevant = problem()
    assert metrics.precision_at_k(scores, q, g, k=7) == pytest.approx(
        naive_precision_at(scores, relevant, 7), abs=.01)
    curve = metrics.precision_recall_curve(scores, q, g, recall=[1.])
    last = [hits.sum() / (row >= row[hits].min()).sum()
            for row, hits in zip(scores, relevant, strict=True)]
    assert curve.precision[0] == pytest.approx(np.mean(last))
    chances = [np.mean([metrics.chance_average_precision(len(g), int(hits.sum()))])
               for hits in relevant]
    assert metrics.chance_map(q, g) == pytest.approx(np.mean(chances))
    a, b = RNG.normal(size=(25, 4)), RNG.normal(size=(60, 4))
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    assert metrics.mean_average_precision(metrics.cosine(a, b), q, g) == pytest.approx(
        metrics.mean_average_precision(cosine, q, g))


def test_one_hot_rows_score_as_classes():
    rng = np.random.default_rng(2)
    scores, q, g = rng.normal(size=(20, 50)).round(1), rng.integers(4, size=20), np.arange(50) % 4
    hot = np.eye(4, dtype=int)
    plain = metrics.average_precisions(scores, q, g)
    for labels in ((hot[q], hot[g]), (q, hot[g]), (hot[q], g)):
        np.testing.assert_array_equal(
            metrics.average_precisions(scores, *labels), plain)


@pytest.mark.parametrize(("q", "g", "word"), [
    (np.ones((3, 4)), np.ones((5, 3)), "3"), (np.full((3, 4), 2), np.ones((5, 4)), "0 and 1"),
    (np.array([0, 4, 1]), np.ones((5, 4)), "4 columns"), (np.array(["a"] * 3), np.ones((5, 4)),
                                                          "columns"),
    (np.array([-1, 0, 1]), np.ones((5, 4)), "-1")])
def test_label_sets_that_do_not_fit_are_refused(q, g, word):
    with pytest.raises(ValueError, match=word):
        metrics.mean_average_precision(np.zeros((3, 5)), q, g)


# -- files -------------------------------------------------------------------------------------
def saved(folder, **changes):
    table = {"image": IMAGE, "text": TEXT, "labels": LABELS.astype(int), **changes}
    np.savez(folder / "a.npz", **table)
    return folder / "a.npz"


def sets(views):
    return views.labels if views.labels.ndim == 2 else np.eye(C, dtype=bool)[views.labels]


def test_class_splits_do_not_leak(tmp_path):
    bench = data.load(saved(tmp_path, class_names=NAMES))
    assert bench.classes.names == tuple(NAMES)
    for k in range(10):
        run = bench.run(k)
        seen = run.classes.seen
        assert not LABELS[run["train"].ids][:, ~seen].any()
        np.testing.assert_array_equal(sets(run["train"]), LABELS[run["train"].ids])
        for split in ("query", "gallery"):
            np.testing.assert_array_equal(sets(run[split]), LABELS[run[split].ids] & ~seen)
            assert sets(run[split]).any(axis=1).all()
        rows = np.concatenate([run[s].ids for s in ("train", "query", "gallery")])
        assert len(np.unique(rows)) == len(rows)
        mixed = LABELS[:, ~seen].any(axis=1)
        assert set(np.flatnonzero(mixed)) == {*run["query"].ids, *run["gallery"].ids}
    assert "several classes" in bench.protocol["labels"]


def test_validation_has_unseen_classes_of_its_own(tmp_path):
    bench = data.load(saved(tmp_path, class_names=NAMES))
    val = bench.validation()
    assert set(val.classes.names) == set(NAMES[bench.classes.seen])
    at = np.array([int(name.split()[1]) for name in val.classes.names])
    for split, views in val.splits.items():
        assert set(views.ids) <= set(bench["train"].ids)
        wanted = val.classes.seen if split == "train" else ~val.classes.seen
        got = (views.labels if views.labels.ndim == 2
               else np.eye(len(at), dtype=bool)[views.labels])
        np.testing.assert_array_equal(got, LABELS[views.ids][:, at] & wanted)
    checks = dict(data.validate(tmp_path / "a.npz"))
    assert "several a sample" in checks["split train"]


@pytest.mark.parametrize("model", [models.CCA(), models.RidgeMap(), models.PerfectAlignment(),
                                   models.Chance()], ids=str)
def test_models_of_pairs_train_and_score(tmp_path, model):
    report = evaluate(model, data.load(saved(tmp_path)))
    mean, chance = (report.scores[name]["mean"] for name in ("mAP", "chance_mAP"))
    assert abs(mean - chance) < .1 if isinstance(model, models.Chance) else mean > chance + .1
    one_width = data.load(saved(tmp_path, text=TEXT[:, :6]))["train"]
    assert models.CommonPCA().fit(one_width).embed(IMAGE, "image").shape[0] == N


@pytest.mark.parametrize("name", ["ACMR", "LCALE", "FGAN", "FusionNetQSMA", "CADAVAE", "GFZSL",
                                  "ESZSL"])
def test_models_of_one_class_a_sample_say_so(tmp_path, name):
    train = data.load(saved(tmp_path))["train"]
    complaint(lambda: getattr(models, name)().fit(train), "several classes a sample", name)
    complaint(lambda: models.RidgeMap(whitening=.1).fit(train), "RidgeMap")


def test_other_tasks_say_that_they_take_one_class_a_sample(tmp_path):
    complaint(lambda: data.load(saved(tmp_path), "transfer"), "one label per sample")
    complaint(lambda: data.load(saved(tmp_path, class_embeddings=CENTRES), "gzsl"), "one label")
    empty = LABELS.copy()
    empty[[4, 9]] = False
    complaint(lambda: data.load(saved(tmp_path, labels=empty)), "rows 4, 9")
    complaint(lambda: data.load(saved(tmp_path, class_names=NAMES[:5])), "8 columns for 5")


def test_views_of_several_classes_are_cut_and_shown():
    views = Views({"image": IMAGE}, LABELS)
    np.testing.assert_array_equal(views[[3, 1]].labels, LABELS[[3, 1]])
    assert repr(views).endswith("8 classes, several a sample)")
