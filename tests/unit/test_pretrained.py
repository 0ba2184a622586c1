"""Pretrained networks of transformers as encoders, and trained along by FGAN."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from complaints import complaint
from PIL import Image

from crossalign import data
from crossalign.models import FGAN
from crossalign.models.store import load_model
from crossalign.training import Callback
from crossalign.types import Classes, Views

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_networks import PIXELS, SIZES, TEXT, VISION, saved, with_tokenizer  # noqa: E402

from crossalign.encoders import Backbone, PretrainedPictures, PretrainedTexts, network_files  # noqa: E402

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "grey": (90, 90, 90),
           "white": (250, 250, 250), "black": (9, 9, 9)}


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return saved(transformers.ViTModel(transformers.ViTConfig(
        **SIZES, image_size=16, patch_size=4)), tmp_path_factory.mktemp("vit"), PIXELS)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return with_tokenizer(saved(transformers.BertModel(transformers.BertConfig(
        **SIZES, vocab_size=40, max_position_embeddings=12)), tmp_path_factory.mktemp("bert")))


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder of pictures, one colour per class, with a text beside each of one class."""
    root, rng = tmp_path_factory.mktemp("painted"), np.random.default_rng(0)
    for colour, rgb in COLOURS.items():
        (root / colour).mkdir()
        for i in range(6):
            noise = np.clip(np.array(rgb) + rng.normal(0, 20, (16, 16, 3)), 0, 255)
            Image.fromarray(noise.astype(np.uint8)).save(root / colour / f"{i}.png")
    (root / "red" / "0.txt").write_text("a small red square")
    return root


# -- pictures ----------------------------------------------------------------------------------
def test_tokens_of_a_picture_are_the_patches_of_the_network(vit, pictures):
    network = transformers.ViTModel.from_pretrained(vit).eval()
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = network(pixel_values=(pixels - 0.5) / 0.5).last_hidden_state[:, 1:].numpy()
    tokens = PretrainedPictures(vit, "tokens")
    assert (tokens.side, tokens.mode, tokens.tokens) == (16, "RGB", True)
    np.testing.assert_allclose(tokens.encode(pictures), expected, atol=1e-5)
    np.testing.assert_allclose(PretrainedPictures(vit).encode(pictures), expected.mean(axis=1),
                               atol=1e-5)
    raw = PretrainedPictures(vit, "raw").encode(pictures)
    assert raw.shape == (3, 16, 48)
    with torch.inference_mode():
        read = Backbone.pretrained(str(vit), "image", "cpu")(torch.from_numpy(raw))
    np.testing.assert_allclose(read.numpy(), expected, atol=1e-5)


def test_pixels_are_normalised_as_the_folder_says(vit, pictures, tmp_path):
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    for file in vit.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(
        {"image_mean": mean, "image_std": std}))
    encoder = PretrainedPictures(tmp_path, "raw")
    np.testing.assert_allclose(encoder.encode(pictures).reshape(3, 16, 16, 3),
                               (pictures / 255 - mean) / std, atol=1e-5)
    assert encoder.facts != PretrainedPictures(vit, "raw").facts
    with pytest.raises(ValueError, match=r"float64; give \(h, w, 3\) uint8"):
        encoder.encode(pictures / 255)


def test_cells_of_a_convolutional_network(tmp_path_factory, pictures):
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1],
                                       layer_type="basic")
    folder = saved(transformers.ResNetModel(config), tmp_path_factory.mktemp("resnet"),
                   {**PIXELS, "size": {"shortest_edge": 224}})
    assert Backbone.pretrained(str(folder), "image").blank().shape == (1, 224, 672)
    network = transformers.ResNetModel.from_pretrained(folder).eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(pixel_values=x).last_hidden_state                 # (2, 12, 4, 4)
        rows = x.permute(0, 2, 3, 1).reshape(2, 32, 96)
        found = Backbone.pretrained(str(folder), "image", "cpu")(rows)
    assert found.shape == (2, 16, 12)
    np.testing.assert_allclose(found[:, 5], expected[:, :, 1, 1], atol=1e-5)


def test_the_half_of_clip_that_reads_the_modality(tmp_path_factory, pictures):
    clip = transformers.CLIPModel(transformers.CLIPConfig(text_config=TEXT, vision_config=VISION))
    folder = with_tokenizer(saved(clip, tmp_path_factory.mktemp("clip"), PIXELS))
    clip.eval()
    with torch.inference_mode():
        pixels = (torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
        seen = clip.vision_model(pixel_values=pixels).last_hidden_state[:, 1:].numpy()
        numbers = PretrainedTexts(folder, "raw").encode(["red square"])[..., 0] - 1
        said = clip.text_model(input_ids=torch.from_numpy(numbers).long()).last_hidden_state
    np.testing.assert_allclose(PretrainedPictures(folder, "tokens").encode(pictures), seen,
                               atol=1e-5)
    np.testing.assert_allclose(PretrainedTexts(folder, "tokens").encode(["red square"]),
                               said.numpy(), atol=1e-5)


# -- texts -------------------------------------------------------------------------------------
def test_tokens_of_a_text_are_those_of_the_network_alone(bert):
    texts = ["a red square", "blue"]
    network = transformers.BertModel.from_pretrained(bert).eval()
    encoder = PretrainedTexts(bert, "tokens")
    found, vectors = encoder.encode(texts), PretrainedTexts(bert).encode(texts)
    assert encoder.words(texts) == [["[CLS]", "a", "red", "square", "[SEP]"],
                                    ["[CLS]", "blue", "[SEP]"]]
    for row, numbers in enumerate(([2, 4, 8, 5, 3], [2, 9, 3])):
        with torch.inference_mode():
            expected = network(input_ids=torch.tensor([numbers])).last_hidden_state[0].numpy()
        np.testing.assert_allclose(found[row, :len(numbers)], expected, atol=1e-5)
        np.testing.assert_allclose(vectors[row], expected.mean(axis=0), atol=1e-5)
        assert not found[row, len(numbers):].any()
    raw = PretrainedTexts(bert, "raw").encode(texts)
    np.testing.assert_array_equal(raw[..., 0], [[3, 5, 9, 6, 4], [3, 10, 4, 0, 0]])


@pytest.mark.parametrize("damage", [
    "absent", "config", "weights", "kind", "pickle"])
def test_what_cannot_be_opened_is_named(vit, bert, tmp_path, damage, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "network"
    folder.mkdir()
    for file in vit.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = folder / "model.safetensors"
    if damage == "absent":
        folder = tmp_path / "nowhere" / "at" / "all"
    elif damage == "config":
        (folder / "config.json").write_text("{")
    elif damage == "weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "pickle":
        weights.unlink()
        torch.save(transformers.ViTModel.from_pretrained(vit).state_dict(),
                   folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="text" if damage == "kind" else "cannot be opened"):
        PretrainedTexts(folder) if damage == "kind" else PretrainedPictures(folder)
    with pytest.raises(ValueError, match="rows"):
        PretrainedTexts(bert, "sentences")


def test_a_missing_extra_is_named(vit, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"crossalign\[text\]"):
        PretrainedPictures(vit)


# -- folders of pictures -----------------------------------------------------------------------
def test_a_folder_through_both_encoders(painted, vit, bert):
    bench = data.load(painted, encoder=PretrainedPictures(vit, "tokens"),
                      text_encoder=PretrainedTexts(bert, "tokens"))
    train = bench["train"]
    assert train["image"].shape[1:] == (16, 16)
    assert train["text"].shape[2] == 16
    row = next(i for i in range(len(train)) if train.labels[i] != 0)
    name = bench.classes.names[train.labels[row]]
    assert train.meta["words:text"][row] == f"[CLS] {name} [SEP]"
    assert bench.protocol["leaks"]["text_features_fit_on_unseen"] is None
    assert bench.protocol["features"]["text"]["encoder"] == "transformers"
    plain = data.load(painted, tokens=True)
    assert plain.protocol["leaks"]["text_features_fit_on_unseen"] is False


def test_the_command_line_trains_backbones_along(painted, vit, bert, monkeypatch, capsys):
    from crossalign.cli import main

    words = ["crossalign", "run", "fgan", "--data", str(painted), "--encoder", f"raw:{vit}",
            "--text-encoder", f"raw:{bert}", "--set", f"backbones=[{vit}, {bert}]",
            "--set", "dim=8", "--set", "heads=2", "--set", "epochs=1", "--set", "samples=4",
            "--seeds", "1", "--no-tune", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="0"):
        main()
    report = json.loads(capsys.readouterr().out)
    assert 0 < report["scores"]["mAP"]["mean"] <= 1


# -- a model that trains them along --------------------------------------------------------------
@pytest.fixture(scope="module")
def raw(vit, bert):
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 4
    colours = np.array([list(COLOURS.values())[c] for c in labels])
    pixels = np.clip(colours[:, None, None] + rng.normal(0, 20, (24, 16, 16, 3)), 0, 255)
    texts = [f"a {list(COLOURS)[c]} square" for c in labels]
    return Views({"image": PretrainedPictures(vit, "raw").encode(pixels.astype(np.uint8)),
                  "text": PretrainedTexts(bert, "raw").encode(texts)}, labels)


def trained(raw, vit, bert, **settings):
    model = FGAN(**{"backbones": (str(vit), str(bert)), "dim": 8, "heads": 2, "samples": 4,
                    "epochs": 2, "batch_size": 8, "device": "cpu", **settings})
    return model.fit(raw, classes=Classes(np.eye(6), np.arange(6) < 4))


def weights_of(model, modality):
    return model.network_.encoder(modality).backbone.network.state_dict()


def test_backbones_learn_at_their_own_rate_or_not_at_all(raw, vit, bert):
    before = transformers.ViTModel.from_pretrained(vit).state_dict()
    for rate, moved in ((1e-3, True), (0.0, False)):
        after = weights_of(trained(raw, vit, bert, backbone_lr=rate), "image")
        assert any(not torch.equal(after[k], before[k]) for k in before) == moved
    still = trained(raw, vit, bert, backbone_lr=0.0).network_.train().encoder("image").backbone
    assert not still.network.training
    assert not any(p.requires_grad for p in still.parameters())


def test_frozen_backbones_are_tokens_given(raw, vit, bert):
    """The same but for standardised tokens, which given ones are."""
    model = trained(raw, vit, bert, backbone_lr=0.0)
    tokens = {m: model.network_.encoder(m).backbone(torch.from_numpy(raw[m])).detach().numpy()
              for m in raw.modalities}
    assert tokens["image"].shape == (24, 16, 16)
    np.testing.assert_array_equal((tokens["text"] != 0).any(axis=2), raw["text"][..., 0] > 0)
    reader = model.network_.encoder("image")
    with torch.inference_mode():
        rows, real = reader._read(torch.from_numpy(tokens["image"]),
                                  torch.ones(24, 16, dtype=torch.bool))
        embedding = reader.region(rows, real).numpy()
    np.testing.assert_allclose(model.similarity_inputs(raw["image"], "image")[:, :8], embedding,
                               atol=1e-5)
    assert model.saliency(raw["image"], "image").shape == (24, 16)
    assert model.kept_tokens(raw["text"], "text").shape == raw["text"].shape[:2]


def test_what_a_mask_hides_of_raw_rows_has_no_influence(raw, vit, bert):
    from crossalign.models.backbones import mean_tokens

    model = trained(raw, vit, bert)
    ids = raw["text"]
    mask = np.arange(ids.shape[1]) < 3
    junk, padded = np.where(mask[:, None], ids, 7), np.where(mask[:, None], ids, 0)
    masked = Views({"text": junk}, masks={"text": np.tile(mask, (len(ids), 1))})
    np.testing.assert_array_equal(model.embed(masked, "text"), model.embed(padded, "text"))
    assert np.abs(model.embed(junk, "text") - model.embed(padded, "text")).max() > 1e-3
    assert not model.kept_tokens(masked, "text")[:, 3:].any()
    backbone = Backbone.pretrained(str(bert), "text", "cpu")
    np.testing.assert_array_equal(mean_tokens(backbone, masked, "text"),
                                  mean_tokens(backbone, Views({"text": padded}), "text"))


def test_pseudo_labels_come_from_what_the_base_sees(raw, vit, bert):
    """A classifier of colours is right on the features, and would not be on token numbers."""
    from crossalign.models.backbones import mean_tokens
    from crossalign.models.fgan.pseudo_labels import pseudo_labels

    backbone = Backbone.pretrained(str(vit), "image", "cpu")
    means = mean_tokens(backbone, raw, "image")
    with torch.inference_mode():
        expected = backbone(torch.from_numpy(raw["image"])).mean(1)
        np.testing.assert_allclose(means, expected, atol=1e-5)
    targets, _ = pseudo_labels(Views({"image": means}, raw.labels), raw.labels, "soft", "seen",
                               None, 0)
    assert (targets.argmax(axis=1) == raw.labels).mean() > 0.8


def test_saved_and_loaded_without_the_folders_of_the_networks(raw, vit, bert, tmp_path):
    model = trained(raw, vit, bert, backbone_lr=1e-3)
    model.set_params(backbones=("/gone", "/gone"))          # nothing is read from there again
    again = load_model(model.save(tmp_path / "model"))
    for m in raw.modalities:
        np.testing.assert_array_equal(model.embed(raw[m], m), again.embed(raw[m], m))


def test_a_broken_off_fit_goes_on(raw, vit, bert, tmp_path):
    whole = trained(raw, vit, bert, backbone_lr=1e-3, epochs=3)

    class Stop(Callback):
        def on_epoch(self, state):
            if state.epoch == 1:
                raise KeyboardInterrupt

    model = FGAN(**whole.get_params())
    classes = Classes(np.eye(6), np.arange(6) < 4)
    with pytest.raises(KeyboardInterrupt):
        model.fit(raw, classes=classes, callbacks=[Stop()], checkpoint=tmp_path)
    model.fit(raw, classes=classes, checkpoint=tmp_path)
    np.testing.assert_array_equal(model.embed(raw["text"], "text"),
                                  whole.embed(raw["text"], "text"))


@pytest.mark.parametrize(("settings", "says"), [
    ({"backbones": ("a", "b", "c")}, "backbones"), ({"tied": True}, "tied"),
    ({"backbones": ("{bert}", None)}, "texts, not images")])
def test_bases_that_do_not_fit_are_refused(raw, vit, bert, settings, says):
    backbones = settings.get("backbones", (str(vit), str(bert)))
    named = tuple(b.format(bert=bert) if isinstance(b, str) else b for b in backbones)
    with pytest.raises(ValueError, match=says):
        trained(raw, vit, bert, **{**settings, "backbones": named})
    wrong = Views({"image": raw["image"][:, :, :24], "text": raw["text"]}, raw.labels)
    with pytest.raises(ValueError, match="rows='raw'"):
        trained(wrong, vit, bert)


def test_without_a_connection_a_network_that_is_not_here_is_one_sentence_at_once(tmp_path,
                                                                                 monkeypatch, vit):
    import huggingface_hub

    asked = []

    class Unreachable:
        def head(self, address, timeout):
            asked.append(timeout)
            raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "get_session", Unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(network_files.time, "monotonic", lambda: 1e6)
    network_files._hub_answers.cache_clear()
    try:
        for make in (PretrainedPictures, PretrainedTexts):
            for name in ("nosuch/model", "model"):
                complaint(lambda make=make, name=name: make(name), repr(name), "cannot be reached")
            for name in ("no such", "a/b/c", "/nowhere/at/all"):
                complaint(lambda make=make, name=name: make(name), repr(name), "no such folder")
        assert asked == [network_files.KNOCK]                    # once for all
        assert PretrainedPictures(vit).encode(np.zeros((1, 16, 16, 3), np.uint8)).shape[0] == 1
        (tmp_path / "models--nosuch--model").mkdir()             # a copy in the cache is enough
        assert network_files.from_here("nosuch/model")
        complaint(lambda: PretrainedPictures("nosuch/model"), "cannot be opened")
        assert len(asked) == 1
    finally:
        network_files._hub_answers.cache_clear()
