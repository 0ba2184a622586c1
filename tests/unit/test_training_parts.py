"""Schedules, samplers, data, batches, players and callbacks, each by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from crossalign.training import (
    Batch,
    ClassBalanced,
    Constant,
    Cosine,
    DiskData,
    EarlyStop,
    Group,
    History,
    Independent,
    PairsFirst,
    Player,
    Progress,
    Ramp,
    Shuffle,
    StepDecay,
    TensorData,
    Validate,
    Warmup,
    build_optimizer,
    build_optimizers,
    enough_epochs,
)
from crossalign.training.callbacks import TrainState, describe
from crossalign.training.data import place
from crossalign.training.ema import MovingAverage
from crossalign.types import Views


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -- schedules -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("ramp", "values"), [
    (Ramp(21, 75, 2.37), {0: 0.0, 21: 0.0, 22: 2.37 / 54, 48: 2.37 / 2, 75: 2.37, 93: 2.37}),
    (Ramp(6, 22, 8.13), {0: 0.0, 6: 0.0, 14: 8.13 / 2, 22: 8.13, 75: 8.13, 93: 8.13}),
    (Ramp(0, 93, 0.25), {0: 0.0, 22: 22 / 93 * 0.25, 75: 75 / 93 * 0.25, 93: 0.25, 99: 0.25}),
])
def test_ramps_of_cada_vae(ramp, values):
    assert {e: ramp(e) for e in values} == pytest.approx(values, abs=1e-12)


def test_rate_schedules_equal_torch():
    model = nn.Linear(1, 1)
    ours = {"step": StepDecay(3, 0.5), "cosine": Cosine(10)}
    for name, schedule in ours.items():
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        theirs = {"step": torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5),
                  "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)}[name]
        for epoch in range(10):
            assert schedule(epoch) == pytest.approx(optimizer.param_groups[0]["lr"])
            optimizer.step()
            theirs.step()


def test_warmup_is_continuous_and_hands_over():
    schedule = Warmup(2, after=Cosine(8), start=0.2)
    assert schedule(0) == pytest.approx(0.2)
    assert schedule(0.5) == pytest.approx(0.4)
    assert schedule(2 - 1e-9) == pytest.approx(schedule(2)) == 1.0
    assert schedule(6) == pytest.approx(0.5)
    assert Warmup(1)(5.0) == Constant(1.0)(0) == 1.0
    assert Cosine(4, floor=0.1)(9) == pytest.approx(0.1)


@pytest.mark.parametrize("make", [lambda: Ramp(5, 5, 1), lambda: StepDecay(0, 0.5),
                                  lambda: Cosine(0), lambda: Warmup(-1)])
def test_schedules_without_length_are_refused(make):
    with pytest.raises(ValueError, match=r"got|no length"):
        make()


# -- samplers --------------------------------------------------------------------------------------
@pytest.mark.parametrize(("n", "size"), [(10, 5), (10, 4), (7, 50), (11, 10), (1, 1)])
def test_shuffle_covers_all_once_and_fills_the_last_batch(n, size):
    epoch = Shuffle(size).epoch(n, None, seeded())
    assert epoch.shape == (math.ceil(n / min(n, size)), min(n, size))
    assert epoch.dtype == torch.int64
    assert sorted(epoch.flatten()[:n].tolist()) == list(range(n))
    assert all(len(set(rows)) == len(rows) for rows in epoch.tolist())
    drawn = [Shuffle(size).epoch(n, None, seeded(s)).tolist() for s in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert n < 3 or drawn[0] != drawn[2]


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 1000, 10**6])
@pytest.mark.parametrize("least", [1, 15])
def test_few_samples_are_gone_over_until_there_are_enough_batches(rows, least):
    batches = len(Shuffle(64).epoch(rows, None, seeded())) if rows < 10**5 else math.ceil(rows / 64)
    epochs = least
    while epochs * batches < 400:
        epochs += 1
    assert enough_epochs(rows, 64, least) == epochs


def test_no_samples_need_no_more_epochs():
    assert enough_epochs(0, 64, 8) == 8


@pytest.mark.parametrize(("n", "size"), [(1000, 20), (30, 20)])
def test_independent_draws_without_replacement_uniformly(n, size):
    generator, counts, epochs = seeded(), torch.zeros(n), 200
    for _ in range(epochs):
        epoch = Independent(size).epoch(n, None, generator)
        assert epoch.shape == (math.ceil(n / size), size)
        assert (epoch.sort(dim=1).values.diff(dim=1) > 0).all()
        counts += epoch.flatten().bincount(minlength=n)
    expected = epochs * math.ceil(n / size) * size / n
    # Poisson-like: chi-square per degree of freedom is near one, never near zero as for Shuffle
    draws = math.ceil(n / size) * epochs
    variance = draws * (size / n) * (1 - size / n)
    ratio = ((counts - expected) ** 2).sum() / (variance * n)
    assert 0.7 < ratio < 1.3 if n > 100 else 0.3 < ratio < 2.0
    first = Independent(size).epoch(n, None, seeded(5))
    assert len(first.unique()) < n  # some sample is left out, some comes twice


@pytest.mark.parametrize(("pairs", "size", "others", "rest"), [(10, 4, 3, 20), (3, 8, 30, 5)])
def test_pairs_first_covers_pairs_as_shuffle_does_with_others_beside(pairs, size, others, rest):
    drawn = PairsFirst(pairs, size, others).epoch(pairs + rest, None, seeded(3))
    width = min(size, pairs)
    first = Shuffle(size).epoch(pairs, None, seeded(3))
    torch.testing.assert_close(drawn[:, :width], first)
    assert drawn.shape == (len(first), width + min(others, rest))
    assert ((drawn[:, width:] >= pairs) & (drawn[:, width:] < pairs + rest)).all()
    assert all(len(row.unique()) == drawn.shape[1] for row in drawn)
    alone = PairsFirst(pairs, size, others).epoch(pairs, None, seeded(3))
    torch.testing.assert_close(alone, first)


def test_class_balanced_has_p_classes_of_k_and_deals_each_class_in_turn():
    labels = torch.tensor([7] * 40 + [2] * 10 + [4] * 3 + [9] * 27)
    sampler = ClassBalanced(classes_per_batch=2, samples_per_class=4)
    generator, seen = seeded(), torch.zeros(len(labels))
    picked = {7: 0, 2: 0, 4: 0, 9: 0}
    for _ in range(100):
        epoch = sampler.epoch(len(labels), labels, generator)
        assert epoch.shape == (10, 8)
        blocks = labels[epoch].view(-1, 2, 4)
        assert (blocks == blocks[:, :, :1]).all()
        assert (blocks[:, 0, 0] != blocks[:, 1, 0]).all()
        for rows in epoch.view(-1, 4):
            label = int(labels[rows[0]])
            picked[label] += 1
            assert len(rows.unique()) == min(4, int((labels == label).sum()))
        seen += epoch.flatten().bincount(minlength=len(labels))
    assert sum(picked.values()) == 2000
    assert all(abs(count - 500) < 100 for count in picked.values())  # sd is 16
    assert (seen > 0).all()
    big = seen[:40]
    assert big.std() / big.mean() < 0.3


def test_class_balanced_deals_without_repeats_until_a_class_is_used_up():
    labels = torch.zeros(40, dtype=torch.int64)
    epoch = ClassBalanced(1, 4).epoch(40, labels, seeded())
    assert sorted(epoch.flatten().tolist()) == list(range(40))


def test_samplers_refuse_what_they_cannot_draw():
    with pytest.raises(ValueError, match="batch_size: got 0"):
        Shuffle(0)
    with pytest.raises(ValueError, match="needs labels"):
        ClassBalanced(2, 2).epoch(4, None, seeded())
    with pytest.raises(ValueError, match="classes_per_batch: got 3"):
        ClassBalanced(3, 2).epoch(4, torch.tensor([0, 0, 1, 1]), seeded())


# -- batches and data ------------------------------------------------------------------------------
def test_two_ranks_draw_what_one_draws():
    whole = Batch({"x": torch.zeros(6, 2)}, generator=seeded())
    parts = [Batch({"x": torch.zeros(3, 2)}, generator=seeded(), rank=r, ranks=2) for r in (0, 1)]
    for draw in (lambda b: b.normal(5), lambda b: b.uniform(2, 3), lambda b: b.normal()):
        joined = torch.cat([draw(part) for part in parts])
        assert torch.equal(draw(whole), joined)
    permutations = [b.randperm(9) for b in (whole, *parts)]
    assert torch.equal(permutations[0], permutations[1])
    assert torch.equal(permutations[0], permutations[2])
    noise = Batch({"x": torch.zeros(20_000, 1)}, generator=seeded()).normal()
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 1) < 0.03


def _views(x, tokens, **more):
    present = np.ones(len(x), bool)
    present[2] = False
    return Views({"image": x, "text": tokens}, np.arange(len(x)) % 3, present={"image": present},
                 masks={"text": np.arange(tokens.shape[1]) < np.full((len(x), 1), 2)}, **more)


def test_data_on_disk_gives_the_batches_of_data_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    x, tokens = rng.normal(size=(9, 4)).astype(np.float32), rng.normal(size=(9, 3, 2))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "t.npy", tokens)
    mapped = _views(np.load(tmp_path / "x.npy", mmap_mode="r"),
                    np.load(tmp_path / "t.npy", mmap_mode="r"))
    rows = np.array([8, 2, 3, 5, 0])
    cpu = torch.device("cpu")
    memory, disk = place(_views(x, tokens)[rows], cpu), place(mapped[rows], cpu)
    assert isinstance(memory, TensorData)
    assert isinstance(disk, DiskData)
    assert len(memory) == len(disk) == 5
    indices = torch.tensor([4, 1, 1, 0])
    ours, theirs = disk.batch(indices), memory.batch(indices)
    expected = np.where((rows[indices] == 2)[:, None], 0, x[rows[indices]])
    np.testing.assert_array_equal(theirs.views["image"].numpy(), expected)
    for name in ("views", "present", "masks"):
        for key, value in getattr(theirs, name).items():
            assert torch.equal(getattr(ours, name)[key], value)
            assert getattr(ours, name)[key].dtype == value.dtype
    assert ours.views["text"].dtype == torch.float32
    assert torch.equal(ours.labels, theirs.labels)
    assert theirs.labels.tolist() == (rows[indices] % 3).tolist()
    assert theirs.present["image"].tolist() == [True, False, False, True]
    assert theirs.masks["text"].tolist() == [[True, True, False]] * 4


def test_data_takes_some_modalities_and_refuses_unknown_ones_and_uneven_lengths():
    views = Views({"a": np.ones((3, 2)), "b": np.ones((3, 1))})
    assert list(TensorData.from_views(views, ["b"]).views) == ["b"]
    with pytest.raises(ValueError, match=r"modalities: got \['c'\]"):
        TensorData.from_views(views, ["c"])
    with pytest.raises(ValueError, match="lengths"):
        TensorData({"a": torch.ones(3, 2)}, torch.zeros(2))
    with pytest.raises(ValueError, match="at least one"):
        TensorData({"a": torch.ones(0, 2)})
    with pytest.raises(ValueError, match="holds no sample"):
        DiskData(views[[]])


# -- players ---------------------------------------------------------------------------------------
def two_layers() -> nn.Module:
    network = nn.ModuleDict({"first": nn.Linear(2, 2), "second": nn.Linear(2, 1)})
    network.register_parameter("scale", nn.Parameter(torch.ones(())))
    return network


def test_optimizer_has_the_players_groups_and_options():
    network = two_layers()
    player = Player("p", (Group(("first",), 0.1), Group(("second.bias", "scale"), 0.2)),
                    optimizer="adamw", betas=(0.5, 0.9), eps=1e-6, weight_decay=0.3, amsgrad=True)
    optimizer = build_optimizer(network, player)
    assert isinstance(optimizer, torch.optim.AdamW)
    groups = optimizer.param_groups
    assert [len(g["params"]) for g in groups] == [2, 2]
    assert [g["lr"] for g in groups] == [0.1, 0.2]
    for name, value in {"betas": (0.5, 0.9), "eps": 1e-6, "weight_decay": 0.3, "amsgrad": True,
                        "fused": True}.items():
        assert groups[0][name] == value


def test_frozen_parameters_are_left_out():
    network = two_layers()
    network["first"].requires_grad_(False)
    optimizer = build_optimizer(network, Player("p", (Group(("",), 0.1),), optimizer="sgd"))
    assert len(optimizer.param_groups[0]["params"]) == 3
    with pytest.raises(ValueError, match="no parameter that can learn"):
        build_optimizer(network, Player("p", (Group(("first",), 0.1),)))


@pytest.mark.parametrize(("players", "message"), [
    ([Player("p", (Group(("third",), 0.1),))], "no module 'third'"),
    ([Player("p", (Group(("",), 0.1), Group(("first",), 0.2)))], "'first.weight' belongs to"),
    ([Player("p", (Group(("",), 0.1),)), Player("q", (Group(("second",), 0.1),))],
     "'second.weight' belongs to player 'p' and to player 'q'"),
    ([Player("p", (Group(("first",), 0.1),)), Player("p", (Group(("second",), 0.1),))],
     "two are called 'p'"),
    ([], "none given"),
])
def test_players_must_name_modules_once(players, message):
    with pytest.raises(ValueError, match=message):
        build_optimizers(two_layers(), players)


@pytest.mark.parametrize("make", [
    lambda: Group("first", 0.1), lambda: Group((), 0.1), lambda: Group(("first",), -1.0),
    lambda: Player("", (Group(("",), 0.1),)), lambda: Player("p", ()),
    lambda: Player("p", (Group(("",), 0.1),), optimizer="lbfgs"),
    lambda: Player("p", (Group(("",), 0.1),), steps=0),
])
def test_players_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match=r"got|has none"):
        make()


# -- moving average, history, callbacks ------------------------------------------------------------
def test_moving_average_follows_its_equation_and_swaps_back():
    parameter = nn.Parameter(torch.tensor([1.0]))
    average = MovingAverage([parameter], 0.9)
    expected = 1.0
    for value in (2.0, 5.0, -1.0):
        parameter.data.fill_(value)
        average.update()
        expected = 0.9 * expected + 0.1 * value
    with average.applied():
        assert parameter.item() == pytest.approx(expected)
    assert parameter.item() == -1.0
    with pytest.raises(ValueError, match="ema: got 1"):
        MovingAverage([parameter], 1)


def test_history_survives_json():
    history = History(seconds=1.5)
    history.add_losses({"loss": 1.0})
    history.add_losses({"loss": 0.5})
    history.add_scores(1, {"H": 0.25})
    assert history.losses == {"loss": [1.0, 0.5]}
    assert history.score_epochs == {"H": [1]}
    assert History.from_dict(history.to_dict()) == history


def run_callbacks(callbacks, scores, epochs=None):
    network = nn.Linear(1, 1)
    state = TrainState(network, epochs or len(scores), History())
    measured = iter(scores)
    callbacks = [Validate(lambda net: {"H": next(measured)}), *callbacks]
    for callback in callbacks:
        callback.on_start(state)
    while state.epoch + 1 < state.epochs and not state.stop:
        state.epoch, state.scores, state.losses = state.epoch + 1, {}, {"loss": 1.0}
        nn.init.constant_(network.weight, float(state.epoch))
        for callback in callbacks:
            callback.on_epoch(state)
    for callback in callbacks:
        callback.on_end(state)
    return state


@pytest.mark.parametrize(("mode", "scores", "selected", "epochs"), [
    ("max", [0.1, 0.5, 0.3, 0.4, 0.9], 1, 4),
    ("min", [0.5, 0.4, 0.3, 0.2], 3, 4),
    ("max", [0.5, 0.5, 0.5, 0.5], 0, 3),
    ("max", [float("nan"), 0.2, 0.1, 0.1], 1, 4),
])
def test_early_stop_waits_and_restores_the_best(mode, scores, selected, epochs):
    state = run_callbacks([EarlyStop("H", patience=2, mode=mode)], scores)
    assert state.history.selected_epoch == selected
    assert state.network.weight.item() == selected
    assert len(state.history.scores["H"]) == epochs


def test_early_stop_names_the_metrics_there_are():
    with pytest.raises(ValueError, match=r"'accuracy' is not measured; choose one of \['H', 'loss"):
        run_callbacks([EarlyStop("accuracy", 2)], [0.1, 0.2])
    with pytest.raises(ValueError, match="mode: got"):
        EarlyStop("H", 2, mode="best")
    with pytest.raises(ValueError, match="patience: got 0"):
        EarlyStop("H", 0)


def test_validate_scores_every_so_often_and_at_the_end_without_gradients():
    seen = []

    def score(network):
        seen.append((network.training, torch.is_grad_enabled()))
        return {"H": len(seen)}

    state = TrainState(nn.Linear(1, 1), 7, History())
    validate = Validate(score, every=3)
    for state.epoch in range(7):
        state.scores = {}
        validate.on_epoch(state)
    assert state.history.score_epochs == {"H": [2, 5, 6]}
    assert state.history.scores == {"H": [1.0, 2.0, 3.0]}
    assert seen == [(False, False)] * 3
    with pytest.raises(ValueError, match="every: got 0"):
        Validate(score, every=0)


def test_progress_shows_nothing_without_a_terminal_and_a_bar_with_one(capsys, monkeypatch):
    state = TrainState(nn.Linear(1, 1), 2, History(), losses={"loss": 0.125},
                       samples_per_second=1234.0)

    def play():
        progress = Progress()
        progress.on_start(state)
        state.epoch = 0
        progress.on_epoch(state)
        progress.close()
        state.epoch = -1
        return capsys.readouterr()

    assert play() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    out, err = play()
    assert out == ""
    assert "loss 0.125" in err
    assert "1,234 samples/s" in err
    assert describe(state) == "loss 0.125  1,234 samples/s"
