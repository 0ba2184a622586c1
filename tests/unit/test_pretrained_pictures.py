"""Pictures for networks of transformers, prepared as transformers prepares them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from crossalign.data.picture_rows import picture_rows

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_networks import PIXELS, SIZES, TEXT, VISION, saved, with_tokenizer  # noqa: E402

from crossalign.encoders import Backbone, PretrainedPictures, PretrainedTexts  # noqa: E402


def vit(folder, pixels=None, **changes):
    config = transformers.ViTConfig(**{**SIZES, "image_size": 16, "patch_size": 4, **changes})
    return saved(transformers.ViTModel(config), folder, pixels)


@pytest.fixture
def pictures():
    """Wide, high, small and square ones."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
            for shape in ((23, 41), (37, 20), (9, 11), (16, 16))]


# -- what the folder says is done --------------------
SETTINGS = {
    "a size as a number": {"image_processor_type": "ViTImageProcessor", "size": 16},
    "height and width": {"image_processor_type": "ViTImageProcessor", "resample": 3,
                         "size": {"height": 16, "width": 16}},
    "the shortest edge and a crop": {
        "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 20},
        "crop_size": {"height": 16, "width": 16}, "resample": 3},
    "a crop as a number": {"image_processor_type": "CLIPImageProcessor", "size": 18,
                           "crop_size": 16, "resample": 0},
    "a share that is cropped": {"image_processor_type": "ConvNextImageProcessor",
                                "size": {"shortest_edge": 16}, "crop_pct": 0.8},
    "another scale": {"image_processor_type": "ViTImageProcessor", "size": 16,
                      "rescale_factor": 0.01},
    "no scale": {"image_processor_type": "ViTImageProcessor", "size": 16, "do_rescale": False},
    "no mean": {"image_processor_type": "ViTImageProcessor", "size": 16, "do_normalize": False},
    "a name of older folders": {"feature_extractor_type": "ViTFeatureExtractor", "size": 16},
    "nothing but a crop": {"image_processor_type": "CLIPImageProcessor", "do_resize": False,
                           "crop_size": 16},
}


def oracle(settings):
    """The processor of transformers itself, by its class."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    kind = settings.get("image_processor_type", "ViTImageProcessor")
    cls = {"CLIPImageProcessor": CLIPImageProcessorPil, "ViTImageProcessor": ViTImageProcessorPil,
           "ConvNextImageProcessor": ConvNextImageProcessorPil}[kind]
    return cls(**{k: v for k, v in settings.items() if not k.endswith("_type")})


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("nested", [True, False], ids=["processor", "preprocessor"])
def test_pictures_are_prepared_as_either_file_says(tmp_path, pictures, case, nested):
    settings = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], **SETTINGS[case]}
    folder = vit(tmp_path / "net")
    file = "processor_config.json" if nested else "preprocessor_config.json"
    (folder / file).write_text(json.dumps({"image_processor": settings} if nested else settings))
    found = PretrainedPictures(folder, "raw").encode(pictures)
    want = np.stack([oracle(settings)([Image.fromarray(p)])["pixel_values"][0] for p in pictures])
    assert found.shape == (4, 16, 48)
    np.testing.assert_allclose(found.reshape(4, 16, 16, 3).transpose(0, 3, 1, 2), want, atol=1e-6)


def test_the_newer_file_wins_over_the_older(tmp_path):
    folder = vit(tmp_path / "net", {**PIXELS, "image_mean": [0.9] * 3})
    (folder / "processor_config.json").write_text(json.dumps(
        {"image_processor": {"image_processor_type": "ViTImageProcessor", "image_mean": [0.3] * 3,
                             "image_std": [0.2] * 3}, "processor_class": "ViTProcessor"}))
    encoder = PretrainedPictures(folder)
    np.testing.assert_allclose(encoder.mean, [0.3] * 3)
    assert encoder.facts["pixels"]["image_std"] == [0.2] * 3


def test_a_setting_left_out_is_that_of_the_network_and_never_a_guess_in_silence(tmp_path):
    assert PretrainedPictures(vit(tmp_path / "a", PIXELS)).side == 16
    bare = vit(tmp_path / "b")
    with pytest.warns(UserWarning, match="does not say how pictures are prepared"):
        encoder = PretrainedPictures(bare)
    assert (encoder.side, encoder.mean.tolist()) == (16, [0.5] * 3)


@pytest.mark.parametrize(("settings", "says"), [
    ({"image_processor_type": "ViTImageProcessor", "crop_pct": 0.9}, "'crop_pct', which ViT"),
    ({**PIXELS, "sharpen": 3}, "'sharpen'"),
    ({"image_processor_type": "ViTImageProcessor", "resample": 77}, "fails with the settings"),
    ({"image_processor_type": "NoSuchImageProcessor"}, "through NoSuchImageProcessor, which"),
    ({"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 16},
      "do_center_crop": False}, "have one size"),
    ({"image_processor_type": "Siglip2ImageProcessor"}, "have one size"),
    ({**PIXELS, "auto_map": {"AutoImageProcessor": "evil.P"}}, "code of its own"),
    ([1, 2], "cannot be opened"),
])
def test_settings_that_cannot_be_followed_are_refused(tmp_path, settings, says):
    with pytest.raises(ValueError, match=says) as caught:
        PretrainedPictures(vit(tmp_path / "net", settings))
    assert "\n" not in str(caught.value)


def test_a_folder_of_pictures_reaches_the_network_in_its_proportions(tmp_path, pictures):
    settings = {"image_processor_type": "CLIPImageProcessor", "size": 16, "crop_size": 16}
    encoder = PretrainedPictures(vit(tmp_path / "net", settings), "raw")
    files = []
    for i, picture in enumerate(pictures):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(picture).save(files[-1])
    rows, _ = picture_rows(files, np.arange(4, dtype=np.uint64), encoder, keep=False)
    np.testing.assert_array_equal(rows, encoder.encode(pictures))
    square = np.asarray(Image.fromarray(pictures[0]).resize((16, 16)))
    assert np.abs(rows[0] - encoder.encode([square])[0]).max() > 0.1


# -- networks that are built in other ways --------------------
def test_patches_and_pictures_need_not_be_square(tmp_path, pictures):
    folder = vit(tmp_path / "net", {**PIXELS, "size": {"height": 12, "width": 20}},
                 image_size=[12, 20], patch_size=[4, 5])
    encoder = PretrainedPictures(folder, "tokens")
    assert encoder.encode(pictures).shape == (4, 3 * 4, 16)
    network = transformers.ViTModel.from_pretrained(folder).eval()
    pixels = oracle({**PIXELS, "size": {"height": 12, "width": 20}})(pictures)["pixel_values"]
    with torch.inference_mode():
        want = network(pixel_values=torch.from_numpy(np.stack(pixels))).last_hidden_state[:, 1:]
    np.testing.assert_allclose(encoder.encode(pictures), want, atol=1e-5)
    again = Backbone(encoder._backbone.config)
    assert again.blank().shape == (1, 12, 60)


def test_a_network_that_hides_patches_shows_all_of_them_in_order(tmp_path, pictures):
    config = transformers.ViTMAEConfig(**SIZES, image_size=16, patch_size=4)
    folder = saved(transformers.ViTMAEModel(config), tmp_path / "net", PIXELS)
    found = PretrainedPictures(folder, "tokens").encode(pictures)
    whole = transformers.ViTMAEModel.from_pretrained(folder).eval()
    whole.config.mask_ratio = 0.0
    pixels = torch.from_numpy(np.stack(oracle({**PIXELS, "size": 16})(pictures)["pixel_values"]))
    with torch.inference_mode():
        shown = whole(pixel_values=pixels, noise=torch.linspace(0, 1, 16).expand(4, -1))
    np.testing.assert_allclose(found, shown.last_hidden_state[:, 1:], atol=1e-5)
    assert shown.ids_restore[0].tolist() == list(range(16))
    np.testing.assert_array_equal(PretrainedPictures(folder).encode(pictures),
                                  PretrainedPictures(folder).encode(pictures))


def test_any_other_network_that_answers_at_random_is_refused(tmp_path, monkeypatch):
    folder = vit(tmp_path / "net", PIXELS)
    plain = transformers.ViTModel.forward

    def noisy(self, *args, **kwargs):
        said = plain(self, *args, **kwargs)
        said.last_hidden_state = said.last_hidden_state + torch.randn(1)
        return said

    monkeypatch.setattr(transformers.ViTModel, "forward", noisy)
    with pytest.raises(ValueError, match="another answer to the same rows"):
        PretrainedPictures(folder)


def test_detection_tokens_are_no_patches(tmp_path, pictures):
    config = transformers.YolosConfig(**SIZES, image_size=[16, 16], patch_size=4,
                                      num_detection_tokens=3)
    folder = saved(transformers.YolosModel(config), tmp_path / "net", {
        "image_processor_type": "ViTImageProcessor", **PIXELS, "size": 16})
    whole = transformers.YolosModel.from_pretrained(folder).eval()
    pixels = torch.from_numpy(np.stack(oracle({**PIXELS, "size": 16})(pictures)["pixel_values"]))
    with torch.inference_mode():
        want = whole(pixel_values=pixels).last_hidden_state[:, 1:17]
    np.testing.assert_allclose(PretrainedPictures(folder, "tokens").encode(pictures), want,
                               atol=1e-5)


# -- one space of pictures and texts --------------------
def duals():
    both = {"text_config": TEXT, "vision_config": VISION}
    yield "clip", lambda t: t.CLIPModel(t.CLIPConfig(**both, projection_dim=8))
    yield "siglip", lambda t: t.SiglipModel(t.SiglipConfig(
        text_config={**TEXT, "projection_size": 16}, vision_config=VISION))
    yield "blip", lambda t: t.BlipModel(t.BlipConfig(**both, projection_dim=8))
    yield "chinese_clip", lambda t: t.ChineseCLIPModel(
        t.ChineseCLIPConfig(**both, projection_dim=8))
    yield "altclip", lambda t: t.AltCLIPModel(t.AltCLIPConfig(
        text_config={**TEXT, "project_dim": 8}, vision_config=VISION, projection_dim=8))


@pytest.mark.parametrize(("family", "make"), list(duals()), ids=lambda value: str(value)[:12])
def test_vectors_are_the_networks_own_and_lie_in_one_space(tmp_path, pictures, family, make):
    settings = {**PIXELS, "image_processor_type": "CLIPImageProcessor", "size": 16, "crop_size": 16}
    names = {"model_input_names": ["input_ids"]} if family == "siglip" else {}
    folder = with_tokenizer(saved(make(transformers), tmp_path / "net", settings), **names)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    texts = ["a red square", "blue"]
    numbers = [[2, 4, 8, 5, 3], [2, 9, 3]]
    pixels = np.stack(oracle({**settings})(pictures)["pixel_values"])
    with torch.inference_mode():
        shown = network.get_image_features(pixel_values=torch.from_numpy(pixels)).pooler_output
        said = torch.cat([network.get_text_features(input_ids=torch.tensor(
            [row + [0] * (12 - len(row)) if family == "siglip" else row])).pooler_output
            for row in numbers])
    seen, read = PretrainedPictures(folder), PretrainedTexts(folder)
    np.testing.assert_allclose(seen.encode(pictures), shown, atol=1e-5)
    np.testing.assert_allclose(read.encode(texts), said, atol=1e-5)
    assert seen.encode(pictures).shape[1] == read.encode(texts).shape[1]
    assert seen.facts["vectors"] == "projection of the network"
    tokens = PretrainedTexts(folder, "tokens")
    assert tokens.encode(texts).shape[1] == (12 if family == "siglip" else 5)
    again = Backbone(tokens._backbone.config)                       # from its settings alone
    again.load_state_dict(tokens._backbone.state_dict())
    raw = torch.from_numpy(PretrainedTexts(folder, "raw").encode(texts))
    np.testing.assert_allclose(again(raw), tokens.encode(texts), atol=1e-5)


def test_a_half_that_was_saved_with_its_projection_projects(tmp_path, pictures):
    config = transformers.CLIPVisionConfig(**VISION, projection_dim=8)
    settings = {**PIXELS, "image_processor_type": "CLIPImageProcessor", "size": 16, "crop_size": 16}
    folder = saved(transformers.CLIPVisionModelWithProjection(config), tmp_path / "net", settings)
    network = transformers.CLIPVisionModelWithProjection.from_pretrained(folder).eval()
    pixels = torch.from_numpy(np.stack(oracle(settings)(pictures)["pixel_values"]))
    with torch.inference_mode():
        want = network(pixel_values=pixels).image_embeds
    np.testing.assert_allclose(PretrainedPictures(folder).encode(pictures), want, atol=1e-5)


def test_a_family_whose_vectors_share_no_space_is_refused_by_name(tmp_path):
    config = transformers.FlavaConfig(
        text_config=TEXT, image_config=VISION, multimodal_config=SIZES, projection_dim=8)
    folder = with_tokenizer(saved(transformers.FlavaModel(config), tmp_path / "net", {
        **PIXELS, "size": 16, "image_processor_type": "ViTImageProcessor"}))
    with pytest.raises(ValueError, match=r"\(FlavaModel\) gives texts no vector"):
        PretrainedTexts(folder)


# -- what is not opened --------------------
def test_weights_that_are_not_in_the_file_are_never_random(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = vit(tmp_path / "net", PIXELS)
    weights = load_file(folder / "model.safetensors")
    gone = next(key for key in weights if "embeddings" in key)
    save_file({k: v for k, v in weights.items() if k != gone}, folder / "model.safetensors",
              metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 of the weights"):
        PretrainedPictures(folder)


@pytest.mark.parametrize("config", [
    {"model_type": "custom", "auto_map": {"AutoModel": "evil.M", "AutoConfig": "evil.C"}},
    {"auto_map": {"AutoModel": "evil.M"}}, {"_attn_implementation": "someone/kernel"},
    {"text_config": {"auto_map": {"AutoConfig": "evil.C"}}}])
def test_a_folder_that_asks_for_its_own_code_is_refused_and_nothing_is_run(tmp_path, config):
    folder = vit(tmp_path / "net", PIXELS)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, **config}))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ValueError, match="code of its own, which is never run"):
        PretrainedPictures(folder)
    assert not (tmp_path / "ran").exists()


def test_an_adapter_and_pickled_weights_are_refused(tmp_path):
    folder = vit(tmp_path / "net", PIXELS)
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "someone/else"}))
    with pytest.raises(ValueError, match="adapter of another network"):
        PretrainedPictures(folder)
    (folder / "adapter_config.json").unlink()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"no model\.safetensors"):
        PretrainedPictures(folder)
