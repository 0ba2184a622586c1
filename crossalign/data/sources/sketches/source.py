"""Zero-shot sketch-based image retrieval from folders, as Sketchy and TU-Berlin are unpacked.

Every unseen sketch asks and every unseen photo is found, the protocol of the literature; training
pairs are drawn within the seen classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.class_pairs import pairs_within_classes
from crossalign.data.declaration import declared, equal_digests
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.noted import noted_fact
from crossalign.data.picture_rows import chosen_encoder, features_digest
from crossalign.data.side_information import side_information_of
from crossalign.data.sources.domains.source import SAMPLE
from crossalign.data.sources.sketches.folders import SketchSamples, read_sketches
from crossalign.data.splits import class_splits
from crossalign.data.unseen_classes import unseen_mask
from crossalign.names import written
from crossalign.pace import Log
from crossalign.reading import expanded
from crossalign.types import Benchmark, Classes, Encoder, Views

Array = npt.NDArray[Any]

RUNS = 10


def load_sketches(folder: str | Path, task: str = "retrieval", *,
                  unseen: str | Path | Sequence[str] | None = None,
                  encoder: Encoder | None = None, attributes: str | Path | None = None,
                  seed: int = 0, cache: bool = True, log: Log | None = None) -> Benchmark:
    """Retrieval of photos by sketches.

    Parameters
    ----------
    folder : str or Path
        Holds both sides, see `sketch_folders`.
    task : {"retrieval", "tokens"}
        What the default encoder gives: ``(n, 512)`` vectors or ``(n, 64, 34)`` tokens.
    unseen : str, Path or strings, optional
        The unseen classes, as `unseen_classes.unseen_mask` takes them; by default half of the
        classes, over ten fixed splits ``run(k)``.
    encoder : Encoder, optional
        Of sketches and photos alike; `picture_rows.Gradients` by default.
    attributes : str or Path, optional
        Side information, see `side_information`; by default there is none.
    seed : int
        Of the class splits and of drawn pairs.
    cache : bool
        Whether features are kept in the user's cache folder between runs.
    log : callable, optional
        Told how far the encoding is.

    Returns
    -------
    Benchmark
        Queries have the modality ``sketch``, the gallery has ``photo``.

    Raises
    ------
    ValueError
        One sentence: an unknown task or split, a class that lacks a side, an encoder without the
        tokens asked for, or a class of which no picture can be read.
    """
    folder = expanded(folder, "folder")
    chosen = chosen_encoder(task, encoder)
    samples = read_sketches(folder, chosen, cache, log)
    fixed, called = (None, "") if unseen is None else unseen_mask(unseen, samples.names)
    embeddings, side = side_information_of(attributes, samples.names)
    facts = {"features": {**chosen.facts, "folders": list(samples.folders),
                          "sha256": features_digest(*samples.digests.values(),
                                                    dict(chosen.facts))},
             "normalisation": "none (model's own)", "side_information": side,
             "pairs": f"drawn within the class, every sample at least once, seed {seed}",
             "test_part": "all sketches of unseen classes",
             "gallery": "all photos of unseen classes", **noted_fact(samples.noted)}
    return _Source(written(folder.resolve().name), samples, embeddings, facts,
                   {} if encoder is not None else NO_BACKBONE, seed,
                   None if fixed is None else ~fixed, called).retrieval(0)


@dataclass(frozen=True)
class _Source:
    """All samples of both sides, from which benchmarks are cut."""

    name: str
    samples: SketchSamples
    embeddings: Array
    facts: dict[str, Any]
    known: dict[str, bool]
    seed: int
    seen: Array | None
    called: str

    def retrieval(self, k: int) -> Benchmark:
        """The fixed split, or the k-th class split."""
        n = len(self.samples.names)
        splits = (class_splits(n, runs=RUNS, seed=self.seed) if self.seen is None
                  else self.seen[None])
        if not 0 <= k < len(splits):
            raise ValueError(f"k: got {k}; there are {len(splits)} class splits, 0 to "
                             f"{len(splits) - 1}.")
        kept = np.flatnonzero(splits[k])
        split = ({"k": k, "of": RUNS, "seed": self.seed} if self.seen is None
                 else {"k": 0, "of": 1, "unseen": self.called})
        bench = self.cut(self.name, np.arange(n), splits[k], split)
        return replace(bench, resplit=self.retrieval if self.seen is None else None,
                       validation_split=(lambda: self.validation(kept, (~splits[k]).sum() / n))
                       if len(kept) > 2 else None)

    def validation(self, kept: Array, share: float) -> Benchmark:
        """The same within the ``kept`` classes, of which as large a share plays unseen, or two."""
        n_unseen = min(max(2, round(share * len(kept))), len(kept) - 1)
        seen = class_splits(len(kept), len(kept) - n_unseen, runs=1, seed=self.seed)[0]
        return self.cut(f"{self.name} (validation)", kept, seen,
                        {"k": 0, "of": 1, "seed": self.seed})

    def cut(self, name: str, kept: Array, seen: Array, class_split: dict[str, Any]) -> Benchmark:
        """A benchmark of the classes ``kept``, of which some are seen."""
        sketch, photo = self.samples.sides["sketch"], self.samples.sides["photo"]
        train = [np.flatnonzero(np.isin(v.truth, kept[seen])) for v in (sketch, photo)]
        asks, found = (np.flatnonzero(np.isin(v.truth, kept[~seen])) for v in (sketch, photo))
        splits = {"train": self.pairs(*train), "query": sketch[asks], "gallery": photo[found]}
        splits = {split: views.with_labels(np.searchsorted(kept, views.truth))
                  for split, views in splits.items()}
        classes = Classes(self.embeddings[kept], seen, tuple(self.samples.names[c] for c in kept))
        counts = {side: {"train": len(rows), "test": len(test)} for side, rows, test in
                  zip(self.samples.sides, train, (asks, found), strict=True)}
        digests = self.samples.digests
        known = {**self.known, "single_class_split": class_split["of"] == 1,
                 **equal_digests(digests["sketch"][asks], digests["photo"][found],
                                 [digests["photo"][found]])}
        rows = {"train": np.concatenate([train[0], len(sketch) + train[1]]), "query": asks,
                "gallery": len(sketch) + found}
        facts = {**self.facts, "class_split": class_split, "samples_by_domain": counts}
        return Benchmark(name, "retrieval", splits, classes, declared(rows, facts, classes,
                                                                      **known))

    def pairs(self, sketches: Array, photos: Array) -> Views:
        """Pairs drawn within the classes; an id is that of the larger side's sample.

        So no id stands twice. ``meta`` names the two samples, as ``sample:sketch``.
        """
        rows = {"sketch": sketches, "photo": photos}
        labels = {side: self.samples.sides[side].truth[rows[side]] for side in rows}
        drawn = pairs_within_classes(*labels.values(), seed=self.seed)
        pair = [self.samples.sides[side][rows[side][chosen]] for side, chosen in
                zip(rows, drawn, strict=True)]
        counts = [np.bincount(of, minlength=len(self.samples.names)) for of in labels.values()]
        larger = (counts[0] >= counts[1])[pair[0].truth]
        both = pair[0].beside(pair[1])
        both.ids = np.where(larger, pair[0].ids, pair[1].ids)
        both.meta = {SAMPLE + side: views.ids for side, views in
                     zip(rows, pair, strict=True)}
        return both
