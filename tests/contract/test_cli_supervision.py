"""On the command line: options of supervision, what a saved model remembers, the learning curve."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_cli_errors import check, run

from crossalign.cli import app
from crossalign.data_options import DataOptions


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file of pairs in eight classes."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 12)
    z = rng.normal(size=(8, 6))[labels] + 0.3 * rng.normal(size=(96, 6))
    path = tmp_path_factory.mktemp("place") / "pairs.npz"
    np.savez(path, image=z @ rng.normal(size=(6, 9)), text=z @ rng.normal(size=(6, 7)),
             labels=labels)
    return str(path)


def test_a_run_states_its_supervision(file, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "run", "cca", "--data", file, "--pairs", "10",
                         "--labels", "text", "--wrong", "0.2", "--unpaired", "3", "--json",
                         "--no-tune")
    assert code == 0, err
    report = json.loads(out)
    assert report["protocol"]["supervision"] == {
        "pairs": 10, "wrong_pairs": 2, "unpaired": {"image": 3, "text": 3}, "labels": "text"}


def test_a_saved_model_remembers_its_supervision(file, tmp_path, monkeypatch, capsys):
    out = str(tmp_path / "m")
    assert run(monkeypatch, capsys, "fit", "ridge_map", "--data", file, "--pairs", "0",
               "--labels", "both", "--set", "pairs=class", "--no-tune", "--out", out)[0] == 0
    code, told, err = run(monkeypatch, capsys, "evaluate", out, "--json")
    assert code == 0, err
    stated = json.loads(told)["protocol"]
    assert stated["supervision"]["pairs"] == 0
    assert not stated.get("model_of_another_split")
    assert "pairs 0" in err


def test_remembered_words_are_those_that_were_given():
    given = DataOptions("glyphs", pairs="0", unpaired="all", labels="none", wrong="0")
    assert {**given.remembered()} == {"data": "glyphs", "pairs": "0", "unpaired": "all",
                                      "labels": "none", "wrong": "0"}
    assert DataOptions().supervision.full


def test_a_seed_of_the_data_draws_other_unseen_letters(monkeypatch, capsys):
    from crossalign import load

    found = {}
    for words in ([], ["--data-seed", "3"]):
        code, told, err = run(monkeypatch, capsys, "run", "eszsl", "--data", "glyphs", "--no-tune",
                              "--json", *words)
        assert code == 0, err
        found[len(words)] = json.loads(told)["protocol"]["split_id"]
    assert found == {n: load("glyphs", seed=seed).protocol["split_id"]
                     for n, seed in ((0, 0), (2, 3))}
    assert found[0] != found[2]
    assert DataOptions("glyphs", data_seed=3).remembered() == {"data": "glyphs", "data_seed": 3}
    assert run(monkeypatch, capsys, "run", "eszsl", "--data-seed", "-1")[0] == 2


@pytest.mark.parametrize(("words", "says"), [
    (["run", "cca", "--inputs", "features"], "inputs: got features for gzsl"),
    (["run", "cca", "--task", "vqa", "--inputs", "sound"], "inputs: got 'sound' for vqa"),
    (["run", "cca", "--task", "retrieval", "--pairs", "ten"], "pairs: got 'ten'"),
    (["run", "gfzsl", "--labels", "none"], "labels: got 'none', and gzsl learns from labels"),
    (["run", "perfect_alignment", "--task", "transfer", "--pairs", "10"], "loaded for transfer"),
    (["run", "cca", "--task", "retrieval", "--labels", "own"], "labels: got 'own'"),
    (["learning-curve", "cca", "cca"], "'cca' stands twice"),
    (["learning-curve", "cca", "--pairs", "20;50"], "pairs: got '20;50'"),
    (["learning-curve", "cca", "--wrong", "0,some"], "wrong: got 'some'"),
    (["learning-curve", "cca", "--wrong", "0,0.1"], "several numbers of pairs"),
    (["learning-curve", "cca", "--labels", "some"], "labels: got 'some'"),
    (["learning-curve", "gfzsl"], "does not embed"),
    (["learning-curve", "cca", "--metric", "H"], "metric: got 'H'")])
def test_bad_words_are_one_sentence(words, says, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, *words)
    check(code, out, err)
    assert says in err


def test_commands_that_do_not_train_on_pairs_have_no_such_options():
    from typer.main import get_command

    commands = get_command(app).commands
    commands = {**commands, **commands["data"].commands}
    having = {name for name, command in commands.items()
              if "--wrong" in {word for param in command.params for word in param.opts}}
    assert having == {"run", "fit", "evaluate", "ablate", "profile", "learning-curve"}


def test_the_learning_curve_of_two_models_on_the_letters(tmp_path, monkeypatch, capsys):
    words = ["learning-curve", "ridge_map,alpha=100", "cca,reg=0.1", "--data", "glyphs", "--pairs",
             "20,300", "--labels", "none", "--no-tune", "--out", str(tmp_path / "o")]
    code, out, err = run(monkeypatch, capsys, *words, "--json")
    assert code == 0, err
    told = json.loads(out)
    means = {row: of["mean"] for row, of in told["rows"].items()}
    assert list(means) == ["chance", "ridge_map (alpha=100)", "cca (reg=0.1)"]
    assert means["chance"][0] < means["ridge_map (alpha=100)"][0] < means[
        "ridge_map (alpha=100)"][1]
    assert "point 4 of 4" in err
    assert {p.name for p in (tmp_path / "o").iterdir()} == {
        "learning_curve.json", "learning_curve.svg", "learning_curve.png", "points", "runs"}
    again = run(monkeypatch, capsys, *words)
    assert again[0] == 0
    assert "finished before" in again[2]
    assert f"{100 * means['cca (reg=0.1)'][1]:.1f}" in again[1]
