"""Questions of files that list pictures: rows of one picture or two, their answers and types."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from complaints import complaint
from PIL import Image

from crossalign import Space, data
from crossalign.data.catalog import read_said
from crossalign.data.sources.manifest.columns import roles_of
from crossalign.data_options import DataOptions
from crossalign.space import build_space
from crossalign.space.raw_data import check_options, space_task

SHADES = {"dark": 30, "grey": 100, "pale": 170, "light": 205, "white": 240}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def frame(tmp_path):
    """Sixteen pictures of each of five shades, what each shows, and if two show the same."""
    rng, rows = np.random.default_rng(0), []
    for name, level in SHADES.items():
        for n in range(16):
            pixels = np.clip(level + rng.normal(0, 5, (16, 16)), 0, 255)
            pixels[n // 2: n // 2 + 4] = 255 - level
            file = f"{name}{n}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / file)
            other = f"{list(SHADES)[n % 5]}{(n + 1) % 16}.png"
            rows += [(file, name, "What is its shade?", name, ""),
                     (file, name, "is it grey?", "Yes" if name == "grey" else "no", ""),
                     (file, name, "how many bars?", "1", ""),
                     (file, name, "same shade?", "yes" if other.startswith(name) else "no", other)]
    return pd.DataFrame(rows, columns=["image", "class", "question", "answer", "second_image"])


def load(frame, folder, task="vqa", **more):
    file = folder / "asked.csv"
    frame.to_csv(file, index=False)
    return data.load(file, task, **more)


def test_rows_are_questions_about_a_picture_or_two(frame, tmp_path):
    bench = load(frame, tmp_path, unseen=["grey", "pale"])
    assert {*bench.splits} == {"train", "test_seen", "test_unseen"}
    assert bench.protocol["columns"] == {
        "path": "image", "class": "class", "question": "question", "answer": "answer",
        "second": "second_image"}
    said, kinds = bench.said, defaultdict(set)
    assert len(said) == len(frame)
    for row, text, answers, kind, about in zip(
            frame.itertuples(), said.texts, said.answers, said.types, said.pictures, strict=True):
        assert (text, answers) == (row.question, (row.answer,))
        assert about == ((row.image, row.second_image) if row.second_image else (row.image,))
        kinds[text].add(kind)
    assert kinds == {"What is its shade?": {"other"}, "is it grey?": {"yes/no"},
                     "how many bars?": {"number"}, "same shade?": {"yes/no"}}
    inside = sum(len(said.of(views)) for views in bench.splits.values())
    assert bench.protocol["questions_between_splits"] == len(frame) - inside > 10
    inner = bench.validation()                     # pairs with a test picture are not its own
    place = {name: split for split, views in inner.splits.items() for name in views.ids.tolist()}
    pairs = [about for about in said.pictures if all(one in place for one in about)]
    assert inner.protocol["questions_between_splits"] == sum(
        place[about[0]] != place[about[-1]] for about in pairs)
    of = said.of(bench["test_unseen"])
    assert {one[:4] for about in of.pictures for one in about} == {"grey", "pale"}
    recognised = load(frame, tmp_path, "gzsl")
    assert recognised["train"].meta.keys() == {"file:image"}
    assert recognised.protocol["noted"]["questions_not_read"]["count"] == 80


def test_without_classes_pictures_are_held_out_and_it_is_what_the_file_serves(frame, tmp_path):
    bare = frame.drop(columns="class")
    bench = load(bare, tmp_path, None)
    assert bench.task == "vqa"
    assert {split: len(of) for split, of in bench.splits.items()} == {"train": 60, "test_seen": 20}
    parts = bare.assign(split=["test" if n in "02468" else "train" for n in
                               bare["image"].str[-5]])
    tested = load(parts, tmp_path, None)["test_seen"].ids
    assert {one[-5] for one in tested} == {*"02468"}
    complaint(lambda: load(bare, tmp_path, unseen=["grey"]), "no column says the class")
    complaint(lambda: load(bare, tmp_path, class_texts="x.csv"), "class_texts: ",
              "given for vqa")
    only = DataOptions(data=str(tmp_path / "asked.csv"))
    assert space_task(only) is None
    complaint(lambda: check_options(only, False, False), "has pictures with questions, and no")
    check_options(only, False, True)
    complaint(lambda: check_options(only, True, True), "columns path and caption")
    complaint(lambda: build_space(only, tmp_path / "space", models=["ridge_map"], questions=True,
                                  log=str), "models: none can be tried, ridge_map: classes: ",
              "needs side information")


@pytest.mark.parametrize(("change", "words"), [
    ({"answer": ""}, ("answer: empty in row 0", "What is its shade?")),
    ({"question": ""}, ("question: empty in row 0", "beside 'dark'")),
    ({"answer": "n/a"}, ("answer: 'n/a' in row 0", "mark of a missing text", "write the answer")),
    ({"second_image": "away.png"}, ("'away.png' in row 0", "not listed")),
    ({"second_image": "dark0.png"}, ("'dark0.png' in row 0", "name another")),
    ({"second_image": "../x.png"}, ("'../x.png'", "not below the folder"))])
def test_rows_that_make_no_question_are_refused(frame, tmp_path, change, words):
    frame.loc[0, [*change]] = [*change.values()]
    complaint(lambda: load(frame, tmp_path), *words)


def test_a_question_that_is_no_text_is_told_by_its_row_also_where_it_is_not_read(tmp_path, frame):
    rows = frame.to_dict("records")
    rows[3]["question"] = ["same shade?"]
    lines = tmp_path / "asked.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)))
    for task in ("vqa", "gzsl"):
        complaint(lambda task=task: data.load(lines, task), "question: a list in row 3")


def test_answers_of_several_people_types_and_rows_without_questions(frame, tmp_path):
    several = frame[frame["second_image"] == ""].drop(columns=["class", "second_image", "answer"])
    several = several.assign(answer_1="none", answer_2="dark", answer_3="dark", answer_4="black",
                             question_type=["shade", "", ""] * 80)
    listed = pd.concat([several[:-3], several[-1:].assign(question="", **dict.fromkeys(
        ("answer_1", "answer_2", "answer_3", "answer_4"), ""))])
    bench = load(listed, tmp_path)
    numbers = several.assign(**{f"answer_{n}": str(n) for n in range(1, 5)}, question_type="")
    assert {*load(numbers, tmp_path, None).said.types} == {"number"}    # and no table of features
    assert {*bench.said.answers} == {("none", "dark", "dark", "black")}
    assert bench.said.types == ("shade", "other", "other") * 79
    assert sum(map(len, bench.splits.values())) == 80
    complaint(lambda: load(several.assign(answer_4=""), tmp_path), "answer_1: row 0", "3 answers")
    twice = pd.concat([frame, frame[:1]])
    said = []
    load(twice, tmp_path)
    read_said(tmp_path / "asked.csv", "vqa", log=said.append)
    assert said[0] == "note: questions that stand twice, 1: What is its shade? (dark0.png)"
    complaint(lambda: load(pd.concat([frame, frame[:1].assign(answer="pale")]), tmp_path),
              "rows 0 and 320", "answer differently")
    load(pd.concat([frame, frame[1:2].assign(answer="no.")]), tmp_path)   # as metrics compare them
    shouted = frame[1:2].assign(question="IS IT GREY", answer="yes")      # one question to `ask`
    complaint(lambda: load(pd.concat([frame, shouted]), tmp_path), "rows 1 and 320")
    alike = frame.assign(answer=frame["answer"].replace({"Yes": "1.0"}))
    assert load(alike, tmp_path).protocol["noted"][
        "answers_in_several_spellings_which_are_told_apart"]["first"] == ["1 and 1.0"]
    lines = tmp_path / "asked.jsonl"
    frame.assign(answer=True).to_json(lines, orient="records", lines=True)
    complaint(lambda: data.load(lines, "vqa"), "answer: True in row 0", "write yes or no")
    complaint(lambda: load(frame.assign(question=""), tmp_path), "beside 'dark'")
    complaint(lambda: load(frame.assign(question="", answer=""), tmp_path), "empty in all rows")
    complaint(lambda: load(frame.drop(columns="answer"), tmp_path), "known as that of answers")


def test_an_answer_without_a_question_is_a_column_as_any():
    for header in (["path", "text", "answer", "type"], ["path", "class", "answer", "answers"],
                   ["path", "class", "question_type", "answer_type"]):
        roles = roles_of(header, None)
        assert (roles.answers, roles.type, roles.question) == ((), None, None)
    complaint(lambda: roles_of(["path", "question", "question_type", "answer_type"], None),
              "may both be the type")


def test_one_file_makes_a_space_that_recognises_and_answers(frame, tmp_path):
    file = tmp_path / "asked.csv"
    frame.to_csv(file, index=False)
    frame.drop(columns="class").assign(caption="a " + frame["class"] + " sheet").to_csv(
        tmp_path / "words.csv", index=False)
    texts, said = tmp_path / "told.csv", []
    texts.write_text("class,text\n" + "".join(f"{name},a {name} sheet\n" for name in SHADES))
    build_space(DataOptions(data=str(file), class_texts=str(texts)), tmp_path / "space",
                models=["ridge_map"], questions=True, log=said.append)
    assert sum(line.startswith("columns: ") for line in said) == 1
    assert not any("questions not read" in line for line in said)
    build_space(DataOptions(data=str(file.with_name("words.csv"))), tmp_path / "words",
                models=["ridge_map"], questions=True, log=lambda line: None)
    words = Space.open(tmp_path / "words")                 # where texts are samples beside pictures
    assert words.ask([tmp_path / "dark3.png"], "what is its shade?").answers[0] == "dark"
    words.close()
    space = Space.open(tmp_path / "space")
    shown = [tmp_path / f"{name}3.png" for name in SHADES]
    assert [space.ask([one], "what is its shade?").answers[0] for one in shown] == [*SHADES]
    assert space.asked_about == [1, 2]
    assert {*space.class_names} == {*SHADES}
    space.close()
