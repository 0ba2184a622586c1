"""Benchmarks that are made and learned in no time."""

from __future__ import annotations

import numpy as np

from crossalign.types import Benchmark, Classes, Questions, Views


def recognition(seed=0, validation=True):
    """Twelve classes, nine seen; its validation set is another draw of the same kind."""
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((12, 6)).astype(np.float32)
    project = rng.standard_normal((6, 20))

    def samples(classes, n, first):
        labels = np.repeat(classes, n)
        x = side[labels] @ project + 0.3 * rng.standard_normal((len(labels), 20))
        return Views({"image": x}, labels, ids=[f"{first}{i}" for i in range(len(labels))])

    splits = {"train": samples(np.arange(9), 8, "a"), "test_seen": samples(np.arange(9), 3, "b"),
              "test_unseen": samples(np.arange(9, 12), 5, "c")}
    return Benchmark("small", "gzsl", splits, Classes(side, np.arange(12) < 9), {},
                     (lambda: recognition(seed + 100, False)) if validation else None)


def retrieval(k=0, validation=True):
    """Eight classes, two unseen in each of four splits; queries and gallery are half each."""
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(8), 12)
    z = rng.normal(size=(8, 4))[labels] + 0.3 * rng.normal(size=(96, 4))
    views = Views({m: z @ rng.normal(size=(4, d)) for m, d in (("image", 10), ("text", 7))}, labels)
    seen = labels // 2 != k
    half = np.arange(96) % 2 == 0
    splits = {"train": views[seen], "query": views[~seen & half], "gallery": views[~seen & ~half]}
    classes = Classes(np.zeros((8, 0)), np.arange(8) // 2 != k, tuple("abcdefgh"))
    protocol = {"split_id": f"split {k}", "classes": {"seen": 6, "unseen": 2}}
    return Benchmark("pairs", "retrieval", splits, classes, protocol,
                     (lambda: retrieval((k + 1) % 4, False)) if validation else None, retrieval,
                     class_splits=4)


def questions(validation=True, seed=0):
    """Five shapes in four colours, some pairs of them unseen, with questions about one and two."""
    rng = np.random.default_rng(seed)
    shape, colour = np.divmod(np.arange(20), 4)
    side = np.hstack([np.eye(5)[shape], np.eye(4)[colour]]).astype(np.float32)
    project = np.random.default_rng(1).standard_normal((9, 12))
    unseen = np.isin(np.arange(20), [2, 5, 11, 16])

    def samples(classes, n, first):
        labels = np.repeat(np.flatnonzero(classes), n)
        x = side[labels] @ project + 0.1 * rng.standard_normal((len(labels), 12))
        return Views({"image": x}, labels, ids=[f"{first}{i}" for i in range(len(labels))])

    splits = {"train": samples(~unseen, 12, "a"), "test_seen": samples(~unseen, 2, "b"),
              "test_unseen": samples(unseen, 10, "c")}
    asked = []
    for views in splits.values():
        other = rng.permutation(len(views))
        for i, (c, name) in enumerate(zip(views.truth, views.ids, strict=True)):
            d = views.truth[other[i]]
            asked += [("Which shape?", f"shape {shape[c]}", "shape", (name,)),
                      ("Which colour?", f"colour {colour[c]}", "colour", (name,))]
            if other[i] != i:
                asked.append(("Do both have the same colour?",
                              "yes" if colour[c] == colour[d] else "no", "same colour",
                              (name, views.ids[other[i]])))
    said = Questions(*zip(*((text, (answer,), kind, of) for text, answer, kind, of in asked),
                          strict=True))
    return Benchmark("shapes", "vqa", splits, Classes(side, ~unseen), {},
                     (lambda: questions(False, seed + 100)) if validation else None, said=said)
