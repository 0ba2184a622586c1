"""Files and folders of pictures that commands about a space are given, some of them broken."""

import csv
import io
import json
from contextlib import closing

import numpy as np
import pytest
from shapes import picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.boundary import BAD_INPUT
from crossalign.cli import app
from crossalign.cli_pictures import answered
from crossalign.data.class_folders import pictures_in
from crossalign.data_options import DataOptions
from crossalign.space import build_space


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    place = tmp_path_factory.mktemp("spaces") / "shapes"
    build_space(DataOptions(data=str(picture_folder(tmp_path_factory.mktemp("shapes")))), place,
                models=["ridge_map"], log=str).close()
    return place


@pytest.fixture
def mixed(tmp_path):
    """Three pictures, one of them in a class folder, and what is none."""
    folder = tmp_path / "mixed"
    (folder / "ring").mkdir(parents=True)
    for name in ("a.png", "b.png", "ring/c.png"):
        picture("ring", 7).save(folder / name)
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "notes.txt").write_text("ours")
    (folder / "list.pdf").write_bytes(b"%PDF")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def test_a_folder_gives_the_pictures_that_build_would_read(mixed):
    found, noted = pictures_in(mixed)
    assert [str(file.relative_to(mixed)) for file in found] == ["a.png", "b.png", "ring/c.png"]
    assert noted == {"not_read": ["mixed/list.pdf (no picture that is known here)"]}
    (mixed / "none").mkdir()
    with pytest.raises(ValueError, match=r"files: the folder .*none' holds no picture"):
        pictures_in(mixed / "none")


def test_the_broken_are_named_and_the_others_answered(shop, mixed):
    files = [mixed / name for name in ("a.png", "b.png", "ring/c.png")]
    words = ["recognise", str(shop), str(mixed)]
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, ValueError)               # of which the boundary makes code 2
    assert str(ran.exception) == (f"files: 1 of 3 pictures could not be read and has no answer, as "
                                  f"{str(files[1])!r}; give whole ones.")
    lines = [line for line in ran.stdout.splitlines() if not line.startswith(" ")]
    assert [line.partition(":")[0] for line in lines] == [str(files[0]), str(files[2])]
    notes = [line for line in ran.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 3
    assert "list.pdf" in notes[0]
    assert str(files[1]) in notes[1]
    assert "not compared with" in notes[2]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [one["file"] for one in told["answers"]] == [str(files[0]), str(files[2])]
    (unread,) = told["unread"]
    assert unread["file"] == str(files[1])
    with closing(ca.Space.open(shop)) as space:
        assert told["answers"][0]["names"] == space.recognise(files[0], 3)[0].names
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, [*words, "--csv"]).stdout)))
    assert {row["file"] for row in rows} == {str(files[0]), str(files[2])}
    whole = CliRunner().invoke(app, [*words[:2], str(files[0]), "--json"])
    assert whole.exit_code == 0
    assert "unread" not in json.loads(whole.stdout)


def test_a_folder_without_pictures_takes_no_answer_from_others(shop, mixed):
    (mixed / "none").mkdir()
    (mixed / "film.mp4").touch()
    files = [mixed / name for name in ("none", "a.png", "film.mp4")]
    ran = CliRunner().invoke(app, ["recognise", str(shop), *map(str, files), "--json"])
    assert str(ran.exception).startswith("files: 2 of 3 pictures could not be read and have no")
    told = json.loads(ran.stdout)
    assert [one["file"] for one in told["answers"]] == [str(files[1])]
    assert [one["file"] for one in told["unread"]] == [str(files[0]), str(files[2])]
    notes = [line for line in ran.stderr.splitlines() if line.startswith("note: ")]
    assert all(str(file) in note for file, note in zip(files[::2], notes, strict=True))
    alone = CliRunner().invoke(app, ["recognise", str(shop), str(files[0])])
    assert "holds no picture" in str(alone.exception)


def test_one_broken_file_alone_is_one_sentence(shop, mixed):
    ran = CliRunner().invoke(app, ["recognise", str(shop), str(mixed / "b.png")])
    assert isinstance(ran.exception, ValueError)
    assert str(mixed / "b.png") in str(ran.exception)
    assert ran.stdout == ran.stderr == ""
    assert BAD_INPUT == 2


def test_few_questions_find_the_broken_among_many(tmp_path):
    files = [tmp_path / f"{n}.png" for n in range(64)]
    broken, asked = {files[5], files[40]}, []

    def answer(pictures):
        asked.append(len(pictures))
        for one in pictures:
            if one in broken:
                raise ValueError(f"path: {one} is broken; give a whole one.")
        return [one.name for one in pictures]

    found = answered(files, answer)
    assert set(found.unread) == broken
    assert found.files == [file for file in files if file not in broken]
    assert found.answers == [file.name for file in found.files]
    assert len(asked) <= 1 + 2 * 2 * 6
    with pytest.raises(ValueError, match="files: 2 of 64 pictures could not be read and have no"):
        found.end()


def test_other_commands_walk_folders_too(shop, mixed, tmp_path):
    (mixed / "b.png").unlink()
    ran = CliRunner().invoke(app, ["embed", str(shop), str(mixed), "--out",
                                   str(tmp_path / "rows.npy")])
    assert ran.exit_code == 0, ran.output
    assert np.load(tmp_path / "rows.npy").shape[0] == 2
    ran = CliRunner().invoke(app, ["add", str(shop), str(mixed), "--class", "ring"])
    assert "2 added" in ran.stdout
    assert "list.pdf" in ran.stderr
