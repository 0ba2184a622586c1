"""The loop against oracles: least squares, plain torch, and what players may touch."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from crossalign.training import (
    Callback,
    Constant,
    DivergedError,
    EarlyStop,
    Group,
    Independent,
    Player,
    Ramp,
    Shuffle,
    StepDecay,
    TensorData,
    Validate,
    train,
)
from crossalign.training.fabric import make_fabric
from crossalign.types import Views

ALL = (Group(("",), 0.01),)


@pytest.fixture(autouse=True)
def _one_thread():
    """Toy networks are faster on one thread, and the numbers the same on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Regression(nn.Module):
    """Linear regression with optional noise on its input."""

    def __init__(self, noise: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.noise = noise
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch, player):
        x = self.dropout(batch.views["x"] + self.noise * batch.normal(3))
        error = self.linear(x) - batch.views["y"]
        size = self.linear.weight.square().sum()
        loss = error.square().mean()
        if "size" in batch.weights:
            loss = loss + batch.weights["size"] * size
        return {"loss": loss, "size": size}


def problem(n=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    y = x @ np.array([[1.0], [-2.0], [0.5]], np.float32) + 0.3 + 0.1 * rng.normal(size=(n, 1))
    return Views({"x": x, "y": y.astype(np.float32)})


def network(cls=Regression, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls(**options)


def fit(net, **options):
    defaults = {"players": [Player("p", ALL)], "epochs": 3, "sampler": Shuffle(16),
                "device": "cpu"}
    return train(net, options.pop("data", problem()), **{**defaults, **options})


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(),
                                                 strict=True))


def test_linear_regression_finds_the_least_squares_solution():
    views, net = problem(), network()
    history = fit(net, data=views, epochs=400, sampler=Shuffle(60), lr_schedule=StepDecay(200, 0.1),
                  players=[Player("p", (Group(("linear",), 0.05),))])
    design = np.hstack([views["x"], np.ones((60, 1))])
    solution, residual, *_ = np.linalg.lstsq(design, views["y"], rcond=None)
    found = np.append(net.linear.weight.detach().numpy(), net.linear.bias.item())
    np.testing.assert_allclose(found, solution.ravel(), atol=1e-4)
    assert history.losses["loss"][-1] == pytest.approx(residual.item() / 60, rel=1e-4)
    assert len(history.losses["size"]) == 400
    assert history.seconds > 0
    assert history.selected_epoch is None
    assert not net.training


@pytest.mark.parametrize(("player", "make"), [
    (Player("p", ALL, amsgrad=True, betas=(0.5, 0.99), eps=1e-6),
     functools.partial(torch.optim.Adam, lr=0.01, amsgrad=True, betas=(0.5, 0.99), eps=1e-6)),
    (Player("p", ALL, optimizer="sgd", momentum=0.9, weight_decay=0.1),
     functools.partial(torch.optim.SGD, lr=0.01, momentum=0.9, weight_decay=0.1)),
    (Player("p", ALL, optimizer="adamw", weight_decay=0.1),
     functools.partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)),
])
def test_steps_equal_a_plain_torch_loop(player, make):
    views, net, twin, drawn = problem(), network(), network(), []

    class Recorded(Shuffle):
        def epoch(self, n, labels, generator):
            drawn.append(super().epoch(n, labels, generator))
            return drawn[-1]

    history = fit(net, data=views, players=[player], sampler=Recorded(16), clip=0.5, epochs=4,
                  weights={"size": Ramp(0, 3, 0.1)}, lr_schedule=lambda epoch: 1 / (1 + epoch))
    optimizer = make(twin.parameters())
    x, y = torch.from_numpy(views["x"]), torch.from_numpy(views["y"])
    losses = []
    for epoch, indices in enumerate(drawn):
        total = 0.0
        for step, rows in enumerate(indices):
            optimizer.param_groups[0]["lr"] = 0.01 / (1 + epoch + step / len(indices))
            optimizer.zero_grad()
            loss = (twin.linear(x[rows]) - y[rows]).square().mean()
            loss = loss + 0.1 * min(epoch / 3, 1) * twin.linear.weight.square().sum()
            loss.backward()
            nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
            optimizer.step()
            total += loss.item()
        losses.append(total / len(indices))
    np.testing.assert_allclose(history.losses["loss"], losses, rtol=1e-6)
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_seed_decides_and_callbacks_do_not():
    class Gambler(Callback):
        def on_epoch(self, state):
            torch.rand(7)

    runs = []
    for seed, callbacks in ((3, ()), (3, (Gambler(),)), (4, ())):
        net = network(noise=0.1, dropout=0.5)
        runs.append((net, fit(net, seed=seed, callbacks=callbacks)))
    assert runs[0][1].losses == runs[1][1].losses
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1].losses != runs[2][1].losses
    assert not same(runs[0][0], runs[2][0])


def test_the_global_random_state_is_given_back():
    net = network(dropout=0.5)
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    fit(net)
    assert torch.equal(torch.rand(3), expected)


class Rivals(nn.Module):
    """A generator and a critic; records whose turn it is and what may learn."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(2, 3)
        self.critic = nn.Linear(3, 1)
        self.bystander = nn.Linear(3, 1)
        self.turns = []
        self.snapshots = []

    def forward(self, batch, player):
        self.turns.append(player)
        self.snapshots.append({n: p.detach().clone() for n, p in self.named_parameters()})
        learning = {n.split(".")[0] for n, p in self.named_parameters() if p.requires_grad}
        assert learning == {player}
        assert all(p.grad is None for p in getattr(self, player).parameters())
        fake = self.critic(self.generator(batch.normal(2)))
        real = self.critic(batch.views["x"])
        if player == "critic":
            return {"loss": fake.mean() - real.mean(), "gap": (real - fake).mean()}
        return {"loss": -fake.mean()}


def test_players_move_only_in_their_turn():
    net = Rivals()
    net.critic.bias.requires_grad_(False)
    players = [Player("critic", (Group(("critic",), 0.01),), steps=5),
               Player("generator", (Group(("generator",), 0.01),))]
    history = fit(net, players=players, epochs=2, sampler=Shuffle(30))
    assert net.turns == (["critic"] * 5 + ["generator"]) * 4
    after = [*net.snapshots[1:], {n: p.detach() for n, p in net.named_parameters()}]
    for turn, old, new in zip(net.turns, net.snapshots, after, strict=True):
        moved = {n for n in old if not torch.equal(old[n], new[n])}
        mine = {"critic": {"critic.weight"},
                "generator": {"generator.weight", "generator.bias"}}[turn]
        assert moved == mine
    assert set(history.losses) == {"critic/loss", "critic/gap", "generator/loss"}
    assert [n for n, p in net.named_parameters() if not p.requires_grad] == ["critic.bias"]
    assert all(p.grad is None for p in net.parameters())


def test_weights_follow_their_schedules():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.ones(()))

        def forward(self, batch, player):
            assert batch.weights["kl"].shape == ()
            return {"loss": 0 * self.a, "kl": batch.weights["kl"] + 0, "c": batch.weights["c"] + 0}

    history = fit(Reader(), epochs=4, weights={"kl": Ramp(1, 3, 0.5), "c": Constant(2.0)})
    assert history.losses["kl"] == [0.0, 0.0, 0.25, 0.5]
    assert history.losses["c"] == [2.0] * 4


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_diverging_term_is_named(precision):
    class Bad(Regression):
        steps = 0

        def forward(self, batch, player):
            losses = super().forward(batch, player)
            self.steps += 1  # every term is NaN in the steps after the sixth
            kl = torch.log(self.linear.weight.sum() * 0 + (self.steps != 6))
            return {"loss": losses["loss"] + kl, "size": losses["size"], "kl": kl}

    with pytest.raises(DivergedError, match="the term 'kl' became NaN or infinite in ") as caught:
        fit(network(Bad), epochs=3, precision=precision)
    assert (caught.value.term, caught.value.epoch) == ("kl", 1)
    assert isinstance(caught.value, ValueError)


def test_a_term_that_starts_infinite_is_not_laid_to_the_learning_rate():
    class Worse(Regression):
        def forward(self, batch, player):
            losses = super().forward(batch, player)
            return {"loss": losses["loss"] + torch.inf, "size": losses["size"]}

    with pytest.raises(DivergedError, match="in the first step; look for extreme") as caught:
        fit(network(Worse), epochs=1)
    assert "rate" not in str(caught.value)
    assert not caught.value.learned


def test_weights_that_diverge_in_the_last_step_are_named():
    class Cliff(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.zeros(()))

        def forward(self, batch, player):
            return {"loss": self.a.sqrt()}  # finite, with an infinite slope

    with pytest.raises(DivergedError, match="the weights 'a' became NaN or infinite in epoch 0"):
        fit(Cliff(), epochs=1, sampler=Shuffle(60),
            players=[Player("p", (Group(("a",), 0.01),), optimizer="sgd")])


@pytest.mark.parametrize(("output", "message"), [
    ({"kl": torch.zeros(())}, "dict with the keys"),
    (torch.zeros(()), r"a tensor of shape \(\)"),
    ({"loss": torch.zeros(3)}, r"'loss' is a tensor of shape \(3,\)"),
    ({"loss": torch.zeros(()), "kl": 1.0}, "'kl' is a float"),
])
def test_forward_must_return_scalar_losses(output, message):
    class Wrong(Regression):
        def forward(self, batch, player):
            return output

    with pytest.raises(ValueError, match=message):
        fit(network(Wrong))


@pytest.mark.parametrize(("options", "message"), [
    ({"epochs": 0}, "epochs: got 0"), ({"clip": 0.0}, "clip: got 0"), ({"seed": -1}, "seed: got"),
    ({"resume": True}, "without a checkpoint"), ({"checkpoint_every": 0}, "checkpoint_every"),
    ({"device": "tpu"}, "device: got 'tpu'"), ({"precision": "8"}, "precision: got '8'"),
    ({"devices": 2}, "devices: 2 asked of a process"), ({"devices": 0}, "devices: got 0"),
    ({"precision": "16-mixed"}, "needs a GPU"), ({"ema": 1.5}, "ema: got 1.5"),
])
def test_arguments_out_of_range_are_refused(options, message, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ValueError, match=message):
        fit(network(), **options)


def test_memory_mapped_features_train_as_those_in_memory(tmp_path):
    views = problem()
    for m in ("x", "y"):
        np.save(tmp_path / f"{m}.npy", views[m])
    mapped = Views({m: np.load(tmp_path / f"{m}.npy", mmap_mode="r") for m in ("x", "y")})
    rows = np.arange(59, -1, -1)
    nets = [network(noise=0.1) for _ in range(3)]
    fit(nets[0], data=views[rows])
    fit(nets[1], data=mapped[rows])
    fit(nets[2], data=TensorData.from_views(views[rows]))
    assert same(nets[0], nets[1])
    assert same(nets[0], nets[2])


def test_moving_average_is_what_callbacks_see_and_training_ends_with():
    seen = []
    plain, averaged = network(), network()

    class Follow(Callback):
        def on_epoch(self, state):
            seen.append(state.network.linear.bias.item())

    fit(plain, sampler=Shuffle(60), callbacks=[Follow()], epochs=4)
    raw, expected, value = list(seen), [], network().linear.bias.item()
    for bias in raw:
        value = 0.7 * value + 0.3 * bias
        expected.append(value)
    seen.clear()
    fit(averaged, sampler=Shuffle(60), callbacks=[Follow()], epochs=4, ema=0.7)
    assert seen == pytest.approx(expected, rel=1e-5)
    assert averaged.linear.bias.item() == pytest.approx(expected[-1], rel=1e-5)


def test_early_stop_selects_on_validation_and_restores():
    net, weights = network(), []

    def score(n):
        weights.append(n.linear.weight.clone())
        return {"H": [0.2, 0.6, 0.4, 0.5, 0.9][len(weights) - 1]}

    history = fit(net, epochs=50, callbacks=[Validate(score), EarlyStop("H", patience=2)])
    assert history.selected_epoch == 1
    assert len(history.losses["loss"]) == 4
    assert torch.equal(net.linear.weight, weights[1])


def test_callbacks_are_closed_when_training_breaks_off():
    events = []

    class Watch(Callback):
        def on_start(self, state):
            events.append("start")

        def on_epoch(self, state):
            raise KeyboardInterrupt

        def on_end(self, state):
            events.append("end")

        def close(self):
            events.append("close")

    with pytest.raises(KeyboardInterrupt):
        fit(network(), callbacks=[Watch()])
    assert events == ["start", "close"]


def test_bf16_is_near_full_precision():
    full, mixed = network(), network()
    fit(full, epochs=30, sampler=Independent(16))
    history = fit(mixed, epochs=30, sampler=Independent(16), precision="bf16-mixed")
    assert mixed.linear.weight.dtype == torch.float32
    torch.testing.assert_close(full.linear.weight, mixed.linear.weight, atol=0.02, rtol=0.05)
    assert not same(full, mixed)
    assert np.isfinite(history.losses["loss"]).all()


def test_nothing_is_said_of_the_hardware():
    """In a process of its own: Fabric raises its voice on its first import."""
    said = subprocess.run(
        [sys.executable, "-c", "from crossalign.training.fabric import make_fabric; "
                               "make_fabric('cpu', 1, 'bf16-mixed')"],
        capture_output=True, text=True, check=True)
    assert said.stdout + said.stderr == ""


def test_no_process_group_for_one_rank():
    fit(network())
    assert not torch.distributed.is_initialized()


def test_the_callers_fabric_is_used():
    fabric = make_fabric("cpu", 1, "bf16-mixed")
    ours, theirs = network(), network()
    fit(ours, fabric=fabric)
    fit(theirs, precision="bf16-mixed")
    assert same(ours, theirs)


def test_compiled_training_equals_eager(monkeypatch):
    calls = []

    def compiled(module, **options):
        calls.append(module)
        # traces, without the C++ compiler's minute
        return original(module, **{**options, "backend": "eager"})

    original = torch.compile
    monkeypatch.setattr(torch, "compile", compiled)
    plain, fast = network(noise=0.1), network(noise=0.1)
    losses = fit(plain).losses["loss"]
    assert fit(fast, compile=True).losses["loss"] == pytest.approx(losses, rel=1e-5)
    assert calls[0] is fast
    torch.testing.assert_close(plain.linear.weight, fast.linear.weight)
