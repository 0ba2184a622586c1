"""Loss terms summed on the device during an epoch and read once at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor


class DivergedError(ValueError):
    """A loss term or a weight became NaN or infinite.

    Attributes
    ----------
    term : str
        The loss term, or the parameter's name.
    epoch : int
        Counted from 0.
    """

    def __init__(self, term: str, epoch: int, what: str) -> None:
        super().__init__(f"losses: {what} in epoch {epoch}; lower the learning rate, limit "
                         "gradients with clip, or look for extreme values in the data.")
        self.term = term
        self.epoch = epoch


class Meter:
    """Running sums of one player's loss terms; adding waits for nothing.

    Parameters
    ----------
    prefix : str
        Put before the names of the terms.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.names: tuple[str, ...] = ()
        self.total = torch.zeros(0)
        self.count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the terms of one step.

        Raises
        ------
        ValueError
            If they are not 0-d tensors with one called ``"loss"``, or their names change.
        """
        if tuple(losses) != self.names:
            self._begin(losses)
        self.total += torch.stack([value.detach() for value in losses.values()])
        self.count += 1

    def _begin(self, losses: Mapping[str, Tensor]) -> None:
        if self.count:
            raise ValueError(f"forward: returned the terms {list(losses)} after "
                             f"{list(self.names)}; return the same terms in every step.")
        check_losses(losses)
        self.names = tuple(losses)
        self.total = torch.zeros(len(losses), dtype=torch.float64, device=losses["loss"].device)

    def mean(self) -> Tensor:
        """Means of the terms since the start, on the device."""
        return self.total / self.count


def check_losses(losses: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless these are 0-d tensors with one called ``"loss"``."""
    if not isinstance(losses, Mapping) or "loss" not in losses:
        raise ValueError(f"forward: returned {_kind(losses)}; return a dict of scalar losses with "
                         "the key 'loss'.")
    for name, value in losses.items():
        if not isinstance(value, Tensor) or value.ndim != 0:
            raise ValueError(f"forward: the term {name!r} is {_kind(value)}; return its mean over "
                             "the batch as a 0-d tensor.")


def check_finite(losses: Mapping[str, float], epoch: int) -> None:
    """Raise DivergedError naming the first term that is NaN or infinite.

    The minimised sum is named only if no other term is to blame.
    """
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    bad.sort(key=lambda name: name.split("/")[-1] == "loss")
    if bad:
        raise DivergedError(bad[0], epoch, f"the term {bad[0]!r} became {losses[bad[0]]}")


def read_meters(meters: Sequence[Meter], extra: Tensor,
                reduce: Callable[[Tensor], Tensor]) -> tuple[dict[str, float], float]:
    """Mean losses by name, and a number ``extra`` (0-d), in one transfer to the host.

    ``reduce`` averages over ranks.
    """
    stacked = torch.cat([*(meter.mean() for meter in meters), extra.double().view(1)])
    values = reduce(stacked).tolist()
    names = [meter.prefix + name for meter in meters for name in meter.names]
    return dict(zip(names, values, strict=False)), values[-1]


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict with the keys {list(value)}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
