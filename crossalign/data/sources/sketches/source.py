"""Zero-shot sketch-based image retrieval from folders, as Sketchy and TU-Berlin are unpacked.

Every unseen sketch is a query and the gallery is every unseen photo, the protocol of the
literature; training pairs are drawn within the seen classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import Cut, Retrieval, random_halves
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.noted import noted_fact
from crossalign.data.picture_rows import chosen_encoder, features_digest
from crossalign.data.samples import Samples
from crossalign.data.side_information import side_information_of
from crossalign.data.sources.sketches.folders import SketchSamples, read_sketches
from crossalign.data.splits import unseen_mask
from crossalign.names import written
from crossalign.pace import Log
from crossalign.reading import expanded
from crossalign.types import Benchmark, Encoder, Views

Array = npt.NDArray[Any]


def load_sketches(folder: str | Path, *, tokens: bool = False,
                  unseen: str | Path | Sequence[str] | None = None,
                  encoder: Encoder | None = None, attributes: str | Path | None = None,
                  seed: int = 0, cache: bool = True, log: Log | None = None) -> Benchmark:
    """Load retrieval of photos by sketches.

    Parameters
    ----------
    folder : str or Path
        Folder with both sides, see `folders`.
    tokens : bool, default False
        Whether features are token rows; the default encoder gives ``(n, 64, 34)`` of them, or
        ``(n, 512)`` vectors.
    unseen : str, Path or strings, optional
        Unseen classes, as `splits.unseen_mask` takes them; by default half of the classes,
        over ten fixed splits ``run(k)``.
    encoder : Encoder, optional
        Encoder of sketches and photos alike; default `encoders.HOG`.
    attributes : str or Path, optional
        File of side information, see `side_information`; default none.
    seed : int
        Seed of the class splits and of drawn pairs; default 0.
    cache : bool
        Whether features are kept in the user's cache folder between runs; default True.
    log : callable, optional
        Function called with lines on the progress of the encoding.

    Returns
    -------
    Benchmark
        Benchmark whose queries have the modality ``sketch``, and its gallery ``photo``.

    Raises
    ------
    ValueError
        One sentence: an unknown split, a class that lacks a side, an encoder without the
        tokens asked for, or a class of which no picture can be read.
    """
    folder = expanded(folder, "folder")
    features = chosen_encoder(tokens, encoder)
    samples = read_sketches(folder, features, cache, log)
    fixed, called = (None, "") if unseen is None else unseen_mask(unseen, samples.names)
    embeddings, side = side_information_of(attributes, samples.names)
    facts = {"features": {**features.facts, "folders": list(samples.folders),
                          "sha256": features_digest(*samples.digests.values(),
                                                    dict(features.facts))},
             "normalisation": "none (model's own)", "side_information": side,
             "pairs": f"drawn within the class, every sample at least once, seed {seed}",
             "test_part": "all sketches of unseen classes",
             "gallery": "all photos of unseen classes", **noted_fact(samples.noted)}
    both, digests = _together(samples)
    of_all = Samples(written(folder.resolve().name), both, samples.names, embeddings, facts, seed,
                     {} if encoder is not None else NO_BACKBONE, {"file": digests})
    seen = random_halves(of_all) if fixed is None else ~fixed[None]
    return Retrieval(of_all, seen, both.present["sketch"], queries_train=True,
                     share=float((~seen[0]).mean()), unseen=None if fixed is None else called,
                     describe=_counts).benchmark()


def _together(samples: SketchSamples) -> tuple[Views, Array]:
    """Join sketches, then photos, each with one of two modalities; also return the digests of their
    files.
    """
    sketch, photo = samples.sides["sketch"], samples.sides["photo"]
    of_sketch = np.arange(len(sketch) + len(photo)) < len(sketch)
    both = _spread(sketch, of_sketch).beside(_spread(photo, ~of_sketch))
    both.ids = np.concatenate([sketch.ids, photo.ids])
    both.present = {"sketch": of_sketch, "photo": ~of_sketch}
    both = both.with_labels(np.concatenate([sketch.truth, photo.truth]))
    return both, np.concatenate([samples.digests[side] for side in ("sketch", "photo")])


def _spread(views: Views, has: Array) -> Views:
    """Spread samples of one side to the rows, ``(n,)`` bool, that have it; rows between are absent.

    Features on disk stay there: an absent row points to the first, which ``present`` hides.
    """
    at = np.zeros(len(has), dtype=np.int64)
    at[has] = np.arange(len(views))
    (side,) = views.modalities
    spread = views[at]
    if views.on_disk(side):
        return spread
    data = np.zeros((len(has), *views[side].shape[1:]), views[side].dtype)
    data[has] = views[side]
    return Views({side: data}, meta=spread.meta, kinds=views.kinds)


def _counts(samples: Samples, cut: Cut) -> dict[str, Any]:
    """Count the samples of each side that train and test."""
    test = np.concatenate([cut.rows["query"], cut.rows["gallery"]])
    return {"samples_by_domain": {
        side: {"train": int(has[cut.rows["train"]].sum()), "test": int(has[test].sum())}
        for side, has in samples.sides.items()}}
