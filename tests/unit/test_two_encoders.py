"""The page's script of two encoders: the same pictures, encoded twice."""

import importlib.util
from pathlib import Path

import numpy as np
from shapes import picture_folder

from crossalign import data


def test_rows_of_both_encoders_are_of_the_same_pictures(tmp_path, capsys):
    place = Path(__file__).parents[2] / "docs" / "two_encoders.py"
    spec = importlib.util.spec_from_file_location("two_encoders", place)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    folder = picture_folder(tmp_path)
    (next(of for of in folder.iterdir() if of.is_dir()) / "odd.dat").write_bytes(b"no picture")
    script.main([str(folder), "hog", "hog", "--out", str(tmp_path / "two.npz")])
    found = np.load(tmp_path / "two.npz")
    expected = data.load(folder, "gzsl")
    np.testing.assert_array_equal(found["first"], found["second"])
    assert len(found["labels"]) == sum(map(len, expected.splits.values()))
    both = np.concatenate([part["image"] for part in expected.splits.values()])
    truth = np.concatenate([np.asarray(expected.classes.names)[part.truth]
                            for part in expected.splits.values()])
    names = np.unique(truth)
    order, other = np.lexsort(both.T), np.lexsort(found["first"].T)
    np.testing.assert_allclose(both[order], found["first"][other], rtol=1e-6)
    assert (truth[order] == names[found["labels"]][other]).all()
    assert "odd.dat" in capsys.readouterr().err
