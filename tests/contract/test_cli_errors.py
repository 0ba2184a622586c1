"""Bad input on the command line: one sentence on standard error, exit code 2, no file left."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
import scipy.io

from crossalign.cli import main
from crossalign.evaluation import Report
from crossalign.evaluation.figures_file import figures_path


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["crossalign", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def benchmark(folder, **changes):
    """A small folder in the field's layout: 6 classes of 10 samples, 4 of them seen."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, 7), 10)
    att = rng.standard_normal((5, 6))
    rows = np.arange(60).reshape(6, 10) + 1
    content = {
        "features": (att.T[labels - 1] @ rng.standard_normal((5, 8))
                     + 0.1 * rng.standard_normal((60, 8))).T,
        "labels": labels[:, None],
        "att": att, "allclasses_names": np.array([[f"c{i}"] for i in range(6)], dtype=object),
        "trainval_loc": rows[:4, :8].reshape(-1, 1), "test_seen_loc": rows[:4, 8:].reshape(-1, 1),
        "test_unseen_loc": rows[4:].reshape(-1, 1), "train_loc": rows[:2, :8].reshape(-1, 1),
        "val_loc": rows[2:4, :8].reshape(-1, 1)} | changes
    content = {k: v for k, v in content.items() if v is not None}
    folder.mkdir()
    split = {"features", "labels"}
    scipy.io.savemat(folder / "res101.mat", {k: v for k, v in content.items() if k in split})
    scipy.io.savemat(folder / "att_splits.mat", {k: v for k, v in content.items()
                                                 if k not in split})
    return folder


def truncated(path):
    path.write_bytes(path.read_bytes()[:200])


def test_the_folder_itself_is_fine(tmp_path, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "run", "eszsl", "--data",
                       str(benchmark(tmp_path / "d")), "--json")
    assert code == 0
    assert set(json.loads(out)["scores"]) >= {"T1", "U", "S", "H", "U_raw", "S_raw", "H_raw",
                                              "AUSUC"}


def test_a_folder_is_read_in_which_12_of_102_classes_have_no_sample(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    kept = np.sort(rng.permutation(102)[:90])
    labels = np.repeat(kept + 1, 4)
    att = rng.standard_normal((20, 102))
    rows = np.arange(360).reshape(90, 4) + 1
    folder = benchmark(
        tmp_path / "d", features=(att.T[labels - 1] @ rng.standard_normal((20, 30))).T + rng
        .standard_normal((30, 360)), labels=labels[:, None], att=att,
        allclasses_names=np.array([[f"c{i}"] for i in range(102)], dtype=object),
        trainval_loc=rows[:70, :3].reshape(-1, 1), test_seen_loc=rows[:70, 3:].reshape(-1, 1),
        test_unseen_loc=rows[70:].reshape(-1, 1), train_loc=None, val_loc=None)
    code, out, err = run(monkeypatch, capsys, "run", "gfzsl", "--data", str(folder), "--json",
                         "--no-tune")
    assert code == 0, err
    assert "Warning" not in err
    report = json.loads(out)
    assert report["protocol"]["classes"] == {"seen": 70, "unseen": 32,
                                             "unseen_without_samples": 12}
    assert report["scores"]["T1"]["mean"] > 3 / 32
    code, out, _ = run(monkeypatch, capsys, "data", "validate", str(folder))
    assert code == 0
    assert "ok  classes: 70 seen, 32 unseen, 12 of them candidates without a sample" in out


ROWS = np.arange(60).reshape(6, 10) + 1
BAD_DATA = {
    "nan": ({"features": np.full((8, 60), np.nan)}, "NaN"),
    "width": ({"features": np.zeros((8, 59))}, "59"),
    "overlap": ({"test_seen_loc": ROWS[:4, :2].reshape(-1, 1)}, "test_seen"),
    "range": ({"labels": np.repeat([1, 2, 3, 4, 5, 9], 10)[:, None]}, "9"),
    "zero label": ({"labels": np.repeat(np.arange(6), 10)[:, None]}, "0"),
    "unseen in training": ({"trainval_loc": np.concatenate([ROWS[:4, :8].ravel(), [41]])[:, None],
                            "test_unseen_loc": ROWS[4:].ravel()[1:, None]}, "seen"),
    "index range": ({"test_unseen_loc": np.array([[999]])}, "999"),
    "no attributes": ({"att": None}, "att"),
    "attribute rows": ({"att": np.zeros((5, 4))}, "4"),
    "attribute nan": ({"att": np.full((5, 6), np.inf)}, "att"),
    "constant features": ({"features": np.ones((8, 60))}, "do not differ"),
    "0-based": ({"trainval_loc": ROWS[:4, :8].reshape(-1, 1) - 1}, "0-based"),
    "seen classes are not tested": ({"test_seen_loc": None, "trainval_loc": None}, "trainval_loc"),
    "empty split": ({"test_unseen_loc": np.zeros((0, 1))}, "test_unseen"),
    "no features": ({"features": None}, "features"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(case, tmp_path, monkeypatch, capsys):
    changes, expected = BAD_DATA[case]
    folder = benchmark(tmp_path / "d", **changes)
    code, out, err = run(monkeypatch, capsys, "run", "gfzsl", "--data", str(folder), "--json")
    check(code, out, err)
    assert expected in err


def check(code: int, out: str, err: str) -> None:
    assert code == 2, err
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("crossalign: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    assert lines[0].rstrip().endswith((".", "?")), err


@pytest.mark.parametrize(("arguments", "expected"), [
    (["run", "nosuch"], "there is no 'nosuch'"),
    (["run", "eszl"], "did you mean 'eszsl'"),
    (["run", "eszsl", "--data", "nosuch"], "nosuch"),
    (["run", "eszsl", "--set", "alfa=1"], "did you mean 'alpha'"),
    (["run", "eszsl", "--set", "alpha"], "key=value"),
    (["run", "eszsl", "--set", "alpha=high"], "high"),
    (["run", "gfzsl", "--set", "shrinkage=2"], "shrinkage"),
    (["run", "gfzsl", "--tune", "shrinkage=0.1"], "shrinkage=[value, value]"),
    (["run", "gfzsl", "--tune", "shrinkage=[high]"], "--tune shrinkage: got 'high'; give a float"),
    (["run", "gfzsl", "--tune", "shrinkage=[0.1, 7]"], "--tune shrinkage: got 7.0"),
    (["run", "gfzsl", "--set", "ridge=1", "--set", "ridge=2"], "ridge stands twice"),
    (["run", "gfzsl", "--set", "ridge=1", "--tune", "ridge=[1, 2]"], "ridge is set as well"),
    (["run", "cada_vae", "--set", "latent=100000000000"], "latent: got 100000000000; give an int"),
    (["run", "eszsl", "--set", "alpha=1000"], "alpha: got 1000.0; give a float in the range"),
    (["run", "eszsl", "--set", "alpha=1" + "0" * 400], "a smaller number"),
    (["run", "cada_vae", "--set", "epochs=true"], "epochs: got True"),
    (["run", "acmr", "--best-epoch", "--set", "head=prototype", "--set", "epochs=1"], "best_epoch"),
    (["run", "eszsl", "--bits", "8"], "bits: got 8 for gzsl"),
    (["run", "cca", "--unseen", "sketchy25-sake"],
     "unseen: 'sketchy25-sake' names 25 classes"),
    (["run", "cca", "--encoder", "nosuch.tflite"], "there is no file 'nosuch.tflite'"),
    (["ablate", "gfzsl"], "declares no ablation"),
    (["ablate", "acmr", "--row", "IEM"], "there is no 'IEM'; the rows are 'Dual-VAE', "),
    (["ablate", "cca", "--row", "IEM"], "there is no 'IEM' nor any other row; name a model"),
    (["run", "cca", "--data", "glyphs", "-d", "synthetic"], "--data: stands twice; give it once."),
    (["run", "cca", "--json", "--json"], "--json: stands twice"),
    (["ablate", "acmr", "--curves", "--no-curves"], "--curves/--no-curves: stands twice"),
    (["evaluate", "m", "--bits", "8", "--bits=16"], "--bits: stands twice"),
    (["data", "validate", "glyphs", "--unseen", "a", "--unseen", "b"], "--unseen: stands twice"),
    (["run", "cada_vae", "--set", "epochs=0"], "epochs"),
    (["run", "eszsl", "--task", "sing"], "sing"),
    (["run", "gfzsl", "--data", "glyphs", "--task", "retrieval"], "does not embed"),
    (["run", "perfect_alignment", "--task", "gzsl"], "knows no classes"),
    (["run", "eszsl", "--seeds", "99999999999999"], "100000 runs at most"),
    (["run", "lcale", "--task", "retrieval", "--set", "head=prototype"], "head does nothing"),
    (["fit", "acmr", "--task", "retrieval", "--set", "head=softmax", "--set", "head__epochs=2",
      "--out", "nosuch"],
     "head does nothing for retrieval"),
    (["run", "cca", "--task", "transfer", "--tune", "reg=[0.1, 1]"], "reg cannot be chosen"),
    (["run", "recipe:acmr-cubs"], "did you mean 'acmr-cub'"),
    (["run", "recipe:nosuch"], "choose one of"),
    (["run", "recipe:nosuch.yaml"], "nosuch.yaml"),
    (["run", "recipe:"], "choose one of"),
    (["run", "recipe:acmr-cub", "--set", "kl_rmap=1"], "did you mean 'kl_ramp'"),
    (["run", "recipe:acmr-cub", "--set", "kl_ramp=1"], "[0, 30]"),
    (["fit", "recipe:nosuch", "--out", "nosuch"], "choose one of"),
    (["recipes", "nosuch"], "choose one of"),
    (["evaluate", "nosuch"], "model.json"),
    (["profile", "nosuch"], "there is no 'nosuch'"),
    (["profile", "cca", "fgna"], "did you mean 'fgan'"),
    (["profile", "cca", "--set", "rge=1"], "did you mean 'reg'"),
    (["profile", "cca", "lcale", "--set", "epoch=1"], "no parameter 'epoch'"),
    (["profile", "cca", "eszsl", "--data", "synthetic"], "eszsl does not embed"),
    (["profile", "fgan", "cca", "--task", "retrieval", "--tokens"], "CCA reads vectors"),
    (["models", "nosuch"], "there is no 'nosuch'"),
    (["data", "validate", "nosuch"], "nosuch"),
])
def test_bad_arguments(arguments, expected, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, *arguments)
    check(code, out, err)
    assert expected in err


@pytest.mark.parametrize("file", ["res101.mat", "att_splits.mat"])
def test_truncated_files(file, tmp_path, monkeypatch, capsys):
    folder = benchmark(tmp_path / "d")
    truncated(folder / file)
    code, out, err = run(monkeypatch, capsys, "run", "eszsl", "--data", str(folder))
    check(code, out, err)
    assert file in err


def test_missing_features_say_how_to_get_them(tmp_path, monkeypatch, capsys):
    folder = benchmark(tmp_path / "d")
    (folder / "res101.mat").unlink()
    code, out, err = run(monkeypatch, capsys, "run", "eszsl", "--data", str(folder))
    check(code, out, err)
    assert "res101.mat" in err


def test_a_recipe_with_the_split_only_says_where_the_features_are(tmp_path, monkeypatch, capsys):
    folder = benchmark(tmp_path / "d")
    (folder / "res101.mat").unlink()
    code, out, err = run(monkeypatch, capsys, "run", "recipe:acmr-awa2", "--data", str(folder))
    check(code, out, err)
    for words in ("res101.mat: missing", "xlsa17.zip", "Xian et al.", "ResNet-101", "your own"):
        assert words in err


def test_a_recipe_runs_on_other_data_with_a_note(tmp_path, monkeypatch, capsys):
    folder = benchmark(tmp_path / "d")
    code, out, err = run(monkeypatch, capsys, "run", "recipe:acmr-awa2", "--data", str(folder),
                         "--set", "epochs=2", "--set", "head__epochs=1")
    assert code == 0
    assert [line for line in err.splitlines() if line.startswith("note: ")] == [
        "note: 'd' has 6 classes instead of 50, 2 unseen classes instead of 10, side information "
        "of width 5 instead of 85, features of width 8 instead of 2048, so the published numbers "
        "of acmr-awa2 are about other data."]
    assert "\nACMR           60.0  80.2  68.7\n" in out
    assert "\nchanged    epochs=2, head__epochs=1\n" in out


def test_unknown_attributes_file(tmp_path, monkeypatch, capsys):
    folder = benchmark(tmp_path / "d")
    code, out, err = run(monkeypatch, capsys, "run", "eszsl", "--data", str(folder),
                         "--attributes", "sent_splits.mat")
    check(code, out, err)
    assert "sent_splits.mat" in err


def test_profiles_of_several_models_are_one_table_or_one_record(tmp_path, monkeypatch, capsys):
    words = ("profile", "cca", "gfzsl", "cada_vae", "--data", str(benchmark(tmp_path / "d")),
             "--no-memory", "--repeats", "1", "--set", "shrinkage=0.2", "--set", "latent=3")
    code, out, _ = run(monkeypatch, capsys, *words)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[4:7]] == ["cca", "gfzsl", "cada_vae"]
    code, out, _ = run(monkeypatch, capsys, *words, "--json")
    assert code == 0
    models = {one["model"]: one for one in json.loads(out)["models"]}
    assert list(models) == ["cca", "gfzsl", "cada_vae"]
    assert models["gfzsl"]["params"]["shrinkage"] == 0.2
    assert models["cada_vae"]["params"]["latent"] == 3
    assert all(one["train_memory"] is None for one in models.values())


def test_output_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    code, out, err = run(monkeypatch, capsys, "run", "eszsl", "--data",
                         str(benchmark(tmp_path / "d")), "--out", str(tmp_path / "file" / "deep"))
    check(code, out, err)
    assert sorted(os.listdir(tmp_path)) == ["d", "file"]


def test_a_damaged_model_folder(tmp_path, monkeypatch, capsys):
    folder = benchmark(tmp_path / "d")
    model = tmp_path / "model"
    assert run(monkeypatch, capsys, "fit", "eszsl", "--data", str(folder), "--out",
               str(model))[0] == 0
    assert run(monkeypatch, capsys, "evaluate", str(model), "--data", str(folder))[0] == 0
    truncated(next(model.glob("model-*")) / "weights.safetensors")
    code, out, err = run(monkeypatch, capsys, "evaluate", str(model), "--data", str(folder))
    check(code, out, err)
    assert "damaged" in err


def test_a_model_of_other_features(tmp_path, monkeypatch, capsys):
    model = tmp_path / "model"
    narrow = benchmark(tmp_path / "a")
    wide = benchmark(tmp_path / "b", features=np.random.default_rng(0).standard_normal((9, 60)))
    assert run(monkeypatch, capsys, "fit", "gfzsl", "--data", str(narrow), "--out",
               str(model))[0] == 0
    code, out, err = run(monkeypatch, capsys, "evaluate", str(model), "--data", str(wide))
    check(code, out, err)
    assert "width of training" in err


def saved_report(artefacts):
    return Report.from_runs([{"H": 0.5}], model="m", data="d", task="gzsl", seeds=[0], seconds=1,
                            selection="none", artefacts=artefacts)


@pytest.mark.parametrize(("kind", "part"), [
    ("curve", {"seen": [0.1]}), ("curve", 0.5), ("hits", np.eye(3)), ("rows", np.eye(3)),
    ("rows", [{"model": "m", "H": 0.5}]), ("rows", [{"model": "m", "difference": {"mean": 1}}]),
    ("few_shot", {"ks": [1, 2], "curves": {"update": {"T1": np.eye(2), "H": np.eye(3)}}}),
    ("class_accuracy", {"names": ["a"], "accuracy": np.eye(3)}),
    ("confusion", {"names": ["a", "b"], "of": 2, "matrix": np.full((2, 2, 2), np.nan)})])
def test_a_page_of_foreign_arrays_names_their_file_and_is_not_written(
        tmp_path, monkeypatch, capsys, kind, part):
    path = saved_report({kind: part}).save(tmp_path / "report.json")
    code, out, err = run(monkeypatch, capsys, "page", str(tmp_path))
    assert (code, out) == (2, "")
    assert str(figures_path(path)) in err
    assert repr(kind) in err
    assert err.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_a_page_of_an_unknown_task_is_not_written(tmp_path, monkeypatch, capsys):
    path = saved_report({}).save(tmp_path / "report.json")
    path.write_text(path.read_text().replace('"task": "gzsl"', '"task": "foo"'))
    code, _, err = run(monkeypatch, capsys, "page", str(path))
    assert code == 2
    assert str(path) in err
    assert "task is 'foo'" in err
    assert not (tmp_path / "report.html").exists()
