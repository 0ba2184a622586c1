"""What changes a space from elsewhere: paths that name an item, and other processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from complaints import complaint
from shapes import picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.served import Served
from crossalign.space import build_space


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place = tmp_path_factory.mktemp("spaces") / "shapes"
    photos = picture_folder(tmp_path_factory.mktemp("shapes"))
    build_space(DataOptions(data=str(photos)), place, models=["ridge_map"], log=str)
    return place, photos


@pytest.fixture
def folder(built, tmp_path):
    return Path(shutil.copytree(built[0], tmp_path / "space"))


def test_an_item_is_removed_by_the_path_of_its_file(built, folder, tmp_path, monkeypatch):
    new = tmp_path / "new" / "one.png"
    new.parent.mkdir()
    picture("ring", 77).save(new)
    assert CliRunner().invoke(app, ["add", str(folder), str(new)]).exit_code == 0
    space = ca.Space.open(folder)
    assert space.search(new, k=1)[0].id == str(new)
    items = len(space)
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["remove", str(folder), "new/one.png"])
    assert ran.exit_code == 0, ran.output
    monkeypatch.chdir(built[1])
    space = ca.Space.open(folder)
    assert len(space) == items - 1
    assert space.remove(["ring/00.png", str(built[1] / "ring" / "01.png")]) == 2
    complaint(lambda: space.remove("new/one.png"), "new/one.png")
    space.close()
    assert len(ca.Space.open(folder)) == items - 3


def test_a_server_answers_of_what_another_process_made_of_the_space(folder, tmp_path):
    served = Served(ca.Space.open(folder), Limits())
    before = served.about()
    first = served._space
    assert served.classes()
    assert served._space is first                                # nothing changed, nothing opened
    other = ca.Space.open(folder)
    other.add_class("halo", "a ring of light")
    assert served.classes()[-1] == {"name": "halo", "seen": False}
    other.add(["a word nobody knew"], ids=["word"])
    other.close()
    assert served.about()["items"] == before["items"] + 1
    served.remove("word")
    own = served._space
    served.add_class("glory", None)
    assert served._space is own                                  # its own changes are no news
    assert [one["name"] for one in served.classes()][-2:] == ["halo", "glory"]
    shutil.move(folder, tmp_path / "elsewhere")                  # while it is being replaced
    assert served.about()["items"] == before["items"]
    with pytest.raises(AskError, match="no item of that id"):
        served.thumb("word")
