"""A report keeps what its page is drawn from, and is drawn again at any time."""

import numpy as np
import pytest
from test_pages_page import report

from crossalign.evaluation.figures_file import figures_path
from crossalign.evaluation.report import Report
from crossalign.pages import render


def test_a_loaded_report_has_the_same_page(tmp_path):
    before = report()
    again = Report.load(before.save(tmp_path / "report.json"))
    assert "<figure" in render(again)
    assert render(again) == render(before)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["figures.npz", "report.json"]


def test_figures_are_plain_arrays_and_come_back_to_the_bit(tmp_path):
    values = {"a": {"x": np.float32([[1, np.nan]]), "tuple": (1, 2.5, None), 3: [True, "ä\x00"]},
              "b": np.array(["one", "two"]), "c": np.int64(7), "d": np.zeros((0, 3), np.uint8),
              "e": np.array(["mixed", 1], dtype=object)}
    report(artefacts=values).save(tmp_path / "r.json")
    with np.load(tmp_path / "r.figures.npz", allow_pickle=False) as file:
        assert not any(file[name].dtype.hasobject for name in file.files)
    found = Report.load(tmp_path / "r.json").artefacts
    np.testing.assert_equal(found, values)
    assert [type(v) for v in found.values()] == [type(v) for v in values.values()]
    assert found["a"]["x"].dtype == np.float32
    assert found["a"]["tuple"] == (1, 2.5, None)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def of_another_report(path):
    report(model="another").save(path.parent / "b" / "report.json")
    path.write_bytes((path.parent / "b" / "figures.npz").read_bytes())


def pickled(path):
    with path.open("wb") as file:
        np.savez(file, tree=np.array([{}], dtype=object))


@pytest.mark.parametrize(("harm", "said"), [
    (truncated, "cannot be read"), (of_another_report, "figures of another report"),
    (pickled, "pickled objects"), (lambda path: path.write_text("hello"), "cannot be read"),
    (lambda path: np.savez(path, image=np.eye(3)), "holds no figures of a report"),
    (lambda path: np.savez(path, tree=np.eye(3)), "holds no figures of a report"),
    (lambda path: np.savez(path, tree=np.frombuffer(b'{"owner": 1, "figures": {"array": "9"}}',
                                                    np.uint8)), "holds no figures of a report")])
def test_damaged_or_foreign_figures_are_one_sentence(tmp_path, harm, said):
    path = report().save(tmp_path / "report.json")
    harm(figures_path(path))
    with pytest.raises(ValueError, match=said) as caught:
        Report.load(path)
    assert str(figures_path(path)) in str(caught.value)
    assert "\n" not in str(caught.value)
    figures_path(path).unlink()
    assert Report.load(path).scores == report().scores


def test_figures_never_stand_beside_numbers_of_another_run(tmp_path, monkeypatch):
    path = report().save(tmp_path / "report.json")

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("crossalign.evaluation.report.write_figures", die)
    with pytest.raises(KeyboardInterrupt):
        report(model="later").save(path)
    assert (Report.load(path).model, Report.load(path).artefacts) == ("later", {})
    report(artefacts={}).save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_figures_that_lack_a_part_are_one_sentence_of_the_page():
    with pytest.raises(ValueError, match=r"artefacts: curve is not.*'chosen'"):
        render(report(artefacts={"curve": {"seen": [0.1]}}))
