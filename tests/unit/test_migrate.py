"""A space takes another encoder of pictures, and its vectors stay."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from complaints import complaint
from shapes import SHAPES, picture, picture_folder

import crossalign as ca
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.encoders import HOG, ONNXEncoder
from crossalign.index import DriftAdapter
from crossalign.space import build_space
from crossalign.space.kept import kept_of, recall_of

onnx = pytest.importorskip("onnx", reason="builds networks")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("transformers", reason="needs the extra 'onnx'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

SIDE = 12
SETTINGS = {"image_processor_type": "ViTImageProcessor", "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3, "size": {"height": SIDE, "width": SIDE}}
RNG = np.random.default_rng(0)
SEES = RNG.normal(size=(3 * SIDE * SIDE, 60)) / SIDE
TURN = np.linalg.qr(RNG.normal(size=(60, 60)))[0]
"""What a network makes of pixels, and a turn of it: a second network that sees the same."""


def network(place, matrix):
    """A linear network of pixels."""
    place.mkdir()
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["pixels"], ["flat"]),
         helper.make_node("MatMul", ["flat", "weights"], ["features"])], "net",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, None])],
        [numpy_helper.from_array(matrix.astype(np.float32), "weights")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
              place / f"{place.name}.onnx")
    (place / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    return str(place / f"{place.name}.onnx")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pictures, a space that a network was built for, and networks that see the same and little."""
    root = tmp_path_factory.mktemp("all")
    networks = {name: network(root / name, matrix) for name, matrix in {
        "first": SEES, "turned": SEES @ TURN, "dim": RNG.normal(size=(len(SEES), 2))}.items()}
    (root / "pictures").mkdir()
    picture_folder(root / "pictures", 20)
    build_space(DataOptions(data=str(root / "pictures"), encoder=networks["first"]), root / "space",
                models=["ridge_map"], log=str)
    return root / "pictures", root / "space", networks


@pytest.fixture
def space(made, tmp_path):
    shutil.copytree(made[1], tmp_path / "space")
    opened = ca.Space.open(tmp_path / "space")
    yield opened
    opened.close()


def test_an_encoder_that_sees_the_same_gives_the_same_answers(space, made):
    _, _, networks = made
    queries = [picture(shape, n) for shape in SHAPES for n in (60, 61)]
    before = [space.search(query, k=5) for query in queries], space.recognise(queries, k=1)
    told = []
    about = space.migrate(networks["turned"], 160, log=told.append)
    assert about["share"] > 0.97
    assert not about["accepted"]
    assert about["pictures"] == 160
    assert "chosen by the neighbours of pairs left out" in "\n".join(told)
    again = ca.Space.open(space.folder)
    assert again.card["migrated"] == about
    assert (about["vectors_by"]["model"], about["encoder"]["model"]) == ("first.onnx",
                                                                         "turned.onnx")
    for one in (space, again):
        assert isinstance(one.readers.pictures, ONNXEncoder)
        assert one.readers.pictures.model.name == "turned.onnx"
        found = [one.search(query, k=5) for query in queries], one.recognise(queries, k=1)
        assert np.mean([len({h.id for h in a} & {h.id for h in b}) / 5
                        for a, b in zip(before[0], found[0], strict=True)]) > 0.9
        assert [a.names for a in found[1]] == [a.names for a in before[1]]
        assert [h.id for h in one.search("disc", k=9)] == [h.id for h in ca.Space.open(
            made[1]).search("disc", k=9)]


def test_queries_are_the_map_of_new_features_in_the_measure_of_old_ones(space, made):
    networks = made[2]
    files = sorted(made[0].glob("*/*.png"))
    old = space.readers.of_pictures(files)
    new = ONNXEncoder(networks["turned"]).encode([np.asarray(picture(f.parent.name, int(
        f.stem)).convert("RGB")) for f in files])
    about = space.migrate(networks["turned"], len(files), log=str)
    want = DriftAdapter(about["kind"]).fit(old, new).transform(new)
    before, after = (np.linalg.norm(rows, axis=1) for rows in (old, new))
    want *= (after * before.mean() / after.mean())[:, None]
    np.testing.assert_allclose(space.readers.of_pictures(files), want, atol=2e-3)


def test_new_items_say_that_they_were_mapped_and_vectors_that_were_there_stay(space, made):
    ids, rows, _ = space.index.sample(1000)
    space.migrate(made[2]["turned"], log=str)
    (name,) = space.add(picture("ring", 70), payload=[{"year": 3}])
    hit = space.search(picture("ring", 70), k=1, where={"mapped_from": "turned.onnx"})[0]
    assert (hit.id, hit.payload["year"]) == (name, 3)
    assert hit.score == pytest.approx(1, abs=1e-5)
    text = space.add("a ring")[0]
    space.add(np.ones(rows.shape[1]), ["row"], modality="image")
    assert all("mapped_from" not in about for about in space.index.payload([text, "row"]))
    after = dict(zip(*space.index.sample(1000)[:2], strict=True))
    for one, row in zip(ids, rows, strict=True):
        np.testing.assert_array_equal(after[one], row)


def test_a_poor_encoder_is_refused_unless_it_is_accepted(space, made):
    record = (space.folder / "space.json").read_bytes()
    said = complaint(lambda: space.migrate(made[2]["dim"], log=str), "--accept")
    assert 0 < float(said.split("keeps ")[1].split()[0]) < 0.95
    assert (space.folder / "space.json").read_bytes() == record
    assert not list(space.folder.glob("encoder_map*"))
    about = space.migrate(made[2]["dim"], accept=True, log=str)
    assert about["accepted"]
    assert about["share"] < 0.95
    first = set(space.folder.glob("encoder_map*"))
    assert space.migrate(made[2]["turned"], accept=True, log=str)["vectors_by"]["model"] == (
        "first.onnx")
    (second,) = space.folder.glob("encoder_map*")
    assert second not in first


def test_the_old_network_is_no_longer_needed_and_the_new_one_is(made, tmp_path):
    networks = {name: network(tmp_path / name, matrix)
                for name, matrix in (("first", SEES), ("second", SEES @ TURN))}
    built = build_space(DataOptions(data=str(made[0]), encoder=networks["first"]),
                        tmp_path / "space", models=["ridge_map"], log=str)
    built.migrate(networks["second"], log=str)
    built.close()
    shutil.rmtree(tmp_path / "first")
    opened = ca.Space.open(tmp_path / "space")
    assert opened.search(picture("disc", 3), k=1)[0].payload["class"] == "disc"
    opened.close()
    shutil.rmtree(tmp_path / "second")
    complaint(lambda: ca.Space.open(tmp_path / "space"), "not on this machine")
    network(tmp_path / "second", SEES)
    other = ca.Space.open(tmp_path / "space")
    complaint(lambda: other.search(picture("disc", 3)), "encoder of images is another")


def test_back_to_the_encoder_that_made_the_vectors_no_map_is_left(space, made):
    query = picture("ring", 70)
    before = space.search(query, k=5), space.recognise([query])
    space.migrate(made[2]["dim"], accept=True, log=str)
    assert space.search(query, k=5) != before[0]
    about = space.migrate(made[2]["first"], log=str)
    assert (about["kind"], about["share"]) == ("none", 1.0)
    assert about["encoder"] == about["vectors_by"]
    assert not list(space.folder.glob("encoder_map*"))
    again = ca.Space.open(space.folder)
    assert (space.search(query, k=5), space.recognise([query])) == before
    assert (again.search(query, k=5), again.recognise([query])) == before
    assert again.migrate(made[2]["turned"], log=str)["share"] > 0.97
    again.close()


def test_a_map_does_not_stand_in_front_of_another(space, made):
    straight = space.migrate(made[2]["turned"], 160, log=str)
    space.migrate(made[2]["dim"], 160, accept=True, log=str)
    again = space.migrate(made[2]["turned"], 160, log=str)
    assert {**again, "date": ""} == {**straight, "date": ""}


def test_what_is_kept_is_measured_in_the_index_though_the_first_network_is_gone(made, tmp_path):
    first = network(tmp_path / "first", SEES)
    built = build_space(DataOptions(data=str(made[0]), encoder=first), tmp_path / "space",
                        models=["ridge_map"], log=str)
    built.migrate(made[2]["dim"], accept=True, log=str)
    shutil.rmtree(tmp_path / "first")
    said = complaint(lambda: built.migrate(made[2]["turned"], log=str), "--accept")
    assert float(said.split("keeps ")[1].split()[0]) < 0.5        # of what its own vectors find
    built.close()


def test_pictures_that_cannot_be_read_are_named(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "pictures")
    space = build_space(DataOptions(data=str(tmp_path / "pictures"), encoder=made[2]["first"]),
                        tmp_path / "space", models=["ridge_map"], log=str)
    (tmp_path / "pictures" / "ring" / "03.png").write_bytes(b"no picture")
    (tmp_path / "pictures" / "disc" / "04.png").unlink()
    told = []
    about = space.migrate(made[2]["turned"], log=told.append)
    assert (about["not_read"], about["pictures"]) == (2, 158)
    assert any(line.startswith("not read: 2 of 160 pictures, the first ") and "04.png" in line
               for line in told)
    shutil.rmtree(tmp_path / "pictures")
    complaint(lambda: space.migrate(made[2]["dim"], log=str), "sample: 0 pictures")
    space.close()


DYING = """
import os, signal, sys
import crossalign as ca
rename = os.replace
def dying(source, target, **more):
    if sys.argv[3] in str(target):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(source, target, **more)
os.replace = dying
ca.Space.open(sys.argv[1]).migrate(sys.argv[2], log=str)
"""


@pytest.mark.parametrize("part", ["encoder_map", "task.json", "space.json", "space/card.md"])
def test_a_kill_leaves_the_space_as_it_was_or_as_it_will_be(space, made, part):
    """Files are renamed into place one by one; the record decides."""
    space.close()
    query = picture("wedge", 80)
    before = [hit.id for hit in space.search(query, k=3)]
    ran = subprocess.run([sys.executable, "-c", DYING, str(space.folder), made[2]["turned"], part],
                         capture_output=True, timeout=120)
    assert ran.returncode == -9, ran.stderr
    again = ca.Space.open(space.folder)
    assert len(again) == len(space)
    assert (again.readers.mapped is None) == (part != "space/card.md")
    if again.readers.mapped is None:
        assert [hit.id for hit in again.search(query, k=3)] == before
        again.migrate(made[2]["turned"], log=str)
    assert again.search(query, k=3)[0].payload["class"] == "wedge"
    assert len(list(again.folder.glob("encoder_map*"))) == 1
    again.close()


def test_a_damaged_map_is_refused(space, made):
    space.migrate(made[2]["turned"], log=str)
    (file,) = space.folder.glob("encoder_map*")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    complaint(lambda: ca.Space.open(space.folder), "is not what was written")
    file.unlink()
    complaint(lambda: ca.Space.open(space.folder), "folder:", "build the space again")


@pytest.mark.parametrize(("encoder", "more", "words"), [
    (None, {}, "encoder: got None"), ("", {}, "encoder: got ''"),
    ("first", {}, "is the encoder of this space already"),
    ("turned", {"sample": 5}, "sample: got 5"), ("turned", {"sample": 2.5}, "sample: got 2.5"),
    ("nosuch.onnx", {}, "there is no file")])
def test_wrong_arguments_are_one_sentence(space, made, encoder, more, words):
    complaint(lambda: space.migrate(made[2].get(encoder, encoder), **more, log=str), words)
    assert "migrated" not in space.card


def test_a_space_in_memory_migrates_and_is_saved_with_its_map(space, made, tmp_path):
    other = ca.Space(space.fitted, space.readers, space.index, space.card, space.texts)
    other.migrate(made[2]["turned"], log=str)
    other.save(tmp_path / "copy")
    opened = ca.Space.open(tmp_path / "copy")
    assert opened.readers.mapped.encoder == made[2]["turned"]
    np.testing.assert_array_equal(opened.embed(picture("bar", 4)), other.embed(picture("bar", 4)))


def test_the_command_says_what_is_kept(space, made):
    space.close()
    ran = CliRunner().invoke(app, ["migrate", str(space.folder), "--image-encoder",
                                   made[2]["turned"], "--sample", "90"])
    assert ran.exit_code == 0, ran.output
    assert "mapped, " in ran.output
    assert "recall is kept" in ran.output
    assert ca.Space.open(space.folder).card["migrated"]["pictures"] == 90


# -- what is measured ----------------------------------------------------------------------------
def test_recall_is_that_of_the_loop():
    rng = np.random.default_rng(2)
    classes = [*"aaaaabbbbbcccccdddddeeeeefffffgggggh", None, None, None, None]
    mapped, old = rng.normal(size=(2, 40, 9))
    new, vectors = rng.normal(size=(40, 7)), rng.normal(size=(2, 40, 5))

    def found(queries, gallery, k=4):
        out = []
        for q in range(40):
            cosine = [-np.inf if g == q else queries[q] @ gallery[g] / np.linalg.norm(gallery[g])
                      for g in range(40)]
            out.append(set(np.argsort(cosine)[::-1][:k]))
        return out

    def right(hits):
        shares = []
        for q in range(35):
            same = {g for g in range(40) if g != q and classes[g] == classes[q]}
            shares.append(len(hits[q] & same) / min(4, len(same)))
        return np.mean(shares)

    units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors]
    kept = kept_of((mapped, old, new), tuple(units), classes)
    anew = found(new, new)
    assert kept.k == 4
    for value, queries in ((kept.nearest, mapped), (kept.nearest_before, old)):
        assert value == pytest.approx(np.mean([len(a & b) / 4 for a, b in zip(
            anew, found(queries, old), strict=True)]))
    assert kept.recall == pytest.approx(right(found(mapped, old)))
    assert kept.recall_anew == pytest.approx(right(anew))
    assert kept.space == pytest.approx(right(found(units[0], units[1])))
    assert kept.space_before == pytest.approx(right(found(units[1], units[1])))
    assert kept.share == pytest.approx(min(kept.recall / kept.recall_anew,
                                           kept.space / kept.space_before))
    bare = kept_of((mapped, old, new), tuple(units), [None] * 40)
    assert bare.recall is None
    assert bare.share == pytest.approx(bare.nearest / bare.nearest_before)
    assert recall_of(np.array([[0, 1]]), np.array([[True, False, True]])) == 0.5


def test_the_default_encoder_can_be_left(made, tmp_path):
    space = build_space(DataOptions(data=str(made[0])), tmp_path / "space", models=["ridge_map"],
                        log=str)
    assert isinstance(space.readers.pictures, HOG)
    about = space.migrate(made[2]["first"], accept=True, log=str)
    assert about["vectors_by"]["encoder"] == "gradients"
    assert space.search(picture("bar", 4), k=1)[0].payload["class"] in SHAPES
    space.close()
