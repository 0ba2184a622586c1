"""What every public model promises, checked over the registry."""

from __future__ import annotations

import json
from inspect import signature

import numpy as np
import pytest
from sklearn.base import clone
from small_models import SMALL, fitted, rows_of, toy_for

from crossalign import models
from crossalign.models.roles import (
    Aligner,
    Distributional,
    Generator,
    Translator,
    ZeroShotClassifier,
)
from crossalign.models.store import load_model
from crossalign.types import CLASS_MODALITY, Classes, Views


def of_role(role):
    """Names of the models that have a role."""
    return [name for name in models.__all__ if issubclass(getattr(models, name), role)]


@pytest.mark.parametrize("name", models.__all__)
class TestModel:
    def test_constructor_only_stores(self, name):
        model = getattr(models, name)()
        assert clone(model).get_params() == model.get_params()
        assert not [k for k in vars(model) if k.endswith("_")]

    def test_parameters_are_declared(self, name):
        model = getattr(models, name)()
        model._validate_params()
        assert set(model._parameter_constraints) == set(model.get_params(deep=False))
        assert set(model.search_space) <= set(model.get_params())

    def test_fit_returns_itself_and_keeps_parameters(self, name):
        views, classes = toy_for(name)
        model = getattr(models, name)(**SMALL.get(name, {}))
        before = model.get_params()
        assert model.fit(views, classes=classes) is model
        assert model.get_params() == before

    def test_same_seed_same_numbers(self, name):
        (a, views, _), (b, _, _) = fitted(name), fitted(name)
        for modality in a.modalities_ if isinstance(a, Aligner) else ():
            x = rows_of(name, modality)
            np.testing.assert_array_equal(a.embed(x, modality), b.embed(x, modality))
        if isinstance(a, ZeroShotClassifier):
            np.testing.assert_array_equal(a.decision_function(views), b.decision_function(views))

    def test_saved_and_loaded_is_bit_equal(self, name, tmp_path):
        model, views, _ = fitted(name)
        again = load_model(model.save(tmp_path / "model"))
        assert again.get_params() == model.get_params()
        for modality in model.modalities_ if isinstance(model, Aligner) else ():
            x = rows_of(name, modality)
            np.testing.assert_array_equal(model.embed(x, modality), again.embed(x, modality))
        if isinstance(model, ZeroShotClassifier):
            np.testing.assert_array_equal(model.decision_function(views),
                                          again.decision_function(views))

    def test_damaged_folders_are_refused(self, name, tmp_path):
        model, _, _ = fitted(name)
        folder = model.save(tmp_path / "model")
        weights = folder / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
        with pytest.raises(ValueError, match="damaged"):
            load_model(folder)
        record = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps({**record, "format": 99}))
        with pytest.raises(ValueError, match="format 99"):
            load_model(folder)

    def test_unfitted_and_bad_rows_are_refused(self, name):
        cls = getattr(models, name)
        views, _ = toy_for(name)
        if issubclass(cls, Aligner):
            with pytest.raises(ValueError, match="not fitted"):
                cls().embed(views["image"], "image")
            model, _, _ = fitted(name)
            with pytest.raises(ValueError, match="width of training"):
                model.embed(views["image"][:, 1:], "image")
            with pytest.raises(ValueError, match="NaN"):
                model.embed(np.full_like(views["image"], np.nan), "image")
            with pytest.raises(ValueError, match="knows"):
                model.embed(views["image"], "sound")

    def test_a_modality_may_be_called_class(self, name, tmp_path):
        """It is a modality like others, of a width of its own beside that of side information."""
        views, classes = toy_for(name)
        renamed = Views({"image": views["image"], "class": views["text"]}, views.labels)
        make = getattr(models, name)
        a, b = (make(**SMALL.get(name, {})).fit(x, classes=classes) for x in (views, renamed))
        new = {"text": "class"}
        assert b.widths_ == {new.get(m, m): width for m, width in a.widths_.items()}
        again = load_model(b.save(tmp_path / "model"))
        for modality in a.modalities_ if isinstance(a, Aligner) else ():
            x = rows_of(name, modality)
            np.testing.assert_array_equal(a.embed(x, modality), again.embed(x, new.get(modality,
                                                                                    modality)))
        if isinstance(a, Aligner) and a.knows_classes:
            np.testing.assert_array_equal(a.embed_classes(classes.embeddings),
                                          again.embed_classes(classes.embeddings))
        taken = Views({CLASS_MODALITY: views["text"]}, views.labels)
        with pytest.raises(ValueError, match=r"stands for side information .* choose another"):
            make(**SMALL.get(name, {})).fit(taken, classes=classes)

    def test_has_a_page_and_a_name(self, name):
        from crossalign.models.catalog import describe_model

        cls = getattr(models, name)
        assert models.get(models.get(name)().cli_name) is cls
        assert "Parameters" in describe_model(name)


@pytest.mark.parametrize("name", of_role(Aligner))
def test_embeds_unit_rows_row_by_row(name):
    model, views, _ = fitted(name)
    rows = model.embed(views["image"], "image")
    assert rows.dtype == np.float32
    assert len(rows) == len(views)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    if not isinstance(model, models.Chance):  # a row's embedding depends on that row only
        np.testing.assert_allclose(model.embed(views["image"][3:5], "image"), rows[3:5],
                                   atol=1e-5)


@pytest.mark.parametrize("name", of_role(Distributional))
def test_distribution_has_positive_sigma(name):
    model, views, _ = fitted(name)
    mu, sigma = model.embed_distribution(views["text"], "text")
    assert mu.shape == sigma.shape
    assert (sigma > 0).all()


@pytest.mark.parametrize("name", of_role(Generator))
def test_generator_samples(name):
    views, classes = toy_for(name)
    model = getattr(models, name)(**SMALL.get(name, {})).fit(views.select("image"),
                                                             classes=classes)
    codes = model.sample(classes.embeddings, 3, random_state=1)
    assert codes.shape[:2] == (6, 3)
    np.testing.assert_array_equal(codes, model.sample(classes.embeddings, 3, random_state=1))
    assert not np.array_equal(codes, model.sample(classes.embeddings, 3, random_state=2))


@pytest.mark.parametrize("name", of_role(Translator))
def test_translates_to_the_target_width(name):
    model, views, _ = fitted(name)
    assert model.translate(views["image"], "image", "text").shape == views["text"].shape


@pytest.mark.parametrize("name", of_role(ZeroShotClassifier))
def test_scores_every_class(name):
    model, views, classes = fitted(name)
    assert model.decision_function(views).shape == (len(views), len(classes))


@pytest.mark.parametrize("name", [name for name in models.__all__
                                  if not getattr(models, name).oracle])
def test_unseen_class_in_training_is_refused(name):
    views, classes = toy_for(name)
    wrong = Classes(classes.embeddings, ~classes.seen)
    with pytest.raises(ValueError, match="unseen class"):
        getattr(models, name)(**SMALL.get(name, {})).fit(views, classes=wrong)


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
@pytest.mark.parametrize("name", [name for name in models.__all__ if "scaling" in signature(
    getattr(models, name)).parameters])
def test_a_column_that_is_far_from_all_training_rows_is_as_one_that_is_farther(name, scaling):
    """Of 48 training rows none is 20 deviations away, and no new row is farther than that."""
    model, views, _ = fitted(name, scaling=scaling)
    train = views["image"]
    near, far, farther = (train[:3].copy() for _ in range(3))
    for rows, deviations in ((near, 20), (far, 1e3), (farther, 1e6)):
        rows[:, 0] = train[:, 0].mean() + deviations * train[:, 0].std()
    read = ((lambda x: model.embed(x, "image")) if isinstance(model, Aligner) else
            lambda x: model.decision_function(Views({"image": x, "text": views["text"][:3]})))
    np.testing.assert_array_equal(read(far), read(farther))
    np.testing.assert_allclose(read(far), read(near), rtol=1e-3, atol=1e-3)
