"""Two ranks (gloo, two processes) give what one rank gives."""

from __future__ import annotations

import os
import socket

import pytest
import torch
from torch import nn

from crossalign.training import (
    EarlyStop,
    Group,
    Independent,
    Player,
    Ramp,
    Shuffle,
    TensorData,
    Validate,
    train,
)

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(),
                                reason="this torch has no distributed package")


@pytest.fixture(autouse=True)
def _one_thread():
    """Toy networks are faster on one thread, and the numbers the same on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Coder(nn.Module):
    """A noisy autoencoder; ``spare`` is in no loss, as a term that is switched off."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 3)
        self.decoder = nn.Linear(3, 6)
        self.spare = nn.Linear(3, 3)

    def forward(self, batch, player):
        z = self.encoder(batch.views["x"])
        x = self.decoder(z + batch.normal(3) * batch.uniform(1))
        kl = z.square().sum(1).mean()
        loss = (x - batch.views["x"]).abs().sum(1).mean() + batch.weights["kl"] * kl
        return {"loss": loss, "kl": kl}


class Rivals(nn.Module):
    """Generator against critic."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Linear(2, 6)
        self.critic = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1))

    def forward(self, batch, player):
        fake = self.critic(self.generator(batch.normal(2))).mean()
        if player == "critic":
            return {"loss": fake - self.critic(batch.views["x"]).mean()}
        return {"loss": -fake}


def runs(devices, folder):
    """Every scenario; what it leaves behind by name."""
    generator = torch.Generator().manual_seed(0)
    data = TensorData({"x": torch.randn(40, 6, generator=generator)}, torch.arange(40) % 4)
    results = {}
    scenarios = {
        "one player": (Coder, {
            "players": [Player("p", (Group(("",), 0.01),), amsgrad=True)], "sampler": Shuffle(16),
            "weights": {"kl": Ramp(0, 2, 0.1)}, "clip": 1.0,
            "callbacks": [Validate(lambda net: {"norm": net.encoder.weight.norm()}),
                          EarlyStop("norm", patience=2, mode="min")]}),
        "two players": (Rivals, {
            "players": [Player("critic", (Group(("critic",), 0.01),), steps=3),
                        Player("generator", (Group(("generator",), 0.01),))],
            "sampler": Independent(8)}),
        "resumed": (Coder, {
            "players": [Player("p", (Group(("",), 0.01),))], "sampler": Shuffle(20), "ema": 0.5,
            "weights": {"kl": Ramp(0, 2, 0.1)}, "checkpoint": f"{folder}/{devices}"}),
    }
    for name, (cls, options) in scenarios.items():
        for epochs in ((2, 4) if name == "resumed" else (4,)):
            torch.manual_seed(5)
            net = cls()
            history = train(net, data, epochs=epochs, device="cpu", devices=devices,
                            resume="checkpoint" in options, seed=1, **options)
        results[name] = (history.losses, history.scores, net.state_dict())
    return results


def rank(index, port, folder):
    """One of two processes, with the environment that launchers give."""
    torch.set_num_threads(1)
    os.environ.update(LOCAL_RANK=str(index), NODE_RANK="0", MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port))
    torch.save(runs(2, folder), f"{folder}/rank{index}.pt")
    with pytest.raises(ValueError, match="a batch of 5 rows does not divide over 2 ranks"):
        train(Rivals(), TensorData({"x": torch.ones(10, 6)}), epochs=1, sampler=Shuffle(5),
              players=[Player("critic", (Group(("",), 0.1),))], device="cpu", devices=2)
    torch.distributed.destroy_process_group()


def test_two_ranks_equal_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(rank, (port, str(tmp_path)), nprocs=2)
    alone = runs(1, str(tmp_path))
    ranks = [torch.load(tmp_path / f"rank{i}.pt", weights_only=True) for i in (0, 1)]
    for name, (losses, scores, weights) in alone.items():
        for found in ranks:
            assert found[name][0].keys() == losses.keys()
            for term, values in losses.items():
                assert found[name][0][term] == pytest.approx(values, abs=1e-6, rel=1e-6), term
            assert found[name][1].keys() == scores.keys()
            for score, values in scores.items():
                assert found[name][1][score] == pytest.approx(values, abs=1e-6, rel=1e-6)
            for key, value in weights.items():
                torch.testing.assert_close(found[name][2][key], value, rtol=1e-5, atol=1e-6)
        for key in weights:
            assert torch.equal(ranks[0][name][2][key], ranks[1][name][2][key])
    first = alone["one player"][0]["loss"]
    assert first[-1] < first[0]
