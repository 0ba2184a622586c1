"""Raw samples to samples: the one place where encoders read pictures and texts of a data set.

A source only finds them; encoders, their defaults, the cache of their rows and what they do to a
protocol are settled here, for every source alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.class_folders import picture_id
from crossalign.data.digest import row_digests
from crossalign.data.labelled import labelled
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.noted import joined, noted_fact
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
from crossalign.pace import Log
from crossalign.types import Benchmark, Encoder, TextEncoder, Views

Array = npt.NDArray[Any]


def encoded_benchmark(raw: RawSamples, **encoding: Any) -> Benchmark:
    """Make the benchmark of raw samples; ``encoding`` are the arguments of `encoded`."""
    return raw.cut(encoded(raw, **encoding))


def encoded(raw: RawSamples, *, tokens: bool = False, encoder: Encoder | None = None,
            text_encoder: TextEncoder | None = None, cache: bool = True,
            log: Log | None = None) -> Samples:
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

    Returns
    -------
    Samples
        Samples of the modalities of the pictures, and ``text``. Tokens of pictures are
        memory-mapped from the cache.

    Raises
    ------
    ValueError
        One sentence: an encoder without the tokens asked for, or of texts that there are not, or a
        class of which no picture can be read.
    """
    if text_encoder is not None and raw.texts is None and raw.class_texts is None:
        raise ValueError(f"text_encoder: given for {raw.name!r}, whose pictures and classes have "
                         "no texts that are read; leave it out.")
    encoder = getattr(encoder, "pictures", encoder)      # of a network of both
    text_encoder = getattr(text_encoder, "texts", text_encoder)
    reads = chosen_encoder(tokens, encoder)
    sides = {modality: encoded_classes(by_class, reads, keep=cache, log=log)
             for modality, by_class in raw.pictures.items()}
    parts = {modality: _of_side(modality, side, raw, prefixed=len(sides) > 1 and raw.ids is None)
             for modality, side in sides.items()}
    names = raw.class_names
    if raw.paired:
        views, digests = _paired(parts, sides)
    else:
        views = joined_sides(parts)
        digests = {"file": np.concatenate([side.digests for side in sides.values()])}
    about: dict[str, Any] = {**reads.facts, **raw.features}
    origin = [*(side.digests for side in sides.values()), dict(reads.facts)]
    noted = [raw.noted, *(side.noted for side in sides.values())]
    labels: Sequence[str] = getattr(reads, "labels", ())      # of a classifier
    told = {"pseudo_labels": True} if labels else {}
    leaks = told if _learned(reads) else NO_BACKBONE
    words = text_encoder or CharNgrams(reads.tokens)
    if raw.texts is not None:
        (side,) = sides.values()
        texts = [raw.texts[i] for i in side.which]
        each = [(text,) for of in texts for text in of] if raw.apart else texts
        of_text, ambiguous = text_views(each, words, cache, log)
        noted, of_rows = [*noted, ambiguous], row_digests([of_text["text"]])
        if raw.apart:
            names = tuple(map(str, views.ids))
            views = apart(views, of_text, list(map(len, texts)))
            digests = {"item": np.concatenate([digests["file"], of_rows])}
        else:
            views, digests["text"] = views.beside(of_text), of_rows
        about |= {"text": {**words.facts, **raw.of_texts, **several(texts)},
                  "widths": views.widths}
        origin += [texts, dict(words.facts)]
    facts = {"features": {**about, "sha256": features_digest(*origin)},
             "normalisation": "none (model's own)", **raw.facts}
    embeddings = np.zeros((len(names), 0), np.float32) if raw.apart else raw.embeddings
    if raw.class_texts is not None:
        embeddings, alike = class_rows(raw.class_names, raw.class_texts, words, cache, log)
        noted.append(alike)
        facts["side_information"] = {
            "width": embeddings.shape[1], **words.facts, **raw.of_texts,
            "texts": sum(map(len, raw.class_texts)),
            "sha256": features_digest(raw.class_texts, dict(words.facts))}
    if raw.texts is not None or raw.class_texts is not None:
        if _learned(words):
            leaks = told
        elif _learned(reads):
            leaks = {**told, "text_features_fit_on_unseen": False}
    return Samples(raw.name, views, names, embeddings,
                   {**facts, **noted_fact(joined(*noted))}, raw.seed, leaks, digests,
                   class_texts=raw.class_texts, named=labelled(names, labels))


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
    return Views({modality: side.rows}, side.labels,
                 ids=[f"{modality}/" * prefixed + name for name in names],
                 meta={**{name: values[side.which] for name, values in raw.meta.items()},
                       **({f"file:{modality}": np.array(files)} if files else {})})
