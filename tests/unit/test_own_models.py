"""A model in a file of one's own runs, saves and loads; nothing runs that the user did not name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import crossalign as ca
from crossalign import models
from crossalign.cli import main
from crossalign.models.own_file import own_class
from crossalign.models.store import load_model

SOURCE = '''
import numpy as np
from crossalign.models.base import Model
from crossalign.models.roles import Aligner
from crossalign.models.rows import unit_rows


class LeastSquares(Aligner, Model):
    """The first modality mapped onto the second by ridge regression."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y=None, *, classes=None, callbacks=()):
        X, classes = self._start(X, y, classes)
        self.source_, self.target_ = X.modalities[:2]
        x, z = X[self.source_], X[self.target_]
        self.coef_ = np.linalg.solve(x.T @ x + self.alpha * np.eye(x.shape[1]), x.T @ z)
        return self

    def embed(self, x, modality):
        rows = self._rows(x, modality)
        return unit_rows(rows @ self.coef_ if modality == self.source_ else rows)


class CCA(LeastSquares):
    """Of the name of one that the library has."""


class NoModel:
    pass
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def views():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 12)
    hidden = rng.normal(size=(6, 4))[labels] + 0.3 * rng.normal(size=(72, 4))
    return ca.Views({"image": hidden @ rng.normal(size=(4, 9)),
                     "text": hidden @ rng.normal(size=(4, 7))}, labels)


@pytest.fixture
def pairs(views, tmp_path):
    np.savez(tmp_path / "pairs.npz", image=views["image"], text=views["text"], labels=views.labels)
    return tmp_path / "pairs.npz"


def command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["crossalign", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code, capsys.readouterr()


def test_it_runs_saves_and_loads_on_the_command_line(file, pairs, tmp_path, monkeypatch, capsys):
    code, said = command(monkeypatch, capsys, "run", f"{file}:LeastSquares", "--data", pairs,
                         "--set", "alpha=0.5", "--json")
    report = json.loads(said.out)
    assert (code, report["model"], report["params"]["alpha"]) == (0, "LeastSquares", 0.5)
    code, said = command(monkeypatch, capsys, "fit", f"{file}:LeastSquares", "--data", pairs,
                         "--out", tmp_path / "fitted", "--set", "alpha=0.5")
    assert code == 0
    code, said = command(monkeypatch, capsys, "evaluate", tmp_path / "fitted", "--data", pairs,
                         "--model", f"{file}:LeastSquares", "--json")
    assert json.loads(said.out)["scores"]["mAP"]["runs"] == report["scores"]["mAP"]["runs"]
    code, said = command(monkeypatch, capsys, "evaluate", tmp_path / "fitted", "--data", pairs)
    assert code == 2
    assert "of 'my.py', and code is run only where you name it: give model=" in said.err
    assert "Traceback" not in said.err


def test_it_loads_by_its_file_by_its_class_and_by_itself(file, views, tmp_path):
    cls = models.get(f"{file}:LeastSquares")
    assert cls is models.get(f"{file}:LeastSquares")           # the file is run once
    folder = cls(alpha=2.0).fit(views).save(tmp_path / "model")
    want = cls(alpha=2.0).fit(views).embed(views["image"], "image")
    for again in (load_model(folder, f"{file}:LeastSquares"), load_model(folder, cls),
                  cls.load(folder)):
        np.testing.assert_array_equal(again.embed(views["image"], "image"), want)
        assert again.alpha == 2.0


def test_the_folder_says_which_file_and_class_it_is_of_and_runs_neither(file, views, tmp_path):
    folder = own_class(f"{file}:LeastSquares")().fit(views).save(tmp_path / "model")
    record = json.loads((folder / "model.json").read_text())
    assert (record["class"], record["origin"]["file"]) == ("LeastSquares", "my.py")
    assert len(record["origin"]["sha256"]) == 64
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (folder / "my.py").write_text(evil.read_text())
    record["origin"]["file"] = str(evil)
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="code is run only where you name it"):
        load_model(folder)
    assert not (tmp_path / "ran").exists()


def test_a_class_with_a_name_of_the_library_stays_ones_own(file, views, tmp_path):
    folder = own_class(f"{file}:CCA")().fit(views).save(tmp_path / "model")
    with pytest.raises(ValueError, match="code is run only where you name it"):
        load_model(folder)
    with pytest.raises(ValueError, match=r"holds a 'CCA' of 'my\.py'"):
        models.CCA.load(folder)
    assert type(load_model(folder, f"{file}:CCA")).__module__ == "crossalign_own.my"


@pytest.mark.parametrize("made_up", [[], 3, "x", {"file": {"a": 1}}, {"sha256": [1]}])
def test_an_origin_that_was_made_up_is_one_sentence(file, views, tmp_path, made_up):
    folder = own_class(f"{file}:LeastSquares")().fit(views).save(tmp_path / "model")
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**record, "origin": made_up}))
    with pytest.raises(ValueError, match="code is run only where you name it"):
        load_model(folder)


def test_a_file_that_has_changed_since_is_said(file, views, tmp_path):
    cls = own_class(f"{file}:LeastSquares")
    folder = cls().fit(views).save(tmp_path / "model")
    file.write_text(SOURCE + "\n# another line\n")
    with pytest.warns(UserWarning, match="has changed since"):
        load_model(folder, cls)


def test_a_class_of_this_session_loads_with_itself(views, tmp_path):
    class Halved(models.RidgeMap):
        """Half of it."""

    folder = Halved().fit(views).save(tmp_path / "model")
    assert isinstance(Halved.load(folder), Halved)
    with pytest.raises(ValueError, match="code is run only where you name it"):
        load_model(folder)


@pytest.mark.parametrize(("text", "name", "says"), [
    (SOURCE, "LeastSquare", "did you mean 'LeastSquares'"),
    (SOURCE, "NoModel", "is no model; derive"),
    (SOURCE, "Nothing", r"its models are \['LeastSquares', 'CCA'\]"),
    ("import nothing_of_this_name", "A", "fails .line 1, ModuleNotFoundError"),
    ("x = 1\n\ny = 1 / 0", "A", "line 3, ZeroDivisionError"),
    ("def (:", "A", "line 1, SyntaxError"), (None, "A", "there is no file")])
def test_what_cannot_be_read_of_a_file_is_one_sentence(tmp_path, text, name, says):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        models.get(f"{path}:{name}")
    assert "\n" not in str(caught.value)


# -- a model of the library ------------------------------------------------------------------------
def test_one_file_registers_a_model(tmp_path):
    """Copies the package with one file more, which nothing else names."""
    package = tmp_path / "crossalign"
    shutil.copytree(Path(ca.__file__).parent, package,
                    ignore=shutil.ignore_patterns("__pycache__"))
    text = Path(models.get("eszsl").__module__.replace(".", "/") + ".py")
    source = (tmp_path / text).read_text().replace("ESZSL", "Another")
    (tmp_path / text).with_name("another.py").write_text(source)
    code = ("from crossalign import models; model = models.get('another')(); "
            "print(model.cli_name, 'Another' in models.__all__, 'another' in models.names(), "
            "type(model) is models.Another)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.stdout.split() == ["another", "True", "True", "True"]
