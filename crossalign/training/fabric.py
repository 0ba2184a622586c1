"""Lightning Fabric: device, precision, ranks. It is imported only when a run starts."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

from crossalign.devices import find_device
from crossalign.sentences import nearest

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def make_fabric(device: str, devices: int, precision: str) -> Any:
    """Return a launched Fabric for this process, which is one of ``devices`` ranks.

    Raises
    ------
    ValueError
        For an unknown device or precision, a missing GPU, or several devices in a process that
        was not started as one of several ranks.
    """
    place = find_device(device)
    if precision not in PRECISIONS:
        raise ValueError(f"precision: got {precision!r}; {nearest(precision, PRECISIONS)}")
    if precision == "16-mixed" and place.type == "cpu":
        raise ValueError("precision: '16-mixed' needs a GPU; use 'bf16-mixed' or '32-true'.")
    if devices < 1:
        raise ValueError(f"devices: got {devices}; give at least 1.")
    if devices > 1 and "LOCAL_RANK" not in os.environ:
        raise ValueError(f"devices: {devices} asked of a process that is not one of several ranks; "
                         f"start the script with `torchrun --nproc-per-node {devices}`, or pass "
                         "fabric.")
    with quiet():
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
        from lightning_fabric.strategies.single_device import SingleDeviceStrategy

        strategy: Any
        if devices > 1:
            # a term that is switched off, or another player's turn, leaves parameters unused
            strategy = DDPStrategy(find_unused_parameters=True)
        else:
            strategy = SingleDeviceStrategy(place)
        fabric = Fabric(accelerator=place.type, devices=devices, strategy=strategy,
                        precision=cast(Any, precision))
        fabric.launch()
    return fabric


@contextmanager
def quiet() -> Iterator[None]:
    """Silence remarks of Fabric about unused hardware; errors still come through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("lightning_fabric")  # on import it sets the level of its logger
        logger = logging.getLogger("lightning_fabric")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def quiet_reducer() -> Iterator[None]:
    """Silence the warning, in every step of several ranks, that no parameter was unused."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        yield
