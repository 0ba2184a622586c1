"""A hit is the sum of what training pairs say, and goes down without those that said most."""

from __future__ import annotations

import numpy as np
import pytest
from complaints import complaint
from small_models import toy

from crossalign.models import CCA, PerfectAlignment, RidgeMap
from crossalign.models.closed_form.votes import votes
from crossalign.tasks import explain
from crossalign.types import CLASS_MODALITY, Views

ALL, CLASSES = toy(n_per_class=20)
TRAIN, KEPT = ALL[np.arange(80) % 4 > 0], ALL[np.arange(80) % 4 == 0]
RNG = np.random.default_rng(0)
HIDDEN = 2 * RNG.normal(size=(15, 12))[RNG.integers(0, 15, 90)] + RNG.normal(size=(90, 12))
SEEN = {m: HIDDEN @ RNG.normal(size=(12, d)) + RNG.normal(size=(90, d))
        for m, d in (("image", 30), ("text", 20))}
PAIRS = Views({m: x[:50] for m, x in SEEN.items()}, ids=[f"pair {i}" for i in range(50)])
LATER = Views({m: x[50:] for m, x in SEEN.items()})
MODELS = [RidgeMap(alpha=5.0), RidgeMap(alpha=5.0, target="image", scaling="root"),
          CCA(reg=0.1), CCA(n_components=3, reg=0.1),
          CCA(reg=10.0)]


def hits_of(model, X=LATER):
    """Nearest text of every image, and their cosines."""
    cosines = model.embed(X["image"], "image") @ model.embed(X["text"], "text").T
    best = cosines.argmax(axis=1)
    return X["text"][best], cosines[np.arange(len(best)), best]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_shares_of_all_pairs_add_up_to_the_score(model):
    model.fit(PAIRS)
    hits, scores = hits_of(model)
    n = len(PAIRS)
    found = explain(model, PAIRS, LATER["image"], "image", hits, "text", k=n)
    np.testing.assert_allclose(found.scores, scores, atol=1e-4)
    np.testing.assert_allclose(found.shares.sum(axis=1), scores, atol=1e-4)
    assert (np.diff(found.shares, axis=1) <= 0).all()
    assert all(set(row) == set(PAIRS.ids) for row in found.ids.tolist())
    other = explain(model, PAIRS, hits, "text", LATER["image"], "image", k=n)
    np.testing.assert_allclose(other.scores, scores, atol=1e-4)


def test_votes_of_a_ridge_map_are_the_derivative_by_the_targets():
    """The map is linear in the targets: a target that is one unit longer moves the projection."""
    model = RidgeMap(alpha=5.0, scaling="none").fit(PAIRS)
    said = votes(model, PAIRS, LATER["image"][:2], "image")
    for i in (0, 17, 40):
        text = PAIRS["text"].copy()
        text[i] *= 2
        moved = RidgeMap(alpha=5.0, scaling="none").fit(Views({"image": PAIRS["image"],
                                                               "text": text}))
        change = moved.project(LATER["image"][:2], "image") - model.project(LATER["image"][:2],
                                                                            "image")
        np.testing.assert_allclose(change, said.weights[:, i:i + 1] * PAIRS["text"][i], atol=1e-3)


@pytest.mark.parametrize("model", MODELS[:2], ids=str)
def test_without_the_pairs_that_voted_most_the_hit_scores_less(model):
    """In nine of ten cases or more, and by more than without as many pairs drawn by chance."""
    model.fit(PAIRS)
    hits, scores = hits_of(model)
    found = explain(model, PAIRS, LATER["image"], "image", hits, "text", k=4)
    drops, others, rng = [], [], np.random.default_rng(0)
    for q in range(0, len(hits), 2):
        for names, kept in ((found.ids[q], drops),
                            (rng.choice(PAIRS.ids, 4, replace=False), others)):
            again = type(model)(**model.get_params()).fit(PAIRS[~np.isin(PAIRS.ids, names)])
            score = again.embed(LATER["image"][q:q + 1], "image") @ again.embed(
                hits[q:q + 1], "text").T
            kept.append(scores[q] - score[0, 0])
    assert np.mean(np.array(drops) > 0) >= 0.9
    assert np.mean(drops) > 3 * abs(np.mean(others))


def test_samples_vote_for_class_vectors_too():
    model = RidgeMap(alpha=5.0).fit(TRAIN.select("image"), classes=CLASSES)
    vectors = CLASSES.embeddings[KEPT.truth]
    found = explain(model, TRAIN.select("image"), KEPT["image"], "image", vectors, CLASS_MODALITY,
                    k=3, classes=CLASSES)
    cosines = (model.embed(KEPT["image"], "image") * model.embed_classes(vectors)).sum(axis=1)
    np.testing.assert_allclose(found.scores, cosines, atol=1e-4)
    label = dict(zip(TRAIN.ids.tolist(), TRAIN.truth.tolist(), strict=True))
    named = np.array([[label[i] for i in row] for row in found.ids.tolist()])
    assert np.mean(named == KEPT.truth[:, None]) > 0.6                     # chance: a quarter


def test_whitened_rows_of_the_space_vote_as_well():
    for model in (RidgeMap(alpha=5.0, whitening=1.0), CCA(n_components=4, whitening=0.5)):
        model.fit(TRAIN)
        hits, scores = hits_of(model, KEPT)
        found = explain(model, TRAIN, KEPT["image"], "image", hits, "text")
        np.testing.assert_allclose(found.scores, scores, atol=1e-3)


def test_components_that_no_pair_tells_are_left_out_and_shares_add_up():
    rank = PAIRS["text"].copy()
    rank[:, 1] = rank[:, 0]
    same = Views({"image": PAIRS["image"], "text": rank}, ids=PAIRS.ids)
    model = CCA(n_components=20, reg=0.1).fit(same)
    assert len(model.correlations_) == np.linalg.matrix_rank(rank)
    hits, scores = hits_of(model)
    found = explain(model, same, LATER["image"], "image", hits, "text", k=len(PAIRS))
    np.testing.assert_allclose(found.scores, scores, atol=1e-4)
    np.testing.assert_allclose(found.shares.sum(axis=1), scores, atol=1e-4)


def test_what_cannot_be_explained_is_refused():
    model = RidgeMap(alpha=5.0).fit(PAIRS)
    image, text = LATER["image"][:3], LATER["text"][:3]
    complaint(lambda: explain(model, PAIRS[::2], image, "image", text, "text"),
              "train: these are not the samples that this RidgeMap was fitted on")
    complaint(lambda: explain(model, PAIRS, text, "text", text, "text"),
              "modality: 'text' is not mapped by this RidgeMap; give 'image'")
    complaint(lambda: explain(model, PAIRS, image, "image", text[1:], "text"),
              "hits: 2 for 3 queries")
    complaint(lambda: explain(model, PAIRS, image, "image", text, "text", k=0), "k: got 0")
    whole = RidgeMap(pairs="class").fit(TRAIN)
    complaint(lambda: explain(whole, TRAIN, TRAIN["image"], "image", TRAIN["text"], "text"),
              "pairs='own'")
    other = PerfectAlignment().fit(PAIRS)
    complaint(lambda: explain(other, PAIRS, image, "image", text, "text"),
              "model: PerfectAlignment is no weighted sum")
