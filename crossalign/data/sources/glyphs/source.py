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
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import RUNS
from crossalign.data.declaration import declared, digests_of
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.sources.glyphs.letters import attributes, unseen_combinations
from crossalign.data.sources.glyphs.samples import FEATURES, VERSION, GlyphSamples, draw_samples
from crossalign.data.sources.glyphs.typefaces import FACES
from crossalign.encoders.char_ngrams import WORDS
from crossalign.encoders.patches import PATCHES
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]

TEST_FACES = ("DejaVuSans-Oblique", "DejaVuSansMono-Bold", "DejaVuSerif-BoldItalic", "STIXGeneral")
"""Held-out faces, one of each family: no training sample is drawn by them."""

VALIDATION_FACES = ("DejaVuSans-BoldOblique", "DejaVuSerif")
"""Training faces that validation holds out in turn."""

TRAIN_FACES = tuple(face for face in FACES if face not in TEST_FACES)

MODALITIES: dict[str, tuple[str, ...]] = {
    "gzsl": ("image",), "retrieval": ("image", "text"), "sketch": ("sketch", "image"),
    "transfer": ("image", "sketch"),
}
"""Modalities of each task or variant, the source or query first."""

TASKS = ("gzsl", "retrieval", "transfer")

UNSEEN = {"gzsl": 0.2, "retrieval": 0.5, "sketch": 0.5}
"""Share of the classes that is unseen; zero-shot retrieval splits them in half."""

UNSEEN_IN_VALIDATION = {"gzsl": 0.2, "retrieval": 0.3, "sketch": 0.3}
"""Share of the training classes that validation treats as unseen."""

BAGS = ("words of the Unicode name and of the style of the face, binary times idf of training "
        "rows, unit rows")

TRANSFER_LETTERS = 6
"""Number of marks that a base letter must carry to be a class of the transfer task."""


def load_glyphs(task: str = "gzsl", *, variant: str = "", features: str = "hog",
                tokens: bool = False, seed: int = 0, cache: bool = True) -> Benchmark:
    """Load the embedded benchmark of a task.

    Parameters
    ----------
    task : {"gzsl", "retrieval", "transfer"}
        Task; default ``"gzsl"``, which recognises pictures of seen and unseen letters.
        ``"retrieval"`` finds unseen letters across image and text, over ten class splits
        ``benchmark.run(k)``. ``"transfer"`` carries a classifier of base letters from pictures to
        outlines with the help of unlabelled pairs.
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
        If the task, the variant or the features are unknown, or the seed is negative.
    """
    if task not in TASKS:
        raise ValueError(f"task: got {task!r}; choose one of {sorted(TASKS)}.")
    if variant not in ("", "sketch") or (variant and task != "retrieval"):
        raise ValueError(f"variant: got {variant!r} for {task}; glyphs have the variant 'sketch' "
                         "of retrieval.")
    if features not in FEATURES:
        raise ValueError(f"features: got {features!r}; choose one of {sorted(FEATURES)}.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed: got {seed!r}; give an integer, 0 or larger.")
    samples = draw_samples(int(seed), features, cache, tokens)
    facts = {"name": "glyphs", "version": VERSION, "seed": int(seed),
             "features": (PATCHES if tokens else FEATURES)[features]}
    if task == "transfer":
        return _transfer(samples, facts)
    return _run(samples, variant or task, facts, 0)


class _Part(NamedTuple):
    """Seen and unseen letters, (C,) bool each, and the faces of training and test."""

    seen: Array
    unseen: Array
    train_faces: tuple[str, ...]
    test_faces: tuple[str, ...]


def _run(samples: GlyphSamples, task: str, facts: dict[str, Any], run: int) -> Benchmark:
    """Make the benchmark of one class split."""
    everything = np.ones(len(samples.letters), dtype=bool)
    unseen = unseen_combinations(samples.letters, everything, UNSEEN[task],
                                 _order(samples, facts, task, run))
    whole = _Part(~unseen, unseen, TRAIN_FACES, TEST_FACES)
    resplit = None if task == "gzsl" else partial(_run, samples, task, facts)
    return _zero_shot(samples, task, {**facts, "run": run}, whole,
                      partial(_validation, samples, task, {**facts, "run": run}, whole), resplit)


def _validation(samples: GlyphSamples, task: str, facts: dict[str, Any],
                whole: _Part) -> Benchmark:
    """Make the same inside the training classes and the training faces."""
    unseen = unseen_combinations(samples.letters, whole.seen, UNSEEN_IN_VALIDATION[task],
                                 _order(samples, facts, task, facts["run"], nested=True))
    faces = tuple(f for f in whole.train_faces if f not in VALIDATION_FACES)
    part = _Part(whole.seen & ~unseen, unseen, faces, VALIDATION_FACES)
    return _zero_shot(samples, task, {**facts, "name": "glyphs (validation)"}, part, None, None)


def _zero_shot(samples: GlyphSamples, task: str, facts: dict[str, Any], part: _Part,
               validation: Callable[[], Benchmark] | None,
               resplit: Callable[[int], Benchmark] | None) -> Benchmark:
    train = samples.rows(part.seen, part.train_faces)
    if task == "gzsl":
        rows = {"train": train, "test_seen": samples.rows(part.seen, part.test_faces),
                "test_unseen": samples.rows(part.unseen, part.test_faces)}
    else:  # one drawing per face, so that no text stands twice in a gallery
        rows = {"train": train, "query": samples.rows(part.unseen, part.test_faces, drawing=0),
                "gallery": samples.rows(part.unseen, part.train_faces, drawing=0)}
    kept = np.flatnonzero(part.seen | part.unseen)
    data = samples.modalities(MODALITIES[task], train)
    splits = {split: samples.views(index, data, np.searchsorted(kept, samples.label[index]))
              for split, index in rows.items()}
    classes = samples.classes(kept, part.seen[kept])
    protocol = _protocol(samples, task, facts, rows, classes, part.test_faces, splits)
    return Benchmark(facts["name"], "gzsl" if task == "gzsl" else "retrieval", splits, classes,
                     protocol, validation, resplit, None if resplit is None else RUNS)


def _transfer(samples: GlyphSamples, facts: dict[str, Any]) -> Benchmark:
    """Make a benchmark of base letters, without marks: labelled pictures, unlabelled pairs,
    outlines.
    """
    carried = Counter(x.base for x in samples.letters)
    bases = [b for b in dict.fromkeys(x.base for x in samples.letters)
             if carried[b] >= TRANSFER_LETTERS]
    number = {b: i for i, b in enumerate(bases)}
    label = np.array([number.get(x.base, -1) for x in samples.letters])[samples.label]   # (n,)
    used = np.array([x.base in number for x in samples.letters])                         # (C,)
    rows = {"pairs": samples.rows(used, TRAIN_FACES, drawing=0),
            "train": samples.rows(used, TRAIN_FACES, drawing=1),
            "test": samples.rows(used, TEST_FACES)}
    data = samples.modalities(MODALITIES["transfer"], rows["train"])
    splits = {split: samples.views(index, data, None if split == "pairs" else label[index])
              for split, index in rows.items()}
    classes = Classes(np.eye(len(bases)), np.ones(len(bases), dtype=bool), tuple(bases))
    return Benchmark("glyphs", "transfer", splits, classes,
                     _protocol(samples, "transfer", facts, rows, classes, TEST_FACES, splits))


def _order(samples: GlyphSamples, facts: dict[str, Any], task: str, run: int, *,
           nested: bool = False) -> Array:
    """Return a permutation of the letters, the same for both retrieval tasks.

    It comes from the raw stream of PCG64, which NumPy promises not to change (NEP 19).
    """
    seed = np.random.SeedSequence([facts["seed"], 1 if task == "gzsl" else 2, run, 1 + nested])
    return np.argsort(np.random.PCG64(seed).random_raw(len(samples.letters)), kind="stable")


def _protocol(samples: GlyphSamples, task: str, facts: dict[str, Any], rows: dict[str, Array],
              classes: Classes, test_faces: tuple[str, ...],
              splits: dict[str, Views]) -> dict[str, Any]:
    side = "one-hot base letter" if task == "transfer" else list(attributes(samples.letters)[1])
    described = {"features": facts["features"]}
    if task == "retrieval":
        described["text_features"] = (
            f"words of the Unicode name and of the style of the face, {WORDS}" if samples.tokens
            else BAGS)
    gallery = splits.get("gallery")
    twice = gallery is not None and any(
        len(np.unique(of)) < len(gallery) for of in digests_of(gallery).values())
    described |= {"normalisation": "none", "side_information": side,
                  "held_out_faces": list(test_faces)}
    return declared(rows, {**facts, **described}, classes, **NO_BACKBONE, query_in_gallery=False,
                    duplicate_gallery_rows=twice)
