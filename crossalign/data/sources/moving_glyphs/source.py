"""Moving glyphs: clips of letters that slide, turn, grow or are drawn, made on the spot.

A class is a letter and what it does, one motion or two in an order (`motions`); a sample is a clip
in one typeface, frames of pictures as token rows with a mask. A class is unseen when its letter and
its motions are kept out of training together, while both occur there with others. Test clips are of
typefaces that no training clip shows, those of `glyphs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import RUNS
from crossalign.data.cuts import Cut, Drawn
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.samples import CLIP, Samples
from crossalign.data.sources.glyphs.source import TEST_FACES, TRAIN_FACES, VALIDATION_FACES
from crossalign.data.sources.glyphs.typefaces import FACES
from crossalign.data.sources.moving_glyphs.clips import (
    FEATURES,
    LETTERS,
    VERSION,
    Clips,
    draw_clips,
)
from crossalign.data.sources.moving_glyphs.motions import programmes, questions
from crossalign.data.splits import random_keys
from crossalign.encoders.char_ngrams import WORDS, word_tokens
from crossalign.preprocessing.tokens import lengths_mask
from crossalign.sentences import nearest
from crossalign.types import Benchmark, Questions, Views

Array = npt.NDArray[Any]

TASKS = ("gzsl", "retrieval", "vqa")
UNSEEN = {"gzsl": 2, "retrieval": 4, "vqa": 2}
"""Number of the letters that are unseen with each motion or two."""
UNSEEN_IN_VALIDATION = 1


def load_moving_glyphs(task: str = "gzsl", *, seed: int = 0, cache: bool = True) -> Benchmark:
    """Load the clips of moving letters.

    Parameters
    ----------
    task : {"gzsl", "retrieval", "vqa"}
        Task; default ``"gzsl"``. ``"retrieval"`` finds clips by texts of unseen classes and texts
        by clips, over ten class splits. ``"vqa"`` answers questions about the clips of ``"gzsl"``,
        see `motions.questions`.
    seed : int
        Seed of the clips and of the choice of unseen classes, 0 or larger; default 0.
    cache : bool
        Whether clips are kept in the user's cache folder between runs; default True.

    Returns
    -------
    Benchmark
        Benchmark of the modality ``clip``, tokens ``(n, 12, 128)`` with a mask, and in retrieval
        ``text``, words ``(n, t, 128)`` with a mask. ``meta`` holds ``caption``, ``face`` and the
        content of a page, ``show:clip`` (n, 32, 128) uint8 and ``show:text``.

    Raises
    ------
    ValueError
        If the task is unknown or the seed negative.
    """
    if task not in TASKS:
        raise ValueError(f"task: got {task!r}; {nearest(task, TASKS)}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed: got {seed!r}; give an integer, 0 or larger.")
    clips = draw_clips(int(seed), cache)
    facts = {"name": "moving glyphs", "version": VERSION, "seed": int(seed), "features": FEATURES,
             "normalisation": "none", "side_information": list(clips.attributes[1])}
    if task == "retrieval":
        facts["text_features"] = f"words of what the letter does and of its face, {WORDS}"
    of_all = Samples("moving_glyphs", _views(clips, task), tuple(one.name for one in clips.classes),
                     clips.attributes[0], facts, int(seed), NO_BACKBONE)
    return cut_clips(clips, task, of_all)


def cut_clips(clips: Clips, task: str, of_all: Samples) -> Benchmark:
    """Cut the clips, as some features tell them, for a task."""
    again = task == "retrieval"
    return Drawn(task, partial(_drawn, clips, of_all, task), runs_differ=again,
                 class_splits=RUNS if again else None).benchmark()


def _views(clips: Clips, task: str) -> Views:
    captions = np.array([one.name for one in clips.classes])[clips.label]
    texts = np.array([f"{caption.replace(',', '').lower()} {words}" for caption, words in
                      zip(captions, np.array(list(FACES.values()))[clips.face], strict=True)])
    data, masks = {CLIP: clips.frames}, {CLIP: clips.mask}
    if task == "retrieval":
        data["text"] = word_tokens(texts.tolist())
        masks["text"] = lengths_mask([len(text.split()) for text in texts])
    return Views(data, clips.label, masks=masks, meta={
        "caption": captions, "face": np.array(list(FACES))[clips.face],
        f"show:{CLIP}": clips.strips, "show:text": texts})


def _drawn(clips: Clips, of_all: Samples, task: str, run: int,
           validates: bool) -> tuple[Samples, Cut]:
    """Return all clips as a task sees them, and the cut of a run, or of its validation inside the
    training classes and the training faces.
    """
    everything = np.ones(len(clips.classes), dtype=bool)
    unseen = unseen_letters(everything, UNSEEN[task], of_all.seed, run, 0)
    seen = ~unseen
    train_faces: tuple[str, ...] = TRAIN_FACES
    test_faces: tuple[str, ...] = TEST_FACES
    if validates:
        unseen = unseen_letters(seen, UNSEEN_IN_VALIDATION, of_all.seed, run, 1)
        seen, test_faces = seen & ~unseen, VALIDATION_FACES
        train_faces = tuple(face for face in train_faces if face not in VALIDATION_FACES)
    rows = {"train": clips.rows(seen, train_faces)}
    if task == "retrieval":
        rows |= {"query": clips.rows(unseen, test_faces),
                 "gallery": clips.rows(unseen, train_faces)}
    else:
        rows |= {"test_seen": clips.rows(seen, test_faces),
                 "test_unseen": clips.rows(unseen, test_faces)}
    kept = np.flatnonzero(seen | unseen)
    facts: Mapping[str, Any] = {"name": "moving glyphs" + " (validation)" * validates, "run": run,
                                "held_out_faces": list(test_faces)}
    said = clip_questions(clips, rows, of_all.views.ids.tolist()) if task == "vqa" else None
    return replace(of_all, said=said), Cut(rows, kept, seen[kept], validates, facts)


def unseen_letters(candidates: Array, each: int, *seed: int) -> Array:
    """Choose so many letters of each programme among the candidates (C,) bool; (C,) bool."""
    keys = random_keys(len(candidates), *seed).reshape(len(programmes()), len(LETTERS))
    allowed = candidates.reshape(keys.shape)
    rank = np.lexsort((keys, ~allowed), axis=1).argsort(axis=1)
    return np.asarray((rank < each) & allowed).reshape(-1)


def clip_questions(clips: Clips, rows: Mapping[str, Array], ids: Sequence[Any]) -> Questions:
    """Ask about every clip of some splits, by its id."""
    asked = [(clip, *one) for index in rows.values() for clip in index.tolist()
             for one in questions(*clips.classes[clips.label[clip]])]
    pictures, types, texts, answers = zip(*asked, strict=True)
    return Questions(texts, tuple((answer,) for answer in answers), types,
                     tuple((ids[clip],) for clip in pictures))
