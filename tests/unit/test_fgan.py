"""FGAN against its paper's formulas, written out naively."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from scipy.stats import spearmanr

from crossalign import metrics
from crossalign.data import load_pairs
from crossalign.index.joint import JointIndex
from crossalign.losses import kl_standard_normal
from crossalign.losses.label_distribution import label_alignment
from crossalign.losses.pairwise_contrast import cross_distances
from crossalign.losses.selective_triplet import selective_triplets
from crossalign.models import CCA, FGAN
from crossalign.models.fgan.fine_grained import LabelEncoder, RegionEncoder
from crossalign.models.fgan.joint_space import JointSpace
from crossalign.models.fgan.pseudo_labels import pseudo_labels, seen_class_posteriors
from crossalign.models.store import load_model
from crossalign.networks.token_reader import READERS, TokenReader, token_mean
from crossalign.training import Batch, Callback, ClassBalanced
from crossalign.types import Classes, Views

TINY = {"dim": 8, "heads": 2, "samples": 10, "epochs": 2, "device": "cpu"}


def toy(classes=4, per_class=10, noise=0.3, seed=0, first=0):
    """Six patches and up to four words a sample; two patches and two words tell the class."""
    rng = np.random.default_rng(0)                        # of the world, the same for every seed
    looks, says = rng.standard_normal((4, 5)), rng.standard_normal((4, 3))
    side = rng.standard_normal((first + classes, 4))
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(first, first + classes), per_class)
    z = side[labels] + noise * rng.standard_normal((len(labels), 4))
    image = 0.3 * rng.standard_normal((len(labels), 6, 5))
    text = 0.3 * rng.standard_normal((len(labels), 4, 3))
    image[:, [1, 4]] += (z @ looks)[:, None]
    text[:, [0, 2]] += (z @ says)[:, None]
    length = rng.integers(3, 5, len(labels))
    text[np.arange(4) >= length[:, None]] = 0
    views = Views({"image": image, "text": text}, labels,
                  masks={"text": np.arange(4) < length[:, None]})
    return views, Classes(side, np.arange(len(side)) < len(side))


@pytest.fixture(scope="module")
def views():
    return toy()[0]


@pytest.fixture(scope="module")
def fitted(views):
    return FGAN(**TINY).fit(views)


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator)


def posteriors_of_somebody(X):
    """Of three labels; found by its name."""
    return softmax(np.stack([X["image"].sum(axis=(1, 2)), X.truth, 0 * X.truth], axis=1), axis=1)


# -- encoders ----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", READERS)
def test_padding_has_no_influence_wherever_it_stands(draw, kind):
    torch.manual_seed(0)
    reader = TokenReader(3, 8, kind, heads=2).eval()
    reader.shift, reader.scale = draw(3), draw(3).exp()
    x = draw(2, 4, 3)
    plain = reader(x, torch.ones(2, 4, dtype=torch.bool))
    spread, mask = torch.full((2, 7, 3), 5.0), torch.zeros(2, 7, dtype=torch.bool)
    places = torch.tensor([0, 2, 3, 6])
    spread[:, places], mask[:, places] = x, True
    found = reader(spread, mask)
    torch.testing.assert_close(found[:, places], plain)
    assert found[~mask].abs().sum() == 0
    nothing = reader(spread, torch.zeros_like(mask))
    assert nothing.isfinite().all()


def test_the_reader_of_sequences_knows_their_order(draw):
    torch.manual_seed(0)
    x, mask = draw(1, 5, 3), torch.ones(1, 5, dtype=torch.bool)
    turned = x.flip(1)
    for kind, moves in (("linear", False), ("attention", False), ("gru", True)):
        reader = TokenReader(3, 8, kind, heads=2).eval()
        same = torch.allclose(reader(x, mask).flip(1), reader(turned, mask), atol=1e-5)
        assert same is not moves


def test_mean_of_tokens(draw):
    rows, mask = draw(3, 4, 2), torch.tensor([[True, True, False, True], [False] * 4, [True] * 4])
    expected = [rows[0, [0, 1, 3]].mean(dim=0), torch.zeros(2), rows[2].mean(dim=0)]
    torch.testing.assert_close(token_mean(rows, mask), torch.stack(expected))


def test_regions_are_the_most_salient_tokens_in_their_order(draw):
    torch.manual_seed(0)
    rows, mask = draw(3, 7, 8), torch.ones(3, 7, dtype=torch.bool)
    mask[1, 2:4], mask[2, 1:] = False, False
    for pool in ("concat", "sum"):
        region = RegionEncoder(7, 8, 6, 0.4, pool, heads=2).eval()
        saliency = region.scores(rows, mask)
        for i in range(3):
            best = sorted((s, -j) for j, s in enumerate(saliency[i].tolist()) if mask[i, j])[-3:]
            kept = [rows[i, j] for j in sorted(-j for _, j in best)]
            kept += [torch.zeros(8)] * (3 - len(kept))                   # fewer tokens than K
            if pool == "concat":
                expected = region.output.weight @ torch.cat(kept) + region.output.bias
            else:
                expected = region.output(torch.stack(kept).sum(dim=0) / 3)
            torch.testing.assert_close(region(rows, mask)[i], expected, rtol=1e-4, atol=1e-5)


def test_saliency_is_a_sigmoid_of_attended_tokens(draw):
    """Eq. 3-5, head by head."""
    torch.manual_seed(0)
    region, rows = RegionEncoder(5, 8, 6, 0.4, heads=2).eval(), draw(2, 5, 8)
    attention = region.attention
    q, k, v = (rows @ w.T + b for w, b in zip(attention.in_proj_weight.chunk(3),
                                              attention.in_proj_bias.chunk(3), strict=True))
    heads = [torch.softmax(q[..., h] @ k[..., h].mT / 4**0.5, dim=2) @ v[..., h]
             for h in (slice(0, 4), slice(4, 8))]
    attended = attention.out_proj(torch.cat(heads, dim=2))
    expected = torch.sigmoid(region.saliency(attended)[..., 0])
    torch.testing.assert_close(region.scores(rows, torch.ones(2, 5, dtype=torch.bool)), expected)


def test_saliency_learns_in_training_and_is_exact_in_evaluation(draw):
    torch.manual_seed(0)
    assert RegionEncoder(9, 8, 6, 0.1).k == 1              # int(0.1 * 9) would be none
    region, rows = RegionEncoder(6, 8, 6, 0.3, heads=2), draw(4, 6, 8)
    mask = torch.ones(4, 6, dtype=torch.bool)
    noise = region.draw(lambda *tail: draw(4, *tail), 6)
    torch.testing.assert_close(noise.mean(dim=1), torch.zeros(4, 6), atol=1e-6, rtol=0)
    target = draw(4, 6)                                    # a sum of embeddings alone is constant
    (region(rows, mask, noise) * target).sum().backward()
    assert region.saliency.weight.grad.abs().max() > 0
    first = region.eval()(rows, mask)
    assert torch.equal(first, region(rows, mask))


@pytest.mark.parametrize("pool", ["concat", "sum"])
def test_kept_tokens_are_the_most_salient_and_all_of_the_embedding(views, pool):
    model = FGAN(**TINY, pool=pool, ratios=(0.5, 0.5)).fit(views)
    text = views["text"].copy()
    text[0, [0, 2, 3]] = 0                                  # one word, and two are looked for
    masks = {"text": views.masks["text"] & (text != 0).any(axis=2),
             "image": np.ones(views["image"].shape[:2], bool)}
    for m, x, k in (("image", views["image"], 3), ("text", text, 2)):
        real, given = masks[m], Views({m: x}, masks={m: masks[m]})
        saliency, kept = model.saliency(given, m), model.kept_tokens(given, m)
        assert saliency.shape == kept.shape == x.shape[:2]
        assert (saliency[~real] == 0).all()
        assert ((saliency[real] > 0) & (saliency[real] < 1)).all()
        assert len(np.unique(saliency[real].round(6))) > len(x)
        encoder = model.network_.encoder(m)
        with torch.inference_mode():
            rows = encoder.read(torch.from_numpy(x), torch.from_numpy(real))[0].numpy()
        for i in range(len(x)):
            best = sorted((-s, j) for j, s in enumerate(saliency[i]) if real[i, j])[:k]
            assert np.flatnonzero(kept[i]).tolist() == sorted(j for _, j in best)
        chosen = np.zeros((len(x), k, 8), np.float32)
        for i, which in enumerate(kept):
            chosen[i, :which.sum()] = rows[i, which]
        pooled = chosen.sum(axis=1) / k if pool == "sum" else chosen.reshape(len(x), -1)
        with torch.inference_mode():
            expected = encoder.region.output(torch.from_numpy(pooled)).numpy()
        np.testing.assert_allclose(model.similarity_inputs(given, m)[:, :8], expected, atol=1e-5)


def test_without_saliency_every_token_is_as_salient(views):
    real = views.masks["text"]
    mean = FGAN(**TINY, pool="mean").fit(views)
    some = FGAN(**TINY, selection="random", ratios=(0.5, 0.5)).fit(views)
    every = FGAN(**TINY, ratios=(0.5, 1.0)).fit(views)
    for model, kept in ((mean, real.sum(axis=1)), (some, 2), (every, real.sum(axis=1))):
        np.testing.assert_array_equal(model.saliency(views, "text"), real)
        np.testing.assert_array_equal(model.kept_tokens(views, "text").sum(axis=1), kept)
    same = some.kept_tokens(views["image"], "image")
    assert (same == same[0]).all()


def test_saliency_has_the_length_of_what_it_is_asked_about(fitted, views):
    short = views["text"][:, :3]
    padded = Views({"text": np.pad(short, ((0, 0), (0, 1), (0, 0)))},
                   masks={"text": np.ones((len(views), 1), bool) & (np.arange(4) < 3)})
    np.testing.assert_allclose(fitted.saliency(short, "text"),
                               fitted.saliency(padded, "text")[:, :3], atol=1e-6)
    assert fitted.saliency(views["image"][:0], "image").shape == (0, 6)
    assert fitted.kept_tokens(views["image"][:2, 0], "image").tolist() == [[True], [True]]


def test_what_is_not_used_is_not_there():
    for options in ({"pool": "mean"}, {"selection": "random"}, {"ratio": 1.0}):
        region = RegionEncoder(6, 8, 6, **options)
        assert region.attention is None
        assert {n.partition(".")[0] for n, _ in region.named_parameters()} == {"output"}
    linear = LabelEncoder(8, 4, 3, "linear")
    assert sum(p.numel() for p in linear.parameters()) == 3 * 8 + 3
    with pytest.raises(ValueError, match="pool='max'"):
        RegionEncoder(6, 8, 6, pool="max")


# -- objective ---------------------------------------------------------------------------------
def test_loss_is_equation_28(fitted, views):
    net = FGAN(**TINY).set_params(epochs=1, mu=0.7, kl=0.01, align=0.5).fit(views).network_
    net.targets = torch.softmax(torch.randn(len(views), 4), dim=1)
    rows = torch.tensor([0, 1, 12, 13, 25, 39])
    batch = Batch({m: torch.from_numpy(views[m])[rows] for m in ("image", "text")},
                  torch.from_numpy(views.truth)[rows], indices=rows,
                  generator=torch.Generator().manual_seed(1))
    found = net(batch, "fgan")

    batch.generator.manual_seed(1)
    image, text = (net.encoder(m) for m in ("image", "text"))
    batch.normal(5, 6), batch.normal(5, 4)                 # of selections, exact in evaluation
    embeddings, pooled = [], []
    for m, encoder in (("image", image), ("text", text)):
        tokens, real = encoder.read(batch.views[m])
        embeddings.append(encoder.region(tokens, real))
        pooled.append(token_mean(tokens, real))
    fgcl = selective_triplets(cross_distances(*embeddings), batch.labels)[0]
    codes = [e.label(r) for e, r in zip((image, text), pooled, strict=True)]
    fgla = label_alignment(codes[0].logits, codes[1].logits, net.targets[rows], 0.5)
    for encoder, code, r in zip((image, text), codes, pooled, strict=True):
        z = code.mean + torch.exp(code.logvar / 2) * batch.normal(8)
        fgla = fgla + ((encoder.label.decoder(z) - r)**2).mean()
        fgla = fgla + 0.01 * kl_standard_normal(code.mean, code.logvar)
    torch.testing.assert_close(found["loss"], fgcl + 0.7 * fgla)
    torch.testing.assert_close(found["fgcl"], fgcl)


def test_hardening_leads_from_all_triplets_to_the_hardest(views):
    model = FGAN(**TINY).fit(views)
    assert model._weights()["hardest"](0) == 0
    assert model._weights()["hardest"](1) == 1             # half of two epochs
    assert FGAN(hardening=0.0)._weights() == FGAN(contrast="all")._weights() == {}
    rows = torch.arange(40)
    batch = Batch({m: torch.from_numpy(views[m]) for m in ("image", "text")},
                  torch.from_numpy(views.truth), indices=rows)
    net = model.network_
    net.targets = torch.full((40, 4), 0.25)
    losses = {}
    for share in (0.0, 0.5, 1.0):
        batch.weights = {"hardest": torch.tensor(share)}
        losses[share] = net(batch, "fgan")["fgcl"].item()
    assert losses[0.5] == pytest.approx((losses[0.0] + losses[1.0]) / 2, rel=1e-5)
    net.contrast = "all"
    batch.weights = {}
    assert net(batch, "fgan")["fgcl"].item() == pytest.approx(losses[0.0], rel=1e-5)


@pytest.mark.parametrize("row", FGAN.ablations)
def test_every_row_of_the_ablation_leaves_out_its_part(row):
    views, classes = toy()
    model = FGAN(**TINY).set_params(**FGAN.ablations[row], epochs=1).fit(views, classes=classes)
    logged = set(model.history_)
    whole = {"loss", "fgcl", "apn", "aps", "fgla", "align", "reconstruction", "prior"}
    without = {"without FGLA": {"fgla", "align", "reconstruction", "prior"},
               "without FGCL": {"fgcl", "apn", "aps"},
               "without VAEs": {"reconstruction", "prior"},
               "pairwise loss": {"apn", "aps"}, "classification loss": {"apn", "aps"}}
    assert logged == whole - without.get(row, set())
    source = model.pseudo_labels_
    assert source.startswith({"without FGLA": "none", "random pseudo-labels": "random",
                              "class embeddings": "similarity"}.get(row, "linear discriminant"))


def test_what_the_loss_does_not_use_does_not_move(views):
    for params, still in (({"mu": 0.0}, "label"), ({"contrast": "off"}, "region")):
        torch.manual_seed(0)
        weights = {n: [m.network_.state_dict()[n].clone() for m in (
            FGAN(**TINY, lr=1e-9, **params).fit(views), FGAN(**TINY, lr=0.1, **params).fit(views))]
            for n in ("encoders.0.label.labels.weight", "encoders.0.region.output.weight")}
        for name, (before, after) in weights.items():
            assert torch.allclose(before, after, atol=1e-6) is (f".{still}." in name)


# -- pseudo-labels -----------------------------------------------------------------------------
def test_posteriors_come_from_other_samples():
    """Of features without any information they know nothing; fitted on themselves they would."""
    rng = np.random.default_rng(0)
    codes = np.arange(200) % 4
    views = Views({"image": rng.standard_normal((200, 60))}, codes)
    posterior, _ = seen_class_posteriors(views, codes, np.random.default_rng(0))
    assert (posterior.argmax(axis=1) == codes).mean() < 0.35
    np.testing.assert_allclose(posterior, 0.25, atol=0.1)


def test_posteriors_are_calibrated():
    views, _ = toy(per_class=100, noise=1.0)
    posterior, source = seen_class_posteriors(views, views.truth, np.random.default_rng(0))
    right = posterior.argmax(axis=1) == views.truth
    assert 0.5 < right.mean() < 0.95
    assert posterior.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.04)
    assert source.startswith("linear discriminant on image of the 4 seen classes")


def test_wide_tokens_are_averaged_and_lonely_classes_allowed():
    rng = np.random.default_rng(0)
    tokens = rng.standard_normal((12, 30, 200))
    tokens[:, 20:] = 0
    codes = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3])
    posterior, _ = seen_class_posteriors(Views({"image": tokens}), codes, np.random.default_rng(0))
    mean = Views({"image": tokens[:, :20].mean(axis=1)})
    expected, _ = seen_class_posteriors(mean, codes, np.random.default_rng(0))
    np.testing.assert_allclose(posterior, expected, atol=1e-5)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, atol=1e-5)


def test_forms_of_pseudo_labels():
    views, classes = toy()
    args = (views, views.truth)
    soft, _ = pseudo_labels(*args, "soft", posteriors_of_somebody, None, 0)
    hot, source = pseudo_labels(*args, "one_hot", posteriors_of_somebody, None, 0)
    assert source.endswith(":posteriors_of_somebody")
    assert set(np.unique(hot)) == {0.0, 1.0}
    np.testing.assert_array_equal(hot.argmax(axis=1), soft.argmax(axis=1))
    noise, _ = pseudo_labels(*args, "random", "seen", None, 0)
    assert not np.allclose(noise[0], noise[1])
    np.testing.assert_allclose(noise.sum(axis=1), 1, atol=1e-5)
    alike, _ = pseudo_labels(*args, "embedding", "seen", classes, 0)
    side = classes.embeddings / np.linalg.norm(classes.embeddings, axis=1, keepdims=True)
    np.testing.assert_allclose(alike[13], softmax(side @ side[1] / 0.1), atol=1e-5)
    with pytest.raises(ValueError, match="one vector per class"):
        pseudo_labels(*args, "embedding", "seen", None, 0)


def test_a_teacher_is_declared_saved_by_name_and_checked(views, tmp_path):
    model = FGAN(**TINY, teacher=posteriors_of_somebody).fit(views)
    assert model.n_labels_ == 3
    name = f"{__name__}:posteriors_of_somebody"
    assert model.pseudo_labels_ == name
    assert model.leaks_ == {"pseudo_labels": True}
    assert FGAN(**TINY).fit(views).leaks_ == {"pseudo_labels": False}
    saved = load_model(model.save(tmp_path / "model"))
    assert saved.teacher == name
    for again in (saved, FGAN(**TINY, teacher=name).fit(views)):
        np.testing.assert_array_equal(again.embed(views["text"], "text"),
                                      model.embed(views["text"], "text"))
    for wrong, message in ((lambda X: np.ones((len(X), 3)), "sum to 1"),
                           (lambda X: np.ones((len(X), 1)), "shape"),
                           ("no_such_module:f", "cannot be imported")):
        with pytest.raises(ValueError, match=message):
            FGAN(**TINY, teacher=wrong).fit(views)


# -- likeness ----------------------------------------------------------------------------------
class Given(JointSpace):
    """Rows are joint vectors already: two columns of embedding, then label log-probabilities."""

    def __init__(self, similarity="joint", dim=2):
        self.similarity, self.dim = similarity, dim

    def _joint_vectors(self, x, modality):
        return np.asarray(x, dtype=np.float32)


def scores_of(model, a, a_modality, b, b_modality):
    """Scores of rows of two modalities by the model's own similarity."""
    return model.compare(model.similarity_inputs(a, a_modality),
                         model.similarity_inputs(b, b_modality))


def naive_similarity(a, b, dim):
    """Eq. 29-31 of one pair of joint vectors, in double precision."""
    e_a, e_b = a[:dim].astype(float), b[:dim].astype(float)
    p, q = softmax(a[dim:].astype(float)), softmax(b[dim:].astype(float))
    cosine = e_a @ e_b / np.linalg.norm(e_a) / np.linalg.norm(e_b)
    return cosine, np.tanh(-(rel_entr(p, q) + rel_entr(q, p)).sum())


def test_similarity_is_equations_29_to_31(fitted, views):
    a, b = views["image"][:5], views["text"][7:14]
    vectors = fitted.similarity_inputs(a, "image"), fitted.similarity_inputs(b, "text")
    pairs = np.array([[naive_similarity(x, y, 8) for y in vectors[1]] for x in vectors[0]])
    for space, expected in (("embedding", pairs[..., 0]), ("labels", 1 + pairs[..., 1]),
                            ("joint", 1 + pairs.sum(axis=2))):
        fitted.set_params(similarity=space)
        found = scores_of(fitted, a, "image", b, "text")
        np.testing.assert_allclose(found, expected, atol=1e-5)
        turned = scores_of(fitted, b, "text", a, "image")
        np.testing.assert_allclose(found, turned.T, atol=1e-6)
    fitted.set_params(similarity="joint")


def test_all_similarities_compare_the_same_vectors(views):
    model = FGAN(**TINY).fit(views)
    a, b = (model.similarity_inputs(views[m][rows], m) for m, rows in (("image", slice(5)),
                                                                   ("text", slice(7))))
    found = {space: model.compare(a, b, space) for space in model.similarities}
    for space, scores in found.items():
        model.set_params(similarity=space)
        np.testing.assert_array_equal(model.compare(a, b), scores)
        np.testing.assert_array_equal(scores, scores_of(
            model, views["image"][:5], "image", views["text"][:7], "text"))
    np.testing.assert_allclose(found["joint"], found["embedding"] + found["labels"], atol=1e-5)
    p, q = (softmax(v[:, 8:].astype(float), axis=1) for v in (a, b))
    affinity = np.sqrt(p[:, None] * q[None]).sum(axis=2)
    np.testing.assert_allclose(found["affinity"], (found["embedding"] + affinity) / 2, atol=1e-5)


def test_far_distributions_do_not_tie():
    rng = np.random.default_rng(0)
    query = np.hstack([[[1.0, 0.0]], np.log(softmax(rng.standard_normal((1, 20)), axis=1))])
    gallery = np.hstack([np.tile([0.0, 1.0], (50, 1)),
                         np.log(softmax(12 * rng.standard_normal((50, 20)), axis=1))])
    p, q = softmax(query[:, 2:].astype(np.float64)), softmax(gallery[:, 2:], axis=1)
    divergence = (rel_entr(p, q) + rel_entr(q, p)).sum(axis=1)
    assert divergence.min() > 9.5
    assert len(np.unique(np.tanh(-divergence.astype(np.float32)))) == 1          # all tied
    for space in ("labels", "joint"):
        scores = scores_of(Given(space), query, "a", gallery, "b")[0]
        assert len(np.unique(scores)) == 50
        np.testing.assert_array_equal(np.argsort(-scores), np.argsort(divergence))


def test_rows_of_embed_stand_for_the_similarity(fitted, views):
    """Their inner product is the cosine, the Bhattacharyya coefficient, or the mean of both."""
    a, b = views["image"][:6], views["text"][:6]
    vectors = fitted.similarity_inputs(a, "image"), fitted.similarity_inputs(b, "text")
    roots = [np.exp(v[:, 8:] / 2) for v in vectors]
    products = {}
    for space in ("embedding", "labels", "joint"):
        fitted.set_params(similarity=space)
        products[space] = fitted.embed(a, "image") @ fitted.embed(b, "text").T
    np.testing.assert_allclose(products["labels"], roots[0] @ roots[1].T, atol=1e-5)
    np.testing.assert_allclose(products["joint"],
                               (products["embedding"] + products["labels"]) / 2, atol=1e-5)
    rng = np.random.default_rng(0)                  # J = 8 (1 - coefficient) of near distributions
    p = np.log(softmax(0.1 * rng.standard_normal((30, 12)), axis=1))
    rows = Given("labels").embed(np.hstack([np.ones((30, 2)), p]), "a").astype(np.float64)
    exact = scores_of(Given("labels"), *2 * (np.hstack([np.ones((30, 2)), p]), "a"))
    off = ~np.eye(30, dtype=bool)
    divergence = np.arctanh(1 - exact[off])
    np.testing.assert_allclose(8 * (1 - (rows @ rows.T)[off]) / divergence, 1, atol=0.02)
    assert spearmanr((rows @ rows.T)[off], exact[off]).statistic > 0.999


def test_the_joint_index_takes_similarity_inputs(fitted, views):
    index = JointIndex(8, fitted.n_labels_)
    index.add(fitted.similarity_inputs(views["text"], "text"))
    hits = index.search(fitted.similarity_inputs(views["image"][:6], "image"), 3)
    scores = scores_of(fitted, views["image"][:6], "image", views["text"], "text")
    np.testing.assert_allclose(hits.scores, -np.sort(-scores, axis=1)[:, :3] - 1, atol=1e-5)


def test_points_that_differ_in_similarity_share_a_fit(views):
    points = [{"similarity": "joint"}, {"similarity": "embedding"},
              {"similarity": "labels", "lr": 1e-3}]
    models = list(FGAN(**TINY).fit_path(views, points))
    assert models[0].network_ is models[1].network_
    assert models[1].network_ is not models[2].network_
    assert [m.similarity for m in models] == ["joint", "embedding", "labels"]


# -- data --------------------------------------------------------------------------------------
def test_vectors_count_as_one_token(views):
    flat = Views({m: views[m].reshape(40, -1) for m in ("image", "text")}, views.truth)
    single = Views({m: flat[m][:, None] for m in ("image", "text")}, views.truth)
    a, b = FGAN(**TINY).fit(flat), FGAN(**TINY).fit(single)
    np.testing.assert_array_equal(a.embed(flat["image"], "image"),
                                  b.embed(single["image"], "image"))


def test_fewer_and_more_tokens_than_in_training(fitted, views):
    text, real = views["text"], views.masks["text"]
    rows = fitted.embed(views, "text")
    longer = Views({"text": np.concatenate([text, np.ones((40, 3, 3), np.float32)], axis=1)},
                   masks={"text": np.pad(real, ((0, 0), (0, 3)))})
    np.testing.assert_allclose(fitted.embed(longer, "text"), rows, atol=1e-5)
    short = views[~real[:, 3]]
    fewer = Views({"text": short["text"][:, :3]}, masks={"text": short.masks["text"][:, :3]})
    np.testing.assert_allclose(fitted.embed(fewer, "text"), fitted.embed(short, "text"), atol=1e-5)
    assert np.isfinite(fitted.embed(short["text"][:, :1], "text")).all()


def test_tokens_on_disk_give_the_same_model(views, tmp_path):
    for name in ("image", "text"):
        np.save(tmp_path / f"{name}.npy", views[name])
    mapped = Views({m: np.load(tmp_path / f"{m}.npy", mmap_mode="r") for m in ("image", "text")},
                   views.truth, masks=views.masks)
    a, b = FGAN(**TINY).fit(views), FGAN(**TINY).fit(mapped)
    np.testing.assert_array_equal(a.embed(views["text"], "text"), b.embed(mapped["text"], "text"))


def test_a_file_of_tokens_is_a_benchmark(tmp_path):
    views, _ = toy(classes=6, per_class=12)
    np.savez(tmp_path / "tokens.npz", image=views["image"], text=views["text"], labels=views.truth)
    bench = load_pairs(tmp_path / "tokens.npz", modalities=["image", "text"])
    assert bench["train"]["text"].shape[1:] == (4, 3)
    model = FGAN(**TINY).fit(bench["train"], classes=bench.classes)
    scores = scores_of(model, bench["query"]["image"], "image", bench["gallery"]["text"], "text")
    assert scores.shape == (len(bench["query"]), len(bench["gallery"]))


def test_masked_tokens_are_padding_and_tokens_of_zeros_are_not(views, tmp_path):
    """Whatever they hold, in memory and on disk."""
    mask = np.arange(6) < np.arange(40)[:, None] % 4 + 2
    zeros = views["image"] * mask[..., None]
    np.save(tmp_path / "image.npy", views["image"])
    given = [Views({"image": x, "text": views["text"]}, views.truth,
                   masks={"image": mask, "text": views.masks["text"]})
             for x in (zeros, np.load(tmp_path / "image.npy", mmap_mode="r"))]
    models = [FGAN(**TINY).fit(X) for X in given]
    found = [model.embed(X, "image") for model, X in zip(models, given, strict=True)]
    np.testing.assert_array_equal(*found)
    assert np.abs(models[0].embed(zeros, "image") - found[0]).max() > 1e-3


def test_what_fgan_refuses(views):
    with pytest.raises(ValueError, match="aligns two modalities"):
        FGAN(**TINY).fit(views.select("image"))
    with pytest.raises(ValueError, match="heads: got 3"):
        FGAN(dim=8, heads=3).fit(views)
    with pytest.raises(ValueError, match="one encoder cannot read"):
        FGAN(**TINY, tied=True).fit(views)
    with pytest.raises(ValueError, match="learns from labels"):
        FGAN(**TINY).fit(views.with_labels(None))
    with pytest.raises(ValueError, match=r"'image' holds tokens .* CCA reads vectors"):
        CCA().fit(views)


# -- the whole ---------------------------------------------------------------------------------
def test_sketches_and_photos_share_an_encoder(views):
    pair = Views({"sketch": views["image"], "image": views["image"] + 0.1}, views.truth)
    model = FGAN(**TINY, tied=True, readers=("attention", "attention"), ratios=(0.3, 0.3)).fit(pair)
    np.testing.assert_array_equal(model.embed(views["image"], "sketch"),
                                  model.embed(views["image"], "image"))
    assert not [n for n in model.network_.state_dict() if n.startswith("encoders.1")]
    apart = FGAN(**TINY).fit(pair)
    assert not np.allclose(apart.embed(views["image"], "sketch"),
                           apart.embed(views["image"], "image"))


def test_batches_with_several_samples_of_a_class(views):
    assert FGAN(batch_size=16, per_class=4)._sampler(views.truth) == ClassBalanced(4, 4)
    assert FGAN(batch_size=64, per_class=4)._sampler(views.truth) == ClassBalanced(4, 4)


def test_a_broken_off_fit_goes_on(views, tmp_path):
    whole = FGAN(**TINY).fit(views)

    class Stop(Callback):
        def on_epoch(self, state):
            if state.epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FGAN(**TINY).fit(views, checkpoint=tmp_path, callbacks=[Stop()])
    again = FGAN(**TINY).fit(views, checkpoint=tmp_path)
    np.testing.assert_array_equal(whole.embed(views["image"], "image"),
                                  again.embed(views["image"], "image"))


def test_unseen_classes_are_found_by_what_was_trained():
    """Embeddings without FGLA and labels with it beat chance; labels without it are chance."""
    seen, _ = toy(classes=30, per_class=6, noise=0.1)
    query, gallery = (toy(classes=30, per_class=4, noise=0.1, first=30, seed=s)[0] for s in (1, 2))
    options = {**TINY, "dim": 16, "epochs": 20, "lr": 1e-2, "batch_size": 60, "ratios": (0.4, 0.5)}

    def score(model, space):
        s = scores_of(model.set_params(similarity=space), query["image"], "image",
                      gallery["text"], "text")
        return metrics.mean_average_precision(s, query.truth, gallery.truth)

    chance = metrics.chance_map(query.truth, gallery.truth)
    alone, both = FGAN(**options, mu=0.0).fit(seen), FGAN(**options).fit(seen)
    assert score(alone, "labels") == pytest.approx(chance, abs=0.06)
    assert score(alone, "embedding") > chance + 0.2
    assert score(both, "labels") > chance + 0.12
