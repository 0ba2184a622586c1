"""A data set of its own layout is one file; a path is recognised once."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

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


RAW = '''
from crossalign.data.benchmarks import Retrieval, random_halves
from crossalign.data.registry import Source
from crossalign.data.samples import RawSamples
import numpy as np


def cut(samples):
    asks = np.arange(len(samples.labels)) % 4 == 0
    return Retrieval(samples, random_halves(samples), asks).benchmark()


def read(path, task, *, variant, tokens, seed, log):
    files = {name: sorted(path.glob(f"{name}_*.png")) for name in "abcd"}
    texts = [(f"the {file.stem}",) for of in files.values() for file in of]
    return RawSamples("mine", {"scan": files}, cut, {}, np.zeros((4, 0)), seed, texts)


SOURCE = Source("mine", "a folder with mine.txt", read, ("retrieval",), tokens=True,
                raw=("pictures", "texts"), recognises=lambda place: "mine.txt" in place.names)
'''


class Sums:
    """Encoder of both: the sum of a picture, the length of a text."""

    side, mode, tokens = 4, "L", False
    facts = {"name": "sums"}  # noqa: RUF012

    def encode(self, items):
        return np.array([[len(of) if isinstance(of, str) else of.sum(), 1] for of in items])


@pytest.fixture
def folder(tmp_path):
    rows = np.c_[np.repeat(np.arange(6), 8), np.random.default_rng(0).normal(size=(48, 6))]
    np.savetxt(tmp_path / "mine.txt", rows)
    return tmp_path


@pytest.fixture
def dropped(request, tmp_path_factory, monkeypatch):
    """One file beside the sources of the library, and nothing else."""
    place = tmp_path_factory.mktemp("sources")
    (place / "mine_of_a_test.py").write_text(getattr(request, "param", MINE))
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


@pytest.mark.parametrize("dropped", [RAW], indirect=True)
def test_a_source_that_only_finds_pictures_takes_every_encoder(tmp_path, dropped):
    (tmp_path / "mine.txt").touch()
    pixels = np.random.default_rng(0).integers(256, size=(4, 8, 4, 4), dtype=np.uint8)
    for name, of_class in zip("abcd", pixels, strict=True):
        for i, picture in enumerate(of_class):
            Image.fromarray(picture).save(tmp_path / f"{name}_{i}.png")
    bench = data.load(tmp_path)
    assert bench.modalities == ("scan", "text")
    assert bench.protocol["leaks"]["backbone_saw_unseen_classes"] is False
    assert data.load(tmp_path, tokens=True)["train"]["scan"].ndim == 3
    mine = data.load(tmp_path, encoder=Sums(), text_encoder=Sums())
    assert mine.protocol["split_id"] == bench.protocol["split_id"]
    assert mine.protocol["leaks"]["text_features_fit_on_unseen"] is None
    for part in mine.splits.values():
        for scan, text, file in zip(part["scan"], part["text"], part.meta["file:scan"],
                                    strict=True):
            name, i = Path(file).stem.split("_")
            assert scan.tolist() == [pixels["abcd".index(name), int(i)].sum(), 1]
            assert text.tolist() == [len(f"the {name}_{i}"), 1]


def test_without_the_file_there_is_no_such_data_set(folder):
    complaint(lambda: data.load(folder), "nothing that is read here")
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
