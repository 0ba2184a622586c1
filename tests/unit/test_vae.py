"""The VAE objective against the papers' formulas, written out naively."""

import numpy as np
import pytest
import torch

from crossalign.models import CADAVAE, GFZSL, LCALE, RidgeMap
from crossalign.tasks import ZeroShot
from crossalign.training import Batch, Ramp
from crossalign.types import CLASS_MODALITY, Classes, Views


def toy(n=40, seed=0):
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((5, 4)).astype(np.float32)
    labels = np.arange(n) % 4
    z = side[labels] + 0.2 * rng.standard_normal((n, 4))
    views = Views({"image": z @ rng.standard_normal((4, 8)),
                   "text": z @ rng.standard_normal((4, 6))}, labels)
    return views, Classes(side, np.arange(5) < 4)


def prepared(model, X, classes):
    """The model's objective and its scaled training rows, without training."""
    return model.set_params(epochs=1, device="cpu").fit(X, classes=classes).network_.double()


def batch(x, weights, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch({m: torch.from_numpy(v).double() for m, v in x.items()},
                 weights={k: torch.tensor(v) for k, v in weights.items()}, generator=generator)


def test_cada_loss_is_the_authors_formula():
    views, classes = toy()
    model = CADAVAE(latent=3, sampler="author", head="prototype")
    net = prepared(model, views.select("image"), classes)
    x = {"image": views["image"][:7], CLASS_MODALITY: classes.embeddings[views.labels[:7]]}
    weights = {"kl": 0.2, "cross": 1.3, "w2": 4.0}
    found = net(batch(x, weights), "vae")

    generator = torch.Generator().manual_seed(0)
    v, a = (torch.from_numpy(x[m]).double() for m in ("image", CLASS_MODALITY))
    with torch.no_grad():
        (mv, lv), (ma, la) = net.vae.encode(v, "image"), net.vae.encode(a, CLASS_MODALITY)
        zv = mv + lv.exp() * torch.randn(7, 1, generator=generator)
        za = ma + la.exp() * torch.randn(7, 1, generator=generator)
        decode = net.vae.decode
        rec = (decode(zv, "image") - v).abs().sum() + (decode(za, CLASS_MODALITY) - a).abs().sum()
        cross = (decode(za, "image") - v).abs().sum() + (decode(zv, CLASS_MODALITY) - a).abs().sum()
        kl = sum(-0.5 * (1 + s - m**2 - s.exp()).sum() for m, s in ((mv, lv), (ma, la)))
        w2 = ((mv - ma).square().sum(1)
              + (lv.exp().sqrt() - la.exp().sqrt()).square().sum(1)).sqrt().sum()
        expected = (rec + 0.2 * kl + 1.3 * cross + 4.0 * w2) / 7       # theirs sums the batch
    torch.testing.assert_close(found["loss"].detach(), expected, rtol=1e-6, atol=1e-6)


def test_cada_ramps():
    kl, cross, w2 = (CADAVAE()._weights()[t] for t in ("kl", "cross", "w2"))
    assert (kl, cross, w2) == (Ramp(0, 93, 0.25), Ramp(21, 75, 2.37), Ramp(6, 22, 8.13))
    assert [round(w(0), 6) for w in (kl, cross, w2)] == [0, 0, 0]
    assert kl(22) == pytest.approx(22 / 93 * 0.25)
    assert cross(22) == pytest.approx(2.37 / 54)
    assert w2(22) == 8.13
    assert (kl(75), cross(75)) == (pytest.approx(75 / 93 * 0.25), 2.37)
    assert (kl(93), cross(93), w2(93)) == (0.25, 2.37, 8.13)


@pytest.mark.parametrize("term", ["kl", "cross", "w2", "mmd", "cycle"])
def test_a_zero_weight_leaves_its_term_out_of_the_graph(term):
    views, classes = toy()
    settings = {"latent": 3, "hidden": (8, 4), "epochs": 1}
    full = LCALE(**settings).fit(views, classes=classes)
    ablated = LCALE(**settings, **{term: 0.0}).fit(views, classes=classes)
    assert term in full.history_
    assert term not in ablated.history_
    regressors = list(ablated.network_.regressors.parameters())
    assert (len(regressors) == 0) == (term == "cycle")


def test_lcale_aligns_views_through_the_class_and_with_each_other():
    views, classes = toy()
    model = LCALE(latent=3, hidden=(8, 4), epochs=1).fit(views, classes=classes)
    assert model.network_.aligned_pairs() == [("image", CLASS_MODALITY), ("text", CLASS_MODALITY)]
    assert model.network_.instance_pairs() == [("image", "text")]
    unlabelled = LCALE(latent=3, hidden=(8, 4), epochs=1).fit(views.with_labels(None))
    assert unlabelled.network_.aligned_pairs() == [("image", "text")]
    assert "cycle" not in unlabelled.history_


def test_lcale_codes_the_class_by_one_hot_without_side_information():
    views, _ = toy()
    bare = Classes(np.zeros((5, 0)), np.arange(5) < 4)
    model = LCALE(latent=3, hidden=(8, 4), epochs=1).fit(views, classes=bare)
    assert model.widths_[CLASS_MODALITY] == 4


def test_alternate_update_moves_every_part():
    views, classes = toy()
    model = LCALE(latent=3, hidden=(8, 4), epochs=2, update="alternate").fit(views, classes=classes)
    assert {name.split("/")[0] for name in model.history_ if "/" in name} == {
        "vae.encoders", "vae.decoders", "regressors"}


def test_training_lowers_the_loss_and_finds_unseen_classes():
    rng = np.random.default_rng(0)
    side = rng.standard_normal((12, 6)).astype(np.float32)
    labels = np.repeat(np.arange(12), 30)
    x = side[labels] @ rng.standard_normal((6, 20)) + 0.1 * rng.standard_normal((360, 20))
    views, classes = Views({"image": x}, labels), Classes(side, np.arange(12) < 9)
    train, test = views[labels < 9], views[labels >= 9]
    model = CADAVAE(latent=8, epochs=100, lr=1e-3, scaling="standard", kl=0.01, head__epochs=40,
                    head__seen_samples=30, head__unseen_samples=30).fit(train, classes=classes)
    assert model.history_["reconstruction"][-1] < 0.5 * model.history_["reconstruction"][0]
    for head in ("prototype", "softmax"):
        scores = ZeroShot(model, head=head).fit(train, classes).decision_function(test)
        accuracy = (scores[:, 9:].argmax(axis=1) + 9 == test.labels).mean()
        assert accuracy > 0.6, head                              # chance is one third


def test_gaussian_head_is_gfzsl_on_codes():
    views, classes = toy()
    train = views.select("image")
    model = CADAVAE(latent=3, epochs=1, head="gaussian").fit(train, classes=classes)
    head = ZeroShot(model).fit(train, classes)
    codes = Views({"code": model.project(train["image"], "image")}, train.labels)
    alone = GFZSL(kernel_gamma=1.0, ridge=0.03, shrinkage=0.6).fit(codes, classes=classes)
    np.testing.assert_allclose(head.decision_function(train), alone.decision_function(codes))
    assert head.decision_function(train[:3]).shape == (3, 5)
    linear = ZeroShot(RidgeMap().fit(views, classes=classes), head="gaussian").fit(views, classes)
    assert linear.decision_function(views).shape == (40, 5)


def test_softmax_head_gives_log_probabilities():
    views, classes = toy()
    train = views.select("image")
    model = CADAVAE(latent=3, epochs=1, head__epochs=1, head__seen_samples=5,
                    head__unseen_samples=7)
    head = ZeroShot(model.fit(train, classes=classes)).fit(train, classes)
    scores = head.decision_function(train)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)
    strict = ZeroShot(model, gamma=1e6).fit(train, classes)
    assert (strict.predict(train) == 4).all()                   # only the unseen class is left


def test_sampling_follows_the_sampler():
    views, classes = toy()
    for sampler, shared in (("author", True), ("textbook", False)):
        model = CADAVAE(latent=3, epochs=1, sampler=sampler).fit(views.select("image"),
                                                                 classes=classes)
        mean, std = model.class_distribution(classes.embeddings)
        codes = model.sample(classes.embeddings, 4000, random_state=0)
        scale = std**2 if shared else std
        np.testing.assert_allclose(codes.std(axis=1) / scale, 1, atol=0.05)
        noise = (codes[0] - mean[0]) / scale[0]
        correlation = np.corrcoef(noise.T)[0, 1]
        assert correlation == pytest.approx(1.0 if shared else 0.0, abs=0.06)
