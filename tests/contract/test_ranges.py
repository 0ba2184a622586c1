"""A value that a model does not take is refused by its constructor, recipes and --set alike."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from complaints import complaint
from small_models import toy_for

from crossalign import models
from crossalign.arguments import parse_assignments
from crossalign.models.ranges import Each, satisfies
from crossalign.recipes import load_recipe

WRONG = {
    "acmr": {"latent": 0, "kl_ramp": (3,), "hidden": (5, 5), "compile": 1, "variant": "x",
             "epochs": True, "lr": float("nan"), "device": "tpu"},
    "asif": {"k": 0, "power": 0.0, "scaling": "x", "pairs": 1},
    "blind_procrustes": {"n_clusters": 0, "runs": 0.5, "restarts": -1, "neighbours": 0, "steps": 0},
    "cada_vae": {"latent": 10**11, "batch_size": 1, "precision": "8", "kl": -1.0},
    "cca": {"n_components": 2.5, "reg": float("inf"), "covariances": "own", "weighting": 1},
    "chance": {"n_components": -1, "random_state": -1},
    "class_mean_oracle": {"scaling": "x"},
    "common_pca": {"n_components": 0},
    "committee": {"alpha": 0.0, "k": 1.5, "pairs": "x", "whiten": "no",
                  "members": ("ridge", "cca")},
    "contrastive_alignment": {"temperature": 0.7, "loss": "x", "projector": "x", "latent": 0,
                              "dropout": 1.0, "mixup": -1.0, "teacher": 1, "epsilon": 0.0},
    "dual_encoder": {"temperature": 0.0},
    "eszsl": {"alpha": 1000.0, "gamma": "high", "modality": 3},
    "fgan": {"readers": ("linear", "lstm"), "ratios": (0.0, 0.5), "margins": 1.0, "dim": 1,
             "backbones": (1, None), "tied": 1},
    "fusionnet_qsma": {"manifold__spread": "x", "head__weights": (1.0, 2.0),
                       "network__fused": "yes", "manifold__steps": 10**6},
    "gfzsl": {"shrinkage": 2.0, "kernel_gamma": -1.0, "modality": 3},
    "lcale": {"hidden": (0,), "regressor_hidden": 3, "decay_every": 0},
    "linear_cosine": {"temperature": 0.0, "dropout": 1.0, "head__weights": (1.0,), "modality": 3},
    "perfect_alignment": {"rank": 0, "random_state": 2**32, "tol": 1.0},
    "procrustes": {"n_components": 0, "whiten": 2, "pairs": "x", "covariances": "own"},
    "residual_adapter": {"ridge": 0.0, "ratio": 2.0},
    "ridge_map": {"alpha": 0.0, "target": 1, "whitening": 0.0},
    "sue": {"n_coordinates": 0, "neighbours": 1.5, "metric": "l2", "reg": -1.0, "pairs": 1,
            "steps": -1, "divergence": "w2", "hidden": 0, "lr": 0.0},
    "tip_adapter": {"head__alpha": -1.0, "head__beta": 0.0, "head__shots": 0},
}


def assigned(key, value) -> str:
    text = yaml.safe_dump(models_value(value), default_flow_style=True).strip()
    return f"{key}={text.removesuffix('...').strip()}"


def models_value(value):
    return [models_value(v) for v in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize(("name", "key"), [(n, k) for n, wrong in WRONG.items() for k in wrong])
def test_constructor_recipe_and_set_say_the_same(name, key, tmp_path):
    value = WRONG[name][key]
    model = models.get(name)(**{key: value})
    said = complaint(model._validate_params, f"{key}: got ")
    cls = type(model).__name__
    views, classes = toy_for(cls)
    assert complaint(lambda: model.fit(views, classes=classes)) == said
    assert complaint(lambda: parse_assignments([assigned(key, value)], models.get(name)())) == \
        f"--set {said}"
    assert complaint(lambda: parse_assignments(
        [assigned(key, (value,))], models.get(name)(), "--tune")) == f"--tune {said}"
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"model": name, "data": "CUB", "source": "me",
                                    "params": {key: models_value(value)}}))
    assert complaint(lambda: load_recipe(file)).endswith(f": params.{said}")


def test_every_model_is_tried():
    assert set(WRONG) == set(models.names())


@pytest.mark.parametrize("name", models.names())
def test_no_size_is_without_an_upper_end(name):
    model = models.get(name)()
    for key, allowed in model._parameter_constraints.items():
        for huge in (10**11, 10**30):
            assert not satisfies(huge, [c for c in allowed if "an int" in str(c)]), key


@pytest.mark.parametrize("name", models.names())
def test_what_a_model_tries_by_itself_is_within_its_ranges(name):
    cls = models.get(name)
    tried = [{key: value} for space in (cls.search_space, cls.sweeps)
             for key, values in space.items() for value in values]
    for params in [*tried, *cls.ablations.values()]:
        cls(**params)._validate_params()


def test_numbers_of_numpy_are_numbers():
    models.CCA(n_components=np.int64(3), reg=np.float32(0.5))._validate_params()
    models.ACMR(kl_ramp=[0, np.float64(3)])._validate_params()


def test_each_holds_of_every_item():
    pair = Each(Each(str, None, length=2))
    assert pair.is_satisfied_by([("a", None), ["b", "c"]])
    assert not pair.is_satisfied_by([("a", 1)])
    assert not pair.is_satisfied_by([])
    assert not pair.is_satisfied_by("ab")


def test_a_list_may_be_of_several_lengths():
    few = Each(int, length=(2, 3))
    assert [few.is_satisfied_by([1] * n) for n in range(5)] == [False, False, True, True, False]
    assert str(few).startswith("a list of 2 or 3 items, each ")
