"""On the command line: nothing finished is lost, nothing of other work mixed in, streams hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from test_cli_errors import benchmark, check, run

from crossalign.boundary import UNREAD, fill_closed_streams, flush_output


@pytest.fixture
def folder(tmp_path):
    return benchmark(tmp_path / "d")


@pytest.mark.parametrize("words", [
    ["run", "cada_vae", "--set", "random_state=3"],
    ["few-shot", "lcale", "--set", "random_state=3"],
    ["ablate", "acmr", "--set", "random_state=3"], ["run", "acmr", "--tune", "random_state=[1, 2]"],
    ["fit", "cada_vae", "--out", "m", "--tune", "random_state=[1, 2]"]])
def test_a_seed_that_would_not_be_heeded_is_refused(words, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, *words)
    check(code, out, err)
    assert "random_state is not a choice here, as run k uses seed k" in err


def test_fit_heeds_the_seed_that_is_set(tmp_path, folder, monkeypatch, capsys):
    fit = ("fit", "cada_vae", "--data", str(folder), "--no-tune", "--set", "epochs=1")
    for out, more in (("a", ["--seed", "3"]), ("b", ["--set", "random_state=3"]), ("c", [])):
        assert run(monkeypatch, capsys, *fit, "--out", str(tmp_path / out), *more)[0] == 0
    records = [json.loads(next((tmp_path / out).glob("model-*/model.json")).read_text())
               for out in "abc"]
    assert [r["params"]["random_state"] for r in records] == [3, 3, 0]
    assert records[0]["sha256"] == records[1]["sha256"] != records[2]["sha256"]


@pytest.mark.parametrize("words", [["fit", "eszsl", "--no-tune"], ["run", "eszsl", "--no-tune"]])
def test_a_second_time_gives_the_same_again(words, tmp_path, folder, monkeypatch, capsys):
    words = [*words, "--data", str(folder), "--out", str(tmp_path / "o")]
    first, second = (run(monkeypatch, capsys, *words) for _ in range(2))
    assert (first[0], first[1].splitlines()[1:]) == (0, second[1].splitlines()[1:])


def test_an_out_that_holds_other_things_is_said_before_the_training(tmp_path, folder, monkeypatch,
                                                                    capsys):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "notes.txt").write_text("mine")
    code, out, err = run(monkeypatch, capsys, "fit", "eszsl", "--data", str(folder), "--out",
                         str(tmp_path / "o"))
    check(code, out, err)
    assert "choosing" not in err
    assert "exists and is not a saved task" in err
    assert os.listdir(tmp_path / "o") == ["notes.txt"]


def test_a_link_to_nowhere_is_said_before_the_training(tmp_path, folder, monkeypatch, capsys):
    (tmp_path / "o").symlink_to(tmp_path / "nowhere")
    for words in (["fit", "eszsl"], ["run", "eszsl"]):
        code, out, err = run(monkeypatch, capsys, *words, "--data", str(folder), "--out",
                             str(tmp_path / "o"))
        check(code, out, err)
        assert "--out: cannot write to" in err
        assert "choosing" not in err


def test_files_beside_unfinished_training_stay(tmp_path, folder, monkeypatch, capsys):
    (tmp_path / "o.unfinished").mkdir()
    (tmp_path / "o.unfinished" / "thesis.txt").write_text("mine")
    assert run(monkeypatch, capsys, "fit", "cada_vae", "--no-tune", "--set", "epochs=1", "--data",
               str(folder), "--out", str(tmp_path / "o"))[0] == 0
    assert os.listdir(tmp_path / "o.unfinished") == ["thesis.txt"]


def test_a_page_that_cannot_be_drawn_loses_no_number(tmp_path, folder, monkeypatch, capsys):
    def fail(reports):
        raise ValueError("page: cannot be drawn; rename a class.")

    monkeypatch.setattr("crossalign.pages.page.render", fail)
    code, out, err = run(monkeypatch, capsys, "run", "eszsl", "--no-tune", "--data", str(folder),
                         "--out", str(tmp_path / "o"), "--json")
    assert code == 2
    assert "page: cannot be drawn" in err
    saved = json.loads((tmp_path / "o" / "report.json").read_text())
    assert json.loads(out)["scores"] == saved["scores"]


def test_more_seeds_than_splits_name_the_option(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 4)
    np.savez(tmp_path / "p.npz", image=rng.normal(size=(32, 5)), text=rng.normal(size=(32, 4)),
             labels=labels)
    code, out, err = run(monkeypatch, capsys, "run", "cca", "--data", str(tmp_path / "p.npz"),
                         "--seeds", "11", "--out", str(tmp_path / "o"))
    check(code, out, err)
    assert "there are 10 fixed class splits, 0 to 9. Give fewer --seeds." in err
    assert "run 1 of" not in err
    assert not (tmp_path / "o").exists()


def test_closed_streams_are_filled_and_a_reader_that_left_is_no_complaint():
    """In a process of its own, whose standard error is closed and whose reader goes away."""
    code = ("import os, sys\n"
            "from crossalign.boundary import *\n"
            "fill_closed_streams()\n"
            "assert os.open(os.devnull, os.O_RDONLY) > 2\n"
            "tell('nowhere'); print('one object')\n"
            "flush_output()\n")
    done = subprocess.run(["/bin/sh", "-c", f'"{sys.executable}" -c "$1" 2>&-', "sh", code],
                          stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "one object\n")
    gone = ("import sys, time\nfrom crossalign.boundary import flush_output\n"
            "sys.stdin.read()\nprint('late'); flush_output()\n")
    with subprocess.Popen([sys.executable, "-c", gone], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONUNBUFFERED": ""}) as process:
        process.stdout.close()
        process.stdin.close()
        assert (process.stderr.read(), process.wait()) == ("", 0)


def test_streams_in_order_are_left_alone(capsys):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    fill_closed_streams()
    flush_output()
    assert before == (len(os.listdir("/proc/self/fd")) if before else 0)


def test_a_page_is_drawn_again_from_what_was_saved(tmp_path, folder, monkeypatch, capsys):
    out = tmp_path / "o"
    assert run(monkeypatch, capsys, "run", "eszsl", "--no-tune", "--data", str(folder), "--out",
               str(out))[0] == 0
    first = (out / "report.html").read_text()
    assert "<figure" in first
    (out / "report.html").unlink()
    assert run(monkeypatch, capsys, "page", str(out))[0] == 0
    assert (out / "report.html").read_text() == first
    code, said, _ = run(monkeypatch, capsys, "page", str(out / "report.json"), str(out), "--out",
                        str(tmp_path / "two"))
    assert (code, said) == (0, f"{tmp_path / 'two' / 'report.html'}\n")
    assert "Zero-shot report" in (tmp_path / "two" / "report.html").read_text()
    (out / "figures.npz").write_bytes(b"PK nothing")
    code, said, err = run(monkeypatch, capsys, "page", str(out))
    check(code, said, err)
    assert "figures.npz" in err


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_command_whose_reader_has_left_ends_as_if_by_its_signal(lines):
    """As tools of Unix behind ``| head``: without a word, and not as if all had been read."""
    code = ("import sys, typer\nfrom crossalign.boundary import run_command\n"
            f"app = typer.Typer()\n@app.command()\ndef say():\n    sys.stdin.read()\n"
            f"    for n in range({lines}): print('a line')\n"
            "run_command(app)\n")
    for written in (code, code.replace("run_command(app)", "run_command(say)")):
        with subprocess.Popen([sys.executable, "-c", written], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONUNBUFFERED": ""}) as process:
            process.stdout.close()
            process.stdin.close()
            assert (process.stderr.read(), process.wait()) == ("", UNREAD)
