"""Models for few pairs, against scipy, scikit-learn or their formula written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler, normalize

from crossalign.models import ASIF, CCA, Committee, Procrustes, RidgeMap
from crossalign.models.closed_form.votes import explains
from crossalign.tasks import Retriever, explain
from crossalign.types import Views


def pairs(n=60, noise=0.3, seed=0, widths=(9, 6)):
    """Samples with two views of four hidden numbers."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 4))
    return Views({m: z @ rng.standard_normal((4, d)) + noise * rng.standard_normal((n, d)) + 2
                  for m, d in zip(("image", "text"), widths, strict=True)})


def some_unpaired(views, every=3):
    """The same samples, of which only each third has both views; the others have one, by turns."""
    i = np.arange(len(views))
    both = i % every == 0
    return Views({m: views[m] for m in views.modalities}, views.labels, present={
        "image": both | (i % 2 == 0), "text": both | (i % 2 == 1)})


# -- Procrustes --------------------------------------------------------------------------------
@pytest.mark.parametrize("whiten", [False, True])
def test_procrustes_is_scipys_between_scikit_learns_components(whiten):
    views = pairs()
    model = Procrustes(n_components=3, whiten=whiten).fit(views)
    codes = {m: PCA(3, whiten=whiten).fit_transform(
        StandardScaler().fit_transform(views[m].astype(float))) for m in views.modalities}
    R, _ = linalg.orthogonal_procrustes(codes["image"], codes["text"])
    expected = normalize(codes["image"] @ R) @ normalize(codes["text"]).T
    found = model.embed(views["image"], "image") @ model.embed(views["text"], "text").T
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_procrustes_turns_without_changing_distances():
    views = pairs(noise=0.0)
    model = Procrustes(n_components=99, scaling="none").fit(views)
    assert model.project(views["image"], "image").shape[1] == 4      # the rank of both
    for m in views.modalities:
        rows, known = model.project(views[m], m), views[m] - views[m].mean(axis=0)
        np.testing.assert_allclose(rows @ rows.T, known @ known.T, rtol=1e-3, atol=1e-2)


def test_three_pairs_fix_a_rotation_that_no_noise_hides():
    """A made-up case: the second view is the first, turned; few pairs tell how."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3)) * [3, 2, 1]
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    views = Views({"a": x, "b": x @ turn}, present={"b": np.arange(200) % 40 == 0})
    model = Procrustes(scaling="none", n_components=3).fit(views)
    cosines = model.embed(x, "a") @ model.embed(x @ turn, "b").T
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-4)
    assert (cosines.argmax(axis=1) == np.arange(200)).mean() > 0.95


def test_components_of_all_rows_are_those_of_scikit_learn_on_all_rows():
    views = some_unpaired(pairs())
    model = Procrustes(n_components=3, covariances="all").fit(views)
    both = views.has("image") & views.has("text")
    codes, spread = {}, {}
    for m in views.modalities:
        scaler = StandardScaler().fit(views[m][views.has(m)].astype(float))
        pca = PCA(3).fit(scaler.transform(views[m][views.has(m)]))
        codes[m] = pca.transform(scaler.transform(views[m][both]))
        spread[m] = codes[m] - codes[m].mean(axis=0)
    R, _ = linalg.orthogonal_procrustes(spread["image"], spread["text"])
    expected = normalize(codes["image"] @ R) @ normalize(codes["text"]).T
    found = model.embed(views["image"][both], "image") @ model.embed(views["text"][both], "text").T
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("model", [Procrustes(), CCA()], ids=lambda m: m.cli_name)
def test_a_path_is_its_points_with_unpaired_rows_too(model):
    views = some_unpaired(pairs()).with_labels(np.arange(60) % 5)
    points = [{"covariances": c, "n_components": k, "pairs": p}
              for c in ("pairs", "all") for p in ("own", "class") for k in (2, 3)]
    for point, candidate in zip(points, model.fit_path(views, points), strict=True):
        alone = type(model)(**point).fit(views)
        for m in views.modalities:
            np.testing.assert_allclose(candidate.embed(views[m], m), alone.embed(views[m], m),
                                       atol=1e-6)
    assert "covariances" not in model.idle(views)
    assert "covariances" in model.idle(pairs())


def scores(model, views, test):
    """Cosines of test rows under a model that is fitted on the views."""
    model.fit(views)
    return model.embed(test["image"], "image") @ model.embed(test["text"], "text").T


def few(kind):
    """Samples of which few pairs, or few classes, say less than there are components."""
    views = pairs(40, widths=(6, 6)).with_labels(np.arange(40) % 3)
    if kind == "class":
        return views
    return Views({m: views[m] for m in views.modalities}, present={
        "image": np.arange(40) % 2 == 0, "text": (np.arange(40) % 2 == 1) | (np.arange(40) < 6)})


@pytest.mark.parametrize("kind", ["class", "own"])
@pytest.mark.parametrize("model", [
    Procrustes(covariances="all"), Procrustes(covariances="all", whiten=True), CCA(),
    CCA(covariances="all", reg=1.0), Committee(power=1.0)], ids=str)
def test_scores_hold_nothing_that_no_pair_tells(model, kind):
    """Components that no pair connects would be turned at random, by the rounding of sums."""
    views, test = few(kind), pairs(30, seed=1, widths=(6, 6))
    model.set_params(pairs=kind)
    known = scores(model, views, test)
    other = scores(model, views.take(np.random.default_rng(0).permutation(40)), test)
    np.testing.assert_allclose(other, known, atol=1e-4)


@pytest.mark.parametrize("kind", ["class", "own"])
def test_a_rotation_is_between_the_directions_that_pairs_tell(kind):
    """Written out: the part of both codes in the span of the cross-covariance, and its rotation."""
    views = few(kind)
    model = Procrustes(scaling="none", covariances="all", pairs=kind).fit(views)
    codes = {m: views[m].astype(float) - views[m][views.has(m)].mean(axis=0)
             for m in views.modalities}
    if kind == "class":
        cross = sum(np.outer(codes["image"][views.labels == c].mean(axis=0),
                             codes["text"][views.labels == c].mean(axis=0))
                    * (views.labels == c).mean() for c in range(3))
        rank = 2                                                        # three means about theirs
    else:
        both = views.has("image") & views.has("text")
        cross = np.cov(codes["image"][both].T, codes["text"][both].T)[:6, 6:]
        rank = 2                                                        # of three pairs
    U, s, Vt = linalg.svd(cross)
    assert s[rank] < 1e-8 * s[0]
    expected = normalize(codes["image"] @ U[:, :rank]) @ normalize(codes["text"] @ Vt[:rank].T).T
    found = model.embed(views["image"], "image") @ model.embed(views["text"], "text").T
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("model", [RidgeMap(pairs="class"), Procrustes(pairs="class"),
                                   CCA(pairs="class"), ASIF(pairs="class"),
                                   Committee(pairs="class")], ids=lambda m: m.cli_name)
def test_pairs_of_one_class_alone_are_refused(model):
    views = pairs(20).with_labels(np.zeros(20, dtype=int))
    with pytest.raises(ValueError, match="all samples of 'image' are of one class, and pairs of"):
        model.fit(views)
    assert "pairs" in model.idle(views)                              # so that nothing is tried
    assert "pairs" not in model.idle(views.with_labels(np.arange(20) % 2))


# -- CCA ---------------------------------------------------------------------------------------
def test_cca_weighted_by_correlation_is_its_formula():
    views = pairs()
    plain = CCA(n_components=4, reg=1e-2).fit(views)
    model = CCA(n_components=4, reg=1e-2, weighting="correlation").fit(views)
    a, b = (plain.project(views[m], m).astype(float) for m in views.modalities)
    rho = plain.correlations_
    assert rho[0] - rho[-1] > 0.02                                  # weights that differ
    expected = np.array([[sum(rho * x * y) / np.sqrt(sum(rho * x**2) * sum(rho * y**2))
                          for y in b] for x in a])
    found = model.embed(views["image"], "image") @ model.embed(views["text"], "text").T
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(model.correlations_, rho)


def test_covariances_of_all_rows_are_those_of_the_equation_written_out():
    views = some_unpaired(pairs(90))
    model = CCA(n_components=3, reg=1e-2, covariances="all").fit(views)
    here = {m: views[m][views.has(m)].astype(float) for m in views.modalities}
    both = views.has("image") & views.has("text")
    a, b = (views[m][both].astype(float) for m in views.modalities)
    cab = (a - a.mean(0)).T @ (b - b.mean(0)) / both.sum()
    roots = []
    for rows in here.values():
        c = np.cov(rows.T, bias=True)
        roots.append(linalg.inv(linalg.sqrtm(c + 1e-2 * np.trace(c) / len(c) * np.eye(len(c)))))
    U, rho, Vt = linalg.svd(roots[0] @ cab @ roots[1])
    np.testing.assert_allclose(model.correlations_, rho[:3], rtol=1e-4)
    maps = roots[0] @ U[:, :3], roots[1] @ Vt.T[:, :3]
    codes = [(views[m] - here[m].mean(0)) @ A for m, A in zip(views.modalities, maps, strict=True)]
    found = model.project(views["image"], "image") @ model.project(views["text"], "text").T
    np.testing.assert_allclose(found, codes[0] @ codes[1].T, rtol=1e-3, atol=1e-3)


def test_covariances_of_all_rows_are_those_of_pairs_where_all_are_paired():
    views = pairs()
    for kind in (CCA, Procrustes):
        one, other = (kind(covariances=c).fit(views) for c in ("pairs", "all"))
        np.testing.assert_allclose(one.embed(views["text"], "text"),
                                   other.embed(views["text"], "text"), atol=1e-5)


def mean_rank(model, views, test):
    """Mean number of texts that an image finds nearer than its own."""
    model.fit(views)
    cosines = model.embed(test["image"], "image") @ model.embed(test["text"], "text").T
    return (cosines > np.diag(cosines)[:, None]).sum(axis=1).mean()


@pytest.mark.parametrize("whiten", [False, True])
def test_components_of_many_unpaired_rows_help_twelve_pairs(whiten):
    ranks = {"pairs": [], "all": []}
    for seed in range(5):
        whole = pairs(700, noise=0.7, seed=seed, widths=(14, 14))
        i = np.random.default_rng(seed).permutation(600)
        views = Views({m: whole[m][:600] for m in whole.modalities}, present={
            "image": (i < 12) | (i % 2 == 0), "text": (i < 12) | (i % 2 == 1)})
        for c, kept in ranks.items():
            model = Procrustes(n_components=4, whiten=whiten, covariances=c)
            kept.append(mean_rank(model, views, whole[600:]))
    assert np.mean(ranks["all"]) < np.mean(ranks["pairs"]) < 25                # chance: 50


# -- ASIF --------------------------------------------------------------------------------------
def written_out(x, anchors, k, power):
    """Relative rows, one number at a time."""
    rows = np.zeros((len(x), len(anchors)))
    for i, row in enumerate(x):
        cosines = [row @ a / np.linalg.norm(row) / np.linalg.norm(a) for a in anchors]
        for j in sorted(range(len(anchors)), key=lambda j: -cosines[j])[:k]:
            rows[i, j] = max(cosines[j], 0) ** power
        rows[i] /= np.linalg.norm(rows[i])
    return rows


@pytest.mark.parametrize(("k", "power"), [(5, 1.0), (3, 4.0), (None, 2.0), (999, 8.0)])
def test_asif_is_its_loop_written_out(k, power):
    views, later = pairs(), pairs(20, seed=0)
    model = ASIF(k=k, power=power).fit(views)
    for m in views.modalities:
        scaler = StandardScaler().fit(views[m].astype(float))
        expected = written_out(scaler.transform(later[m]), scaler.transform(views[m]), k, power)
        np.testing.assert_allclose(model.embed(later[m], m), expected, atol=1e-5)


def test_a_pair_is_a_column_that_comes_and_goes():
    views, later = pairs(), pairs(10, seed=3)
    whole = ASIF(k=None, scaling="l2").fit(views)
    part = ASIF(k=None, scaling="l2").fit(views[:50])
    before = part.project(later["image"], "image")
    part.add_pairs(views[50:])
    np.testing.assert_array_equal(part.project(later["image"], "image")[:, :50], before)
    np.testing.assert_allclose(part.embed(later["text"], "text"),
                               whole.embed(later["text"], "text"), atol=1e-6)
    part.drop_pairs(np.arange(50, 60))
    np.testing.assert_array_equal(part.project(later["image"], "image"), before)
    with pytest.raises(ValueError, match="places: got 50; the pairs are 0 to 49"):
        part.drop_pairs([50])
    with pytest.raises(ValueError, match="all 50 pairs; leave at least one"):
        part.drop_pairs(range(50))
    with pytest.raises(ValueError, match="not fitted"):
        ASIF().add_pairs(views)


def test_asif_finds_the_mates_of_rows_it_never_saw():
    views = pairs(300, noise=0.2)
    model = ASIF(k=20).fit(views[:100])
    cosines = model.embed(views["image"][100:], "image") @ model.embed(
        views["text"][100:], "text").T
    ranks = (cosines > np.diag(cosines)[:, None]).sum(axis=1)
    assert np.median(ranks) < 10                                    # chance: 100


@pytest.mark.parametrize("model", [ASIF(k=10), ASIF(k=None, power=3.0), CCA(
    reg=0.1, weighting="correlation"), CCA(reg=0.1, covariances="all")], ids=str)
def test_shares_of_all_pairs_add_up_to_the_score(model):
    views, later = some_unpaired(pairs(90)), pairs(8, seed=5)
    model.fit(views)
    both = views.having("image").having("text")
    assert explains(model)
    found = explain(model, views, later["image"], "image", later["text"], "text", k=len(both))
    scores = (model.embed(later["image"], "image") * model.embed(later["text"], "text")).sum(1)
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_allclose(found.shares.sum(axis=1), scores, atol=1e-4)
    assert set(found.ids[0]) == set(both.ids)


def test_without_the_pair_that_asif_names_the_score_drops_by_its_share():
    views, later = pairs(), pairs(5, seed=5)
    model = ASIF(k=None).fit(views)
    found = explain(model, views, later["image"], "image", later["text"], "text", k=1)
    a, b = model.embed(later["image"], "image"), model.embed(later["text"], "text")
    for q in range(5):
        i = found.ids[q, 0]
        rest = np.arange(60) != i
        assert a[q] @ b[q] - a[q][rest] @ b[q][rest] == pytest.approx(found.shares[q, 0], abs=1e-5)
    with pytest.raises(ValueError, match="not the samples that this ASIF was fitted on"):
        explain(model, views[:40], later["image"], "image", later["text"], "text")


def test_of_pairs_of_a_class_asif_takes_the_means():
    views = some_unpaired(pairs()).with_labels(np.arange(60) % 5)
    model = ASIF(k=3, power=2.0, pairs="class").fit(views)
    for m in views.modalities:
        rows, y = views[m][views.has(m)].astype(float), views.labels[views.has(m)]
        scaler = StandardScaler().fit(rows)
        means = np.stack([scaler.transform(rows[y == c]).mean(axis=0) for c in range(5)])
        expected = written_out(scaler.transform(rows), means, 3, 2.0)
        np.testing.assert_allclose(model.embed(rows, m), expected, atol=1e-5)
    assert not explains(model)


# -- Committee ---------------------------------------------------------------------------------
def standardised(models_of, train, queries, gallery):
    """Mean over members of standardised scores, each member's cosines averaged first."""
    total = 0.0
    for bench in models_of:
        known, new = (np.mean([m.embed(a["image"], "image") @ m.embed(b["text"], "text").T
                               for m in bench], axis=0)
                      for a, b in ((train, train), (queries, gallery)))
        apart = [known[i, j] for i in range(len(train)) for j in range(len(train)) if i != j]
        total = total + (new - np.mean(apart)) / np.std(apart) / len(models_of)
    return total


def test_a_committee_ranks_by_the_mean_of_standardised_scores_in_its_index_too():
    views, later = pairs(), pairs(30, seed=4)
    model = Committee(alpha=5.0, n_components=3, k=10, power=2.0).fit(views)
    alone = [[RidgeMap(5.0).fit(views), RidgeMap(5.0, target="image").fit(views)],
             [Procrustes(3).fit(views)], [ASIF(10, 2.0).fit(views)]]
    expected = standardised(alone, views, later[:12], later)
    cosines = model.embed(later["image"][:12], "image") @ model.embed(later["text"], "text").T
    slope, shift = np.polyfit(expected.ravel(), cosines.ravel(), 1)
    assert slope > 0
    np.testing.assert_allclose(cosines, slope * expected + shift, atol=1e-5)
    hits = Retriever(model).add(later, "text").search(later["image"][:12], "image", k=10)
    np.testing.assert_array_equal(hits.indices, np.argsort(-expected, axis=1)[:, :10])


def test_members_of_a_committee_are_the_models_alone_after_loading_too(tmp_path):
    views = pairs()
    model = Committee(alpha=5.0, n_components=3).fit(views)
    for committee in (model, Committee.load(model.save(tmp_path / "model"))):
        members = committee.maps()
        assert list(members) == ["forth", "back", "procrustes", "asif"]
        for name, alone in {"forth": RidgeMap(5.0), "back": RidgeMap(5.0, target="image"),
                            "procrustes": Procrustes(3), "asif": ASIF()}.items():
            alone.fit(views)
            for m in views.modalities:
                np.testing.assert_array_equal(members[name].embed(views[m], m),
                                              alone.embed(views[m], m))
    assert np.sum(model.weights_**2) == pytest.approx(1)


def test_a_committee_of_the_ridge_alone_is_the_mean_of_both_ways():
    views, later = pairs(), pairs(12, seed=4)
    model = Committee(alpha=5.0, members=["ridge"]).fit(views)
    both = [RidgeMap(5.0).fit(views), RidgeMap(5.0, target="image").fit(views)]
    expected = np.mean([m.embed(later["image"], "image") @ m.embed(later["text"], "text").T
                        for m in both], axis=0)
    found = model.embed(later["image"], "image") @ model.embed(later["text"], "text").T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_path_of_committees_is_its_points():
    views = some_unpaired(pairs(90)).with_labels(np.arange(90) % 5)
    points = [{"alpha": a, "n_components": c, "power": p, "pairs": w, "members": m}
              for w in ("own", "class") for a in (1.0, 100.0) for c in (2, 3) for p in (1.0, 3.0)
              for m in (("ridge",), ("asif", "ridge"), ("procrustes",))]
    for point, candidate in zip(points, Committee().fit_path(views, points), strict=True):
        alone = Committee(**point).fit(views)
        assert candidate.get_params() == alone.get_params()
        for m in views.modalities:
            np.testing.assert_allclose(candidate.embed(views[m], m), alone.embed(views[m], m),
                                       atol=1e-6)


def test_a_committee_is_better_than_its_members_on_average():
    """A made-up case of thirty pairs: two noisy views of six hidden numbers."""
    rng = np.random.default_rng(0)
    ranks = {"ridge": [], "procrustes": [], "asif": [], "committee": []}
    for _ in range(8):
        z = rng.standard_normal((230, 6))
        views = Views({m: np.tanh(z @ rng.standard_normal((6, 40))) + 0.8 * rng.standard_normal(
            (230, 40)) for m in ("image", "text")})
        for name, model in (("ridge", RidgeMap(100.0)), ("procrustes", Procrustes(16)),
                            ("asif", ASIF(k=10)), ("committee", Committee(n_components=16, k=10))):
            ranks[name].append(mean_rank(model, views[:30], views[30:]))
    found = {name: np.mean(values) for name, values in ranks.items()}
    assert found.pop("committee") < min(found.values()) < 60                # chance: 100
