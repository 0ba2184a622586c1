"""Retrieval between two domains whose samples are not paired, such as sketches and photos.

A domain is a modality, and every query and gallery sample has one of the two, as ``Views.present``
says. Training pairs are drawn within the seen classes.
"""

from __future__ import annotations

from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import QUERIES, RUNS, Retrieval
from crossalign.data.cuts import Cut
from crossalign.data.samples import Samples
from crossalign.data.sources.domains.file import read_domains
from crossalign.data.splits import class_splits, every_split, hold_out
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

EVERY = 100
"""Largest number of class splits that are all run; beyond, `RUNS` fixed ones are."""


def load_domains(path: str | Path, *, variant: str = "", seed: int = 0) -> Benchmark:
    """Load zero-shot retrieval between two domains of a file.

    Parameters
    ----------
    path : str or Path
        File: an ``.npz`` with ``features`` (n, d), ``domain`` (n,) words and ``label`` (n,), whole
        numbers or words; optional ``class_names`` and ``class_embeddings``. Other arrays (n,) ride
        along.
    variant : str, optional
        Two domains with a hyphen between, that of the queries first; default ``"sketch-photo"`` if
        the file has them, else the two domains that it has.
    seed : int
        Seed of class splits, of drawn pairs, and of the quarter of each class and domain that are
        queries; default 0.

    Returns
    -------
    Benchmark
        Benchmark of the first class split; ``run(k)`` gives the others. ``meta`` of the training
        pairs names the samples from which they were drawn, by names like ``sample:sketch``.

    Raises
    ------
    ValueError
        One sentence: a variant that names no two domains, or whatever is wrong with the file.
    """
    path = expanded(path)
    samples = read_domains(path, variant)
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
    of_pair = samples.side >= 0
    views = Views(dict.fromkeys(samples.domains, samples.features),
                  np.where(of_pair, samples.labels, -1), meta=samples.meta,
                  present={d: samples.side == number for number, d in enumerate(samples.domains)})
    both = Samples("-".join([written(path.stem), *samples.domains]), views, samples.names,
                   samples.embeddings, facts, seed)
    is_query = hold_out(3 * samples.labels + samples.side, QUERIES, seed=seed)
    return Retrieval(both, _divisions(len(samples.names), seed), is_query & of_pair,
                     queries_train=True, describe=_counts).benchmark()


def _divisions(n: int, seed: int) -> Array:
    """Return the seen classes ``(K, n)`` bool of every class split, or of RUNS fixed ones if they
    are many.
    """
    n_seen = (n + 1) // 2
    return (every_split(n, n_seen, seed=seed) if comb(n, n_seen) <= EVERY
            else class_splits(n, n_seen, RUNS, seed=seed))


def _counts(samples: Samples, cut: Cut) -> dict[str, Any]:
    """Count the samples of each domain in each split of a cut."""
    return {"samples_by_domain": {
        d: {split: int(has[index].sum()) for split, index in cut.rows.items()}
        for d, has in samples.sides.items()}}
