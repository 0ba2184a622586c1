"""A space answers about raw pictures and texts from its folder alone, and grows there."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from complaints import complaint
from PIL import Image
from shapes import SHAPES, picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign import data_options
from crossalign.cli import app
from crossalign.data.catalog import load_whole
from crossalign.data_options import DataOptions
from crossalign.encoders import HOG
from crossalign.evaluation.protocols import get
from crossalign.evaluation.selection import select
from crossalign.index import ExactIndex, HammingIndex
from crossalign.models import RidgeMap
from crossalign.space import build_space
from crossalign.space.chance import RandomPairs
from crossalign.space.choice import DRAWS, choose
from crossalign.space.ids import ids_of_files
from crossalign.space.originals import original
from crossalign.space.recognition import PLAYED, Recognition
from crossalign.space.scores import guessing
from crossalign.tasks import Fitted
from crossalign.types import Classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    """A space of pictures and the names of their folders, and what building it said."""
    place, said = tmp_path_factory.mktemp("spaces") / "shapes", []
    build_space(DataOptions(data=str(folder), task="retrieval"), place, models=["ridge_map"],
                log=said.append)
    return place, said


@pytest.fixture
def space(built, tmp_path):
    shutil.copytree(built[0], tmp_path / "space")
    opened = ca.Space.open(tmp_path / "space")
    yield opened
    opened.close()


def test_building_says_every_step(built):
    told = "\n".join(built[1])
    for part in ("train", "ridge_map: mAP", "fitting ridge_map", "on test: mAP", "items indexed"):
        assert part in told
    card = json.loads((built[0] / "space.json").read_text())["card"]
    assert card["scores"]["mAP"] > 0
    assert card["tried"].keys() == {"ridge_map"}
    assert "ridge_map" not in (built[0] / "card.md").read_text().splitlines()[0]


def test_building_opens_its_encoders_once(folder, tmp_path, monkeypatch):
    opened, count = data_options.open_encoders, []
    monkeypatch.setattr(data_options, "open_encoders",
                        lambda *names, **how: count.append(1) or opened(*names, **how))
    build_space(DataOptions(data=str(folder), task="retrieval"), tmp_path / "space",
                models=["ridge_map"], log=str)
    assert len(count) == 1


def test_a_picture_finds_itself_in_every_form(space, folder):
    file = folder / "ring" / "03.png"
    with Image.open(file) as opened:
        opened.load()
    for query in (file, file.read_bytes(), opened, np.asarray(opened)):
        first = space.search(query, k=1, modality="image")[0]
        assert (first.id, first.payload["class"]) == ("ring/03.png", "ring")
        assert first.score == pytest.approx(1, abs=1e-5)
        assert first.payload["file"] == str(Path("ring") / "03.png")
        assert first.payload["thumb"].startswith("data:image/jpeg;base64,")


def test_scores_are_those_of_the_model_itself(space, folder):
    rows = HOG().encode(np.stack([np.asarray(picture("disc", 3).resize(
        (HOG().side, HOG().side), Image.Resampling.BICUBIC))]))
    model = space.fitted.model
    np.testing.assert_allclose(space.embed(folder / "disc" / "03.png"),
                               model.embed(rows, "image"), atol=1e-6)
    vectors = space.embed([folder / "disc" / f"{n:02d}.png" for n in range(4)])
    expected = vectors @ vectors[0]
    scores = {hit.id: hit.score for hit in space.search(vectors[0], k=len(space))}
    for n in range(4):
        assert scores[f"disc/{n:02d}.png"] == pytest.approx(float(expected[n]), abs=1e-5)


def test_words_find_pictures_and_filters_narrow(space):
    hits = space.search("square", k=5, modality="image")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.payload["modality"] for hit in hits} == {"image"}
    only = space.search("square", k=50, where={"class": ["disc", "bar"]}, modality="image")
    assert {hit.payload["class"] for hit in only} == {"disc", "bar"}
    assert {hit.payload["modality"] for hit in space.search("square", k=5, modality="text")} == {
        "text"}


def test_items_come_and_go_and_stay_so(space, tmp_path):
    picture("ring", 99).save(tmp_path / "new.png")
    count = len(space)
    assert space.add(tmp_path / "new.png", ids=["mine"], payload=[{"price": 3}]) == ["mine"]
    (name,) = space.add("a ring", payload=[{"price": 5}])
    assert name.startswith("text-")
    assert space.add("a ring") == [name]                       # the same item, not another
    space.remove(name)
    assert space.add(["a ring", "a disc"])[0] == name
    space.remove(space.add("a disc"))
    space.close()
    again = ca.Space.open(space.folder)
    assert len(again) == count + 2
    found = again.search(tmp_path / "new.png", k=1, where={"price": {"gte": 2, "lt": 4}})[0]
    assert (found.id, found.payload["modality"], found.payload["price"]) == ("mine", "image", 3)
    assert again.remove("mine") == 1
    again.close()
    assert len(ca.Space.open(space.folder)) == count + 1
    complaint(lambda: again.remove("mine"), "ids: ")


def test_it_answers_in_another_process_without_its_data(built, folder, tmp_path):
    shutil.copytree(built[0], tmp_path / "space")
    picture("cross", 77).save(tmp_path / "q.png")
    code = ("import sys; from pathlib import Path; import crossalign as ca;"
            "hits = ca.Space.open(sys.argv[1]).search(Path(sys.argv[2]), k=3, modality='image');"
            "print([hit.id for hit in hits])")
    ran = subprocess.run([sys.executable, "-c", code, "space", "q.png"], cwd=tmp_path, check=True,
                         capture_output=True, text=True,
                         env={**os.environ, "HOME": str(tmp_path)})
    expected = ca.Space.open(built[0]).search(tmp_path / "q.png", k=3, modality="image")
    assert ran.stdout.strip() == str([hit.id for hit in expected])


@pytest.mark.parametrize(("item", "words"), [
    (3, "item: got 3"), (None, "item: got None"), ("", "text: got 0 characters"),
    (" " * 5, "text: got 5 characters"), ("x" * 200_000, "text: got 200000"),
    (Path("nosuch.png"), "is no file"), (b"no picture", "picture: its 10 bytes"),
    (np.zeros((4, 4, 4, 4), np.uint8), "picture: pixels of shape"),
    (np.zeros(3), "vectors: "), (np.full(8, np.nan), "vectors: "),
    (["a", np.zeros((4, 4), np.uint8)], "items: got text and image"), ([], "items: got none")])
def test_what_is_no_item_is_one_sentence(space, item, words):
    complaint(lambda: space.search(item, k=1), words)


def test_other_wrong_arguments_are_one_sentence(space, folder):
    file = folder / "ring" / "03.png"
    complaint(lambda: space.search("a", k=0), "k: ")
    complaint(lambda: space.search("a", modality="sound"), "modality: got 'sound'")
    complaint(lambda: space.search("a", where={"class": {"near": 3}}), "near")
    complaint(lambda: space.embed(file, "text"), "modality: got 'text'")
    complaint(lambda: space.add([file, file], ids=["a"]), "ids: got 1")
    complaint(lambda: space.add(file, payload=[{"class": " "}]), "payload: 'class' is ' '")
    complaint(lambda: space.recognise(file), "recognises no classes")
    assert len(space) == len(ca.Space.open(space.folder))


# -- recognition ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def knowing(folder, tmp_path_factory):
    """A space that recognises, of one class more that has a text and no picture."""
    place, said = tmp_path_factory.mktemp("spaces") / "knowing", []
    texts = tmp_path_factory.mktemp("texts") / "classes.csv"
    texts.write_text("name,text\n" + "".join(f"{name},a {name}\n" for name in [*SHAPES, "star"]))
    build_space(DataOptions(data=str(folder), class_texts=str(texts)), place,
                models=["linear_cosine"], log=said.append)
    return place, "\n".join(said)


@pytest.fixture
def sure(knowing, tmp_path):
    shutil.copytree(knowing[0], tmp_path / "space")
    opened = ca.Space.open(tmp_path / "space")
    yield opened
    opened.close()


def test_it_recognises_new_pictures_of_its_classes(sure, knowing):
    answers = sure.recognise([picture(shape, n) for shape in SHAPES for n in (50, 51)], k=3)
    right = [answer.names[0] == shape for answer, shape in
             zip(answers, np.repeat(list(SHAPES), 2), strict=True)]
    assert np.mean(right) > 0.8
    for answer in answers:
        assert len(answer.names) == len(answer.probabilities) == 3
        assert sorted(answer.probabilities, reverse=True) == answer.probabilities
        assert 0 < sum(answer.probabilities) <= 1 + 1e-6
        assert answer.confidence == pytest.approx(answer.probabilities[0], abs=1e-6)
    assert "fitting it again on all pictures" in knowing[1]
    assert sure.seen.tolist() == [True] * len(SHAPES) + [False]
    assert set(sure.class_names) == {*SHAPES, "star"}


def test_probabilities_are_softmax_of_calibrated_scores_over_the_chosen_temperature(sure):
    image = picture("disc", 60)
    recogniser, chosen = sure.fitted.recogniser, sure.fitted.confidences["max_probability"]
    rows = sure.readers.of_pictures([image])
    scores = recogniser.decision_function(rows)[0] + recogniser.lift_
    chances = np.exp(scores / chosen["temperature"] - np.max(scores / chosen["temperature"]))
    chances /= chances.sum()
    answer = sure.recognise(image, k=len(sure.class_names))[0]
    np.testing.assert_allclose(answer.probabilities, np.sort(chances)[::-1], atol=1e-6)
    assert answer.none == (chances.max() < chosen["threshold"])


def test_the_set_holds_the_best_and_what_is_within_the_limits_of_validation(sure):
    images = [picture(shape, n) for shape in SHAPES for n in (60, 61)]
    limits = sure.fitted.settings["sets"]
    scores = sure.fitted.recogniser.decision_function(sure.readers.of_pictures(images))
    scores -= limits["gamma"] * sure.seen
    for row, answer in zip(scores, sure.recognise(images, k=1), strict=True):
        inside = {name for name, score, seen in zip(sure.class_names, row, sure.seen, strict=True)
                  if (row.max() - score) / row.std() <= limits["seen" if seen else "unseen"][40]}
        assert set(answer.set) == inside | set(answer.names)
        assert answer.set[0] == answer.names[0]
    bare = Recognition(Fitted(sure.fitted.model, "gzsl", sure.fitted.recogniser))
    assert bare.answers(sure.readers.of_pictures(images[:1]), 1)[0].set == []


def test_classes_are_added_by_text_and_stay(sure):
    image = picture("ring", 70)
    sure.add_class("halo", ["a halo", "a ring of light"])
    again = ca.Space.open(sure.folder)
    for space in (sure, again):
        assert space.class_names[-1] == "halo"
        assert not space.seen[-1]
        assert space.fitted.recogniser.gamma == 0
        assert space.fitted.recogniser.lift_[-1] != 0
        vector = space.readers.of_classes([["a halo", "a ring of light"]])
        np.testing.assert_array_equal(space.classes.embeddings[-1:], vector)
        assert "halo" in space.recognise(image, k=99)[0].names
    assert sure.card[PLAYED] == 2
    assert "2 classes played such on validation, and a promise takes 9" in again.unpromised
    complaint(lambda: again.add_class("halo"), "name: there is a class 'halo' already")
    complaint(lambda: again.add_class(" "), "name: got ' '")
    complaint(lambda: again.add_class("moon", ""), "text: got 0 characters")


def test_a_class_whose_text_is_that_of_another_is_refused(sure):
    """No picture could be told from the other's, which would lose its answers to it."""
    name, before = sure.class_names[0], sure.recognise(picture("ring", 70), 99)
    for text in ([*sure.texts[name]], [text.upper() for text in sure.texts[name]]):
        complaint(lambda text=text: sure.add_class("twin", text),
                  f"text: its vector is that of the class {name!r}")
    assert sure.recognise(picture("ring", 70), 99) == before
    assert ca.Space.open(sure.folder).class_names == sure.class_names


def test_the_threshold_follows_further_classes(sure):
    images = [picture(shape, n) for shape in SHAPES for n in range(80, 100)]
    before = np.mean([answer.none for answer in sure.recognise(images)])
    for name in ("a second disc", "a second ring", "lorry", "sea horse"):
        sure.add_class(name)
    after = np.mean([answer.none for answer in sure.recognise(images)])
    assert abs(after - before) < 0.15
    chosen = sure.fitted.confidences["max_probability"]["threshold"]
    assert ca.Space.open(sure.folder).fitted.confidences["max_probability"]["threshold"] == chosen


def test_two_who_add_classes_lose_none(sure):
    other = ca.Space.open(sure.folder)
    other.add_class("lorry")
    complaint(lambda: sure.add_class("sea horse"), "another process has changed it",
              "open it again")
    again = ca.Space.open(sure.folder)
    again.add_class("sea horse")
    assert ca.Space.open(sure.folder).class_names[-2:] == ["lorry", "sea horse"]


def test_a_file_is_one_item_however_it_is_written(sure, folder, tmp_path, monkeypatch):
    count = len(sure)
    assert sure.add(folder / "ring" / "03.png") == ["ring/03.png"]
    picture("ring", 90).save(tmp_path / "new.png")
    monkeypatch.chdir(tmp_path)
    whole = tmp_path / "new.png"
    assert sure.add(Path("new.png")) == sure.add(whole) == [str(whole)]
    assert len(sure) == count + 1


def test_files_of_one_name_in_folders_of_one_name_are_items_of_their_own(sure, folder):
    count, new = len(sure), [folder / "ring" / f"{n}" / "ring" / "03.png" for n in "ab"]
    for n, file in enumerate(new):
        file.parent.mkdir(parents=True)
        picture("disc", 70 + n).save(file)
    try:
        assert sure.add([*new, folder / "ring" / "03.png"]) == [*map(str, new), "ring/03.png"]
        assert sure.add(new) == list(map(str, new))
        assert len(sure) == count + 2
        assert sure.search(picture("disc", 70), k=1)[0].id == str(new[0])
        assert sure.remove([str(new[0]), str(folder / "ring" / "03.png")]) == 2
        twice = folder / "ring" / "a" / "ring" / "04.png"
        picture("disc", 72).save(twice)
        complaint(lambda: sure.add([twice, twice]), "occurs twice")
        assert len(sure) == count
    finally:
        shutil.rmtree(folder / "ring" / "a")
        shutil.rmtree(folder / "ring" / "b")


def test_files_are_found_again_under_the_ids_that_their_data_give_them(tmp_path, monkeypatch):
    (tmp_path / "shapes").mkdir()
    files = sorted(picture_folder(tmp_path / "shapes", 6).glob("*/*.png"))
    lines = [f"{n},{file},a {file.parent.name},{file.parent.name}" for n, file in enumerate(files)]
    (tmp_path / "listed.csv").write_text("\n".join(["id,image,caption,class", *lines]))
    monkeypatch.chdir(tmp_path)
    options = DataOptions(data="listed.csv", columns="path=image,text=caption,class=class",
                          task="retrieval")
    space = build_space(options, tmp_path / "space", models=["ridge_map"], log=str)
    count = len(space)
    assert space.add(files[7]) == space.add(files[7]) == ["7"]
    assert len(space) == count
    assert space.remove(str(files[7])) == 1
    assert space.add(files[7]) == [str(files[7])]
    space.close()


def test_files_of_data_under_the_data_root_are_found_from_anywhere(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_DATA", str(folder.parent))
    options = DataOptions(data=folder.name, task="retrieval")
    space = build_space(options, tmp_path / "space", models=["ridge_map"], log=str)
    monkeypatch.chdir(tmp_path)
    (about,) = space.index.payload(["ring/03.png"])
    assert original(space.root, "ring/03.png", about) == folder / "ring" / "03.png"
    assert space.add(folder / "ring" / "03.png") == ["ring/03.png"]
    space.close()


def test_a_file_of_another_kind_is_found_by_that_kind(tmp_path):
    index, file = ExactIndex(2), str(tmp_path / "a" / "1.png")
    index.add(np.eye(2, dtype=np.float32), ["drawn", "seen"], [
        {"file": "a/1.png", "modality": "sketch"}, {"file": file, "modality": "image"}])
    for kind, name in (("sketch", "drawn"), ("image", "seen")):
        assert ids_of_files(index, [file], str(tmp_path), kind) == [name]
    index.remove(["seen"])
    assert ids_of_files(index, [file], str(tmp_path), None) == ["drawn"]
    assert ids_of_files(index, [file + "x"], str(tmp_path), "sketch") == ["a/1.pngx"]


def test_a_file_that_is_added_again_keeps_its_class_and_has_a_small_picture_of_its_own(
        sure, folder, tmp_path):
    before = sure.index.payload(["ring/03.png"])[0]
    assert CliRunner().invoke(app, ["add", str(sure.folder), str(folder)]).exit_code == 0
    sure = ca.Space.open(sure.folder)                              # written by another process
    (after,) = sure.index.payload(["ring/03.png"])
    assert after == {**before, "file": str(folder / "ring" / "03.png")}
    whole = tmp_path / "new.png"
    picture("ring", 90).save(whole)
    sure.add(whole, payload=[{"class": "ring", "price": 3}])
    (first,) = sure.index.payload([str(whole)])
    picture("disc", 90).save(whole)
    sure.add(whole, payload=[{"class": "disc"}])
    (second,) = sure.index.payload([str(whole)])
    assert second == {**first, "class": "disc", "thumb": second["thumb"]}
    assert second["thumb"] != first["thumb"]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(second["thumb"].partition(",")[2]))))
    assert np.abs(pixels.mean() - np.asarray(picture("disc", 90)).mean()) < 3
    sure.add(whole, [str(whole)], [{"class": "disc"}])          # an id that is given is replaced
    assert "price" not in sure.index.payload([str(whole)])[0]
    sure.close()


def test_a_space_is_replaced_when_it_is_said_and_too_few_classes_are_a_sentence(
        knowing, folder, tmp_path):
    options = DataOptions(data=str(folder))
    complaint(lambda: build_space(options, knowing[0], log=str), "holds a space already",
              "--replace")
    shutil.copytree(knowing[0], tmp_path / "space")
    built = build_space(options, tmp_path / "space", models=["ridge_map"], replace=True, log=str)
    assert "star" not in built.class_names
    for count in (3, 4):
        (tmp_path / f"{count}").mkdir()
        for shape in list(SHAPES)[:count]:
            shutil.copytree(folder / shape, tmp_path / f"{count}" / shape)
        complaint(lambda data=tmp_path / f"{count}": build_space(
            DataOptions(data=str(data)), tmp_path / "no", models=["ridge_map"], log=str),
            f"of {count} classes", "5 at least")
    assert not (tmp_path / "no").exists()


def test_a_model_that_is_not_there_is_told_before_anything_is_encoded(folder, tmp_path):
    said = []
    complaint(lambda: build_space(DataOptions(data=str(folder)), tmp_path / "no",
                                  models=["ridge_map", "nonsense"], log=said.append),
              "there is no 'nonsense'")
    assert said == []


def test_words_find_pictures_by_what_classes_are_called(sure):
    hits = sure.search("a disc", k=6)
    assert [hit.payload["class"] for hit in hits].count("disc") >= 4
    assert sure.modalities == ["image", "text"]
    assert len(sure) == 12 * len(SHAPES)


def test_damaged_foreign_and_changed_spaces_are_refused(built, tmp_path, monkeypatch):
    complaint(lambda: ca.Space.open(tmp_path / "none"), "holds no space.json")
    shutil.copytree(built[0], tmp_path / "s")
    record = (tmp_path / "s" / "space.json")
    text = record.read_text()
    for wrong in ("{", "[]", text.replace('"format": 1', '"format": 9'),
                  text.replace("ridge_map", "ridge_mop"), ""):
        record.write_text(wrong)
        complaint(lambda: ca.Space.open(tmp_path / "s"), "folder:", "build the space again")
    record.write_text(text)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    complaint(lambda: ca.Space.open(tmp_path / "s").save(tmp_path / "mine"), "notes.txt")
    monkeypatch.setattr(HOG, "facts", {"of": "another version"})
    opened = ca.Space.open(tmp_path / "s")
    complaint(lambda: opened.embed(np.zeros((9, 9), np.uint8)), "encoder of images is another")


def test_pictures_of_sixteen_bits_and_turned_ones_are_read_as_in_training(space, folder):
    gray = np.asarray(picture("ring", 3)).astype(np.uint16) * 257
    stream = io.BytesIO()
    Image.fromarray(gray).save(stream, "PNG")
    np.testing.assert_allclose(space.embed(stream.getvalue()),
                               space.embed(folder / "ring" / "03.png"), atol=1e-6)


def test_a_key_that_no_item_has_is_named_beside_those_that_there_are(space):
    for where in ({"kolor": "red"}, {"class": "disc", "kolor": {"not": "red"}}):
        complaint(lambda w=where: space.search("square", where=w), "'kolor'", "'class'", "'file'")
    with pytest.raises(ValueError, match=r"'clas' in its payload; did you mean 'class'\?"):
        space.search("square", where={"clas": "disc"})
    assert space.search("square", where={"class": "none such"}) == []
    space.remove([hit.id for hit in space.search("square", k=1000)])
    assert space.search("square", where={"kolor": "red"}) == []


@pytest.mark.parametrize("inside", ["space", "deep/in/space", ".hidden"])
def test_a_space_is_not_built_into_its_own_data(folder, inside):
    before = sorted(folder.rglob("*"))
    complaint(lambda: build_space(DataOptions(data=str(folder)), folder / inside), "lies in",
              "beside it")
    complaint(lambda: build_space(DataOptions(data=str(folder)), folder), "lies in")
    complaint(lambda: build_space(DataOptions(data=str(folder)), folder.parent), "holds")
    assert sorted(folder.rglob("*")) == before


def test_of_few_validation_classes_several_draws_choose(folder):
    """The objective is the mean over draws within the training classes."""
    bench = load_whole(str(folder), "gzsl", **DataOptions(data=str(folder)).read_raw_as()).benchmark
    seen = {bench.classes.names[i] for i in np.flatnonzero(bench.classes.seen)}
    drawn = [bench.validation(k) for k in range(DRAWS)]
    unseen = [tuple(np.array(one.classes.names)[one.classes.unseen]) for one in drawn]
    assert len(set(unseen)) > 1
    trained = set(bench["train"].ids.tolist())
    for one in drawn:
        assert set(one.classes.names) <= seen
        assert all(set(views.ids.tolist()) <= trained for views in one.splits.values())
    task, model, said = get("gzsl")(), RidgeMap(), []
    grid = {"alpha": [1.0, 100.0]}
    alone = []
    for one in drawn:
        outcomes = [task.trial(RidgeMap(alpha=alpha).fit(one["train"], classes=one.classes), one)
                    for alpha in grid["alpha"]]
        alone.append(outcomes)
    means = [np.mean([pair[i].objective for pair in alone]) for i in (0, 1)]
    choice = select(model, bench, task, grid, draws=DRAWS)
    np.testing.assert_allclose([value for _, value in choice.tried], means, rtol=1e-6)
    best = int(np.argmax(means))
    assert choice.params == {"alpha": grid["alpha"][best]}
    middle = sorted(alone, key=lambda pair: pair[best].objective)[DRAWS // 2][best]
    assert choice.settings["gamma"] == pytest.approx(middle.gamma)
    assert f"{DRAWS} draws of validation classes" in choice.how
    _, chosen, tried = choose(bench, task, ["ridge_map"], 10, said.append)
    assert f"{DRAWS} draws" in chosen.how
    assert any(f"2 classes to play unseen, so each model is tried on {DRAWS}" in line
               for line in said)
    assert tried[0].objective == max(value for _, value in chosen.tried)


def test_the_chance_of_a_hit_is_the_share_of_wrong_pairs_that_are_as_similar(space, folder):
    _, rows, payloads = space.index.sample(10_000)
    kinds, classes = ([one.get(key) for one in payloads] for key in ("modality", "class"))
    for query, kind in ((folder / "disc" / "03.png", "image"), ("disc", "text")):
        for hit in space.search(query, k=5, modality="image"):
            pairs = [float(np.float64(a) @ np.float64(b)) for i, a in enumerate(rows)
                     for j, b in enumerate(rows)
                     if (kinds[i], kinds[j]) == (kind, "image") and classes[i] != classes[j]]
            if len(pairs) < 100:
                assert hit.chance is None
                continue
            above = sum(one >= hit.score - 1e-6 for one in pairs)
            below = sum(one >= hit.score + 1e-6 for one in pairs)
            assert (1 + below) / (1 + len(pairs)) <= hit.chance <= (1 + above) / (1 + len(pairs))
    best, *_, worst = space.search(folder / "disc" / "03.png", k=1000, modality="image")
    assert best.chance < 0.02 < 0.9 < worst.chance
    assert None not in classes


def test_chances_of_few_pairs_and_of_other_indexes_are_not_told():
    rows = np.eye(4, dtype=np.float32)
    few = ExactIndex(4)
    few.add(rows, payload=[{"modality": "image"}] * 4)
    pairs = RandomPairs(few, lambda places: None)
    assert pairs.chances("image", np.ones(2), [{"modality": "image"}] * 2) == [None, None]
    assert pairs.chances("text", np.ones(1), [{"modality": "image"}]) == [None]
    few.add(np.tile(rows, (10, 1)), payload=[{"modality": "image"}] * 40)
    pairs.forget()
    (share,) = pairs.chances("image", np.ones(1), [{"modality": "image"}])
    assert share == pytest.approx((1 + 4 * 11 * 10) / (1 + 44 * 43))
    codes = HammingIndex(8)
    assert RandomPairs(codes, lambda places: None).chances("image", np.ones(1), [{}]) == [None]


def test_the_class_of_an_item_that_the_space_does_not_know_is_told(sure, tmp_path):
    picture("disc", 60).save(tmp_path / "new.png")
    sure.close()
    for name, said in (("disc", None), ("diskc", "did you mean 'disc'?"), ("tea pot", "add-class")):
        ran = CliRunner().invoke(app, ["add", str(sure.folder), str(tmp_path / "new.png"),
                                       "--class", name])
        assert ran.exit_code == 0
        assert ("is no class of this space" in ran.output) == (said is not None)
        assert said is None or said in ran.output
    ran = CliRunner().invoke(app, ["build", "glyphs", "--out", str(tmp_path / "s"), "--pool", "x"])
    assert "leave --pool out" in str(ran.exception)
    assert not (tmp_path / "s").exists()


def test_what_commands_print_controls_no_terminal(sure, tmp_path):
    """Names, ids and files come with data; a picture that is added again is replaced, and told."""
    folder = tmp_path / "red\x1b[31m"
    folder.mkdir()
    picture("disc", 60).save(folder / "new.png")
    sure.close()
    for words, said in ((["add", str(sure.folder)], "1 added, "),
                        (["add", str(sure.folder)], "0 added, 1 replaced, "),
                        (["recognise", str(sure.folder)], "red\ufffd[31m"),
                        (["search", str(sure.folder), "--k", "1", "--image"], "red\ufffd[31m")):
        ran = CliRunner().invoke(app, [*words, str(folder / "new.png")])
        assert said in ran.output
        assert "\x1b" not in ran.output


def test_a_name_of_a_class_is_one_line(sure):
    """Names stand in tables and on terminals: what controls these, or fills them, is refused."""
    for name in ("a\nb", "red\x1b[31m", "turned\u202e", "a" * 201, "a\u2028b"):
        complaint(lambda name=name: sure.add_class(name), "name: got ", "of one line")
    for name in ("a" * 200, "\u65e5\u672c \u8a9e", "\U0001f469\u200d\U0001f467"):
        sure.add_class(name)
    assert len(sure.class_names) == len(SHAPES) + 4


def test_a_class_that_reads_like_another_is_refused(sure):
    for name in ("Disc", "DISC ", "\uff44isc", "di\u017fc"):
        complaint(lambda name=name: sure.add_class(name), "name: ", "the class 'disc'")
    assert "Disc" not in sure.class_names


@pytest.mark.parametrize("t1", [0.4, 0.6, 0.74, 0.76, 1.0])
def test_of_two_classes_nearly_all_that_are_told_are_many(t1):
    bench = SimpleNamespace(classes=Classes(np.eye(8, dtype=np.float32), np.arange(8) < 6))
    assert (guessing({"T1": t1}, bench) is None) == (t1 > 0.75)


@pytest.mark.parametrize(("t1", "told"), [(0.3, True), (0.51, False)])
def test_words_that_tell_no_more_than_guessing_are_told(t1, told):
    seen = np.arange(8) < 4
    bench = SimpleNamespace(classes=Classes(np.eye(8, dtype=np.float32), seen))
    note = guessing({"T1": t1, "H": 0.2}, bench)
    assert (note is not None) == told                         # twice a guess among four is 0.5
    assert not told or "25.0 % by guessing" in note
    assert guessing({"mAP": 0.1}, bench) is None
