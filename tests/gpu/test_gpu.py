"""On a GPU: what the CPU computes, no waiting inside an epoch, half precision, saved models.

Skipped where torch finds no GPU. Where it finds one, every other test trains on it as well, since
``device="auto"`` is the default.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import fitted, rows_of

from crossalign import models
from crossalign.losses import MARGINALS
from crossalign.models.roles import Aligner, ZeroShotClassifier
from crossalign.models.store import load_model
from crossalign.networks.topk import hard_topk, perturbed_topk
from crossalign.training.batch import Batch
from crossalign.training.run import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

NETWORKS = [name for name in models.__all__ if "device" in getattr(models, name)().get_params()]


def outputs(model, name, views):
    """Everything that a model says of its toy."""
    found = [model.embed(rows_of(name, m), m)
             for m in (model.modalities_ if isinstance(model, Aligner) else ())]
    if isinstance(model, ZeroShotClassifier):
        found.append(model.decision_function(views))
    return found


def assert_close(first, second, tolerance):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


class OnCPU:
    """A sampler that draws its rows on the CPU."""

    def __init__(self, sampler, device):
        self.sampler, self.device = sampler, device

    def epoch(self, n, labels, generator):
        labels = None if labels is None else labels.cpu()
        return self.sampler.epoch(n, labels, generator).to(self.device)


def on_cpu(draw):
    """A batch's way to draw, with the generator of the CPU."""
    def drawn(batch, *shape):
        there = Batch({"rows": torch.empty(len(batch), 0)}, generator=batch.generator)
        return draw(there, *shape).to(batch.device)

    return drawn


@pytest.fixture
def drawn_on_the_cpu(monkeypatch):
    """Noise and order of rows from the CPU's generator on either device; no dropout."""
    prepare = Run.__post_init__

    def prepared(run):
        prepare(run)
        run.generator, run.sampler = torch.Generator(), OnCPU(run.sampler, run.data.device)

    monkeypatch.setattr(Run, "__post_init__", prepared)
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    for name in ("normal", "uniform", "common_normal", "randperm"):
        monkeypatch.setattr(Batch, name, on_cpu(getattr(Batch, name)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_is_used_where_there_is_one(name):
    model, _, _ = fitted(name)
    assert {p.device.type for p in model.network_.parameters()} == {"cuda"}


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_numbers(name):
    (a, views, _), (b, _, _) = fitted(name), fitted(name)
    assert_close(outputs(a, name, views), outputs(b, name, views), 1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_on_a_gpu_and_used_on_a_cpu(name, tmp_path):
    model, views, _ = fitted(name)
    again = load_model(model.save(tmp_path / "model"))
    again.network_.cpu()
    assert_close(outputs(again, name, views), outputs(model, name, views), 1e-3)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_learns_alike(name, precision):
    epochs = {"epochs": 10}
    full, views, _ = fitted(name, **epochs)
    half, _, _ = fitted(name, precision=precision, **epochs)
    assert all(np.isfinite(x).all() for x in outputs(half, name, views))
    assert half.history_["loss"][-1] == pytest.approx(full.history_["loss"][-1], rel=0.1)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_waits_between_two_steps(name, monkeypatch):
    """But for a GRU, which asks how many words there are."""
    step, steps = Run.step, []

    def watched(run, rows):
        torch.cuda.set_sync_debug_mode("error" if len(steps) > 3 else "default")
        try:
            step(run, rows)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        steps.append(rows)

    monkeypatch.setattr(Run, "step", watched)
    readers = {"readers": ("linear", "attention")} if name == "FGAN" else {}
    fitted(name, epochs=3, batch_size=16, **readers)
    assert len(steps) == 9


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("pool", [None, "sum"])
def test_top_k_is_the_cpus(k, pool):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 9, generator=generator).mul(2).round().div(2)    # with ties
    noise = torch.randn(5, 200, 9, generator=generator)
    mask = torch.rand(5, 9, generator=generator) > 0.4
    weights = torch.randn(hard_topk(scores, k, pool=pool).shape, generator=generator)
    found = []
    for device in ("cpu", "cuda"):
        x = scores.clone().to(device).requires_grad_()
        y = perturbed_topk(x, k, noise.to(device), mask=mask.to(device), pool=pool)
        y.backward(weights.to(device))
        found.append((y, x.grad, hard_topk(x, k, mask.to(device), pool)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(b.cpu(), a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MARGINALS)
def test_divergences_are_the_cpus(name):
    generator = torch.Generator().manual_seed(0)
    x, y, noise = (torch.randn(n, 6, generator=generator) for n in (40, 50, 16))
    found = []
    for device in ("cpu", "cuda"):
        moved = x.clone().to(device).requires_grad_()
        value = MARGINALS[name](moved, y.to(device), noise.to(device))
        value.backward()
        found.append((value, moved.grad))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(b.cpu(), a, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_the_cpus(name, drawn_on_the_cpu):
    here, there = (fitted(name, device=device)[0].history_ for device in ("cpu", "cuda"))
    assert here.keys() == there.keys()
    for term, values in here.items():
        assert there[term] == pytest.approx(values, rel=2e-3, abs=2e-3), term
