"""Stop and resume is exact; a damaged checkpoint says so in one sentence."""

from __future__ import annotations

import json
import os

import pytest
import torch
from torch import nn

from crossalign.training import (
    Callback,
    ClassBalanced,
    Cosine,
    EarlyStop,
    Group,
    Player,
    Progress,
    Ramp,
    Shuffle,
    TensorData,
    Validate,
    discard_checkpoint,
    load_checkpoint,
    save_checkpoint,
    train,
)
from crossalign.training.checkpoint import FILE_NAME, VERSION
from crossalign.training.resume import settings_text

PLAYERS = (Player("code", (Group(("encoder",), 0.01), Group(("scale",), 0.1)), amsgrad=True),
           Player("decode", (Group(("decoder",), 0.01),), optimizer="sgd", momentum=0.9, steps=2))


@pytest.fixture(autouse=True)
def _one_thread():
    """Toy networks are faster on one thread, and the numbers the same on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Coder(nn.Module):
    """Two players, noise, dropout, running statistics and tied weights."""

    def __init__(self, width=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.Dropout(0.3))
        self.scale = nn.Parameter(torch.ones(()))
        self.decoder = nn.Linear(width, 5)
        self.tied = self.decoder

    def forward(self, batch, player):
        z = self.scale * self.encoder(batch.views["x"])
        x = self.tied(z + 0.1 * batch.normal(z.shape[1]))
        kl = z.square().mean()
        return {"loss": (x - batch.views["x"]).square().mean() + batch.weights["kl"] * kl, "kl": kl}


def data():
    generator = torch.Generator().manual_seed(0)
    return TensorData({"x": torch.randn(48, 5, generator=generator)}, torch.arange(48) % 6)


def fit(epochs, width=4, **options):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = Coder(width)
    defaults = {"players": PLAYERS, "sampler": ClassBalanced(3, 4),
                "weights": {"kl": Ramp(0, 5, 1)}, "lr_schedule": Cosine(6), "clip": 1.0, "ema": 0.8,
                "device": "cpu", "seed": 7}
    return net, train(net, data(), epochs=epochs, **{**defaults, **options})


def assert_same(first, second):
    (net, history), (other, continued) = first, second
    for (name, a), b in zip(net.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert history.losses == continued.losses
    assert history.scores == continued.scores
    assert history.selected_epoch == continued.selected_epoch


class Measure(Callback):
    """A score that peaks in the second epoch; draws random numbers, as users may."""

    def on_epoch(self, state):
        torch.rand(3)
        state.scores["H"] = [0.1, 0.9, 0.3, 0.2, 0.25, 0.1][state.epoch]
        state.history.add_scores(state.epoch, state.scores)


def scored(patience=10):
    return [Measure(), EarlyStop("H", patience)]


def test_three_epochs_and_three_more_are_six(tmp_path):
    straight = fit(6, callbacks=scored())
    fit(3, callbacks=scored(), checkpoint=tmp_path)
    resumed = fit(6, callbacks=scored(), checkpoint=tmp_path, resume=True)
    assert_same(straight, resumed)
    assert resumed[1].selected_epoch == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [FILE_NAME]


def test_last_weights_are_exact_too(tmp_path):
    straight = fit(6)
    fit(3, checkpoint=tmp_path)
    assert_same(straight, fit(6, checkpoint=tmp_path, resume=True))


@pytest.mark.parametrize("moment", [1, 3])
def test_interrupted_training_resumes_exactly(tmp_path, moment):
    class Interrupt(Callback):
        def on_epoch(self, state):
            if state.epoch == moment:
                raise KeyboardInterrupt

    straight = fit(6, checkpoint=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        fit(6, callbacks=[Interrupt()], checkpoint=tmp_path / "broken")
    assert load_checkpoint(tmp_path / "broken").facts["epoch"] == moment - 1
    assert_same(straight, fit(6, checkpoint=tmp_path / "broken", resume=True))


def test_death_while_writing_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    fit(2, checkpoint=tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()

    def die(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(KeyboardInterrupt):
        fit(3, checkpoint=tmp_path, resume=True)
    monkeypatch.undo()
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [FILE_NAME]
    assert_same(fit(3), fit(3, checkpoint=tmp_path, resume=True))


def test_a_finished_or_stopped_run_resumes_to_its_end(tmp_path):
    done = fit(3, checkpoint=tmp_path / "a")
    again = fit(3, checkpoint=tmp_path / "a", resume=True)
    assert again[1].losses == done[1].losses
    stopped = fit(6, callbacks=scored(2), checkpoint=tmp_path / "b")
    assert len(stopped[1].losses["code/loss"]) == 4
    assert_same(stopped, fit(6, callbacks=scored(2), checkpoint=tmp_path / "b",
                             resume=True))


def test_the_average_of_a_finished_run_is_kept(tmp_path):
    done = fit(3, checkpoint=tmp_path)
    assert_same(done, fit(3, checkpoint=tmp_path, resume=True))


def test_checkpoints_are_written_every_so_often_and_at_the_end(tmp_path):
    epochs = []

    class Look(Callback):
        def on_epoch(self, state):
            if (tmp_path / FILE_NAME).is_file():
                epochs.append((state.epoch, load_checkpoint(tmp_path).facts["epoch"]))

    fit(5, checkpoint=tmp_path, checkpoint_every=2, callbacks=[Look()])
    assert epochs == [(2, 1), (3, 1), (4, 3)]
    assert load_checkpoint(tmp_path).facts["epoch"] == 4


def test_a_resumed_run_may_watch_other_things(tmp_path):
    fit(2, checkpoint=tmp_path)
    watched = fit(4, checkpoint=tmp_path, resume=True, callbacks=[Validate(lambda n: {"a": 1.0})])
    assert watched[1].score_epochs == {"a": [2, 3]}
    assert watched[1].losses == fit(4)[1].losses


def test_resume_without_a_checkpoint_starts(tmp_path):
    assert_same(fit(2), fit(2, checkpoint=tmp_path / "new", resume=True))


@pytest.mark.parametrize(("options", "message"), [
    ({"seed": 8}, "seed=7 and this run has seed=8"),
    ({"sampler": Shuffle(12)}, r"sampler=ClassBalanced\(.*has sampler=Shuffle"),
    ({"clip": None}, "clip=1.0"), ({"ema": None}, "ema=0.8"),
    ({"players": PLAYERS[:1]}, "players="),
    ({"width": 6}, r"'encoder.0.weight'|'decoder.bias'|'decoder.weight' of shape"),
])
def test_a_checkpoint_of_another_run_is_refused(tmp_path, options, message):
    fit(1, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        fit(2, checkpoint=tmp_path, resume=True, **options)
    assert "resume=False" in str(caught.value)


def corrupt_middle(blob: bytes) -> bytes:
    middle = len(blob) - 40
    return blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1:]


@pytest.mark.parametrize(("damage", "message"), [
    (lambda blob: blob[: len(blob) // 2], "cannot be read"),
    (lambda blob: blob[:5], "cannot be read"),
    (lambda blob: b"", "cannot be read"),
    (lambda blob: os.urandom(1000), "cannot be read"),
    (corrupt_middle, "is damaged"),
    (lambda blob: blob.replace(b'\\"epoch\\": 0', b'\\"epoch\\": 1'), "is damaged"),
    (lambda blob: blob.replace(b'"version":"1"', b'"version":"9"'), "version '9'"),
    (lambda blob: blob.replace(b"crossalign-training", b"another-programmes!"), "'another-prog"),
])
def test_a_damaged_checkpoint_is_named_with_the_fix(tmp_path, damage, message):
    fit(1, checkpoint=tmp_path)
    file = tmp_path / FILE_NAME
    blob = file.read_bytes()
    assert damage(blob) != blob
    file.write_bytes(damage(blob))
    with pytest.raises(ValueError, match=message) as caught:
        fit(2, checkpoint=tmp_path, resume=True)
    text = str(caught.value)
    assert str(file) in text
    assert "resume=False" in text
    assert "\n" not in text


def test_files_hold_tensors_and_facts_as_they_were(tmp_path):
    tensors = {"a": torch.arange(6).view(2, 3).T, "flag": torch.tensor(True), "none": torch.ones(0),
               "half": torch.ones(2, dtype=torch.bfloat16), "step": torch.tensor(3.0)}
    tensors["shared"] = tensors["a"]
    facts = {"epoch": 3, "name": "é", "best": None, "list": [1.5, float("inf")]}
    file = save_checkpoint(tmp_path / "deep" / "folder", tensors, facts)
    stored = load_checkpoint(file.parent)
    assert stored.facts == json.loads(json.dumps(facts))
    assert stored.tensors.keys() == tensors.keys()
    for name, value in tensors.items():
        assert stored.tensors[name].dtype == value.dtype
        assert torch.equal(stored.tensors[name], value)
    assert VERSION == 1
    with pytest.raises(ValueError, match="there is no file"):
        load_checkpoint(tmp_path)


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"checkpoint: cannot write .*choose a writable folder"):
        fit(1, checkpoint=tmp_path / "file")


def other_data(change):
    whole = data()
    change(whole)
    return whole


CHANGES = {
    "one value": lambda d: d.views["x"][47, 4].add_(1e-6),
    "one label": lambda d: d.labels[0].add_(1),
    "order of rows": lambda d: d.views["x"].copy_(d.views["x"].flip(0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_training_does_not_go_on_with_other_data(tmp_path, change):
    fit(1, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"resume: the checkpoint in .* is of other data; use the "
                                         r"same, choose another folder, delete this one, or"):
        train(Coder(), other_data(CHANGES[change]), epochs=2, players=PLAYERS, device="cpu",
              sampler=ClassBalanced(3, 4), weights={"kl": Ramp(0, 5, 1)}, lr_schedule=Cosine(6),
              clip=1.0, ema=0.8, seed=7, checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize(("options", "message"), [
    ({"weights": {"kl": Ramp(0, 5, 2)}}, r"made with weights=.*value=1.* this run has .*value=2"),
    ({"weights": {}}, "made with weights=.*kl.* and this run has weights={}"),
    ({"lr_schedule": Cosine(7)}, r"lr_schedule=Cosine\(total=6"),
    ({"lr_schedule": None}, "this run has lr_schedule=None"),
    ({"work": {"margin": 2.0}}, "made with margin=1.0 and this run has margin=2.0"),
    ({"work": {}}, "made with margin=1.0 and this run has margin=not stated"),
    ({"work": {"margin": 1.0, "more": 1}}, "made with more=not stated and this run has more=1"),
])
def test_training_does_not_go_on_with_other_weights_rates_or_parameters(tmp_path, options, message):
    fit(1, checkpoint=tmp_path, work={"margin": 1.0})
    with pytest.raises(ValueError, match=message):
        fit(2, checkpoint=tmp_path, resume=True, **{"work": {"margin": 1.0}, **options})


def test_training_does_not_go_on_with_other_code(tmp_path, monkeypatch):
    fit(1, checkpoint=tmp_path)
    monkeypatch.setattr("crossalign.training.loop.code_fingerprint", lambda *of: "another")
    with pytest.raises(ValueError, match="is of other code"):
        fit(2, checkpoint=tmp_path, resume=True)


def test_training_does_not_go_back(tmp_path):
    fit(3, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"has done 3 epochs and this run has epochs=2; ask for "
                                         "more, choose another folder"):
        fit(2, checkpoint=tmp_path, resume=True)


def test_that_training_goes_on_is_said_with_the_epoch(tmp_path, capsys):
    fit(2, checkpoint=tmp_path, callbacks=[Progress()])
    assert capsys.readouterr().err == ""
    fit(6, checkpoint=tmp_path, resume=True, callbacks=[Progress()])
    assert capsys.readouterr().err == "going on from a checkpoint: 2 of 6 epochs are done\n"


def test_progress_without_a_terminal_is_a_line_now_and_then(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("crossalign.training.callbacks.PAUSE", 0.0)
    fit(3, callbacks=[Progress()])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert "0 s left" in lines[-1]


def test_a_checkpoint_is_discarded_with_its_drafts_and_nothing_else(tmp_path):
    for folder in ("a", "b"):
        fit(1, checkpoint=tmp_path / folder)
        (tmp_path / folder / f".{FILE_NAME}.0123abcd.part").write_text("half")
    (tmp_path / "b" / "thesis.txt").write_text("mine")
    for folder in ("a", "b", "nosuch"):
        discard_checkpoint(tmp_path / folder)
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("values", [{"a": {"b": lambda: 0}, "c": [1]}, {"c": [1], "a": object()}])
def test_settings_are_the_same_text_in_every_process(values):
    assert settings_text(values)["c"] == "[1]"
    assert "0x" not in str(settings_text(values))
