"""What adds up over rows, of which a block at a time is read, against numpy on all of them."""

from __future__ import annotations

from functools import partialmethod

import numpy as np
import pytest

from crossalign.models import CCA, CommonPCA, FusionNetQSMA, RidgeMap
from crossalign.models.closed_form.linear_alignment import columns_of
from crossalign.preprocessing.rows import (
    class_means,
    extent,
    held,
    mean_row,
    products,
    rows_at,
    rows_of,
    scatter,
)
from crossalign.preprocessing.scaling import KINDS, fit_scaling
from crossalign.types import Views


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(Views, "blocks", partialmethod(Views.blocks, numbers=28))


def mapped(folder, values, name="x", **more):
    """Views of an array that stays on disk."""
    np.save(folder / f"{name}.npy", values)
    return Views({name: np.load(folder / f"{name}.npy", mmap_mode="r")}, **more)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def x(rng):
    return rng.normal(3, [1, 5, 0.1, 2], (53, 4)).astype(np.float32)


def test_blocks_hold_all_rows_once_and_in_order(x, tmp_path):
    rows = rows_of(mapped(tmp_path, x), "x")
    blocks = list(rows.blocks())
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), x)
    assert [len(block) for _, block in blocks] == [7] * 7 + [4]
    assert len(list(held(x).blocks())) == 1


@pytest.mark.parametrize("kept", [np.arange(53), np.arange(52, -1, -5)])
def test_sums_over_blocks_are_those_over_all_rows(x, kept, rng, tmp_path):
    rows, other = rows_of(mapped(tmp_path, x), "x").take(kept), rng.normal(size=(len(kept), 3))
    whole = x[kept].astype(np.float64)
    np.testing.assert_allclose(mean_row(rows), whole.mean(axis=0), rtol=1e-12)
    doubled = rows.then(lambda x: x.astype(np.float64))
    np.testing.assert_allclose(products(doubled, held(other)), whole.T @ other, rtol=1e-10)
    centred = whole - whole.mean(axis=0)
    np.testing.assert_allclose(scatter(doubled.less(whole.mean(axis=0))), centred.T @ centred,
                               rtol=1e-10)
    found = extent(rows)
    for value, right in zip(found[1:], (whole.mean(axis=0), whole.std(axis=0), whole.min(axis=0),
                                        whole.max(axis=0)), strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-10)


def test_a_large_offset_does_not_cancel_a_small_spread(rng, tmp_path):
    x = (1e5 + rng.integers(-8, 9, (500, 2)) / 8).astype(np.float32)
    found = extent(rows_of(mapped(tmp_path, x), "x"))
    np.testing.assert_allclose(found.deviation, x.astype(np.float64).std(axis=0), rtol=1e-9)


def test_means_of_classes_are_those_of_their_rows_wherever_these_stand(x, rng, tmp_path):
    codes = rng.integers(0, 5, len(x))
    codes[codes == 3] = 4                                                      # none of class 3
    found = class_means(rows_of(mapped(tmp_path, x), "x"), codes, 5)
    for c in (0, 1, 2, 4):
        np.testing.assert_allclose(found[c], x[codes == c].mean(axis=0), rtol=1e-6)
    assert (found[3] == 0).all()


def test_rows_of_a_table_are_gathered_block_by_block(x, rng, tmp_path):
    codes, table = rng.integers(0, 5, len(x)), rng.normal(size=(5, 2))
    rows = rows_at(table, codes, rows_of(mapped(tmp_path, x), "x"))
    assert rows.step == 7
    np.testing.assert_array_equal(rows.read(np.array([3, 1])), table[codes[[3, 1]]])


def test_a_triangle_has_the_inner_products_of_the_rows_it_stands_for(x, rng, tmp_path):
    other = rng.normal(size=(len(x), 3)).astype(np.float32)
    first, second = columns_of(*(rows_of(mapped(tmp_path, v, name), name).then(np.float64)
                                 for name, v in (("a", x), ("b", other))))
    assert len(first) == 7
    np.testing.assert_allclose(first.T @ second, x.T.astype(np.float64) @ other, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.svd(first)[1], np.linalg.svd(x.astype(np.float64))[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [np.float64, np.float16, np.uint8])
def test_scales_fitted_from_disk_are_those_fitted_in_memory(kind, kept, x, tmp_path):
    values = np.abs(x * 9).astype(kept)
    there = fit_scaling(rows_of(mapped(tmp_path, values), "x"), kind)
    for name, value in fit_scaling(values, kind).items():
        np.testing.assert_allclose(there[name], value, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_on_disk_without_a_number_is_refused_by_its_id(bad, x, tmp_path):
    x[30, 2] = bad
    views = mapped(tmp_path, x, ids=[f"picture {i}" for i in range(len(x))])
    both = views.beside(Views({"text": np.eye(len(x))[:, :3]}))
    with pytest.raises(ValueError, match=r"'x' of the sample .*picture 30.* holds NaN or infin"):
        RidgeMap().fit(both)


@pytest.mark.parametrize("model", [
    RidgeMap(), CCA(), CommonPCA(4), RidgeMap(pairs="class", whitening=1.0),
    CCA(pairs="class", whitening=1.0, scaling="root"),
    FusionNetQSMA(epochs=1, network__latent=4, network__hidden=8, batch_size=16, linear__share=0.5,
                  linear__pairs="class"),
    FusionNetQSMA(epochs=1, network__latent=4, network__hidden=8, batch_size=16, linear__share=0.5,
                  linear__view="pca")])
def test_samples_on_disk_that_lack_a_view_do_not_count(model, rng, tmp_path):
    image, text = (rng.normal(size=(60, 5)).astype(np.float32) for _ in range(2))
    present = {"image": np.arange(60) % 5 > 0, "text": np.arange(60) % 7 > 0}
    labels = np.arange(60) % 9
    memory = Views({"image": image, "text": text}, labels, present=present)
    image[~present["image"]], text[~present["text"]] = np.nan, np.inf          # what no one wrote
    disk = mapped(tmp_path, image, "image", present={"image": present["image"]}, labels=labels)
    disk = disk.beside(mapped(tmp_path, text, "text", present={"text": present["text"]}))
    a, b = ([one.embed(memory[m], m) for m in memory.modalities]
            for one in (model.fit(memory), type(model)(**model.get_params()).fit(disk)))
    np.testing.assert_allclose(b[0] @ b[1].T, a[0] @ a[1].T, atol=1e-4)
