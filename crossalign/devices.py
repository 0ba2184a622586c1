"""Devices for networks: a GPU if there is one, unless told otherwise."""

from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda")


def find_device(device: str) -> torch.device:
    """Return the device that a word of `DEVICES` stands for on this machine.

    A GPU is the current one, so that callers choose it with CUDA_VISIBLE_DEVICES or set_device.

    Raises
    ------
    ValueError
        For another word, or a GPU that is not there.
    """
    if device not in DEVICES:
        raise ValueError(f"device: got {device!r}; choose one of {list(DEVICES)}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: got 'cuda' and torch finds no GPU; use device='cpu'.")
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def device_here(device: str) -> torch.device:
    """Return the device of what was saved with such a word: as `find_device`, or the CPU if it asks
    for a GPU that is not here.
    """
    return find_device(device if torch.cuda.is_available() else "cpu")
