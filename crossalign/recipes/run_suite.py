"""A suite run into a folder: a report of every run, a page of every group, and the tables."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from crossalign.evaluation import Report
from crossalign.files import write_text
from crossalign.pace import Log
from crossalign.recipes.suite import Entry, Suite
from crossalign.tables import aligned, comma_separated, latex, markdown, percent


def run_suite(suite: Suite, out: Path, root: Path | None = None, *, jobs: int = 1,
              keep: bool = True, log: Log) -> list[Report]:
    """Run a suite, print a table of every group as soon as it is done, and return the reports of
    the page.

    The folder then holds ``NAME.json`` of every run with its figures, ``report.html``, which draws
    the last run of every group, and ``scores.csv``, ``tables.md`` and ``tables.tex`` of all of
    them. Ctrl-C leaves the files of the groups that were finished, and the report of every run that
    was.

    Parameters
    ----------
    suite : Suite
        Suite of runs.
    out : Path
        Folder of the results.
    root : Path, optional
        Folder that holds the data sets and encoders.
    jobs : int, default 1
        Number of runs at a time; with several, each has one thread.
    keep : bool, default True
        Whether finished parts are saved in ``out/runs`` and not repeated for the same work.
    log : callable
        Function that receives a line per step.
    """
    from crossalign.pages import write_page
    from crossalign.pages.conclusion import compared_rows

    shown: list[Report] = []
    tables: list[tuple[str, list[list[str]]]] = []
    scores: list[list[str]] = []
    try:
        for place, reports in _groups(suite, out, root, jobs, keep, log):
            title, metrics, runs = suite.groups[place]
            metrics = metrics or tuple(dict.fromkeys(m for r in reports for m in r.scores))
            last = reports[-1]
            last.artefacts["rows"] = compared_rows(reports, metrics)
            last.save(out / f"{runs[-1].name}.json")
            shown.append(last)
            tables.append((title, _cells(reports, metrics)))
            scores += _long(runs, reports)
            lines = (f"  {line}" for line in aligned(tables[-1][1]))
            print("\n".join(["", title, *lines]), flush=True)
    except KeyboardInterrupt:
        log(f"kept in {out}: the report of every model that was done")
        raise
    finally:
        if shown:
            write_page(shown, out / "report.html")
            _write_tables(out, tables, scores)
    return shown


def _cells(reports: Sequence[Report], metrics: Sequence[str]) -> list[list[str]]:
    """Write models as rows and metrics in percent as columns; a metric that a model lacks is left
    empty.
    """
    return [["", *metrics], *([report.model, *map(report.cell, metrics)] for report in reports)]


def _long(runs: Sequence[Entry], reports: Sequence[Report]) -> list[list[str]]:
    """Return a line for every score of every run."""
    return [[run.name, report.model, report.data, report.task, metric, repr(score["mean"]),
             repr(score["sd"]), str(report.counted)]
            for run, report in zip(runs, reports, strict=True)
            for metric, score in report.scores.items()]


def _write_tables(out: Path, tables: Sequence[tuple[str, list[list[str]]]],
                  scores: Sequence[Sequence[str]]) -> None:
    write_text(out / "tables.md", "\n".join(
        f"## {title}\n\n{markdown(rows[0], rows[1:])}\n" for title, rows in tables))
    write_text(out / "tables.tex", "\n".join(
        f"% {title}\n{latex(rows[0], rows[1:])}\n" for title, rows in tables))
    header = ("run", "model", "data", "task", "metric", "mean", "sd", "runs")
    write_text(out / "scores.csv", comma_separated(header, scores))


def _groups(suite: Suite, out: Path, root: Path | None, jobs: int, keep: bool,
            log: Log) -> Iterator[tuple[int, list[Report]]]:
    """Yield place and reports of every group, in order, as soon as all of its runs are done."""
    from crossalign.pages.words import headlines

    started = time.perf_counter()
    runs, done, told = suite.runs, dict[str, Report](), 0
    for run, file in _files(runs, out, root, jobs, keep, log):
        done[run.name] = report = Report.load(file)
        metric = headlines(report)[0]
        log(f"{time.perf_counter() - started:4.0f} s  {len(done):2} of {len(runs)}  "
            f"{run.name}: {metric} {percent(report.scores[metric]['mean'])}")
        while told < len(suite.groups):
            names = [one.name for one in suite.groups[told][2]]
            if not all(name in done for name in names):
                break
            yield told, [done[name] for name in names]
            told += 1


def _files(runs: Sequence[Entry], out: Path, root: Path | None, jobs: int, keep: bool,
           log: Log) -> Iterator[tuple[Entry, Path]]:
    """Yield every run with the file of its report, as soon as it is done."""
    if jobs == 1:
        for run in runs:
            yield run, _measure(run, out, root, keep, log)
        return
    with _processes(min(jobs, len(runs))) as pool:
        waiting = {pool.submit(_measure, run, out, root, keep): run for run in runs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _measure(run: Entry, out: Path, root: Path | None, keep: bool, log: Log | None = None) -> Path:
    """Make one run; return the path of its report."""
    report = run.measure(root, log=log, keep=out / "runs" if keep else None)
    return report.save(out / f"{run.name}.json")


@contextmanager
def _processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes of one thread each, ended at once if the caller is interrupted or fails."""
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
    """Prepare a fresh process: no threads beside the others', and no message of its own on
    Ctrl-C.
    """
    import torch

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    threadpool_limits(1)
