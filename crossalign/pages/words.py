"""Words of the page on tasks and metrics, and the scores that it shows first."""

from __future__ import annotations

from crossalign.evaluation.protocols import known
from crossalign.evaluation.report import Report, ends_of
from crossalign.pages.figures import part_of
from crossalign.pages.plots.wording import arrow


def title_of(report: Report) -> str:
    """Return the heading of a report; for retrieval with its direction."""
    task = known(report.task)
    first = next(iter(part_of(report, "hits")), "")
    if report.task == "retrieval" and first:
        return f"Retrieval, {arrow(first)}"
    return report.task if task is None else task.title


def sentence_of(report: Report) -> str:
    """Return one sentence on the task of a report, or nothing for an unknown task."""
    task = known(report.task)
    return "" if task is None else task.sentence


def headlines(report: Report) -> list[str]:
    """Return the metrics shown first, the most telling first; never none."""
    task, scores = known(report.task), list(report.scores)
    return scores[:6] if task is None else task.headlines_of(scores)


def short_name(name: str) -> str:
    """Write a metric's name as words, such as ``mAP image → text``."""
    return arrow(name).replace("_", " ").replace("[", " ").replace("]", "")


def meaning(name: str, report: Report) -> str:
    """Return the meaning of a metric, or nothing for an unknown one."""
    task = known(report.task)
    metric = None if task is None else task.metric(name)
    return "" if metric is None else metric.meaning


def share_of_most(value: float, name: str, report: Report) -> float:
    """Return the share of a score in the largest that there can be, as the length of its bar."""
    return value / ends_of(report.task, name)[1]


def ranks(report: Report, name: str) -> bool:
    """Return whether a larger value of a metric is a better model; an unknown metric's is."""
    task = known(report.task)
    metric = None if task is None else task.metric(name)
    return metric is None or metric.better == "higher"
