"""Input that a task reads of a sample. It imports nothing, for lists of what there is."""

from typing import Final, Literal, get_args

Inputs = Literal["codes", "features", "both"]
"""Input that a task reads of a sample: its code, the features that the model reads, or both."""
INPUTS: tuple[str, ...] = get_args(Inputs)
CODES: Final = "codes"
FEATURES: Final = "features"
"""Inputs that are read alone."""
