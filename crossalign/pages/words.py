"""What the page says about tasks and metrics, and which scores it shows first."""

from __future__ import annotations

from crossalign.evaluation.report import Report
from crossalign.pages.plots.wording import arrow

TASKS: dict[str, tuple[str, str]] = {
    "gzsl": ("Recognition of classes never seen",
             "Every test sample is recognised among all classes, seen and unseen; no sample of an "
             "unseen class was in training."),
    "zsl": ("Recognition among unseen classes",
            "Test samples of unseen classes are recognised among unseen classes only."),
    "few_shot": ("A few samples of each new class",
                 "Side information predicts where a new class lies, and k samples of it correct "
                 "that; samples that were never drawn are recognised."),
    "retrieval": ("Retrieval across modalities",
                  "A query of one modality ranks a gallery of another; both hold classes that "
                  "training never saw, and same class is right."),
    "transfer": ("Transfer across modalities",
                 "A classifier learns on labelled samples of one modality and is tested on the "
                 "other, whose labels it never sees."),
}
"""Title and one sentence for each task."""

METRICS: dict[str, str] = {
    "T1": "unseen classes, chosen among unseen classes only",
    "U": "unseen classes, chosen among all classes",
    "S": "seen classes, chosen among all classes",
    "H": "harmonic mean of U and S in every run",
    "AUSUC": "area under the seen-unseen curve, over all calibrations",
    "U_raw": "U without calibration", "S_raw": "S without calibration",
    "H_raw": "H without calibration",
    "H_max_diagnostic": "H at the best calibration in hindsight; a ceiling, not a result",
    "AURC": "wrong answers on average when only the surest are given; lower is better",
    "AURC_tempered": "the same, with temperatures that follow the model's own variances",
    "ECE": "gap between how sure it is and how often right; lower is better",
    "sigma_error": "rank correlation of a sample's variance with its being wrong",
    "mAP": "mean average precision over the whole list, mean of both directions",
    "P@100": "share of right ones among the first 100",
    "chance_mAP": "what a random order would give",
    "accuracy": "on the target modality, without its labels",
    "source_accuracy": "the classifier on the modality that it learned on",
    "oracle_accuracy": "a classifier that learned on labels of the target",
}
"""What each metric says, in a few words."""

HEADLINES: dict[str, tuple[str, ...]] = {
    "gzsl": ("H", "U", "S", "T1", "AUSUC"), "zsl": ("T1",),
    "few_shot": tuple(f"H@{k} update" for k in (1, 2, 3, 5, 10)),
    "retrieval": ("mAP", "chance_mAP", "P@100"),
    "transfer": ("accuracy", "source_accuracy", "oracle_accuracy"),
}
"""Metrics shown as cards, the most telling first."""

NOT_RANKED = ("chance_mAP", "source_accuracy", "oracle_accuracy", "H_max_diagnostic",
              "AURC", "AURC_tempered", "ECE", "sigma_error")
"""Bounds and diagnostics, and what is not better where it is larger."""


def title_of(report: Report) -> str:
    """The heading of a report; of retrieval with its direction."""
    title, _ = TASKS.get(report.task, (report.task, ""))
    first = next(iter(report.artefacts.get("hits", {}) or {}), "")
    return f"Retrieval, {arrow(first)}" if report.task == "retrieval" and first else title


def sentence_of(report: Report) -> str:
    """Return one sentence on the task of a report, or nothing for an unknown task."""
    return TASKS.get(report.task, ("", ""))[1]


def headlines(report: Report) -> list[str]:
    """The metrics shown first, the most telling first; never none."""
    wanted = HEADLINES.get(report.task, ())
    directed = [m for m in report.scores if m.startswith("mAP[")] if "mAP" in wanted else []
    found = [m for m in (*wanted[:1], *directed, *wanted[1:]) if m in report.scores]
    return found or list(report.scores)[:6]


def short_name(name: str) -> str:
    """A metric's name as words, such as ``mAP image → text``."""
    return arrow(name).replace("_", " ").replace("[", " ").replace("]", "")


def meaning(name: str) -> str:
    """What a metric says, or nothing for an unknown one."""
    base, _, direction = name.partition("[")
    base, _, bits = base.partition("_") if base.endswith("bit") else (base, "", "")
    if direction and base in METRICS:
        source, _, target = direction.rstrip("]").partition("->")
        said = f"{source} queries, {target} gallery"
    else:
        said = METRICS.get(base, "")
    return f"{said}; binary codes of {bits.removesuffix('bit')} bits" if bits and said else said
