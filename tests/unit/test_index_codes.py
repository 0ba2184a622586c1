"""Binary codes: the alternating rotation, packed bits, Hamming distances and what rests on them."""

from __future__ import annotations

from functools import partialmethod

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

import crossalign as ca
from crossalign.evaluation import score_fitted
from crossalign.evaluation.protocols import Retrieval, with_options
from crossalign.index.hamming import CodeScores, HammingIndex, hamming_distances
from crossalign.index.itq import ITQ, principal_axes, rotate_to_signs
from crossalign.metrics import average_precisions, dot, mean_average_precision
from crossalign.models import RidgeMap
from crossalign.models.blockwise import encoded
from crossalign.tasks import Retriever
from crossalign.tasks.binary_codes import BinaryCodes
from crossalign.types import Views


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def bits_of(codes, bits):
    return np.unpackbits(codes, axis=1)[:, :bits]


# -- the rotation ------------------------------------------------------------------------------
def test_axes_are_those_of_scikit_learn(rng):
    rows = rng.standard_normal((200, 9)) @ rng.standard_normal((9, 9)) + 3
    mean, axes = principal_axes(rows, 4)
    np.testing.assert_allclose(mean, rows.mean(axis=0))
    cosines = np.abs((PCA(4).fit(rows).components_ * axes.T).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-8)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(4)] > 0).all()


def test_rotation_is_orthogonal_and_its_loss_never_rises(rng):
    projected = rng.standard_normal((500, 8)) * np.geomspace(4, 0.1, 8)
    rotation, losses = rotate_to_signs(projected, 40, seed=3)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(8), atol=1e-10)
    assert (np.diff(losses) <= 1e-8 * losses[0]).all()
    assert losses[-1] < 0.95 * losses[0]
    rotated = projected @ rotation
    best = min(((b - rotated[0])**2).sum() for b in np.array(np.meshgrid(
        *[[-1, 1]] * 8)).reshape(8, -1).T)                   # signs are the nearest code of all
    assert ((np.where(rotated[0] >= 0, 1, -1) - rotated[0])**2).sum() == pytest.approx(best)
    shorter = rotate_to_signs(projected, 39, seed=3)[0]
    signs = np.where(projected @ shorter >= 0, 1, -1)
    for _ in range(20):                                      # no rotation suits those signs better
        other = np.linalg.qr(rotation + 0.3 * rng.standard_normal((8, 8)))[0]
        assert (((signs - projected @ rotation)**2).sum()
                <= ((signs - projected @ other)**2).sum() + 1e-9)


def test_codes_are_signs_of_rotated_components(rng):
    rows = rng.standard_normal((300, 20)).astype(np.float32)
    codes = ITQ(12).fit(rows[:200])
    projected = (rows.astype(float) - codes.mean_) @ codes.projection_
    packed = codes.encode(rows)
    assert packed.shape == (300, 2)
    assert packed.dtype == np.uint8
    np.testing.assert_array_equal(bits_of(packed, 12), projected >= 0)
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1)[:, 12:], 0)
    np.testing.assert_allclose(codes.mean_, rows[:200].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(codes.projection_.T @ codes.projection_, np.eye(12), atol=1e-10)


def test_codes_come_from_the_seed_alone(rng):
    rows = rng.standard_normal((200, 16))
    first, again, other = (ITQ(16, seed=seed).fit(rows).encode(rows) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_rotated_signs_find_classes_that_plain_ones_do_not(rng):
    """Classes differ along two strong components, and noise has six weak ones."""
    angles = 2 * np.pi * np.arange(16) / 16
    centres = 8 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = np.repeat(np.arange(16), 40)
    rows = np.hstack([centres[labels] + 0.3 * rng.standard_normal((640, 2)),
                      0.5 * rng.standard_normal((640, 6))])
    codes = ITQ(8).fit(rows)
    mean, axes = principal_axes(rows, 8)
    plain = np.packbits((rows - mean) @ axes >= 0, axis=1)

    def score(packed):
        return average_precisions(CodeScores(packed, packed, 8), labels, labels,
                                                  exclude_self=True).mean()

    assert score(codes.encode(rows)) > score(plain) + 0.1


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ITQ(0), "bits: got 0"), (lambda: ITQ(8, iterations=0), "iterations: got 0"),
    (lambda: ITQ(8).fit(np.ones((5, 4))), "bits: got 8 for embeddings of width 4"),
    (lambda: ITQ(2).fit(np.ones((1, 4))), "two training rows"),
    (lambda: ITQ(2).fit([[1, 2], [np.nan, 0]]), "row 1 holds NaN"),
    (lambda: ITQ(2).encode(np.ones((5, 4))), "not fitted"),
    (lambda: ITQ(2).fit(np.eye(3)).encode(np.ones((5, 4))), r"give \(n, 3\)"),
])
def test_bad_rows_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# -- distances ---------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [1, 3, 8, 9, 24])
def test_distances_are_those_of_a_loop(rng, width):
    a = rng.integers(0, 256, (5, width), dtype=np.uint8)
    b = rng.integers(0, 256, (7, width), dtype=np.uint8)
    distances = hamming_distances(a, b)
    for i, j in np.ndindex(5, 7):
        assert distances[i, j] == sum(int(x ^ y).bit_count()
                                      for x, y in zip(a[i].tolist(), b[j].tolist(), strict=True))
    np.testing.assert_array_equal(distances, 8 * width * cdist(
        np.unpackbits(a, axis=1), np.unpackbits(b, axis=1), "hamming"))


def test_equal_distances_tie_in_average_precision():
    """Three codes at distance 1, one of them right: the mean over its three places."""
    gallery = np.array([[0b10000000], [0b01000000], [0b00100000], [0b11110000]], dtype=np.uint8)
    query = np.zeros((1, 1), dtype=np.uint8)
    for right in range(3):
        labels = np.arange(4) == right
        found = average_precisions(CodeScores(query, gallery, 8), [True], labels)
        assert found[0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_index_orders_by_distance_then_by_row(rng, monkeypatch):
    gallery = rng.integers(0, 256, (60, 2), dtype=np.uint8)
    queries = rng.integers(0, 256, (9, 2), dtype=np.uint8)
    want = np.argsort(hamming_distances(queries, gallery), axis=1, kind="stable")[:, :10]
    for block in (1, 1 << 20):
        monkeypatch.setattr("crossalign.index.hamming.BLOCK_BYTES", block)
        index = HammingIndex(16)
        index.add(gallery[:40])
        index.add(gallery[40:])
        hits = index.search(queries, 10)
        np.testing.assert_array_equal(hits.indices, want)
        signs = [np.where(np.unpackbits(x, axis=1), 1.0, -1.0) for x in (queries, gallery)]
        cosines = np.take_along_axis(signs[0] @ signs[1].T / 16, want, axis=1)
        np.testing.assert_allclose(hits.scores, cosines, atol=1e-6)
    assert len(index) == 60
    assert index.search(queries, 100).indices.shape == (9, 60)
    assert index.search(queries[:0], 3).indices.shape == (0, 3)


def test_bad_codes_are_named():
    with pytest.raises(ValueError, match=r"codes: shape \(1, 2\)"):
        HammingIndex(8).add(np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match="k: got 0"):
        HammingIndex(8).search(np.zeros((1, 1), np.uint8), 0)
    with pytest.raises(ValueError, match="packed codes"):
        hamming_distances(np.zeros((1, 2)), np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match="3 bytes for queries of 2"):
        hamming_distances(np.zeros((1, 2), np.uint8), np.zeros((1, 3), np.uint8))


# -- codes of a model --------------------------------------------------------------------------
@pytest.fixture
def bench(tmp_path, rng):
    """Eight classes, an image and a text each; the text less its mean is seen in the image."""
    labels = np.repeat(np.arange(8), 40)
    shown = rng.standard_normal((8, 12))[labels] + 0.4 * rng.standard_normal((320, 12))
    np.savez(tmp_path / "toy.npz", labels=labels,
             image=shown @ rng.standard_normal((12, 30)) + 5,
             text=shown @ rng.standard_normal((12, 20)) - 5)
    return ca.load(tmp_path / "toy.npz")


def test_codes_of_a_model_rest_on_training_samples(bench):
    model = RidgeMap().fit(bench["train"])
    codes = BinaryCodes(model, 16).fit(bench["train"])
    rows = {m: model.embed(bench["train"][m], m) for m in ("image", "text")}
    want = ITQ(16).fit(np.concatenate([x - x.mean(axis=0) for x in rows.values()]))
    asked = model.embed(bench["query"]["image"], "image")
    np.testing.assert_array_equal(codes.encode(asked, "image"),
                                  want.encode(asked - rows["image"].mean(axis=0)))
    with pytest.raises(ValueError, match="modality: got 'sound'"):
        codes.encode(asked, "sound")
    with pytest.raises(ValueError, match=r"call fit\(train\)"):
        BinaryCodes(model, 16).encode(asked, "image")
    with pytest.raises(ValueError, match="bits: got 99 for embeddings of width"):
        BinaryCodes(model, 99).fit(bench["train"])


def test_scores_of_codes_stand_beside_those_of_embeddings(bench):
    model = RidgeMap()
    plain, both = (ca.evaluate(model, bench, 1, tune=False, task=Retrieval(bits),
                                pictures=False)
                   for bits in (None, 16))
    assert set(both.scores) - set(plain.scores) == {
        "mAP_16bit", "mAP_16bit[image->text]", "mAP_16bit[text->image]", "P@100_16bit"}
    for name, score in plain.scores.items():
        assert both.scores[name] == score
    assert plain.comparable(both)
    assert "16 bits, ITQ" in both.protocol["codes"]
    fitted = RidgeMap().fit(bench["train"])
    codes = BinaryCodes(fitted, 16).fit(bench["train"])
    signs = {m: 2.0 * bits_of(codes.encode(fitted.embed(bench[s][m], m), m), 16) - 1
             for m, s in (("image", "query"), ("text", "gallery"))}
    want = mean_average_precision(dot(signs["image"], signs["text"]), bench["query"].truth,
                                  bench["gallery"].truth)
    assert both.scores["mAP_16bit[image->text]"]["mean"] == pytest.approx(want)
    assert both.scores["mAP_16bit"]["mean"] > both.scores["chance_mAP"]["mean"] + 0.1
    again = score_fitted(fitted, bench, task=Retrieval(bits=16), pictures=False)
    assert again.scores["P@100_16bit"] == both.scores["P@100_16bit"]
    assert Retrieval().metric("P@100_16bit").meaning.endswith("binary codes of 16 bits")
    assert Retrieval().metric("mAP_16bit[image->text]").meaning == (
        "image queries, text gallery; binary codes of 16 bits")


def test_codes_are_for_retrieval_only():
    for bits in (0, -1):
        with pytest.raises(ValueError, match=f"bits: got {bits}"):
            Retrieval(bits=bits)
    with pytest.raises(ValueError, match="bits: got 8 for transfer"):
        with_options("transfer", bits=8)


def test_a_retriever_of_codes_finds_by_hamming_distance(bench):
    model = RidgeMap().fit(bench["train"])
    search = Retriever(model, bits=16).fit(bench["train"]).add(bench["gallery"], "text")
    hits = search.search(bench["query"], "image", k=5)
    codes = BinaryCodes(model, 16).fit(bench["train"])
    packed = [codes.encode(model.embed(bench[s][m], m), m)
              for m, s in (("image", "query"), ("text", "gallery"))]
    distances = hamming_distances(*packed)
    order = np.argsort(distances, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(hits.indices, order)
    np.testing.assert_allclose(hits.scores, 1 - np.take_along_axis(distances, order, 1) / 8)
    assert search.ids_[hits.indices[0, 0]] == bench["gallery"].ids[order[0, 0]]
    with pytest.raises(ValueError, match=r"bits: codes are learned .* call fit\(train\)"):
        Retriever(model, bits=16).add(bench["gallery"], "text")


def test_memory_mapped_samples_are_encoded_by_blocks(tmp_path, rng, monkeypatch):
    rows = rng.standard_normal((50, 6)).astype(np.float32)
    np.save(tmp_path / "image.npy", rows)
    mapped = Views({"image": np.load(tmp_path / "image.npy", mmap_mode="r")})
    sizes = []

    def encode(x, modality):
        sizes.append(len(x))
        return 2 * x

    monkeypatch.setattr(Views, "blocks", partialmethod(Views.blocks, numbers=60))
    chosen = rng.permutation(50)[:23]
    np.testing.assert_array_equal(encoded(encode, mapped[chosen], "image"), 2 * rows[chosen])
    assert sizes == [10, 10, 3]
    assert encoded(encode, mapped[:0], "image").shape == (0, 6)
    encoded(encode, Views({"image": rows}), "image")
    assert sizes[-1] == 50
