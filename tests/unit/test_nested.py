"""Parameters of parts are parameters of the whole, in every spelling, and stay what they are."""

from __future__ import annotations

import pytest
from complaints import complaint
from sklearn.base import clone

from crossalign.heads import Fused, Gaussian, Softmax
from crossalign.models import ACMR, CADAVAE, FusionNetQSMA, LinearCosine
from crossalign.models.fusionnet.settings import GROUPS, PRESETS, Manifold
from crossalign.tasks import FewShot, ZeroShot


def test_a_parameter_of_a_part_is_one_of_the_whole_however_it_is_given():
    ways = [CADAVAE(head=Softmax(epochs=3)), CADAVAE(head__epochs=3),
            CADAVAE().set_params(head__epochs=3), CADAVAE().set_params(head=Softmax(epochs=3)),
            ACMR(head="softmax").set_params(head__epochs=3)]
    for model in ways:
        assert model.get_params()["head__epochs"] == 3
        assert model.plain_params()["head"] == "softmax"
        assert clone(model).get_params() == model.get_params()
        assert type(model)().set_params(**model.plain_params()).get_params() == model.get_params()


def test_what_is_set_in_one_model_is_not_set_in_another():
    head = Softmax()
    one, two = CADAVAE(head=head), CADAVAE(head=head)
    one.set_params(head__epochs=3)
    assert (one.get_params()["head__epochs"], two.get_params()["head__epochs"]) == (3, 23)
    assert head.epochs == 23


def test_a_name_is_the_part_with_defaults():
    assert Softmax() == "softmax"
    assert Softmax(epochs=3) != "softmax"
    assert Gaussian() != "softmax"
    assert Manifold() == None  # noqa: E711  # the group that stands where nothing is given
    assert CADAVAE(head__epochs=23).head == "softmax"
    assert CADAVAE(head=Softmax()).get_params() == CADAVAE().get_params()
    assert CADAVAE(head__epochs=3).set_params(head="softmax").get_params()["head__epochs"] == 23


def test_a_part_that_is_not_there_has_no_parameters():
    assert "head__epochs" not in ACMR().get_params()
    with pytest.raises(ValueError, match="epochs"):
        ACMR(head__epochs=3)
    with pytest.raises(ValueError, match="neck"):
        ACMR(neck=3)
    complaint(lambda: ACMR(head="sofmax")._validate_params(), "head: got 'sofmax'", "'softmax'")
    complaint(lambda: CADAVAE(head__epochs=0)._validate_params(), "head__epochs: got 0")
    complaint(lambda: FusionNetQSMA(manifold__steps=-1)._validate_params(), "manifold__steps: got")


def test_presets_and_ablations_name_parameters_that_there_are():
    known = FusionNetQSMA().get_params()
    for values in [*PRESETS.values(), *FusionNetQSMA.ablations.values()]:
        assert set(values) <= set(known)
    for values in PRESETS.values():
        FusionNetQSMA(**values)._validate_params()
        assert {name for name in known if name.endswith(("latent", "hidden"))} <= set(values)
    none = {name for name, value in known.items() if value is None}
    assert none - set(GROUPS) - {"whitening"} == set(PRESETS["gzsl"]) == set(PRESETS["retrieval"])


def test_the_search_space_follows_the_head():
    assert "head__weights" in LinearCosine().grid()
    assert "head__weights" not in LinearCosine(head="prototype").grid()
    assert "head__weights" not in LinearCosine().grid(fixed=["head__weights"])
    assert "head" in ACMR().grid()
    assert "head" not in ACMR().grid(fixed=["head__ridge"])


def test_a_task_uses_the_models_own_head_where_it_has_that_name():
    model = LinearCosine(head=Fused(weights=(1.0, 1.0, 1.0)))
    for head in ("auto", "fused"):
        assert ZeroShot(model, head).get_params()["head__weights"] == (1.0, 1.0, 1.0)
    assert ZeroShot(model, Fused()).get_params()["head__weights"] == (1.0, 0.5, 0.25)
    assert ZeroShot(model).set_params(head="gaussian", head__ridge=2.0).head == Gaussian(ridge=2.0)
    assert FewShot(model, head__ridge=2.0).head == Gaussian(ridge=2.0)
    complaint(lambda: FewShot(model, head="fused"), "head: 'fused' does not learn from a few")
