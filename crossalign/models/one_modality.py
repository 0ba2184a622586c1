"""Selection of the one modality that a model reads, for samples with several."""

from __future__ import annotations

from crossalign.types import Views


def complete(X: Views, modality: str) -> Views:
    """Return the samples, once it is sure that all have a modality.

    Raises
    ------
    ValueError
        If samples lack it.
    """
    missing = int((~X.has(modality)).sum())
    if missing:
        raise ValueError(f"X: {missing} samples lack {modality!r}; leave them out, as "
                         f"X.having({modality!r}) does.")
    return X
