"""Options about data as those of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, get_type_hints

from crossalign.data_options import DataOptions


def takes_data(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options about data, but for those ``without``, as one ``options``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        parameters = inspect.signature(command).parameters.values()
        own = [p.replace(annotation=hints[p.name]) for p in parameters if p.name != "options"]
        words = get_type_hints(DataOptions, include_extras=True)
        more = [inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default,
                                  annotation=words[f.name])
                for f in fields(DataOptions) if f.name not in without]

        @wraps(command)
        def run(**given: Any) -> None:
            command(options=DataOptions(**{p.name: given.pop(p.name) for p in more}), **given)

        run.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in (*own, *more)}
        return run

    return decorate
