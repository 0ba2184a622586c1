"""Texts to feature rows, through an encoder.

A sample with several captions stays one: its row is the mean of the rows of its captions, its
tokens are those of all, one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import unit_rows
from crossalign.data.noted import Noted
from crossalign.data.samples import Texts
from crossalign.encoders.engines import Engine
from crossalign.encoders.shards import padded
from crossalign.encoders.text_cache import cached_texts
from crossalign.pace import Log
from crossalign.preprocessing.tokens import lengths_mask
from crossalign.types import TextEncoder, Views

Array = npt.NDArray[Any]

SHOWN = 1000
"""Number of characters of a text that a page may show."""


def several(texts: Sequence[Texts]) -> dict[str, Any]:
    """Return the fact for the protocol if pictures have more than one caption."""
    counts = [len(of) for of in texts if len(of) > 1]
    return {"captions": {"several": len(counts), "most": max(counts)}} if counts else {}


def text_views(texts: Sequence[Texts], encoder: TextEncoder, keep: bool = True,
               log: Log | None = None, engine: Engine | None = None) -> tuple[Views, Noted]:
    """Return rows of n samples as the modality ``text``, with their texts and the words of tokens.

    An encoder of raw rows gets several captions as the lines of one text, because the network that
    reads those rows reads one text at a time. Rows are kept in the user's cache if ``keep``.
    """
    if encoder.facts.get("rows") == "raw":
        texts = [("\n".join(of),) for of in texts]
    distinct = list(dict.fromkeys(text for of in texts for text in of))
    number = {text: row for row, text in enumerate(distinct)}
    samples = {of: row for row, of in enumerate(dict.fromkeys(texts))}
    which = np.array([samples[of] for of in texts])
    rows = cached_texts(distinct, encoder, keep, log, engine)
    rows_of_samples = [[number[text] for text in of] for of in samples]
    words = encoder.words(distinct) if encoder.tokens else []
    lengths = [len(of) for of in words]
    together = _together(rows, rows_of_samples, lengths)[which]
    meta = {"show:text": np.array([shown(" / ".join(of)) for of in samples])[which]}
    masks = {}
    if encoder.tokens:
        counts = np.array([sum(lengths[row] for row in of) for of in rows_of_samples])[which]
        masks["text"] = lengths_mask(counts, together.shape[1])
        meta["words:text"] = np.array([" ".join(word for row in of for word in words[row])
                                       for of in rows_of_samples])[which]
    return Views({"text": together}, masks=masks, meta=meta), {
        "texts_of_one_row": _one_row(distinct, rows)}


def class_rows(names: Sequence[str], texts: Sequence[Texts], encoder: TextEncoder,
               keep: bool = True, log: Log | None = None,
               engine: Engine | None = None) -> tuple[Array, Noted]:
    """Return a vector of unit length for each of C classes, ``(C, d)`` float32, and the classes
    that share one.

    It is the mean of the rows of the class's texts at unit length; where an encoder gives tokens,
    the row of a text is the mean of its own. Rows are kept in the user's cache if ``keep``.

    Raises
    ------
    ValueError
        For an encoder of raw rows, which are no vectors.
    """
    if encoder.facts.get("rows") == "raw":
        raise ValueError("text_encoder: gives the raw input of a network, where a class needs a "
                         "vector; name the network without 'raw:'.")
    distinct = list(dict.fromkeys(text for of in texts for text in of))
    number = {text: row for row, text in enumerate(distinct)}
    rows = cached_texts(distinct, encoder, keep, log, engine)
    if encoder.tokens:
        rows = np.stack([row[:max(1, len(words))].mean(axis=0)
                         for row, words in zip(rows, encoder.words(distinct), strict=True)])
    rows = unit_rows(rows)
    of_classes = unit_rows(np.stack([rows[[number[text] for text in of]].mean(axis=0)
                                     for of in texts]))
    return of_classes, {"classes_of_one_text_row": _one_row(names, of_classes)}


def _together(rows: Array, chosen: Sequence[Sequence[int]], lengths: Sequence[int]) -> Array:
    """Return a row for each list of rows: their mean, or their tokens one after another.

    ``lengths`` says how many tokens of each row are no padding.
    """
    if rows.ndim == 2:
        return np.stack([rows[of[0]] if len(of) == 1 else rows[of].mean(axis=0) for of in chosen])
    real = [[rows[row][:lengths[row]] for row in of] for of in chosen]
    return np.concatenate(padded([np.concatenate(of)[None] for of in real]))


def _one_row(texts: Sequence[str], rows: Array) -> list[str]:
    """Return texts that their encoder does not tell apart; those of one row are joined by a
    stroke.
    """
    alike: dict[bytes, list[str]] = {}
    for text, row in zip(texts, rows, strict=True):
        alike.setdefault(row.tobytes(), []).append(shown(text, 60))
    return [" / ".join(of) for of in alike.values() if len(of) > 1]


def shown(text: str, most: int = SHOWN) -> str:
    """Return a text as a page shows it: the beginning of a long one."""
    return text if len(text) <= most else text[:most - 1] + "…"
