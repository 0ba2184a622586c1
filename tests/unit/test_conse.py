"""Pictures as means of the texts of their likeliest labels, against the paper's equation."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from complaints import complaint
from PIL import Image

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_networks import PIXELS, VISION, saved  # noqa: E402

from crossalign.cli import app  # noqa: E402
from crossalign.data import load  # noqa: E402
from crossalign.data.labelled import KIND, labelled  # noqa: E402
from crossalign.data_options import DataOptions  # noqa: E402
from crossalign.encoders import CharNgrams, ConSE  # noqa: E402
from crossalign.encoders.classifiers import PretrainedOutputs, open_classifier  # noqa: E402
from crossalign.encoders.label_names import (  # noqa: E402
    labels_in_archive,
    labels_in_metadata,
    numbered_labels,
    read_labels,
)
from crossalign.evaluation import evaluate  # noqa: E402
from crossalign.models import FrozenDualEncoder  # noqa: E402
from crossalign.space import Space, build_space  # noqa: E402
from crossalign.space.choice import short_list  # noqa: E402
from crossalign.space.readers import Readers  # noqa: E402

SETTINGS = {**PIXELS, "image_processor_type": "ViTImageProcessor",
            "size": {"height": 16, "width": 16}, "resample": 0}
NAMES = ["blue square", "red", "tench, Tinca tinca", "white shark", "sea_horse"]


class Fixed:
    """Stands in for a classifier: rows that are chosen, one for a picture's first pixel."""

    side, mode, tokens = 4, "RGB", False

    def __init__(self, rows):
        self.rows = np.asarray(rows)
        self.facts = {"encoder": "fixed", "rows": "chosen"}

    def encode(self, pictures):
        return self.rows[[np.asarray(picture)[0, 0, 0] % len(self.rows) for picture in pictures]]


def pictures_of(n):
    return np.stack([np.full((4, 4, 3), i, np.uint8) for i in range(n)])


def equation(probabilities, vectors, top):
    """Equations 4 and 5 of the paper, label by label."""
    rows = []
    for p in probabilities:
        likeliest = sorted(range(len(p)), key=lambda label: (-p[label], label))[:top]
        z = sum(p[label] for label in likeliest)
        rows.append(sum((p[label] / z) * vectors[label] for label in likeliest))
    return np.stack(rows)


@pytest.mark.parametrize("top", [1, 2, 5])
def test_rows_are_those_of_the_papers_equation(top):
    rng, texts = np.random.default_rng(0), CharNgrams()
    logits = rng.normal(scale=3, size=(6, 5))
    logits[1, 2] = logits[1, 4]                                                       # a tie
    softmax = np.stack([np.exp(row) / sum(np.exp(row)) for row in logits])
    vectors = np.stack([v / np.sqrt((v ** 2).sum()) for v in texts.encode(NAMES).astype(float)])
    for outputs in (logits, softmax):
        encoder = ConSE(Fixed(outputs), NAMES, texts, top)
        assert encoder.logits is (outputs is logits)
        np.testing.assert_allclose(encoder.encode(pictures_of(6)), equation(softmax, vectors, top),
                                   atol=1e-6)
    assert encoder.encode([]).shape == (0, vectors.shape[1])
    assert (encoder.side, encoder.mode, encoder.resizes) == (4, "RGB", False)


def test_probabilities_that_were_rounded_need_no_sum_and_none_at_all_is_a_zero_row():
    texts = CharNgrams()
    rows = [[0.25, 0.5, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]]
    encoder = ConSE(Fixed(rows), NAMES, texts, 3)
    v = encoder.label_vectors
    np.testing.assert_allclose(encoder.encode(pictures_of(3)),
                               [(v[0] + 2 * v[1]) / 3, 0 * v[0], v[4]], atol=1e-6)


def test_outputs_that_cease_to_be_probabilities_are_said():
    encoder = ConSE(Fixed([[0.5, 0.5]]), ["a", "b"], CharNgrams())
    encoder.classifier.rows = np.array([[2.0, -1.0]])
    complaint(lambda: encoder.encode(pictures_of(1)), "classifier: ")
    logits = ConSE(Fixed([[0.5, 0.5]]), ["a", "b"], CharNgrams(), logits=True)
    np.testing.assert_allclose(logits.probabilities(pictures_of(1)), [[0.5, 0.5]])


@pytest.mark.parametrize(("change", "says"), [
    ({"labels": NAMES[:4]}, "4 names for a network of 5 outputs"),
    ({"labels": NAMES[:4]}, "the first for the background"),
    ({"labels": [*NAMES, "one more"]}, "6 names for a network of 5 outputs"),
    ({"labels": [*NAMES[:4], " "]}, "one for each output"),
    ({"texts": CharNgrams(True)}, "gives no vectors"),
    ({"top": 0}, "from 1 to 5"), ({"top": 6}, "from 1 to 5"), ({"top": True}, "from 1 to 5"),
    ({"classifier": Fixed(np.zeros((2, 3, 5)))}, "a number for each label")])
def test_what_does_not_fit_is_one_sentence(change, says):
    whole = {"classifier": Fixed([[0.1] * 5]), "labels": NAMES, "texts": CharNgrams(), "top": 2}
    with pytest.raises(ValueError, match=says):
        ConSE(**{**whole, **change})


# -- names of outputs ------------------------------------------------------------------------------
def test_a_file_has_a_name_in_every_line(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffbackground\r\ntench, Tinca tinca\r\ncafe\u0301\r\n\r\n".encode())
    assert read_labels(file) == ("background", "tench, Tinca tinca", "café")
    for content, says in ((b"a\n\nb\n", "line 2"), (b"", "line 1"), (b"\xff\xfe", "UTF-8")):
        file.write_bytes(content)
        assert says in complaint(lambda: read_labels(file), "output_names: ")
    complaint(lambda: read_labels(tmp_path / "none.txt"), "output_names: ")


def test_names_by_number_are_whole_or_none():
    assert numbered_labels({"1": "b", "0": "a", "2": "c"}) == ("a", "b", "c")
    assert numbered_labels(["a", " b "]) == ("a", "b")
    for none in ({"0": "a", "2": "b"}, {"x": "a"}, ["a", ""], [], None, "ab", ["a", 3],
                 {"0": "LABEL_0", "1": "LABEL_1"}):
        assert numbered_labels(none) is None
    assert labels_in_metadata({"names": '{"0": "a", "1": "b"}'}) == ("a", "b")
    assert labels_in_metadata({"labels": "[not json", "classes": '["a"]'}) == ("a",)
    assert labels_in_metadata({"author": '["a"]'}) is None


def archive_of(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return stream.getvalue()


def test_names_in_the_archive_behind_a_network_are_the_one_list_of_its_length(tmp_path):
    file = tmp_path / "net.tflite"
    file.write_bytes(b"network" * 99)
    assert labels_in_archive(file, 2) is None
    file.write_bytes(b"network" * 99 + archive_of(
        README_txt="about\n\nit\n", a_txt="cat\ndog\n", b_txt="one\n", c_json="{}"))
    assert labels_in_archive(file, 2) == ("cat", "dog")
    assert labels_in_archive(file, 3) is None
    file.write_bytes(b"network" * 99 + archive_of(a_txt="cat\ndog\n", b_txt="cat\ndog"))
    assert labels_in_archive(file, 2) == ("cat", "dog")
    file.write_bytes(b"network" * 99 + archive_of(a_txt="cat\ndog\n", b_txt="Katze\nHund\n"))
    assert "a.txt" in complaint(lambda: labels_in_archive(file, 2), "output_names: ")


# -- networks --------------------------------------------------------------------------------------
def vit(folder, names=NAMES):
    labels = {} if names is None else {"id2label": dict(enumerate(names)),
                                       "label2id": {name: i for i, name in enumerate(names)}}
    network = transformers.ViTForImageClassification(transformers.ViTConfig(
        **VISION, **labels, **({"num_labels": 5} if names is None else {})))
    return saved(network, folder, SETTINGS)


def noise(n, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(n)]


def test_outputs_are_the_logits_of_transformers_and_names_those_of_its_configuration(tmp_path):
    folder, pictures = vit(tmp_path / "net"), noise(3)
    network = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    pixels = (np.stack(pictures).astype(np.float32) / 255 - 0.5) / 0.5
    with torch.inference_mode():
        logits = network(pixel_values=torch.from_numpy(pixels).permute(0, 3, 1, 2)).logits.numpy()
    opened = open_classifier(str(folder))
    assert opened.labels == tuple(NAMES)
    np.testing.assert_allclose(opened.outputs.encode(pictures), logits, atol=1e-5)
    assert opened.outputs.encode([]).shape == (0, 5)
    encoder = ConSE(opened.outputs, opened.labels, CharNgrams(), 2)
    assert encoder.logits
    assert encoder.resizes
    np.testing.assert_allclose(
        encoder.encode(pictures),
        equation(torch.from_numpy(logits).softmax(dim=1).numpy(), encoder.label_vectors, 2),
        atol=1e-5)
    assert open_classifier(str(vit(tmp_path / "nameless", None))).labels is None


def test_a_network_without_a_classifier_is_refused(tmp_path):
    bare = saved(transformers.ViTModel(transformers.ViTConfig(**VISION)), tmp_path / "bare",
                 SETTINGS)
    with pytest.raises(ValueError, match="lacks 2 of the weights"):
        PretrainedOutputs(bare)


def test_names_of_an_onnx_network_are_in_its_metadata_or_beside_it(tmp_path):
    onnx = pytest.importorskip("onnx", reason="builds networks")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    from onnx import TensorProto, helper

    (tmp_path / "onnx").mkdir()
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["pixels"], ["map"]),
         helper.make_node("Flatten", ["map"], ["logits"])], "net",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    file = tmp_path / "onnx" / "model.onnx"
    onnx.save(model, file)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    assert open_classifier(str(file)).labels is None
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "r", "1": "g", "2": "b"}}))
    assert open_classifier(str(file)).labels == ("r", "g", "b")
    helper.set_model_props(model, {"names": json.dumps(["red", "green", "blue"])})
    onnx.save(model, file)
    opened = open_classifier(str(file))
    assert opened.labels == ("red", "green", "blue")
    means = (np.stack(noise(2)) / 255).mean(axis=(1, 2)) * 2 - 1
    np.testing.assert_allclose(opened.outputs.encode(noise(2)), means, atol=1e-5)
    read = DataOptions(encoder=f"{file}:logits", output_names="own").read_as()
    assert read["encoder"].labels == opened.labels


# -- options, protocol, space ----------------------------------------------------------------------
CLASSES = ("blue square", "green disc", "grey", "red", "sea horse", "tench", "white post", "yellow")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    for n, name in enumerate(CLASSES):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i, picture in enumerate(noise(8, n)):
            Image.fromarray(picture).save(tmp_path / "pictures" / name / f"{i}.png")
    return tmp_path / "pictures"


@pytest.fixture
def options(folder, tmp_path):
    (tmp_path / "unseen.txt").write_text("red\nsea horse\nyellow\n")
    return DataOptions(data=str(folder), task="gzsl", encoder=str(vit(tmp_path / "net")),
                       output_names="own", unseen=str(tmp_path / "unseen.txt"))


def test_classes_are_labels_by_any_of_their_names():
    assert labelled(CLASSES, NAMES) == {"blue square", "red", "sea horse", "tench"}
    assert labelled(["shark", "White-Shark"], NAMES) == {"White-Shark"}


def test_unseen_classes_among_the_labels_are_counted_and_caution_is_said(options):
    bench = options.load(log=None)
    assert bench.protocol["noted"][KIND] == {"count": 2, "first": ["red", "sea horse"]}
    leaks = bench.protocol["leaks"]
    assert leaks["pseudo_labels"]
    assert leaks["backbone_saw_unseen_classes"]
    assert KIND not in bench.validation().protocol.get("noted", {}) or set(
        bench.validation().protocol["noted"][KIND]["first"]) <= {"blue square", "tench"}
    features = bench.protocol["features"]
    assert (features["encoder"], features["top"], features["labels"]) == ("conse", 5, 5)
    free = load(options.data, "gzsl", encoder=options.read_as()["encoder"],
                unseen=["yellow", "grey"])
    assert free.protocol["leaks"]["backbone_saw_unseen_classes"] is None
    assert KIND not in free.protocol.get("noted", {})
    plain = load(options.data, "gzsl", unseen=["red", "grey"])
    assert plain.protocol["leaks"]["pseudo_labels"] is False


@pytest.mark.parametrize(("change", "says"), [
    ({"encoder": None}, "name it by --encoder"), ({"tokens": True}, "without raw:"),
    ({"prompts": "p.txt"}, "without raw:")])
def test_labels_go_with_a_classifier(options, change, says):
    with pytest.raises(ValueError, match=says):
        replace(options, **change).read_as()


def test_a_network_whose_files_name_nothing_asks_for_a_file(options, tmp_path):
    nameless = replace(options, encoder=str(vit(tmp_path / "nameless", None)))
    with pytest.raises(ValueError, match="give its outputs no names"):
        nameless.read_as()
    (tmp_path / "labels.txt").write_text("\n".join(NAMES))
    named = replace(nameless, output_names=str(tmp_path / "labels.txt"))
    assert named.read_as()["encoder"].labels == tuple(NAMES)
    assert Path(named.remembered()["output_names"]).is_absolute()
    assert options.remembered()["output_names"] == "own"


def test_a_space_says_what_its_encoders_reach_alone(options, tmp_path):
    said = []
    space = build_space(options, tmp_path / "space", models=["residual_adapter"], log=said.append)
    report = evaluate(FrozenDualEncoder(), options.load(log=None), pictures=False)
    expected = {name: report.scores[name]["mean"] for name in space.card["scores_frozen"]}
    assert space.card["scores_frozen"] == pytest.approx(expected, abs=1e-4)
    assert {"T1", "U", "S", "H"} <= expected.keys()
    assert space.card["model"] == "residual_adapter"
    assert KIND in space.card["protocol"]["noted"]
    line = next(line for line in said if line.startswith("beside it the frozen space"))
    assert f"T1 {100 * expected['T1']:.1f}" in line
    assert space.readers.one_space
    picture = Path(options.data) / "red" / "0.png"
    first = space.search(picture, k=1)[0]
    assert first.payload["class"] == "red"
    assert space.recognise(picture, k=1)[0].names
    space.close()
    (tmp_path / "net" / "config.json").write_text(
        (tmp_path / "net" / "config.json").read_text().replace("white shark", "blue shark"))
    changed = Space.open(tmp_path / "space")
    complaint(lambda: changed.search(picture), "space: ")
    changed.close()


def test_the_frozen_space_itself_is_chosen_and_said(options, tmp_path):
    said = []
    space = build_space(options, tmp_path / "space", models=["dual_encoder"], log=said.append)
    assert space.card["scores"] == space.card["scores_frozen"]
    assert any("of the frozen space, nothing learned" in line for line in said)
    space.close()


def test_frozen_models_are_tried_first_where_encoders_make_one_space():
    assert short_list("gzsl", True) == ("dual_encoder", "tip_adapter", "residual_adapter")
    assert short_list("zsl", True) == ("dual_encoder", "residual_adapter")
    assert short_list("retrieval", True) == ("dual_encoder", "residual_adapter",
                                             *short_list("retrieval", False))
    assert short_list("gzsl", False)[0] == "ridge_map"
    assert not Readers(DataOptions()).one_space


def test_the_command_line_takes_labels(options, tmp_path, folder):
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, ["build", str(folder), "--out", str(tmp_path / "space"),
                                      "--encoder", options.encoder, "--output-names", "own",
                                      "--models", "dual_encoder"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(app, ["search", str(tmp_path / "space"), "a red thing", "--k", "3"])
    assert result.exit_code == 0, result.output
    assert sum(line[:1].isdigit() for line in result.output.splitlines()) == 3


# -- the measured table ----------------------------------------------------------------------------
def test_the_table_holds_means_spreads_and_differences_of_runs():
    place = Path(__file__).parents[2] / "docs" / "named_outputs.py"
    spec = importlib.util.spec_from_file_location("named_outputs", place)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    runs = [[dict.fromkeys(script.METRICS, value) for value in of] for of in (
        (0.5, 0.6, 0.4), (0.7, 0.7, 0.55))]
    splits = np.array([[True] * 20 + [False] * 10] * 3)
    protocol = {"samples": {"train": 8, "test_seen": 2, "test_unseen": 4},
                "noted": {KIND: {"count": 2, "first": ["a", "b"]}}}
    text = script.written([script.Row("net", "frozen space", runs[0]),
                           script.Row("net", "ridge_map", runs[1])], [[protocol] * 3], splits, 5)
    first, second = (line for line in text.splitlines() if line.startswith("| net "))
    assert first.split(" | ")[2] == f"{50.0} ± {100 * np.std([0.5, 0.6, 0.4], ddof=1):.1f}"
    assert second.split(" | ")[5] == f"{65.0} ± {100 * np.std([0.7, 0.7, 0.55], ddof=1):.1f}"
    assert "+15.0" in second
    assert "splits 5 to 7 of seed 0, of 20 seen and 10 unseen" in text
    assert "T1 10.0" in text
    assert "2, 2, 2 have the name of a label" in text
