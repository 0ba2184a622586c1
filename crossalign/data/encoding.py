"""Raw samples to samples: the one place where encoders read pictures and texts of a data set.

A source only finds them; encoders, their defaults, the cache of their rows and what they do to a
protocol are settled here, for every source alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.class_folders import picture_id
from crossalign.data.digest import row_digests
from crossalign.data.labelled import labelled
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.noted import Noted, joined, noted_fact
from crossalign.data.picture_rows import (
    Encoded,
    chosen_encoder,
    encoded_classes,
    features_digest,
)
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.sides import apart, joined_sides
from crossalign.data.text_rows import class_rows, several, text_views
from crossalign.encoders.char_ngrams import CharNgrams
from crossalign.encoders.clips import ClipEncoder, frames_of
from crossalign.encoders.engines import LOCAL, opened_engine
from crossalign.names import alike_names
from crossalign.pace import Log
from crossalign.types import Benchmark, Encoder, TextEncoder, Views

Array = npt.NDArray[Any]


def encoded_benchmark(raw: RawSamples, **encoding: Any) -> Benchmark:
    """Make the benchmark of raw samples; ``encoding`` are the arguments of `encoded`."""
    return raw.cut(encoded(raw, **encoding))


def encoded(raw: RawSamples, *, tokens: bool = False, encoder: Encoder | None = None,
            text_encoder: TextEncoder | None = None, cache: bool = True,
            log: Log | None = None, engine: str = LOCAL) -> Samples:
    """Encode pictures and texts.

    Parameters
    ----------
    raw : RawSamples
        Pictures, and texts of them or of their classes if there are some.
    tokens : bool, default False
        Whether features are token rows; the default encoder gives ``(n, 64, 34)`` of them, or
        ``(n, 512)`` vectors.
    encoder : Encoder or DualEncoder, optional
        Encoder of the pictures of every modality alike; default `encoders.HOG`.
    text_encoder : TextEncoder or DualEncoder, optional
        Encoder of the texts; default `encoders.CharNgrams`, with tokens if the pictures have
        tokens. The vector of a class is made of the same rows, see `text_rows.class_rows`.
    cache : bool
        Whether rows of pictures and texts are kept in the user's cache folder between runs; default
        True.
    log : callable, optional
        Function called with lines on the progress of the encoding.
    engine : str
        Name of the engine that reads and encodes, see `encoders.engines.opened_engine`; default
        ``"local"``, this process.

    Returns
    -------
    Samples
        Samples of the modalities of the pictures, and ``text``. Tokens of pictures are
        memory-mapped from the cache.

    Raises
    ------
    ValueError
        One sentence: an encoder without the tokens asked for, or of texts that there are not, or no
        picture that can be read.
    """
    if text_encoder is not None and raw.texts is None and raw.class_texts is None:
        raise ValueError(f"text_encoder: given for {raw.name!r}, whose pictures and classes have "
                         "no texts that are read; leave it out.")
    encoder = getattr(encoder, "pictures", encoder)      # of a network of both
    text_encoder = getattr(text_encoder, "texts", text_encoder)
    reads = chosen_encoder(tokens and raw.frames is None, encoder)
    words = text_encoder or CharNgrams(reads.tokens)
    if raw.frames is not None:
        reads = ClipEncoder(reads, raw.frames)
    with opened_engine(engine) as opened:
        work: dict[str, Any] = {"keep": cache, "log": log, "engine": opened}
        sides = {modality: encoded_classes(by_class, reads, each=len(raw.pictures) > 1, **work)
                 for modality, by_class in raw.pictures.items()}
        views, digests = _pictures(raw, sides)
        names = tuple(map(str, views.ids)) if raw.apart else raw.class_names
        told = _Told({**reads.facts, **raw.features},
                     [*(side.digests for side in sides.values()), dict(reads.facts)],
                     [raw.noted, _alike(raw), *(side.noted for side in sides.values())])
        if raw.texts is not None:
            views, digests = _with_texts(raw, sides, views, digests, words, told, work)
        embeddings, about_classes = _classes(raw, len(names), words, told, work)
    facts = {"features": {**told.features, "sha256": features_digest(*told.origin)},
             "normalisation": "none (model's own)", **raw.facts, **about_classes,
             **noted_fact(joined(*told.noted))}
    return Samples(raw.name, views, names, embeddings, facts, raw.seed,
                   _leaks(raw, reads, words), digests, class_texts=raw.class_texts,
                   named=labelled(names, getattr(reads, "labels", ())),      # of a classifier
                   said=raw.said,
                   encoders={} if raw.frames is not None else dict.fromkeys(raw.pictures, reads))


@dataclass
class _Told:
    """Notebook about samples: facts of the features, all that they come from, and notes."""

    features: dict[str, Any]
    origin: list[Any]
    noted: list[Noted]


def _alike(raw: RawSamples) -> Noted:
    """Note the classes whose names differ in case, blanks or form alone."""
    return {"classes_of_names_alike": [" and ".join(group) for group in alike_names(
        raw.class_names)]}


def _leaks(raw: RawSamples, reads: Encoder, words: TextEncoder) -> Mapping[str, Any]:
    """Say what encoders may know of unseen classes, as far as it is known."""
    told = {"pseudo_labels": True} if getattr(reads, "labels", ()) else {}
    if raw.texts is not None or raw.class_texts is not None:
        if _learned(words):
            return told
        if _learned(reads):
            return {**told, "text_features_fit_on_unseen": False}
    return told if _learned(reads) else NO_BACKBONE


def _pictures(raw: RawSamples, sides: Mapping[str, Encoded]) -> tuple[Views, dict[str, Array]]:
    """Return the pictures of all modalities, and the digests of their files."""
    parts = {modality: _of_side(modality, side, raw, prefixed=len(sides) > 1 and raw.ids is None)
             for modality, side in sides.items()}
    if raw.paired:
        return _paired(parts, sides)
    return joined_sides(parts), {
        "file": np.concatenate([side.digests for side in sides.values()])}


def _with_texts(raw: RawSamples, sides: Mapping[str, Encoded], views: Views,
                digests: dict[str, Array], words: TextEncoder, told: _Told,
                work: Mapping[str, Any]) -> tuple[Views, dict[str, Array]]:
    """Return samples with their texts: beside the pictures, or apart, as samples of their own."""
    assert raw.texts is not None
    (side,) = sides.values()
    texts = [raw.texts[i] for i in side.which]
    each = [(text,) for of in texts for text in of] if raw.apart else texts
    of_text, ambiguous = text_views(each, words, **work)
    of_rows = row_digests([of_text["text"]])
    if raw.apart:
        views = apart(views, of_text, list(map(len, texts)))
        digests = {"item": np.concatenate([digests["file"], of_rows])}
    else:
        views, digests = views.beside(of_text), {**digests, "text": of_rows}
    told.features |= {"text": {**words.facts, **raw.of_texts, **several(texts)},
                      "widths": views.widths}
    told.origin += [texts, dict(words.facts)]
    told.noted.append(ambiguous)
    return views, digests


def _classes(raw: RawSamples, n_classes: int, words: TextEncoder, told: _Told,
             work: Mapping[str, Any]) -> tuple[Array, dict[str, Any]]:
    """Return the vectors of the classes, and facts on them if they are made of texts."""
    if raw.class_texts is None:
        return np.zeros((n_classes, 0), np.float32) if raw.apart else raw.embeddings, {}
    rows, alike = class_rows(raw.class_names, raw.class_texts, words, **work)
    told.noted.append(alike)
    return rows, {"side_information": {
        "width": rows.shape[1], **words.facts, **raw.of_texts,
        "texts": sum(map(len, raw.class_texts)),
        "sha256": features_digest(raw.class_texts, dict(words.facts))}}


def _learned(encoder: Any) -> bool:
    """Return True unless an encoder says that it is a formula."""
    return getattr(encoder, "learned", True)


def _paired(parts: Mapping[str, Views],
            sides: Mapping[str, Encoded]) -> tuple[Views, dict[str, Array]]:
    """Put the pictures of all modalities side by side, those that all have, with their digests."""
    common = reduce(np.intersect1d, [side.which for side in sides.values()])
    rows = {modality: np.searchsorted(side.which, common) for modality, side in sides.items()}
    first, *others = (parts[modality][of] for modality, of in rows.items())
    for other in others:
        other.meta = {name: of for name, of in other.meta.items() if name not in first.meta}
    views: Views = reduce(Views.beside, others, first)
    return views, {modality: side.digests[rows[modality]] for modality, side in sides.items()}


def _of_side(modality: str, side: Encoded, raw: RawSamples, *, prefixed: bool) -> Views:
    """Return the pictures of one modality; among several, ids begin with its name."""
    names = [picture_id(file) for file in side.files] if raw.ids is None else [
        raw.ids[i] for i in side.which]
    files = [str(file) for file in side.files if isinstance(file, Path)]
    rows, mask = side.rows, None
    if raw.frames is not None:
        rows, mask = frames_of(rows)
    return Views({modality: rows}, side.labels, masks={} if mask is None else {modality: mask},
                 ids=[f"{modality}/" * prefixed + name for name in names],
                 meta={**{name: values[side.which] for name, values in raw.meta.items()},
                       **({f"file:{modality}": np.array(files)} if files else {})})
