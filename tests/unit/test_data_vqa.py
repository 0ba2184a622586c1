"""Folders of questions: VQA's own files and easy-VQA's, small ones of the same schema."""

from __future__ import annotations

import json

import numpy as np
import pytest
from complaints import complaint
from PIL import Image
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.layouts import source_of
from crossalign.metrics import vqa_accuracy

ANSWERS = ["yes"] * 8 + ["no", "maybe"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


def pictures(folder, names):
    folder.mkdir(parents=True)
    for k, name in enumerate(names):
        rng = np.random.default_rng([len(folder.name), k])
        Image.fromarray(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(folder / name)


def annotated(folder, part, numbers, **changes):
    """Files of one part as VQA v2 has them: a question of each picture, and one more of one."""
    pictures(folder / part, [f"COCO_{part}_{number:012}.jpg" for number in numbers])
    asked = [{"image_id": number, "question": f"is it {number}?", "question_id": 10 * number}
             for number in numbers]
    asked.append({"image_id": numbers[-1], "question": "what?", "question_id": 1000})
    told = [{"question_type": "is it", "multiple_choice_answer": "yes", "image_id": one["image_id"],
             "answer_type": "other" if one["question"] == "what?" else "yes/no",
             "question_id": one["question_id"], "answers": [
                 {"answer": answer, "answer_confidence": "yes", "answer_id": k + 1}
                 for k, answer in enumerate(ANSWERS)]} for one in asked[::-1]]
    for file, content in ((f"v2_OpenEnded_mscoco_{part}_questions.json", {"questions": asked}),
                          (f"v2_mscoco_{part}_annotations.json", {"annotations": told})):
        (folder / file).write_text(json.dumps({"info": {}, "data_subtype": part, **content,
                                               **changes}))


@pytest.fixture
def vqa(tmp_path):
    folder = tmp_path / "VQA"
    annotated(folder, "train2014", [9, 25, 30, 34])
    annotated(folder, "val2014", [42, 73])
    return folder


@pytest.fixture
def easy(tmp_path):
    folder = tmp_path / "easy"
    for part, n in (("train", 6), ("test", 3)):
        pictures(folder / part / "images", [f"{k}.png" for k in range(n)])
        (folder / part / "questions.json").write_text(json.dumps([row for k in range(n) for row in (
            ["what is the red shape?", "circle", k], ["what color is the shape?", "red", k],
            ["is there a circle?", "yes", k])]))
    (folder / "answers.txt").write_text("circle\nred\nyes\n")
    return folder


def test_parts_of_vqa_are_training_and_test(vqa):
    bench = data.load(vqa)
    assert source_of(vqa).name == "vqa"
    assert (bench.task, bench.modalities) == ("vqa", ("image",))
    assert bench["train"].ids.tolist() == [f"train2014/{k}" for k in (9, 25, 30, 34)]
    assert bench["test_seen"].ids.tolist() == ["val2014/42", "val2014/73"]
    of = bench.said.of(bench["test_seen"])
    assert of.texts == ("is it 42?", "is it 73?", "what?")
    assert of.types == ("yes/no", "yes/no", "other")
    assert set(of.answers) == {tuple(ANSWERS)}
    assert of.rows(bench["test_seen"]).tolist() == [[0, -1], [1, -1], [1, -1]]
    assert vqa_accuracy(["no"] * 3, of.answers) == pytest.approx(0.3)
    assert bench.protocol["questions"] == {"train": 5, "test_seen": 3}
    files = bench["train"].meta["file:image"]
    assert [file.rpartition("_")[2] for file in files] == [
        f"{k:012}.jpg" for k in (9, 25, 30, 34)]


def test_validation_holds_out_training_pictures(vqa):
    bench = data.load(vqa)
    inner = bench.validation()
    both = [set(inner[split].ids) for split in ("train", "test_seen")]
    assert not both[0] & both[1]
    assert both[0] | both[1] == set(bench["train"].ids)
    assert "val2014" not in json.dumps(inner.said.of(inner["test_seen"]).plain())


def test_one_part_alone_is_divided_by_picture(tmp_path):
    annotated(tmp_path / "one", "train2014", list(range(1, 13)))
    bench = data.load(tmp_path / "one")
    assert {split: len(of) for split, of in bench.splits.items()} == {"train": 9, "test_seen": 3}
    other = data.load(tmp_path / "one", seed=1)
    assert set(other["test_seen"].ids) != set(bench["test_seen"].ids)
    assert len(bench.said.of(bench["train"])) + len(bench.said.of(bench["test_seen"])) == 13


def test_the_layout_of_easy_vqa(easy):
    bench = data.load(easy, "vqa")
    assert {split: len(of) for split, of in bench.splits.items()} == {"train": 6, "test_seen": 3}
    of = bench.said.of(bench["train"])
    assert of.types[:3] == ("shape", "colour", "yes/no")
    assert of.rows(bench["train"])[:, 0].tolist() == [k for k in range(6) for _ in range(3)]
    assert bench.protocol["types"]["test_seen"] == {"shape": 3, "colour": 3, "yes/no": 3}
    ran = CliRunner().invoke(app, ["data", "validate", str(easy)])
    assert ran.exit_code == 0, ran.output
    assert "vqa" in ran.output


def test_what_is_asked_of_no_picture_is_noted(vqa, easy):
    pictures(easy / "more", ["x.png"])
    (easy / "more" / "x.png").rename(easy / "train" / "images" / "99.png")
    noted = data.load(easy).protocol["noted"]["pictures_without_a_question"]
    assert (noted["count"], noted["first"][0].endswith("99.png")) == (1, True)
    (vqa / "v2_OpenEnded_mscoco_test2015_questions.json").write_text("{}")
    assert data.load(vqa).protocol["noted"]["questions_without_annotations"]["count"] == 1


@pytest.mark.parametrize(("content", "words"), [
    ("{", "is no JSON"), ("[]", "has no questions"), ("{}", "has no questions"),
    ('[["a?", "b"]]', "is no list of questions"), ('[["a?", "b", "x"]]', "'x' in one place"),
    ('[["a?", "b", 0.5]]', "write a whole number"), ('[["a?", null, 0]]', "'answer' of"),
    ('[[" ", "b", 0]]', "is empty in one place"), ('[["a?", true, 0]]', "is True in one place"),
    ("[3]", "is no list of questions"), ('[["a?", "b", 7]]', "1 questions of")])
def test_malformed_files_of_easy_vqa_are_one_sentence(easy, content, words):
    (easy / "train" / "questions.json").write_text(content)
    complaint(lambda: data.load(easy), "path: ", words)


@pytest.mark.parametrize(("changes", "words"), [
    ({"questions": 3}, "are no questions and annotations"),
    ({"questions": [{"question": "a?"}]}, "no 'image_id'"),
    ({"annotations": [{"question_id": 90, "answers": [{"answer": "a"}], "answer_type": "other"}]},
     "have no annotation"),
    *(({"annotations": [{"question_id": 90, "answer_type": "x", "answers": answers, **more}],
        "questions": [{"image_id": number, "question": text, "question_id": 90}]}, words)
      for answers, more, number, text, words in (
          ([], {}, 9, "a?", "has no answer"), ([{"answer": " "}], {}, 9, "a?", "has no answer"),
          ([{"answer": None}], {}, 9, "a?", "'answer' of"),
          ([{"answer": "a"}], {}, 9, None, "'question' of"),
          ([{"answer": "a"}], {}, 9, "", "'question' of"),
          ([{"answer": "a"}], {}, 9.5, "a?", "write a whole number"),
          ([{"answer": "a"}], {}, 5, "a?", "not there, first 5"),
          ([{"answer": "a"}], {"image_id": 10}, 9, "a?", "name different pictures"))),
    ({"annotations": [{"question_id": 90, "answers": [{"answer": "yes"}]}], "questions": [
        {"image_id": 9, "question": "a?", "question_id": 90}]}, "no 'answer_type'"),
    ({"annotations": [{"question_id": 90, "answers": ["yes"]}], "questions": [
        {"image_id": 9, "question": "a?", "question_id": 90}]}, "another form"),
    ({"annotations": [{"question_id": 90, "answer_type": "x", "answers": [{"answer": "yes"}]}] * 2},
     "train2014_annotations.json' has the question_id 90 twice"),
    ({"questions": [{"image_id": 9, "question": "a?", "question_id": 90}] * 2},
     "train2014_questions.json' has the question_id 90 twice"),
    ({"annotations": [{"question_id": 90, "answer_type": "x", "answers": [{"answer": "yes"}] * 3}],
      "questions": [{"image_id": 9, "question": "a?", "question_id": 90}]},
     "the question_id 90 of"),
    ({"questions": []}, "has no questions")])
def test_malformed_files_of_vqa_are_one_sentence(tmp_path, changes, words):
    annotated(tmp_path / "bad", "train2014", [9, 10], **changes)
    complaint(lambda: data.load(tmp_path / "bad"), "path: ", words)


def test_annotations_of_no_question_are_noted(vqa):
    file = vqa / "v2_OpenEnded_mscoco_train2014_questions.json"
    content = json.loads(file.read_text())
    gone = content["questions"].pop()
    content["questions"][0]["image_id"] = str(content["questions"][0]["image_id"])
    file.write_text(json.dumps(content))
    bench = data.load(vqa)
    assert bench.protocol["noted"]["annotations_without_a_question"] == {
        "count": 1, "first": [str(gone["question_id"])]}
    assert bench.protocol["questions"]["train"] == 4


def test_a_part_without_pictures_is_refused(vqa):
    (vqa / "val2014").rename(vqa / "elsewhere")
    complaint(lambda: data.load(vqa), "path: the pictures of 'val2014' are in none of")
    complaint(lambda: data.load(vqa, "gzsl"), "task: got 'gzsl'")


def test_two_pictures_of_one_number_are_named(vqa, easy):
    """Neither is taken silently."""
    folder = vqa / "val2014"
    (folder / "COCO_val2014_000000000042.jpg").rename(folder / "a_42.png")
    pictures(vqa / "more", ["42.png"])
    (vqa / "more" / "42.png").rename(folder / "b_42.png")
    complaint(lambda: data.load(vqa), "path: ", "a_42.png' and 'b_42.png' are both number 42")
    pictures(easy / "more", ["x.png"])
    (easy / "more" / "x.png").rename(easy / "test" / "images" / "02.png")
    complaint(lambda: data.load(easy), "path: ", "02.png' and '2.png' are both number 2")
