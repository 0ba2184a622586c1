"""ACMR against its authors' formulas, written out naively, and the numbers known of it."""

import warnings

import numpy as np
import pytest
import torch

from crossalign.losses import gaussian_w2, kl_standard_normal
from crossalign.models import ACMR
from crossalign.networks import CrossVAE, InformationGate, cross_weighting, initialise
from crossalign.recipes import load_recipe
from crossalign.training import Batch, Ramp
from crossalign.types import CLASS_MODALITY, Classes, Views

AUTHORS = {"cub": {"kl": Ramp(0, 93, 2.555), "w2": Ramp(7, 22, 8.21),
                   "classification": Ramp(0, 21, 310.5 / 50)}}


def toy(n=40, seed=0):
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((5, 4)).astype(np.float32)
    labels = np.arange(n) % 4
    x = side[labels] @ rng.standard_normal((4, 8)) + 0.2 * rng.standard_normal((n, 8))
    return Views({"image": x}, labels), Classes(side, np.arange(5) < 4)


def fitted(**settings):
    views, classes = toy()
    model = ACMR(**{"latent": 3, "epochs": 1, "hidden": ((7, 6), (5, 4)), "device": "cpu",
                    **settings})
    return model.fit(views, classes=classes), views, classes


def naive_alignment(z_x, z_a, scale):
    """One sample at a time, one column at a time."""
    out_x, out_a = np.zeros_like(z_x), np.zeros_like(z_a)
    for b in range(len(z_x)):
        weights = np.zeros((z_x.shape[1],) * 2)
        for j in range(z_x.shape[1]):
            column = np.exp(z_x[b] * z_a[b, j] / scale)
            weights[:, j] = column / column.sum()
        out_x[b], out_a[b] = weights @ z_x[b], weights @ z_a[b]
    return out_x, out_a


def test_alignment_is_a_softmax_over_the_index_of_the_visual_code():
    z_x, z_a = np.random.default_rng(0).standard_normal((2, 6, 5))
    plain, scaled = naive_alignment(z_x, z_a, 1.0), naive_alignment(z_x, z_a, 5**0.5)
    x, a = torch.from_numpy(z_x), torch.from_numpy(z_a)
    for form, expected in (("plain", plain), ("scaled", scaled),
                           ("residual", (z_x + scaled[0], z_a + scaled[1]))):
        for found, wanted in zip(cross_weighting(x, a, form), expected, strict=True):
            np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9)


def test_the_gradient_of_the_alignment_is_that_of_its_formula():
    def formula(z_x, z_a, scale):
        weights = (scale * z_a[:, :, None] * z_x[:, None, :]).softmax(dim=2)
        return (torch.stack([z_x, z_a], dim=1) @ weights).unbind(dim=1)

    generator = torch.Generator().manual_seed(0)
    for size in (0.3, 3.0, 40.0):                       # 40: exponentials that would overflow
        z = [size * torch.randn(7, 6, generator=generator) for _ in range(2)]
        upstream = torch.randn(2, 7, 6, generator=generator)
        for form, scale in (("plain", 1.0), ("scaled", 6**-0.5)):
            leaves = [c.clone().requires_grad_() for c in z]
            ours = torch.stack(cross_weighting(*leaves, form))
            found = torch.autograd.grad(ours, leaves, upstream)
            exact = [c.double().requires_grad_() for c in z]
            wanted = torch.stack(formula(*exact, scale))
            expected = torch.autograd.grad(wanted, exact, upstream.double())
            torch.testing.assert_close(ours.double(), wanted, rtol=1e-4, atol=1e-4 * size)
            for f, e in zip(found, expected, strict=True):
                torch.testing.assert_close(f.double(), e, rtol=1e-3, atol=1e-3 * size**2)


def test_alignment_without_a_normaliser_saturates_as_codes_grow():
    """Entropy of the columns: 4.15 nats for small codes, 0.89 at scale 4, 3.13 there if scaled.

    The figures are of one small batch; with 50 samples their standard deviation is 0.04, so two
    of those are allowed.
    """
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 2000, 64)))

    def entropy(scale, normaliser=1.0):
        x, a = scale * z
        weights = (x[:, :, None] * a[:, None, :] / normaliser).softmax(dim=1)
        return float(-(weights * weights.clamp_min(1e-300).log()).sum(dim=1).mean())

    assert entropy(0.1) == pytest.approx(4.15, abs=0.02)
    assert entropy(4.0) == pytest.approx(0.89, abs=0.08)
    assert entropy(4.0, 8.0) == pytest.approx(3.13, abs=0.08)


def test_author_loss_is_the_authors_formula():
    """All terms but the classification's are sums over their batch of 50, ours means."""
    model, views, classes = fitted(variant="author")
    net = model.network_.double()
    rows = np.resize(np.arange(40), 50)
    x = {"image": views["image"][rows], CLASS_MODALITY: classes.embeddings[views.labels[rows]]}
    tensors = {m: torch.from_numpy(v).double() for m, v in x.items()}
    labels = torch.from_numpy(views.labels[rows])
    alpha, beta, lam = 0.7, 3.0, 120.0
    weights = {"kl": alpha, "w2": beta, "classification": lam / 50}
    batch = Batch(tensors, labels, weights={k: torch.tensor(v) for k, v in weights.items()},
                  generator=torch.Generator().manual_seed(3))
    found = net(batch, "acmr")["loss"].detach()

    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        mean, logvar = {}, {}
        for i, m in enumerate(("image", CLASS_MODALITY)):
            mu, lv = net.vae.encode(tensors[m], m)
            both = torch.cat([mu, lv], dim=1)[:, torch.randperm(6, generator=generator)]
            gate = torch.sigmoid(net.gates[i].weigh(both))
            mean[m], logvar[m] = gate * mu, gate * lv
        z = {m: mean[m] + logvar[m].exp() * torch.randn(50, 1, generator=generator)
             for m in mean}
        rec = sum((net.vae.decode(z[m], m) - tensors[m]).abs().sum() for m in z)
        kl = sum(-0.5 * (1 + logvar[m] - mean[m]**2 - logvar[m].exp()).sum() for m in z)
        distance = ((mean["image"] - mean[CLASS_MODALITY]).square().sum(1)
                    + (logvar["image"].exp().sqrt() - logvar[CLASS_MODALITY].exp().sqrt())
                    .square().sum(1)).sqrt().sum()
        codes = naive_alignment(z["image"].numpy(), z[CLASS_MODALITY].numpy(), 1.0)
        errors = sum(torch.nn.functional.nll_loss(
            net.classifiers[i](torch.from_numpy(code)).log_softmax(dim=1), labels)
            for i, code in enumerate(codes))
        theirs = rec + alpha * kl + beta * distance + lam * errors
    torch.testing.assert_close(found, theirs / 50, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("side", "features", "decoder", "parameters"), [
    (312, 2048, 1660, 7_796_471), (102, 2048, 1660, 7_352_111), (85, 2048, 1660, 7_316_139)])
def test_backbone_has_the_authors_parameters(side, features, decoder, parameters):
    vae = CrossVAE({"image": features, "class": side}, 64, {"image": (1560,), "class": (1450,)},
                   {"image": (decoder,), "class": (665,)})
    assert sum(p.numel() for p in vae.parameters()) == parameters


def test_ramps_are_the_authors_for_cub():
    model = load_recipe("acmr-cub").estimator()
    assert model._weights() == AUTHORS["cub"]
    weights = model.set_params(classification=100.5)._weights()
    assert weights["classification"](19 / 2) == pytest.approx(100.5 / 50 * 9.5 / 21)
    assert (weights["kl"](93), weights["w2"](7), weights["w2"](22)) == (2.555, 0, 8.21)


def test_two_evaluations_agree_in_clean_and_differ_in_author():
    """With the authors' initialisation two passes differ by some ten per cent of their norm."""
    gate = InformationGate(64)
    generator = torch.Generator().manual_seed(0)
    initialise(gate, generator, "xavier")
    mean, logvar = torch.randn((2, 500, 64), generator=generator)
    with torch.no_grad():
        passes = [torch.cat(gate(mean, logvar, torch.randperm(128, generator=generator)))
                  for _ in range(2)]
    assert float((passes[0] - passes[1]).norm() / passes[0].norm()) == pytest.approx(0.097,
                                                                                     abs=0.03)
    for variant, differ in (("clean", False), ("author", True)):
        model, views, _ = fitted(variant=variant)
        first, second = (model.embed(views["image"], "image") for _ in range(2))
        assert (not np.array_equal(first, second)) == differ == model.stochastic_evaluation


def test_the_gate_keeps_shapes_and_learns_from_the_kl_term():
    model, views, _ = fitted()
    net = model.network_
    x = torch.from_numpy(views["image"][:8])
    plain = net.gates[0](*net.vae.encode(x, "image"))
    permuted = net.gates[0](*net.vae.encode(x, "image"), torch.randperm(6))
    assert [p.shape for p in plain] == [p.shape for p in permuted] == [(8, 3)] * 2
    for codes in (plain, permuted):
        gradients = torch.autograd.grad(kl_standard_normal(*codes), list(net.gates[0].parameters()),
                                        retain_graph=True)
        assert all(float(g.abs().sum()) > 0 for g in gradients)


def test_the_gradient_is_finite_where_both_modalities_coincide():
    mean = torch.randn(4, 3, requires_grad=True)
    gaussian_w2(mean, mean.exp(), mean, mean.exp()).backward()
    assert mean.grad.isfinite().all()


@pytest.mark.parametrize("row", ACMR.ablations)
def test_every_row_of_the_ablation_changes_the_graph(row):
    model, _, _ = fitted(**ACMR.ablations[row])
    off = ACMR.ablations[row]
    assert (len(model.network_.gates) == 0) == (off.get("iem") == "off")
    assert (len(model.network_.classifiers) == 0) == (off.get("vsa") == "off")
    assert ("classification" in model.history_) == (off.get("vsa") != "off")


def test_the_scaled_form_without_a_residual_warns():
    with pytest.warns(UserWarning, match="residual"):
        fitted(vsa="scaled")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(vsa="residual")


def test_samples_without_labels_are_refused():
    views, classes = toy()
    with pytest.raises(ValueError, match="learns from labels"):
        ACMR().fit(views.with_labels(None), classes=classes)


def test_heads_share_one_training():
    views, classes = toy()
    base = ACMR(latent=3, epochs=1, hidden=((7, 6), (5, 4)), head="softmax")
    points = [{"kl": 1.0, "head__epochs": 2}, {"kl": 1.0, "head__epochs": 3}, {"kl": 2.0}]
    models = list(base.fit_path(views, points, classes=classes))
    assert models[0].network_ is models[1].network_
    assert models[0].network_ is not models[2].network_
    assert [m.get_params()["head__epochs"] for m in models] == [2, 3, 23]
    assert [m.kl for m in models] == [1.0, 1.0, 2.0]
