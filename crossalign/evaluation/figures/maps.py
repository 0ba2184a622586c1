"""Rows of the maps of a space: modalities before and after a model, features beside classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.figures.items import some_rows
from crossalign.labels import rarest
from crossalign.models.blockwise import as_given
from crossalign.models.embedded_once import embedded_rows
from crossalign.models.roles import Aligner, Generator
from crossalign.preprocessing.pooling import vectors_in
from crossalign.types import CLASS_MODALITY, Benchmark, Views

Array = npt.NDArray[Any]

LATENT_POINTS = 400
"""Number of samples per modality in the latent picture."""
LATENT_CLASSES = 24
"""Number of classes in the latent picture; few, so that each shows as a group."""
CROSS_POINTS, CROSS_CLASSES = 240, 12
"""Numbers of samples and classes, of seen and of unseen ones each, in the maps of features and
classes.
"""


def latent(model: Any, bench: Benchmark, parts: Sequence[Views], classes: bool) -> dict[str, Any]:
    """Return ``latent``: rows of every modality before and after the model, of some test samples.

    Parameters
    ----------
    model : fitted model
        Model to show. One that does not embed, or knows fewer than two of these modalities, has no
        such figure.
    bench : Benchmark
        Benchmark of the classes.
    parts : sequence of Views
        Test samples.
    classes : bool
        Whether to add the side information of the classes shown, if the model embeds it.
    """
    if not isinstance(model, Aligner) or not hasattr(model, "widths_"):
        return {}
    share = len(parts)
    before: dict[str, list[Array]] = {}
    after: dict[str, list[Array]] = {}
    labels: dict[str, list[Array]] = {}
    for split in parts:
        for modality in split.modalities:
            if modality in model.widths_:
                part = split.having(modality)
                rows = some_rows(part, LATENT_CLASSES // share, LATENT_POINTS // share)
                before.setdefault(modality, []).append(vectors_in(part[rows], modality))
                after.setdefault(modality, []).append(embedded_rows(model, part, modality, rows))
                labels.setdefault(modality, []).append(rarest(part.truth)[rows])
    if classes and model.knows_classes:
        class_rows = np.unique(np.concatenate(next(iter(labels.values()))))
        before[CLASS_MODALITY] = [bench.classes.embeddings[class_rows]]
        after[CLASS_MODALITY] = [model.embed_classes(bench.classes.embeddings[class_rows])]
        labels[CLASS_MODALITY] = [class_rows]
    if len(before) < 2:
        return {}
    joined = [{m: np.concatenate(found) for m, found in parts.items()}
              for parts in (before, after, labels)]
    return {"latent": {
        **dict(zip(("before", "after", "labels"), joined, strict=True)),
        "class_names": list(bench.classes.names), "seen": bench.classes.seen}}


def cross_modal(model: Any, bench: Benchmark, parts: Sequence[Views]) -> dict[str, Any]:
    """Return ``cross_modal``: features and side information of some classes, before and after.

    The classes are seen and unseen ones, for a model that embeds both. A model that generates is
    shown by its code means and by as many drawn codes, which share one scale; any other by its unit
    rows, one for each class.
    """
    if not isinstance(model, Aligner) or not hasattr(model, "widths_"):
        return {}
    modalities = [m for m in bench.modalities if m in model.widths_]
    if not modalities or not model.knows_classes:
        return {}
    modality = modalities[0]
    rows = [some_rows(part, CROSS_CLASSES, CROSS_POINTS) for part in parts]
    x = as_given(Views.concatenate([p[r].select(modality) for p, r in
                                    zip(parts, rows, strict=True)]), modality)
    labels = np.concatenate([rarest(p.truth)[r] for p, r in zip(parts, rows, strict=True)])
    class_rows = np.unique(labels)
    embeddings = bench.classes.embeddings[class_rows]
    if isinstance(model, Generator):
        n = max(1, round(len(labels) / len(class_rows)))
        codes = model.sample(embeddings, n, random_state=0)  # (C, n, d)
        after = {modality: _embedded(model, parts, modality, rows, "project"),
                 CLASS_MODALITY: codes.reshape(-1, codes.shape[2])}
    else:
        n = 1
        after = {modality: _embedded(model, parts, modality, rows, "embed"),
                 CLASS_MODALITY: model.embed_classes(embeddings)}
    return {"cross_modal": {
        "before": {modality: vectors_in(x, modality), CLASS_MODALITY: embeddings},
        "after": after,
        "labels_before": {modality: labels, CLASS_MODALITY: class_rows},
        "labels_after": {modality: labels, CLASS_MODALITY: np.repeat(class_rows, n)},
        "seen": bench.classes.seen}}


def _embedded(model: Aligner, parts: Sequence[Views], modality: str, rows: Sequence[Array],
              method: str) -> Array:
    """Embed some rows of each part, one after the other, ``(n, d)``."""
    return np.concatenate([embedded_rows(model, part, modality, some, method)
                           for part, some in zip(parts, rows, strict=True)])
