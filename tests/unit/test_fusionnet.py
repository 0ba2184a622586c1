"""FusionNet-QSMA: class memory, terms against naive loops, and what every switch changes."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from crossalign.losses import MARGINALS
from crossalign.models import GFZSL, CommonPCA, FusionNetQSMA, RidgeMap
from crossalign.models.fusionnet.linear_view import LinearView, half_of
from crossalign.models.rows import unit_rows
from crossalign.networks import ClassMemory
from crossalign.networks.class_memory import LOGVAR_START
from crossalign.tasks import ZeroShot
from crossalign.training import Batch
from crossalign.types import Classes, Views

SMALL = {"network__latent": 6, "network__hidden": 12, "epochs": 2, "batch_size": 16,
         "device": "cpu"}


def toy(seed=0, seen=8, unseen=4, per_class=12, width=10):
    """Classes whose mean is linear in their side information."""
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((seen + unseen, 4)).astype(np.float32)
    labels = np.repeat(np.arange(seen + unseen), per_class)
    z = unit_rows(side)[labels] + 0.1 * rng.standard_normal((len(labels), 4))
    views = Views({"image": z @ rng.standard_normal((4, width)),
                   "text": z @ rng.standard_normal((4, 7))}, labels)
    classes = Classes(side, np.arange(seen + unseen) < seen)
    return views[labels < seen], views[labels >= seen], classes


def batch_of(model, X, seed=0, n=16, present=None):
    rows = np.random.default_rng(seed).permutation(len(X))[:n]
    scaled = {m: torch.from_numpy(model._scaled(X[m][rows], m)) for m in X.modalities}
    labels = torch.from_numpy(np.searchsorted(model.seen_, X.labels[rows])
                              if model.preset_ == "gzsl" else X.labels[rows])
    weights = {t: torch.tensor(float(s(10.0))) for t, s in model._active().items()}
    return Batch(scaled, labels, present=present, weights=weights,
                 generator=torch.Generator().manual_seed(seed))


def losses(seed=0, views=("image",), **params):
    X, _, classes = toy()
    X = X.select(*views)
    model = FusionNetQSMA(**{**SMALL, **params}).fit(X, classes=classes)
    model.network_.eval()
    return model, model.network_(batch_of(model, X, seed), "fusionnet")


# -- classes -----------------------------------------------------------------------------------
def test_memory_regresses_unseen_prototypes_as_gfzsl_does():
    X, _, classes = toy()
    model = GFZSL(kernel_gamma=1.0, ridge=0.1, scaling="none").fit(X.select("image"),
                                                                 classes=classes)
    memory = ClassMemory(torch.from_numpy(classes.embeddings[:8]).double(), 10, 1.0, 0.1).double()
    with torch.no_grad():
        memory.prototypes.copy_(torch.from_numpy(model.means_[:8]))
    mean, _ = memory(torch.from_numpy(classes.embeddings[8:]).double())
    expected = normalize(torch.from_numpy(model.regress(classes.embeddings[8:])), dim=1)
    torch.testing.assert_close(mean, expected, rtol=1e-5, atol=1e-5)


def test_memory_knows_seen_classes_and_is_less_sure_of_others():
    torch.manual_seed(0)
    side = torch.randn(6, 3)
    memory = ClassMemory(side, 5)
    with torch.no_grad():
        memory.prototypes.normal_()
    mean, logvar = memory(torch.cat([3 * side, torch.randn(4, 3)]))
    torch.testing.assert_close(mean[:6], normalize(memory.prototypes, dim=1))
    assert (logvar[6:].mean() > logvar[:6].mean()).item()


def test_rehearsal_is_the_memory_without_the_held_out_classes():
    torch.manual_seed(0)
    side, prototypes = torch.randn(6, 3), torch.randn(6, 5)
    whole, part = ClassMemory(side, 5), ClassMemory(side[2:], 5)
    with torch.no_grad():
        whole.prototypes.copy_(prototypes)
        part.prototypes.copy_(prototypes[2:])
    mean, logvar = whole.rehearse(torch.arange(6), 2)
    for found, alone in zip((mean, logvar), part(side[:2]), strict=True):
        torch.testing.assert_close(found[:2], alone)
    torch.testing.assert_close(mean[2:], normalize(prototypes[2:], dim=1))
    torch.testing.assert_close(whole.rehearse(torch.arange(6), 0)[0],
                               normalize(prototypes, dim=1))


# -- terms -------------------------------------------------------------------------------------
def test_classification_is_the_naive_cross_entropy():
    model, found = losses(draws__number=0, attention__held_out=0.0, objective__conditional=0.0,
                          objective__marginal=0.0, objective__vib=0.0,
                          objective__smoothing=0.0, manifold__steps=0)
    X = toy()[0].select("image")
    batch, net = batch_of(model, X), model.network_
    expected = []
    with torch.no_grad():
        tau = float(net.attention.log_temperature.exp())
        codes, _ = net.encode(batch.views["image"], "image")
        prototypes = normalize(net.memory.prototypes, dim=1)
        for z, c in zip(codes, batch.labels, strict=True):
            scores = [-float((z - p).square().sum()) / tau for p in prototypes]
            expected.append(np.log(np.exp(scores).sum()) - scores[c])
    assert found["classification"].item() == pytest.approx(np.mean(expected), rel=1e-4)
    assert found["loss"].item() == pytest.approx(found["classification"].item())


def test_reconstruction_and_cross_are_naive_squared_errors():
    model, found = losses(views=("image", "text"), draws__number=0)
    net, batch = model.network_, batch_of(model, toy()[0])
    with torch.no_grad():
        z = {m: net.encode(batch.views[m], m)[0] for m in ("image", "text")}

        def error(a, b):
            return float((net.decode(z[a], b) - batch.views[b]).square().mean())

        own = error("image", "image") + error("text", "text")
        cross = error("image", "text") + error("text", "image")
    assert found["reconstruction"].item() == pytest.approx(own, rel=1e-5)
    assert found["cross"].item() == pytest.approx(cross, rel=1e-5)


def test_vib_is_the_divergence_from_a_normal_of_variance_one_over_d():
    model, found = losses()
    batch = batch_of(model, toy()[0].select("image"))
    with torch.no_grad():
        mean, logvar = model.network_.encode(batch.views["image"], "image")
    prior = torch.distributions.Normal(0.0, 6**-0.5)
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * logvar).exp()), prior).sum(1).mean() / 6
    assert found["vib"].item() == pytest.approx(float(kl), rel=1e-4)


def test_calibration_is_the_likelihood_of_the_class_and_leaves_codes_where_they_are():
    model, found = losses(attention__held_out=0.0)
    batch = batch_of(model, toy()[0].select("image"))
    net = model.network_
    with torch.no_grad():
        mean, logvar = net.encode(batch.views["image"], "image")
        centre = normalize(net.memory.prototypes, dim=1)[batch.labels]
        spread = net._in_units(net.memory.logvars + LOGVAR_START)[batch.labels]
    both = torch.distributions.Normal(centre, (logvar.exp() + spread.exp()).sqrt())
    expected = -both.log_prob(mean).mean() - 0.5 * np.log(2 * np.pi)
    assert found["calibration"].item() == pytest.approx(float(expected), rel=1e-4)
    found["calibration"].backward()
    head = net.heads[0]
    assert head.logvar.weight.grad.abs().sum() > 0
    assert head.mean.weight.grad is None
    assert net.memory.prototypes.grad is None


# -- switches ----------------------------------------------------------------------------------
ALWAYS_ON = {f"objective__{term}": 1.0 for term in (
    "classification", "contrast", "conditional", "marginal", "reconstruction", "vib", "calibration",
    "smooth", "topology", "cycle")}


@pytest.mark.parametrize("term", ALWAYS_ON)
def test_a_term_of_weight_zero_is_not_in_the_graph(term):
    _, on = losses(**ALWAYS_ON)
    _, off = losses(**{**ALWAYS_ON, term: 0.0})
    name = term.removeprefix("objective__")
    assert set(on) - set(off) == {name}
    assert on[name].grad_fn is not None
    assert torch.isfinite(on[name])


def test_without_cycle_there_are_no_regressors_and_with_it_they_learn():
    model, _ = losses(objective__cycle=0.0, objective__reconstruction=1.0)
    assert not [name for name, _ in model.network_.named_parameters() if "regressor" in name]
    model, found = losses(objective__cycle=1.0, objective__reconstruction=1.0)
    found["loss"].backward()
    gradients = [p.grad for name, p in model.network_.named_parameters() if "regressor" in name]
    assert gradients
    assert all(g is not None and g.abs().sum() > 0 for g in gradients)


def test_without_iteration_there_are_no_anchors():
    names = [n for n, _ in losses(manifold__steps=0)[0].network_.named_parameters()]
    assert not [n for n in names if "anchors" in n]
    model, found = losses(manifold__steps=2)
    found["loss"].backward()
    assert model.network_.manifold.anchors.weight.grad.abs().sum() > 0


def test_without_uncertainty_nothing_learns_a_variance():
    model, found = losses(draws__number=0)
    found["loss"].backward()
    assert all(h.logvar.weight.grad is None for h in model.network_.heads)
    assert model.embed_distribution(toy()[0]["image"], "image")[1].max() < 1e-4
    model, found = losses(draws__number=2)
    found["loss"].backward()
    assert all(h.logvar.weight.grad.abs().sum() > 0 for h in model.network_.heads)


def test_sampling_divergence_matching_and_held_out_classes_change_the_loss():
    one = losses(draws__number=4)[1]["classification"]
    assert one != losses(draws__number=4, draws__kind="iid")[1]["classification"]
    values = [losses(objective__divergence=kind, draws__number=0,
                     objective__conditional=0.0)[1]["marginal"].item()
              for kind in MARGINALS]
    assert len(set(values)) == len(values)
    two = {"views": ("image", "text"), "objective__contrast": 1.0}
    assert (losses(**two, objective__matching="class")[1]["contrast"]
            != losses(**two, objective__matching="instance")[1]["contrast"])
    model = losses(epochs=1, lr=1e-9)[0]
    rows = batch_of(model, toy()[0].select("image"))
    held = model.network_(rows, "")["classification"].item()
    model.network_.held_out = 0.0
    rows = batch_of(model, toy()[0].select("image"))
    assert held > model.network_(rows, "")["classification"].item()


@pytest.mark.parametrize("row", FusionNetQSMA.ablations)
def test_every_row_of_the_ablation_fits_and_scores(row):
    X, rest, classes = toy()
    model = FusionNetQSMA(**SMALL).set_params(**FusionNetQSMA.ablations[row])
    model.fit(X.select("image"), classes=classes)
    scores = ZeroShot(model).fit(X.select("image"), classes).decision_function(rest)
    assert scores.shape == (len(rest), 12)
    assert np.isfinite(scores).all()


def test_shares_of_the_linear_view_share_a_fit_and_none_has_its_own():
    X, _, _ = toy()
    points = [{"linear__share": share} for share in (0.8, 0.3, 0.0)]
    first, second, none = FusionNetQSMA(**SMALL).fit_path(X, points)
    assert first.network_ is second.network_
    assert none.network_ is not first.network_
    assert np.abs(first.embed(X["image"], "image") - second.embed(X["image"], "image")).max() > 0.01
    alone = FusionNetQSMA(**SMALL, linear__share=0.3).fit(X)
    np.testing.assert_allclose(second.embed(X["image"], "image"), alone.embed(X["image"], "image"),
                               atol=1e-6)


FEW = {"linear__mutual", "linear__alpha", "linear__share", "linear__rounds", "linear__features"}
"""Parameters that are for samples that lack a view."""


def test_only_what_matters_is_tried():
    X, _, _ = toy()
    assert set(FusionNetQSMA().idle(X)) == FEW | {"linear__view"}
    assert set(FusionNetQSMA().idle(X.select("image"))) == FEW | {"linear__view", "whitening"}
    assert set(FusionNetQSMA(preset="gzsl").idle(X)) == FEW | {"linear__view", "whitening"}
    alike = Views({"sketch": X["image"], "photo": X["image"] ** 2}, X.labels)
    assert set(FusionNetQSMA().idle(alike)) == FEW
    assert set(FusionNetQSMA(linear__share=0.0).idle(alike)) == FEW | {"linear__view"}
    few = half_paired(X)
    assert set(FusionNetQSMA().idle(few)) == {"linear__view", "linear__rounds"}
    assert set(FusionNetQSMA(linear__pairs="own").idle(few)) == {"linear__view", "linear__features"}
    assert set(FusionNetQSMA().idle(few.with_labels(None))) == {
        "linear__view", "linear__features", "whitening"}


def test_without_pairs_and_labels_mutual_regression_is_tried_from_axes_alone():
    X, _, _ = toy()
    at = np.arange(len(X)) % 2 == 0
    apart = Views({"sketch": X["image"], "photo": X["image"]}, present={"sketch": at, "photo": ~at})
    assert {"linear__mutual", "linear__rounds"} <= set(FusionNetQSMA().idle(apart))
    assert not {"linear__mutual", "linear__rounds"} & set(
        FusionNetQSMA(linear__view="pca").idle(apart))


def half_paired(X):
    """Return samples of which every other lacks one of both views, in turn."""
    at = np.arange(len(X)) % 4
    return Views({m: X[m] for m in X.modalities}, X.labels,
                 present={"image": at != 1, "text": at != 3})


def test_points_of_the_linear_view_share_a_training_and_equal_a_fit_of_their_own():
    X, rest, _ = toy()
    few = half_paired(X)
    points = [{"linear__mutual": mutual, "linear__features": features, "linear__alpha": alpha,
               "whitening": 1.0} for mutual in (False, True) for features in (0, 16)
              for alpha in (1.0, 100.0)]
    models = list(FusionNetQSMA(**SMALL).fit_path(few, points))
    assert len({id(model.network_) for model in models}) == 1
    for model, point in zip(models, points, strict=True):
        alone = FusionNetQSMA(**SMALL, **point).fit(few)
        for m in rest.modalities:
            np.testing.assert_allclose(model.embed(rest[m], m), alone.embed(rest[m], m), atol=1e-5)


def test_points_of_the_linear_view_share_the_spread_of_codes_and_probe_for_a_whitener_alone(
        monkeypatch):
    X, rest, _ = toy()
    spreads, views, within, fit = [], [], FusionNetQSMA._within, LinearView.fit.__func__

    def counting(self, embed, X):
        spreads.append(embed.__name__ if hasattr(embed, "__name__") else "linear")
        return within(self, embed, X)

    monkeypatch.setattr(FusionNetQSMA, "_within", counting)
    monkeypatch.setattr(LinearView, "fit", classmethod(
        lambda cls, X, *rest: views.append(len(X)) or fit(cls, X, *rest)))
    few = half_paired(X)
    points = [{"linear__features": 16, "whitening": s, "linear__alpha": alpha}
              for s in (None, 1.0) for alpha in (1.0, 100.0)]
    models = list(FusionNetQSMA(**SMALL).fit_path(few, points))
    assert spreads.count("project") == 1
    assert len(views) == 1 + 4 + 2                         # the start, each view, and two probes
    assert views.count(len(few) // 2) == 2
    with pytest.raises(ValueError, match="whitening: None in training with linear__features"):
        models[0].set_params(whitening=1.0).embed(rest["image"], "image")
    again = models[-1].fit(few[:60])                       # codes of another training
    alone = FusionNetQSMA(**SMALL, **points[-1]).fit(few[:60])
    np.testing.assert_array_equal(again.within_["codes"], alone.within_["codes"])


@pytest.mark.parametrize("seed", range(4))
def test_a_view_for_the_spread_of_others_has_its_share_of_the_pairs(seed):
    """Of three pairs among 96 samples a half drawn blindly may have none."""
    X, rest, _ = toy()
    at = np.arange(len(X))
    few = Views({m: X[m] for m in X.modalities}, X.labels,
                present={"image": (at % 2 == 0) | (at < 4), "text": (at % 2 == 1) | (at == 0)})
    first = half_of(few, seed)
    held = few.has("image") & few.has("text")
    assert held.sum() == 3
    assert (held & first).sum() == 2
    for m in few.modalities:
        counts = np.bincount(few.labels[first & few.has(m)], minlength=8)
        assert (np.abs(2 * counts - np.bincount(few.labels[few.has(m)])) <= 2).all()
    one = Views({m: X[m] for m in X.modalities}, X.labels,
                present={"image": at % 2 == 0, "text": (at % 2 == 1) | (at == 0)})
    model = FusionNetQSMA(**SMALL, linear__features=8, linear__pairs="own", whitening=1.0,
                          random_state=seed).fit(one)
    assert np.isfinite(model.embed(rest["image"], "image")).all()


def test_mutual_regression_without_a_pair_starts_from_axes_of_one_encoder():
    X, rest, _ = toy()
    at = np.arange(len(X)) % 2 == 0
    apart = Views({"sketch": X["image"], "photo": X["image"] + 1.0},
                  present={"sketch": at, "photo": ~at})
    params = {**SMALL, "linear__share": 1.0, "linear__mutual": True}
    model = FusionNetQSMA(**params, linear__view="pca").fit(apart)
    found = model.embed(rest["image"], "sketch") @ model.embed(rest["image"] + 1.0, "photo").T
    assert (found.argmax(axis=1) == np.arange(len(rest))).mean() > 0.5      # of 48
    with pytest.raises(ValueError, match="no sample has both"):
        FusionNetQSMA(**params).fit(apart)


def test_a_model_with_features_is_saved_whole(tmp_path):
    X, rest, _ = toy()
    model = FusionNetQSMA(**SMALL, linear__features=16, linear__mutual=True).fit(half_paired(X))
    again = FusionNetQSMA.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.embed(rest["image"], "image"),
                                  model.embed(rest["image"], "image"))


# -- views -------------------------------------------------------------------------------------
EVERY_TERM = {"gzsl": {**ALWAYS_ON, "objective__cross": 1.0},
              "retrieval": {**ALWAYS_ON, "objective__cross": 1.0, "objective__classification": 0.0,
                            "objective__calibration": 0.0,
                            "objective__cycle": 0.0}}


def with_every_term(preset, **params):
    X, _, classes = toy()
    model = FusionNetQSMA(**SMALL, preset=preset, **EVERY_TERM[preset], **params)
    model.fit(X, classes=classes).network_.eval()
    return model, X


@pytest.mark.parametrize("matching", ["class", "instance"])
@pytest.mark.parametrize("preset", EVERY_TERM)
def test_what_stands_in_missing_rows_has_no_influence_on_any_term(preset, matching):
    model, X = with_every_term(preset, objective__matching=matching)
    present = {"image": torch.arange(16) % 5 != 1, "text": torch.arange(16) % 3 > 0}
    first, second = (batch_of(model, X, present=present) for _ in range(2))
    for m, here in present.items():
        second.views[m][~here] = 50.0
    a, b = model.network_(first, ""), model.network_(second, "")
    assert len(a) == len(EVERY_TERM[preset]) + 1 - 3 * (preset == "retrieval")
    for term in a:
        torch.testing.assert_close(a[term], b[term], rtol=0, atol=0, msg=term)


class Rows(Batch):
    """Some rows of a batch, with the very random numbers of the whole."""

    def __init__(self, whole, rows):
        super().__init__({m: x[rows] for m, x in whole.views.items()}, whole.labels[rows],
                         weights=whole.weights, generator=whole.generator)
        self.whole, self.rows = whole, rows

    def uniform(self, *tail):
        return self.whole.uniform(*tail)[self.rows]

    def randperm(self, n):
        if n != len(self):
            return self.whole.randperm(n)
        order = self.whole.randperm(len(self.whole))           # of the whole, without the others
        place = torch.full((len(self.whole),), -1)
        place[self.rows] = torch.arange(n)
        return place[order][place[order] >= 0]


@pytest.mark.parametrize("matching", ["class", "instance"])
@pytest.mark.parametrize("preset", EVERY_TERM)
def test_with_missing_samples_every_term_is_that_of_the_others(preset, matching):
    model, X = with_every_term(preset, objective__matching=matching, draws__number=2)
    here = torch.arange(16) % 3 > 0
    found = model.network_(batch_of(model, X, present={"image": here, "text": here}), "")
    expected = model.network_(Rows(batch_of(model, X), here.nonzero()[:, 0]), "")
    for term in found:
        torch.testing.assert_close(found[term], expected[term], rtol=1e-5, atol=1e-6, msg=term)


def test_terms_of_one_view_are_over_the_samples_that_have_it():
    model, X = with_every_term("retrieval", draws__number=0, objective__matching="class")
    here = torch.arange(16) % 3 > 0
    whole, part = batch_of(model, X, present={"text": here}), batch_of(model, X)
    found, net = model.network_(whole, ""), model.network_
    with torch.no_grad():
        z = {m: net.encode(part.views[m], m) for m in ("image", "text")}
        rebuilt = sum(float((net.decode(z[m][0], m) - part.views[m])[rows].square().mean())
                      for m, rows in (("image", slice(None)), ("text", here)))
        crossed = sum(float((net.decode(z[a][0], b) - part.views[b])[here].square().mean())
                      for a, b in (("image", "text"), ("text", "image")))
    assert found["reconstruction"].item() == pytest.approx(rebuilt, rel=1e-5)
    assert found["cross"].item() == pytest.approx(crossed, rel=1e-5)


NOBODY, ONE = torch.zeros(16, dtype=torch.bool), torch.arange(16) == 3


@pytest.mark.parametrize("preset", EVERY_TERM)
@pytest.mark.parametrize(("image", "text"), [(NOBODY, ~NOBODY), (NOBODY, NOBODY), (ONE, ~ONE),
                                             (ONE, ONE)])
def test_a_term_over_no_pair_is_zero_and_has_a_gradient(preset, image, text):
    model, X = with_every_term(preset)
    found = model.network_(batch_of(model, X, present={"image": image, "text": text}), "")
    assert all(value.isfinite() for value in found.values())
    assert found["cross"].item() == 0 or bool((image & text).any())
    if not (image | text).any():
        assert {t for t, value in found.items() if value.item() != 0} <= {"conditional", "contrast",
                                                                        "loss"}
    found["loss"].backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.network_.parameters())


@pytest.mark.parametrize("pairs", [0, 20])
@pytest.mark.parametrize("preset", ["retrieval", "gzsl"])
def test_it_trains_on_many_samples_of_which_few_or_none_are_pairs(preset, pairs):
    X, _, classes = toy(seen=10, per_class=120)
    image = np.arange(len(X)) % 2 == 0
    both = np.arange(len(X)) < pairs
    part = Views({m: X[m] for m in X.modalities}, X.labels,
                 present={"image": image | both, "text": ~image | both})
    model = FusionNetQSMA(**SMALL, preset=preset).fit(part, classes=classes)
    assert all(np.isfinite(values).all() for values in model.history_.values())
    assert np.isfinite(model.embed(X["image"], "image")).all()


# -- draws -------------------------------------------------------------------------------------
def slopes(net, batch, term, samples):
    """Length of the gradient of a term by every draw of the first view, ``(S,)``."""
    step = net._step(batch)
    step.z["image"].retain_grad()
    getattr(net, f"_{term}")(step).backward()
    return step.z["image"].grad.flatten(1).norm(dim=1)


@pytest.mark.parametrize("samples", [1, 2, 5, 8])
@pytest.mark.parametrize(("views", "term"), [
    (("image",), "classification"), (("image",), "marginal"), (("image",), "cycle"),
    (("image",), "reconstruction"), (("image", "text"), "marginal"),
    (("image", "text"), "reconstruction"), (("image", "text"), "cross")])
def test_every_draw_counts_in_every_loss_that_reads_draws(views, term, samples):
    model, _ = losses(views=views, draws__number=samples, **{f"objective__{term}": 1.0})
    found = slopes(model.network_, batch_of(model, toy()[0].select(*views)), term, samples)
    assert len(found) == samples
    assert found.min() > 0.2 * found.max() > 0


def test_a_loss_of_draws_is_the_mean_over_them():
    model, found = losses(views=("image", "text"), draws__number=5)
    net, batch = model.network_, batch_of(model, toy()[0])
    with torch.no_grad():
        z = net._step(batch).z
        expected = sum(float((net.decode(draw, b) - batch.views[b]).square().mean()) / 5
                       for a, b in (("image", "text"), ("text", "image")) for draw in z[a])
    assert found["cross"].item() == pytest.approx(expected, rel=1e-5)


def test_presets_ask_for_as_many_draws_as_their_losses_have_use_for():
    for views, draws in ((("image",), 2), (("image", "text"), 1)):
        model, _ = losses(views=views)
        step = model.network_._step(batch_of(model, toy()[0].select(*views)))
        assert len(step.z["image"]) == draws
        assert losses(views=views, draws__number=4)[0].network_.samples == 4


def test_token_rows_are_refused_with_what_to_do():
    X, _, _ = toy()
    tokens = Views({m: X[m][:, None] for m in X.modalities}, X.labels)
    with pytest.raises(ValueError, match="pool the tokens"):
        FusionNetQSMA(**SMALL).fit(tokens)


def test_it_is_fitted_on_samples_that_lack_views():
    X, _, _ = toy()
    here = np.arange(len(X)) % 4 > 0
    partial = Views({m: X[m] for m in X.modalities}, X.labels, present={"text": here})
    model = FusionNetQSMA(**SMALL).fit(partial)
    np.testing.assert_allclose(model.shift_["text"], X["text"][here].mean(axis=0), rtol=1e-4)
    assert np.isfinite(model.embed(X["text"], "text")).all()


def test_the_linear_view_is_ridge_map_and_encoders_start_from_it():
    X, rest, _ = toy()
    ridge = RidgeMap(alpha=1000.0).fit(X)
    expected = ridge.embed(rest["image"], "image") @ ridge.embed(X["text"], "text").T
    for linear, lr in ((1.0, 1e-3), (0.5, 1e-12)):          # the view itself; encoders at first
        model = FusionNetQSMA(network__latent=9, network__hidden=12, epochs=1, manifold__steps=0,
                              lr=lr, linear__share=linear).fit(X)
        found = model.embed(rest["image"], "image") @ model.embed(X["text"], "text").T
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not FusionNetQSMA(**SMALL, linear__share=0.0).fit(X).paths_


def test_the_linear_view_may_pair_within_classes_with_a_ridge_of_its_own():
    X, rest, _ = toy()
    image = np.arange(len(X)) % 2 == 0                     # no sample has both
    X = Views({m: X[m] for m in X.modalities}, X.labels, present={"image": image, "text": ~image})
    ridge = RidgeMap(alpha=10.0, pairs="class").fit(X)
    expected = ridge.embed(rest["image"], "image") @ ridge.embed(rest["text"], "text").T
    model = FusionNetQSMA(network__latent=9, network__hidden=12, epochs=1, linear__share=1.0,
                          linear__alpha=10.0,
                          linear__pairs="class").fit(X)
    found = model.embed(rest["image"], "image") @ model.embed(rest["text"], "text").T
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(FusionNetQSMA(network__latent=9, network__hidden=12, epochs=1,
                                linear__share=1.0, linear__pairs="own").fit(X).embed(
        rest["image"], "image")).max() < 1e-6              # regressed on nobody
    with pytest.raises(ValueError, match="labels"):
        FusionNetQSMA(**SMALL, linear__pairs="class").fit(X.with_labels(None))


@pytest.mark.parametrize("latent", [4, 20])
def test_the_linear_view_of_one_encoder_is_common_pca(latent):
    X, rest, _ = toy()
    X = Views({"sketch": X["image"], "photo": X["image"] ** 2}, X.labels)
    plain = CommonPCA(latent, "root").fit(X)
    expected = plain.embed(rest["image"], "sketch") @ plain.embed(X["photo"], "photo").T
    for linear, lr in ((1.0, 1e-3), (0.5, 1e-12)):
        model = FusionNetQSMA(network__latent=latent, network__hidden=12, epochs=1,
                              manifold__steps=0, lr=lr, linear__share=linear,
                              scaling="root", linear__view="pca").fit(X)
        found = model.embed(rest["image"], "sketch") @ model.embed(X["photo"], "photo").T
        np.testing.assert_allclose(found, expected, atol=1e-4)
    with pytest.raises(ValueError, match="widths"):
        FusionNetQSMA(**SMALL, linear__view="pca").fit(toy()[0])


# -- use ---------------------------------------------------------------------------------------
def test_fused_head_is_the_weighted_sum_of_standardised_scores():
    X, rest, classes = toy()
    X, rest = X.select("image"), rest.select("image")
    model = FusionNetQSMA(**SMALL, head__weights=(1.0, 0.5, 2.0)).fit(X, classes=classes)
    parts = [GFZSL().fit(X, classes=classes).decision_function(rest),
             *(ZeroShot(model, head=h).fit(X, classes).decision_function(rest)
               for h in ("gaussian", "prototype"))]
    expected = sum(w * (s - s.mean(1, keepdims=True)) / s.std(1, keepdims=True)
                   for w, s in zip((1.0, 0.5, 2.0), parts, strict=True))
    np.testing.assert_allclose(ZeroShot(model).fit(X, classes).decision_function(rest), expected,
                               rtol=1e-4, atol=1e-4)


def test_prototype_scores_are_expected_distances():
    X, rest, classes = toy()
    model = FusionNetQSMA(**SMALL).fit(X.select("image"), classes=classes)
    mean, std = model.embed_distribution(rest["image"], "image")
    centre, spread = model.class_distribution(classes.embeddings)
    tau = model.network_.attention.log_temperature.exp().item()
    expected = [[-(((m - c)**2).sum() + (s**2).sum() + (t**2).sum()) / tau
                 for c, t in zip(centre, spread, strict=True)]
                for m, s in zip(mean, std, strict=True)]
    found = model.class_scores(rest["image"], "image", classes.embeddings)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_it_recognises_classes_it_never_saw():
    X, rest, classes = toy(seen=30, unseen=6, per_class=15)
    model = FusionNetQSMA(network__latent=32, network__hidden=64, epochs=15, head="prototype")
    model.fit(X.select("image"), classes=classes)
    scores = ZeroShot(model).fit(X.select("image"), classes).decision_function(rest)
    scores[:, classes.seen] = -np.inf
    assert (scores.argmax(axis=1) == rest.labels).mean() > 0.7             # chance .17


def test_bad_input_is_one_sentence():
    X, _, classes = toy()
    with pytest.raises(ValueError, match="needs side information"):
        FusionNetQSMA(**SMALL).fit(X.select("image"))
    with pytest.raises(ValueError, match="give a second one"):
        FusionNetQSMA(**SMALL, preset="retrieval").fit(X.select("image"), classes=classes)
