"""A suite is a list of whole runs: each is made as `evaluate` makes it, and the tables say so."""

import csv
import json

import pytest

import crossalign as ca
from crossalign import models
from crossalign.evaluation import Report
from crossalign.recipes import load_recipe
from crossalign.recipes.run_suite import run_suite
from crossalign.recipes.suite import load_suite

TWO = """
groups:
- title: Unseen letters & more
  metrics: [T1, H]
  common: {data: glyphs, task: gzsl, tune: false, params: {ridge: 0.5}}
  runs:
  - {name: plain, model: gfzsl}
  - {name: strong, model: gfzsl, params: {ridge: 2.0}}
- title: Carried over
  runs:
  - {name: carried, model: cca, data: glyphs, task: transfer}
"""


def written(folder, text=TWO):
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


def test_every_run_is_that_of_evaluate_and_the_tables_hold_it(tmp_path, capsys):
    suite = load_suite(written(tmp_path))
    assert [run.params for run in suite.runs] == [{"ridge": 0.5}, {"ridge": 2.0}, {}]
    run_suite(suite, tmp_path / "out", log=lambda line: None)
    bench = ca.load("glyphs")
    want = {name: ca.evaluate(models.get("gfzsl")(ridge=ridge), bench, tune=False, pictures=False)
            for name, ridge in (("plain", 0.5), ("strong", 2.0))}
    for name, report in want.items():
        assert Report.load(tmp_path / "out" / f"{name}.json").scores == report.scores
    with (tmp_path / "out" / "scores.csv").open() as file:
        rows = {(row["run"], row["metric"]): float(row["mean"]) for row in csv.DictReader(file)}
    assert rows["strong", "H"] == want["strong"].scores["H"]["mean"]
    printed = capsys.readouterr().out
    for text in (printed, *((tmp_path / "out" / f"tables.{kind}").read_text()
                            for kind in ("md", "tex"))):
        assert all(report.cell("H") in text for report in want.values())
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count('<section class="report"') == 2
    assert "<figure" in page


def test_a_suite_goes_on_with_the_first_run_that_lacks(tmp_path, monkeypatch):
    suite, out = load_suite(written(tmp_path)), tmp_path / "out"
    done = []
    run_suite(suite, out, log=done.append)
    again = []
    run_suite(suite, out, log=again.append)
    assert sum("finished before" in line for line in again) >= 2 > sum(
        "finished before" in line for line in done)


def test_an_entry_starts_from_a_recipe_and_takes_a_row_or_all(tmp_path):
    suite = load_suite(written(tmp_path, """
groups:
- title: ACMR
  common: {recipe: acmr-cub, data: CUB, tune: false, beside: [acmr-cub, ACMR]}
  runs:
  - {name: whole}
  - {name: fast, params: {epochs: 2}}
  - {name: one, row: IE-VAE}
  - {name: parts, every_row: true}
"""))
    recipe = load_recipe("acmr-cub")
    runs = {run.name: run for run in suite.runs}
    assert runs["whole"].params == recipe.params
    assert runs["whole"].changes == {}
    assert runs["fast"].changes == {"epochs": 2}
    assert runs["one"].params == {**recipe.params, **recipe.rows["IE-VAE"]}
    parts = [run for run in suite.runs if run.part]
    assert [run.row for run in parts] == list(recipe.rows)
    assert all(run.estimator().get_params()["epochs"] == 100 for run in parts)


def test_the_demo_is_a_suite_of_runs_that_exist():
    suite = load_suite("demo")
    assert len(suite.groups) == 5
    assert {run.data.partition(":")[0] for run in suite.runs} == {"glyphs"}
    for run in suite.runs:
        assert run.estimator().get_params().items() >= run.params.items()


def test_the_table_of_spaces_differs_in_the_space_alone():
    suite = load_suite("spaces")
    tables = [runs for _, _, runs in suite.groups if len({run.model for run in runs}) > 1]
    assert [runs[0].task for runs in tables] == ["vqa", "caption"]
    for runs in tables:
        same = {(run.data, run.task, run.data_seed, run.seeds) for run in runs}
        assert len(same) == 1
        assert 0 not in {run.data_seed for run in runs}         # the draw that was looked at
        assert [run.inputs for run in runs].count("features") == 1
        assert {"cca", "cada_vae", "lcale", "fusionnet_qsma"} <= {run.model for run in runs}
    for run in suite.runs:
        assert run.estimator().get_params().items() >= run.params.items()


@pytest.mark.parametrize(("change", "said"), [
    (("title: Carried over", "titel: Carried over"), "groups.1.title: missing; give a title"),
    (("model: cca", "model: ccaa"), "there is no 'ccaa'"),
    (("task: transfer", "task: dance"), "task: got 'dance'; give gzsl"),
    (("ridge: 2.0", "rigde: 2.0"), "has no parameter 'rigde'"),
    (("ridge: 2.0", "ridge: -2.0"), "ridge"),
    (("name: strong", "name: plain"), "two runs are named 'plain'"),
    (("name: strong", "row: tall"), "there is no 'tall'"),
    (("groups:", "group:"), "groups: missing; give a list of groups"),
    (("ridge: 2.0}}", "ridge: 2.0}, x: 1}"), "there is no field 'x'"),
    ((TWO, "[1]"), "give the fields groups")])
def test_one_sentence_for_whatever_is_wrong(tmp_path, change, said):
    assert change[0] in TWO
    file = written(tmp_path, TWO.replace(*change))
    with pytest.raises(ValueError, match=r"mine\.yaml") as caught:
        load_suite(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_built_in_suite_is_named():
    with pytest.raises(ValueError, match=r"neither a built-in suite .* did you mean 'demo'"):
        load_suite("dmo")


def test_several_at_a_time_give_the_same(tmp_path):
    suite = load_suite(written(tmp_path, TWO.partition("- title: Carried")[0]))
    run_suite(suite, tmp_path / "one", log=lambda line: None)
    run_suite(suite, tmp_path / "two", jobs=2, keep=False, log=lambda line: None)
    for run in suite.runs:
        one, two = (json.loads((tmp_path / jobs / f"{run.name}.json").read_text())["scores"]
                    for jobs in ("one", "two"))
        assert one == two


def test_a_run_states_its_supervision(tmp_path):
    text = """
groups:
- title: Few pairs
  common: {data: glyphs, task: retrieval, pairs: 0, labels: text, wrong: 0.5}
  runs:
  - {name: all_rows, model: cca}
  - {name: no_rows, model: cca, pairs: 20, unpaired: 0}
"""
    first, second = load_suite(written(tmp_path, text)).runs
    assert first.benchmark().protocol["supervision"]["pairs"] == 0
    assert second.benchmark().protocol["supervision"] == {
        "pairs": 20, "wrong_pairs": 10, "unpaired": {"image": 0, "text": 0}, "labels": "text"}
    with pytest.raises(ValueError, match=r"wrong: .*a share of wrong pairs, from 0 to 1"):
        load_suite(written(tmp_path, text.replace("wrong: 0.5", "wrong: 2")))
