"""The form of saved values and folders, which folders of earlier versions have too."""

import hashlib
import json

import numpy as np
import pytest

from crossalign.folders import as_text, digest, read_record, why
from crossalign.trees import nested, pack, rebuilt, tagged, unpack, untagged


def refuse(value, path):
    raise TypeError(path)


@pytest.mark.parametrize(("value", "stored"), [
    ((1, [2.5, (None, "x")], True), {"tuple": [1, [2.5, {"tuple": [None, "x"]}], True]}),
    ([], []), ((), {"tuple": []})])
def test_tuples_are_told_from_lists(value, stored):
    assert nested(value, refuse) == stored
    assert repr(rebuilt(json.loads(json.dumps(stored)), dict)) == repr(value)
    assert pack(value) == stored


@pytest.mark.parametrize(("mapping", "stored"), [
    ({"a": (1,), "tuple": 2}, {"mapping": {"a": {"tuple": [1]}, "tuple": 2}}),
    ({1: "x", (2, "y"): [3]}, {"pairs": [[1, "x"], [{"tuple": [2, "y"]}, [3]]]}),
    ({}, {"mapping": {}})])
def test_mappings_are_tagged(mapping, stored):
    assert tagged(mapping, refuse) == stored
    assert untagged(json.loads(json.dumps(stored)), dict) == mapping
    assert pack(mapping) == stored
    assert unpack(stored) == mapping


def test_a_leaf_is_told_its_path():
    with pytest.raises(TypeError, match=r"^here/1/0$"):
        nested([1, ({2},)], refuse, "here")
    with pytest.raises(TypeError, match=r"^here/a/1$"):
        tagged({"a": [1, {2}]}, refuse, "here")


def test_arrays_are_their_bytes():
    stored = pack(np.float32([1, 2]))
    assert stored == {"array": "AACAPwAAAEA=", "dtype": "<f4", "shape": [2], "scalar": False}


def test_records_are_read_as_they_were_written(tmp_path):
    record = {"format": 1, "state": ["ä", 0.1]}
    (tmp_path / "r.json").write_text(as_text(record), encoding="utf-8")
    assert read_record(tmp_path / "r.json") == record
    assert digest("ä") == digest("ä".encode()) == hashlib.sha256("ä".encode()).hexdigest()


def test_damage_of_a_record_is_said_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "r.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"^r\.json nests too deep$"):
        read_record(tmp_path / "r.json")
    monkeypatch.setattr("crossalign.folders.LARGEST_RECORD", 10)
    with pytest.raises(ValueError, match=r"100000 bytes of 10 at most"):
        read_record(tmp_path / "r.json")
    assert why(KeyError("state")) == "it holds no 'state'"
    assert why(ValueError("one.\n two. Three.")) == "one; two; Three"
    assert why(ValueError()) == "ValueError"
