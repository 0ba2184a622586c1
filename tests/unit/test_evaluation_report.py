"""Scores, JSON and comparability of a report."""

import dataclasses
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from crossalign.evaluation.report import KEYS, Report, duration, jsonable, summarise, versions

RUNS = [{"H": 0.571, "AUSUC": 0.40}, {"H": 0.580, "AUSUC": 0.42}, {"H": 0.579, "AUSUC": 0.41}]


def report(runs=RUNS, **changes):
    settings = {"model": "lcale", "data": "CUB", "task": "gzsl", "seeds": list(range(len(runs))),
                "seconds": 75.2, "selection": "last epoch",
                "params": {"alpha": np.float32(0.5), "widths": (3, 4), "path": Path("x"),
                           "missing": np.nan, "mask": np.array([True, False])},
                "protocol": {"split_id": "ab12", "features": "res101",
                             "side_information": {"file": "att", "width": np.int64(312)},
                             "leaks": {"transductive": False, "single_class_split": True}},
                "artefacts": {"history": {"loss": [2.0, 1.0]}}}
    return Report.from_runs(runs, **settings | changes)


def test_mean_and_sample_sd_keep_every_run():
    values = [run["H"] for run in RUNS]
    assert report().scores["H"] == {"mean": pytest.approx(np.mean(values)), "runs": values,
                                    "sd": pytest.approx(np.std(values, ddof=1))}
    assert list(report().scores) == ["H", "AUSUC"]


def test_one_run_has_no_spread():
    assert summarise([{"H": 0.25}]) == {"H": {"mean": 0.25, "sd": 0.0, "runs": [0.25]}}


def test_rounding_beyond_one_is_clipped():
    assert summarise([{"H": 1.0000000002}])["H"]["mean"] == 1


@pytest.mark.parametrize(("runs", "match"), [
    ([], "none given"), ([{"H": 57.1}], "not percent"), ([{"H": float("nan")}], "fractions"),
    ([{"H": -0.1}], "fractions"), ([{"H": 0.1}, {"U": 0.1}], r"do not both hold \['H', 'U'\]")])
def test_bad_runs(runs, match):
    with pytest.raises(ValueError, match=match):
        summarise(runs)


def test_one_seed_per_run():
    with pytest.raises(ValueError, match="2 for 3 runs"):
        report(seeds=[0, 1])


def test_json_round_trip(tmp_path):
    path = report().save(tmp_path / "new" / "report.json")
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert list(saved) == list(KEYS)
    assert saved == report().to_dict()
    assert saved["params"] == {"alpha": 0.5, "widths": [3, 4], "path": "x", "missing": "nan",
                               "mask": [True, False]}
    again = Report.load(path)
    assert again.to_dict() == saved
    assert again.artefacts == {}
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]  # no draft left behind


def test_a_name_that_is_not_utf8_is_saved_and_comes_back(tmp_path):
    named = report(model="caf\udce9", params={"names": ["a\ud800b", "\U0001f600"]})
    path = named.save(tmp_path / "report.json")
    assert "caf\\udce9" in path.read_text(encoding="utf-8")
    again = Report.load(path)
    assert again.model == "caf\udce9"
    assert again.params["names"] == ["a\ud800b", "\U0001f600"]


def test_keys_are_the_fields_but_artefacts():
    assert {field.name for field in dataclasses.fields(Report)} == {*KEYS, "artefacts"}


def test_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = report().save(tmp_path / "report.json")
    before = path.read_text(encoding="utf-8")
    def full(*_, **__):
        raise OSError("no space left on device")

    other = report(model="other")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            other.save(path)
    assert path.read_text(encoding="utf-8") == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("text", "match"), [
    ("{", "is not JSON"), ("[]", "has no"), ('{"model": "x"}', "'data'")])
def test_load_refuses_what_is_no_report(tmp_path, text, match):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        Report.load(path)


def test_jsonable_leaves_nothing_that_json_cannot_hold():
    odd = {1: {3, 2}, "f": np.float64(np.inf), "o": object, "b": b"x", "z": np.array(3)}
    plain = jsonable(odd)
    assert plain["1"] == [2, 3]
    assert plain["z"] == 3
    json.dumps(plain, allow_nan=False)


def test_table_says_all_that_matters():
    text = str(report())
    assert "lcale on CUB (gzsl), 3 runs, 1 min 15 s" in text
    assert "57.7 ± 0.5" in text
    assert "57.1   58.0   57.9" in text
    for part in ("selection  last epoch", "split id ab12", "side information.file att",
                 "caution    single class split", f"numpy {np.__version__}"):
        assert part in text
    assert "transductive" not in text


def test_table_of_one_run_claims_no_spread():
    text = str(report(RUNS[:1]))
    assert "57.1" in text
    assert "±" not in text


def test_versions_are_the_installed_ones():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["torch"] == metadata.version("torch")
    assert set(found) == {"crossalign", "python", "torch", "numpy", "scikit-learn"}


@pytest.mark.parametrize(("seconds", "text"), [
    (0.84, "0.8 s"), (9.97, "10 s"), (42, "42 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"),
    (7500, "2 h 5 min")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_comparison_is_paired():
    ours, theirs = report(), report([{"H": 0.5, "AUSUC": 0.4}, {"H": 0.55, "AUSUC": 0.4},
                                     {"H": 0.59, "AUSUC": 0.4}], model="cca")
    result = ours.compare(theirs, "H")
    test = stats.ttest_rel([0.571, 0.580, 0.579], [0.5, 0.55, 0.59])
    assert (result.wins, result.losses) == (2, 1)
    assert result.t_p_value == pytest.approx(test.pvalue)
    assert result.mean == pytest.approx(np.mean([0.071, 0.030, -0.011]))


def test_comparable_whatever_the_parameters_and_the_way_it_was_loaded(tmp_path):
    other = report(params={}, model="cca")
    assert report().comparable(other) is True
    assert report().comparable(Report.load(other.save(tmp_path / "r.json"))) is True


@pytest.mark.parametrize(("changes", "match"), [
    ({"split_id": "cd34"}, r"split_id \(ab12, cd34\)"),
    ({"features": "vgg19"}, r"features \(res101, vgg19\)"),
    ({"side_information": {"file": "sent", "width": 312}}, r"side_information\.file \(att, sent\)"),
    ({"leaks": {"transductive": True, "single_class_split": True}}, r"transductive \(false, true"),
    ({"normalisation": "l2"}, r"normalisation \(not stated, l2\)")])
def test_other_protocols_are_not_comparable(changes, match):
    ours = report()
    other = report(protocol=ours.protocol | changes)
    with pytest.raises(ValueError, match=match):
        ours.comparable(other)
    with pytest.raises(ValueError, match=match):
        ours.compare(other, "H")
    assert len(ours.differences(other)) == 1


def test_other_tasks_seeds_and_metrics_do_not_compare():
    with pytest.raises(ValueError, match=r"task \('gzsl', 'zsl'\)"):
        report().compare(report(task="zsl"), "H")
    with pytest.raises(ValueError, match="do not pair"):
        report().compare(report(seeds=[3, 4, 5]), "H")
    with pytest.raises(ValueError, match=r"has no 'mAP'; choose one of \['H', 'AUSUC'\]"):
        report().compare(report(), "mAP")


def test_report_imports_nothing_heavy():
    code = ("import sys, crossalign.evaluation.report as r; r.versions();"
            "print([m for m in ('torch', 'matplotlib', 'sklearn', 'scipy') if m in sys.modules])")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_some_runs_of_a_report_pair_with_fewer_of_another():
    three = report()
    two = three.only([2, 0])
    assert two.seeds == [2, 0]
    assert two.scores["H"]["runs"] == [RUNS[2]["H"], RUNS[0]["H"]]
    assert two.scores["H"]["mean"] == pytest.approx((RUNS[2]["H"] + RUNS[0]["H"]) / 2)
    assert three.seeds == [0, 1, 2]
    whole = report(protocol={"split_id": ["a", "b", "c"]})
    fewer = report(RUNS[:2], protocol={"split_id": ["a", "b"]})
    assert whole.only([0, 1]).compare(fewer, "H").ties == 2
    assert whole.only([2, 0]).protocol["split_id"] == ["c", "a"]
    with pytest.raises(ValueError, match="another protocol"):
        whole.only([0, 2]).compare(report(RUNS[:2], seeds=[0, 2], protocol=fewer.protocol), "H")
    with pytest.raises(ValueError, match="choose among those"):
        three.only([3])
