"""Players: the parts of the network that each of them trains, and their optimizers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from crossalign.sentences import nearest


@dataclass(frozen=True)
class Group:
    """Parts of the network that learn at one rate.

    Parameters
    ----------
    modules : tuple of str
        Dotted names of submodules or of single parameters; ``""`` is the whole network.
    lr : float
        Learning rate.
    """

    modules: tuple[str, ...]
    lr: float

    def __post_init__(self) -> None:
        if isinstance(self.modules, str) or not self.modules:
            raise ValueError(f"modules: got {self.modules!r}; give a non-empty tuple of names, "
                             "as ('encoder',).")
        if not 0 <= self.lr < float("inf"):
            raise ValueError(f"lr: got {self.lr}; give a finite learning rate of at least 0.")


@dataclass(frozen=True)
class Player:
    """A part of the network that one optimizer trains, and how.

    Parameters
    ----------
    name : str
        Name that ``forward`` receives.
    groups : tuple of Group
        Parts of the network to train, with their learning rates.
    optimizer : {"adam", "adamw", "sgd"}
        Optimizer; default ``"adam"``.
    betas : pair of float
        Decay rates of Adam's and AdamW's moments; default (0.9, 0.999).
    eps : float
        Constant added to the denominator of Adam and AdamW; default 1e-8.
    amsgrad : bool
        AMSGrad variant of Adam and AdamW; default False.
    momentum : float
        Momentum of SGD; default 0.
    weight_decay : float
        L2 penalty, default 0; decoupled from the gradient for ``"adamw"``.
    steps : int
        Number of updates per batch, on the same rows with fresh noise; default 1.
    """

    name: str
    groups: tuple[Group, ...]
    optimizer: str = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False
    momentum: float = 0.0
    steps: int = 1

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(f"name: got {self.name!r}; give a player a name without '/'.")
        if not self.groups:
            raise ValueError(f"groups: player {self.name!r} has none; give at least one Group.")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer: got {self.optimizer!r}; "
                             f"{nearest(self.optimizer, OPTIMIZERS)}")
        if self.steps < 1:
            raise ValueError(f"steps: got {self.steps}; give at least 1.")


def player_parameters(network: nn.Module, player: Player) -> list[list[nn.Parameter]]:
    """Return the parameters of every group that can learn; frozen parameters are left out.

    Raises
    ------
    ValueError
        If a name is not in the network, a parameter stands in two groups, or nothing can learn.
    """
    owners: dict[int, str] = {}
    groups = []
    for group in player.groups:
        parameters: dict[int, nn.Parameter] = {}
        for module in group.modules:
            parameters |= {id(p): p for p in _named(network, module) if p.requires_grad}
        _claim(owners, network, parameters.values(), f"a group of player {player.name!r}")
        groups.append(list(parameters.values()))
    if not any(groups):
        raise ValueError(f"players: {player.name!r} has no parameter that can learn; name modules "
                         "with parameters whose requires_grad is True.")
    return groups


def build_optimizer(network: nn.Module, player: Player, *,
                    fused: bool = True) -> torch.optim.Optimizer:
    """Build the optimizer of a player; with ``fused``, one kernel where the device has one.

    Raises
    ------
    ValueError
        See `player_parameters`.
    """
    groups = player_parameters(network, player)
    devices = {p.device.type for group in groups for p in group}
    options = [{"params": parameters, "lr": group.lr}
               for parameters, group in zip(groups, player.groups, strict=True) if parameters]
    build: Callable[..., torch.optim.Optimizer] = OPTIMIZERS[player.optimizer](player)
    return build(options, fused=fused and devices <= {"cpu", "cuda"})


def build_optimizers(network: nn.Module, players: Sequence[Player], *,
                     fused: bool = True) -> dict[str, torch.optim.Optimizer]:
    """Build one optimizer per player, by name.

    Raises
    ------
    ValueError
        As `player_parameters`, if there is no player, or if two share a name or a parameter.
    """
    if not players:
        raise ValueError("players: none given; give at least one Player.")
    owners: dict[int, str] = {}
    optimizers: dict[str, torch.optim.Optimizer] = {}
    for player in players:
        if player.name in optimizers:
            raise ValueError(f"players: two are called {player.name!r}; give each its own name.")
        optimizer = build_optimizer(network, player, fused=fused)
        _claim(owners, network, [p for g in optimizer.param_groups for p in g["params"]],
               f"player {player.name!r}")
        optimizers[player.name] = optimizer
    return optimizers


def _named(network: nn.Module, name: str) -> list[nn.Parameter]:
    """Return the parameters of a submodule, or the one parameter of that name."""
    try:
        return list(network.get_submodule(name).parameters())
    except AttributeError:
        pass
    try:
        return [network.get_parameter(name)]
    except AttributeError:
        children = [child for child, _ in network.named_children()]
        raise ValueError(f"modules: the network has no module {name!r}; its children are "
                         f"{children}, and '' is all of it.") from None


def _claim(owners: dict[int, str], network: nn.Module, parameters: Any, owner: str) -> None:
    """Give parameters to an owner; no parameter may have two."""
    for parameter in parameters:
        other = owners.get(id(parameter))
        if other is not None:
            name = next(n for n, p in network.named_parameters() if p is parameter)
            raise ValueError(f"players: the parameter {name!r} belongs to {other} and to {owner}; "
                             "give it to one of them.")
    owners.update((id(parameter), owner) for parameter in parameters)


def _adam(kind: Callable[..., torch.optim.Optimizer]) -> Callable[[Player], Any]:
    return lambda p: partial(kind, betas=p.betas, eps=p.eps, weight_decay=p.weight_decay,
                             amsgrad=p.amsgrad)


def _sgd(p: Player) -> Any:
    return partial(torch.optim.SGD, momentum=p.momentum, weight_decay=p.weight_decay)


OPTIMIZERS: dict[str, Callable[[Player], Any]] = {
    "adam": _adam(torch.optim.Adam),
    "adamw": _adam(torch.optim.AdamW),
    "sgd": _sgd,
}
"""Functions that build an optimizer from a player, by name."""
