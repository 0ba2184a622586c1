"""A small step runs on one thread, whatever the machine and the caller's settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from crossalign.training import Group, Player, Shuffle, train
from crossalign.training.threads import few_threads, step_threads
from crossalign.types import Views


@pytest.fixture(autouse=True)
def _several_threads(monkeypatch):
    """As on a machine of several cores whose user set nothing."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


class Watching(nn.Module):
    """Notes the threads of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.threads: list[int] = []

    def forward(self, batch, player):
        self.threads.append(torch.get_num_threads())
        return {"loss": self.linear(batch.views["x"]).square().mean()}


def _train(network, epochs=2):
    rows = np.random.default_rng(0).normal(size=(8, 2))
    return train(network, Views({"x": rows}), players=[Player("all", (Group(("",), 0.1),))],
                 epochs=epochs, sampler=Shuffle(4), device="cpu")


@pytest.mark.parametrize(("parameters", "rows", "available", "threads"), [
    (476_000, 64, 2, 1),          # LCALE on a few columns
    (2_660_000, 50, 16, 1),       # ACMR on 2,048 features, the authors' batch
    (2_660_000, 512, 16, 2),      # the same with a large batch: 8e9 operations
    (99_900_000, 64, 2, 2),       # LCALE on wide features
    (99_900_000, 64, 16, 9),
    (10**9, 10**6, 4, 4),
    (0, 0, 8, 1),
])
def test_threads_grow_with_the_work_of_a_step(parameters, rows, available, threads):
    assert step_threads(parameters, rows, available) == threads


def test_small_steps_run_on_one_thread_and_the_setting_comes_back():
    network = Watching()
    _train(network)
    assert network.threads == [1, 1, 1, 1]
    assert torch.get_num_threads() == 3


def test_the_setting_comes_back_after_an_error():
    class Failing(Watching):
        def forward(self, batch, player):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        _train(Failing())
    assert torch.get_num_threads() == 3


def test_a_number_that_the_user_set_is_obeyed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    network = Watching()
    _train(network, epochs=1)
    assert network.threads == [3, 3]


def test_large_steps_keep_all_threads():
    with few_threads(10**9, 10**3):
        assert torch.get_num_threads() == 3
