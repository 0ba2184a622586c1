"""Ranges of parameters, which every model declares, and the error for a value outside.

They hold wherever a value comes from: a constructor, a recipe, the command line, a saved model.
Sizes have an upper end, because memory has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
    make_constraint,
)

from crossalign.sentences import short

SIZE = Interval(Integral, 1, 2**16, closed="both")
"""Range of widths and of numbers of components, heads or draws."""
COUNT = Interval(Integral, 1, 10**9, closed="both")
"""Range of numbers of epochs."""
BATCH = Interval(Integral, 2, 10**9, closed="both")
SEED = Interval(Integral, 0, 2**32 - 1, closed="both")
WEIGHT = Interval(Real, 0, None, closed="left")
"""Range of the weight of a loss term."""
RATE = Interval(Real, 0, None, closed="neither")
"""Range of learning rates, ridges and widths of kernels."""
NUMBER = Interval(Real, None, None, closed="both")
"""Any number, infinities too."""
SHARE = Interval(Real, 0, 1, closed="both")
EXPONENT = Interval(Real, -30, 30, closed="both")
"""Range of exponents of ten."""


class Each:
    """A list whose items all satisfy one of some constraints.

    Parameters
    ----------
    allowed : constraints of one item, each as scikit-learn has them, or `Each`
    length : int or ints, optional
        Number of items, or the numbers that there may be; by default any number from 1.
    """

    hidden = False

    def __init__(self, *allowed: Any, length: int | Sequence[int] = ()) -> None:
        self.allowed = allowed
        self.lengths = (length,) if isinstance(length, int) else tuple(length)

    def is_satisfied_by(self, value: Any) -> bool:
        """Return True if the value is such a list."""
        return (isinstance(value, list | tuple) and len(value) > 0
                and (not self.lengths or len(value) in self.lengths)
                and all(satisfies(item, self.allowed) for item in value))

    def __str__(self) -> str:
        count = f"{' or '.join(map(str, self.lengths))} items, " if self.lengths else ""
        return f"a list of {count}each {wanted(self.allowed)}"


class Having:
    """An object with one of some methods; a class is none yet.

    Parameters
    ----------
    methods : str
        Names of the methods.
    words : str
        Noun phrase that a complaint calls such an object by.
    """

    hidden = False

    def __init__(self, *methods: str, words: str) -> None:
        self.methods = methods
        self.words = words

    def is_satisfied_by(self, value: Any) -> bool:
        """Return True if the value is such an object."""
        return not isinstance(value, type) and any(hasattr(value, m) for m in self.methods)

    def __str__(self) -> str:
        return self.words


def check_parameters(model: Any) -> None:
    """Raise ValueError for the first parameter outside of the range that its model declares."""
    check_values(model.get_params(deep=False), model._parameter_constraints,
                 lambda: type(model)().get_params(deep=False))
    for name in model.parts:
        part = model.make_part(name, getattr(model, name))
        if part is not None:
            ranges = {f"{name}__{key}": allowed
                      for key, allowed in part._parameter_constraints.items()}
            check_values({f"{name}__{key}": value for key, value in part.get_params().items()},
                         ranges)


def check_values(given: Mapping[str, Any], ranges: Mapping[str, Sequence[Any]],
                 defaults: Callable[[], Mapping[str, Any]] = dict) -> None:
    """Raise ValueError for the first value outside of the range of its name.

    ``defaults()`` gives values to show as examples, where these are lists.
    """
    for name, value in given.items():
        allowed = ranges.get(name)
        if allowed is None or satisfies(value, allowed):
            continue
        usual = defaults().get(name)
        example = f", as {as_lists(usual)!r}" if isinstance(usual, tuple) else ""
        raise InvalidParameterError(f"{name}: got {short(as_lists(value))}; give "
                                    f"{wanted(allowed)}{example}.")


def satisfies(value: Any, allowed: Sequence[Any]) -> bool:
    """Return True if one of the constraints holds; true and false are no numbers."""
    return any(constraint.is_satisfied_by(value) for constraint in map(_constraint, allowed)
               if not (isinstance(value, bool) and isinstance(constraint, Interval)))


def wanted(allowed: Sequence[Any]) -> str:
    """Return the constraints in words."""
    return " or ".join(
        f"one of {sorted(c.options)}" if isinstance(c, StrOptions) else WORDS.get(str(c), str(c))
        for c in map(_constraint, allowed) if not c.hidden)


WORDS = {str(make_constraint("boolean")): "true or false",
         "None": "None (null in a recipe or after --set)"}
"""Constraints that are said in other words than scikit-learn's."""


def as_lists(value: Any) -> Any:
    """Turn tuples into lists, at every depth."""
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _constraint(allowed: Any) -> Any:
    return allowed if isinstance(allowed, Each | Having) else make_constraint(allowed)
