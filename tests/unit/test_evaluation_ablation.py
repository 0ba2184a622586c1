"""Ablation rows, sweeps whose test score has no say, and the best-epoch diagnostic."""

import json
from dataclasses import replace

import numpy as np
import pytest
from interrupting import interrupting
from small import recognition as small_benchmark

import crossalign as ca
from crossalign.evaluation.ablation import ablation_table, module_rows, sweep
from crossalign.evaluation.protocols import GZSL
from crossalign.evaluation.protocols.recognition_scores import best_epoch_on_test, score_gzsl
from crossalign.evaluation.selection import select
from crossalign.models import ACMR, GFZSL, Chance
from crossalign.recipes.ablation import run_ablation

SMALL = {"epochs": 2, "latent": 4, "hidden": ((16, 16), (16, 16)), "head": "softmax",
         "head__epochs": 3, "head__seen_samples": 10, "head__unseen_samples": 10}


@pytest.fixture(scope="module")
def letters():
    return ca.load("glyphs")


def test_rows_differ_in_what_they_say_and_share_the_protocol():
    bench = small_benchmark()
    rows = dict(module_rows(ACMR(**SMALL), bench, ACMR.ablations, 2))
    assert list(rows) == ["Dual-VAE", "IE-VAE", "VSA-VAE", "ACMR"]
    assert [r.params["iem"] for r in rows.values()] == ["off", "auto", "off", "auto"]
    assert all(r.comparable(rows["ACMR"]) and len(r.seeds) == 2 for r in rows.values())
    lines = ablation_table(rows, ("H", "AUSUC"), {"ACMR": {"H": 55.3}}).splitlines()
    end = lines[0].index("AUSUC") + len("AUSUC")
    assert all(line[end - 1].isdigit() and line[end:end + 1] in ("", " ") for line in lines[1:])
    assert [line.split()[0] for line in lines[1:]] == list(rows)
    assert lines[-1].endswith("55.3")
    assert not lines[1].endswith("55.3")


def test_a_model_without_rows_says_so():
    with pytest.raises(ValueError, match="declares no ablation"):
        next(module_rows(Chance(), small_benchmark(), Chance.ablations))


def test_a_sweep_chooses_on_validation_and_nothing_else(letters):
    values = [0.03, 0.3, 0.9]
    curve = sweep(GFZSL(), letters, "shrinkage", values)
    for i, value in enumerate(values):
        choice = select(GFZSL(), letters, GZSL(), {"shrinkage": [value]})
        assert curve.validation[0, i] == choice.tried[0][1]
        model = GFZSL(shrinkage=value).fit(letters["train"], classes=letters.classes)
        assert curve.test[0, i] == score_gzsl(model, letters, choice.settings["gamma"]).scores["H"]
    assert curve.chosen == values[int(curve.validation[0].argmax())]
    rng = np.random.default_rng(0)
    scrambled = replace(letters, splits={
        name: views if name == "train" else views.with_labels(rng.permutation(views.labels))
        for name, views in letters.splits.items()})
    lied_to = sweep(GFZSL(), scrambled, "shrinkage", values)
    np.testing.assert_array_equal(lied_to.validation, curve.validation)
    assert lied_to.chosen == curve.chosen
    assert lied_to.test.max() < curve.test.min()


def test_a_sweep_needs_validation_classes():
    with pytest.raises(ValueError, match="no validation classes"):
        sweep(GFZSL(), small_benchmark(validation=False), "shrinkage", [0.1])


def test_everything_is_written_as_it_is_done(tmp_path, capsys):
    run_ablation(ACMR(**SMALL), small_benchmark(), {"IE-VAE": {"vsa": "off"}, "ACMR": {}},
                 {"kl": (0.1, 1.0)}, tmp_path, curve_seeds=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "ablation.html", "curves.json", "rows", "runs", "sensitivity.svg"]
    assert sorted(p.name for p in (tmp_path / "rows").iterdir()) == ["ACMR.json", "IE-VAE.json"]
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert np.shape(curves["kl"]["validation"]) == (2, 2)
    page = (tmp_path / "ablation.html").read_text()
    assert "IE-VAE" in page
    assert page.count("<svg") >= 2
    assert "chosen on validation" in capsys.readouterr().out


def test_a_row_cannot_be_written_outside_its_folder(tmp_path):
    run_ablation(GFZSL(), small_benchmark(), {"../../wide": {}}, {}, tmp_path / "a" / "b")
    assert [p.name for p in tmp_path.rglob("*.json") if p.parent.name != "runs"] == [
        "..-..-wide.json"]
    assert (tmp_path / "a" / "b" / "rows" / "..-..-wide.json").is_file()


def test_ctrl_c_keeps_the_runs_that_were_finished(tmp_path):
    rows = {"narrow": {"kernel_gamma": 3.0}, "wide": {"kernel_gamma": 1.0}}
    with pytest.raises(KeyboardInterrupt):
        run_ablation(interrupting(GFZSL, 3)(), small_benchmark(), rows, {}, tmp_path, seeds=3)
    kept = json.loads((tmp_path / "rows" / "narrow.json").read_text())
    assert kept["seeds"] == [0, 1]
    assert [p.name for p in (tmp_path / "rows").iterdir()] == ["narrow.json"]


def test_best_epoch_is_the_best_of_the_heads_epochs():
    bench = small_benchmark()
    model = ACMR(**SMALL).fit(bench["train"], classes=bench.classes)
    raw = []
    for epochs in (1, 2, 3):
        model.set_params(head__epochs=epochs)
        raw.append(score_gzsl(model, bench).scores["H_raw"])
    assert best_epoch_on_test(model, bench)["H_best_epoch_diagnostic"] == max(raw)
    report = ca.evaluate(ACMR(**SMALL), bench, tune=False, pictures=False,
                         task=GZSL(best_epoch=True))
    scores = {name: score["mean"] for name, score in report.scores.items()}
    assert scores["H_best_epoch_diagnostic"] >= scores["H_raw"]
    with pytest.raises(ValueError, match="no epochs to pick"):
        best_epoch_on_test(model.set_params(head="prototype"), bench)


def test_random_evaluation_is_declared():
    for variant in ("clean", "author"):
        report = ca.evaluate(ACMR(variant=variant, **SMALL), small_benchmark(), pictures=False)
        assert report.protocol["leaks"]["stochastic_evaluation"] is (variant == "author")
