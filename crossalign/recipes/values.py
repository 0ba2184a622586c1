"""A value out of YAML in the form that a hyper-parameter's default has, once the model takes it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from crossalign.sentences import nearest, short


def suited(path: str, value: Any, default: Any) -> Any:
    """The value as the default has it: a number as a float, a list as a tuple.

    Parameters
    ----------
    path : str
        What the sentence names, as ``"params.kl"``.
    value, default : any

    Raises
    ------
    ValueError
        For a number beyond those of a float.
    """
    if isinstance(default, float) and isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{path}: got {short(value)}; give a smaller number.") from None
    return _tuples(value)


def taken(path: str, given: Mapping[str, Any], estimator: Any,
          among: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Hyper-parameters in the form of an estimator's defaults, once its ranges hold them.

    Parameters
    ----------
    path : str
        What the sentence names before the parameter, as ``"recipe 'mine.yaml': params."``.
    given : mapping
        Values as they were read.
    estimator : Model
        Is not changed.
    among : mapping, optional
        Other parameters that hold at the same time.

    Raises
    ------
    ValueError
        For a parameter that it does not have, or a value that it does not take, in its own words.
    """
    from sklearn.base import clone

    known = estimator.get_params()
    for key in given:
        if key not in known:
            raise ValueError(f"{path.rstrip('. ')}: {estimator.cli_name} has no parameter "
                             f"{short(key)}; {nearest(key, known)}")
    found = {key: suited(f"{path}{key}", value, known[key]) for key, value in given.items()}
    try:
        clone(estimator).set_params(**{**(among or {}), **found})._validate_params()
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None
    return found


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
