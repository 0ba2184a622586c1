"""Moving letters as raw clips and names of what they do, which any encoders may read."""

from __future__ import annotations

from functools import partial

import numpy as np

from crossalign.data.formats.clips import Film
from crossalign.data.samples import CLIP, RawSamples
from crossalign.data.sources.glyphs.typefaces import FACES
from crossalign.data.sources.moving_glyphs.clips import LONGEST, VERSION, draw_clips, draw_films
from crossalign.data.sources.moving_glyphs.source import cut_clips

TASKS = ("gzsl", "vqa")
"""Tasks that raw clips serve: those without a text of each clip."""


def read_moving_glyphs(task: str = "gzsl", *, seed: int = 0, cache: bool = True) -> RawSamples:
    """Return the clips of the letters with their names, split as `load_moving_glyphs` does.

    Parameters
    ----------
    task, seed, cache
        Arguments of `load_moving_glyphs`.

    Raises
    ------
    ValueError
        For retrieval, whose texts are of the clips.
    """
    if task not in TASKS:
        raise ValueError(f"encoder: given for {task} of moving_glyphs, which has features of its "
                         f"own; choose one of the tasks {list(TASKS)}.")
    clips, (films, lengths) = draw_clips(seed, cache), draw_films(seed, cache)
    names = [one.name for one in clips.classes]
    faces = np.array(list(FACES))[clips.face]
    ids = [f"{names[c]}/{face}" for c, face in zip(clips.label, faces, strict=True)]
    ends = np.searchsorted(clips.label, np.arange(len(names) + 1))
    drawn = {name: [Film(255 - films[i, :lengths[i]], ids[i]) for i in range(start, end)]
             for name, start, end in zip(names, ends, ends[1:], strict=False)}
    return RawSamples(
        "moving_glyphs", {CLIP: drawn}, partial(cut_clips, clips, task),
        {"name": "moving glyphs", "version": VERSION, "seed": seed},
        np.zeros((len(names), 0), np.float32), seed, class_texts=[(name,) for name in names],
        ids=ids, meta={"face": faces, f"show:{CLIP}": clips.strips},
        of_texts={"of": "the letter and what it does"}, frames=LONGEST)
