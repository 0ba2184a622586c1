"""Candidates of a grid, each fitted on the validation benchmark, or the error it refused with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sklearn.base import clone

from crossalign.types import Classes, Views

Point = dict[str, Any]


def candidates(model: Any, samples: Views, points: Sequence[Point], classes: Classes | None,
               callbacks: Sequence[Any]) -> Iterator[tuple[Point, Any]]:
    """Yield every point with its fitted clone, or with the ValueError that its fit raised.

    Points share work along `fit_path`. Where a path breaks off, which may be for a point that comes
    later, the next point is fitted alone and the path begins anew behind it.
    """
    path = clone(model).fit_path(samples, points, classes=classes, callbacks=callbacks)
    for place, params in enumerate(points):
        try:
            fitted = next(path)
        except ValueError as error:
            if len(points) == 1:
                yield params, error
                return
            for left in ([params], points[place + 1:]):
                yield from candidates(model, samples, left, classes, callbacks)
            return
        yield params, fitted


def refusals(refused: Sequence[tuple[Mapping[str, Any], ValueError]]) -> str:
    """Say which points were left out and why, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for params, error in refused:
        setting = ", ".join(f"{name}={value}" for name, value in params.items())
        reasons.setdefault(str(error).rstrip("."), []).append(setting)
    return "; ".join(f"left out {' and '.join(settings)}, refused on validation classes: {reason}"
                     for reason, settings in reasons.items())
