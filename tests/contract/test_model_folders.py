"""A model folder that was edited, cut or made up is refused in one sentence, before it is used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import numpy as np
import pytest
from complaints import complaint
from safetensors.numpy import load, save
from small_models import fitted

from crossalign import models
from crossalign.models.learned import LEARNED
from crossalign.models.store import load_model

KINDS = ("RidgeMap", "ESZSL", "GFZSL", "CCA", "CADAVAE")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        fitted(kind)[0].save(folder / kind)
    return folder


@pytest.fixture
def edited(saved, tmp_path):
    """``edited(kind, change)``: a copy of a folder whose model.json has passed through a change."""
    def edit(kind, change):
        folder = tmp_path / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(saved / kind, folder)
        record = json.loads((folder / "model.json").read_text())
        change(record)
        (folder / "model.json").write_text(json.dumps(record))
        return folder
    return edit


WRONG_VALUES = {
    "widths_": None, "modalities_": {"a": 1}, "history_": {"loss": "small"}, "n_classes_": -1,
    "modality_": 3, "trained_on_": "none", "leaks_": [1], "n_pairs_": "x"}


@pytest.mark.parametrize("name", WRONG_VALUES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_another_type_is_named(kind, name, edited):
    folder = edited(kind, lambda r: r["attributes"].update({name: WRONG_VALUES[name]}))
    complaint(lambda: load_model(folder), "folder:", name, "save the model again")


@pytest.mark.parametrize("name", ["embed", "__class__", "_restore", "save", "fit_", "a b_", "",
                                  "_parameter_constraints", "decision_function"])
def test_only_learned_attributes_are_set(name, edited):
    if name == "fit_":  # a name that could be learned does no harm
        assert load_model(edited("CCA", lambda r: r["attributes"].update({name: 1}))).fit_ == 1
        return
    folder = edited("CCA", lambda r: r["attributes"].update({name: 1}))
    complaint(lambda: load_model(folder), "no learned attribute of CCA")


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_missing_is_missed(kind, edited, saved):
    record = json.loads((saved / kind / "model.json").read_text())
    for key in record:
        folder = edited(kind, lambda r, key=key: r.pop(key))
        if key in ("params",):
            complaint(lambda folder=folder: load_model(folder), "params")
        else:
            complaint(lambda folder=folder: load_model(folder), key)
    for name in ("widths_",):
        folder = edited(kind, lambda r, name=name: r["attributes"].pop(name))
        complaint(lambda folder=folder: load_model(folder), name)


@pytest.mark.parametrize("record", ["[]", "1", "null", "\"a\"", "{}", "{", "[" * 100_000,
                                    '{"class": [], "format": 2, "sha256": 1}'])
def test_a_record_that_is_none_is_refused(record, saved, tmp_path):
    shutil.copytree(saved / "CCA", tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text(record)
    complaint(lambda: load_model(tmp_path / "m"), "folder:")


def test_a_record_of_gigabytes_is_not_read(saved, tmp_path):
    shutil.copytree(saved / "CCA", tmp_path / "m")
    os.truncate(tmp_path / "m" / "model.json", 10**10)  # takes no room on the disk
    complaint(lambda: load_model(tmp_path / "m"), "10000000000 bytes")


def test_parameters_out_of_range_are_refused(edited):
    for params in ({"latent": 10**11}, {"latent": "x"}, {"nosuch": 1}, [1], None):
        folder = edited("CADAVAE", lambda r, params=params: r.update(params=params))
        complaint(lambda folder=folder: load_model(folder), "folder:")


def test_a_network_larger_than_its_weights_is_never_built(edited):
    for change in (lambda r: r["params"].update(latent=60_000),
                   lambda r: r["attributes"]["widths_"].update(image=2**40)):
        folder = edited("CADAVAE", change)
        complaint(lambda folder=folder: load_model(folder), "the weights", "shape")


def rewrite(folder, change):
    """Change the arrays, and the checksum with them."""
    arrays = load((folder / "weights.safetensors").read_bytes())
    change(arrays)
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    (folder / "weights.safetensors").write_bytes(content)
    record = json.loads((folder / "model.json").read_text())
    record["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(record))


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_that_lack_or_do_not_fit_are_refused(kind, edited, saved):
    names = list(load((saved / kind / "weights.safetensors").read_bytes()))
    unused = {"correlations_", "classes_", "n_features_in_", "seen_", "means_", "weights_", "side_",
              "offset_", "axes_", "precisions_"}
    for name in names[:6]:
        if name in unused:
            continue
        folder = edited(kind, lambda r: None)
        rewrite(folder, lambda arrays, name=name: arrays.pop(name))
        complaint(lambda folder=folder: load_model(folder), "does not fit")
    for name in ("embed", "widths_", "n_pairs_", "save/a"):
        folder = edited(kind, lambda r: None)
        rewrite(folder, lambda arrays, name=name: arrays.update({name: np.zeros(3)}))
        complaint(lambda folder=folder: load_model(folder), "does not fit")


def test_an_array_that_would_spread_over_any_rows_is_refused(edited):
    folder = edited("RidgeMap", lambda r: None)
    rewrite(folder, lambda arrays: arrays.update({"scale_/image": np.zeros((0, 1))}))
    complaint(lambda: load_model(folder), "does not fit")


def test_a_pipe_in_the_place_of_weights_is_not_waited_for(saved, tmp_path):
    shutil.copytree(saved / "CCA", tmp_path / "m")
    (tmp_path / "m" / "weights.safetensors").unlink()
    os.mkfifo(tmp_path / "m" / "weights.safetensors")
    complaint(lambda: load_model(tmp_path / "m"), "is a pipe")


@pytest.mark.parametrize("name", models.__all__)
def test_every_value_that_a_model_learns_has_a_declared_type(name, tmp_path):
    fitted(name)[0].save(tmp_path / "m")
    record = json.loads((tmp_path / "m" / "model.json").read_text())
    assert set(record["attributes"]) <= set(LEARNED)
    assert load_model(tmp_path / "m").widths_ == record["attributes"]["widths_"]


def test_a_training_that_cannot_fit_in_memory_is_refused_before_it(monkeypatch):
    monkeypatch.setattr("crossalign.models.learned.available_memory", lambda: 10**6)
    complaint(lambda: fitted("CADAVAE", latent=60_000), "network:", "free")
