"""Networks with one space of pictures and texts, against transformers itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_networks import PIXELS, TEXT, VISION, saved, with_tokenizer  # noqa: E402

from crossalign.data import load  # noqa: E402
from crossalign.data_options import DataOptions  # noqa: E402
from crossalign.encoders import DualEncoder, PretrainedPictures, PretrainedTexts  # noqa: E402
from crossalign.encoders import dual as dual_file  # noqa: E402
from crossalign.evaluation import evaluate  # noqa: E402
from crossalign.models import FrozenDualEncoder  # noqa: E402
from crossalign.tasks import Retriever, ZeroShot  # noqa: E402
from crossalign.types import Views  # noqa: E402

BOTH = {"text_config": TEXT, "vision_config": VISION}
SETTINGS = {**PIXELS, "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 16},
            "crop_size": {"height": 16, "width": 16}, "resample": 3}
TEXTS = ["a red square", "blue", "small green square"]
IDS = {"a red square": [2, 4, 8, 5, 3], "blue": [2, 9, 3], "small green square": [2, 6, 10, 5, 3]}


def clip():
    return transformers.CLIPModel(transformers.CLIPConfig(**BOTH, projection_dim=8))


def siglip():
    return transformers.SiglipModel(transformers.SiglipConfig(
        text_config={**TEXT, "projection_size": 16}, vision_config=VISION))


def align():
    text = {key: TEXT[key] for key in TEXT if key not in ("bos_token_id", "eos_token_id")}
    vision = {"image_size": 16, "hidden_dim": 16, "kernel_sizes": [3], "in_channels": [32],
              "out_channels": [16], "strides": [1], "num_block_repeats": [1], "expand_ratios": [1],
              "width_coefficient": 1.0, "depth_coefficient": 1.0}
    return transformers.AlignModel(transformers.AlignConfig(
        text_config=text, vision_config=vision, projection_dim=16))


def aimv2():
    return transformers.Aimv2Model(transformers.Aimv2Config(
        text_config=TEXT, vision_config={**VISION, "num_channels": 3}, projection_dim=8,
        max_logit_scale=1.5))


def folder_of(network, place, settings=SETTINGS, **tokenizer):
    """A saved network; its own scale and bias are numbers that no default is."""
    folder = with_tokenizer(saved(network, place), **tokenizer)
    if settings is not None:
        (folder / "processor_config.json").write_text(json.dumps({"image_processor": settings}))
    return folder


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
            for shape in ((23, 41), (37, 20), (16, 16))]


def pixels_of(pictures):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    process = CLIPImageProcessorPil(**{k: SETTINGS[k] for k in SETTINGS if "type" not in k})
    return torch.from_numpy(np.stack(process([Image.fromarray(p) for p in pictures])[
        "pixel_values"]))


def numbers_of(texts, width):
    """Token numbers and masks, with padding behind."""
    rows = [IDS[text] for text in texts]
    return {"input_ids": torch.tensor([row + [0] * (width - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row))
                                            for row in rows])}


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize("make", [clip, siglip, align, aimv2])
def test_rows_and_logits_are_those_of_transformers(tmp_path, pictures, make):
    unmasked = {"model_input_names": ["input_ids"]} if make is siglip else {}
    folder = folder_of(make(), tmp_path / "net", **unmasked)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = numbers_of(TEXTS, 12 if make is siglip else 5)
    if make is siglip:
        del inputs["attention_mask"]
    with torch.inference_mode():
        shown = network.get_image_features(pixel_values=pixels_of(pictures)).pooler_output.numpy()
        said = network.get_text_features(**inputs).pooler_output.numpy()
        whole = network(pixel_values=pixels_of(pictures), **inputs)
    dual = DualEncoder(folder)
    rows, texts = dual.encode(pictures), dual.encode(TEXTS)
    np.testing.assert_allclose(rows, unit(shown), atol=1e-5)
    np.testing.assert_allclose(texts, unit(said), atol=1e-5)
    np.testing.assert_allclose(dual.logits(rows, texts), whole.logits_per_image, atol=1e-4)
    chances = dual.probabilities(rows, texts)
    want = whole.logits_per_image.sigmoid() if make is siglip \
        else whole.logits_per_image.softmax(dim=1)
    np.testing.assert_allclose(chances, want, atol=1e-5)
    assert dual.sigmoid == (make is siglip)
    assert (dual.bias != 0) == (make is siglip)


def test_siglip_2_reads_pictures_in_their_own_proportions(tmp_path, pictures):
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    vision = {**VISION, "patch_size": 4, "num_patches": 16}
    del vision["image_size"]
    settings = {"image_processor_type": "Siglip2ImageProcessor", **PIXELS, "patch_size": 4,
                "max_num_patches": 16}
    folder = folder_of(transformers.Siglip2Model(transformers.Siglip2Config(
        text_config={**TEXT, "projection_size": 16}, vision_config=vision)), tmp_path / "net",
        settings, model_input_names=["input_ids"])
    network = transformers.AutoModel.from_pretrained(folder).eval()
    process = Siglip2ImageProcessorPil(**PIXELS, patch_size=4, max_num_patches=16)
    inputs = process([Image.fromarray(p) for p in pictures], return_tensors="pt")
    numbers = transformers.AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding="max_length", max_length=12, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        shown = network.get_image_features(**inputs).pooler_output.numpy()
        whole = network(**inputs, input_ids=numbers)
    dual = DualEncoder(folder)
    rows = dual.encode(pictures)
    np.testing.assert_allclose(rows, unit(shown), atol=1e-5)
    np.testing.assert_allclose(dual.encode(pictures[:1]), rows[:1], atol=1e-5)
    np.testing.assert_allclose(dual.logits(rows, dual.encode(TEXTS)), whole.logits_per_image,
                               atol=1e-4)
    assert dual.sigmoid
    assert dual.pictures.encode([]).shape == (0, 16)
    assert dual.pictures.facts["pixels"]["max_num_patches"] == 16
    assert len({tuple(shape) for shape in inputs["spatial_shapes"].tolist()}) == 3


def test_padding_that_the_tokenizer_masks_reaches_siglip_at_full_length_on_its_own_side(tmp_path):
    """It pools the last token, which must not depend on the other texts of a block."""
    folder = folder_of(siglip(), tmp_path / "net", padding_side="left")
    network = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = numbers_of(TEXTS, 12)
    with torch.inference_mode():
        want = network.get_text_features(**{key: row.flip(1) for key, row in numbers_of(
            TEXTS, 12).items()} | {"input_ids": torch.stack([torch.tensor(
                [0] * (12 - len(IDS[t])) + IDS[t]) for t in TEXTS])}).pooler_output.numpy()
        behind = network.get_text_features(**inputs).pooler_output.numpy()
    np.testing.assert_allclose(PretrainedTexts(folder).encode(TEXTS), want, atol=1e-5)
    right = folder_of(siglip(), tmp_path / "right")
    np.testing.assert_allclose(PretrainedTexts(right).encode(TEXTS), behind, atol=1e-5)
    np.testing.assert_allclose(PretrainedTexts(right).encode(TEXTS[1:2]), behind[1:2], atol=1e-5)


def test_prompts_are_averaged_at_unit_length_and_brought_back_to_it(tmp_path):
    folder = folder_of(clip(), tmp_path / "net")
    plain = DualEncoder(folder)
    prompts = ["a {}", "small {} square", "{}"]
    dual = DualEncoder(folder, prompts)
    for text in ("red", "blue"):
        each = plain.encode([prompt.format(text) for prompt in prompts])
        np.testing.assert_allclose(np.linalg.norm(each, axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(dual.encode([text])[0], unit(each.mean(axis=0)), atol=1e-5)
    assert dual.texts.facts["prompts"] == prompts
    assert dual.texts.facts != plain.texts.facts
    assert dual.texts.encode([]).shape == dual.pictures.encode([]).shape == (0, 8)


def test_the_network_is_opened_once_and_shared(tmp_path, monkeypatch):
    folder, opened = folder_of(clip(), tmp_path / "net"), []
    open_network = dual_file.open_network
    monkeypatch.setattr(dual_file, "open_network",
                        lambda name: opened.append(name) or open_network(name))
    monkeypatch.setattr("crossalign.encoders.pretrained.open_network",
                        lambda *name: pytest.fail("opened again"))
    dual = DualEncoder(folder)
    assert opened == [str(folder)]
    assert dual.pictures._network is dual.texts._network


def test_long_texts_are_said(tmp_path):
    dual = DualEncoder(folder_of(clip(), tmp_path / "net"))
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 12 tokens"):
        dual.encode(["red " * 20, "blue"])


# -- what is refused ------------------------------------------------------------------------------
def test_a_setting_of_the_processor_that_is_not_understood_is_refused_by_name(tmp_path):
    folder = folder_of(clip(), tmp_path / "net", {**SETTINGS, "sharpen": 2})
    with pytest.raises(ValueError, match="'sharpen', which CLIPImageProcessor does not know"):
        DualEncoder(folder)


@pytest.mark.parametrize(("prompts", "says"), [
    ("a photo of a {}", "give a list"), ([], "give a list"), (["a photo"], "'a photo' does not"),
    (["{} {}"], "say once where"), ([3], "3 does not")])
def test_prompts_that_do_not_take_a_text_are_refused(tmp_path, prompts, says):
    with pytest.raises(ValueError, match=says):
        DualEncoder(tmp_path / "never opened", prompts)


def test_networks_without_one_space_are_refused(tmp_path, pictures):
    vit = saved(transformers.ViTModel(transformers.ViTConfig(**VISION)), tmp_path / "vit", PIXELS)
    with pytest.raises(ValueError, match=r"\(ViTModel\) has no space of cosines"):
        DualEncoder(vit)
    dual = DualEncoder(folder_of(clip(), tmp_path / "net"))
    with pytest.raises(ValueError, match="texts and pictures are mixed"):
        dual.encode([*pictures, "red"])


def test_logits_that_are_no_scaled_cosines_are_refused(tmp_path, monkeypatch):
    folder = folder_of(clip(), tmp_path / "net")
    plain = transformers.CLIPModel.forward

    def shifted(self, *args, **kwargs):
        output = plain(self, *args, **kwargs)
        output.logits_per_image = output.logits_per_image + 0.5
        return output

    monkeypatch.setattr(transformers.CLIPModel, "forward", shifted)
    with pytest.raises(ValueError, match="its logits are no scaled cosines"):
        DualEncoder(folder)
    assert PretrainedPictures(folder).tokens is False


# -- on the command line --------------------------------------------------------------------------
def test_one_name_for_both_options_is_one_network_with_its_prompts(tmp_path):
    folder, prompts = folder_of(clip(), tmp_path / "net"), tmp_path / "prompts.txt"
    prompts.write_text("a {}\n\nsmall {}\n")
    options = DataOptions(encoder=str(folder), text_encoder=str(folder), prompts=str(prompts))
    read = options.read_as()
    assert read["encoder"]._network is read["text_encoder"]._network
    assert read["encoder"].in_space_of(read["text_encoder"])
    assert not read["encoder"].in_space_of(PretrainedTexts(folder))
    np.testing.assert_allclose(read["text_encoder"].encode(TEXTS),
                               DualEncoder(folder, ["a {}", "small {}"]).encode(TEXTS), atol=1e-6)
    assert options.remembered()["prompts"] == str(prompts)
    with pytest.raises(ValueError, match="name it by --encoder and --text-encoder alike"):
        DataOptions(encoder=str(folder), prompts=str(prompts)).read_as()
    prompts.write_text("a photo\n")
    with pytest.raises(ValueError, match="'a photo' does not say once where the text goes"):
        options.read_as()
    prompts.write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match="cannot be read as UTF-8"):
        options.read_as()


# -- the row of the space itself -------------------------------------------------------------------
NAMES = ("black square", "blue square", "grey", "red", "small green square", "white")


@pytest.fixture(params=[clip, siglip])
def shown(request, tmp_path, monkeypatch):
    """A folder of pictures by class, a network, and its logits of pictures by their names."""
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    make, rng, folder = request.param, np.random.default_rng(0), tmp_path / "pictures"
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, 256, (*rng.integers(16, 40, 2), 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    net = folder_of(make(), tmp_path / "net",
                    **({"model_input_names": ["input_ids"]} if make is siglip else {}))
    network = transformers.AutoModel.from_pretrained(net).eval()
    tokens = {"padding": "max_length", "max_length": 12} if make is siglip else {"padding": True}
    inputs = transformers.AutoTokenizer.from_pretrained(net)(list(NAMES), return_tensors="pt",
                                                             **tokens)

    def logits(ids):
        pictures = [np.asarray(Image.open(folder / name)) for name in ids]
        with torch.inference_mode():
            return network(pixel_values=pixels_of(pictures), **inputs).logits_per_image.numpy()

    return folder, net, logits


def accuracy(scores, ids):
    """Mean over classes of the share of pictures whose largest score is their class's."""
    names = np.array([name.partition("/")[0] for name in ids])
    best = np.array(NAMES)[scores.argmax(axis=1)]
    return np.mean([(best[names == name] == name).mean() for name in np.unique(names)])


def test_the_row_of_a_folder_is_the_networks_own_zero_shot(shown):
    """Scores, predictions and the report's numbers are those of the logits of transformers."""
    folder, net, logits_of = shown
    both = DualEncoder(net)
    bench = load(folder, "gzsl", encoder=both, text_encoder=both)
    assert bench.classes.names == NAMES
    model = FrozenDualEncoder(temperature=1 / both.scale).fit(bench["train"],
                                                             classes=bench.classes)
    task = ZeroShot(model).fit(bench["train"], bench.classes)
    report = evaluate(FrozenDualEncoder(), bench, pictures=False)
    for split, metric in (("test_seen", "S_raw"), ("test_unseen", "U_raw")):
        logits = logits_of(bench[split].ids)
        np.testing.assert_allclose(task.decision_function(bench[split]) + both.bias, logits,
                                   atol=1e-3)
        np.testing.assert_array_equal(task.predict(bench[split]), logits.argmax(axis=1))
        assert report.scores[metric]["mean"] == pytest.approx(accuracy(logits, bench[split].ids))
    among = np.where(bench.classes.unseen, logits, -np.inf)
    assert report.scores["T1"]["mean"] == pytest.approx(accuracy(among, bench["test_unseen"].ids))


def test_the_text_found_for_a_picture_has_the_networks_largest_logit(shown):
    folder, net, logits_of = shown
    read = DataOptions(encoder=str(net), text_encoder=str(net)).read_as()
    bench = load(folder, encoder=read["encoder"], text_encoder=read["text_encoder"])
    ids = np.concatenate([part.ids for part in bench.splits.values()])
    samples = Views.concatenate(list(bench.splits.values()))
    texts = [samples["text"][[i.startswith(f"{name}/") for i in ids]][0] for name in NAMES]
    retriever = Retriever(FrozenDualEncoder().fit(bench["train"])).add(np.stack(texts), "text")
    best = logits_of(ids).argmax(axis=1)
    assert len(np.unique(best)) > 1
    np.testing.assert_array_equal(
        retriever.search(samples["image"], "image", k=1).indices[:, 0], best)
