"""Letters as raw pictures, outlines and names, which any encoders may read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.cuts import Cut, Drawn
from crossalign.data.descriptions import Unseen
from crossalign.data.formats.pictures import Drawing
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.sources.glyphs.letters import check_parts
from crossalign.data.sources.glyphs.samples import VERSION, GlyphSamples, draw_samples
from crossalign.data.sources.glyphs.source import SPLIT_AS_GZSL, combinations, said_of
from crossalign.data.sources.glyphs.typefaces import FACES
from crossalign.data.splits import unseen_mask
from crossalign.types import Benchmark

Array = npt.NDArray[Any]


def read_glyphs(task: str = "gzsl", *, variant: str = "", seed: int = 0, unseen: Unseen = None,
                cache: bool = True) -> RawSamples:
    """Return the drawings of the letters with their names, split as `load_glyphs` splits them.

    Parameters
    ----------
    task, variant, seed, unseen, cache
        Arguments of `load_glyphs`.

    Returns
    -------
    RawSamples
        Pictures and outlines as pairs; the name of a letter is the text of its class. Recognition
        and answers are of pictures alone. For captions, pictures with their captions as texts.

    Raises
    ------
    ValueError
        For retrieval or transfer, or as `load_glyphs`.
    """
    if task not in SPLIT_AS_GZSL or variant:
        raise ValueError(f"encoder: given for {variant or task} of glyphs, which has features of "
                         f"its own; choose one of the tasks {list(SPLIT_AS_GZSL)}.")
    samples = draw_samples(seed, "pixels", cache)
    names = [letter.name for letter in samples.letters]
    fixed, called = (None, {})
    if unseen is not None:
        fixed, words = unseen_mask(unseen, names)
        check_parts(samples.letters, fixed)
        called = {"unseen": words}
    kinds = {"image": samples.pictures, "sketch": samples.outlines}
    shown = ("image",) if task == "caption" else tuple(kinds)
    texts = [(samples.captions[c],) for c in samples.label] if task == "caption" else None
    ids = [f"{samples.letters[c].character}/{list(FACES)[face]}-{drawing}" for c, face, drawing in
           zip(samples.label, samples.face, samples.drawing, strict=True)]
    ends = np.searchsorted(samples.label, np.arange(len(names) + 1))
    pictures = {kind: {name: [Drawing(ids[i], 255 - pixels[i]) for i in range(start, end)]
                       for name, start, end in zip(names, ends, ends[1:], strict=False)}
                for kind, pixels in kinds.items() if kind in shown}
    return RawSamples(
        "glyphs", pictures, partial(_cut, samples, fixed, task),
        {"name": "glyphs", "version": VERSION, "seed": seed, **called},
        np.zeros((len(names), 0), np.float32), seed,
        class_texts=[(name,) for name in samples.captions], paired=task != "caption", ids=ids,
        texts=texts,
        meta={"face": np.array(list(FACES))[samples.face],
              **{f"show:{kind}": 255 - pixels for kind, pixels in kinds.items()}},
        of_texts={"of": "the letter's Unicode name"})


def _cut(samples: GlyphSamples, fixed: Array | None, task: str, encoded: Samples) -> Benchmark:
    """Cut encoded drawings, of which pictures are recognised."""
    views = encoded.views if task == "caption" else encoded.views.select("image")
    return Drawn(task, partial(_drawn, samples, fixed, task, replace(encoded, views=views)),
                 runs_differ=False).benchmark()


def _drawn(samples: GlyphSamples, fixed: Array | None, task: str, pictures: Samples, run: int,
           validates: bool) -> tuple[Samples, Cut]:
    cut = combinations(samples, "gzsl", pictures.seed, fixed, run, validates)
    said = said_of(samples, task, cut, pictures.seed, pictures.views.ids)
    return replace(pictures, said=said), cut
