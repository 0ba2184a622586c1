"""Tables as spreadsheets write them: read right, or refused in one sentence."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from complaints import complaint

from crossalign import data
from crossalign.data.formats.delimited import is_number, read_csv_table, read_sheet
from crossalign.data.side_information import read_side_information
from crossalign.data.sources.pairs.source import load_pairs

RNG = np.random.default_rng(3)
NAMES = np.array(["caf\u00e9", "dog", "cow", "pig", "hen"])
FRAME = pd.DataFrame({
    "image_0": RNG.normal(size=40).round(3), "image_1": RNG.normal(size=40).round(3),
    "text_0": RNG.normal(size=40).round(3), "text_1": RNG.normal(size=40).round(3),
    "label": NAMES[np.arange(40) % 5]})


def written(folder, name="a.csv", frame=FRAME, encoding="utf-8", before="", **dialect):
    text = before + frame.to_csv(index=dialect.pop("index", False), **dialect)
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize("how", [
    {}, {"sep": ";"}, {"sep": "\t"}, {"sep": "|"}, {"sep": ";", "decimal": ","},
    {"sep": "\t", "decimal": ","}, {"encoding": "utf-8-sig"}, {"encoding": "utf-16"},
    {"encoding": "utf-32"}, {"sep": ";", "encoding": "utf-16", "decimal": ","},
    {"before": "sep=;\n", "sep": ";"}, {"before": "\"sep=;\"\r\n", "sep": ";"},
    {"before": "SEP=\t\n", "sep": "\t"}, {"lineterminator": "\r\n"}, {"quoting": 1},
    {"quoting": 1, "sep": ";", "decimal": ","}, {"name": "a.CSV"}, {"name": "a.tsv", "sep": "\t"},
    {"name": "A.Tsv", "sep": "\t"}, {"index": True}], ids=str)
def test_dialects_of_spreadsheets_give_the_same_table(tmp_path, how):
    bench = data.load(written(tmp_path, **how))
    assert bench.classes.names == tuple(sorted(NAMES))
    train = bench["train"]
    np.testing.assert_allclose(train["image"], FRAME[["image_0", "image_1"]].to_numpy()[train.ids],
                               rtol=1e-6)
    np.testing.assert_allclose(train["text"], FRAME[["text_0", "text_1"]].to_numpy()[train.ids],
                               rtol=1e-6)
    assert [bench.classes.names[c] for c in train.labels] == FRAME.label[train.ids].tolist()
    assert bench.protocol["split_id"] == load_pairs(written(tmp_path)).protocol["split_id"]
    assert "index" not in train.meta


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_text_that_is_not_utf8_is_read_as_latin1_and_said(tmp_path, encoding):
    name = "\u201cz\u00fcrich\u201d" if encoding == "cp1252" else "z\u00fcrich"
    frame = FRAME.replace("dog", name)
    with pytest.warns(UserWarning, match="not UTF-8 in line 2"):
        bench = load_pairs(written(tmp_path, frame=frame, encoding=encoding))
    assert set(bench.classes.names) == set(frame.label)


def test_pandas_reads_the_same(tmp_path):
    frame = FRAME.assign(note="a; b, c", file=["x,y.png"] * 40)
    for how in ({"sep": ","}, {"sep": ";", "decimal": ","}, {"sep": "\t"}):
        path = written(tmp_path, frame=frame, **how)
        table, wanted = read_csv_table(path), pd.read_csv(path, **how)
        np.testing.assert_array_equal(table["image"], wanted[["image_0", "image_1"]].to_numpy())
        assert table["note"].tolist() == wanted.note.tolist()
        assert table["file"].tolist() == wanted.file.tolist()


def test_columns_with_a_number_behind_the_name_are_no_modality(tmp_path):
    more = FRAME.assign(caption_1="a cat", year_2020="1", quote_0="it's", quote_1="2 dogs",
                        page_7=np.arange(40))
    bench = load_pairs(written(tmp_path, frame=more))
    assert bench.modalities == ("image", "text")
    assert set(bench["train"].meta) == {"caption_1", "year_2020", "quote_0", "quote_1", "page_7"}
    several = FRAME.assign(year_2019=1, year_2020=2)
    complaint(lambda: load_pairs(written(tmp_path, frame=several)), "'year_0'", "names without")
    gap = FRAME.assign(image_3=1.5)
    complaint(lambda: load_pairs(written(tmp_path, frame=gap)), "'image_2'")
    half = FRAME.assign(depth_0=["1.5"] * 39 + ["much"])
    complaint(lambda: load_pairs(written(tmp_path, frame=half)), "row 41", "'much'", "'depth_0'")


def test_a_nameless_column_is_row_numbers_or_said(tmp_path):
    kept = FRAME[FRAME.image_0 > -1]
    bench = load_pairs(written(tmp_path, frame=kept, index=True))
    np.testing.assert_array_equal(bench["train"].meta["index"],
                                  kept.index.astype(str)[bench["train"].ids])
    again = pd.read_csv(io.StringIO(FRAME.to_csv())).to_csv(index=False)
    (tmp_path / "again.csv").write_text(again)
    assert again.startswith("Unnamed: 0,")
    assert load_pairs(tmp_path / "again.csv")["train"].meta == {}
    (tmp_path / "trailing.csv").write_text(
        "\n".join(line + "," for line in FRAME.to_csv(index=False).splitlines()))
    assert load_pairs(tmp_path / "trailing.csv")["train"].meta == {}
    (tmp_path / "b.csv").write_text("image_0,,label\n1,x,a\n2,y,b\n")
    complaint(lambda: read_sheet(tmp_path / "b.csv"), "column 2", "no name")


@pytest.mark.parametrize("cell", ["1_0", "", "1,5", "1.234,5", "1,234", "0x1", "1e", "NA", "--"])
def test_what_is_no_number_is_named(tmp_path, cell):
    frame = FRAME.assign(image_1=[cell, *FRAME.image_1[1:].astype(str)])
    complaint(lambda: load_pairs(written(tmp_path, frame=frame)), "row 2", repr(cell), "'image_1'")


def test_a_decimal_comma_is_one_of_all_numbers_or_of_none(tmp_path):
    frame = FRAME.astype({"image_1": str}).assign(image_1=lambda f: f.image_1.str.replace(".", ","))
    complaint(lambda: load_pairs(written(tmp_path, frame=frame, sep=";")), "'image_1'", "row 2")
    assert is_number("-1,5e-3", comma=True)
    assert not is_number("1,5")
    assert not is_number("1.234,5", comma=True)


def test_labels_of_a_csv_stay_as_written(tmp_path):
    names = np.array(["007", "7", "1e3", "1000", "10"])[np.arange(40) % 5]
    bench = load_pairs(written(tmp_path, frame=FRAME.assign(label=names)))
    assert bench.classes.names == ("007", "7", "10", "1000", "1e3")


def test_several_classes_a_row_stand_in_numbered_columns(tmp_path):
    hot = pd.DataFrame(np.eye(5, dtype=int)[np.arange(40) % 5]).add_prefix("label_")
    frame = pd.concat([FRAME.drop(columns="label"), hot], axis=1)
    bench = load_pairs(written(tmp_path, frame=frame))
    assert bench.classes.names == ("0", "1", "2", "3", "4")
    np.testing.assert_array_equal(bench["train"].labels, bench["train"].ids % 5)


@pytest.mark.parametrize("raw", [
    b"image_0,label\x00\n1,a\x00\n", "image_0,label\n1,a\n".encode("utf-16-le"), b"\x00\x00\x00"])
def test_what_is_no_text_is_refused(tmp_path, raw):
    (tmp_path / "a.csv").write_bytes(raw)
    complaint(lambda: read_sheet(tmp_path / "a.csv"), "a.csv", "cannot be read")


def test_a_wide_table_is_read_whatever_its_line_length(tmp_path):
    wide = pd.DataFrame(RNG.normal(size=(8, 9000))).add_prefix("image_")
    frame = pd.concat([wide, wide[["image_0"]].rename(columns={"image_0": "text_0"})], axis=1)
    path = written(tmp_path, frame=frame.assign(label=["a", "b"] * 4))
    assert read_csv_table(path)["image"].shape == (8, 9000)


# -- side information --------------------------------------------------------------------------
ATTRIBUTES = pd.DataFrame(RNG.normal(size=(5, 3)).round(2), index=NAMES, columns=["a", "b", "c"])


@pytest.mark.parametrize("how", [{}, {"sep": ";", "decimal": ","}, {"sep": "\t"},
                                 {"encoding": "utf-16"}], ids=str)
def test_side_information_is_matched_by_a_frames_index(tmp_path, how):
    path = written(tmp_path, frame=ATTRIBUTES, index=True, **how)
    names = NAMES[[3, 1, 0, 4, 2]].tolist()
    rows, mapped = read_side_information(path, names, 5)
    assert mapped == "by name"
    np.testing.assert_allclose(rows, ATTRIBUTES.loc[names].to_numpy(), rtol=1e-6)


def test_row_numbers_are_no_attribute(tmp_path):
    numbered = ATTRIBUTES.reset_index(drop=True)
    for frame in (numbered, numbered.rename(index=lambda i: i + 1),
                  numbered.assign(**{"class": NAMES})):
        rows, _ = read_side_information(written(tmp_path, frame=frame, index=True), NAMES.tolist(),
                                        5)
        np.testing.assert_allclose(rows, ATTRIBUTES.to_numpy(), rtol=1e-6)
    shuffled = numbered.loc[[2, 0, 1, 4, 3]]
    complaint(lambda: read_side_information(written(tmp_path, frame=shuffled, index=True),
                                            NAMES.tolist(), 5), "no name", "'class'")


def test_side_information_without_a_header_may_have_decimal_commas(tmp_path):
    path = written(tmp_path, frame=ATTRIBUTES, header=False, sep=";", decimal=",")
    np.testing.assert_allclose(read_side_information(path, None, 5)[0], ATTRIBUTES.to_numpy(),
                               rtol=1e-6)
    path = written(tmp_path, "b.TSV", ATTRIBUTES, header=False, sep="\t")
    np.testing.assert_allclose(read_side_information(path, None, 5)[0], ATTRIBUTES.to_numpy(),
                               rtol=1e-6)
