"""kill -9 in every step of building a space: the next start goes on; nothing is lost or double."""

from __future__ import annotations

import os
import signal

import pytest
from complaints import complaint
from shapes import SHAPES, picture_folder

import crossalign as ca
from crossalign.data_options import DataOptions
from crossalign.encoders import HOG, shards, steps
from crossalign.index import ExactIndex
from crossalign.space import build, build_space, draft, stored

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
PART = 16
"""Pictures of a block and of a part that is kept."""
STEPS = {"encode": (HOG, "encode", 3), "choose": (build, "choose", 1),
         "fit": (build, "fit_chosen", 1), "index": (ExactIndex, "add", 2),
         "save": (stored, "write_record", 1), "replace": (os, "replace", "draft")}
"""What is called in a step, and the call that is the last."""


@pytest.fixture(autouse=True)
def small_parts(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    for module, name in ((shards, "PART"), (steps, "BLOCK")):
        monkeypatch.setattr(module, name, PART)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("shapes"), 6)


def built(folder, place, **options):
    said = []
    opened = build_space(DataOptions(data=str(folder), task="retrieval"), place,
                         models=["ridge_map"], log=said.append, **options)
    return opened, said


def killed_in(step, work):
    """Do ``work()`` in a process of its own, which is killed in a step."""
    child = os.fork()
    if child == 0:
        import torch

        torch.set_num_threads(1)
        owner, name, last = STEPS[step]
        call, count = getattr(owner, name), 0

        def dying(*given, **options):
            nonlocal count
            count += 1
            drafted = last == "draft" and str(given[0]).endswith(".unfinished")
            if count == last or drafted:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **options)

        setattr(owner, name, dying)
        try:
            work()
        finally:
            os._exit(1)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def contents(opened):
    """All items in the order of a search, with scores and payload; none of them twice."""
    hits = opened.search("a square", k=len(opened))
    assert len({hit.id for hit in hits}) == len(hits) == len(opened)
    opened.close()
    return hits


@pytest.fixture(scope="module")
def clean(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        return contents(built(folder, tmp_path_factory.mktemp("clean") / "space")[0])


@pytest.mark.parametrize("step", [step for step in STEPS if step != "replace"])
def test_the_next_build_goes_on_and_is_that_of_a_clean_run(step, folder, clean, tmp_path):
    place = tmp_path / "spaces" / "shop"
    place.parent.mkdir()
    assert killed_in(step, lambda: built(folder, place))
    complaint(lambda: ca.Space.open(place), "holds no space.json")
    opened, said = built(folder, place)
    assert contents(opened) == clean
    told = "\n".join(said)
    done = f"going on: {2 * PART} of {6 * len(SHAPES)} pictures were encoded before"
    assert (done in told) == (step == "encode")
    assert (".shop.unfinished', which was left" in told) == (step == "save")
    assert [entry.name for entry in place.parent.iterdir()] == ["shop"]


def test_a_space_that_was_being_replaced_is_brought_back(folder, clean, tmp_path):
    place = tmp_path / "spaces" / "shop"
    first = built(folder, place)[0]
    first.add("a mark")
    first.close()
    assert killed_in("replace", lambda: built(folder, place, replace=True))
    said = []
    complaint(lambda: build_space(DataOptions(data=str(folder)), place, log=said.append),
              "holds a space already", "--replace")
    assert said[0].startswith("brought back")
    os.rename(place, place.with_name(".shop.old"))                 # as the kill had left it
    again = ca.Space.open(place)
    assert len(again) == len(clean) + 1                            # with what was added to it
    again.close()
    assert [entry.name for entry in place.parent.iterdir()] == ["shop"]
    assert contents(built(folder, place, replace=True)[0]) == clean


def test_a_second_build_into_one_folder_is_refused(folder, tmp_path):
    place = tmp_path / "spaces" / "shop"
    with draft.building(place, print):
        for work in (lambda: built(folder, place), lambda: built(folder, place, replace=True)):
            complaint(work, "is being built by another process", "give another folder")
        place.with_name(".shop.old").mkdir()                       # as while it replaces another
        complaint(lambda: ca.Space.open(place), "is being built by another process")
        place.with_name(".shop.old").rmdir()
        assert [entry.name for entry in place.parent.iterdir()] == [".shop.lock"]
    assert not place.parent.exists()
