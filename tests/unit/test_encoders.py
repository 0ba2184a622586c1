"""Networks as encoders of pictures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossalign import data
from crossalign.data.formats.pictures import read_pictures
from crossalign.encoders import CharNgrams, ConSE, TFLiteEncoder
from crossalign.encoders.classifiers import open_classifier
from crossalign.encoders.native_lines import without_info
from crossalign.encoders.tflite import output_of


class Interpreter:
    """Stands in for LiteRT's: a map of 2 x 2 means of the picture, quantised, and a pooled row."""

    def __init__(self, file, num_threads, experimental_preserve_all_tensors):
        assert experimental_preserve_all_tensors
        self.values = {}
        if Path(file).read_bytes() != b"network":
            raise ValueError("not a flatbuffer")

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [detail(0, "input", (1, 4, 4, 3), *INPUT)]

    def get_output_details(self):
        return [self.get_tensor_details()[OUTPUTS[0]], *self.get_tensor_details()[2:OUTPUTS[1]]]

    def get_tensor_details(self):
        return [*self.get_input_details(), detail(1, "weights", (1, 3, 3, 3), np.int8),
                detail(9, "early", (1, 4, 4, 3), np.uint8), detail(3, "Relu;conv/fold",
                                                                   (1, 2, 2, 3), np.uint8, 0.5, 1),
                detail(4, "pooled", (1, 1, 1, 3), np.float32), detail(5, "out", (1, 7), np.uint8),
                detail(8, "channels", (1, 2, 2, 3), np.uint8, [0.5, 1.0, 2.0], [1, 2, 3])]

    def _get_ops_details(self):
        """Numbers do not follow the order of the steps; weights are computed by none."""
        return [{"outputs": [n]} for n in (9, 8, 3, 4, 5)]

    def set_tensor(self, index, value):
        assert index == 0
        assert value.shape == (1, 4, 4, 3)
        assert value.dtype == INPUT[0]
        self.values[0] = value

    def invoke(self):
        means = self.values[0].astype(float).reshape(1, 2, 2, 2, 2, 3).mean(axis=(2, 4))
        self.values[3] = self.values[8] = np.rint(means).astype(np.uint8)
        self.values[4] = means.mean(axis=(1, 2), keepdims=True).astype(np.float32)

    def get_tensor(self, index):
        return self.values[index]


INPUT = (np.uint8,)
OUTPUTS = (5, 2)
"""Place of the first output among all tensors, and the end of further ones, from 2."""


def detail(index, name, shape, dtype, scale=(), zero=(), signature=None):
    return {"index": index, "name": name, "shape": np.array(shape), "dtype": dtype,
            "shape_signature": np.array(signature or shape),
            "quantization_parameters": {
                "scales": np.atleast_1d(np.float32(scale)), "quantized_dimension": 3,
                "zero_points": np.atleast_1d(np.int32(zero))}}


@pytest.fixture
def network(tmp_path, monkeypatch):
    module = type(sys)("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter
    monkeypatch.setitem(sys.modules, "ai_edge_litert", type(sys)("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    (tmp_path / "net.tflite").write_bytes(b"network")
    return tmp_path / "net.tflite"


def test_cells_and_their_mean(network):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    tokens = TFLiteEncoder(network, tokens=True)
    assert (tokens.side, tokens.mode, tokens.tensor) == (4, "RGB", "Relu;conv/fold")
    want = np.array([[np.rint(p[r:r + 2, c:c + 2].reshape(4, 3).mean(axis=0))
                      for r in (0, 2) for c in (0, 2)] for p in pictures])
    np.testing.assert_allclose(tokens.encode(pictures), 0.5 * (want - 1))
    means = TFLiteEncoder(network)
    np.testing.assert_allclose(means.encode(pictures), 0.5 * (want - 1).mean(axis=1), rtol=1e-6)
    assert means.facts != tokens.facts
    assert tokens.encode(pictures[:0]).shape == (0, 4, 3)
    assert means.encode(pictures[:0]).shape == (0, 3)
    pooled = TFLiteEncoder(network, "pooled").encode(pictures)
    np.testing.assert_allclose(pooled, pictures.reshape(3, 16, 3).mean(axis=1), rtol=1e-6)
    assert TFLiteEncoder(network, "conv/fold").facts == means.facts


@pytest.mark.parametrize(("dtype", "change"), [
    (np.int8, lambda p: p.astype(int) - 128), (np.float32, lambda p: p / 127.5 - 1)])
def test_pixels_in_the_type_of_the_input(network, monkeypatch, dtype, change):
    monkeypatch.setitem(globals(), "INPUT", (dtype,))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    encoder = TFLiteEncoder(network, "pooled")
    np.testing.assert_allclose(encoder.encode(pictures),
                               change(pictures).reshape(2, 16, 3).mean(axis=1), atol=1e-5)
    assert ("pixels" in encoder.facts) is (dtype == np.float32)


@pytest.mark.parametrize(("dtype", "scale", "zero", "pixels", "change"), [
    (np.int8, 1 / 127, 0, (0, 1), lambda p: np.rint(p / 255 * 127)),
    (np.uint8, 0.02, 100, (-1, 1),
     lambda p: np.clip(np.rint((p / 127.5 - 1) / 0.02) + 100, 0, 255)),
    (np.int16, 1 / 1000, 0, None, lambda p: np.rint((p / 127.5 - 1) * 1000)),
    (np.uint8, 0.02, 100, None, lambda p: p),
    (np.float16, (), (), (0, 2), lambda p: p / 127.5)])
def test_pixels_are_given_in_the_steps_of_the_input(network, monkeypatch, dtype, scale, zero,
                                                    pixels, change):
    monkeypatch.setitem(globals(), "INPUT", (dtype, scale, zero))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    found = TFLiteEncoder(network, "pooled", pixels=pixels).encode(pictures)
    np.testing.assert_allclose(found, change(pictures.astype(float)).reshape(2, 16, 3).mean(axis=1),
                               rtol=1e-3, atol=1e-2 if dtype == np.float16 else 0.13)


def test_a_scale_per_channel_is_heeded(network):
    pictures = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), dtype=np.uint8)
    whole = TFLiteEncoder(network, tokens=True).encode(pictures) / 0.5 + 1
    found = TFLiteEncoder(network, "channels", tokens=True).encode(pictures)
    np.testing.assert_allclose(found, (whole - [1, 2, 3]) * [0.5, 1, 2])


@pytest.mark.parametrize(("inputs", "says"), [
    ([detail(0, "input", (1, 1, 1, 3), np.float32, signature=(-1, -1, -1, 3))], "no fixed size"),
    ([detail(0, "input", (4, 4, 4, 3), np.float32)], r"reads shape \(4, 4, 4, 3\)"),
    ([detail(0, "input", (1, 3, 4, 4), np.float32)], r"reads shape \(1, 3, 4, 4\)"),
    ([detail(0, "input", (1, 4, 4, 3), np.int16)], "int16 pixels without a scale"),
    ([detail(0, "input", (1, 4, 4, 3), np.int32)], "int32 pixels"),
    ([detail(0, "input", (1, 4, 4, 3), np.uint8), detail(6, "mask", (1, 4), np.uint8)],
     r"reads \['input', 'mask'\]")])
def test_inputs_that_are_not_one_picture_are_refused(network, monkeypatch, inputs, says):
    monkeypatch.setattr(Interpreter, "get_input_details", lambda self: inputs)
    with pytest.raises(ValueError, match=says):
        TFLiteEncoder(network)


def test_bad_networks_and_pictures_are_named(network, tmp_path, monkeypatch):
    (tmp_path / "page.tflite").write_bytes(b"<html>")
    for call, words in (
            (lambda: TFLiteEncoder(tmp_path / "none.tflite"), "there is no file"),
            (lambda: TFLiteEncoder(tmp_path / "page.tflite"), "cannot be read as a TensorFlow"),
            (lambda: TFLiteEncoder(network, "nothing"),
             r"no 'nothing'.*\['early', 'channels', 'Relu'"),
            (lambda: TFLiteEncoder(network, "weights"), "computes no 'weights'"),
            (lambda: TFLiteEncoder(network, "pooled", tokens=True), "one cell"),
            (lambda: TFLiteEncoder(network).encode(np.zeros((1, 4, 4, 3))), "float64; resize"),
            (lambda: TFLiteEncoder(network).encode(np.zeros((1, 5, 5, 3), np.uint8)),
             r"\(n, 4, 4, 3\)")):
        with pytest.raises(ValueError, match=words):
            call()
    monkeypatch.setitem(globals(), "INPUT", (np.uint8,))
    monkeypatch.setattr(Interpreter, "get_input_details",
                        lambda self: [detail(0, "input", (1, 4, 5, 3), np.uint8)])
    with pytest.raises(ValueError, match=r"reads shape \(1, 4, 5, 3\)"):
        TFLiteEncoder(network)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ImportError, match=r"pip install 'crossalign\[vision\]'"):
        TFLiteEncoder(network)


def test_an_encoder_reads_a_folder(network, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in ("ant", "bee", "cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(
                tmp_path / "set" / name / f"{i}.png")
    encoder = TFLiteEncoder(network, tokens=True)
    bench = data.load(tmp_path / "set", encoder=encoder)
    files = [tmp_path / "set" / i for i in bench["train"].ids]
    np.testing.assert_array_equal(bench["train"]["image"],
                                  encoder.encode(read_pictures(files, 4, "RGB")))
    assert bench.protocol["features"]["tensor"] == "Relu;conv/fold"


def test_the_tensor_that_a_network_gives_out_is_the_one_of_a_classifier(network, monkeypatch):
    assert output_of(network) == "out"
    assert TFLiteEncoder(network, output_of(network)).width == 7
    monkeypatch.setattr(sys.modules[__name__], "OUTPUTS", (5, 4))
    with pytest.raises(ValueError, match="which has one"):
        output_of(network)


@pytest.mark.shared
def test_mobilenet_knows_what_is_on_the_pictures(shared):
    """The feature map, pooled, gives the classifier's own answer: index 402 is the accordion."""
    pytest.importorskip("ai_edge_litert")
    model = shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    files = [shared / "caltech30" / "accordion" / "image_0001.jpg"]
    pictures = read_pictures(files, 224, "RGB")
    tokens = TFLiteEncoder(model, tokens=True)
    rows = tokens.encode(pictures)
    assert rows.shape == (1, 49, 1280)
    pooled = TFLiteEncoder(model, "MobilenetV2/Logits/AvgPool").encode(pictures)
    np.testing.assert_allclose(rows.mean(axis=1), pooled, atol=0.013)   # half a step of 0.0235
    given_out = output_of(model)
    assert given_out == "MobilenetV2/Predictions/Softmax"
    answer = TFLiteEncoder(model, given_out).encode(pictures)
    assert answer.argmax() == 402
    labels = [f"word{n:04d}" for n in range(1001)]
    conse = ConSE(open_classifier(str(model)).outputs, labels, CharNgrams())
    assert not conse.logits
    np.testing.assert_allclose(conse.probabilities(pictures), answer, atol=1e-6)
    assert (conse.encode(pictures) @ conse.label_vectors.T).argmax() == 402


def test_lines_of_libraries_that_only_inform_are_kept_back(capfd):
    def writes():
        with without_info():
            os.write(2, b"INFO: a delegate was made\nERROR: it broke\n")
            raise KeyError

    with pytest.raises(KeyError):
        writes()
    os.write(2, b"INFO: ours\n")
    assert capfd.readouterr().err == "ERROR: it broke\nINFO: ours\n"
