"""Values from YAML in the form of a hyper-parameter's default, checked by the model."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from numbers import Real
from typing import Any

from crossalign import models
from crossalign.sentences import nearest, short


def suited(path: str, value: Any, default: Any) -> Any:
    """Convert a value to the form of the default: a number to a float, a list to a tuple.

    Parameters
    ----------
    path : str
        Name of the value in the error sentence, such as ``"params.kl"``.
    value : any
        Value as it was read.
    default : any
        Default of the hyper-parameter.

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
    """Convert hyper-parameters to the form of an estimator's defaults, checked by its ranges.

    Parameters
    ----------
    path : str
        Prefix of the parameter in the error sentence, such as ``"recipe 'mine.yaml': params."``.
    given : mapping
        Values as they were read.
    estimator : Model
        Estimator with the defaults; it is not changed.
    among : mapping, optional
        Other parameters that hold at the same time; default none.

    Raises
    ------
    ValueError
        For a parameter that it does not have, or a value that it does not take, in its own words.
    """
    from sklearn.base import clone

    from crossalign.nested import outer

    before = clone(estimator).set_params(**(among or {})).get_params()
    trial = clone(estimator).set_params(**(among or {}))
    with suppress(ValueError):  # of a head that there is not, which is said below
        trial.set_params(**{key: given[key] for key in outer(given) if key in before})
    known = {key: before.get(key, value) for key, value in trial.get_params().items()}
    for key in given:
        if key not in known and key.partition("__")[0] == "head":
            raise ValueError(f"{path.rstrip('. ')}: {estimator.cli_name} has no parameter "
                             f"{short(key)}, as it scores classes in one way here; leave it out, "
                             "or in Python give the head to tasks.ZeroShot.")
        if key not in known:
            raise ValueError(f"{path.rstrip('. ')}: {estimator.cli_name} has no parameter "
                             f"{short(key)}; "
                             f"{nearest(key, known, listed_by=_lists(estimator.cli_name))}")
    found = {key: suited(f"{path}{key}", value, known[key]) for key, value in given.items()}
    try:
        clone(estimator).set_params(**{**(among or {}), **found})._validate_params()
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None
    return found


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _lists(name: str) -> str | None:
    """Return the command that lists the parameters of a model; None of one that is not built in."""
    return f"{models.LISTED_BY} {name}" if name in models.names() else None
