"""The one modality that a model reads where samples have several."""

from __future__ import annotations

from crossalign.models.base import Array
from crossalign.types import Views


def one_modality(X: Views, wanted: str | None) -> Views:
    """The samples through the modality ``wanted``, the first by default.

    So it does not matter what other modalities lack. What is no `Views`, or not asked for by a
    name, comes back as it is, for `Model._start` to refuse.
    """
    if not isinstance(X, Views) or not isinstance(wanted, str | None):
        return X
    return X.select(wanted or X.modalities[0])


def complete_rows(X: Views, modality: str) -> Array:
    """Rows ``(n, d)`` of a modality that every sample has, see `complete`."""
    return complete(X, modality)[modality]


def complete(X: Views, modality: str) -> Views:
    """The samples, once it is sure that all have a modality.

    Raises
    ------
    ValueError
        If samples lack it.
    """
    missing = int((~X.has(modality)).sum())
    if missing:
        raise ValueError(f"X: {missing} samples lack {modality!r}, by which they are told apart; "
                         f"leave them out, as X.having({modality!r}) does.")
    return X
