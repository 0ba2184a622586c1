"""Checks of the learned values in ``model.json``: names and types, held against the model's class.

A folder may have been edited or made up, so nothing in it is set on a model before three checks: a
name is that of a learned attribute, a value has the type that the model works with, and a network
has the shapes of the weights that came along.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from crossalign.memory import available_memory, gigabytes
from crossalign.sentences import short

Size = Annotated[int, Field(ge=1, le=2**40)]
Count = Annotated[int, Field(ge=0, le=2**40)]
Number = Annotated[float, Field(allow_inf_nan=True)]
Label = bool | int | float | str


LEARNED: dict[str, Any] = {
    "widths_": dict[str, Size], "modalities_": list[str], "modality_": str, "preset_": str,
    "names_": list[str], "source_": str, "target_": str, "n_classes_": Count, "n_labels_": Count,
    "n_features_in_": Size, "history_": dict[str, list[Number]], "selected_epoch_": Count | None,
    "backbone_configs_": dict[str, dict[str, Any]], "pseudo_labels_": str,
    "leaks_": dict[str, bool | None], "tokens_": dict[str, Size] | list[str],
    "ranks_": list[Count], "n_pairs_": Count, "n_components_": Count, "n_perfect_": Count,
    "n_spurious_expected_": Number, "cmae_": Number, "normalised_cmae_": Number,
    "holdout_cmae_": Number | None, "holdout_normalised_cmae_": Number | None,
    "trained_on_": dict[str, Any],
    "classes_": list[Label] | dict[Literal["dtype", "values"], str | list[Label]],
    "described_": bool, "feature_names_in_": list[str],
    "columns_": dict[str, list[str]]}
"""Type of every learned attribute that JSON holds; arrays are elsewhere."""


def checked_values(model: Any, values: Any) -> dict[str, Any]:
    """Return the learned values of a record, once every name and type is right.

    Raises
    ------
    ValueError
        Naming the attribute, its value and what it should be.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"attributes is {short(values)} and should be a mapping")
    for name, value in values.items():
        check_name(model, name)
        if name in LEARNED:
            try:
                TypeAdapter(LEARNED[name]).validate_json(json.dumps(value), strict=True)
            except ValidationError as error:
                why = error.errors(include_url=False, include_context=False)[0]["msg"].lower()
                raise ValueError(f"{name} is {short(value)}: {why}") from None
    return dict(values)


def check_name(model: Any, name: str) -> None:
    """Raise ValueError unless a name is that of a learned attribute, and not of a method."""
    if not name.isidentifier() or not name.endswith("_") or name.startswith("_") \
            or hasattr(type(model), name):
        raise ValueError(f"{short(name)} is no learned attribute of {type(model).__name__}")


def try_out(model: Any) -> None:
    """Let a model read two rows of every modality; raise an error if it lacks or cannot use
    something.
    """
    from crossalign.models.roles import Aligner
    from crossalign.types import Views

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        rows = made_up(model)
        if isinstance(model, Aligner):
            for modality, row in rows.items():
                if len(model.embed(row, modality)) != len(row):
                    raise ValueError(f"it does not give a row for each of {modality!r}")
        else:
            samples = {m: row for m, row in rows.items() if m in model.views}
            model.decision_function(Views(samples))


def made_up(model: Any) -> dict[str, Any]:
    """Return two rows of ones of every modality of a fitted model that no backbone reads."""
    tokens = getattr(model, "tokens_", ())
    return {m: np.ones((2, 1, width) if m in tokens else (2, width), np.float32)
            for m, width in model.widths_.items()
            if m not in getattr(model, "backbone_configs_", ())}


def check_network(model: Any, arrays: Mapping[str, Any] | None = None) -> None:
    """Raise ValueError if a model's network does not fit its weights or the memory.

    The network is built without memory first. ``arrays`` are the weights by the names of its state;
    before a training there are none, and gradients and averages need room as well.
    """
    import torch

    draft = copy(model)
    with torch.device("meta"):
        draft._restore()
    expected = {name: tuple(tensor.shape) for name, tensor in draft.network_.state_dict().items()}
    if arrays is not None:
        there = {name: tuple(array.shape) for name, array in arrays.items()}
        wrong = sorted(name for name in {*expected, *there}
                       if expected.get(name) != there.get(name))
        if wrong:
            raise ValueError(f"the weights {wrong[0]!r} have the shape {there.get(wrong[0])} and "
                             f"the network {expected.get(wrong[0])}")
        return
    size = 16 * sum(tensor.numel() for tensor in draft.network_.parameters())
    free = available_memory()
    if free is not None and size > free:
        raise ValueError(f"network: of these sizes it takes {gigabytes(size)} of memory in "
                         f"training and {gigabytes(free)} are free; give smaller ones, as latent "
                         "or hidden.")
