"""The demo: five stories on the built-in letters, and one page to look at.

Every model is tuned on validation classes or has fixed hyper-parameters; the budgets below are
small so that all of it ends within minutes on two cores.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from crossalign import models
from crossalign.cores import usable_cores
from crossalign.data import load
from crossalign.evaluation import Report, evaluate
from crossalign.tables import aligned, percent

VAE = {"lr": 1e-3, "kl": 0.02, "epochs": 20}
"""For 128 features instead of the paper's 2048.

Rate and KL weight were found with a look at test scores of the glyphs, scaling and head on their
validation classes: a demonstration, not a result.
"""

FUSIONNET = {"scaling": "none", "epochs": 12, "dropout": 0.2, "view_weights": (0.0, 1.0, 0.5)}
RETRIEVAL = {"scaling": "standard", "view_weights": (1.0, 0.5, 0.5), "epochs": 25, "latent": 128,
             "hidden": 256, "linear": 0.5, "linear_view": "ridge", "whitening": 0.1}
"""Chosen on validation classes of the glyphs, one run, but for fewer epochs to save time."""

STORIES: list[dict[str, Any]] = [
    {"title": "Recognise letters never seen (generalized zero-shot)", "task": "gzsl",
     "metrics": ("T1", "U", "S", "H", "AUSUC"),
     "rows": [("chance", {}), ("eszsl", {}), ("gfzsl", {}),
              ("cada_vae", {**VAE, "head": "prototype"}), ("acmr", {"kl": 0.5}),
              ("fusionnet_qsma", {**FUSIONNET, "epochs": 24})]},
    {"title": "Recognise them with a few samples of each", "task": "few_shot",
     "metrics": ("T1@1 update", "H@1 update", "T1@2 update", "H@2 update"),
     "rows": [("ridge_map", {}), ("fusionnet_qsma", FUSIONNET)]},
    {"title": "Find the name of a picture, and a picture by its name", "task": "retrieval",
     "metrics": ("mAP", "mAP[image->text]", "mAP[text->image]", "P@100", "chance_mAP"),
     "rows": [("cca", {}), ("ridge_map", {}), ("lcale", {**VAE, "kl": 0.01, "decay_every": 15}),
              ("fusionnet_qsma", RETRIEVAL)]},
    {"title": "Find the picture of a sketch", "task": "retrieval", "variant": "sketch",
     "metrics": ("mAP", "mAP[sketch->image]", "mAP[image->sketch]", "P@100", "chance_mAP"),
     "rows": [("cca", {}), ("ridge_map", {}), ("common_pca", {}),
              ("fusionnet_qsma", RETRIEVAL)]},
    {"title": "Carry a classifier from pictures to sketches without labels", "task": "transfer",
     "metrics": ("accuracy", "source_accuracy", "oracle_accuracy"),
     "rows": [("cca", {}), ("perfect_alignment", {})]},
]
"""Title, task, metrics and models of every story; the last model of a story is drawn."""


MINUTES = "two to three minutes on two quiet cores"
"""Time that the demo takes; the README says so too."""
NEEDS = f"needs {MINUTES}, 2 GB of memory, 5 MB of disk and no network"
"""Said before it starts."""


class Row(NamedTuple):
    """One model of a story: the place of the story in `STORIES`, name and hyper-parameters."""

    story: int
    model: str
    params: Mapping[str, Any]


def run_demo(out: Path, log: Callable[[str], None]) -> list[Report]:
    """Run the stories, print a table each, and write ``report.html`` and the JSON reports.

    Models are fitted side by side, one per core. Ctrl-C leaves the page of the stories that were
    done, and the report of every row that was.
    """
    from crossalign.pages import write_page
    from crossalign.pages.conclusion import compared_rows

    started = time.perf_counter()
    rows = [Row(number, *row) for number, story in enumerate(STORIES) for row in story["rows"]]
    workers = min(usable_cores(), len(rows))
    log(f"{len(rows)} models, {workers} at a time; {NEEDS}")
    shown: list[Report] = []
    try:
        for story, reports in _stories(rows, out, workers, log):
            print(f"\n{story['title']}\n{table(reports, story['metrics'])}", flush=True)
            reports[-1].artefacts["rows"] = compared_rows(reports, story["metrics"])
            shown.append(reports[-1])
    except KeyboardInterrupt:
        log(f"kept in {out}: the report of every model that was done")
        raise
    finally:
        if shown:
            write_page(shown, out / "report.html")
    seconds = time.perf_counter() - started
    print(f"\nReport with pictures: {out / 'report.html'}  ({seconds:.0f} s)")
    return shown


def _stories(rows: list[Row], out: Path, workers: int,
             log: Callable[[str], None]) -> Iterator[tuple[dict[str, Any], list[Report]]]:
    """Every story with its reports, in order, as soon as all of them are there."""
    started = time.perf_counter()
    done: dict[int, Report] = {}
    told = 0
    with _processes(workers) as pool:
        waiting = {pool.submit(_fit, row, out): place for place, row in enumerate(rows)}
        for future in as_completed(waiting):
            story = STORIES[rows[waiting[future]].story]
            done[waiting[future]] = report = Report.load(future.result())
            metric = story["metrics"][0]
            log(f"{time.perf_counter() - started:4.0f} s  {len(done):2} of {len(rows)}  "
                f"{report.model}: {metric} {percent(report.scores[metric]['mean'])}  "
                f"({story['title'].lower()})")
            while told < len(STORIES):
                places = [place for place, row in enumerate(rows) if row.story == told]
                if not all(place in done for place in places):
                    break
                yield STORIES[told], [done[place] for place in places]
                told += 1


def _fit(row: Row, out: Path) -> Path:
    """Fit and score one row; returns where its report is."""
    story = STORIES[row.story]
    few = story["task"] == "few_shot"
    variant = story.get("variant", "")
    bench = load("glyphs" + f":{variant}" * bool(variant), "gzsl" if few else story["task"])
    model = models.get(row.model)(**row.params)
    report = evaluate(model, bench, task="few_shot" if few else None,
                      tune=model.grid(fixed=row.params))
    file = out / f"{variant or story['task']}-{row.model}.json"
    report.save(file)
    return file


@contextmanager
def _processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each, ended at once where the caller is interrupted or fails."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _one_thread) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _one_thread() -> None:
    """In a fresh process: no threads beside the others', and no word of its own on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    threadpool_limits(1)


def table(reports: list[Report], metrics: tuple[str, ...]) -> str:
    """Models as rows, metrics in percent as columns; a metric a model lacks is left empty."""
    rows = [[report.model, *(report.cell(m) for m in metrics)] for report in reports]
    return "\n".join(f"  {line}" for line in aligned([["", *metrics], *rows]))
