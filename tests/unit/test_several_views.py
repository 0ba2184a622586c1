"""A sample of several views is recognised, retrieved and rejected by all that it has."""

from __future__ import annotations

import numpy as np
import pytest

from crossalign.heads.base import codes_of
from crossalign.models import CCA, LCALE, FusionNetQSMA, RidgeMap
from crossalign.models.rows import unit_rows
from crossalign.models.several_views import joined
from crossalign.tasks import Rejection, Retriever, ZeroShot
from crossalign.types import Classes, Views

HEADS = ("prototype", "gaussian", "fused")


def world(seed=0, seen=24, unseen=8, per_class=12):
    """Classes by side information; each view shows half of it well and the rest badly."""
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((seen + unseen, 6)).astype(np.float32)
    labels = np.repeat(np.arange(seen + unseen), per_class)
    data = {}
    for m, width, half in (("image", 12, slice(0, 3)), ("text", 9, slice(3, 6))):
        noise = np.full(6, 1.5)
        noise[half] = 0.3
        z = side[labels] + noise * rng.standard_normal((len(labels), 6))
        data[m] = z @ rng.standard_normal((6, width))
    views = Views(data, labels)
    classes = Classes(side, np.arange(seen + unseen) < seen)
    return views[labels < seen], views[labels >= seen], classes


@pytest.fixture(scope="module")
def fitted():
    train, test, classes = world()
    model = FusionNetQSMA(preset="gzsl", network__latent=32, network__hidden=64, epochs=12,
                          batch_size=32,
                          device="cpu").fit(train, classes=classes)
    return model, train, test, classes


def t1(head, test):
    scores = head.decision_function(test)
    scores[:, head.classes_.seen] = -np.inf
    return (scores.argmax(axis=1) == test.truth).mean()


def lacking(views, rate, seed=1):
    """The same samples, of which each lacks one of its views at that rate, with garbage there."""
    rng = np.random.default_rng(seed)
    lost = rng.random(len(views)) < rate
    first = rng.random(len(views)) < 0.5
    present = {"image": ~(lost & first), "text": ~(lost & ~first)}
    data = {m: np.where(here[:, None], views[m], 99.0) for m, here in present.items()}
    return Views(data, views.labels, present=present)


@pytest.mark.parametrize("kind", HEADS)
def test_two_views_are_better_than_either_and_a_missing_one_costs_little(kind, fitted):
    model, train, test, classes = fitted
    head = ZeroShot(model, head=kind).fit(train, classes)
    both = t1(head, test)
    one = [t1(head, test.select(m)) for m in ("image", "text")]
    some = t1(head, lacking(test, 0.2))
    assert both > max(one) + 0.05
    assert both >= some > both - 0.2 * (both - min(one)) - 0.06


@pytest.mark.parametrize("kind", HEADS)
def test_a_second_view_of_noise_changes_the_scores(kind, fitted):
    model, train, test, classes = fitted
    head = ZeroShot(model, head=kind).fit(train, classes)
    noise = Views({"image": test["image"],
                   "text": np.random.default_rng(0).standard_normal(test["text"].shape)},
                  test.labels)
    assert np.abs(head.decision_function(noise) - head.decision_function(test)).max() > 0.1
    assert t1(head, noise) < t1(head, test)


@pytest.mark.parametrize("kind", HEADS)
def test_one_view_scores_as_it_did_whatever_form_it_comes_in(kind, fitted):
    model, train, test, classes = fitted
    head = ZeroShot(model, head=kind).fit(train, classes)
    alone = head.decision_function(test.select("image"))
    np.testing.assert_array_equal(head.decision_function(test["image"]), alone)
    absent = Views({m: test[m] for m in test.modalities},
                   present={"text": np.zeros(len(test), dtype=bool)})
    np.testing.assert_allclose(head.decision_function(absent), alone, rtol=1e-3, atol=1e-3)


def test_a_sample_without_any_view_is_refused(fitted):
    model, train, test, classes = fitted
    none = np.arange(len(test)) < 3
    empty = Views({m: test[m] for m in test.modalities}, present=dict.fromkeys(
        test.modalities, ~none))
    with pytest.raises(ValueError, match=r"3 samples have none of \['image', 'text'\]"):
        ZeroShot(model).fit(train, classes).decision_function(empty)
    with pytest.raises(ValueError, match="3 samples lack 'image'"):
        ZeroShot(model).fit(train, classes).decision_function(empty.select("image"))


def test_gaussians_of_views_are_their_gated_product(fitted):
    model, _, test, _ = fitted
    mean, std = model.embed_distribution(test, ["image", "text"])
    weight, total = 0.0, 0.0
    gates = model.network_.fusion.gates
    for m, gate in zip(("image", "text"), gates, strict=True):
        mu, sigma = model.embed_distribution(test[m], m)
        open_ = 2 / (1 + np.exp(-(mu @ gate.weight.detach().numpy().T
                                  + gate.bias.detach().numpy())))
        weight = weight + open_ / sigma**2
        total = total + open_ / sigma**2 * mu
    np.testing.assert_allclose(mean, unit_rows(total / weight), atol=1e-4)
    np.testing.assert_allclose(std, weight**-0.5, rtol=1e-3)


def test_sureness_is_of_all_views(fitted):
    model, train, test, classes = fitted
    head = ZeroShot(model).fit(train, classes)
    sure = Rejection(head, "uncertainty", threshold=0.0)
    both, one = sure.score_samples(test), sure.score_samples(test.select("image"))
    assert (both > one).mean() > 0.95                  # two observations are surer than one
    parts = [test[:10], test[10:]]
    whole = joined(parts, head.views_)
    assert whole.modalities == ("image", "text")
    rejection = Rejection(head, "max_probability").fit(parts, coverage=0.9)
    assert (rejection.predict(whole) >= 0).mean() == pytest.approx(0.9, abs=0.02)
    some = joined([lacking(test, 0.5)[:10], test[10:]], head.views_)
    assert some.present["text"][10:].all()
    assert not some.present["text"][:10].all()


def test_other_models_of_many_views_are_fused_without_gates():
    train, test, classes = world(seen=12, unseen=4)
    model = LCALE(latent=8, hidden=(32, 16), epochs=8, head__epochs=2, device="cpu",
                  lr=1e-3).fit(train, classes=classes)
    mean, std = model.embed_distribution(test, ["image", "text"])
    parts = [model.embed_distribution(test[m], m) for m in ("image", "text")]
    precision = sum(s**-2.0 for _, s in parts)
    np.testing.assert_allclose(std, precision**-0.5, rtol=1e-3)
    np.testing.assert_allclose(mean, sum(m * s**-2.0 for m, s in parts) / precision, rtol=1e-3,
                               atol=1e-4)
    head = ZeroShot(model, head="softmax").fit(train, classes)
    assert head.decision_function(lacking(test, 0.3)).shape == (len(test), 16)


@pytest.mark.parametrize("model", [RidgeMap(), CCA(), FusionNetQSMA(
    network__latent=16, network__hidden=32, epochs=6, device="cpu", batch_size=32)])
def test_a_query_asks_with_all_the_views_it_has(model):
    train, test, _ = world(seen=16, unseen=8)
    model.fit(train)
    gallery, queries = test[np.arange(len(test)) % 2 == 0], test[np.arange(len(test)) % 2 == 1]
    task = Retriever(model).add(gallery, "text")

    def found(views, modality):
        hits = task.search(views, modality, k=5)
        return (gallery.truth[hits.indices] == views.truth[:, None]).mean()

    both, some = found(queries, ["image", "text"]), found(lacking(queries, 0.2), ["image", "text"])
    assert both > found(queries, "image")
    assert some > both - 0.1
    alone = task.search(queries.select("image"), ["image"], k=5)
    np.testing.assert_array_equal(alone.indices, task.search(queries, "image", k=5).indices)


@pytest.mark.parametrize("model", [RidgeMap(), CCA()])
def test_linear_maps_recognise_by_the_mean_of_unit_rows(model):
    train, test, classes = world(seen=16, unseen=8)
    head = ZeroShot(model.fit(train, classes=classes), head="gaussian").fit(train, classes)
    both = unit_rows(model.embed(test["image"], "image") + model.embed(test["text"], "text"))
    np.testing.assert_allclose(codes_of(model, *head.read(test)), both, atol=1e-6)
    assert t1(head, test) > max(t1(head, test.select(m)) for m in test.modalities)


def test_a_query_of_several_views_is_views():
    train, test, _ = world(seen=6, unseen=2)
    task = Retriever(RidgeMap().fit(train)).add(test, "text")
    with pytest.raises(ValueError, match="modality: got \\['image', 'text'\\]"):
        task.search(test["image"], ["image", "text"])
