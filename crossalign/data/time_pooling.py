"""Token rows in time as vectors, by temporal attention trained on the training rows.

Every modality with tokens gets a `TemporalAttention` of its own, so that a clip of frames, a pen's
way or a sentence becomes one vector that depends on the order of its tokens, which any model can
read. It learns from the training part of a benchmark alone, anew for every run and for validation.

    L = cross-entropy of softmax(s cos(W z, V t_c)) over the targets t_c

Targets are the vectors of the training classes where there are any, else a learned vector per
training class, else, without labels, the mean token of the other modality of each sample of the
batch. The scale s is learned; z is what models read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from crossalign.data.clip_options import POOLS
from crossalign.encoders.cache import cached_arrays
from crossalign.files import replacing
from crossalign.fingerprints import classes_fingerprint, samples_fingerprint
from crossalign.folders import content_of, why
from crossalign.labels import has_class
from crossalign.networks import TemporalAttention, initialise
from crossalign.networks.token_reader import real_tokens, token_mean
from crossalign.preprocessing.pooling import POOLED, POOLINGS, TIME, Pool, Pools, pool_tokens
from crossalign.preprocessing.tokens import token_moments
from crossalign.sentences import nearest
from crossalign.training import Batch, Cosine, Group, Player, Shuffle, enough_epochs, train
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]

VERSION = 1
"""Version of the vectors, raised when the same rows would give others."""
DIM, EPOCHS, BATCH, RATE, DECAY, DROPOUT = 128, 15, 64, 1e-3, 1e-2, 0.1
SCALE = 10.0
"""Scale of the cosines at first."""
BLOCK = 1024
"""Number of samples that are pooled at a time."""


def pooled(bench: Benchmark, how: str | Pools) -> Benchmark:
    """Return a benchmark whose token modalities are vectors, see `pool_tokens`.

    ``how`` is one of `clip_options.POOLS`, or the poolings that a fitted model keeps, which stay as
    they are on every run.

    Raises
    ------
    ValueError
        For an unknown pooling, a benchmark without tokens, or one whose samples have neither
        classes nor a second modality to learn from.
    """
    if not isinstance(how, str):
        named = {pool if isinstance(pool, str) else TIME for pool in how.values()}
        return pool_tokens(bench, " and ".join(sorted(named)), how)
    if how == TIME:
        return pool_tokens(bench, how, time_pools)
    if how not in POOLINGS:
        raise ValueError(f"pool: got {how!r}; {nearest(how, POOLS)}")
    return pool_tokens(bench, how)


def fitted_again(pools: Pools, X: Views, classes: Classes) -> Pools:
    """Return poolings of the same kinds, those that are trained on other samples."""
    return {m: pool if isinstance(pool, str) else TimePool.fit(X, m, classes)
            for m, pool in pools.items()}


def time_pools(bench: Benchmark) -> dict[str, Pool]:
    """Train temporal attention on a benchmark's training part, for every modality with tokens.

    For transfer the training part is its pairs, which are unlabelled.
    """
    learnt_from = bench.splits["pairs" if "pairs" in bench.splits else "train"]
    return {m: TimePool.fit(learnt_from, m, bench.classes) for m, kind in learnt_from.kinds.items()
            if kind in POOLED}


class TimePool:
    """Temporal attention that was trained, as a function that pools clips.

    Parameters
    ----------
    network : TemporalAttention
    """

    def __init__(self, network: TemporalAttention) -> None:
        self.network = network.eval()

    @classmethod
    def fit(cls, X: Views, modality: str, classes: Classes | None = None, *, dim: int = DIM,
            epochs: int | None = None, seed: int = 0) -> Self:
        """Train temporal attention on samples.

        Parameters
        ----------
        X : Views
            Training samples; those that lack the modality are left out, and among labelled ones
            those without a class.
        modality : str
            Modality to pool, with tokens ``(n, f, d)``, or frames ``(n, f, t, d)``, whose tokens
            are averaged within each frame.
        classes : Classes, optional
            Classes of the labels.
        dim : int
            Width of the vectors; default 128.
        epochs : int, optional
            Number of passes over the samples; default `EPOCHS`, or as many as are enough, see
            `training.samplers.enough_epochs`.
        seed : int
            Seed of the weights and of the order of samples.

        Raises
        ------
        ValueError
            If the samples have neither one class each nor another modality.
        """
        X = X.having(modality)
        if X.labels is not None and X.labels.ndim == 1:
            known = has_class(X.labels)
            X = X[known] if known.any() else X.with_labels(None)
        if epochs is None:
            epochs = enough_epochs(len(X), BATCH, EPOCHS)
        network = _Objective(X, modality, classes, dim)
        initialise(network, torch.Generator().manual_seed(seed), "torch")
        key = {"name": "time-pooling", "version": VERSION, "dim": dim, "epochs": epochs,
               "seed": seed, "modality": modality, "torch": torch.__version__,
               "rows": samples_fingerprint(network.samples),
               "classes": "" if classes is None else classes_fingerprint(classes)}

        def weights() -> dict[str, Array]:
            train(network, network.samples, epochs=epochs, sampler=Shuffle(BATCH), seed=seed,
                  device="cpu", players=[Player("pool", (Group(("",), RATE),), "adamw",
                                                weight_decay=DECAY)], lr_schedule=Cosine(epochs))
            return {name: of.numpy() for name, of in network.pool.state_dict().items()}

        return cls._of(network.pool, cached_arrays(key, weights))

    @classmethod
    def load(cls, file: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is missing, or holds something else.
        """
        from safetensors.numpy import load

        try:
            return cls.from_arrays(load(content_of(Path(file))))
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
            raise ValueError(f"file: {str(file)!r} holds no temporal attention "
                             f"({why(error)}); give one that save wrote.") from error

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make what `arrays` gave; KeyError or RuntimeError if they are of no such network."""
        return cls._of(TemporalAttention(arrays["reader.shift"].shape[0],
                                         arrays["norm.weight"].shape[0]), arrays)

    def arrays(self) -> dict[str, Array]:
        """Return the weights by their names."""
        return {name: of.numpy() for name, of in self.network.state_dict().items()}

    @classmethod
    def _of(cls, network: TemporalAttention, arrays: Mapping[str, Array]) -> Self:
        network.load_state_dict({name: torch.from_numpy(of) for name, of in arrays.items()})
        return cls(network)

    def save(self, file: str | Path) -> None:
        """Write the weights as safetensors, whole or not at all."""
        from safetensors.numpy import save_file

        with replacing(Path(file)) as draft:
            save_file(self.arrays(), draft)

    def __call__(self, x: npt.ArrayLike, mask: Array | None = None) -> Array:
        """Pool tokens ``(n, f, d)`` or frames ``(n, f, t, d)`` to ``(n, dim)`` float32.

        They are real where ``mask (n, f)``, of frames ``(n, f, t)``, is True; default all.

        Raises
        ------
        ValueError
            For rows of another width than in training.
        """
        values = np.asarray(x)
        width = len(self.network.reader.shift)
        if values.ndim not in (3, 4) or values.shape[-1] != width:
            raise ValueError(f"x: shape {values.shape}; give clips (n, f, {width}), the width of "
                             "training.")
        found = [np.zeros((0, len(self.network.norm.weight)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(values), BLOCK):
                part = torch.from_numpy(np.require(values[start:start + BLOCK], np.float32,
                                                   ["C", "W"]))
                real = None if mask is None else torch.from_numpy(mask[start:start + BLOCK].copy())
                if real is not None:                          # padding may hold anything
                    part = part.masked_fill(~real[..., None], 0)
                found.append(self.network(*_frames(part, real)).numpy())
        return np.concatenate(found)


def _frames(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return frames ``(n, f, d)`` and the mask ``(n, f)`` of the real ones; the tokens of a frame
    are averaged.
    """
    if x.ndim == 3:
        return x, real_tokens(x, mask)
    n, f = x.shape[:2]
    if mask is None:
        return x.mean(dim=2), x.new_ones(n, f, dtype=torch.bool)
    return token_mean(x.flatten(0, 1), mask.flatten(0, 1)).view(n, f, -1), mask.any(dim=2)


class _Objective(nn.Module):
    """Temporal attention of a modality, and what it learns by; see this file's first lines."""

    targets: Tensor
    of_other: Tensor

    def __init__(self, X: Views, modality: str, classes: Classes | None, dim: int) -> None:
        super().__init__()
        self.modality, self.other = modality, ""
        self.pool = TemporalAttention(X.widths[modality], dim, dropout=DROPOUT)
        self.ask = nn.Linear(dim, dim)
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.samples = X.select(modality)
        if X.labels is not None and X.labels.ndim == 1:      # one class each
            held, labels = np.unique(X.labels, return_inverse=True)
            self.samples = self.samples.with_labels(labels)
            own = np.zeros((0, 0)) if classes is None else classes.embeddings[held]
            targets = _standard(own) if own.shape[1] else np.eye(len(held), dtype=np.float32)
        else:
            others = [m for m, kind in X.kinds.items()
                      if m != modality and kind in ("vectors", *POOLED)]
            if not others:
                raise ValueError(f"pool: {TIME!r} learns from classes, one a sample, or from a "
                                 f"second modality, and {modality!r} comes with neither; choose "
                                 f"{' or '.join(POOLINGS)}.")
            self.other = others[0]
            self.samples = X.having(self.other).select(modality, self.other).with_labels(None)
            targets = np.zeros((0, X.widths[self.other]), np.float32)
            self.register_buffer("of_other", torch.from_numpy(
                np.stack(token_moments(self.samples, self.other))), persistent=False)
        self.register_buffer("targets", torch.from_numpy(targets), persistent=False)
        self.answer = nn.Linear(targets.shape[1], dim)
        shift, scale = token_moments(self.samples, modality)
        self.pool.reader.shift.copy_(torch.from_numpy(shift))
        self.pool.reader.scale.copy_(torch.from_numpy(scale))

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute the loss of a batch, a mean over its samples."""
        x, mask = batch.views[self.modality], batch.masks.get(self.modality)
        asked = normalize(self.ask(self.pool(*_frames(x, mask))), dim=1)           # (B, dim)
        if self.other:
            targets, right = self._of_other(batch), torch.arange(len(x), device=x.device)
        else:
            assert batch.labels is not None
            targets, right = self.targets, batch.labels
        answers = normalize(self.answer(targets), dim=1)                           # (C, dim)
        return {"loss": cross_entropy(asked @ answers.T * self.log_scale.exp(), right)}

    def _of_other(self, batch: Batch) -> Tensor:
        x, mask = batch.views[self.other], batch.masks.get(self.other)
        if x.ndim > 2:
            rows, real = _frames(x, mask)
            x = token_mean(rows, real)
        shift, scale = self.of_other
        standard: Tensor = (x - shift) / scale
        return standard


def _standard(rows: Array) -> Array:
    """Standardise the columns of rows; those that do not vary become 0."""
    deviation = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1),
                      dtype=np.float32)
