"""Saving a model: a whole one is there at every moment, and nothing of anybody else's is lost."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import numpy as np
import pytest

from crossalign.models import RidgeMap
from crossalign.models.store import check_target, load_model, save_model
from crossalign.types import Views

STEPS = 8
"""Calls of the system that change a folder, at least as many as a save makes."""


def fitted(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(4), 6)
    x = rng.normal(size=(24, 5)) + labels[:, None]
    return RidgeMap().fit(Views({"image": x, "text": x[:, :3]}, labels))


ROWS = np.random.default_rng(9).normal(size=(3, 5)).astype(np.float32)
OLD, NEW = fitted(0), fitted(1)


class KilledError(BaseException):
    """Stands for kill -9: no clean-up runs after it."""


def die_at(monkeypatch, step):
    """The step-th rename or unlink, and all that follow, do not happen any more."""
    count = 0

    def dying(call):
        def instead(*args, **options):
            nonlocal count
            count += 1
            if count >= step:
                raise KilledError
            return call(*args, **options)
        return instead

    monkeypatch.setattr("os.replace", dying(os.replace))
    monkeypatch.setattr("os.unlink", dying(os.unlink))


def embedding(folder):
    return load_model(folder).embed(ROWS, "image")


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_save_killed_at_any_step_leaves_the_old_model_or_the_new(tmp_path, monkeypatch, step):
    save_model(OLD, tmp_path / "m")
    die_at(monkeypatch, step)
    done = True
    try:
        save_model(NEW, tmp_path / "m")
    except KilledError:
        done = False
    monkeypatch.undo()
    found = embedding(tmp_path / "m")
    old, new = OLD.embed(ROWS, "image"), NEW.embed(ROWS, "image")
    assert np.array_equal(found, new) or (np.array_equal(found, old) and not done)
    save_model(NEW, tmp_path / "m")
    assert np.array_equal(embedding(tmp_path / "m"), new)
    assert sorted(os.listdir(tmp_path / "m")) == ["card.md", "model.json", "weights.safetensors"]


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_first_save_killed_at_any_step_can_be_made_again(tmp_path, monkeypatch, step):
    die_at(monkeypatch, step)
    with suppress(KilledError):
        save_model(NEW, tmp_path / "m")
    monkeypatch.undo()
    check_target(tmp_path / "m")
    save_model(NEW, tmp_path / "m")
    assert np.array_equal(embedding(tmp_path / "m"), NEW.embed(ROWS, "image"))
    assert sorted(os.listdir(tmp_path / "m")) == ["card.md", "model.json", "weights.safetensors"]


def test_files_beside_a_model_stay(tmp_path):
    save_model(OLD, tmp_path / "m")
    (tmp_path / "m" / "thesis.txt").write_text("mine")
    (tmp_path / "m" / "weights.best.safetensors").write_text("mine too")
    save_model(NEW, tmp_path / "m")
    assert (tmp_path / "m" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "m" / "weights.best.safetensors").read_text() == "mine too"
    assert np.array_equal(embedding(tmp_path / "m"), NEW.embed(ROWS, "image"))


@pytest.mark.parametrize("content", ["{}", "[]", "null", "not json", '{"format": "layers-model"}'])
def test_a_model_json_of_another_program_is_not_overwritten(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    for check in (check_target, lambda folder: save_model(OLD, folder)):
        with pytest.raises(ValueError, match="exists and is not a saved model; choose another"):
            check(tmp_path)
    assert (tmp_path / "model.json").read_text() == content
    assert os.listdir(tmp_path) == ["model.json"]


def test_a_folder_of_other_things_and_a_file_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for target in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ValueError, match="is not a saved model"):
            save_model(OLD, target)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_an_empty_folder_and_a_link_to_a_model_serve(tmp_path):
    (tmp_path / "empty").mkdir()
    save_model(OLD, tmp_path / "empty")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    save_model(NEW, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert np.array_equal(embedding(tmp_path / "empty"), NEW.embed(ROWS, "image"))


def test_a_reader_that_opens_between_record_and_weights_gets_a_whole_model(tmp_path, monkeypatch):
    """The record is read, then a new model is saved, then the weights are read."""
    import crossalign.models.store as store

    save_model(OLD, tmp_path / "m")
    read, again = store._read_weights, []

    def late(folder, record):
        if not again:
            again.append(True)
            save_model(NEW, folder)
        return read(folder, record)

    monkeypatch.setattr(store, "_read_weights", late)
    assert np.array_equal(embedding(tmp_path / "m"), NEW.embed(ROWS, "image"))


def test_weights_of_another_model_are_not_taken_for_the_records(tmp_path):
    save_model(OLD, tmp_path / "a")
    save_model(NEW, tmp_path / "b")
    os.replace(tmp_path / "b" / "weights.safetensors", tmp_path / "a" / "weights.safetensors")
    with pytest.raises(ValueError, match="is damaged"):
        load_model(tmp_path / "a")
    record = json.loads((tmp_path / "a" / "model.json").read_text())
    (tmp_path / "a" / f"weights.{record['sha256'][:16]}.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is damaged"):
        load_model(tmp_path / "a")
