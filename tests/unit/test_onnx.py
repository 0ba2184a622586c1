"""ONNX networks of pictures, against their sums by NumPy."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

onnx = pytest.importorskip("onnx", reason="builds networks")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("transformers", reason="needs the extra 'onnx'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from crossalign.data_options import DataOptions  # noqa: E402
from crossalign.encoders import ONNXEncoder  # noqa: E402

MEAN, STD = [0.2, 0.4, 0.6], [0.5, 0.25, 0.75]
SETTINGS = {"image_processor_type": "ViTImageProcessor", "image_mean": MEAN, "image_std": STD,
            "size": {"height": 8, "width": 8}, "resample": 0}
WEIGHTS = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)


def network(place, outputs=("map", "vector"), shape=("n", 3, "h", "w"), kind=TensorProto.FLOAT,
            settings=SETTINGS, outside=None):
    """A convolution of 4 x 4 cells, its map, its cells as tokens, and its largest cells."""
    place.mkdir(parents=True, exist_ok=True)
    kinds = {"map": 4, "tokens": 3, "vector": 2, "odd": 1}
    weights = numpy_helper.from_array(WEIGHTS, "weights")
    nodes = [helper.make_node("Conv", ["pixels", "weights"], ["map"], strides=[4, 4]),
             helper.make_node("Reshape", ["map", "cells"], ["flat"]),
             helper.make_node("Transpose", ["flat"], ["tokens"], perm=[0, 2, 1]),
             helper.make_node("ReduceMax", ["tokens"], ["vector"], axes=[1], keepdims=0),
             helper.make_node("Reshape", ["vector", "one"], ["odd"])]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("pixels", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * kinds[name])
         for name in outputs],
        [weights, numpy_helper.from_array(np.array([0, 5, -1]), "cells"),
         numpy_helper.from_array(np.array([-1]), "one")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    file = place / "model.onnx"
    onnx.save(model, file, **({} if outside is None else {
        "save_as_external_data": True, "location": outside, "size_threshold": 64}))
    if settings is not None:
        (place / "preprocessor_config.json").write_text(json.dumps(settings))
    return file


@pytest.fixture
def pictures():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((8, 8), (8, 8), (8, 8))]


def cells_of(pictures):
    """Naive sums: (n, 4 cells, 5)."""
    x = (np.stack(pictures) / 255 - MEAN) / STD
    blocks = [[x[:, r:r + 4, c:c + 4] for c in (0, 4)] for r in (0, 4)]
    return np.stack([np.einsum("nrcx,dxrc->nd", block, WEIGHTS)
                     for row in blocks for block in row], axis=1)


@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), ("n", 3, 8, 8), (1, 3, 8, 8)])
def test_rows_are_the_sums(tmp_path, pictures, shape):
    file, cells = network(tmp_path, shape=shape), cells_of(pictures)
    for output, tokens, want in (("map", False, cells.mean(axis=1)), ("map", True, cells),
                                 ("vector", False, cells.max(axis=1))):
        encoder = ONNXEncoder(file, output, tokens)
        np.testing.assert_allclose(encoder.encode(pictures), want, rtol=1e-4, atol=1e-4)
        assert encoder.encode([]).shape == (0, *want.shape[1:])
    tokens = ONNXEncoder(network(tmp_path / "one", ["tokens"], shape), tokens=True)
    np.testing.assert_allclose(tokens.encode(pictures), cells, rtol=1e-4, atol=1e-4)
    assert (tokens.side, tokens.output, tokens.resizes) == (8, "tokens", True)


def test_pictures_of_any_size_are_prepared_as_the_settings_say(tmp_path, pictures):
    large = [np.asarray(Image.fromarray(picture).resize((24, 16), 0)) for picture in pictures]
    encoder = ONNXEncoder(network(tmp_path), "vector")
    small = [np.asarray(Image.fromarray(picture).resize((8, 8), 0)) for picture in large]
    np.testing.assert_allclose(encoder.encode(large), cells_of(small).max(axis=1), rtol=1e-4,
                               atol=1e-4)
    around = network(tmp_path / "whole" / "onnx", settings=None)
    (tmp_path / "whole" / "processor_config.json").write_text(
        json.dumps({"image_processor": SETTINGS}))
    np.testing.assert_array_equal(ONNXEncoder(around, "vector").encode(large),
                                  encoder.encode(large))


def test_facts_tell_networks_and_their_outside_numbers_apart(tmp_path, pictures):
    one = ONNXEncoder(network(tmp_path / "a", outside="numbers.bin"), "map")
    np.testing.assert_allclose(one.encode(pictures), cells_of(pictures).mean(axis=1), rtol=1e-4,
                               atol=1e-4)
    facts, file = one.facts, tmp_path / "a" / "numbers.bin"
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\0")
    other = ONNXEncoder(tmp_path / "a" / "model.onnx", "map")
    assert facts["model_sha256"] != other.facts["model_sha256"]
    assert other.facts != ONNXEncoder(tmp_path / "a" / "model.onnx", "vector").facts


@pytest.mark.parametrize(("change", "says"), [
    ({"settings": None}, "nothing says how pictures are prepared"),
    ({"settings": {key: SETTINGS[key] for key in ("size", "resample")}}, "image_processor_type"),
    ({"settings": {**SETTINGS, "sharpen": 1}}, "'sharpen', which ViTImageProcessor"),
    ({"settings": {**SETTINGS, "size": 12}, "shape": ("n", 3, 8, 8)}, r"\(8, 8\) pixels and its"),
    ({"shape": ("n", 8, 8, 3)}, r"give a network for \(n, 3, height, width\)"),
    ({"shape": (4, 3, 8, 8)}, "give a network for"),
    ({"outputs": ["odd"]}, "no vector, no tokens and no map"),
    ({"outputs": ["map", "tokens"]}, r"has the outputs \['map', 'tokens'\]; name one")])
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, change, says):
    with pytest.raises(ValueError, match=says) as caught:
        ONNXEncoder(network(tmp_path, **{"outputs": ["vector"], **change}))
    assert "\n" not in str(caught.value)


def test_other_complaints(tmp_path, monkeypatch):
    file = network(tmp_path)
    with pytest.raises(ValueError, match="and no 'none'; name one"):
        ONNXEncoder(file, "none")
    with pytest.raises(ValueError, match="one row a picture"):
        ONNXEncoder(file, "vector", tokens=True)
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(ValueError, match="cannot be opened as an ONNX network"):
        ONNXEncoder(tmp_path / "junk.onnx")
    with pytest.raises(ValueError, match="there is no file"):
        ONNXEncoder(tmp_path / "gone.onnx")
    outside = network(tmp_path / "b", outside="numbers.bin")
    outside.write_bytes(outside.read_bytes().replace(b"numbers.bin", b"../bers.bin"))
    with pytest.raises(ValueError, match="outside of its folder"):
        ONNXEncoder(outside, "map")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"crossalign\[onnx\]"):
        ONNXEncoder(file, "map")


def test_the_command_line_names_the_file_and_its_output(tmp_path, pictures):
    file = network(tmp_path)
    options = DataOptions(encoder=f"{file}:map", tokens=True)
    encoder = options.read_as()["encoder"]
    assert (encoder.model, encoder.output, encoder.tokens) == (file, "map", True)
    kept = DataOptions(data="glyphs", encoder=f"{file}:map").remembered()
    assert DataOptions().over(kept).encoder == f"{file}:map"
