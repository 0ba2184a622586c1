"""Loss meters: terms summed on the device during an epoch and read once at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor


class DivergedError(ValueError):
    """Error raised when a loss term or a weight became NaN or infinite.

    Attributes
    ----------
    term : str
        Name of the loss term or of the parameter.
    epoch : int
        Epoch of the first bad value, counted from 0.
    learned : bool
        Whether a step had been taken before.
    """

    def __init__(self, term: str, epoch: int, what: str, learned: bool = True) -> None:
        advice = ("lower the learning rate, limit gradients with clip, or look for extreme values "
                  "in the data" if learned else "look for extreme values in the data, as nothing "
                  "was learned before, or leave the term out")
        when = f"in epoch {epoch}" if learned else "in the first step"
        super().__init__(f"losses: {what} {when}; {advice}.")
        self.term = term
        self.epoch = epoch
        self.learned = learned


class LossMeter:
    """Running sums of one player's loss terms; adding does not wait for the device.

    Parameters
    ----------
    prefix : str
        Prefix of the names of the terms; default none.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.names: tuple[str, ...] = ()
        self.total = self.healthy = torch.zeros(0)
        self.count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the terms of one step.

        Raises
        ------
        ValueError
            If they are not 0-d tensors with one called ``"loss"``, or their names change.
        """
        if not isinstance(losses, Mapping) or tuple(losses) != self.names:
            self._begin(losses)
        self.total += torch.stack([value.detach() for value in losses.values()])
        self.healthy += self.total.isfinite()  # a sum stays bad once it is
        self.count += 1

    def _begin(self, losses: Mapping[str, Tensor]) -> None:
        check_losses(losses)
        if self.count:
            raise ValueError(f"forward: returned the terms {list(losses)} after "
                             f"{list(self.names)}; return the same terms in every step.")
        self.names = tuple(losses)
        self.total = torch.zeros(len(losses), dtype=torch.float64, device=losses["loss"].device)
        self.healthy = torch.zeros_like(self.total)

    def read(self) -> Tensor:
        """Return ``(2, terms)``: mean losses, and the share of steps until a term went bad."""
        return torch.stack([self.total, self.healthy]) / self.count


def check_losses(losses: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless these are 0-d tensors with one called ``"loss"``."""
    if not isinstance(losses, Mapping) or "loss" not in losses:
        raise ValueError(f"forward: returned {_kind(losses)}; return a dict of scalar losses with "
                         "the key 'loss'.")
    for name, value in losses.items():
        if not isinstance(value, Tensor) or value.ndim != 0:
            raise ValueError(f"forward: the term {name!r} is {_kind(value)}; return its mean over "
                             "the batch as a 0-d tensor.")


def read_meters(meters: Sequence[LossMeter], epoch: int, extra: Tensor,
                reduce: Callable[[Tensor], Tensor]) -> tuple[dict[str, float], float]:
    """Return mean losses by name, and the number ``extra`` (0-d), in one transfer to the host.

    ``reduce`` averages over ranks.

    Raises
    ------
    DivergedError
        Naming the term that was first to be NaN or infinite; the minimised sum only if no other
        was as early.
    """
    table = torch.cat([meter.read() for meter in meters], dim=1)  # (2, terms of all players)
    numbers = reduce(torch.cat([table.flatten(), extra.double().view(1)])).tolist()
    names = [meter.prefix + name for meter in meters for name in meter.names]
    losses = dict(zip(names, numbers, strict=False))
    healthy = dict(zip(names, numbers[len(names):], strict=False))
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if bad:
        first = min(bad, key=lambda name: (healthy[name], name.split("/")[-1] == "loss"))
        raise DivergedError(first, epoch, f"the term {first!r} became NaN or infinite",
                            learned=epoch > 0 or healthy[first] > 0)
    return losses, numbers[-1]


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict with the keys {list(value)}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
