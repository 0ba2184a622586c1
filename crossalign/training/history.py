"""What training leaves behind: losses and scores per epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """Numbers of a run; `to_dict` of it is JSON.

    Attributes
    ----------
    losses : mapping of name to one mean per epoch
        With several players the names are ``player/term``.
    scores : mapping of name to one value per validation
    score_epochs : mapping of score name to the epochs at which it was measured
    selected_epoch : int, optional
        The epoch, counted from 0, whose weights were kept; None where the last one's were.
    seconds : float
        Training time, callbacks included, over all resumed parts.
    """

    losses: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    score_epochs: dict[str, list[int]] = field(default_factory=dict)
    selected_epoch: int | None = None
    seconds: float = 0.0

    def add_losses(self, losses: Mapping[str, float]) -> None:
        """One more epoch."""
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)

    def add_scores(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Scores measured after an epoch."""
        for name, value in scores.items():
            self.scores.setdefault(name, []).append(float(value))
            self.score_epochs.setdefault(name, []).append(epoch)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> History:
        """Inverse of `to_dict`."""
        return cls(**values)
