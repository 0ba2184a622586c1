"""Every task of evaluation is one object, and a new one needs nothing but its own file."""

from dataclasses import dataclass, replace
from typing import ClassVar, get_args

import numpy as np
import pytest
import small

from crossalign import models
from crossalign.evaluation import evaluate, fit_for, protocols, score_fitted
from crossalign.evaluation.ablation import ablation_table, module_rows, sweep
from crossalign.evaluation.profile import profile
from crossalign.evaluation.protocols import (
    GZSL,
    VQA,
    ZSL,
    Captioning,
    CrossModalTransfer,
    FewShotRecognition,
    Metric,
    Outcome,
    Protocol,
    Retrieval,
    get,
    known,
    resolve,
    with_options,
)
from crossalign.pages.words import meaning, ranks
from crossalign.recipes.run import Task
from crossalign.trees import pack
from crossalign.types import TASK_SPLITS

TASKS = (GZSL, ZSL, FewShotRecognition, Retrieval, CrossModalTransfer, Captioning, VQA)


@dataclass(frozen=True)
class Naming(Protocol):
    """A toy: the share of queries whose nearest training sample through a view is of their group.

    Groups are classes modulo ``groups``; training and test classes differ and share those.
    """

    groups: int = 2

    name: ClassVar[str] = "naming"
    benchmark: ClassVar[str] = "retrieval"
    title: ClassVar[str] = "Groups of classes never seen"
    sentence: ClassVar[str] = "The group of the nearest training sample is given to every query."
    tested: ClassVar[tuple[str, ...]] = ("query",)
    objective: ClassVar[str] = "share"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("share", "queries of the right group"),
        Metric("distance", "mean distance to the nearest; lower is better", "lower"),
        Metric("sign", "an agreement from -1 to 1", None, least=-1.0))
    headlines: ClassVar[tuple[str, ...]] = ("share",)
    columns: ClassVar[tuple[str, ...]] = ("share", "distance")

    def score(self, fitted, bench, settings=None):
        """Score the first modality."""
        modality = bench.modalities[0]
        train, query = (fitted.embed(bench[split][modality], modality)
                        for split in ("train", "query"))
        likeness = query @ train.T
        nearest = bench["train"].truth[likeness.argmax(axis=1)]
        share = float(np.mean(nearest % self.groups == bench["query"].truth % self.groups))
        distance = float(np.clip(1 - likeness.max(axis=1), 0, 1).mean())
        return Outcome({"share": share, "distance": distance, "sign": -0.5}, share)

    def figures(self, fitted, bench, outcome):
        """Return accuracies as `pages.plots.class_accuracy` draws them."""
        return {"class_accuracy": {"names": ["a", "b"], "accuracy": np.array([0.5, 1.0]),
                                   "seen": np.array([True, False])}}


def test_a_new_task_is_scored_tuned_kept_profiled_and_shown(tmp_path):
    bench = small.retrieval()
    report = evaluate(models.RidgeMap(), bench, 2, task="naming",
                      tune={"alpha": [0.1, 10.0]}, keep=tmp_path / "runs")
    assert (report.task, set(report.scores)) == ("naming", {"share", "distance", "sign"})
    assert "of 2 settings chosen on validation classes (share " in report.selection
    assert report.scores["sign"]["mean"] == -0.5                # no fraction, and says so
    page = report.html(tmp_path / "page.html").read_text("utf-8")
    assert all(text in page for text in (Naming.title, Naming.sentence, "right group", "<svg"))
    assert "lower is better" in meaning("distance", report)
    assert ranks(report, "share")
    assert not ranks(report, "distance")
    rows = dict(module_rows(models.RidgeMap(), bench, {"narrow": {"alpha": 1.0}}, task=Naming(3)))
    assert "narrow" in ablation_table(rows, known("naming").columns_of(report.scores))
    assert sweep(models.RidgeMap(), bench, "alpha", [0.1], task="naming").metric == "share"
    assert profile(models.CCA(), bench, task="naming", memory=False, repeats=1).train_rate > 0
    fitted = fit_for(models.CCA(), bench, task="naming")
    assert score_fitted(fitted, bench, task="naming").scores.keys() == report.scores.keys()


def test_options_of_a_task_are_part_of_the_work_that_is_kept(tmp_path):
    bench = small.retrieval()
    for task in (Naming(2), Naming(3), Naming(2)):
        evaluate(models.CCA(), bench, task=task, tune=False, keep=tmp_path)
    assert len(list(tmp_path.glob("seed-0-*.json"))) == 2


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_says_all_that_is_asked_of_it(kind):
    task = kind()
    assert get(task.name) is kind
    assert known(task.name) == task
    names = [metric.name for metric in task.metrics]
    assert len(set(names)) == len(names)
    assert task.objective in names
    assert task.title
    assert task.sentence.endswith(".")
    assert all(metric.meaning for metric in task.metrics)
    assert all(task.metric(name) for name in (*task.headlines, *task.columns))
    assert task.metric("nothing") is None
    pack(task.facts)                                              # plain enough to be kept


def test_every_task_of_the_room_is_tried():
    public = (getattr(protocols, name) for name in protocols.__all__)
    assert set(TASKS) == {kind for kind in public
                          if isinstance(kind, type) and issubclass(kind, Protocol)} - {Protocol}


def test_recipes_and_benchmarks_know_the_same_tasks():
    assert set(get_args(Task)) == {task.name for task in TASKS}
    assert set(TASK_SPLITS) == {task.benchmark for task in TASKS}


BENCHES = {"gzsl": small.recognition, "few_shot": small.recognition, "retrieval": small.retrieval,
           "vqa": small.questions}


@pytest.mark.parametrize("name", BENCHES)
def test_every_score_of_a_report_has_a_meaning(name):
    bench = BENCHES[name]()
    report = evaluate(models.CADAVAE(epochs=1, latent=4), bench, tune=False,
                      task=with_options(name, draws=2) if name == "few_shot" else name)
    task = known(name)
    assert all(task.metric(score) for score in report.scores)
    assert set(task.headlines_of(list(report.scores))) <= set(report.scores)
    assert task.columns_of(list(report.scores))


def test_what_does_not_fit_is_refused_with_the_way_out():
    bench = small.recognition()
    with pytest.raises(ValueError, match="task: got 'naming2'; did you mean 'naming'"):
        resolve(models.ESZSL(), bench, "naming2")
    with pytest.raises(ValueError, match="is for gzsl, not retrieval"):
        resolve(models.CCA(), bench, Retrieval())
    with pytest.raises(ValueError, match="does not embed samples, which few_shot needs"):
        resolve(models.ESZSL(), bench, "few_shot")
    with pytest.raises(ValueError, match="knows no classes, which gzsl needs"):
        resolve(models.PerfectAlignment(), bench)
    with pytest.raises(ValueError, match="draws: got 3 for gzsl; it is an option of few_shot"):
        with_options("gzsl", draws=3)
    with pytest.raises(ValueError, match="kappa comes from validation"):
        evaluate(models.RidgeMap(), replace(bench, validation_split=None), task="few_shot")
