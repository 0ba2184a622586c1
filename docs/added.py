"""Measure classes that are added to a space by their texts: ``python docs/added.py DATA``.

DATA is the folder that holds omniglot, pacs, wikipedia, emoji and caltech30. A space of some
classes is fitted, others are added one at a time and then all together, each known by its text
alone, and told apart by rules side by side:

- nothing: scores as they are;
- one number: subtracted from the scores of the others for every added class (calibrated stacking).
  Of at most ten classes that are left out one by one it is the one with the best harmonic mean of
  told and others, of those that leave the others nine tenths beside each;
- one number, free: the same without regard to the others;
- own bound: what `crossalign.space.bounds` lifts the very class by, so that the others lose the
  share that `crossalign.space.left_out` chooses, at most a tenth;
- own bound, a tenth: the same at a tenth;
- own bound, trained: at a tenth, by the scores of pictures that the model was trained on;
- the smaller: of one number, free, and own bound, a tenth.

A rule is chosen on training classes of glyphs and omniglot; the other data are reported. What is
measured is kept as ``docs/results/added-NAME.json``, and the tables of all that are kept go into
the regions ``added`` and ``added_search`` of ``docs/space.md``. ``--only NAME ...`` measures these
data alone, ``--only`` without a name none.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from added_data import SOURCES, Data
from regions import with_region
from sklearn.base import clone

from crossalign import __version__, metrics, models
from crossalign.data.splits import hold_out, random_keys
from crossalign.files import write_text
from crossalign.metrics import SeenUnseenCurve, best_gamma, seen_unseen_curve
from crossalign.space.bounds import KEPT, lifts
from crossalign.space.expectations import weights_of
from crossalign.space.left_out import left_out
from crossalign.tables import markdown
from crossalign.tasks import ZeroShot
from crossalign.types import Classes, Views

Array = np.ndarray[Any, Any]
DOCS = Path(__file__).resolve().parent
PAGE, KEPT_AS = DOCS / "space.md", DOCS / "results"
MODELS = ("ridge_map", "fusionnet_qsma")
SIZE, NEW, PICTURES = 20, 5, 40
"""Classes of a draw, those of them that are added, and most pictures of each; of data with fewer
classes all but one are in the space, and each is added once."""
DRAWS = {"ridge_map": 8, "fusionnet_qsma": 4}
"""Most spaces of each data set; of data with few classes one for each class."""
TESTED, HELD = 0.25, 0.2
"""Share of the pictures that test, and of the others that the rule of one number holds out."""
CURVES = {"ridge_map": 10, "fusionnet_qsma": 5}
"""Most classes by which one number is chosen."""
NOTHING, ONE, FREE, OWN, TENTH, TRAINED, SMALLER = (
    "nothing", "one number", "one number, free", "own bound", "own bound, a tenth",
    "own bound, trained", "the smaller")


class Told(NamedTuple):
    """What became of an added class: shares told, and of the others without it and beside it."""

    told: float
    before: float
    others: float


class Draw(NamedTuple):
    """What rules did in one space: of each added class, and of all that are added together; average
    precision of each as a query, as the index ranks and less the best of other classes.
    """

    alone: Mapping[str, list[Told]]
    together: Mapping[str, Told]
    precision: list[tuple[float, float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep it, and write the tables of all that is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted(SOURCES))
    given = parser.parse_args(arguments)
    for name in SOURCES if given.only is None else given.only:
        data = SOURCES[name](given.data)
        found = {model: of_model(model, data, name) for model in MODELS}
        write_text(KEPT_AS / f"added-{name}.json", json.dumps(found, indent=1) + "\n")
    page = PAGE.read_text(encoding="utf-8")
    for region, body in tables().items():
        page = with_region(page, region, body)
    write_text(PAGE, page)


def of_model(model: str, data: Data, name: str) -> dict[str, Any]:
    """What is kept of a model: rows of the tables."""
    draws = [measured(models.get(model)(), *of) for of in spaces(data, DRAWS[model])]
    found = {"spaces": len(draws), "version": __version__, "machine": platform.machine(),
             "rules": rules(draws), "search": searched(draws)}
    print(name, model, json.dumps(found, indent=1), file=sys.stderr, flush=True)
    return found


def tables() -> dict[str, str]:
    """The tables by region, of all data that are kept."""
    rows, search, kept = [], [], {}
    for name in SOURCES:
        file = KEPT_AS / f"added-{name}.json"
        if file.exists():
            kept[name] = json.loads(file.read_text("utf-8"))
        for model, of in kept.get(name, {}).items():
            search.append([name, model, *map(shown, of["search"])])
            rows += [[name, model, rule, *map(shown, said.values())]
                     for rule, said in of["rules"].items()]
    facts = f"{FACTS}Classes of {', '.join(KNOWN[name] for name in kept)}. {MORE}"
    return {"added": f"{markdown(('data', 'model', 'rule', *HEADS), rows)}\n\n{facts}",
            "added_search": markdown(("data", "model", "AP", "AP less others"), search)}


def spaces(data: Data, draws: int) -> list[tuple[Data, Array, int]]:
    """Draw spaces: their data, the classes that are added, and a seed."""
    count = len(data.side)
    if count <= SIZE:
        return [(thinned(data, np.arange(count), k), np.array([k]), k)
                for k in range(min(count, draws))]
    return [(thinned(data, np.argsort(random_keys(count, k, 1), kind="stable")[:SIZE], k),
             np.arange(NEW), k) for k in range(draws)]


def thinned(data: Data, classes: Array, seed: int) -> Data:
    """Some pictures of some classes."""
    keys = random_keys(len(data.labels), seed, 2)
    order = np.lexsort((keys, data.labels))
    rows = [order[data.labels[order] == c][:PICTURES] for c in classes]
    return Data(data.pictures[np.concatenate(rows)],
                np.repeat(np.arange(len(classes)), list(map(len, rows))), data.side[classes])


def measured(model: Any, data: Data, new: Array, seed: int) -> Draw:
    """Fit a space, add classes, and see what rules do."""
    old = np.setdiff1d(np.arange(len(data.side)), new)
    ours = np.isin(data.labels, old)
    test = hold_out(np.where(ours, data.labels, len(data.side)), TESTED, seed=seed) & ours
    rows = np.flatnonzero(ours & ~test)
    used = Views({"image": data.pictures[rows]}, np.searchsorted(old, data.labels[rows]))
    known = classes_of(data.side[old], np.ones(len(old), dtype=bool))
    kept = left_out(model, used, known)
    assert kept is not None
    curves = left_out_curves(model, used, known, CURVES[model.cli_name])
    every = classes_of(data.side, np.isin(np.arange(len(data.side)), old))
    train = used.with_labels(data.labels[rows])
    head = ZeroShot(clone(model).fit(train, classes=every)).fit(train, every)
    scores = head.decision_function(data.pictures).astype(float)
    sampled, trained = scores[rows[kept.rows]], scores[rows]
    own_weights = weights_of(trained[:, old], used.truth)
    one, free = chosen_gamma(curves, KEPT), chosen_gamma(curves, 0.0)

    def numbers(columns: Array) -> dict[str, Array]:
        own = lifts(kept.best[:, None] - sampled[:, columns], kept.weights, 1 - kept.share)
        tenth = lifts(kept.best[:, None] - sampled[:, columns], kept.weights)
        best = trained[:, old].max(axis=1)
        same = np.ones(len(columns))
        return {NOTHING: 0 * same, ONE: one * same, FREE: free * same, OWN: own, TENTH: tenth,
                TRAINED: lifts(best[:, None] - trained[:, columns], own_weights),
                SMALLER: np.minimum(free, tenth)}

    def told(columns: Array) -> dict[str, Told]:
        return {rule: outcome(scores, data.labels, test, old, columns, lift)
                for rule, lift in numbers(columns).items()}

    alone = [told(np.array([c])) for c in new]
    return Draw({rule: [of[rule] for of in alone] for rule in alone[0]}, told(new),
                [precision(scores, data.labels, test, old, c) for c in new])


def classes_of(side: Array, seen: Array) -> Classes:
    """Classes with numbers for names."""
    return Classes(side, seen, tuple(map(str, range(len(side)))))


def outcome(scores: Array, labels: Array, test: Array, old: Array, new: Array,
            lift: Array) -> Told:
    """What becomes of pictures of the new classes, and of the test pictures of the old ones."""
    columns = np.concatenate([old, new])
    best = columns[(scores[:, columns] + np.r_[np.zeros(len(old)), lift]).argmax(axis=1)]
    before = old[scores[:, old].argmax(axis=1)]
    own = np.isin(labels, new)
    return Told(*(metrics.per_class_accuracy(labels[rows], of[rows]) for rows, of in (
        (own, best), (test, before), (test, best))))


def precision(scores: Array, labels: Array, test: Array, old: Array, new: int) -> tuple[float,
                                                                                       float]:
    """Average precision of a class among its pictures and the test pictures of others: by its
    scores, and by these less the best of other classes.
    """
    rows = np.flatnonzero(test | (labels == new))
    right = labels[rows] == new
    found = []
    for of in (scores[rows, new], scores[rows, new] - scores[rows][:, old].max(axis=1)):
        hits = right[np.argsort(-of, kind="stable")]
        found.append(float(np.mean((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits])))
    return found[0], found[1]


def left_out_curves(model: Any, used: Views, classes: Classes,
                    most: int) -> list[SeenUnseenCurve]:
    """Leave classes out one by one, and return the curves of their scores beside the others."""
    labels = used.truth
    held = hold_out(labels, HELD, seed=0)
    order = np.argsort(random_keys(len(classes), 0), kind="stable")[:most]
    curves = []
    for out in order.tolist():
        own = labels == out
        seen = np.arange(len(classes)) != out
        told = replace(classes, seen=seen)
        train = used[np.flatnonzero(~own & ~held)]
        head = ZeroShot(clone(model).fit(train, classes=told)).fit(train, told)
        parts = [np.flatnonzero(~own & held), np.flatnonzero(own)]
        scores = [head.decision_function(used[part]) for part in parts]
        curves.append(seen_unseen_curve(scores[0], labels[parts[0]], scores[1], labels[parts[1]],
                                        seen))
    return curves


def chosen_gamma(curves: Sequence[SeenUnseenCurve], kept: float) -> float:
    """The number with the best harmonic mean on the mean of curves, of those that leave the seen
    classes a share on every one; the largest of these where none tells an unseen one.
    """
    gamma = np.unique(np.concatenate([curve.gamma for curve in curves]))
    places = [np.searchsorted(curve.gamma, gamma, side="right") - 1 for curve in curves]
    unseen, seen = (np.stack([of[at] for of, at in zip(each, places, strict=True)]) for each in (
        [curve.unseen for curve in curves], [curve.seen for curve in curves]))
    fair = (seen >= kept * seen[:, :1]).all(axis=0)
    told, left = (np.where(fair, of.mean(axis=0), 0.0) for of in (unseen, seen))
    if not (told * left).any():
        told = left = np.eye(len(fair))[fair.sum() - 1]
    return best_gamma(SeenUnseenCurve(gamma, told, left))


HEADS = ("told", "others", "before", "H", "below nine tenths", "together: told",
         "together: others", "together: H")
FACTS = (f"In percent, means over spaces of {SIZE - NEW} classes and {NEW} added ones (`ridge_map` "
         f"{DRAWS['ridge_map']} spaces, `fusionnet_qsma` {DRAWS['fusionnet_qsma']}), at most "
         f"{PICTURES} pictures of each; of pacs and wikipedia one class is added to the others. ")
READ = " (pictures read by MobileNetV2, words by MiniLM)"
KNOWN = {"glyphs": "glyphs are known by attributes", "omniglot": "omniglot by strokes",
         "pacs": "pacs by sketches", "wikipedia": "wikipedia by articles",
         "emoji": f"subgroups of emoji by words{READ}", "caltech30": f"caltech30 by names{READ}"}
MORE = ("No part of a space was fitted on the pictures that test. Below nine tenths: the share of "
        "added classes beside which the others keep less. Rules were chosen on glyphs and "
        "omniglot, of which only training classes are used; test pictures of caltech30 had been "
        "looked at for an earlier rule.")


def harmonic(told: Sequence[Told]) -> float:
    """Harmonic mean of the mean shares."""
    return metrics.harmonic_mean(float(np.mean([of.told for of in told])),
                                 float(np.mean([of.others for of in told])))


def rules(draws: Sequence[Draw]) -> dict[str, dict[str, float | None]]:
    """Shares by rule: of classes that are added alone, and of those that are added together."""
    found = {}
    single = all(len(draw.precision) == 1 for draw in draws)
    for rule in draws[0].together:
        every = [of for draw in draws for of in draw.alone[rule]]
        groups = [every] if single else [draw.alone[rule] for draw in draws]
        together = [draw.together[rule] for draw in draws]
        shares = [*(np.mean([of[i] for of in every]) for i in (0, 2, 1)),
                  np.mean([harmonic(of) for of in groups]),
                  np.mean([of.others < KEPT * of.before for of in every]),
                  *(np.mean([of[i] for of in together]) for i in (0, 2)),
                  np.mean([harmonic([of]) for of in together])]
        found[rule] = {head: None if single and head.startswith("together") else
                       round(float(share), 4) for head, share in zip(HEADS, shares, strict=True)}
    return found


def searched(draws: Sequence[Draw]) -> list[float]:
    """Mean average precision of added classes as queries."""
    return [round(float(share), 4) for share in
            np.mean([of for draw in draws for of in draw.precision], axis=0)]


def shown(share: float | None) -> str:
    """A share in percent."""
    return "" if share is None else f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
