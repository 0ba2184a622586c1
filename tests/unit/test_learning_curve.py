"""Learning curve: one run for all models, kept and resumed, refusals said, and one figure."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from interrupting import interrupting
from scipy import stats
from small import recognition, retrieval

from crossalign.arguments import build_contenders, curve_of
from crossalign.data import Supervision, supervised
from crossalign.evaluation import Report, evaluate
from crossalign.evaluation.learning_curve import Contender, LearningCurve, Point, metric_of
from crossalign.evaluation.row_differences import row_differences
from crossalign.models import CCA, Chance, RidgeMap
from crossalign.pages import plots
from crossalign.recipes.learning_curve import run_learning_curve

MODELS = {"ridge_map": Contender(RidgeMap(), {"alpha": (1.0, 1000.0)}),
          "cca": Contender(CCA(reg=0.1), {})}


def curve(models=MODELS, pairs=(10, 40), labels="none", bench=None, **given):
    return run_learning_curve(models, retrieval() if bench is None else bench, pairs,
                              Supervision(labels=labels), **given)


def test_every_point_is_the_evaluation_of_its_own_under_that_supervision():
    found = curve(seeds=2)
    assert list(found.rows) == ["chance", "ridge_map", "cca"]
    for place, n in enumerate((10, 40)):
        bench = supervised(retrieval(), Supervision(n, labels="none"))
        own = evaluate(RidgeMap(), bench, 2, tune={"alpha": (1.0, 1000.0)})
        assert found.rows["ridge_map"][:, place].tolist() == own.scores["mAP"]["runs"]
    chance = evaluate(Chance(), retrieval(), 2, tune=False).scores["mAP"]["runs"]
    np.testing.assert_array_equal(found.rows["chance"], np.array([chance, chance]).T)
    assert (found.rows["cca"] > found.rows["chance"]).all()


def test_the_table_and_the_json_say_the_same():
    found = curve(seeds=2)
    told = json.loads(json.dumps(found.to_dict()))
    assert (told["pairs"], told["seeds"], told["labels"], told["metric"]) == (
        [10, 40], [0, 1], "none", "mAP")
    row = found.rows["cca"][:, 1]
    assert told["rows"]["cca"]["runs"][1][1] == row[1]
    line = next(line for line in str(found).splitlines() if line.startswith("cca"))
    assert line.endswith(f"{100 * row.mean():.1f} ± {100 * row.std(ddof=1):.1f}")
    assert "labels none" in str(found)


def test_the_first_model_is_tested_against_each_of_the_others_over_class_splits():
    models = {**MODELS, "weak": Contender(RidgeMap(alpha=1e9), {}),
              "by class": Contender(RidgeMap(pairs="class"), {})}
    found = curve(models, seeds=4)
    part = retrieval().run(0).classes.seen
    ratio = (~part).sum() / part.sum()
    told = json.loads(json.dumps(found.to_dict()))
    assert found.test_share == told["test_share"] == ratio
    assert len(set(told["split_id"])) == 4
    assert told["differences"]["row"] == "ridge_map"
    minus = told["differences"]["minus"]
    assert list(minus) == ["cca", "weak", "by class"]
    for place in range(2):
        p = {}
        for other in ("cca", "weak"):
            d = found.rows["ridge_map"][:, place] - found.rows[other][:, place]
            se = math.sqrt(sum((x - d.mean()) ** 2 for x in d) / 3 * (1 / 4 + ratio))
            p[other] = 2 * stats.t.sf(abs(d.mean() / se), 3)
            assert minus[other][place]["mean"] == pytest.approx(d.mean())
            half = stats.t.ppf(0.975, 3) * se
            assert minus[other][place]["high"] == pytest.approx(d.mean() + half)
        low, high = sorted(p.values())                        # Holm over the two that have scores
        adjusted = {min(p, key=p.get): min(1, 2 * low), max(p, key=p.get): max(2 * low, high)}
        for other in p:
            assert minus[other][place]["p_value"] == pytest.approx(min(1, adjusted[other]))
        assert minus["by class"][place] is None               # it refuses without labels
    table = str(found).split("ridge_map minus")[1]
    assert "corrected resampled t-test, Holm" in table
    assert f"{100 * minus['weak'][1]['mean']:+.1f} [" in table
    assert "ridge_map minus" not in str(curve(seeds=1))


def test_runs_of_one_class_split_have_differences_and_no_test():
    rows = {"a": [[0.5, 0.4], [0.6, np.nan]], "b": [[0.2, 0.4], [0.5, 0.3]]}
    found = row_differences(rows, "a", ["x", "x"], 1.0)
    one = found.others["b"][0]
    assert one.mean == pytest.approx(0.2)
    assert not one.tested
    assert found.others["b"][1] is None
    assert found.to_dict()["minus"]["b"][0]["p_value"] is None
    assert found.best_other(1) is None
    assert not row_differences(rows, "a", ["x", "y"], None).others["b"][0].tested


def test_a_curve_over_wrong_pairs_is_the_evaluation_with_that_share(tmp_path):
    found = run_learning_curve(MODELS, retrieval(), (0.0, 1.0), Supervision(40, labels="none"),
                               axis="wrong", seeds=2, out=tmp_path)
    for place, share in enumerate((0.0, 1.0)):
        bench = supervised(retrieval(), Supervision(40, labels="none", wrong=share))
        own = evaluate(RidgeMap(), bench, 2, tune={"alpha": (1.0, 1000.0)})
        assert found.rows["ridge_map"][:, place].tolist() == own.scores["mAP"]["runs"]
    assert (found.rows["cca"][:, 0] > found.rows["cca"][:, 1]).all()
    told = json.loads((tmp_path / "learning_curve.json").read_text())
    assert (told["axis"], told["pairs"], told["wrong"]) == ("wrong", 40, [0.0, 1.0])
    assert str(found).splitlines()[2].split() == ["0", "%", "wrong", "100", "%", "wrong"]
    assert (tmp_path / "points" / "cca-1.0.json").exists()
    with pytest.raises(ValueError, match="axis: got 'labels'"):
        run_learning_curve(MODELS, retrieval(), ("one",), Supervision(), axis="labels")


def test_a_model_that_refuses_is_said_and_leaves_a_gap(tmp_path):
    said = []
    models = {"ridge_map": MODELS["ridge_map"], "by class": Contender(RidgeMap(pairs="class"), {})}
    found = curve(models, (0, 10), "both", out=tmp_path, log=said.append)
    assert np.isnan(found.rows["ridge_map"][:, 0]).all()
    assert not np.isnan(found.rows["by class"]).any()
    assert "no sample has both" in found.refused["ridge_map"]["0"]
    assert any("ridge_map, 0 pairs: refused. X: no sample has both" in line for line in said)
    told = json.loads((tmp_path / "learning_curve.json").read_text())
    assert told["rows"]["ridge_map"]["mean"][0] is None
    assert "   -" in str(found)


def test_where_every_model_refuses_the_first_sentence_ends_it():
    with pytest.raises(ValueError, match="no sample has both"):
        curve({"ridge_map": MODELS["ridge_map"]}, (0,))


@pytest.mark.parametrize(("given", "says"), [
    ({"pairs": (10, 10)}, "pairs: got 10,10; give numbers, each once."),
    ({"pairs": (1000,)}, "pairs: got 1000, and the training part of 'pairs' has 72"),
    ({"metric": "MRR"}, r"metric: got 'MRR'; choose one of \['mAP', 'P@100'"),
    ({"seeds": 5}, "there are 4 fixed class splits"),
    ({"bench": recognition()}, "labels: got 'none', and gzsl learns from labels")])
def test_bad_input_is_one_sentence_before_any_run(given, says):
    said = []
    with pytest.raises(ValueError, match=says):
        curve(log=said.append, **given)
    assert not any("run 1" in line for line in said)


def test_finished_runs_are_kept_and_a_second_time_fits_nothing(tmp_path, monkeypatch):
    first = curve(seeds=2, out=tmp_path)
    files = sorted(p.name for p in (tmp_path / "points").iterdir())
    assert files == ["cca-10.json", "cca-40.json", "chance-all.json", "ridge_map-10.json",
                     "ridge_map-40.json"]
    point = Report.load(tmp_path / "points" / "cca-40.json")
    assert point.protocol["supervision"]["pairs"] == 40
    assert (tmp_path / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"

    def fit(*_, **__):
        raise AssertionError("fitted again")

    for model in (RidgeMap, CCA, Chance):
        monkeypatch.setattr(model, "fit", fit)
        monkeypatch.setattr(model, "fit_path", fit)
    again = curve(seeds=2, out=tmp_path)
    for row, values in first.rows.items():
        np.testing.assert_array_equal(values, again.rows[row])


def test_an_interruption_keeps_what_was_finished(tmp_path):
    broken = Contender(interrupting(CCA, 3)(reg=0.1), {})
    found = curve({"cca": broken}, seeds=2, out=tmp_path)
    assert found.interrupted
    assert not np.isnan(found.rows["cca"][:, 0]).any()
    assert np.isnan(found.rows["cca"][:, 1]).all()
    told = json.loads((tmp_path / "learning_curve.json").read_text())
    assert told["rows"]["cca"]["mean"][1] is None
    with pytest.raises(KeyboardInterrupt):
        curve({"chance": broken}, bench=_Broken(retrieval()))


class _Broken:
    """Benchmark whose first run is broken off."""

    def __init__(self, bench):
        self._bench = bench

    def __getattr__(self, name):
        return getattr(self._bench, name)

    def run(self, k):
        raise KeyboardInterrupt


def test_the_metric_is_the_one_that_validation_maximises_or_named():
    assert metric_of(retrieval()) == "mAP"
    assert metric_of(retrieval(), "P@100") == "P@100"
    named = curve({"cca": MODELS["cca"]}, (10,), metric="P@100")
    own = evaluate(CCA(reg=0.1), supervised(retrieval(), Supervision(10, labels="none")), 1,
                   tune=False)
    assert named.rows["cca"].tolist() == [own.scores["P@100"]["runs"]]


# -- words of the command line -------------------------------------------------------------------
def test_settings_of_one_model_stand_behind_its_name():
    rows = build_contenders(["ridge_map", "ridge_map,pairs=class,alpha=10", "cca"], ["reg=0.5"],
                            False)
    assert list(rows) == ["ridge_map", "ridge_map (pairs=class, alpha=10)", "cca"]
    by_class = rows["ridge_map (pairs=class, alpha=10)"]
    assert (by_class.model.pairs, by_class.model.alpha) == ("class", 10)
    assert not {"pairs", "alpha"} & set(by_class.grid)
    assert "pairs" in rows["ridge_map"].grid
    assert rows["cca"].model.reg == 0.5
    assert not build_contenders(["cca"], None, True)["cca"].grid


@pytest.mark.parametrize(("words", "sets", "says"), [
    (["cca", "cca"], None, "'cca' stands twice"), (["chance"], None, "row of chance"),
    (["cca,regg=1"], None, "regg"), (["cca", "ridge_map"], ["depth=2"], "depth"),
    (["cca,reg"], None, "key=value"),
    (["cca,head=gaussian"], None, "cca has no parameter 'head', as it scores classes in one way"),
    (["cca"], ["head__weights=1"], "no parameter 'head__weights', as it scores classes in one"),
    (["nosuch"], None, "no 'nosuch'")])
def test_bad_models_are_one_sentence(words, sets, says):
    with pytest.raises(ValueError, match=says):
        build_contenders(words, sets, True)


def test_a_curve_is_over_pairs_or_over_wrong_ones():
    assert curve_of("0, 20,all", "0.1") == ("pairs", [0, 20, None], {"wrong": 0.1})
    assert curve_of("100", "0, .1,.5") == ("wrong", [0.0, 0.1, 0.5], {"pairs": 100})
    for pairs, wrong, says in (("20,2x", "0", "pairs: got '2x'"), ("20", "0,x", "wrong: got 'x'"),
                               ("20,50", "0,0.1", "several numbers of pairs")):
        with pytest.raises(ValueError, match=says):
            curve_of(pairs, wrong)


# -- the figure ----------------------------------------------------------------------------------
def test_the_figure_has_a_line_a_row_and_chance_is_dashed():
    rows = {"chance": np.full((3, 3), 0.01), "a": np.array([[0.1, np.nan, 0.3]] * 3)}
    rows |= {f"m{i}": np.full((3, 3), i / 10) for i in range(8)}
    figure = plots.learning_curve(rows, (20, 1000, None), metric="mAP")
    (ax,) = figure.axes
    lines = [container[0] for container in ax.containers]
    assert len(lines) == 10
    np.testing.assert_allclose(lines[1].get_ydata(), [10, np.nan, 30])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["20", "1,000", "all"]
    assert lines[0].get_linestyle() == "--"
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 10
    assert ax.get_ylabel() == "mAP (%), mean ± sd of 3 runs"


def test_the_figure_of_wrong_pairs_names_shares():
    figure = plots.learning_curve({"a": np.array([[0.3, 0.1]])}, (0.0, 0.3), axis="wrong",
                                  metric="mAP")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0 %", "30 %"]
    assert ax.get_xlabel() == "wrong training pairs"


@pytest.mark.parametrize("rows", [{}, {"a": np.zeros((2, 4))}, {"a": np.zeros((0, 3))}])
def test_a_figure_of_nothing_is_refused(rows):
    with pytest.raises(ValueError, match="rows"):
        plots.learning_curve(rows, (1, 2, 3), metric="mAP")


# -- the page ------------------------------------------------------------------------------------
def test_the_page_has_the_numbers_of_the_curves_that_are_kept(tmp_path, monkeypatch):
    place = Path(__file__).parents[2] / "docs" / "few_pairs.py"
    spec = importlib.util.spec_from_file_location("few_pairs_page", place)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "docs" / "results").mkdir(parents=True)
    page = tmp_path / "docs" / "few_pairs.md"
    page.write_text("above\n<!-- few_pairs:start -->\nold\n<!-- few_pairs:end -->\nbelow\n"
                    "<!-- few_pairs_ratios:start -->\n<!-- few_pairs_ratios:end -->\n"
                    "<!-- few_pairs_tests:start -->\n<!-- few_pairs_tests:end -->\n"
                    "<!-- no_pairs:start -->\n<!-- no_pairs:end -->\n")
    monkeypatch.setattr(script, "DOCS", page.parent)
    monkeypatch.setattr(script, "PAGE", page)
    models = {"cca": MODELS["cca"], "by class": Contender(RidgeMap(pairs="class"), {})}
    found = curve(models, labels="none", seeds=2, out=tmp_path / "small")
    blind = {"by class": models["by class"]}
    none = curve(blind, (0,), "both", seeds=2, out=tmp_path / "zero-none").rows["by class"][:, 0]
    wrong = run_learning_curve({"cca": MODELS["cca"]}, retrieval(), (0.0, 0.5), Supervision(40),
                               axis="wrong", out=tmp_path / "wrong").rows["cca"][0]
    for folders in ([str(tmp_path / name) for name in ("small", "zero-none", "wrong")], []):
        script.main(folders)
        text = page.read_text()
        row = found.rows["cca"]
        cells = [f"{100 * m:.1f} ± {100 * s:.1f}" for m, s in
                 zip(row.mean(axis=0), row.std(axis=0, ddof=1), strict=True)]
        assert f"| cca | {' | '.join(cells)} |" in text
        assert "| by class | - | - |" in text
        assert "old" not in text
        assert text.startswith("above\n")
        cells = f"{100 * none.mean():.1f} ± {100 * none.std(ddof=1):.1f}"
        assert text.count("| none | 2 |") == 1
        assert text.endswith(f"| {cells} |\n<!-- no_pairs:end -->\n")
        assert "| mAP (%), 1 runs | 0 % wrong | 50 % wrong |" in text
        assert f"| cca | {100 * wrong[0]:.1f} | {100 * wrong[1]:.1f} |" in text
        assert "### pairs: labels on both sides, 40 pairs\n" in text
    assert (page.parent / "results" / "few_pairs-small.svg").exists()
    assert not (page.parent / "results" / "few_pairs-zero-none.svg").exists()
    alone = {"ridge": Contender(RidgeMap(), {})}
    more = curve(alone, seeds=2, out=tmp_path / "more" / "small").rows["ridge"]
    script.main([str(tmp_path / "more" / "small")])                       # joins what is kept
    assert f"| cca | {100 * found.rows['cca'][:, 0].mean():.1f} ±" in page.read_text()
    assert f"| ridge | {100 * more[:, 0].mean():.1f} ±" in page.read_text()
    assert "| by class | - | - |" in page.read_text()
    assert "fusionnet_qsma minus the best other |" in page.read_text()
    file = page.parent / "results" / "few_pairs-small.json"
    kept = json.loads(file.read_text())
    assert "differences" not in kept                          # they follow from the rows
    runs, shift = np.array(kept["rows"]["cca"]["runs"]), [[0.2], [0.2001]]
    kept["rows"] = {"fusionnet_qsma": {"mean": [0.0], "runs": (runs + shift).tolist()},
                    **kept["rows"]}
    file.write_text(json.dumps(kept))
    script.main([])
    text = page.read_text()
    assert "| pairs: no labels, 2 runs | +20.0 [+19.9, +20.1] p 0.00041, cca |" in text
    assert re.search(r"\| cca \|[^|]+ ↓ \|[^|]+ ↓ \|", text)
    assert "| by class | - | - |" in text
    del kept["rows"]["fusionnet_qsma"]
    file.write_text(json.dumps(kept))
    curve(alone, seeds=3, out=tmp_path / "other" / "small")
    with pytest.raises(ValueError, match=r"few_pairs-small\.json; name the folder otherwise"):
        script.main([str(tmp_path / "other" / "small")])


def test_a_score_that_the_data_do_not_have_is_refused():
    empty = LearningCurve("pairs", "nothing", (10,), [0], Supervision())
    report = evaluate(CCA(), retrieval(), 1, tune=False)
    with pytest.raises(ValueError, match="metric: cca on pairs has no 'nothing'; choose one of"):
        empty.add(Point("cca", 10, report))
