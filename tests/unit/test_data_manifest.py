"""Files that list pictures: columns, captions, payload, recognition, retrieval and captions."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from complaints import complaint
from PIL import Image
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.layouts import source_of
from crossalign.data.sources.manifest.columns import roles_of
from crossalign.data_options import DataOptions
from crossalign.encoders import CharNgrams
from crossalign.evaluation import evaluate
from crossalign.models import CCA, ESZSL
from crossalign.space.raw_data import check_options, read_raw, space_task

CLASSES = ["sea horse", "bee", "cat", "dog", "eel", "fox"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def frame(tmp_path):
    """36 pictures in one folder, of six classes; the frame that lists them is in no order."""
    rng = np.random.default_rng(0)
    rows = []
    (tmp_path / "shop" / "img").mkdir(parents=True)
    for number in range(36):
        label = CLASSES[number % 6]
        pixels = rng.integers(0, 60, (16, 16, 3)) + 30 * (number % 6)
        file = f"img/{number:02}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "shop" / file)
        rows.append({"image": file, "caption": f"{label} number {number}", "category": label,
                     "price": number / 4, "maker": f"m{number % 5}"})
    return pd.DataFrame(rows).sample(frac=1, random_state=0).reset_index(drop=True)


def written(frame, folder, suffix=".csv"):
    file = folder / "shop" / f"list{suffix}"
    if suffix == ".jsonl":
        frame.to_json(file, orient="records", lines=True, force_ascii=False)
    elif suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False, sep="\t" if suffix == ".tsv" else ",")
    return file


def check(bench, frame):
    """Every sample has its own class, file and payload."""
    of = frame.drop_duplicates("image").set_index("image")
    for views in bench.splits.values():
        asked = of.loc[views.ids]
        assert [bench.classes.names[c] for c in views.labels] == asked["category"].tolist()
        assert [float(x) for x in views.meta["price"]] == asked["price"].tolist()
        assert views.meta["maker"].tolist() == asked["maker"].tolist()
        assert all(file.endswith(name) for file, name in
                   zip(views.meta["file:image"], views.ids, strict=True))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_form_is_read_alike(frame, tmp_path, suffix):
    file = written(frame, tmp_path, suffix)
    assert source_of(file).name == "manifest"
    bench = data.load(file, "gzsl")
    check(bench, frame)
    assert bench.classes.names == tuple(sorted(CLASSES))
    assert bench.modalities == ("image",)
    np.testing.assert_allclose(bench.classes.embeddings, CharNgrams().encode(sorted(CLASSES)),
                               atol=1e-6)
    assert bench.protocol["columns"] == {"path": "image", "text": "caption", "class": "category"}
    assert bench.class_splits == 10
    pairs = data.load(file)
    check(pairs, frame)
    assert (pairs.task, pairs.modalities) == ("retrieval", ("image", "text"))
    texts = frame.set_index("image")["caption"]
    for views in pairs.splits.values():
        assert views.meta["show:text"].tolist() == texts.loc[views.ids].tolist()
    assert evaluate(ESZSL(), bench, pictures=False, tune=False).scores["T1"]["mean"] > 0


def test_parts_are_those_of_the_file(frame, tmp_path):
    unseen = frame["category"].isin(["cat", "eel"])
    held = np.arange(36) % 4 == 0
    frame["split"] = np.where(unseen | held, "test", "train")
    file = written(frame, tmp_path)
    bench = data.load(file, "gzsl")
    check(bench, frame)
    for split, rows in (("train", ~unseen & ~held), ("test_seen", ~unseen & held),
                        ("test_unseen", unseen)):
        assert set(bench[split].ids) == set(frame["image"][rows])
    assert bench.resplit is None
    assert bench.validation().task == "gzsl"
    assert data.load(file, "zsl").task == "zsl"
    of_pairs = data.load(file)
    assert set(of_pairs["query"].ids) <= set(frame["image"][unseen | held])
    assert set(of_pairs["gallery"].ids).isdisjoint(frame["image"][unseen | held])
    complaint(lambda: data.load(file, unseen=["cat", "eel"]), "unseen: ", "--columns split=")
    frame["split"] = "train"
    complaint(lambda: data.load(written(frame, tmp_path), "gzsl"), "split: ")
    assert data.load(written(frame, tmp_path), "gzsl", columns={"split": ""}).class_splits == 10


def test_pictures_of_no_class_are_searched_by_their_own_captions(frame, tmp_path):
    """A row for each caption; a picture asks, and its captions alone are right."""
    frame = frame.drop(columns="category")
    second = frame.assign(caption=[f"again {c}" for c in frame["caption"]], price=-1)
    both = pd.concat([frame, second]).sort_values("caption")
    bench = data.load(written(both, tmp_path))
    owner = dict(zip(both["caption"], both["image"], strict=True))
    assert len(bench.classes) == 36
    for k in range(10):
        run = bench.run(k)
        asked, found = run["query"].having("image"), run["gallery"].having("text")
        assert (len(asked), len(found)) == (18, 36)
        assert (run["query"].modalities, run["gallery"].modalities) == (("image",), ("text",))
        own = [run.classes.names[c] for c in found.labels]
        assert [owner[text] for text in found.meta["show:text"]] == own
        assert set(run.classes.rows(own)) == set(np.flatnonzero(run.classes.unseen))
        np.testing.assert_array_equal(found["text"],
                                      CharNgrams().encode(found.meta["show:text"].tolist()))
        assert set(run["train"].labels).isdisjoint(found.labels)
    assert bench.protocol["noted"]["columns_of_the_first_row_of_a_picture"]["first"] == ["price"]
    assert bench.validation() is not None
    assert evaluate(CCA(), bench, pictures=False, tune=False).scores["mAP"]["mean"] > 0
    complaint(lambda: data.load(written(both, tmp_path), "gzsl"), "--columns class=NAME")
    both["split"] = np.where(both["image"] < "img/20", "train", "test")
    fixed = data.load(written(both, tmp_path))
    assert set(fixed["query"].ids) == {f"image/img/{i}.png" for i in range(20, 36)}


def test_columns_are_named_where_names_do_not_tell(frame, tmp_path):
    frame["path"] = frame["image"].str.replace("img/", "")
    file = written(frame, tmp_path)
    complaint(lambda: data.load(file), "'image' and 'path' may both be the path",
              "--columns path=image")
    ran = CliRunner().invoke(app, ["data", "validate", str(file), "--task", "gzsl", "--columns",
                                   "path=image, class=maker"])
    assert ran.exit_code == 0, ran.output
    assert "ok  columns: path image, text caption, class maker" in ran.output
    assert "columns: path is 'image'" in ran.output
    told = data.load(file, "gzsl", columns={"path": "image"})
    assert "path" in told["train"].meta
    other = written(frame.drop(columns="path").rename(columns={"image": "where", "caption": "x"}),
                    tmp_path)
    assert source_of(other).name == "manifest"                     # by the names of pictures in it
    complaint(lambda: data.load(other), "columns: none of", "--columns path=")
    complaint(lambda: data.load(other, columns={"path": "where"}, task="retrieval"), "text=NAME")
    complaint(lambda: roles_of(["a"], {"file": "a"}), "'file' is no role")
    complaint(lambda: roles_of(["a"], {"path": "b"}), "path=b names no column")
    complaint(lambda: roles_of(["path", "text", "caption"], None), "may both be the text")
    assert roles_of(["path", "caption_1", "caption_2"], None).texts == ("caption_1", "caption_2")
    ran = CliRunner().invoke(app, ["data", "validate", str(file), "--columns", "image"])
    assert isinstance(ran.exception, ValueError)
    assert "write path=image,text=caption" in str(ran.exception)


def test_what_does_not_fit_is_one_sentence(frame, tmp_path):
    def given(**changes):
        return written(frame.assign(**changes), tmp_path)

    complaint(lambda: data.load(given(image=["../out.png", *frame["image"][1:]])),
              "image: row 0 names '../out.png'", "not below the folder")
    complaint(lambda: data.load(given(category=["", *frame["category"][1:]])),
              "category: empty in row 0")
    complaint(lambda: data.load(given(caption=["", *frame["caption"][1:]])), "text: the picture")
    twice = pd.concat([frame, frame.assign(category="bee")])
    complaint(lambda: data.load(written(twice, tmp_path)), "class: ", "of one picture")
    gone = frame.index[frame["category"] == "bee"][:3]
    missing = frame["image"].where(~frame.index.isin(gone), "img/none" + frame["image"].str[-6:])
    assert data.load(given(image=missing), "gzsl").protocol["noted"]["not_read"]["count"] == 3
    file = tmp_path / "shop" / "bad.jsonl"
    for text, words in (("[1]\n", "line 1"), ('{"path": ', "no JSON"), ("", "lists nothing"),
                        ("[" * 9999, "line 1")):
        file.write_text(text)
        complaint(lambda: data.load(file), "path: ", words)
    (tmp_path / "shop" / "bad.parquet").write_bytes(b"PAR1 no")
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    complaint(lambda: data.load(tmp_path / "shop" / "bad.parquet"), "path: ", "cannot be read")


@pytest.mark.parametrize("mark", ["nan", "NA", "None", "null", "-1"])
def test_marks_of_a_missing_class_are_refused_and_true_is_a_class(frame, tmp_path, mark):
    marked = frame.assign(category=frame["category"].replace("bee", mark))
    complaint(lambda: data.load(written(marked, tmp_path), "gzsl"), "category: ", "in rows")
    if mark != "-1":
        said = frame.assign(caption=[mark, *frame["caption"][1:]])
        complaint(lambda: data.load(written(said, tmp_path)), f"caption: {mark!r} in row 0",
                  "mark of a missing text")
    plain = frame.assign(category=frame["category"].replace({"bee": "true", "cat": "1e3"}))
    assert {"true", "1e3"} <= set(data.load(written(plain, tmp_path), "gzsl").classes.names)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_numbers_with_gaps_are_whole_classes_and_gaps_are_empty(frame, tmp_path, suffix):
    numbers = frame["category"].map(CLASSES.index)
    bench = data.load(written(frame.assign(category=numbers.astype(float)), tmp_path, suffix),
                      "gzsl")
    assert sorted(bench.classes.names) == list("012345")
    gap = frame.assign(category=numbers.where(frame.index != 3))
    complaint(lambda: data.load(written(gap, tmp_path, suffix), "gzsl"), "category: empty in row 3")


def test_cells_of_several_classes_are_told(frame, tmp_path):
    several = frame.assign(category=["bee;cat", *frame["category"][1:]])
    for task in ("gzsl", "retrieval", "caption"):
        complaint(lambda task=task: data.load(written(several, tmp_path), task),
                  "category: 'bee;cat' in row 0", "reads like several classes")
    several["category"] = several["category"].replace({"bee;cat": "nuts;bolts"})
    noted = data.load(written(several, tmp_path), "caption").protocol["noted"]
    assert noted["classes_that_may_be_several"] == {"count": 1, "first": ["nuts;bolts"]}
    lists = frame.assign(category=[[name] for name in frame["category"]])
    complaint(lambda: data.load(written(lists, tmp_path, ".jsonl"), "gzsl"),
              "category: a list in row 0")
    complaint(lambda: data.load(written(frame.assign(caption=[{"raw": "x"}] * 36), tmp_path,
                                        ".jsonl")), "caption: a dict in row 0")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_table_is_known_in_every_encoding_that_is_read(frame, tmp_path, encoding):
    words = frame.assign(category=frame["category"].replace({"bee": "Käfer", "cat": "猫"}))
    file = tmp_path / "shop" / "list.csv"
    words.to_csv(file, index=False, encoding=encoding, lineterminator="\r\n")
    bench = data.load(file, "gzsl")
    assert {"Käfer", "猫"} <= set(bench.classes.names)
    assert bench.protocol["columns"] == {"path": "image", "text": "caption", "class": "category"}


def test_files_that_are_not_there_and_a_missing_header_are_told(frame, tmp_path):
    for names in ("shop/" + frame["image"], frame["image"].str.replace("/", "\\")):
        complaint(lambda names=names: data.load(written(frame.assign(image=names), tmp_path)),
                  "image: none of 36 files is there", repr(names[0]), "relative to that folder")
    file = tmp_path / "shop" / "bare.csv"
    frame[["image", "caption", "category"]].to_csv(file, index=False, header=False)
    complaint(lambda: data.load(file), "columns: the first line holds the picture", "no header")


def test_what_stands_twice_and_numbers_alike_are_noted(frame, tmp_path):
    again = pd.concat([frame, frame[:3]])
    noted = data.load(written(again, tmp_path)).protocol["noted"]
    assert noted["captions_that_stand_twice"] == {"count": 3, "first": list(frame["image"][:3])}
    blank = pd.concat([frame, frame[:3].assign(caption="")])
    assert "captions_that_stand_twice" not in data.load(
        written(blank, tmp_path)).protocol.get("noted", {})
    noted = data.load(written(again.drop(columns="caption"), tmp_path)).protocol["noted"]
    assert noted["pictures_that_stand_twice"]["count"] == 3
    numbers = frame.assign(category=frame["category"].replace({"bee": "1", "cat": "1.0"}))
    noted = data.load(written(numbers, tmp_path), "gzsl").protocol["noted"]
    assert noted["classes_of_names_alike"]["first"] == ["1 and 1.0"]


def test_paths_to_one_file_are_one_picture(frame, tmp_path):
    again = frame.assign(image="./" + frame["image"], caption=frame["caption"] + " again")
    bench = data.load(written(pd.concat([frame, again]), tmp_path), "caption")
    assert sum(len(views) for views in bench.splits.values()) == 36
    assert {len(of) for views in bench.splits.values() for of in bench.said.of(views)} == {2}
    other = frame.assign(image="./" + frame["image"], category="bee")
    complaint(lambda: data.load(written(pd.concat([frame, other]), tmp_path)), "of one picture")


def test_payload_of_several_types_is_text(frame, tmp_path):
    file = tmp_path / "shop" / "mixed.jsonl"
    lines = [{"path": row["image"], "class": row["category"],
              **({"tags": ["a", 1]} if i % 2 else {})} for i, row in
             enumerate(frame.to_dict("records"))]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    bench = data.load(file)
    assert bench.task == "gzsl"
    assert set(bench["train"].meta["tags"]) == {"", '["a", 1]'}


def test_tables_of_features_are_no_manifest(tmp_path):
    pd.DataFrame({"image_0": [1.0, 2], "image_1": [2.0, 1], "path": ["a.png", "b.png"],
                  "label": [0, 1]}).to_csv(tmp_path / "rows.csv", index=False)
    assert source_of(tmp_path / "rows.csv").name == "pairs"


# -- what the columns serve ---------------------------------------------------------------------
def test_a_space_is_built_for_what_the_columns_serve(frame, tmp_path):
    both = DataOptions(data=str(written(frame, tmp_path)))
    assert space_task(both) == "gzsl"
    plain = DataOptions(data=str(written(frame.drop(columns="category"), tmp_path)))
    assert space_task(plain) is None
    assert read_raw(plain, ["caption"], str)[0].task == "retrieval"
    named = written(frame.rename(columns={"category": "kind"}), tmp_path)
    assert space_task(DataOptions(data=str(named), columns="class=kind")) == "gzsl"
    file = written(frame[["image", "price"]], tmp_path)
    complaint(lambda: check_options(DataOptions(data=str(file), columns="text="), True, False),
              f"captions: {str(file)!r} has none", "leave --captions out")


def test_pictures_of_a_table_without_captions_of_their_own_are_called_as_their_class(
        frame, tmp_path):
    file = written(frame.drop(columns="caption"), tmp_path)
    check_options(DataOptions(data=str(file)), True, False)
    called = "pictures_without_captions_of_their_own_called_as_their_class"
    bench = data.load(file, "caption")
    of = dict(zip(frame["image"], frame["category"].str.replace("_", " "), strict=True))
    assert dict(zip(bench.said.ids, bench.said.texts, strict=True)) == {
        one: (name,) for one, name in of.items()}
    assert bench.protocol["noted"][called]["count"] == len(frame)
    some = frame.assign(caption=["", *frame["caption"][1:]])
    bench = data.load(written(some, tmp_path), "caption")
    told = dict(zip(bench.said.ids, bench.said.texts, strict=True))
    assert told == {one: (text or of[one],) for one, text in
                    zip(some["image"], some["caption"], strict=True)}
    assert bench.protocol["noted"][called] == {"count": 1, "first": [frame["image"][0]]}
    apart = some.drop(columns="category")
    complaint(lambda: data.load(written(apart, tmp_path), "caption"), "text: the picture")


def test_questions_that_a_folder_lacks_and_a_table_in_it_has_are_named(frame, tmp_path,
                                                                       monkeypatch):
    asked = frame[["image"]].assign(question="which?", answer=frame["category"])
    file = written(asked, tmp_path)
    (file.parent / "a.csv").write_text("path,text,caption\na.png,b,c\n")
    complaint(lambda: check_options(DataOptions(data=str(file.parent)), False, True),
              f"questions: {str(file.parent)!r} has none; {str(file)!r} has some, so give that")
    complaint(lambda: data.load(file.parent, "vqa"), "does not serve it",
              f"{str(file)!r} in it does, so give that")
    monkeypatch.setenv("CROSSALIGN_DATA", str(tmp_path))
    for name in ("shop", "~/shop"):
        monkeypatch.setenv("HOME", str(tmp_path))
        complaint(lambda name=name: check_options(DataOptions(data=name), False, True),
                  f"{str(file)!r} has some, so give that")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").rename(tmp_path / "synthetic")
    complaint(lambda: check_options(DataOptions(data="synthetic"), False, True),
              "has none; give data with questions, as a .csv file")


def test_columns_without_what_a_task_needs_name_what_would_do(frame, tmp_path):
    file = written(frame.drop(columns="category"), tmp_path)
    complaint(lambda: data.load(file, "gzsl"), "--columns class=NAME",
              "choose the task retrieval or caption")
    file = written(frame[["image", "price"]], tmp_path)
    complaint(lambda: data.load(file), "--columns class=NAME", "text=NAME")


def test_the_command_checks_what_run_and_build_read(frame, tmp_path):
    file = str(written(frame, tmp_path))
    ran = CliRunner().invoke(app, ["data", "validate", file])
    first, head, second = ran.stdout.partition("\nas crossalign build reads it, for gzsl:\n")
    assert (ran.exit_code, bool(head)) == (0, True), ran.output
    assert "ok  task: retrieval" in first
    assert "ok  task: gzsl" in second
    assert "ok  split test_unseen" in second
    few = str(written(frame[frame["category"].isin(CLASSES[:4])], tmp_path))
    ran = CliRunner().invoke(app, ["data", "validate", few])
    assert ran.exit_code == 0
    assert "crossalign build cannot read it for gzsl: data: no model can be chosen" in ran.output
    ran = CliRunner().invoke(app, ["data", "validate", few, "--task", "retrieval"])
    assert "build" not in ran.output
    plain = str(written(frame.drop(columns="category"), tmp_path))
    ran = CliRunner().invoke(app, ["data", "validate", plain])
    assert (ran.exit_code, "build" in ran.output) == (0, False)


# -- COCO ------------------------------------------------------------------------------------------
def coco(frame, folder, **changes):
    """Captions as COCO writes them, two of each picture but the last, in no order."""
    images = [{"id": 100 + i, "file_name": name.removeprefix("img/"), "height": 16, "license": 3}
              for i, name in enumerate(sorted(frame["image"]))]
    notes = [{"id": k, "image_id": image["id"], "caption": f"text {k % 2} of {image['id']}"}
             for k, image in enumerate(images[:-1] * 2)]
    notes = [{**note, "caption": f"{note['caption']} no {note['id']}"} for note in notes[::-1]]
    (folder / "shop" / "annotations").mkdir(exist_ok=True)
    file = folder / "shop" / "annotations" / "captions_img.json"
    file.write_text(json.dumps({"info": {}, "images": images, "annotations": notes, **changes}))
    return file, {note["caption"]: note["image_id"] for note in notes}


def test_captions_of_coco_are_those_of_their_pictures(frame, tmp_path):
    file, owner = coco(frame, tmp_path)
    assert source_of(file).name == "manifest"
    bench = data.load(file)
    assert (bench.task, len(bench.classes), bench.class_splits) == ("retrieval", 35, 10)
    for k in range(3):
        found = bench.run(k)["gallery"]
        for text, c in zip(found.meta["show:text"], found.labels, strict=True):
            assert bench.classes.names[c] == str(owner[text])
        asked = bench.run(k)["query"]
        assert len(found) == 2 * len(asked)
        assert [int(name.rpartition("/")[2][:2]) + 100 for name in asked.meta["file:image"]] == [
            int(bench.classes.names[c]) for c in asked.labels]
    assert asked.meta["height"].tolist() == [16] * len(asked)
    assert bench.protocol["noted"]["pictures_without_a_caption"] == {"count": 1,
                                                                     "first": ["35.png"]}


@pytest.mark.parametrize(("changes", "words"), [
    ({"annotations": [{"image_id": 9, "caption": "x"}]}, "1 captions of"),
    ({"annotations": [{"image_id": 100, "category_id": 1}]}, "no 'caption'"),
    ({"annotations": []}, "has no captions"),
    ({"images": [{"id": 1, "file_name": "no.png"}], "annotations": [
        {"image_id": 1, "caption": "x"}]}, "is in none of"),
    ({"images": [{"id": 1, "file_name": "../out.png"}], "annotations": [
        {"image_id": 1, "caption": "x"}]}, "out.png"),
    ({"images": 3}, "is damaged"),
    ({"annotations": [{"image_id": 100, "caption": None}]}, "'caption' of"),
    ({"images": [{"id": 100, "file_name": None}], "annotations": [
        {"image_id": 100, "caption": "x"}]}, "'file_name' of"),
    ({"images": [{"id": 100, "file_name": "00.png"}, {"id": 100, "file_name": "01.png"}],
      "annotations": [{"image_id": 100, "caption": "x"}]}, "the id 100 of a picture twice"),
])
def test_malformed_captions_of_coco_are_one_sentence(frame, tmp_path, changes, words):
    (tmp_path / "out.png").write_bytes(b"x")
    (tmp_path / "shop" / "out.png").write_bytes(b"x")
    complaint(lambda: data.load(coco(frame, tmp_path, **changes)[0]), "path: ", words)


def test_blank_captions_of_coco_are_noted_and_are_none(frame, tmp_path):
    file, _ = coco(frame, tmp_path)
    content = json.loads(file.read_text())
    content["annotations"].append({"image_id": content["images"][-1]["id"], "caption": " "})
    file.write_text(json.dumps(content))
    noted = data.load(file, "caption").protocol["noted"]
    for kind in ("blank_captions", "pictures_without_a_caption"):
        assert noted[kind] == {"count": 1, "first": ["35.png"]}


# -- the task of captions -----------------------------------------------------------------------
def test_captions_of_coco_as_a_task(frame, tmp_path):
    file, owner = coco(frame, tmp_path)
    bench = data.load(file, "caption")
    assert {split: len(of) for split, of in bench.splits.items()}.keys() == {"train", "test_seen"}
    assert bench["train"].modalities == ("image", "text")
    assert bench["test_seen"].modalities == ("image",)
    for made in (bench, bench.validation()):
        for views in made.splits.values():
            for name, of in zip(views.ids, made.said.of(views), strict=True):
                assert sorted(of) == sorted(text for text, image in owner.items()
                                            if str(image) == name)
    assert set(bench.validation()["test_seen"].ids) <= set(bench["train"].ids)
    sizes = [len(bench[split]) for split in ("train", "test_seen")]
    assert sizes[1] == round(sum(sizes) / 4)


def test_captions_with_classes_keep_some_unseen(frame, tmp_path):
    bench = data.load(written(frame, tmp_path), "caption")
    assert set(bench.splits) == {"train", "test_seen", "test_unseen"}
    told = dict(zip(frame["image"], frame["caption"], strict=True))
    for views in bench.splits.values():
        assert bench.said.of(views) == tuple((told[name],) for name in views.ids)
    assert bench.classes.unseen.sum() == 2
    named = data.load(written(frame, tmp_path), "caption", unseen=["cat", "dog"])
    assert {name for name, seen in zip(named.classes.names, named.classes.seen, strict=True)
            if not seen} == {"cat", "dog"}


def test_captions_take_the_parts_of_the_file(frame, tmp_path):
    parts = frame.assign(split=["train" if i % 3 else "test" for i in range(36)])
    seen = data.load(written(parts, tmp_path), "caption")
    assert set(seen["test_seen"].ids) == set(parts["image"][parts["split"] == "test"])
    plain = data.load(written(parts.drop(columns="category"), tmp_path), "caption")
    assert set(plain["test_seen"].ids) == set(seen["test_seen"].ids)
    apart = frame.assign(split=["test" if name in ("cat", "dog") else "train"
                                for name in frame["category"]])
    assert set(data.load(written(apart, tmp_path), "caption").splits) == {"train", "test_unseen"}


def test_what_cannot_be_captioned_is_refused(frame, tmp_path):
    complaint(lambda: data.load(written(frame[["image", "price"]], tmp_path), "caption"),
              "known as that of a text, which caption needs", "or that of the class by")
    complaint(lambda: data.load(written(frame.drop(columns="category"), tmp_path), "caption",
                                unseen=["cat"]), "unseen: given where no column says the class")
    complaint(lambda: data.load(written(frame, tmp_path), "caption",
                                class_texts=tmp_path / "x.json"), "class_texts: ")
    everything = frame.assign(split="train").drop(columns="category")
    complaint(lambda: data.load(written(everything, tmp_path), "caption"), "split: ")
