"""Glyphs: a real multimodal data set drawn on the spot, with no download.

The classes are letters made of one base letter and one mark ("LATIN SMALL LETTER A WITH ACUTE"),
drawn by the typefaces that matplotlib ships. A sample is a picture (image), its outline drawn
apart (sketch) and its Unicode name with the words of the face's style (text); a class is
described by its canonical decomposition. A class is unseen when its combination of base and mark
is kept out of training, while its base and its mark both occur there in other combinations.
Test samples come from faces that no training sample shows, for seen and unseen classes alike, so
that the two differ in nothing but their classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import RUNS
from crossalign.data.cuts import Cut, Drawn
from crossalign.data.descriptions import Unseen
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.samples import Samples
from crossalign.data.sources.glyphs.features import FEATURES
from crossalign.data.sources.glyphs.letters import attributes, check_parts, unseen_combinations
from crossalign.data.sources.glyphs.questions import ABOUT, glyph_questions
from crossalign.data.sources.glyphs.samples import VERSION, GlyphSamples, draw_samples
from crossalign.data.sources.glyphs.typefaces import FACES
from crossalign.data.splits import unseen_mask
from crossalign.encoders.char_ngrams import WORDS
from crossalign.encoders.patches import PATCHES
from crossalign.sentences import nearest
from crossalign.types import Benchmark, Captions, Questions

Array = npt.NDArray[Any]

TEST_FACES = ("DejaVuSans-Oblique", "DejaVuSansMono-Bold", "DejaVuSerif-BoldItalic", "STIXGeneral")
"""Held-out faces, one of each family: no training sample is drawn by them."""

VALIDATION_FACES = ("DejaVuSans-BoldOblique", "DejaVuSerif")
"""Training faces that validation holds out in turn."""

TRAIN_FACES = tuple(face for face in FACES if face not in TEST_FACES)

MODALITIES: dict[str, tuple[str, ...]] = {
    "gzsl": ("image",), "retrieval": ("image", "text"), "sketch": ("sketch", "image"),
    "transfer": ("image", "sketch"), "caption": ("image", "text"), "vqa": ("image",),
}
"""Modalities of each task or variant, the source or query first."""

TASKS = ("gzsl", "retrieval", "transfer", "caption", "vqa")
SPLIT_AS_GZSL = ("gzsl", "caption", "vqa")
"""Tasks of one split: pictures of seen and unseen letters in faces that are held out."""

UNSEEN = {"gzsl": 0.2, "retrieval": 0.5, "sketch": 0.5}
"""Share of the classes that is unseen; zero-shot retrieval splits them in half."""

UNSEEN_IN_VALIDATION = {"gzsl": 0.2, "retrieval": 0.3, "sketch": 0.3}
"""Share of the training classes that validation treats as unseen."""

BAG = "binary times idf of training rows, unit rows"
BAGS = f"words of the Unicode name and of the style of the face, {BAG}"

TRANSFER_LETTERS = 6
"""Number of marks that a base letter must carry to be a class of the transfer task."""


def load_glyphs(task: str = "gzsl", *, variant: str = "", features: str = "hog",
                tokens: bool = False, seed: int = 0, unseen: Unseen = None,
                cache: bool = True) -> Benchmark:
    """Load the embedded benchmark of a task.

    Parameters
    ----------
    task : {"gzsl", "retrieval", "transfer", "caption", "vqa"}
        Task; default ``"gzsl"``, which recognises pictures of seen and unseen letters.
        ``"retrieval"`` finds unseen letters across image and text, over ten class splits
        ``benchmark.run(k)``. ``"transfer"`` carries a classifier of base letters from pictures to
        outlines with the help of unlabelled pairs. ``"caption"`` says the letter's name and
        ``"vqa"`` answers questions about one picture or two, on the pictures of ``"gzsl"``.
    variant : {"", "sketch"}
        Modalities of retrieval: sketch and image instead of image and text.
    features : {"hog", "pixels"}
        Vectors of pictures and outlines: 128 histogram values, the default, or 1024 pixels. Text is
        the same either way.
    tokens : bool
        Whether to make tokens instead of vectors; default False. Pictures and outlines are then (n,
        16, 34) patches, or (n, 16, 66) of pixels, and texts (n, t, 128) words; see `patches` and
        `words`.
    seed : int
        Seed of the drawings and of the choice of unseen classes, 0 or larger; default 0.
    unseen : str, Path or strings, optional
        Unicode names of the unseen letters of gzsl, captions and answers, see
        `splits.unseen_mask`; by default a fifth of the combinations.
    cache : bool
        Whether drawings are kept in the user's cache folder between runs; default True.

    Returns
    -------
    benchmark : Benchmark
        Benchmark whose ``meta`` holds in every split, per sample, ``caption``, ``face``,
        ``question`` and ``answer`` (q of each), and the content of a page: ``show:image`` and
        ``show:sketch``, (n, 32, 32) uint8 with 255 for paper, and ``show:text``. With tokens also
        their origin: ``words:text``, words separated by blanks, and ``grid:image`` and
        ``grid:sketch``, (n, 2) rows and columns of patches.

    Raises
    ------
    ValueError
        If the task, the variant or the features are unknown, the seed is negative, or an unseen
        letter has a base or a mark that no seen one has.
    """
    if unseen is not None and task not in SPLIT_AS_GZSL:
        raise ValueError(f"unseen: given for {task}, whose class splits are fixed; choose one of "
                         f"the tasks {list(SPLIT_AS_GZSL)}.")
    if task not in TASKS:
        raise ValueError(f"task: got {task!r}; {nearest(task, TASKS)}")
    if variant not in ("", "sketch") or (variant and task != "retrieval"):
        raise ValueError(f"variant: got {variant!r} for {task}; glyphs have the variant 'sketch' "
                         "of retrieval.")
    if features not in FEATURES:
        raise ValueError(f"features: got {features!r}; {nearest(features, FEATURES)}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed: got {seed!r}; give an integer, 0 or larger.")
    samples = draw_samples(int(seed), features, cache, tokens)
    facts = {"name": "glyphs", "version": VERSION, "seed": int(seed),
             "features": (PATCHES if tokens else FEATURES)[features], "normalisation": "none"}
    if task == "transfer":
        return Drawn(task, partial(_bases, samples, facts), validates=False,
                     runs_differ=False).benchmark()
    again = task not in SPLIT_AS_GZSL
    if unseen is not None:
        fixed, called = unseen_mask(unseen, [letter.name for letter in samples.letters])
        check_parts(samples.letters, fixed)
        facts["unseen"] = called
    else:
        fixed = None
    return Drawn(task, partial(_combinations, samples, variant or task, facts, fixed),
                 runs_differ=again, class_splits=RUNS if again else None).benchmark()


def _combinations(samples: GlyphSamples, kind: str, facts: Mapping[str, Any],
                  fixed: Array | None, run: int, validates: bool) -> tuple[Samples, Cut]:
    """Return all drawings as a task sees them, and the cut of a run."""
    cut = combinations(samples, "gzsl" if kind in SPLIT_AS_GZSL else kind, facts["seed"], fixed,
                       run, validates)
    made = _samples(samples, kind, facts, cut.rows["train"])
    return replace(made, said=said_of(samples, kind, cut, facts["seed"], made.views.ids)), cut


def said_of(samples: GlyphSamples, kind: str, cut: Cut, seed: int,
            ids: Array) -> Captions | Questions | None:
    """Return the captions of all drawings, or questions about those of a cut, by the drawings'
    ids; None for other tasks.
    """
    if kind == "caption":
        return Captions(tuple(ids), tuple((samples.captions[c],) for c in samples.label),
                        caption_parts({samples.captions[c] for c in
                                       samples.label[cut.rows["train"]]}))
    if kind == "vqa":
        return glyph_questions(samples.letters, samples.label, cut.rows, seed, ids.tolist())
    return None


def caption_parts(captions: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return letters and marks of captions of training, ``"latin small letter e"`` and ``"with
    acute"``, of which every caption is one each; the few that name no mark, as that of short i,
    are letters with nothing.
    """
    named = [caption.partition(" with ") for caption in captions]
    return (tuple(sorted({letter for letter, _, _ in named})),
            tuple(sorted({(sign + mark).strip() for _, sign, mark in named})))


def combinations(samples: GlyphSamples, kind: str, seed: int, fixed: Array | None, run: int,
                 validates: bool) -> Cut:
    """Cut drawings by unseen combinations of base and mark, drawn or ``fixed`` ``(C,)`` bool; in
    validation inside the training classes and the training faces.
    """
    everything = np.ones(len(samples.letters), dtype=bool)
    unseen = fixed if fixed is not None else unseen_combinations(
        samples.letters, everything, UNSEEN[kind], _order(samples, seed, kind, run))
    seen = ~unseen
    train_faces: tuple[str, ...] = TRAIN_FACES
    test_faces: tuple[str, ...] = TEST_FACES
    if validates:
        unseen = unseen_combinations(samples.letters, seen, UNSEEN_IN_VALIDATION[kind],
                                     _order(samples, seed, kind, run, nested=True))
        seen, test_faces = seen & ~unseen, VALIDATION_FACES
        train_faces = tuple(face for face in train_faces if face not in VALIDATION_FACES)
    train = samples.rows(seen, train_faces)
    if kind == "gzsl":
        rows = {"train": train, "test_seen": samples.rows(seen, test_faces),
                "test_unseen": samples.rows(unseen, test_faces)}
    else:  # one drawing per face, so that no text stands twice in a gallery
        rows = {"train": train, "query": samples.rows(unseen, test_faces, drawing=0),
                "gallery": samples.rows(unseen, train_faces, drawing=0)}
    kept = np.flatnonzero(seen | unseen)
    of_cut = {"name": "glyphs" + " (validation)" * validates, "run": run,
              "held_out_faces": list(test_faces)}
    return Cut(rows, kept, seen[kept], validates, of_cut)


def _samples(samples: GlyphSamples, kind: str, facts: Mapping[str, Any], train: Array) -> Samples:
    """Return all drawings as a task sees them; words weigh as in the rows ``train``."""
    described = {**facts, "side_information": list(attributes(samples.letters)[1])}
    if kind == "retrieval":
        described["text_features"] = (
            f"words of the Unicode name and of the style of the face, {WORDS}" if samples.tokens
            else BAGS)
    if kind == "caption":
        described["text_features"] = f"words of the caption, {WORDS if samples.tokens else BAG}"
    if kind == "vqa":
        described["asked"] = ABOUT
    return Samples("glyphs", samples.views(MODALITIES[kind], train, style=kind != "caption"),
                   tuple(letter.name for letter in samples.letters), samples.embeddings, described,
                   facts["seed"], NO_BACKBONE, encoders=samples.encoders(MODALITIES[kind]))


def _bases(samples: GlyphSamples, facts: Mapping[str, Any], _: int,
           validates: bool) -> tuple[Samples, Cut]:
    """Make classes of base letters, without marks: labelled pictures, unlabelled pairs, outlines of
    faces that are held out.
    """
    carried = Counter(x.base for x in samples.letters)
    bases = [b for b in dict.fromkeys(x.base for x in samples.letters)
             if carried[b] >= TRANSFER_LETTERS]
    number = {b: i for i, b in enumerate(bases)}
    base = np.array([number.get(x.base, -1) for x in samples.letters])                   # (C,)
    rows = {"pairs": samples.rows(base >= 0, TRAIN_FACES, drawing=0),
            "train": samples.rows(base >= 0, TRAIN_FACES, drawing=1),
            "test": samples.rows(base >= 0, TEST_FACES)}
    views = samples.views(MODALITIES["transfer"], rows["train"]).with_labels(base[samples.label])
    leaks = {**NO_BACKBONE, "query_in_gallery": False, "duplicate_gallery_rows": False}
    of_all = Samples("glyphs", views, tuple(bases), np.eye(len(bases)),
                     {**facts, "side_information": "one-hot base letter"}, facts["seed"], leaks)
    return of_all, Cut(rows, np.arange(len(bases)), np.ones(len(bases), dtype=bool), validates,
                       {"held_out_faces": list(TEST_FACES)})


def _order(samples: GlyphSamples, seed: int, kind: str, run: int, *,
           nested: bool = False) -> Array:
    """Return a permutation of the letters, the same for both retrieval tasks.

    It comes from the raw stream of PCG64, which NumPy promises not to change (NEP 19).
    """
    stream = np.random.SeedSequence([seed, 1 if kind == "gzsl" else 2, run, 1 + nested])
    return np.argsort(np.random.PCG64(stream).random_raw(len(samples.letters)), kind="stable")
