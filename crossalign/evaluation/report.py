"""Report of an evaluation: scores of every run, and the protocol that gives them meaning.

A number travels with the way it was made: parameters, seeds, how the epoch was selected, the split
and its side information, and the versions. Two reports are comparable only if their protocols
agree.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from crossalign.evaluation.figures_file import figures_path, read_figures, write_figures
from crossalign.evaluation.plain_values import flatten, jsonable
from crossalign.evaluation.saved_report import SavedReport, read_saved
from crossalign.evaluation.significance import PairedComparison
from crossalign.files import write_text
from crossalign.folders import digest
from crossalign.pace import duration
from crossalign.tables import aligned, percent, printable


class Score(TypedDict):
    """Mean and sample sd (ddof=1, 0.0 for one run) of one metric, and every run of it."""

    mean: float
    sd: float
    runs: list[float]


@dataclass
class Report:
    """Scores of one model on one benchmark, with all that is needed to trust or repeat them.

    Attributes
    ----------
    model, data, task : str
        Names of model, data and task, as the user gave them.
    params : mapping
        Hyper-parameters of the model in this run.
    protocol : mapping
        Split id, features, normalisation, side information, and a boolean per known leak.
    selection : str
        Description of how the epoch and the calibration were chosen.
    versions : mapping of package to version
        Versions of the packages.
    seconds : float
        Wall-clock time of all runs together.
    seeds : list of int
        Seeds, one per run.
    scores : mapping of metric to `Score`
        Fractions in [0, 1].
    per_class : mapping of score to mapping
        Scores by class, for runs on one split: ``classes``, names; ``runs``, a score per run and
        class; ``weights`` if classes do not count alike. Intervals and comparisons are computed
        from these.
    date : str
        Date of the report, such as ``2026-11-30 09:15 UTC``.
    artefacts : mapping
        Arrays of the first run to draw from (keys ``latent``, ``cross_modal``, ``sensitivity``,
        ``curve``, ``few_shot``, ``rejection``, ``class_accuracy``, ``pr``, ``hits``, ``said``,
        ``saliency``, ``history``, ``confusion``, ``rows``; all optional). Saved beside the report.
    figures_file : str
        Path of the file that the artefacts of a loaded report are from; empty for another.
    """

    model: str
    data: str
    task: str
    params: dict[str, Any]
    protocol: dict[str, Any]
    selection: str
    versions: dict[str, str]
    seconds: float
    seeds: list[int]
    scores: dict[str, Score]
    per_class: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    date: str = field(default="", compare=False)
    artefacts: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    figures_file: str = field(default="", repr=False, compare=False)

    @classmethod
    def from_runs(
        cls,
        runs: Sequence[Mapping[str, float]],
        *,
        model: str,
        data: str,
        task: str,
        seeds: Sequence[int],
        seconds: float,
        selection: str,
        params: Mapping[str, Any] | None = None,
        protocol: Mapping[str, Any] | None = None,
        per_class: Mapping[str, Mapping[str, Any]] | None = None,
        artefacts: Mapping[str, Any] | None = None,
    ) -> Report:
        """Make a report of n runs, each a mapping of metric to fraction, with versions and date.

        Raises
        ------
        ValueError
            If there is not one seed per run, or `summarise` refuses the runs.
        """
        if len(seeds) != len(runs):
            raise ValueError(f"seeds: {len(seeds)} for {len(runs)} runs; give one per run.")
        return cls(model=model, data=data, task=task, params=dict(params or {}),
                   protocol=dict(protocol or {}), selection=selection, versions=versions(),
                   seconds=float(seconds), seeds=[int(s) for s in seeds],
                   scores=summarise(runs, task), per_class=jsonable(per_class or {}),
                   date=f"{datetime.now(UTC):{WHEN}}", artefacts=dict(artefacts or {}))

    def to_dict(self) -> dict[str, Any]:
        """Return the report without its artefacts, in plain JSON types."""
        plain: dict[str, Any] = jsonable({key: getattr(self, key) for key in KEYS})
        return plain

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as JSON, and beside it the arrays of its page; return the path.

        Each file is whole or absent, and figures never stand beside the numbers of another run:
        see `figures_file.figures_path` for their name.
        """
        figures = figures_path(path)
        figures.unlink(missing_ok=True)
        written = write_text(path, self.to_json() + "\n")
        if self.artefacts:
            write_figures(figures, self.artefacts, self._owner())
        return written

    def _owner(self) -> dict[str, str]:
        """Return the report's name and a digest of its numbers, by which figures recognise it."""
        numbers = json.dumps(jsonable([self.model, self.seeds, self.scores]))
        return {"report": f"{self.model} on {self.data}",
                "sha256": digest(numbers)}

    def to_json(self) -> str:
        """Return the report as JSON; characters of a file's name that UTF-8 cannot hold are
        escaped.
        """
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Report:
        """Read what `save` wrote, with the figures beside it if they are there.

        Raises
        ------
        ValueError
            If the file is not a report, a field is of another kind or its task is unknown, or the
            figures are damaged or of another report. A task of your own is known once its class
            is defined.
        """
        report = cls(**read_saved(path))
        report._check_scores(path)
        report.figures_file = str(figures_path(path))
        report.artefacts = read_figures(figures_path(path), report._owner())
        return report

    def _check_scores(self, path: str | os.PathLike[str]) -> None:
        """Raise ValueError unless every score is the mean of its runs, which are fractions."""
        runs = [{name: score["runs"][row] for name, score in self.scores.items()}
                for row in range(len(self.seeds))]
        try:
            again = summarise(runs, self.task)
        except ValueError as error:
            raise ValueError(f"path: {path}: {error}") from None
        for name, score in self.scores.items():
            if abs(score["mean"] - again[name]["mean"]) > 1e-6:
                raise ValueError(f"path: {path}: scores.{name} has mean {score['mean']:g}, and its "
                                 f"runs have {again[name]['mean']:g}; give a file written by "
                                 "Report.save.")

    def html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one self-contained page, atomically; return the path."""
        from crossalign.pages import write_page

        return write_page(self, path)

    def differences(self, other: Report) -> list[str]:
        """Return what makes the two reports incomparable, one phrase each; empty if nothing
        does.
        """
        phrases = [] if self.task == other.task else [f"task ({self.task!r}, {other.task!r})"]
        mine, theirs = flatten(jsonable(self.protocol)), flatten(jsonable(other.protocol))
        absent = "not stated"
        for key in [*mine, *(k for k in theirs if k not in mine)]:
            a, b = mine.get(key, absent), theirs.get(key, absent)
            unknown = key.startswith("leaks.") and {a, b} & {None, absent}
            if a != b and key not in OF_THE_MODEL and not unknown:
                phrases.append(f"{key} ({_short(a)}, {_short(b)})")
        return phrases

    def comparable(self, other: Report) -> bool:
        """Return True if the numbers of both reports answer the same question.

        Raises
        ------
        ValueError
            If they do not, naming each part of the protocol that differs (split ids, features,
            side information, leaks, task). `differences` lists them without raising.
        """
        phrases = self.differences(other)
        if phrases:
            raise ValueError(f"other: {other.model} on {other.data} followed another protocol than "
                             f"{self.model} on {self.data}: {'; '.join(phrases)}; "
                             "run both on the same benchmark.")
        return True

    def compare(self, other: Report, metric: str) -> PairedComparison:
        """Compare the scores of two reports: self minus other, with interval and p-value if there
        are any.

        Over one split, classes are drawn with replacement, which needs the scores of every class
        (``per_class``); over several splits it is the corrected resampled t-test; otherwise there
        is no test. See `significance`.

        Raises
        ------
        ValueError
            If the protocols differ, a report lacks the metric, or the runs do not pair up
            (other seeds, or another number of runs).
        """
        from crossalign.evaluation.comparison import compare

        self.comparable(other)
        return compare(self, other, metric)

    def only(self, seeds: Sequence[int]) -> Report:
        """Return the same report with some of its runs, for a comparison over the seeds of both.

        Raises
        ------
        ValueError
            For a seed that was not run.
        """
        missing = [seed for seed in seeds if seed not in self.seeds]
        if missing or not seeds:
            raise ValueError(f"seeds: got {list(seeds)}, and {self.model} ran {self.seeds}; choose "
                             "among those.")
        rows = [self.seeds.index(seed) for seed in seeds]
        runs = [{name: score["runs"][row] for name, score in self.scores.items()} for row in rows]
        protocol, splits = dict(self.protocol), self.protocol.get("split_id")
        if isinstance(splits, list):
            protocol["split_id"] = [splits[row] for row in rows]
            if "single_class_split" in (leaks := protocol.get("leaks") or {}):
                single = len(set(map(str, protocol["split_id"]))) == 1
                protocol["leaks"] = {**leaks, "single_class_split": single}
        per_class = {name: {**part, "runs": [part["runs"][row] for row in rows]}
                     for name, part in self.per_class.items()}
        return replace(self, seeds=list(seeds), scores=summarise(runs, self.task),
                       protocol=protocol, per_class=per_class)

    @property
    def counted(self) -> int:
        """Number of different runs: runs of one split that are all equal count as one."""
        one_split = not isinstance(self.protocol.get("split_id"), list)
        equal = all(len(set(score["runs"])) == 1 for score in self.scores.values())
        return 1 if one_split and equal else len(self.seeds)

    def cell(self, metric: str, absent: str = "") -> str:
        """Return a score in percent, with its spread if runs differ, or ``absent``."""
        score = self.scores.get(metric)
        return absent if score is None else percent(score["mean"], score["sd"], self.counted)

    def __str__(self) -> str:
        n = self.counted
        rows = [("metric (%)", "mean ± sd" if n > 1 else "value", " runs" if n > 1 else "")]
        for name, score in self.scores.items():
            runs = "  ".join(f"{percent(r):>5}" for r in score["runs"]) if n > 1 else ""
            rows.append((name, self.cell(name), runs))
        lines = [f"{line}  {runs}".rstrip() for line, (*_, runs) in
                 zip(aligned([row[:2] for row in rows]), rows, strict=True)]
        head = (f"{self.model} on {self.data} ({self.task}), {runs_of(self)}, "
                f"{duration(self.seconds)}")
        protocol = flatten(jsonable(self.protocol))
        facts = [f"{key.replace('_', ' ')} {_short(value)}" for key, value in protocol.items()
                 if key.partition(".")[0] in TOLD and value is not None]
        leaks = [key.rpartition(".")[2] for key, value in protocol.items() if value is True]
        below = [("selection", self.selection), ("protocol", "; ".join(facts) or "not stated")]
        if leaks:
            below.append(("caution", ", ".join(leaks).replace("_", " ")))
        below.append(("versions", ", ".join(f"{k} {v}" for k, v in self.versions.items())))
        rule = "-" * max(map(len, lines))
        return "\n".join([printable(head), "", lines[0], rule, *lines[1:], "",
                          *(f"{key:<10} {printable(text)}" for key, text in below)])


KEYS = tuple(SavedReport.model_fields)
"""Keys of a saved report, in order."""

WHEN = "%Y-%m-%d %H:%M UTC"

OF_THE_MODEL = ("leaks.stochastic_evaluation", "codes", "pseudo_labels", "tokens", "fitted_on")
"""Entries of a protocol that concern the model and not the question; models may differ in them."""

TOLD = ("split_id", "split", "features", "normalisation", "side_information", "supervision",
        "fitted_on", "codes")
"""Parts of the protocol that the plain table shows; a saved report and its page show all."""


def summarise(runs: Sequence[Mapping[str, float]], task: str = "") -> dict[str, Score]:
    """Compute mean, sample sd and every run of each metric (mean of per-run H, never H of means).

    Parameters
    ----------
    runs : n mappings of metric to fraction in [0, 1], or to a number in its range, see `Metric`
        Runs, all with the same metrics.
    task : str
        Name of the task, which says which scores have another range.

    Raises
    ------
    ValueError
        If there is no run, metrics differ between runs, or a value is not a fraction.
    """
    if len(runs) == 0:
        raise ValueError("runs: none given; evaluate at least one run.")
    for i, run in enumerate(runs):
        odd = sorted(set(run) ^ set(runs[0]))
        if odd:
            raise ValueError(f"runs: run {i} and run 0 do not both hold {odd}; "
                             "score every run with the same metrics.")
        for name, value in run.items():
            least, most = ends_of(task, name)
            if not least - 1e-6 <= value <= most + 1e-6:  # also catches NaN
                raise ValueError(f"runs: run {i} has {name} = {value}; "
                                 f"give fractions in [{least:g}, {most:g}], not percent.")
    scores: dict[str, Score] = {}
    for name in runs[0]:
        values = np.clip([float(run[name]) for run in runs], *ends_of(task, name))
        sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        scores[name] = {"mean": float(values.mean()), "sd": sd, "runs": values.tolist()}
    return scores


def ends_of(task: str, name: str) -> tuple[float, float]:
    """Return the smallest and the largest possible value of a score."""
    from crossalign.evaluation.protocols import known  # which imports all that scores

    owner = known(task)
    metric = None if owner is None else owner.metric(name)
    return (0.0, 1.0) if metric is None else (metric.least, metric.most)


def versions() -> dict[str, str]:
    """Return the versions that a number depends on, without importing any of the packages."""
    installed = {"crossalign": "unknown", "python": platform.python_version()}
    for package in ("crossalign", "torch", "numpy", "scikit-learn"):
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed[package] = "not installed" if package != "crossalign" else "source tree"
    return installed


def run_count(n: int) -> str:
    """Write ``1 run`` or ``n runs``."""
    return "1 run" if n == 1 else f"{n} runs"


def runs_of(report: Report) -> str:
    """Say how many runs a report has, and whether they are one run again and again."""
    n = len(report.seeds)
    return f"{run_count(n)}, all equal" if report.counted < n else run_count(n)


def _short(value: Any, limit: int = 60) -> str:
    if isinstance(value, list) and len(value) > 4:
        return f"{len(value)} items ({_short(value[0], 20)}, ...)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"
