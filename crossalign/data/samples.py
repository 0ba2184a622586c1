"""Samples of a data set before any split: a source reads them and `benchmarks` cuts them.

Between the two, `encoding` turns raw ones, pictures and texts, into rows of features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.declaration import equal_digests, equal_rows
from crossalign.data.formats.clips import Film
from crossalign.data.formats.pictures import Drawing
from crossalign.data.noted import Noted
from crossalign.data.splits import pairs_within_classes
from crossalign.labels import has_class
from crossalign.types import Benchmark, Captions, Classes, Encoder, Questions, Views

Array = npt.NDArray[Any]
ALL = "(all)"
"""Name of the class of all pictures where nothing says their classes."""

CLIP = "clip"
"""Name of the modality of clips."""
SAMPLE = "sample:"
"""Prefix of a modality's name in the ``meta`` of drawn pairs, for the ids of their samples."""


Raw = Path | Drawing | Film
"""Picture or clip: a file, or one that was made here."""
Texts = tuple[str, ...]
"""Captions of one picture, or texts of one class."""


@dataclass(frozen=True)
class Samples:
    """Labelled samples of C classes, n of them.

    Parameters
    ----------
    name : str
        Name of the benchmarks that are cut from them.
    views : Views
        Samples. If ``present`` says that each has one of two modalities, they are no pairs, and
        training pairs are drawn within the classes. A label of -1 means no sample of these
        benchmarks.
    class_names : C strings
        Names of the classes.
    embeddings : (C, a) float32
        Side information; a is 0 if there is none.
    facts : mapping
        JSON-able facts of the protocol that hold for every benchmark of the samples.
    seed : int
        Seed of class splits, held-out samples and drawn pairs.
    leaks : mapping of str to bool
        Named ways to be wrong (`LEAKS`) that the source settles.
    digests : mapping of str to (n,) uint64, optional
        Digests that are equal if rows of a modality are; those of the first tell samples apart. By
        default the rows themselves are compared, unless they are on disk.
    groups : (C,) strings, optional
        Group of each class, if whole groups are unseen; default None.
    class_texts : C tuples of strings, optional
        Texts from which the side information was encoded; default None.
    named : names
        Those classes whose names are among the labels of the classifier that encoded pictures.
    said : Captions or Questions, optional
        Captions of the samples, or questions about them, by their ids; default None.
    encoders : mapping of modality to Encoder
        Open encoders of the pictures, see `Benchmark`; default none.
    """

    name: str
    views: Views
    class_names: tuple[str, ...]
    embeddings: Array
    facts: Mapping[str, Any]
    seed: int = 0
    leaks: Mapping[str, bool] = field(default_factory=dict)
    digests: Mapping[str, Array] | None = None
    groups: Array | None = None
    class_texts: Sequence[Texts] | None = None
    named: frozenset[str] = frozenset()
    said: Captions | Questions | None = None
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    @property
    def labels(self) -> Array:
        """Classes ``(n,)``, or ``(n, C)`` bool if a sample has several."""
        return self.views.truth

    @property
    def used(self) -> Array:
        """True for samples that are of a class, ``(n,)`` bool."""
        return has_class(self.labels)

    @property
    def sides(self) -> dict[str, Array]:
        """True for samples that have each of two modalities, ``(n,)`` bool; empty if all have
        both.
        """
        return self.views.present

    def classes(self, subset: Array, seen: Array) -> Classes:
        """Return the classes at ``subset``, ``(m,)``, with ``seen``, ``(m,)`` bool."""
        texts = () if self.class_texts is None else tuple(self.class_texts[c] for c in subset)
        return Classes(self.embeddings[subset], seen, tuple(self.class_names[c] for c in subset),
                       texts=texts)

    def only_of(self, classes: Array) -> Array:
        """Return True for samples of no class but these, ``(C,)`` bool; ``(n,)`` bool."""
        if self.labels.ndim == 2:
            return np.asarray(~self.labels[:, ~classes].any(axis=1))
        return np.asarray(classes[self.labels] & self.used)

    def part(self, rows: Array, subset: Array, as_labels: Array) -> Views:
        """Return samples whose classes are numbered among ``subset``, with the modalities that
        occur.

        If samples have several classes, those that are ``as_labels``, ``(C,)`` bool, become labels.
        """
        views = self.views[rows].with_labels(self.numbered(self.labels[rows], subset, as_labels))
        absent = [m for m, has in views.present.items() if not has.any()]
        if absent:
            views = views.select(*(m for m in views.modalities if m not in absent))
            views.present = {m: has for m, has in views.present.items() if not has.all()}
            views.meta = {name: values for name, values in views.meta.items()
                          if name.rpartition(":")[2] not in absent}
        return views

    def pairs(self, rows: Array, subset: Array) -> Views:
        """Draw pairs within the classes of ``rows``, whose samples have one modality each.

        An id is that of the sample of the side that has more in the class, so that none stands
        twice; ``meta`` names both samples, as ``sample:sketch``.
        """
        sides = {m: rows[has[rows]] for m, has in self.sides.items()}
        places = pairs_within_classes(*(self.labels[of] for of in sides.values()), seed=self.seed)
        pair = {m: self.views.select(m)[of[place]]
                for (m, of), place in zip(sides.items(), places, strict=True)}
        first, second = pair.values()
        counts = [np.bincount(self.labels[of], minlength=len(self.class_names))
                  for of in sides.values()]
        larger = (counts[0] >= counts[1])[first.truth]
        for views in pair.values():
            views.meta, views.present = {}, {}
        both = first.beside(second).with_labels(np.searchsorted(subset, first.truth))
        both.ids = np.where(larger, first.ids, second.ids)
        both.meta = {SAMPLE + m: views.ids for m, views in pair.items()}
        return both

    @staticmethod
    def numbered(labels: Array, subset: Array, as_labels: Array) -> Array:
        """Number the classes of labels among ``subset``."""
        return (np.searchsorted(subset, labels) if labels.ndim == 1
                else (labels & as_labels)[:, subset])

    def equal(self, query: Array, gallery: Array) -> dict[str, bool]:
        """Tell whether rows of the gallery are equal to each other, or to some of the query's."""
        if not len(query) or not len(gallery):
            return {}
        if self.digests is not None:
            first = next(iter(self.digests.values()))
            return equal_digests(first[query], first[gallery],
                                 [of[gallery] for of in self.digests.values()])
        if any(self.views.on_disk(m) for m in self.views.modalities):
            return {}  # too large
        return equal_rows(self.views[query], self.views[gallery])


@dataclass(frozen=True)
class RawSamples:
    """Labelled pictures of C classes, and their texts, as a source has found them.

    Pictures are paths, so that none is in memory before an encoder reads it, but for those that
    were made here.

    Parameters
    ----------
    name : str
        Name of the benchmarks that are cut from them.
    pictures : mapping of modality to mapping of class to files, drawings or films
        Pictures of every class, which are the same in all modalities and in one order. A sample is
        a picture: with two modalities it has one of them.
    cut : callable
        Function ``cut(samples)`` that makes a `Benchmark` of the encoded `Samples`.
    facts : mapping
        JSON-able facts of the protocol, but for those of features.
    embeddings : (C, a) float32
        Side information; a is 0 if there is none.
    seed : int
        Seed of class splits, held-out samples and drawn pairs.
    texts : n tuples of strings, optional
        Texts of the pictures, class by class, if there is one modality; default None.
    class_texts : C tuples of strings, optional
        Texts of the classes, which become their side information; default None. A class may have a
        text and no picture.
    features : mapping
        JSON-able facts of where the pictures lie; default none.
    apart : bool
        Whether pictures and their texts are samples of their own, and each picture is a class with
        its texts, whatever its class above; default False: a picture and its texts are a sample.
    paired : bool
        Whether the pictures of several modalities show the same things in the same order, so that a
        sample has all of them; default False.
    ids : n strings, optional
        Identifiers of the pictures, class by class, if there is one modality; by default the names
        of their folders and files.
    meta : mapping of name to (n, ...) array
        Further columns of the pictures, as ``ids``; default none.
    of_texts : mapping
        JSON-able facts of what the texts are, of pictures or else of classes; default none.
    noted : mapping of kind to names
        Notes on files that were passed over.
    said : Captions or Questions, optional
        Captions of the pictures, or questions about them, by ``ids``; default None.
    frames : int, optional
        Number of frames of a clip, if instead of pictures there are clips, video files and folders
        of frames; default None.
    """

    name: str
    pictures: Mapping[str, Mapping[str, Sequence[Raw]]]
    cut: Callable[[Samples], Benchmark]
    facts: Mapping[str, Any]
    embeddings: Array
    seed: int = 0
    texts: Sequence[Texts] | None = None
    class_texts: Sequence[Texts] | None = None
    apart: bool = False
    paired: bool = False
    ids: Sequence[str] | None = None
    meta: Mapping[str, Array] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    of_texts: Mapping[str, Any] = field(default_factory=dict)
    noted: Noted = field(default_factory=dict)
    said: Captions | Questions | None = None
    frames: int | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(next(iter(self.pictures.values())))
