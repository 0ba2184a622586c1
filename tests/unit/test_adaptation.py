"""Labels in one domain, none in another: the divergences, the network and what it learns."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError

from crossalign.losses import mmd, sliced_w2
from crossalign.losses.coral import coral
from crossalign.models.adaptation_objective import DIVERGENCES, AdaptationNetwork, Codes
from crossalign.sampling import directions
from crossalign.tasks.adaptation import WEIGHTS, Adaptation
from crossalign.training import Batch
from crossalign.types import Views


def domains(seed=0, shift=2.0, per_class=60, noise=0.4):
    """Four classes that twelve features tell, and again, but six of those lie.

    In the second domain they are shifted on the way from the first class to the second.
    """
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(4, 12))
    labels = np.repeat(np.arange(4), per_class)
    source, target = (centres[labels] + noise * rng.normal(size=(len(labels), 12)) for _ in "st")
    target[:, :6] += shift * (centres[1] - centres[0])[:6]
    return Views({"image": source}, labels), Views({"sketch": target}, labels)


def fitted(divergence="qsma", source=None, target=None, **kw):
    first, second = domains()
    options = {"epochs": 20, "batch_size": 64, "hidden": 32, "latent": 8, "device": "cpu", **kw}
    return Adaptation(divergence, **options).fit(first if source is None else source,
                                                 second if target is None else target)


def accuracy(task, target):
    return float((task.predict(target) == target.truth).mean())


# -- divergences ---------------------------------------------------------------------------------
def test_coral_is_the_distance_of_covariances():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(7, 3)) * [1, 2, 3]
    expected = 0.0
    for i in range(3):
        for j in range(3):
            expected += (np.cov(x.T)[i, j] - np.cov(y.T)[i, j])**2 / (4 * 9)
    first, second = torch.tensor(x, requires_grad=True), torch.tensor(y)
    value = coral(first, second)
    assert value.item() == pytest.approx(expected)
    assert coral(first, first + 5).item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.gradcheck(lambda z: coral(z, second), first)


def test_coral_needs_rows_of_one_width():
    with pytest.raises(ValueError, match="give rows of the same width"):
        coral(torch.zeros(4, 3), torch.zeros(4, 2))


def codes(confident=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source, target = (torch.nn.functional.normalize(
        torch.randn(10, 4, generator=generator, dtype=torch.float64), dim=1) for _ in "st")
    beliefs = torch.rand(10, 3, generator=generator, dtype=torch.float64).softmax(dim=1)
    return Codes(source, torch.arange(10) % 3, target, beliefs,
                 torch.ones(10, dtype=torch.bool) if confident is None else confident,
                 torch.randn(4, 4, generator=generator, dtype=torch.float64))


def test_marginal_divergences_are_those_of_the_losses():
    z = codes()
    assert DIVERGENCES["mmd"](z) == mmd(z.source, z.target, scales=(0.25, 1.0, 4.0))
    gap = np.cov(z.source.numpy().T) - np.cov(z.target.numpy().T)
    assert DIVERGENCES["coral"](z).item() == pytest.approx((gap**2).sum() / 4)


def test_qsma_adds_confident_class_gaussians_to_sliced_samples():
    confident = torch.tensor([True] * 7 + [False] * 3)
    z = codes(confident)
    marginal = sliced_w2(z.source, z.target, directions(z.noise, "orthogonal")).item()
    guessed, distances = z.beliefs.argmax(dim=1)[:7].numpy(), []
    for c in range(3):
        if (guessed == c).any():
            a, b = z.source[z.labels == c].numpy(), z.target[:7].numpy()[guessed == c]
            distances.append(((a.mean(axis=0) - b.mean(axis=0))**2).sum()
                             + ((a.std(axis=0) - b.std(axis=0))**2).sum())
    found = DIVERGENCES["qsma"](z).item()
    assert found == pytest.approx(marginal + np.mean(distances), rel=1e-4)
    nobody = DIVERGENCES["qsma"](codes(torch.zeros(10, dtype=torch.bool))).item()
    assert nobody == pytest.approx(marginal)


# -- the network ---------------------------------------------------------------------------------
def network(divergence="qsma", entropy=False, confidence=0.5):
    torch.manual_seed(0)
    return AdaptationNetwork(torch.randn(30, 5), 3, divergence, entropy, hidden=16, latent=4,
                             dropout=0.0, confidence=confidence)


def batch(seed=0, **weights):
    values = {"divergence": 0.5, "entropy": 0.25, **weights}
    return Batch({"rows": torch.randn(12, 5, generator=torch.Generator().manual_seed(9))},
                 torch.arange(12) % 3, weights={n: torch.tensor(w) for n, w in values.items()},
                 generator=torch.Generator().manual_seed(seed))


def test_loss_is_the_weighted_sum_of_its_terms():
    net = network(entropy=True)
    losses = net(batch(), "adaptation")
    assert set(losses) == {"loss", "classification", "divergence", "confident", "entropy"}
    total = losses["classification"] + 0.5 * losses["divergence"] + 0.25 * losses["entropy"]
    assert losses["loss"].item() == pytest.approx(total.item())
    rows = next(iter(batch().views.values()))
    z = net.encode(rows)
    np.testing.assert_allclose(z.norm(dim=1).detach(), 1, rtol=1e-5)
    cross = torch.nn.functional.cross_entropy(net.logits(z), batch().labels)
    assert losses["classification"].item() == pytest.approx(cross.item(), rel=1e-5)
    drawn = (batch().uniform(1)[:, 0] * 30).long()
    p = net.logits(net.encode(net.target[drawn])).softmax(dim=1).detach().numpy()
    assert losses["entropy"].item() == pytest.approx(-(p * np.log(p)).sum(axis=1).mean(), rel=1e-4)
    assert losses["confident"].item() == pytest.approx((p.max(axis=1) >= 0.5).mean())


def test_terms_that_are_off_are_absent():
    assert set(network(None)(batch(), "adaptation")) == {"loss", "classification"}
    assert set(network("mmd")(batch(), "adaptation")) == {"loss", "classification", "divergence",
                                                          "confident"}
    first, again, other = (network()(batch(seed), "adaptation")["divergence"].item()
                           for seed in (0, 0, 1))
    assert first == again != other


def test_no_gradient_passes_through_pseudo_labels():
    net = network(confidence=0.0)
    loss = net(batch(), "adaptation")["divergence"]
    (gradient,) = torch.autograd.grad(loss, net.classifier.weight, allow_unused=True)
    assert gradient is None


# -- what it learns ------------------------------------------------------------------------------
def test_adaptation_recognises_what_the_source_alone_does_not():
    _, target = domains()
    alone, *adapted = (fitted(divergence) for divergence in ("none", "mmd", "qsma"))
    assert accuracy(alone, target) < 0.6
    source, _ = domains()
    for task in adapted:
        assert accuracy(task, target) > accuracy(alone, target) + 0.2
        assert (task.predict_source(source) == source.truth).mean() > 0.93


def test_without_a_shift_nothing_is_lost():
    source, target = domains(shift=0.0)
    for divergence in WEIGHTS:
        assert accuracy(fitted(divergence, source, target), target) > 0.93


def test_standardising_each_domain_removes_a_shift_by_itself():
    source, target = domains()
    far = Views({"sketch": 3 * target["sketch"] - 40}, target.truth)
    alone = fitted("none", source, target, standardise="domain")
    other = fitted("none", source, far, standardise="domain")
    np.testing.assert_array_equal(alone.predict(target), other.predict(far))
    assert accuracy(alone, target) > 0.95
    assert accuracy(fitted("none", source, far), far) < 0.6


def test_target_labels_are_not_read():
    source, target = domains()
    hidden = fitted(target=target.with_labels(None))
    wrong = fitted(target=target.with_labels(np.roll(target.truth, 60)))
    np.testing.assert_array_equal(hidden.predict_proba(target), wrong.predict_proba(target))
    assert source.labels is not None


def test_the_seed_decides():
    _, target = domains()
    first, again, other = (fitted(random_state=s, epochs=3) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.predict_proba(target), again.predict_proba(target))
    assert np.abs(first.predict_proba(target) - other.predict_proba(target)).max() > 1e-3
    assert first.history_ == again.history_


def test_labels_keep_their_numbers():
    source, target = domains()
    names = np.array([2, 3, 5, 11])
    task = fitted(source=source.with_labels(names[source.truth]), epochs=5)
    np.testing.assert_array_equal(task.classes_, names)
    plain = fitted(epochs=5)
    np.testing.assert_array_equal(task.predict(target), names[plain.predict(target)])
    probabilities = task.predict_proba(target["sketch"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(names[probabilities.argmax(axis=1)], task.predict(target))


def test_weights_rise_to_the_middle_and_entropy_falls():
    source, target = domains(shift=1.0)
    plain, sure = (fitted("none", source, target, entropy=e) for e in (0.0, 5.0))
    assert "entropy" not in plain.history_
    entropy = [-(p * np.log(p + 1e-12)).sum(axis=1).mean()
               for p in (task.predict_proba(target) for task in (plain, sure))]
    assert entropy[1] < 0.75 * entropy[0]
    task = fitted("mmd", epochs=6, weight=2.0)
    surplus = np.subtract(task.history_["loss"], task.history_["classification"])
    share = surplus / task.history_["divergence"]
    np.testing.assert_allclose(share, [0, 2 / 3, 4 / 3, 2, 2, 2], atol=1e-5)
    assert all(0 <= s <= 1 for s in task.history_["confident"])
    assert "divergence" not in fitted("mmd", epochs=1, weight=0.0).history_


SOURCE, TARGET = domains()


@pytest.mark.parametrize(("call", "match"), [
    (lambda: fitted("jdot"), "divergence: got 'jdot'"),
    (lambda: fitted(standardise="both"), "standardise: got 'both'"),
    (lambda: fitted(weight=-1.0), "weight: got -1.0"),
    (lambda: fitted(entropy=-0.1), "entropy: got -0.1"),
    (lambda: fitted(confidence=1.5), "confidence: got 1.5"),
    (lambda: fitted(batch_size=8), r"batch_size: got 8; give an int in the range \[16, inf\)"),
    (lambda: fitted(source=SOURCE.with_labels(None)), "unlabelled"),
    (lambda: fitted(source=SOURCE[:60]), "source: 1 class; give two or more"),
    (lambda: fitted(target=Views({"sketch": np.zeros((5, 4))})), "target: width 4 for a source of "
                                                                "width 12"),
    (lambda: fitted(target=Views({"sketch": np.zeros((5, 2, 12))})), "holds tokens of shape"),
    (lambda: fitted(epochs=0), "epochs: got 0"),
    (lambda: fitted(epochs=1).predict(np.zeros((2, 5))), r"x: shape \(2, 5\) for 'target'"),
    (lambda: fitted(epochs=1).predict(np.full((2, 12), np.nan)), "x: row 0 of 'target' holds NaN"),
    (lambda: fitted(epochs=1).predict(csr_array(np.zeros((2, 12)))), "a sparse matrix"),
    (lambda: fitted(epochs=1).predict_source(np.ma.masked_array(np.zeros((2, 12)), np.eye(2, 12))),
     "x: 'source': a masked array with 2 masked")])
def test_bad_adaptations(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_it_must_be_fitted_first():
    with pytest.raises(NotFittedError):
        Adaptation().predict(TARGET)
