"""Tokens as vectors."""

import numpy as np
import pytest

from crossalign import data, models
from crossalign.evaluation import evaluate
from crossalign.preprocessing.pooling import flat_tokens, mean_token, pool_tokens


def tokens(n=4, t=3, d=2):
    x = np.random.default_rng(0).normal(size=(n, t, d)).astype(np.float32)
    x[1, 2:] = 0
    x[2, :] = 0
    return x


def test_the_mean_is_of_real_tokens():
    x = tokens()
    mask = (x != 0).any(axis=2)
    x[~mask] = 7.0                                   # a masked token may hold anything
    found = mean_token(x, mask)
    for i in (0, 3):
        np.testing.assert_allclose(found[i], x[i].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[1], (x[1, 0] + x[1, 1]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(found[2], 0)
    np.testing.assert_array_equal(flat_tokens(x, mask)[~np.repeat(mask, 2, axis=1)], 0)


def test_without_a_mask_zeros_count():
    x = tokens()
    np.testing.assert_allclose(mean_token(x), x.mean(axis=1), rtol=1e-6)
    frames = np.stack([x, 2 * x], axis=1)            # (n, f, t, d)
    np.testing.assert_allclose(mean_token(frames), frames.mean(axis=(1, 2)), rtol=1e-6)
    assert flat_tokens(frames).shape == (4, 12)


def test_flat_tokens_keep_every_number_in_order():
    x = tokens()
    np.testing.assert_array_equal(flat_tokens(x).reshape(x.shape), x)


@pytest.fixture(scope="module")
def whole():
    return data.load("glyphs", "retrieval", tokens=True)


@pytest.mark.parametrize(("how", "widths"), [("mean", (34, 128)), ("flat", (16 * 34, 9 * 128))])
def test_a_benchmark_is_pooled_on_every_run_and_in_validation(whole, how, widths):
    words = whole["train"]["text"].shape[1]
    pooled = data.load("glyphs", "retrieval", tokens=True, pool=how)
    expected = {"image": widths[0], "text": 128 * words if how == "flat" else widths[1]}
    for bench, original in ((pooled, whole), (pooled.run(2), whole.run(2)),
                            (pooled.validation(), whole.validation())):
        assert bench["train"].widths == expected
        np.testing.assert_array_equal(bench["query"].truth, original["query"].truth)
        assert bench.protocol["tokens"] == f"pooled: {how}"
        assert bench.protocol["split_id"] == original.protocol["split_id"]
    report = evaluate(models.CCA(), pooled, 1, tune=False)
    assert report.scores["mAP"]["mean"] > 3 * report.scores["chance_mAP"]["mean"]


def test_bad_poolings(whole):
    with pytest.raises(ValueError, match="pool: got 'max'; choose one of"):
        pool_tokens(whole, "max")
    with pytest.raises(ValueError, match="has no tokens to pool"):
        pool_tokens(pool_tokens(whole, "mean"), "mean")
    with pytest.raises(ValueError, match=r"holds tokens .* pool='flat'"):
        evaluate(models.CCA(), whole, 1, tune=False)
