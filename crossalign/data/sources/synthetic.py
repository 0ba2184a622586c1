"""Two views of one latent Gaussian mixture, with the truth at hand.

    c ~ uniform(K),   m_c ~ N(0, separation^2 I_k),   z | c ~ N(m_c, I_k)
    x_m = S_m z + noise_m e_m,   (S_m)_ij ~ N(0, 1/k),   e_m ~ N(0, I)

Multimodal Gaussians after Kamboj & Do, "Leveraging Perfect Multimodal Alignment and Gaussian
Assumptions for Cross-modal Transfer" (arXiv 2503.15352). The authors' notebook draws the two
modalities independently of each other and adds weighted Gaussians, which is again one Gaussian;
here the pairs share their latent vector and the classes are a mixture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.cuts import Cut, Drawn
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.registry import Source
from crossalign.data.samples import Samples
from crossalign.sentences import nearest
from crossalign.types import Benchmark, Views, split_id

Array = npt.NDArray[np.float64]

MODALITIES = ("left", "right")
"""Names of the two views; neither is privileged, and the first is the source by convention."""

PAIRINGS = ("sample", "class", "none")
"""Common part of row i in both views: the latent vector, the class only, or nothing."""

SEPARATION = 3.1
"""Scale of the class means at which six classes in four dimensions are told apart about 96.6 % of
the time without noise (seeds 0 to 7; worlds differ by 3 % among themselves)."""


@dataclass(frozen=True)
class GaussianTruth:
    """Everything that `gaussian_pair` drew, in float64.

    Attributes
    ----------
    means : (K, k)
        Class means m_c; the class covariance is the identity.
    loadings : ((d1, k), (d2, k))
        Loadings S_1 and S_2.
    latents : ((n, k), (n, k))
        Latent vectors behind each view; the same array twice when rows are pairs.
    labels : ((n,), (n,))
        Classes behind each view; the same array twice unless ``pairing="none"``.
    rows : ((n, d1), (n, d2))
        Observations before `Views` rounds them to float32.
    noise : (float, float)
        Standard deviation of the observation noise of each view.
    """

    means: Array
    loadings: tuple[Array, Array]
    latents: tuple[Array, Array]
    labels: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    rows: tuple[Array, Array]
    noise: tuple[float, float]


def gaussian_pair(n: int, d: Sequence[int] = (20, 15), k: int = 4, n_classes: int = 6,
                  noise: Sequence[float] = (0.0, 0.0), seed: int = 0,
                  separation: float = SEPARATION,
                  pairing: str = "sample") -> tuple[Views, GaussianTruth]:
    """Draw a world and n samples of it seen through both modalities.

    Parameters
    ----------
    n : int
        Number of samples.
    d : two ints
        Widths of the two views, each at least k.
    k : int
        Latent dimension.
    n_classes : int
        Number K of classes; default 6.
    noise : two floats
        Standard deviation of the observation noise of each view.
    seed : int
        Seed of everything; default 0. The means and loadings do not depend on n or noise, and
        another noise level only rescales the same draws.
    separation : float
        Standard deviation of the class means, in units of the within-class standard deviation.
    pairing : {"sample", "class", "none"}
        Common part of row i in both views; default ``"sample"``, one latent vector. ``"class"``:
        two latent vectors of one class; ``"none"``: unrelated samples.

    Returns
    -------
    views : Views
        ``left (n, d1)``, ``right (n, d2)``; labelled unless ``pairing="none"``.
    truth : GaussianTruth

    Raises
    ------
    ValueError
        If a size is not positive, a width is below k, or a scale is negative.
    """
    widths, levels = _checked(n, d, k, n_classes, noise, separation, pairing)
    world = np.random.default_rng(seed)
    streams = [np.random.default_rng([seed, stream]) for stream in range(1, 5)]
    means = separation * world.normal(size=(n_classes, k))
    loadings = (world.normal(size=(widths[0], k)) / np.sqrt(k),
                world.normal(size=(widths[1], k)) / np.sqrt(k))
    labels = streams[0].integers(n_classes, size=n)
    z = means[labels] + streams[0].normal(size=(n, k))                       # (n, k)
    other_labels, other_z = labels, z
    if pairing != "sample":
        if pairing == "none":
            other_labels = streams[1].integers(n_classes, size=n)
        other_z = means[other_labels] + streams[1].normal(size=(n, k))
    left = z @ loadings[0].T + levels[0] * streams[2].normal(size=(n, widths[0]))
    right = other_z @ loadings[1].T + levels[1] * streams[3].normal(size=(n, widths[1]))
    views = Views({MODALITIES[0]: left, MODALITIES[1]: right},
                  None if pairing == "none" else labels)
    return views, GaussianTruth(means, loadings, (z, other_z), (labels, other_labels),
                                (left, right), levels)


def load_synthetic(task: str = "transfer", *, seed: int = 0, noise: Sequence[float] = (0.3, 1.0),
                   d: Sequence[int] = (20, 15), k: int = 4, n_classes: int = 6,
                   separation: float = SEPARATION, n_pairs: int = 500, n_train: int = 1000,
                   n_test: int = 2000) -> Benchmark:
    """Make a transfer benchmark of `gaussian_pair`, whose k-th run draws another world.

    Splits ``pairs (n_pairs)`` unlabelled, ``train (n_train)`` and ``test (n_test)`` labelled, all
    seen through ``left`` (the source) and ``right`` (the target). A transfer reads only the source
    side of ``train``; its target side is there for the upper bound.

    Raises
    ------
    ValueError
        For a task other than ``"transfer"``, or what `gaussian_pair` refuses.
    """
    if task != "transfer":
        raise ValueError(f"task: got {task!r}; synthetic Gaussians come as 'transfer'.")
    sizes = {"pairs": n_pairs, "train": n_train, "test": n_test}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"n_{name}: got {size}; give at least 1.")
    settings: dict[str, Any] = {"noise": noise, "d": d, "k": k, "n_classes": n_classes,
                                "separation": separation}
    return Drawn(task, partial(_world, seed, sizes, settings), validates=False).benchmark()


def _world(seed: int, sizes: Mapping[str, int], settings: Mapping[str, Any], run: int,
           validates: bool) -> tuple[Samples, Cut]:
    """Draw another world for every run, whose splits have another id."""
    views, truth = gaussian_pair(sum(sizes.values()), seed=seed + run, **settings)
    rows = dict(zip(sizes, np.split(np.arange(len(views)), np.cumsum(list(sizes.values()))[:-1]),
                    strict=True))
    everyone = np.arange(settings["n_classes"])
    facts = {"features": "synthetic multimodal Gaussians", "normalisation": "none",
             "side_information": "none",
             "generator": {**settings, "seed": seed + run, "noise": list(truth.noise),
                           "d": [int(width) for width in settings["d"]],
                           **{f"n_{split}": size for split, size in sizes.items()}}}
    samples = Samples("synthetic", views, tuple(map(str, everyone)), np.zeros((len(everyone), 0)),
                      facts, seed + run, NO_BACKBONE)
    return samples, Cut(rows, everyone, np.ones(len(everyone), dtype=bool), validates,
                        {"split_id": split_id({**rows, "world": [seed + run]})})


def _checked(n: int, d: Sequence[int], k: int, n_classes: int, noise: Sequence[float],
             separation: float, pairing: str) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return widths and noise levels, once every argument is known to make sense."""
    for name, value in (("n", n), ("k", k), ("n_classes", n_classes)):
        if value < 1:
            raise ValueError(f"{name}: got {value}; give at least 1.")
    if len(d) != 2 or min(d) < k:
        raise ValueError(f"d: got {tuple(d)}; give two widths of at least k = {k}.")
    if len(noise) != 2 or not (np.isfinite(noise).all() and min(noise) >= 0):
        raise ValueError(f"noise: got {tuple(noise)}; give two standard deviations >= 0.")
    if not (np.isfinite(separation) and separation >= 0):
        raise ValueError(f"separation: got {separation}; give a scale >= 0.")
    if pairing not in PAIRINGS:
        raise ValueError(f"pairing: got {pairing!r}; {nearest(pairing, PAIRINGS)}")
    return (int(d[0]), int(d[1])), (float(noise[0]), float(noise[1]))


def _read(task: str | None, *, seed: int, **_: Any) -> Benchmark:
    return load_synthetic(seed=seed)


SOURCE = Source("synthetic", "paired multimodal Gaussians whose truth is known", _read,
                ("transfer",))
