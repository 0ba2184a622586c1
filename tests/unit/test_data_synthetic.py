import numpy as np
import pytest

from crossalign.data.sources.synthetic import MODALITIES, gaussian_pair, load_synthetic


def test_rows_are_loadings_times_the_shared_latent():
    views, truth = gaussian_pair(50, seed=3)
    for m, name in enumerate(MODALITIES):
        np.testing.assert_allclose(truth.rows[m], truth.latents[m] @ truth.loadings[m].T)
        np.testing.assert_array_equal(views[name], truth.rows[m].astype(np.float32))
    assert truth.latents[0] is truth.latents[1]
    assert views.widths == {"left": 20, "right": 15}
    np.testing.assert_array_equal(views.labels, truth.labels[0])


def test_moments_are_those_declared():
    _, truth = gaussian_pair(60_000, d=(8, 6), k=3, n_classes=4, noise=(0.5, 2.0), seed=1)
    within = truth.latents[0] - truth.means[truth.labels[0]]
    np.testing.assert_allclose(np.cov(within.T), np.eye(3), atol=0.03)
    for m, sigma in enumerate((0.5, 2.0)):
        residual = truth.rows[m] - truth.latents[m] @ truth.loadings[m].T
        np.testing.assert_allclose(residual.std(axis=0), sigma, rtol=0.02)
    shares = np.bincount(truth.labels[0]) / 60_000
    np.testing.assert_allclose(shares, 0.25, atol=0.01)
    entries = np.concatenate([gaussian_pair(1, d=(200, 200), k=4, seed=s)[1].loadings[0].ravel()
                              for s in range(5)])
    assert abs(entries.std() - 0.5) < 0.02
    means = np.concatenate([gaussian_pair(1, separation=2.0, seed=s)[1].means.ravel()
                            for s in range(100)])
    assert abs(means.std() - 2.0) < 0.1


def test_noise_level_and_sample_size_leave_the_world_alone():
    _, quiet = gaussian_pair(40, noise=(0.1, 0.2), seed=5)
    _, loud = gaussian_pair(40, noise=(0.3, 0.2), seed=5)
    _, longer = gaussian_pair(80, noise=(0.1, 0.2), seed=5)
    _, other = gaussian_pair(40, noise=(0.1, 0.2), seed=6)
    np.testing.assert_array_equal(quiet.latents[0], loud.latents[0])
    signal = quiet.latents[0] @ quiet.loadings[0].T
    np.testing.assert_allclose(3 * (quiet.rows[0] - signal), loud.rows[0] - signal, atol=1e-12)
    np.testing.assert_array_equal(quiet.loadings[1], longer.loadings[1])
    assert not np.allclose(quiet.loadings[0], other.loadings[0])


@pytest.mark.parametrize(("pairing", "latents", "classes"),
                         [("sample", True, True), ("class", False, True), ("none", False, False)])
def test_pairing_shares_what_it_says(pairing, latents, classes):
    views, truth = gaussian_pair(500, pairing=pairing, seed=2)
    assert np.array_equal(*truth.latents) == latents
    assert np.array_equal(*truth.labels) == classes
    assert (views.labels is None) == (pairing == "none")
    within = [z - truth.means[y] for z, y in zip(truth.latents, truth.labels, strict=True)]
    correlation = np.corrcoef(within[0][:, 0], within[1][:, 0])[0, 1]
    assert correlation == pytest.approx(1.0) if latents else abs(correlation) < 0.15


def test_benchmark_has_the_transfer_splits_and_new_worlds_per_run():
    bench = load_synthetic(seed=4, n_pairs=60, n_train=90, n_test=30)
    assert [len(bench[s]) for s in ("pairs", "train", "test")] == [60, 90, 30]
    assert bench["pairs"].labels is None
    assert bench["train"].labels is not None
    ids = np.concatenate([bench[s].ids for s in ("pairs", "train", "test")])
    assert len(np.unique(ids)) == 180
    assert bench.modalities == MODALITIES
    np.testing.assert_array_equal(bench.run(0)["test"]["left"], bench["test"]["left"])
    assert not np.allclose(bench.run(1)["test"]["left"], bench["test"]["left"])
    np.testing.assert_array_equal(bench.run(2).run(1)["test"]["left"],
                                  bench.run(1)["test"]["left"])
    assert bench.protocol["samples"] == {"pairs": 60, "train": 90, "test": 30}
    assert bench.protocol["leaks"]["backbone_saw_unseen_classes"] is False
    assert bench.run(1).protocol["generator"]["seed"] == 5
    assert bench.run(1).protocol["split_id"] != bench.protocol["split_id"]
    again = load_synthetic(seed=4, n_pairs=60, n_train=90, n_test=30)
    np.testing.assert_array_equal(again["train"]["right"], bench["train"]["right"])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: gaussian_pair(0), "n: got 0"),
    (lambda: gaussian_pair(5, d=(3, 9)), "widths of at least k = 4"),
    (lambda: gaussian_pair(5, d=(9,)), "d: got"),
    (lambda: gaussian_pair(5, noise=(-1, 0)), "noise: got"),
    (lambda: gaussian_pair(5, noise=(np.nan, 0)), "noise: got"),
    (lambda: gaussian_pair(5, separation=-1), "separation: got"),
    (lambda: gaussian_pair(5, pairing="twin"), "pairing: got 'twin'"),
    (lambda: load_synthetic("gzsl"), "task: got 'gzsl'"),
    (lambda: load_synthetic(n_test=0), "n_test: got 0"),
])
def test_bad_arguments_end_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
