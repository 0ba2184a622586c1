"""A space learns from unlabelled pictures where classes that are known by a text alone lie."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from complaints import complaint
from shapes import picture, picture_folder

import crossalign as ca
from crossalign.data_options import DataOptions
from crossalign.space import build_space

WAY = {"gain": 0.1, "prior": 3.0, "temperature": 0.1, "balance": 0.5, "gamma": 0.2,
       "gamma_by_share": [[0.0, 0.0], [1.0, 0.4]],
       "confidences": {"max_probability": {"threshold": 0.3, "temperature": 0.5}}}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A space of six shapes that was built to adapt."""
    folder = picture_folder(tmp_path_factory.mktemp("shapes"))
    for shape in ("ring", "wedge"):
        shutil.rmtree(folder / shape)
    place = tmp_path_factory.mktemp("spaces") / "shapes"
    build_space(DataOptions(data=str(folder), task="gzsl"), place, models=["ridge_map"],
                adapt=True, log=str)
    return place


@pytest.fixture
def space(built, tmp_path):
    shutil.copytree(built, tmp_path / "space")
    opened = ca.Space.open(tmp_path / "space")
    yield opened
    opened.close()


RINGS = [picture("ring", n) for n in range(20, 32)]
"""Unlabelled pictures."""


def taught(space):
    """The space, as if validation had chosen a way."""
    space.fitted.settings = {**space.fitted.settings, "adaptation": WAY}
    return space


def test_scores_with_and_without_stand_in_the_card(space):
    assert {"H", "H_base"} <= space.card["scores"].keys()
    assert "adaptation (heldout)" in space.card["selection"]


def test_pictures_move_a_class_that_was_added(space):
    taught(space).add_class("ring")
    rows = space.readers.of_pictures([picture("ring", n) for n in range(40, 48)])  # others
    before = space.fitted.recogniser.decision_function(rows)[:, -1]
    space.adapt(RINGS)
    after = space.fitted.recogniser.decision_function(rows)[:, -1]
    assert (after > before).all()                    # cosines with the mean that moved
    said = space.recognise(RINGS[:1], k=9)[0]
    again = ca.Space.open(space.folder).recognise(RINGS[:1], k=9)[0]
    assert again.names == said.names
    np.testing.assert_allclose(again.probabilities, said.probabilities, rtol=1e-6)
    share = 1 / 7
    assert space.fitted.recogniser.gamma == pytest.approx(0.4 * share)


def test_a_class_added_later_leaves_those_that_moved(space):
    taught(space).add_class("ring")
    space.adapt(RINGS)
    moved = space.fitted.recogniser.decision_function(space.readers.of_pictures(RINGS))
    space.add_class("wedge")
    wider = space.fitted.recogniser.decision_function(space.readers.of_pictures(RINGS))
    np.testing.assert_allclose(wider[:, :7], moved, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("change", [lambda space: space.add_class("wedge"),
                                    lambda space: space.adapt(RINGS)])
def test_what_cannot_be_written_is_not_changed(space, monkeypatch, change):
    taught(space).add_class("ring")
    before = space.recognise(RINGS[:3], k=9)
    gamma, texts = space.fitted.recogniser.gamma, dict(space.texts)
    with monkeypatch.context() as patched:
        patched.setattr(type(space), "_write", lambda *_: (_ for _ in ()).throw(
            OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            change(space)
    assert (space.fitted.recogniser.gamma, space.texts) == (gamma, texts)
    assert space.recognise(RINGS[:3], k=9) == before
    change(space)                                              # once there is room


def test_what_cannot_learn_says_why(space):
    complaint(lambda: taught(space).adapt(RINGS), "every class of this space had training pictures")
    space.add_class("ring")
    complaint(lambda: space.adapt(["a ring"]), "a space learns from pictures")
    space.fitted.settings = {**space.fitted.settings, "adaptation": {"gain": 0.0}}
    complaint(lambda: space.adapt(RINGS), "no gain by adapting is clear")
    space.fitted.settings = {key: value for key, value in space.fitted.settings.items()
                             if key != "adaptation"}
    complaint(lambda: space.adapt(RINGS), "this space was not built to learn from unlabelled",
              "build it with adapt=True or --adapt")


def test_a_space_that_is_only_searched_cannot_be_built_to_adapt(tmp_path):
    folder, said = picture_folder(tmp_path), []
    complaint(lambda: build_space(DataOptions(data=str(folder), task="retrieval"),
                                  tmp_path.parent / f"{tmp_path.name}-space",
                                  adapt=True, log=said.append), "adapt: a space of",
              "leave --adapt out")
    assert said == []                                              # before anything is encoded


def test_a_list_of_pictures_that_says_nothing_of_them_cannot_adapt(tmp_path):
    picture("ring", 0).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("path,size\na.png,3\n")
    complaint(lambda: build_space(DataOptions(data=str(tmp_path / "list.csv")),
                                  tmp_path / "space", adapt=True, log=str),
              "columns: none of", "name it by")
