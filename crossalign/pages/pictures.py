"""Pictures of one report: drawn, captioned, told in words and laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crossalign.evaluation.report import Report
from crossalign.pages import plots
from crossalign.pages.figures import foreign, part_of
from crossalign.pages.plots.wording import arrow
from crossalign.pages.svg import svg
from crossalign.tables import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    _Drawn = tuple[Figure, str, str]
    """Figure, caption and text alternative."""


def pictures(report: Report) -> Iterator[tuple[str, Figure, str, str]]:
    """Yield kind, figure, caption and text alternative of every picture that the figures allow.

    Raises
    ------
    ValueError
        If a figure has another shape than its picture needs.
    """
    for kind, draw in _PICTURES.items():
        if part := part_of(report, kind):
            try:
                with np.errstate(invalid="raise", divide="raise"):
                    drawn = list(draw(part, report.artefacts))
            except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError,
                    ValueError) as error:
                raise foreign(report, kind, error) from error
            for figure, caption, alternative in drawn:
                yield kind, figure, caption, alternative


def gallery_of(report: Report, i: int) -> list[dict[str, Any]]:
    """Return the pictures of a grid of two columns; an odd narrow one stands beside its caption.

    Parameters
    ----------
    report : Report
        Report with its figures.
    i : int
        Place of the report on its page, which makes ids unique.

    Returns
    -------
    list of mappings
        ``style`` (wide, half or lone), ``svg`` and ``caption``.
    """
    items: list[dict[str, Any]] = []
    left = False
    drawn = list(pictures(report))
    narrow = [kind not in _WIDE or figure.get_figwidth() < 7 for kind, figure, _, _ in drawn]
    for j, (_, figure, caption, label) in enumerate(drawn):
        beside = j + 1 < len(drawn) and narrow[j + 1]
        style = "half" if left or beside else "lone"
        left = narrow[j] and not left and beside
        items.append({"style": style if narrow[j] else "wide", "caption": caption,
                      "svg": svg(figure, label, f"r{i}p{j}")})
    return items


def _latent(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    yield (plots.latent(part["before"], part["after"], part["labels"], part["class_names"],
                        part.get("seen")),
           "Each point is a sample and each shape a modality. Aligned well, every class is one "
           "island that holds all shapes; distances between islands mean nothing.",
           f"t-SNE maps of {_join(part['after'])} before and after alignment.")


def _cross_modal(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    features, side = part["after"]
    yield (plots.cross_modal(**part),
           "Each point is a sample or what is known of a class, and each panel a map of its own. "
           "Colours that stay apart are a gap between modalities; whether they meet at the right "
           f"class is the share above the lower maps, of {side} points against {features} points "
           "in the aligned space, among the classes shown.",
           f"t-SNE maps of {features} and {side} points before and after alignment, seen and "
           "unseen classes apart.")


def _sensitivity(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    yield (plots.sensitivity(part),
           "Each panel varies one weight and leaves the others. The blue curve, on validation "
           "classes, is the one to choose by; the grey one shows what test would have said.",
           f"Curves of validation and test scores over {_join(part)}.")


def _curve(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    u, s = part["chosen"]
    yield (plots.trade_off(part["seen"], part["unseen"], part["chosen"], part["raw"],
                           part["ausuc"]),
           "Lowering the scores of seen classes walks along the curve; up and to the right is "
           "better, and the diamond is where validation stopped.",
           f"Seen-unseen trade-off curve with area {percent(part['ausuc'])}; the "
           f"calibrated point has U {percent(u)} and S {percent(s)}.")


def _few_shot(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    yield (plots.few_shot(part["curves"], part["ks"]),
           "Side information alone does not gain from samples, and samples alone lack what it "
           "knows; where both are used the curve should be above either.",
           f"H over {', '.join(map(str, part['ks']))} samples per new class, of "
           f"{_join(part['curves'])}.")


def _rejection(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    areas = _join(f"{name.replace('_', ' ')} {percent(curve['aurc'])}"
                  for name, curve in part.items())
    yield (plots.coverage_risk(part),
           "Going left, only surer answers are given; a confidence that knows when the model is "
           "wrong falls fast. The diamond is the threshold that answers most validation samples.",
           f"Risk over coverage; area under the curve of {areas}.")


def _accuracy(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    yield (plots.class_accuracy(part["names"], part["accuracy"], part.get("seen")),
           "Each bar is one class and the dashed lines are the means; a long tail to zero is "
           "classes that the model never finds.",
           f"Sorted bars of the accuracy of {len(part['names'])} classes.")


def _pr(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    yield (plots.precision_recall(part),
           "From left to right the list gets longer; a model that stays high finds all of a class "
           "before it errs, and at the dotted line it guesses.",
           f"Precision-recall curves of {_join(map(arrow, part))}, and chance.")


def _hits(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    for direction, sheet in part.items():
        yield (plots.hits(sheet["queries"], sheet["results"], sheet["correct"], direction),
               "Each row is a query and its results from best to worse; a green "
               "frame with a check is the right class, an orange one with a cross is not."
               + _cases(sheet),
               "Queries and their best results, each marked right or wrong.")


def _cases(sheet: Mapping[str, Any]) -> str:
    """Say which queries stand under several rankings, and how good those are over more."""
    if "first_right" not in sheet:
        return ""
    counts = _join(f"{count} by {name}" for name, count in sheet["first_right"].items())
    return (f" Of {sheet['candidates']} queries, spread evenly, the best result is right for "
            f"{counts}. Right and wrong stand at different places in {sheet['differing']} of them; "
            f"{len(sheet['queries'])} of those are shown, spread evenly again.")


def _said(part: Any, others: Mapping[str, Any]) -> Iterator[_Drawn]:
    reason = others.get("occlusion", {}).get("reason", "")
    maps = f" No map of what they rest on is drawn, as {reason}." if reason else ""
    question = ", the question above it in grey" if part["what"] == "answers" else ""
    yield (plots.said(**part),
           f"Test samples, right and wrong {part['what']} in equal numbers where there are as "
           "many, each kind spread evenly: what the model says in green with a check if it is "
           f"right, in orange with a cross if not, and then what people say{question}.{maps}",
           f"Pictures with {part['what']}, each marked right or wrong.")


def _occlusion(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    if part["cells"]:
        yield (plots.rested(part["what"], part["cells"]),
               f"What some {part['what']} rest on: in orange places without which the odds of what "
               "the model says are lower, in blue those without which they are higher, each map by "
               "its own largest value. One place after another is covered by the median shade of "
               "the picture.",
               f"Pictures beside maps of what their {part['what']} rest on.")


def _saliency(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    yield (plots.saliency(part),
           "Test samples, spread evenly, and the weight that the model gives to each of their "
           "tokens: the deeper a patch and the longer a bar, the more salient. The embedding is "
           "made of the outlined or bold ones, each read in its context.",
           "Saliency of the tokens of some samples, the kept ones marked.")


def _history(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    if any(len(values) > 1 for values in part.values()):
        yield (plots.history(part),
               "Every objective over the epochs of the first run, its last value in the corner; "
               "curves that still fall ask for more epochs.",
               f"Training curves of {_join(part)}.")


def _confusion(part: Any, _: Mapping[str, Any]) -> Iterator[_Drawn]:
    names = part["names"]
    yield (plots.confusion(part["matrix"], names),
           f"The {len(names)} classes of the largest confusions, of {part['of']} that were tested. "
           "Rows are true classes and sum to 100 %; bright cells off the diagonal are classes "
           "taken for each other.",
           f"Confusion matrix of the {len(names)} most confused classes.")


_PICTURES: dict[str, Callable[[Any, Mapping[str, Any]], Iterator[_Drawn]]] = {
    "latent": _latent, "sensitivity": _sensitivity, "cross_modal": _cross_modal, "hits": _hits,
    "said": _said, "occlusion": _occlusion, "saliency": _saliency, "curve": _curve,
    "few_shot": _few_shot, "rejection": _rejection, "pr": _pr, "class_accuracy": _accuracy,
    "confusion": _confusion, "history": _history}
"""Function that draws each figure, in the order of the page."""

_WIDE = ("latent", "sensitivity", "cross_modal", "hits", "said", "occlusion", "saliency",
         "history")
"""Pictures that take the whole width."""


def _join(names: Iterable[str]) -> str:
    listed = [str(name) for name in names]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
