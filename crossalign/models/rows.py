"""Rows that a model is given, held against its kinds and against the rows of training."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError

from crossalign.arrays import column_names, float32, refuse_masked, refuse_sparse
from crossalign.arrays import unit_rows as unit_rows
from crossalign.sentences import short
from crossalign.types import KINDS, Views

if TYPE_CHECKING:
    from crossalign.models.base import Model

Array = npt.NDArray[Any]

UNREAD = {
    "vectors": "choose a model that handles vectors",
    "tokens": "pool the tokens, as load(..., pool='flat') does, or choose a model that handles "
              "them",
    "frames": "pool the frames, as preprocessing.pooling does, or give them as tokens, "
              "x.reshape(n, f * t, d)",
    "images": "encode the images first, as encoders.PretrainedPictures does",
    "ids": "encode the texts first, as encoders.PretrainedTexts does"}
"""Fixes for a kind that a model does not read."""


def check_kinds(X: Views, model: Model) -> None:
    """Raise ValueError if a modality is of a kind that the model does not read."""
    for name in X.modalities:
        kind = X.kind(name)
        if kind not in model.reads:
            known = " and ".join(KINDS[k] for k in model.reads)
            raise ValueError(f"X: {name!r} holds {KINDS[kind]}, and {type(model).__name__} reads "
                             f"{known}; {UNREAD[kind]}.")


def check_present(X: Views, model: Model) -> None:
    """Raise ValueError if training samples lack a modality that the model cannot do without."""
    for name, present in X.present.items():
        if not model.handles_missing and not present.all():
            raise ValueError(f"X: {int((~present).sum())} samples lack {name!r}, which "
                             f"{type(model).__name__} cannot fill in; drop those samples or choose "
                             "a model that handles missing modalities.")


def check_fitted(model: object, attribute: str) -> None:
    """Raise NotFittedError unless the model has the learned attribute."""
    if not hasattr(model, attribute):
        raise NotFittedError(f"{type(model).__name__} is not fitted yet; call fit first.")


def check_columns(x: Any, modality: str, model: object) -> None:
    """Raise ValueError if a modality's columns have other names, or another order, than in
    training.

    Arrays have no names, and go by position.
    """
    given = x.column_names.get(modality, []) if isinstance(x, Views) else column_names(x)
    trained = getattr(model, "columns_", {}).get(modality, [])
    if len(given) != len(trained):
        return
    for c, (here, there) in enumerate(zip(given, trained, strict=True)):
        if here != there:
            raise ValueError(f"x: column {c} of {modality!r} is {here!r}, and {there!r} in "
                             "training; give the columns of training in their order, or an array, "
                             "as frame.to_numpy() is, to go by position.")


def check_rows(x: npt.ArrayLike, modality: str, widths: Mapping[str, int], *,
               tokens: bool = False) -> Array:
    """Return finite float32 rows ``(n, d)`` of a known modality; with ``tokens`` also ``(n, t,
    d)``.

    Raises
    ------
    ValueError
        For an unknown modality, another width, NaN or infinity.
    """
    if modality not in widths:
        raise ValueError(f"modality: got {modality!r}; the model knows {list(widths)}.")
    rows = float32(x, f"x: {modality!r}")
    if rows.ndim not in ((2, 3) if tokens else (2,)) or rows.shape[-1] != widths[modality]:
        raise ValueError(f"x: shape {rows.shape} for {modality!r}; "
                         f"give (n, {widths[modality]}), the width of training.")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1))[0])
        raise ValueError(f"x: row {bad} of {modality!r} holds NaN or infinity in float32; repair "
                         "or drop it.")
    return rows


def check_table(x: Any, name: str) -> None:
    """Raise ValueError unless one array or data frame is a table ``(n, d)`` of finite numbers.

    The words in brackets and capitals are those that scikit-learn's checks of estimators look for.
    """
    refuse_masked(x, name)
    refuse_sparse(x, name)
    try:
        values = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name}: rows of several lengths; give rows of one width.") from None
    if values.ndim == 0:
        raise ValueError(f"{name}: got {short(x)}; give an array (n, d).")
    if values.ndim != 2:
        raise ValueError(f"{name}: shape {values.shape}, and (n, d) is read: Reshape your data, as "
                         f"x.reshape({'1' if values.ndim == 1 else 'len(x)'}, -1) does.")
    for count, what in zip(values.shape, ("sample", "feature"), strict=True):
        if count == 0:
            raise ValueError(f"{name}: 0 {what}(s) (shape={values.shape}) while a minimum of 1 is "
                             f"required; give {what}s.")
    if values.dtype.kind == "c":
        raise ValueError(f"{name}: Complex data not supported; give real numbers, as x.real is.")
    if hasattr(x, "isna"):                        # marks of missing numbers in a data frame
        _refuse_bad(np.asarray(x.isna()), name)
    with suppress(TypeError):                     # of objects, which scikit-learn names itself
        _check_finite(values, name)


def _check_finite(values: Array, name: str) -> None:
    """Raise ValueError if text is not of numbers, or a row holds NaN or infinity."""
    if values.dtype.kind in "OSU":
        try:
            values = values.astype(np.float64)
        except ValueError as error:
            raise ValueError(f"{name}: not an array of numbers ({error}); encode raw items "
                             "first.") from None
    _refuse_bad(~np.isfinite(values), name)


def _refuse_bad(bad: Array, name: str) -> None:
    """Raise ValueError if a number ``(n, d)`` is bad, with the first row that holds one."""
    if bad.any():
        row = int(bad.any(axis=1).argmax())
        raise ValueError(f"{name}: row {row} holds NaN or infinity; repair or drop it.")
