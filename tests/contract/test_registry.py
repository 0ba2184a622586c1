"""A data set of its own layout is one file; a path is recognised once."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from complaints import complaint

from crossalign import data
from crossalign.data import registry, sources
from crossalign.data.catalog import listing

MINE = '''
from crossalign.data.benchmarks import Retrieval, random_halves
from crossalign.data.registry import Source
from crossalign.data.samples import Samples
from crossalign.types import Views
import numpy as np


def read(path, task, *, variant, tokens, seed, log, attributes=None):
    rows = np.loadtxt(path / "mine.txt")
    labels = rows[:, 0].astype(int)
    views = Views({"a": rows[:, 1:4], "b": rows[:, 4:] * (-1 if variant == "turned" else 1)},
                  labels)
    names = tuple(map(str, range(labels.max() + 1)))
    samples = Samples("mine", views, names, np.zeros((len(names), 0)),
                      {"features": attributes or "three"}, seed)
    return Retrieval(samples, random_halves(samples), np.arange(len(labels)) % 4 == 0).benchmark()


SOURCE = Source("mine", "a folder with mine.txt", read, ("retrieval",),
                {"turned": ("retrieval",)}, options=("attributes",),
                recognises=lambda place: "mine.txt" in place.names)
'''


@pytest.fixture
def folder(tmp_path):
    rows = np.c_[np.repeat(np.arange(6), 8), np.random.default_rng(0).normal(size=(48, 6))]
    np.savetxt(tmp_path / "mine.txt", rows)
    return tmp_path


@pytest.fixture
def dropped(tmp_path_factory, monkeypatch):
    """One file beside the sources of the library, and nothing else."""
    place = tmp_path_factory.mktemp("sources")
    (place / "mine_of_a_test.py").write_text(MINE)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(place)])
    yield
    sys.modules.pop("crossalign.data.sources.mine_of_a_test", None)


def test_a_data_set_is_one_file(folder, dropped, monkeypatch):
    bench = data.load(folder)
    assert (bench.name, bench.task, bench.modalities) == ("mine", "retrieval", ("a", "b"))
    assert bench.class_splits == 10
    turned = data.load(f"{folder}:turned", "retrieval", attributes="x")
    np.testing.assert_array_equal(turned["train"]["b"], -bench["train"]["b"])
    assert turned.protocol["features"] == "x"
    assert dict(data.validate(folder))["class splits"].startswith("10 loaded")
    assert "a folder with mine.txt" in " ".join(listing().split())
    monkeypatch.setenv("CROSSALIGN_DATA", str(folder.parent))
    assert (folder.name, ("turned",)) in [(a.name, a.variants) for a in data.available()]
    complaint(lambda: data.load(folder, "gzsl"), "'gzsl'", "retrieval")
    complaint(lambda: data.load(f"{folder}:other"), "no variant 'other'", ":turned")
    complaint(lambda: data.load(folder, unseen="x"), "unseen: given for", "layout mine")
    complaint(lambda: data.load(folder, tokens=True), "tokens: ")


def test_without_the_file_there_is_no_such_data_set(folder):
    complaint(lambda: data.load(folder), "none of the layouts")
    assert "mine.txt" not in listing()


def test_a_path_is_recognised_once(tmp_path, monkeypatch):
    file = tmp_path / "toy.npz"
    np.savez(file, image=np.ones((32, 2)), text=np.ones((32, 2)), labels=np.arange(32) % 4)
    asked = []
    reads = registry.Source.reads
    monkeypatch.setattr(registry.Source, "reads", lambda self, place: (
        asked.append((self.name, place.path)) or reads(self, place)))
    data.load(file)
    assert len(asked) == len(set(asked)) > 0


def test_a_folder_is_listed_once(folder, dropped, monkeypatch):
    listed = []
    iterdir = type(folder).iterdir
    monkeypatch.setattr(type(folder), "iterdir", lambda self: (
        listed.append(self) or iterdir(self)) if self == folder else iterdir(self))
    place = registry.Place(folder)
    assert place.names == {"mine.txt"}
    assert place.names == {"mine.txt"}
    assert listed == [folder]
