"""Nested parameters: estimators whose parameters are estimators, or groups of parameters.

A parameter ``head`` may be given as a name, as ``"softmax"``, or as an estimator, as
``Softmax(epochs=10)``. Either way ``head__epochs`` is one of the parameters, as in scikit-learn:
`set_params`, the command line and recipes take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator, clone


class Part(BaseEstimator):  # type: ignore[misc]
    """Base of what a nested parameter holds.

    Parts with equal parameters are equal. With default parameters a part equals its name, too.

    Class attributes
    ----------------
    name : str or None
        Name that stands for a part with default parameters; None where there is one kind only.
    """

    name: ClassVar[str | None] = None
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Part):
            return type(other) is type(self) and other.get_params() == self.get_params()
        return other == self.name and type(self)() == self

    def __hash__(self) -> int:
        return hash(self.name) if self == self.name else hash((type(self), repr(self)))


class Nested(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators with nested parameters.

    Class attributes
    ----------------
    parts : tuple of str
        Names of the nested parameters.
    """

    parts: ClassVar[tuple[str, ...]] = ()

    def make_part(self, name: str, value: Any) -> Part | None:
        """Return the part that a value of a nested parameter stands for, None if there is none.

        Raises
        ------
        ValueError
            If the value stands for no part.
        """
        return value if isinstance(value, Part) else None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep`` also those of parts, as ``head__epochs``."""
        params: dict[str, Any] = super().get_params(deep)
        for name in self.parts if deep else ():
            with suppress(ValueError):
                part = self.make_part(name, params[name])
                if part is not None:
                    params |= {f"{name}__{key}": value for key, value in part.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; one of a part is set in a copy of the part, default ones give its name.

        Raises
        ------
        ValueError
            If there is no such parameter, or a nested one stands for no part.
        """
        inside = [name for name in self.parts if any(k.startswith(f"{name}__") for k in params)]
        for name in inside:
            part = self.make_part(name, params.get(name, getattr(self, name)))
            params = {**params, name: clone(part)}
        super().set_params(**dict(sorted(params.items(), key=lambda p: "__" in p[0])))
        for name in inside:
            part = getattr(self, name)
            if part == part.name:
                setattr(self, name, part.name)
        return self

    def plain_params(self) -> dict[str, Any]:
        """Return all parameters without estimators: a part by its name, and what it holds.

        `set_params` takes them and gives an equal estimator.
        """
        return {key: value.name if isinstance(value, Part) else value
                for key, value in self.get_params().items()}


def outer(params: Mapping[str, Any]) -> list[str]:
    """Return the names of parameters that are not those of a part."""
    return [name for name in params if "__" not in name]


def without(params: dict[str, Any], name: str) -> dict[str, Any]:
    """Return parameters without a nested one and all that it holds."""
    return {key: value for key, value in params.items() if key.partition("__")[0] != name}
