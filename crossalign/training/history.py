"""History of training: losses and scores per epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """Losses and scores of a run; `to_dict` gives JSON-able values.

    Attributes
    ----------
    losses : mapping of name to one mean per epoch
        Mean losses; with several players the names are ``player/term``.
    scores : mapping of name to one value per validation
        Validation scores.
    score_epochs : mapping of score name to epochs
        Epochs at which the score was measured.
    selected_epoch : int, optional
        The epoch, counted from 0, whose weights were kept; None if those of the last epoch were.
    seconds : float
        Training time in seconds, callbacks included, over all resumed parts.
    """

    losses: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    score_epochs: dict[str, list[int]] = field(default_factory=dict)
    selected_epoch: int | None = None
    seconds: float = 0.0

    def add_losses(self, losses: Mapping[str, float]) -> None:
        """Append the losses of one more epoch."""
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)

    def add_scores(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Append scores measured after an epoch."""
        for name, value in scores.items():
            self.scores.setdefault(name, []).append(float(value))
            self.score_epochs.setdefault(name, []).append(epoch)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> History:
        """Build a history from the values of `to_dict`."""
        return cls(**values)
