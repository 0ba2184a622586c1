"""Selection of the one modality that a model reads, for samples with several."""

from __future__ import annotations

from crossalign.models.base import Array
from crossalign.types import Views


def one_modality(X: Views, name: str | None) -> Views:
    """Return the samples through the modality ``name``, the first by default.

    So it does not matter what other modalities lack. A value that is no `Views`, or a name that is
    no text, comes back unchanged, for `Model._start` to refuse.
    """
    if not isinstance(X, Views) or not isinstance(name, str | None):
        return X
    return X.select(name or X.modalities[0])


def complete_rows(X: Views, modality: str) -> Array:
    """Return the rows ``(n, d)`` of a modality that every sample has, see `complete`."""
    return complete(X, modality)[modality]


def complete(X: Views, modality: str) -> Views:
    """Return the samples, once it is sure that all have a modality.

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
