"""A saved task answers in another process, without its training samples, or is refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from safetensors.numpy import load, save
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from small_models import SMALL, fitted, toy

from crossalign import models, tasks
from crossalign.index import ExactIndex, FaissIndex
from crossalign.tasks import (
    Adaptation,
    Answerer,
    Captioner,
    Conformal,
    FewShot,
    Fitted,
    LanguageCaptioner,
    Rejection,
    Retriever,
    Transfer,
    ZeroShot,
)
from crossalign.tasks.store import load_task, save_task
from crossalign.types import Questions, Views

VIEWS, CLASSES = toy()
TEXTS = VIEWS.select("image")
ROWS = VIEWS["image"][:7]
LIMITS = [n / 25 for n in range(50)]


def aligner(name, **params):
    return getattr(models, name)(**{**SMALL.get(name, {}), **params})


def zero_shot(name, head="auto", gamma=0.25, **params):
    model = aligner(name, **params).fit(VIEWS.select("image"), classes=CLASSES)
    return ZeroShot(model, head, gamma).fit(VIEWS.select("image"), CLASSES)


def few_shot(head):
    model = aligner("CADAVAE").fit(VIEWS.select("image"), classes=CLASSES)
    return FewShot(model, 2.0, head).fit(TEXTS, CLASSES).fit_few_shot(None)


def retriever(name, index=None, bits=None, ids=None, **params):
    model = fitted(name, **params)[0]
    return Retriever(model, index, bits).fit(VIEWS).add(
        VIEWS["text" if model.widths_["text"] == 7 else "image"], "text", ids=ids)


def transfer(mode, head="lda"):
    return Transfer(aligner("CCA"), mode, head).fit(VIEWS, VIEWS, "image", "text", 4)


def answerer(**params):
    asked = Questions(("what is it?",) * 48, tuple((f"class {c}",) for c in VIEWS.truth),
                      ("name",) * 48, tuple((i,) for i in range(48)))
    return Answerer(aligner("CCA").fit(VIEWS), **{"epochs": 2, "hidden": 8, **params}).fit(
        TEXTS, asked)


def captioner(**params):
    said = [(f"class {c}",) for c in VIEWS.truth]
    return Captioner(aligner("CCA").fit(VIEWS), zero_shot("ESZSL"), width=16, heads=2, layers=1,
                     epochs=2, **params).fit(VIEWS, said)


def language_captioner():
    from small_language import language_model

    said = [(f"class {c}",) for c in VIEWS.truth]
    return LanguageCaptioner(aligner("CCA").fit(VIEWS), zero_shot("ESZSL"), lora=2, epochs=1,
                             prefix=2, longest=8,
                             language_model=language_model(Path(tempfile.mkdtemp()))).fit(
                                 VIEWS, said)


MAKE = {
    "captioner by a language model": language_captioner,
    "captioner": captioner, "captioner from texts": lambda: captioner(route="text_only"),
    "answerer": answerer, "answerer by words": lambda: answerer(sees="question"),
    "prototype": lambda: zero_shot("CADAVAE", "prototype"),
    "softmax": lambda: zero_shot("CADAVAE", "softmax"),
    "gaussian": lambda: zero_shot("ACMR", "gaussian"),
    "fused": lambda: zero_shot("FusionNetQSMA", preset="gzsl"),
    "classifier": lambda: zero_shot("ESZSL"),
    "rejection": lambda: Rejection(zero_shot("ESZSL"), "margin").fit(TEXTS, coverage=0.8),
    "tempered": lambda: Rejection(zero_shot("CADAVAE", "prototype"), "tempered").fit(
        TEXTS, coverage=0.8),
    "sets": lambda: Conformal(zero_shot("ESZSL"), seen=LIMITS, unseen=LIMITS),
    "retriever": lambda: retriever("CCA", ids=[f"ü{i}" for i in range(48)]),
    "retriever of codes": lambda: retriever("RidgeMap", bits=3, ids=[*range(46), "a", 2.5]),
    "retriever of tokens": lambda: retriever("FGAN"),
    "retriever of an embedding": lambda: retriever("FGAN", similarity="embedding"),
    "retriever with an index": lambda: retriever("CCA", ExactIndex(block_bytes=100)),
    "few_shot": lambda: few_shot("gaussian"), "few_shot code": lambda: few_shot("code"),
    "few_shot softmax": lambda: few_shot("softmax"),
    "aligned": lambda: transfer("aligned"), "widened": lambda: transfer("aligned+cov", "qda"),
    "marginal": lambda: transfer("marginal"),
    "fitted": lambda: Fitted(aligner("ESZSL").fit(TEXTS, classes=CLASSES), "gzsl",
                             zero_shot("ESZSL"), {"gamma": 0.5, "confidences": {
                                 "margin": {"threshold": 0.5, "temperature": 2.0}},
                                 "sets": {"gamma": 0.5, "seen": LIMITS, "unseen": LIMITS}},
                             "chosen", 1, {"split_id": "x", "leaks": {"a": None, "b": False}},
                             {"data": "glyphs"}, {"ks": (1, 2), "draws": 3, "baseline": None}),
    "adaptation": lambda: Adaptation(epochs=2, latent=4, hidden=8, batch_size=32).fit(
        TEXTS, TEXTS),
}
ANSWER = """
def answer(task, rows):
    if hasattr(task, "unknown_words"):
        texts = ["What is it?"] * len(rows)
        return task.predict(rows, texts).astype(str), task.decision_function(rows, texts)
    if hasattr(task, "caption"):
        said = task.caption(rows, longest=4)
        return said, [float(len(text)) for text in said]
    if hasattr(task, "search"):
        hits = task.search(rows, "image", k=5)
        return [repr(task.ids_[row].tolist()) for row in hits.indices], hits.scores
    if hasattr(task, "predict_source") and hasattr(task, "aligner_"):
        return task.predict_source(rows), task.predict_source(rows[::-1])
    if hasattr(task, "predict_proba"):
        return task.predict(rows), task.predict_proba(rows)
    return task.predict(rows), task.decision_function(rows)
"""
exec(ANSWER)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every task, and its folder."""
    place = tmp_path_factory.mktemp("tasks")
    made = {name: make() for name, make in MAKE.items()}
    return {name: (task, task.save(place / name)) for name, task in made.items()}


@pytest.fixture(scope="module")
def elsewhere(saved, tmp_path_factory):
    """What the tasks answer in another process, by name."""
    place = tmp_path_factory.mktemp("answers")
    np.save(place / "rows.npy", ROWS)
    folders = {name: str(folder) for name, (_, folder) in saved.items()}
    code = ANSWER + f"""
import numpy as np
from crossalign.tasks.store import load_task
rows = np.load({str(place / "rows.npy")!r})
for name, folder in {folders!r}.items():
    for i, part in enumerate(answer(load_task(folder), rows)):
        np.save({str(place)!r} + f"/{{name}}-{{i}}.npy", np.asarray(part))
"""
    subprocess.run([sys.executable, "-c", code], check=True,
                   env=os.environ | {"OMP_NUM_THREADS": "1"})
    return {name: [np.load(place / f"{name}-{i}.npy") for i in (0, 1)] for name in saved}


def test_every_task_is_covered(saved):
    assert {type(task).__name__ for task, _ in saved.values()} == {
        name for name in tasks.__all__ if isinstance(getattr(tasks, name), type)}


@pytest.mark.parametrize("name", MAKE)
def test_a_saved_task_answers_in_another_process(name, saved, elsewhere):
    for here, there in zip(answer(saved[name][0], ROWS), elsewhere[name], strict=True):  # noqa: F821
        np.testing.assert_array_equal(np.asarray(here), there)


@pytest.mark.parametrize("name", MAKE)
def test_parameters_come_back_as_they_were(name, saved):
    task, folder = saved[name]
    again = type(task).load(folder)

    def plain(one):
        return {key: value for key, value in one.get_params().items()
                if not hasattr(value, "get_params")}

    assert plain(again) == plain(task)
    assert plain(clone(task)) == plain(task)
    assert not [key for key in vars(clone(task)) if key.endswith("_") and key not in (
        "threshold_", "temperature_", "gamma_", "seen_", "unseen_")]


def test_parameters_of_the_model_are_parameters_of_the_task():
    task = ZeroShot(models.CADAVAE()).set_params(model__lr=0.5, gamma=0.1)
    assert (task.model.lr, task.gamma) == (0.5, 0.1)


@pytest.mark.parametrize("name", MAKE)
def test_the_models_inside_are_models(name, saved):
    from crossalign.models.store import load_model

    for place in saved[name][1].glob("model-*"):
        assert load_model(place).widths_


@pytest.mark.parametrize("name", ["fused", "retriever of codes", "adaptation", "marginal",
                                  "answerer"])
def test_whatever_is_damaged_or_edited_is_refused(name, saved, tmp_path):
    folder = saved[name][0].save(tmp_path / "task")
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()
             and file.name != "card.md"]
    assert len(files) >= 2
    for file in files:
        content = file.read_bytes()
        for wrong in (content[:-9], content.replace(b"1", b"2", 1), b"", b"[]"):
            file.write_bytes(wrong)
            if wrong != content:
                complaint(lambda: load_task(folder), "folder:", "save the task again")
        file.unlink()
        complaint(lambda: load_task(folder), "folder:")
        file.write_bytes(content)
    load_task(folder)


def rewritten(folder, change):
    """Edit a record, and its checksum with it, as one who knows the format can."""
    record = json.loads((folder / "task.json").read_text())
    record.pop("digest")
    change(record)
    digest = hashlib.sha256((json.dumps(record, indent=2) + "\n").encode()).hexdigest()
    (folder / "task.json").write_text(json.dumps({**record, "digest": digest}))


EDITS = {
    "another class": lambda r: r["state"].update(object="Popen"),
    "a class that is no task": lambda r: r.update(state={"object": "ITQ", "params": {"mapping": {}},
                                                         "learned": {"mapping": {}}}),
    "a method": lambda r: r["state"]["learned"]["mapping"].update(predict=1),
    "a hidden name": lambda r: r["state"]["learned"]["mapping"].update(__class__=1),
    "an unknown name": lambda r: r["state"]["learned"]["mapping"].update(extra_=1),
    "a value of another type": lambda r: r["state"]["learned"]["mapping"].update(views_="image"),
    "another head": lambda r: r["state"]["learned"]["mapping"].update(head_="softmax"),
    "a parameter out of range": lambda r: r["state"]["params"]["mapping"].update(head="x"),
    "a model elsewhere": lambda r: r["models"].update(
        {key: ["../model-0000000000000000", part[1]] for key, part in r["models"].items()}),
    "arrays elsewhere": lambda r: r.update(arrays=["../../x", r["arrays"][1]]),
    "no state": lambda r: r.pop("state"),
    "an unknown kind": lambda r: r.update(state={"pickle": "x"}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_made_up_is_refused(edit, saved, tmp_path):
    folder = saved["prototype"][0].save(tmp_path / "task")
    rewritten(folder, EDITS[edit])
    complaint(lambda: load_task(folder), "folder:", "save the task again")


@pytest.mark.parametrize("name", ["captioner", "answerer", "captioner by a language model"])
def test_what_another_version_made_is_not_called_damaged(name, saved, tmp_path):
    for change in (lambda r: r.update(format=99), lambda r: r["state"].pop("format"),
                   lambda r: r["state"].update(format="x")):
        folder = saved[name][0].save(tmp_path / "task")
        rewritten(folder, change)
        complaint(partial(load_task, folder), "folder:", "was made by another version", "format",
                  "make it again")
    task, part = saved[name][0], "answerer" if name == "answerer" else "captioner"
    whole = Fitted(task.model, **{part: task}).save(tmp_path / "fitted")
    load_task(whole)
    rewritten(whole, lambda r: r["state"]["params"]["mapping"][part].pop("format"))
    complaint(lambda: load_task(whole), "folder:", "was made by another version")


def test_arrays_of_another_shape_are_refused(saved, tmp_path):
    folder = saved["softmax"][0].save(tmp_path / "task")
    (file,) = folder.glob("arrays-*")
    arrays = load(file.read_bytes())
    arrays["ZeroShot/head_/coef_"] = arrays["ZeroShot/head_/coef_"][1:]
    content = save(arrays)
    file.write_bytes(content)
    rewritten(folder, lambda r: r.update(arrays=[file.name, hashlib.sha256(content).hexdigest()]))
    complaint(lambda: load_task(folder), "folder:", "save the task again")


def test_a_task_takes_the_place_of_a_task_and_of_nothing_else(saved, tmp_path):
    folder = tmp_path / "task"
    saved["fused"][0].save(folder)
    (folder / "note.txt").write_text("mine")
    saved["classifier"][0].save(folder)
    assert isinstance(ZeroShot.load(folder).model, models.ESZSL)
    assert len(list(folder.glob("model-*"))) == 1
    assert (folder / "note.txt").read_text() == "mine"
    complaint(lambda: Retriever.load(folder), "folder:", "holds a ZeroShot")
    model = fitted("CCA")[0].save(tmp_path / "model")
    complaint(lambda: saved["classifier"][0].save(model), "folder:", "is not a saved task")
    complaint(lambda: load_task(model), "folder:", "holds no task.json")
    complaint(lambda: load_task(tmp_path / "none"), "folder:", "holds no task.json")


class KilledError(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("step", range(1, 12))
def test_a_save_killed_at_any_step_leaves_the_old_task_or_the_new(step, saved, tmp_path,
                                                                  monkeypatch):
    old, new, folder = saved["classifier"][0], saved["prototype"][0], tmp_path / "task"
    old.save(folder)
    count, replace = 0, os.replace

    def dying(*args):
        nonlocal count
        count += 1
        if count >= step:
            raise KilledError
        replace(*args)

    monkeypatch.setattr("os.replace", dying)
    with suppress(KilledError):
        save_task(new, folder)
    monkeypatch.undo()
    found = load_task(folder).decision_function(ROWS)
    assert any(np.array_equal(found, task.decision_function(ROWS)) for task in (old, new))
    save_task(new, folder)
    assert np.array_equal(load_task(folder).decision_function(ROWS), new.decision_function(ROWS))
    assert len(list(folder.glob("model-*"))) == len(list(folder.glob("arrays-*"))) == 1


def test_what_only_pickle_can_keep_is_said(tmp_path):
    task = Transfer(aligner("CCA"), head=LogisticRegression()).fit(VIEWS, VIEWS, "image", "text", 4)
    complaint(lambda: task.save(tmp_path / "task"), "folder:", "LogisticRegression", "pickling")
    assert not (tmp_path / "task").exists()


def test_what_fit_saves_recognises_and_is_evaluated_without_options(tmp_path):
    """It scores what the evaluation does, too."""
    import small

    from crossalign.evaluation import evaluate, fit_for, score_fitted
    from crossalign.tasks.store import load_fitted

    bench = small.recognition()
    fitted = fit_for(models.GFZSL(), bench)
    again = load_fitted(fitted.save(tmp_path / "fitted"))
    rows = bench["test_unseen"]["image"]
    right = ZeroShot(fitted.model, gamma=fitted.gamma).fit(bench["train"], bench.classes)
    np.testing.assert_array_equal(again.predict(rows), right.predict(rows))
    np.testing.assert_array_equal(again.rejection().predict(rows), fitted.rejection().predict(rows))
    complaint(lambda: again.rejection("energy"), "confidence: got 'energy'")
    here, there = (score_fitted(one, bench, pictures=False) for one in (fitted, again))
    whole = evaluate(models.GFZSL(), bench, pictures=False)
    assert here.scores == there.scores
    assert {k: v["mean"] for k, v in here.scores.items()} == pytest.approx(
        {k: v["mean"] for k, v in whole.scores.items()})
    assert (here.selection, here.seeds) == (whole.selection, [0])
    search = fit_for(models.CCA(), small.retrieval(), run=1)
    complaint(lambda: search.predict(rows), "recognises no classes")
    assert score_fitted(search, small.retrieval(), pictures=False).seeds == [1]


def test_what_is_fitted_for_few_shot_scores_as_its_evaluation_does(tmp_path):
    import small

    from crossalign.evaluation import evaluate, fit_for, score_fitted
    from crossalign.tasks.store import load_fitted

    bench = small.recognition()
    fitted = fit_for(models.RidgeMap(), bench, task="few_shot")
    again = load_fitted(fitted.save(tmp_path / "fitted"))
    assert again.settings == fitted.settings
    assert set(again.settings["gammas"]["update"]) == {1, 2}
    whole = evaluate(models.RidgeMap(), bench, task="few_shot", pictures=False)
    assert any(gamma for gammas in again.settings["gammas"].values() for gamma in gammas.values())
    for report in (score_fitted(again, bench, pictures=False),
                   score_fitted(fitted, bench, task="few_shot", pictures=False)):
        assert report.task == "few_shot"
        assert {k: v["mean"] for k, v in report.scores.items()} == pytest.approx(
            {k: v["mean"] for k, v in whole.scores.items()})
    assert score_fitted(again, bench, task="gzsl", pictures=False).task == "gzsl"
    for other in (fitted.model, fit_for(models.RidgeMap(), bench)):
        complaint(partial(score_fitted, other, bench, task="few_shot"), "task='few_shot'")


def test_a_faiss_index_is_built_anew(tmp_path):
    pytest.importorskip("faiss")
    width = fitted("CCA")[0].embed(ROWS, "image").shape[1]
    for factory in ("Flat", "HNSW8", "IVF4,Flat"):
        task = retriever("CCA", FaissIndex(width, factory))
        again = Retriever.load(task.save(tmp_path / factory))
        exact = Retriever(task.model).add(VIEWS, "text").search(ROWS, "image", 48)
        np.testing.assert_array_equal(np.sort(again.search(ROWS, "image", 48).scores),
                                      np.sort(exact.scores))
    task = retriever("CCA", FaissIndex(width, "PQ1x4"))
    complaint(lambda: task.save(tmp_path / "PQ"), "factory: 'PQ1x4' does not keep")


def test_the_gallery_and_ids_stay(saved):
    task, folder = saved["retriever"]
    again = Retriever.load(folder)
    assert again.ids_.tolist() == task.ids_.tolist()
    again.add(Views({"text": VIEWS["text"][:2]}, ids=["x", "y"]), "text")
    assert (len(again.index_), again.ids_[-1]) == (50, "y")
    assert Path(folder / "card.md").read_text().startswith("# Retriever")
