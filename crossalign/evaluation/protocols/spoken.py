"""Options of the tasks about words said of samples: what is read, passes and seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from crossalign.tasks.inputs import INPUTS, Inputs


@dataclass(frozen=True)
class Spoken:
    """Options of the tasks in which a network over a fitted model learns to say words.

    Parameters
    ----------
    inputs : {"codes", "features", "both"}
        Input that is read of a sample; default codes.
    epochs : int, optional
        Number of passes of that network over what it learns.
    seed : int, optional
        Seed of that network; default that of the run, and outside of runs that of the model.

    Raises
    ------
    ValueError
        If there is no such input, or ``epochs`` is not a number from 1.
    """

    inputs: Inputs = "codes"
    epochs: int | None = None
    seed: int | None = None

    name: ClassVar[str]

    def __post_init__(self) -> None:
        if self.inputs not in INPUTS:
            raise ValueError(f"inputs: got {self.inputs!r} for {self.name}; give codes, features "
                             "or both.")
        if self.epochs is not None and (not isinstance(self.epochs, int) or self.epochs < 1):
            raise ValueError(f"epochs: got {self.epochs!r} for {self.name}; give a number of at "
                             "least 1.")

    def seeded(self, seed: int) -> Self:
        """Return the task with a network of this seed, unless it has one of its own."""
        return self if self.seed is not None else replace(self, seed=seed)

    def seed_for(self, fitted: Any) -> int:
        """Return the seed of the network over a fitted model."""
        own = getattr(fitted, "random_state", None) if self.seed is None else self.seed
        return 0 if own is None else int(own)
