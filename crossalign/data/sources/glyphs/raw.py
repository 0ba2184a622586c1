"""Letters as raw pictures, outlines and names, which any encoders may read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.cuts import Drawn
from crossalign.data.descriptions import Unseen
from crossalign.data.formats.pictures import Drawing
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.sources.glyphs.letters import check_parts
from crossalign.data.sources.glyphs.samples import VERSION, GlyphSamples, draw_samples
from crossalign.data.sources.glyphs.source import combinations
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
        is of pictures.

    Raises
    ------
    ValueError
        For another task than gzsl, or as `load_glyphs`.
    """
    if task != "gzsl" or variant:
        raise ValueError(f"encoder: given for {variant or task} of glyphs, which has features of "
                         "its own; choose the task gzsl.")
    samples = draw_samples(seed, "pixels", cache)
    names = [letter.name for letter in samples.letters]
    fixed, called = (None, {})
    if unseen is not None:
        fixed, words = unseen_mask(unseen, names)
        check_parts(samples.letters, fixed)
        called = {"unseen": words}
    kinds = {"image": samples.pictures, "sketch": samples.outlines}
    ids = [f"{samples.letters[c].character}/{list(FACES)[face]}-{drawing}" for c, face, drawing in
           zip(samples.label, samples.face, samples.drawing, strict=True)]
    ends = np.searchsorted(samples.label, np.arange(len(names) + 1))
    pictures = {kind: {name: [Drawing(ids[i], 255 - pixels[i]) for i in range(start, end)]
                       for name, start, end in zip(names, ends, ends[1:], strict=False)}
                for kind, pixels in kinds.items()}
    return RawSamples(
        "glyphs", pictures, partial(_cut, samples, fixed),
        {"name": "glyphs", "version": VERSION, "seed": seed, **called},
        np.zeros((len(names), 0), np.float32), seed,
        class_texts=[(name.lower(),) for name in names], paired=True, ids=ids,
        meta={"face": np.array(list(FACES))[samples.face],
              **{f"show:{kind}": 255 - pixels for kind, pixels in kinds.items()}},
        of_texts={"of": "the letter's Unicode name"})


def _cut(samples: GlyphSamples, fixed: Array | None, encoded: Samples) -> Benchmark:
    """Cut encoded drawings, of which pictures are recognised."""
    pictures = replace(encoded, views=encoded.views.select("image"))
    return Drawn("gzsl", lambda run, validates: (
        pictures, combinations(samples, "gzsl", encoded.seed, fixed, run, validates)),
        runs_differ=False).benchmark()
