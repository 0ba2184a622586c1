"""Embeddings in shards, as clip-retrieval writes them: order, rows on disk, retrieval by pair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from complaints import complaint

from crossalign import data
from crossalign.data.layouts import source_of
from crossalign.evaluation import evaluate
from crossalign.models import RidgeMap

SIZES = (5, 7, 4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(16, 6)).astype(np.float16)
    return image, (image[:, ::-1] + 0.1 * rng.normal(size=(16, 6))).astype(np.float16)


def written(folder, rows, sizes=SIZES, metadata=True):
    """Shards 2, 10 and 11, whose order is that of the numbers, not of the letters."""
    ends = np.cumsum((0, *sizes))
    for name, values in zip(("img_emb", "text_emb"), rows, strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, first, last in zip((2, 10, 11), ends, ends[1:], strict=False):
            np.save(folder / name / f"{name}_{number}.npy", values[first:last])
    if metadata:
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
        (folder / "metadata").mkdir(exist_ok=True)
        table = pd.DataFrame({"image_path": [f"{i}.jpg" for i in range(16)],
                              "caption": [f"text {i}" for i in range(16)], "width": np.arange(16)})
        for number, first, last in zip((2, 10, 11), ends, ends[1:], strict=False):
            table[first:last].to_parquet(folder / "metadata" / f"metadata_{number}.parquet")
    return folder


@pytest.mark.parametrize("sizes", [SIZES, (16,)])
def test_a_row_of_every_shard_is_one_pair(tmp_path, rows, sizes):
    folder = written(tmp_path / "emb", rows, sizes)
    assert source_of(folder).name == "embeddings"
    bench = data.load(folder)
    assert (bench.task, len(bench.classes), bench.class_splits) == ("retrieval", 16, 10)
    for k in range(10):
        asked, found = bench.run(k)["query"], bench.run(k)["gallery"]
        assert (asked.modalities, found.modalities) == (("image",), ("text",))
        assert asked.on_disk("image")
        assert found.on_disk("text")
        for views, m, whole in ((asked, "image", rows[0]), (found, "text", rows[1])):
            at = views.meta["width"]
            assert [bench.classes.names[c] for c in views.labels] == [f"{i}.jpg" for i in at]
            np.testing.assert_array_equal(views[m], whole[at])
        assert sorted(asked.labels) == sorted(found.labels)
        assert found.meta["show:text"].tolist() == [f"text {i}" for i in found.meta["width"]]
        train = bench.run(k)["train"]
        assert set(train.labels).isdisjoint(asked.labels)
        pairs = [bench.classes.names[c] for c in train.labels]
        np.testing.assert_array_equal(train["image"], rows[0][[int(p[:-4]) for p in pairs]])
        np.testing.assert_array_equal(train["text"], rows[1][[int(p[:-4]) for p in pairs]])
    assert evaluate(RidgeMap(), bench, pictures=False, tune=False).scores["mAP"]["mean"] > 0.3


def test_shards_are_joined_once_and_without_metadata_rows_are_numbered(tmp_path, rows):
    folder, told = written(tmp_path / "emb", rows, metadata=False), []
    bench = data.load(folder, log=told.append)
    assert bench.classes.names == tuple(map(str, range(16)))
    assert sum(line.startswith("join 3 shards") for line in told) == 2
    told.clear()
    data.load(folder, log=told.append)
    assert told == []
    np.save(folder / "img_emb" / "img_emb_2.npy", rows[0][:5] + 1)
    changed = data.load(folder, log=told.append)
    assert len(told) > 0
    assert changed.protocol["features"]["sha256"] != bench.protocol["features"]["sha256"]


def test_what_does_not_fit_is_one_sentence(tmp_path, rows):
    folder = written(tmp_path / "emb", rows)
    for file, values, words in (
            ("img_emb/img_emb_10.npy", rows[0][:3], "text_emb: 16 rows for the 12"),
            ("img_emb/img_emb_10.npy", rows[0][5:12, :4], "another width or type"),
            ("img_emb/img_emb_10.npy", np.arange(7), "no whole matrix"),
            ("img_emb/img_emb_010.npy", rows[0], "have one number")):
        kept = (folder / "img_emb" / "img_emb_10.npy").read_bytes()
        np.save(folder / file, values)
        complaint(lambda: data.load(folder), words)
        (folder / "img_emb" / "img_emb_10.npy").write_bytes(kept)
    (folder / "img_emb" / "img_emb_010.npy").unlink()
    (folder / "img_emb" / "img_emb_10.npy").write_bytes(kept[:-4])
    complaint(lambda: data.load(folder), "no whole matrix")
    (folder / "img_emb" / "img_emb_10.npy").write_bytes(kept)
    (folder / "metadata" / "metadata_11.parquet").unlink()
    complaint(lambda: data.load(folder), "metadata: 12 rows for 16 embeddings")
    for file in (folder / "text_emb").iterdir():
        file.unlink()
    complaint(lambda: data.load(folder), "text_emb: there is no .npy file")
