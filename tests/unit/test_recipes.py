"""Recipes: the built-in ones against their sources, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from crossalign import models
from crossalign.arguments import build, parse_assignments
from crossalign.cli import main
from crossalign.evaluation import Report
from crossalign.recipes import Recipe, load_recipe, recipe_names
from crossalign.recipes.catalog import comparison, describe_recipe, recipes_table
from crossalign.recipes.plain_yaml import read_yaml
from crossalign.tasks import Fitted
from crossalign.types import Benchmark, Classes, Views

NAMES = [f"{model}-{data}" for model in ("acmr", "cada_vae")
         for data in ("awa1", "awa2", "cub", "sun")]

# kl, then w2 and classification with the last (and for w2 the first) epoch of their ramps, the
# feature decoder's width, codes per unseen class and epochs of the final classifier
ACMR = {
    "cub": (2.555, 8.21, (7, 22), 310.5, (0, 21), 1665, 390, 50),
    "sun": (2.455, 10.1, (7, 22), 305.555, (0, 22), 1660, 410, 50),
    "awa1": (7 / 3, 8.11, (6, 23), 290.13, (0, 16), 1680, 460, 50),
    "awa2": (3.554, 12.0, (6, 22), 100.5, (0, 19), 1680, 480, 300),
}
TABLE_2 = {"acmr-cub": (53.1, 57.7, 55.3), "acmr-sun": (49.1, 39.5, 43.8),
           "acmr-awa1": (59.4, 77.6, 67.3), "acmr-awa2": (60.0, 80.2, 68.7),
           "cada_vae-cub": (51.6, 53.5, 52.4), "cada_vae-sun": (47.2, 35.7, 40.6),
           "cada_vae-awa1": (57.3, 72.8, 64.1), "cada_vae-awa2": (55.8, 75.0, 63.9)}
TABLE_3 = {"cub": (32.7, 36.1, 54.1), "sun": (38.3, 39.0, 43.5),
           "awa1": (52.4, 65.1, 65.7), "awa2": (66.1, 66.6, 67.9)}
SIZES = {"cub": (200, 50, 312, 2048), "sun": (717, 72, 102, 2048),
         "awa1": (50, 10, 85, 2048), "awa2": (50, 10, 85, 2048)}


# -- the built-in ones -------------------------------------------------------------------------
OURS = {
    "fgan-glyphs_tokens": "tokens-fgan-0.5", "fgan-caltech30": "caltech30-fgan",
    "lcale-wikipedia": "wikipedia-lcale-paper", "fusionnet_qsma-cub": "cub-fusionnet_qsma",
    "fusionnet_qsma-wikipedia": "wikipedia-fusionnet_qsma",
    "fusionnet_qsma-omniglot": "omniglot-fusionnet_qsma",
    "fusionnet_qsma-pacs": "pacs-fusionnet_qsma",
    "perfect_alignment-synthetic": "synthetic-perfect_alignment"}
"""Recipes whose settings are those of a report on the results page."""
DOCS = Path(__file__).parents[2] / "docs"


def test_there_is_one_for_every_model_and_data_set():
    assert recipe_names() == sorted([*NAMES, *OURS])
    assert {name.split("-")[0] for name in recipe_names()} == {
        "acmr", "cada_vae", "fgan", "fusionnet_qsma", "lcale", "perfect_alignment"}


@pytest.mark.parametrize("name", OURS)
def test_settings_are_those_with_which_the_results_were_measured(name):
    recipe = load_recipe(name)
    report = Report.load(DOCS / "results" / f"{OURS[name]}.json")
    assert report.model == recipe.model == name.split("-")[0]
    assert report.task == recipe.task
    measured = {key: tuple(value) if isinstance(value, list) else value
                for key, value in report.params.items()}
    assert {key: measured.get(key) for key in recipe.params} == recipe.params


def test_every_recipe_that_the_pages_name_is_there():
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.md")]
    named = {name for page in pages
             for name in re.findall(r"recipes? ?:?((?:acmr|cada_vae|fgan|lcale|fusionnet_qsma"
                                    r"|perfect_alignment)-\w+)", page.read_text())}
    assert {"acmr-cub", "fgan-glyphs_tokens"} <= named <= set(recipe_names())


def test_the_list_fits_a_terminal_of_80_columns():
    assert max(map(len, recipes_table().splitlines())) <= 80


@pytest.mark.parametrize("task", ["retrieval", "transfer", "zsl"])
def test_a_recipe_may_be_of_any_task(task, tmp_path):
    file = written(tmp_path, task=task, published={"ACMR": {"mAP": 30.5}})
    assert load_recipe(file).task == task
    assert load_recipe(file).published == {"ACMR": {"mAP": 30.5}}


@pytest.mark.parametrize("name", NAMES)
def test_loads_builds_and_validates(name):
    recipe = load_recipe(name)
    model, data = name.split("-")
    assert (recipe.name, recipe.model, recipe.data, recipe.task) == (name, model, data.upper(),
                                                                    "gzsl")
    estimator = recipe.estimator()
    assert isinstance(estimator, models.get(model))
    estimator._validate_params()
    assert {key: estimator.plain_params()[key] for key in recipe.params} == recipe.params
    expects = recipe.expects
    assert (expects.classes, expects.unseen, expects.side_information,
            expects.features) == SIZES[data]
    assert recipe.source
    assert all(note.endswith(".") for note in recipe.notes)


@pytest.mark.parametrize("data", ACMR)
def test_acmr_has_the_weights_and_ramps_of_its_paper(data):
    kl, w2, w2_ramp, classification, ramp, decoder, unseen, head_epochs = ACMR[data]
    params = load_recipe(f"acmr-{data}").params
    assert params == {
        "variant": "author", "latent": 64, "epochs": 100, "batch_size": 50, "lr": 1.5e-4,
        "iem_lr": 3.3e-5, "classifier_lr": 7.4e-3, "kl": kl, "kl_ramp": (0, 93), "w2": w2,
        "w2_ramp": w2_ramp, "classification": classification, "classification_ramp": ramp,
        "hidden": ((1560, decoder), (1450, 665)), "iem_hidden": 99, "norm": "l1",
        "scaling": "minmax", "side_scaling": "none", "head": "softmax", "head__seen_samples": 200,
        "head__unseen_samples": unseen,
        "head__epochs": head_epochs, "head__lr": 5e-4, "head__betas": (0.3, 0.999)}


@pytest.mark.parametrize(("data", "epochs"), [("cub", 23), ("sun", 21), ("awa1", 33),
                                              ("awa2", 29)])
def test_cada_vae_has_the_weights_of_its_code(data, epochs):
    recipe = load_recipe(f"cada_vae-{data}")
    wanted = {"sampler": "author", "kl": 0.25, "cross": 2.37, "w2": 8.13, "latent": 64,
              "lr": 1.5e-4, "epochs": 100, "batch_size": 50, "head__seen_samples": 200,
              "head__unseen_samples": 400, "head__epochs": epochs, "norm": "l1",
              "scaling": "minmax"}
    assert recipe.params == wanted
    for key, values in recipe.sweeps.items():
        assert values[2] == wanted[key]
        np.testing.assert_allclose(np.diff(np.log2(values)), 1)


@pytest.mark.parametrize("name", NAMES)
def test_published_numbers_are_the_tables(name):
    recipe = load_recipe(name)
    model, data = name.split("-")
    whole = next(iter(recipe.published.values()))
    assert tuple(whole[m] for m in "USH") == TABLE_2[name]
    if model == "acmr":
        assert set(recipe.published) == set(recipe.rows)
        assert tuple(recipe.published[row]["H"] for row in ("Dual-VAE", "IE-VAE", "VSA-VAE")) == \
            TABLE_3[data]


@pytest.mark.parametrize("name", NAMES)
def test_published_h_is_the_harmonic_mean(name):
    complete = [row for row in load_recipe(name).published.values() if len(row) == 3]
    assert complete
    for row in complete:  # no exceptions: AWA1 of ACMR stands here as its own U and S give it
        assert 2 * row["U"] * row["S"] / (row["U"] + row["S"]) == pytest.approx(row["H"], abs=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_sweeps_have_five_values_that_the_model_takes(name):
    recipe = load_recipe(name)
    assert set(recipe.sweeps) == ({"kl", "w2", "classification"} if "acmr" in name
                                  else {"kl", "cross", "w2"})
    for key, values in recipe.sweeps.items():
        assert len(values) == len(set(values)) == 5
        assert all(type(value) is float for value in values)
        for value in values:
            recipe.estimator().set_params(**{key: value})._validate_params()


def test_acmr_sweeps_span_the_curves_of_the_paper():
    for data in ACMR:
        spans = {key: (values[0], values[-1])
                 for key, values in load_recipe(f"acmr-{data}").sweeps.items()}
        assert spans == {"kl": (1, 5), "w2": (1, 12),
                         "classification": (70, 90) if data == "awa2" else (285, 305)}


@pytest.mark.parametrize(("name", "words"), [
    ("acmr-sun", "707"), ("acmr-awa1", "67.29"), ("acmr-awa2", "100.5"), ("acmr-cub", "1665"),
    ("cada_vae-cub", "exp(logvar)")])
def test_notes_say_what_was_corrected(name, words):
    assert any(words in note for note in load_recipe(name).notes)


# -- rows ----------------------------------------------------------------------------------------
def test_rows_are_the_models_own_unless_given(tmp_path):
    assert load_recipe("acmr-cub").rows == models.get("acmr").ablations
    assert load_recipe("cada_vae-cub").rows == {}
    assert load_recipe(written(tmp_path, rows={})).rows == {}
    mine = written(tmp_path, rows={"no gate": {"iem": "off", "kl": 1}})
    assert load_recipe(mine).rows == {"no gate": {"iem": "off", "kl": 1.0}}


# -- a file of one's own -----------------------------------------------------------------------
FIELDS = {"model": "acmr", "data": "birds", "source": "Me, 2026", "params": {"kl": 2}}


def written(folder, text=None, **changes):
    file = folder / "mine.yaml"
    fields = {key: value for key, value in {**FIELDS, **changes}.items() if value is not ...}
    file.write_text(yaml.safe_dump(fields, sort_keys=False) if text is None else text,
                    encoding="utf-8")
    return file


def test_a_file_of_ones_own(tmp_path):
    file = written(tmp_path, text="""
model: acmr
data: birds
source: Me, 2026
params: {lr: 1e-4, kl: 2, kl_ramp: [0, 9], iem: off, head: softmax, head__epochs: 3}
sweeps: {lr: [1e-5, 1E-4, 1.e-3]}
published: {mine: {H: 12}}
""")
    for given in (file, str(file)):
        recipe = load_recipe(given)
        assert recipe.name == "mine"
        assert recipe.params == {"lr": 1e-4, "kl": 2.0, "kl_ramp": (0, 9), "iem": "off",
                                 "head": "softmax", "head__epochs": 3}
        assert type(recipe.params["kl"]) is float
        assert recipe.sweeps == {"lr": (1e-5, 1e-4, 1e-3)}
        assert recipe.estimator().iem == "off"
    with pytest.raises(ValidationError):
        recipe.model = "cada_vae"


def test_two_estimators_are_two_objects():
    recipe = load_recipe("cada_vae-sun")
    recipe.estimator().set_params(kl=7.0)
    assert recipe.estimator().kl == 0.25


def test_what_is_printed_in_full_is_a_recipe_again(tmp_path):
    for name in NAMES:
        file = written(tmp_path, text=describe_recipe(name))
        again = load_recipe(file)
        assert again.model_copy(update={"name": name}) == load_recipe(name)
        assert describe_recipe(file) == describe_recipe(name)


SENTENCES = {
    "no model": ({"model": ...}, "model: missing; give"),
    "unknown model": ({"model": "acrm"}, "there is no 'acrm'; crossalign models lists all; did "
                      "you mean 'acmr'?"),
    "class name": ({"model": "CADAVAE"}, "there is no 'CADAVAE'"),
    "no data": ({"data": 5}, "data: got 5; give"),
    "no source": ({"source": ""}, "source: got ''; give a citation"),
    "task": ({"task": "gszl"}, "task: got 'gszl'; give gzsl, zsl, retrieval"),
    "unknown field": ({"sorce": "x"}, "'sorce'; did you mean 'source'?"),
    "name": ({"name": "other"}, "name: got 'other'; leave it out"),
    "params": ({"params": [1]}, "params: got [1]; give a mapping"),
    "unknown parameter": ({"params": {"classifcation": 3.0}},
                          "acmr has no parameter 'classifcation'; crossalign models acmr "
                          "lists all; did you mean 'classification'?"),
    "word for a number": ({"params": {"kl": "high"}}, "params.kl: got 'high'; give a float"),
    "truth for a number": ({"params": {"kl": True}}, "params.kl: got True; give a float"),
    "number for a truth": ({"params": {"compile": 1}}, "params.compile: got 1; give true"),
    "range": ({"params": {"kl": -1}}, "params.kl: got -1.0; give a float in"),
    "choice": ({"params": {"iem": "often"}}, "often"),
    "ramp": ({"params": {"kl_ramp": [93]}}, "params.kl_ramp: got [93]; give a list of 2"),
    "widths": ({"params": {"hidden": [1560, 1665]}}, "params.hidden: got [1560, 1665]; give"),
    "null": ({"params": {"w2_ramp": None}}, "params.w2_ramp: got None; give"),
    "expects": ({"expects": {"classes": 0}}, "expects.classes: got 0; give whole numbers from 1"),
    "expects words": ({"expects": {"classes": "200"}}, "expects.classes: got '200'"),
    "expects field": ({"expects": {"unsen": 3}}, "'expects.unsen'; did you mean 'unseen'?"),
    "percent": ({"published": {"ACMR": {"H": 155.3}}}, "published.ACMR.H: got 155.3; give percent"),
    "percent word": ({"published": {"ACMR": {"H": "55"}}}, "published.ACMR.H: got '55'"),
    "not a number": ({"published": {"ACMR": {"H": float("nan")}}}, "published.ACMR.H: got nan"),
    "metric": ({"published": {"ACMR": {"h": 55.3}}}, "published.ACMR.h: got 'h'; give percent"),
    "notes": ({"notes": "one"}, "notes: got 'one'; give a list of sentences"),
    "rows": ({"rows": {"off": {"iem": "none"}}}, "rows.off.iem: got 'none'; give one of"),
    "row parameter": ({"rows": {"off": {"ime": "off"}}}, "rows.off: acmr has no parameter 'ime'"),
    "sweep": ({"sweeps": {"kl": 3}}, "sweeps.kl: got 3; give"),
    "empty sweep": ({"sweeps": {"kl": []}}, "sweeps.kl: got []; give"),
    "sweep parameter": ({"sweeps": {"lamda": [1]}}, "acmr has no parameter 'lamda'"),
    "sweep value": ({"sweeps": {"w2": [1, -1]}}, "sweeps.w2: got -1.0; give a float"),
    "long value": ({"data": [0] * 500}, "…; give the name of the data set"),
}


def sentence(name_or_path) -> str:
    with pytest.raises(ValueError, match=r"^recipe") as caught:
        load_recipe(name_or_path)
    assert type(caught.value) is ValueError
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


@pytest.mark.parametrize("case", SENTENCES)
def test_one_sentence_for_a_wrong_field(case, tmp_path):
    changes, expected = SENTENCES[case]
    assert expected in sentence(written(tmp_path, **changes))


@pytest.mark.parametrize(("text", "expected"), [
    ("model: [acmr", "line 1 is not plain YAML"),
    ("a: 1\nb: c: d\n", "line 2 is not plain YAML (mapping values are not allowed here)"),
    ("model: acmr\nmodel: cca\n", "line 2 is not plain YAML (the key 'model' stands twice)"),
    ("model: !!python/object/apply:os.system [ls]\n", "line 1 is not plain YAML"),
    ("data: !!int birds\n", "is not plain YAML"),
    ("a: \x00", "is not plain YAML"),
    ("[" * 600, "is not plain YAML"),
    ("5: x\nmodel: acmr\ndata: birds\nsource: Me\n", "there is no field '5'"),
    ("", "got None; give the fields"),
    ("just words", "got 'just words'; give the fields"),
])
def test_one_sentence_for_what_is_not_a_recipe(text, expected, tmp_path):
    assert expected in sentence(written(tmp_path, text=text))


def test_one_sentence_for_what_cannot_be_read(tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"data: S\xe3o Paulo\n")
    assert "not UTF-8" in sentence(file)
    assert "neither" in sentence(tmp_path / "nosuch.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert "neither" in sentence(tmp_path / "folder.yaml")
    (tmp_path / "words.txt").write_text("model: acmr")
    assert ".yaml file" in sentence(tmp_path / "words.txt")


@pytest.mark.parametrize(("name", "hint"), [
    ("acmr-cubs", "did you mean 'acmr-cub'?"), ("ACMR-CUB", "did you mean 'acmr-cub'?"),
    ("acmr_sun.yaml", "did you mean 'acmr-sun'?"), ("nothing", "choose one of"),
    ("", "choose one of")])
def test_an_unknown_name(name, hint):
    assert hint in sentence(name)


# -- numbers and words -------------------------------------------------------------------------
@pytest.mark.parametrize(("text", "value"), [
    ("1e-4", 1e-4), ("1E4", 1e4), ("-.5e+2", -50.0), ("7.4e-3", 7.4e-3), ("3.", 3.0), ("12", 12),
    ("-0", 0), ("007", "007"), ("1_000", "1_000"), ("12:30", "12:30"), ("2026-01-01", "2026-01-01"),
    ("off", "off"), ("yes", "yes"), ("true", True), ("False", False), ("null", None), ("~", None),
    ("", None), (".inf", float("inf")), ("e5", "e5"), ("'1'", "1"), ("[1, 2e0]", [1, 2.0])])
def test_plain_scalars(text, value):
    found = read_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_the_parent_loader_is_as_it_was():
    assert yaml.safe_load("off") is False
    assert yaml.safe_load("2026-01-01") != "2026-01-01"


def test_set_reads_values_as_recipes_do():
    acmr = models.get("acmr")()
    found = parse_assignments(["iem=off", "lr=1e-4", "kl=2", "kl_ramp=[1, 2]", "epochs=3"], acmr)
    assert found == {"iem": "off", "lr": 1e-4, "kl": 2.0, "kl_ramp": (1, 2), "epochs": 3}
    for wrong in ("compile=yes", "hidden=5", "lr=nan", "kl_ramp=[0]"):
        with pytest.raises(ValueError, match=r"^--set \w+: got .*\.$"):
            parse_assignments([wrong], acmr)


# -- data that are not the paper's -------------------------------------------------------------
def small(classes=6, unseen=2, side=5, width=8, seed=0) -> Benchmark:
    rng = np.random.default_rng(seed)
    seen = np.arange(classes) < classes - unseen

    def samples(labels, start):
        return Views({"image": rng.standard_normal((len(labels), width))}, labels,
                     ids=np.arange(start, start + len(labels)))

    known, new = np.repeat(np.flatnonzero(seen), 3), np.repeat(np.flatnonzero(~seen), 3)
    splits = {"train": samples(known, 0), "test_seen": samples(known, 1000),
              "test_unseen": samples(new, 2000)}
    return Benchmark("own", "gzsl", splits, Classes(rng.standard_normal((classes, side)), seen))


def test_mismatch_is_one_sentence_on_what_differs():
    recipe = load_recipe("acmr-awa2")
    assert recipe.mismatch(small()) == (
        "'own' has 6 classes instead of 50, 2 unseen classes instead of 10, side information of "
        "width 5 instead of 85, features of width 8 instead of 2048, so the published numbers of "
        "acmr-awa2 are about other data.")
    assert recipe.mismatch(small(50, 10, 85, 2048)) is None
    only_width = recipe.mismatch(small(50, 10, 85, 1000))
    assert only_width.startswith("'own' has features of width 1000 instead of 2048, so")
    expects = recipe.expects.model_copy(update={"features": None})
    assert recipe.model_copy(update={"expects": expects}).mismatch(small(50, 10, 85, 9)) is None


# -- beside a report ---------------------------------------------------------------------------
def report_of(recipe, runs, **changes) -> Report:
    params = {**recipe.estimator().plain_params(), "random_state": 3, **changes}
    return Report.from_runs(runs, model=recipe.model, data="own", task="gzsl", params=params,
                            seeds=range(len(runs)), seconds=1.0, selection="nothing")


RAW = {"T1": 0.6, "U": 0.5, "S": 0.5, "H": 0.5, "U_raw": 0.1, "S_raw": 0.9, "H_raw": 0.18}


def test_published_numbers_stand_beside_raw_ones():
    recipe = load_recipe("acmr-cub")
    lines = comparison(recipe, report_of(recipe, [RAW])).splitlines()
    assert lines[:6] == ["published (%)     U     S     H",
                         "ACMR           53.1  57.7  55.3",
                         "this run, raw  10.0  90.0  18.0",
                         "Dual-VAE          -     -  32.7",
                         "IE-VAE            -     -  36.1",
                         "VSA-VAE           -     -  54.1"]
    below = lines[7:]
    assert below[0] == "recipe     acmr-cub: acmr on CUB"
    assert max(map(len, lines)) <= 100
    told = " ".join(line.strip() for line in below)
    assert recipe.source in told
    assert sum(line.startswith("note ") for line in below) == len(recipe.notes)
    assert "changed" not in told


def test_several_runs_show_their_spread_and_changes_are_named():
    recipe = load_recipe("cada_vae-cub")
    text = comparison(recipe, report_of(recipe, [RAW, {**RAW, "H_raw": 0.2}], epochs=2))
    assert "19.0 ± 1.4" in text
    assert "changed    epochs=2\n" in text


def test_without_published_numbers_or_scores():
    recipe = load_recipe("cada_vae-cub")
    assert "this run, raw     -     -     -" in comparison(recipe, report_of(recipe, [{"T1": 0.5}]))
    silent = recipe.model_copy(update={"published": {}})
    assert comparison(silent, report_of(recipe, [RAW])).startswith("recipe     cada_vae-cub")


# -- on the command line -----------------------------------------------------------------------
def test_a_recipes_params_are_not_tuned_and_set_overrides_them(tmp_path):
    file = written(tmp_path, model="gfzsl", params={"ridge": 0.1})
    estimator, grid, recipe = build(f"recipe:{file}", ["shrinkage=0.2"], False)
    assert (estimator.ridge, estimator.shrinkage) == (0.1, 0.2)
    assert set(grid) == {"kernel_gamma"}
    assert recipe.name == "mine"
    assert build(f"recipe:{file}", ["ridge=2"], False)[0].ridge == 2.0
    assert build(f"recipe:{file}", None, True)[1] == {}
    plain, grid, none = build("gfzsl", None, False)
    assert none is None
    assert set(grid) == set(plain.search_space)


def command(monkeypatch, capsys, *arguments) -> tuple[str, str]:
    monkeypatch.setattr(sys, "argv", ["crossalign", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    assert not stopped.value.code, captured.err
    return captured.out, captured.err


def test_recipes_are_listed_a_line_each(monkeypatch, capsys):
    out, _ = command(monkeypatch, capsys, "recipes")
    assert out == recipes_table() + "\n"
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == recipe_names()
    assert lines[1].split() == ["acmr-awa1", "AWA1", "gzsl", "59.4", "77.6", "67.3", "-"]
    out, _ = command(monkeypatch, capsys, "recipes", "recipe:cada_vae-sun")
    assert out == describe_recipe("cada_vae-sun") + "\n"


@pytest.mark.filterwarnings("ignore:bench. nothing was selected")
def test_run_and_fit_take_a_recipe(tmp_path, monkeypatch, capsys):
    bench = small(width=6)
    monkeypatch.setattr("crossalign.data.load", lambda *_, **__: replace(bench, name="own"))
    file = str(written(tmp_path, model="gfzsl", params={"ridge": 0.1}, notes=["A note."],
                       expects={"features": 7}, published={"GFZSL": {"U": 1.5}}))
    out, err = command(monkeypatch, capsys, "run", f"recipe:{file}", "--data", "own")
    assert out.startswith("gfzsl on own (gzsl), 1 run")
    assert "\n\npublished (%)" in out
    assert "GFZSL" in out
    assert "note       A note." in out
    assert "note: 'own' has features of width 6 instead of 7, so" in err

    plain, _ = command(monkeypatch, capsys, "run", "gfzsl", "--data", "own", "--json")
    out, _ = command(monkeypatch, capsys, "run", f"recipe:{file}", "--data", "own", "--json")
    told = json.loads(out)
    assert set(told) - set(json.loads(plain)) == {"recipe", "published"}
    assert told["recipe"] == "mine"
    assert told["published"] == {"GFZSL": {"U": 1.5}}
    assert told["params"]["ridge"] == 0.1

    out, err = command(monkeypatch, capsys, "fit", f"recipe:{file}", "--data", "own", "--out",
                       str(tmp_path / "fitted"))
    assert "saved to" in out
    assert "instead of 7" in err
    assert Fitted.load(tmp_path / "fitted").model.ridge == 0.1


def test_nothing_heavy_is_imported_for_a_list():
    code = ("import sys, crossalign.cli, crossalign.recipes\n"
            "from crossalign.recipes.catalog import recipes_table\n"
            "recipes_table()\n"
            "print(sorted({'numpy', 'torch', 'sklearn'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True,
                          text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_recipe_in_code():
    recipe = Recipe(name="mine", model="cca", data="birds", source="Me", params={"reg": 0.5})
    assert recipe.estimator().reg == 0.5
    assert recipe.mismatch(small()) is None
    with pytest.raises(ValidationError, match="Extra inputs"):
        Recipe(name="mine", model="cca", data="birds", source="Me", param={})
