"""Retrieval between two domains whose samples are not paired, as sketches and photos.

A domain is a modality, and every sample has one of the two, which ``Views.present`` says of
queries and gallery. Training pairs are drawn within the seen classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.class_divisions import every_split
from crossalign.data.class_pairs import pairs_within_classes
from crossalign.data.declaration import declared, equal_rows
from crossalign.data.sources.domains.file import Samples, read_domains
from crossalign.data.splits import class_splits, hold_out
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]

QUERIES = 0.25
"""Part of each class and domain that asks; the rest is found."""

EVERY, RUNS = 100, 10
"""Every class split is a run where there are at most EVERY of them, else RUNS fixed ones are."""

SAMPLE = "sample:"
"""Before the name of a modality in the ``meta`` of pairs: which sample its row is."""


def load_domains(path: str | Path, task: str = "retrieval", *, seed: int = 0) -> Benchmark:
    """Zero-shot retrieval between two domains of a file.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` with ``features`` (n, d), ``domain`` (n,) words and ``label`` (n,), whole
        numbers or words; optional ``class_names`` and ``class_embeddings``. Other arrays (n,) ride
        along.
    task : str
        Two domains, the one that asks first, as ``"sketch-photo"``. ``"retrieval"`` means those
        two where the file has them, else the two that it has.
    seed : int
        Of class splits, of drawn pairs, and of the quarter of each class and domain that asks.

    Returns
    -------
    Benchmark
        Of the first class split; ``run(k)`` gives the others. ``meta`` of the training pairs says
        of which samples they were drawn, by names as ``sample:sketch``.

    Raises
    ------
    ValueError
        One sentence: a task that names no two domains, or whatever is wrong with the file.
    """
    path = expanded(path)
    samples = read_domains(path, task)
    width = samples.embeddings.shape[1]
    facts = {
        "features": {"files": [path.name], "width": samples.features.shape[1],
                     "sha256": file_digest(path)},
        "normalisation": "none (model's own)",
        "side_information": {"width": int(width)} if width else "none",
        "domains": list(samples.domains),
        "pairs": f"drawn within the class, every sample at least once, seed {seed}",
        "test_part": f"{QUERIES:.0%} per class and domain, seed {seed}",
        "gallery": "unseen classes less the queries"}
    name = "-".join([written(path.stem), *samples.domains])
    return _Source(name, samples, facts, seed).retrieval(0)


@dataclass(frozen=True)
class _Source:
    """All samples, from which benchmarks are cut."""

    name: str
    samples: Samples
    facts: dict[str, Any]
    seed: int

    def retrieval(self, k: int) -> Benchmark:
        """The k-th class split."""
        n = len(self.samples.names)
        n_seen = (n + 1) // 2
        splits = (every_split(n, n_seen, seed=self.seed) if comb(n, n_seen) <= EVERY
                  else class_splits(n, n_seen, RUNS, seed=self.seed))
        if not 0 <= k < len(splits):
            raise ValueError(f"k: got {k}; there are {len(splits)} class splits, 0 to "
                             f"{len(splits) - 1}.")
        kept = np.flatnonzero(splits[k])
        bench = self.cut(self.name, np.arange(n), splits[k],
                         {"k": k, "of": len(splits), "seed": self.seed})
        return replace(bench, resplit=self.retrieval, validation_split=(
            lambda: self.validation(kept)) if len(kept) > 2 else None)

    def validation(self, kept: Array) -> Benchmark:
        """The same within the ``kept`` classes, half of which play unseen, but at least two."""
        n_seen = min((len(kept) + 1) // 2, len(kept) - 2)
        seen = class_splits(len(kept), n_seen, runs=1, seed=self.seed)[0]
        return self.cut(f"{self.name} (validation)", kept, seen,
                        {"k": 0, "of": 1, "seed": self.seed})

    def cut(self, name: str, kept: Array, seen: Array, class_split: dict[str, int]) -> Benchmark:
        """A benchmark of the classes ``kept``, of which some are seen."""
        labels, side = self.samples.labels, self.samples.side
        asks = hold_out(3 * labels + side, QUERIES, seed=self.seed)  # the same in every split
        of_seen, of_unseen = ((side >= 0) & np.isin(labels, kept[s]) for s in (seen, ~seen))
        rows = {"train": np.flatnonzero(of_seen), "query": np.flatnonzero(of_unseen & asks),
                "gallery": np.flatnonzero(of_unseen & ~asks)}
        splits = {"train": self.pairs(rows["train"], kept),
                  "query": self.unpaired(rows["query"], kept),
                  "gallery": self.unpaired(rows["gallery"], kept)}
        classes = Classes(self.samples.embeddings[kept], seen,
                          tuple(self.samples.names[c] for c in kept))
        facts = {**self.facts, "class_split": class_split, "samples_by_domain": self.counts(rows)}
        return Benchmark(name, "retrieval", splits, classes, declared(
            rows, facts, classes, **equal_rows(splits["query"], splits["gallery"])))

    def pairs(self, rows: Array, kept: Array) -> Views:
        """Pairs drawn within the classes of ``rows``; an id is that of the larger domain's sample.

        So no id stands twice.
        """
        labels = self.samples.labels
        sides = [rows[self.samples.side[rows] == number] for number in (0, 1)]
        drawn = pairs_within_classes(*(labels[side] for side in sides), seed=self.seed)
        pair = [side[chosen] for side, chosen in zip(sides, drawn, strict=True)]
        counts = [np.bincount(labels[side], minlength=len(self.samples.names)) for side in sides]
        larger = (counts[0] >= counts[1])[labels[pair[0]]]
        domains = self.samples.domains
        return Views({d: self.samples.features[p] for d, p in zip(domains, pair, strict=True)},
                     np.searchsorted(kept, labels[pair[0]]), ids=np.where(larger, *pair),
                     meta={SAMPLE + d: p for d, p in zip(domains, pair, strict=True)})

    def unpaired(self, rows: Array, kept: Array) -> Views:
        """Samples as they are, each with one of the two modalities."""
        features, side = self.samples.features[rows], self.samples.side[rows]
        present = {d: side == number for number, d in enumerate(self.samples.domains)}
        labels = np.searchsorted(kept, self.samples.labels[rows])
        return Views(dict.fromkeys(present, features), labels, ids=rows, present=present,
                     meta={name: values[rows] for name, values in self.samples.meta.items()})

    def counts(self, rows: Mapping[str, Array]) -> dict[str, dict[str, int]]:
        """How many samples of each domain stand in each split."""
        return {d: {split: int((self.samples.side[index] == number).sum())
                    for split, index in rows.items()}
                for number, d in enumerate(self.samples.domains)}
