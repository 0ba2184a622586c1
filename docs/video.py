"""Measure what the order of frames is worth: ``python docs/video.py [--data DIR]``.

Clips as they are, with their frames shuffled, and of a single frame, pooled by temporal attention;
beside them the mean of the frames and all of them laid side by side. Rows that are kept in
``docs/results/video.json`` are not measured again; the tables go into ``docs/video.md``. ``--data``
names the folder that holds the folder ``omniglot``; without it its rows stay as they are kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from regions import with_region

from crossalign import evaluate, load, models
from crossalign.data.sources.moving_glyphs.clips import MovingLetter, moving_letters
from crossalign.data.time_pooling import TimePool, pooled
from crossalign.evaluation import fit_for
from crossalign.files import write_text
from crossalign.metrics import harmonic_mean, per_class_accuracy
from crossalign.preprocessing.frames import reordered
from crossalign.preprocessing.pooling import POOLINGS, flat_tokens, pool_tokens
from crossalign.tables import markdown
from crossalign.types import Benchmark, Views

DOCS = Path(__file__).resolve().parent
KEPT, PAGE = DOCS / "results" / "video.json", DOCS / "video.md"
ROWS = {"in order": (None, "time"), "shuffled": ("shuffled", "time"), "single": ("single", "time"),
        "mean": (None, "mean"), "side by side": (None, "flat")}
"""Rows: what is lost of the order, and the pooling."""
MODELS, SEEDS = ("ridge_map", "fusionnet_qsma"), 3
COLUMNS = {"H": "H", "letter": "letter", "kinds": "kinds", "way": "way", "order": "order"}
ASKED = ("in order", "shuffled", "single", "mean")
TYPES = ("letter", "kind", "way", "order")
WORDS = "question alone"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows that are not kept, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args(arguments)
    kept: dict[str, Any] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    for key, scores in measured(options, kept):
        kept[key] = scores
        print(key, {name: round(value, 3) for name, value in scores.items()}, flush=True)
        write_text(KEPT, json.dumps(kept, indent=1) + "\n")
    page = PAGE.read_text("utf-8")
    for region, text in (("clips", clip_table(kept)), ("questions", answer_table(kept)),
                         ("search", search_table(kept, "search", "clips")),
                         ("strokes", search_table(kept, "omniglot", "pieces of strokes"))):
        page = with_region(page, region, text)
    write_text(PAGE, page)


def measured(options: argparse.Namespace,
             kept: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the scores of every row, model and seed that is not kept."""
    for seed in range(options.seeds):
        whole = load("moving_glyphs", tokens=True, seed=seed)
        for row, (order, pool) in ROWS.items():
            names = [name for name in options.models if f"{name} {row} {seed}" not in kept]
            if not names:
                continue
            bench = pooled(whole if order is None else reordered(whole, "clip", order, seed), pool)
            for name in names:
                yield f"{name} {row} {seed}", clip_scores(name, bench, seed)
        asked = load("moving_glyphs", "vqa", tokens=True, seed=seed)
        for row in ASKED:
            if f"questions {row} {seed}" not in kept:
                order, pool = ROWS[row]
                yield f"questions {row} {seed}", answer_scores(pooled(
                    asked if order is None else reordered(asked, "clip", order, seed), pool))
        for row, (order, pool) in ROWS.items():
            if f"search {row} {seed}" not in kept:
                bench = one_split("moving_glyphs", seed, "retrieval")
                bench = bench if order is None else reordered(bench, "clip", order, seed)
                report = evaluate(models.get("ridge_map")(), pooled(bench, pool), 1, tune=False)
                yield f"search {row} {seed}", {"mAP": report.scores["mAP"]["mean"]}
    if options.data is not None:
        for split in range(options.seeds):
            whole = one_split(options.data / "omniglot", split).map(without_time)
            for row in ROWS:
                if f"omniglot {row} {split}" not in kept:
                    yield f"omniglot {row} {split}", stroke_scores(whole, row)


def one_split(data: str | Path, split: int, task: str | None = None) -> Benchmark:
    """Token rows of one class split, as a benchmark that has no other."""
    return replace(load(data, task, tokens=True).run(split), resplit=None, class_splits=None)


def clip_scores(name: str, bench: Benchmark, seed: int) -> dict[str, float]:
    """H, and the shares of clips of which each part of the class is told."""
    model = models.get(name)()
    model = model.set_params(random_state=seed) if "random_state" in model.get_params() else model
    fitted = fit_for(model, bench, tune=False)
    of, shares = list[tuple[int, int]](), list[float]()
    for split in ("test_seen", "test_unseen"):
        found = np.asarray(fitted.predict(bench[split]))
        shares.append(per_class_accuracy(bench[split].truth, found))
        of += zip(bench[split].truth.tolist(), found.tolist(), strict=True)
    names = {one.name: one for one in moving_letters()}
    pairs = [(names[bench.classes.names[a]], names[bench.classes.names[b]]) for a, b in of]
    return {"H": harmonic_mean(*shares), **parts_told(pairs)}


def answer_scores(bench: Benchmark) -> dict[str, float]:
    """Accuracies of answers about unseen moving glyphs by type, and those of the words alone."""
    scores = evaluate(models.get("ridge_map")(), bench, 1, task="vqa", tune=False).scores
    return {f"{kind}{suffix}": scores[f"accuracy{suffix}[{kind}]"]["mean"]
            for kind in TYPES for suffix in ("", "_question_only")}


def parts_told(pairs: Sequence[tuple[MovingLetter, MovingLetter]]) -> dict[str, float]:
    """Shares of clips whose letter and whose kinds of motion are told; where the kinds are, of
    motions whose way is told, and of two motions of which the first is.
    """
    letter = [true.letter == found.letter for true, found in pairs]
    kinds = [{m.kind for m in true.programme} == {m.kind for m in found.programme}
             for true, found in pairs]
    told = [pair for pair, right in zip(pairs, kinds, strict=True) if right]
    way = [motion in found.programme for true, found in told for motion in true.programme]
    order = [true.programme[0].kind == found.programme[0].kind for true, found in told
             if len(true.programme) == 2]
    return {name: float(np.mean(of)) if of else 0.0 for name, of in
            (("letter", letter), ("kinds", kinds), ("way", way), ("order", order))}


def stroke_scores(bench: Benchmark, row: str) -> dict[str, float]:
    """MAP of pictures by strokes and strokes by pictures, of a class split."""
    order, pool = ROWS[row]
    bench = bench if order is None else reordered(bench, "strokes", order)
    bench = pool_tokens(bench, pool, partial(_stroke_pools, pool))
    report = evaluate(models.get("ridge_map")(), bench, 1, tune=False)
    return {"mAP": report.scores["mAP"]["mean"]}


def without_time(bench: Benchmark) -> Benchmark:
    """The same pieces of strokes without their last column, which tells the time of each."""
    splits = {}
    for name, views in bench.splits.items():
        splits[name] = Views({"image": views["image"], "strokes": views["strokes"][..., :-1]},
                             views.labels, ids=views.ids, masks=views.masks)
    return replace(bench, splits=splits)


def _stroke_pools(pool: str, bench: Benchmark) -> Mapping[str, Any]:
    """Pictures with their patches side by side; strokes pooled as asked for."""
    return {"image": flat_tokens, "strokes": POOLINGS.get(pool) or TimePool.fit(
        bench["train"], "strokes", classes=bench.classes)}


def clip_table(kept: Mapping[str, Any]) -> str:
    """The table of moving glyphs."""
    rows = []
    for name in MODELS:
        for row in ROWS:
            of = [scores for key, scores in kept.items() if key.startswith(f"{name} {row} ")]
            if of:
                rows.append((f"`{name}`", row, *(_percent([one[c] for one in of])
                                                 for c in COLUMNS), str(len(of))))
    return markdown(("model", "frames", *COLUMNS.values(), "seeds"), rows)


def answer_table(kept: Mapping[str, Any]) -> str:
    """The table of questions about moving glyphs."""
    of = {row: [scores for key, scores in kept.items() if key.startswith(f"questions {row} ")]
          for row in ASKED}
    rows = [(row, *(_percent([one[kind] for one in found]) for kind in TYPES), str(len(found)))
            for row, found in of.items() if found]
    if found := of[ASKED[0]]:
        rows.append((WORDS, *(_percent([one[f"{kind}_question_only"] for one in found])
                              for kind in TYPES), str(len(found))))
    return markdown(("frames", *TYPES, "seeds"), rows)


def search_table(kept: Mapping[str, Any], name: str, what: str) -> str:
    """The table of mAP of what was searched."""
    rows = [(row, _percent(of), str(len(of))) for row in ROWS if (of := [
        scores["mAP"] for key, scores in kept.items() if key.startswith(f"{name} {row} ")])]
    return markdown((what, "mAP", "class splits"), rows)


def _percent(values: Sequence[float]) -> str:
    spread = f" ± {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
