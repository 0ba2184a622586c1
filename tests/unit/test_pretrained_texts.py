"""Texts through networks of transformers and folders of sentence-transformers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from complaints import complaint

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_networks import SIZES, TEXT, saved, with_tokenizer  # noqa: E402

from crossalign.encoders import Backbone, PretrainedTexts  # noqa: E402

TEXTS = ["a red square", "blue", "a small white square"]
NUMBERS = [[2, 4, 8, 5, 3], [2, 9, 3], [2, 4, 6, 12, 5, 3]]


def bert(folder, **settings):
    config = transformers.BertConfig(**SIZES, vocab_size=40, max_position_embeddings=12)
    return with_tokenizer(saved(transformers.BertModel(config), folder), **settings)


def alone(network, numbers=NUMBERS):
    """The last hidden states of every text by itself."""
    with torch.inference_mode():
        return [network(input_ids=torch.tensor([row])).last_hidden_state[0].numpy()
                for row in numbers]


# -- kinds of network -----------------------------------------------------------------------------
@pytest.mark.parametrize("family", ["t5", "bart"])
def test_encoder_decoders_read_by_their_encoder(tmp_path, family):
    network = {
        "t5": lambda t: t.T5Model(t.T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1,
                                             num_heads=2, vocab_size=40)),
        "bart": lambda t: t.BartModel(t.BartConfig(
            d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=40,
            max_position_embeddings=12, pad_token_id=0, eos_token_id=3, bos_token_id=2)),
    }[family](transformers)
    folder = with_tokenizer(saved(network, tmp_path / "net"))
    want = alone(transformers.AutoModel.from_pretrained(folder).eval().get_encoder())
    np.testing.assert_allclose(PretrainedTexts(folder).encode(TEXTS),
                               [w.mean(axis=0) for w in want], atol=1e-5)
    tokens = PretrainedTexts(folder, "tokens")
    for row, expected in zip(tokens.encode(TEXTS), want, strict=True):
        np.testing.assert_allclose(row[:len(expected)], expected, atol=1e-5)
    again = Backbone(tokens._backbone.config)
    again.load_state_dict(tokens._backbone.state_dict())
    raw = torch.from_numpy(PretrainedTexts(folder, "raw").encode(TEXTS))
    np.testing.assert_allclose(again(raw), tokens.encode(TEXTS), atol=1e-5)


def test_positions_behind_padding_are_not_used_up(tmp_path):
    config = transformers.RobertaConfig(**SIZES, vocab_size=40, max_position_embeddings=12,
                                        pad_token_id=1)
    folder = with_tokenizer(saved(transformers.RobertaModel(config), tmp_path / "net"))
    encoder = PretrainedTexts(folder, "tokens")
    assert encoder.longest == 10                               # the first two are never given
    with pytest.warns(UserWarning, match="1 of 4 texts are longer than the 10 tokens"):
        found = encoder.encode([*TEXTS, "a " * 30])
    for row, expected in zip(found, alone(
            transformers.RobertaModel.from_pretrained(folder).eval()), strict=False):
        np.testing.assert_allclose(row[:len(expected)], expected, atol=1e-5)


def test_the_texts_of_a_network_for_sounds(tmp_path):
    config = transformers.ClapConfig(text_config=TEXT, projection_dim=8, audio_config={
        "hidden_size": 16, "depths": [1], "num_attention_heads": [2], "num_hidden_layers": 1,
        "patch_embeds_hidden_size": 16, "num_mel_bins": 16, "spec_size": 32, "window_size": 4})
    folder = with_tokenizer(saved(transformers.ClapModel(config), tmp_path / "net"))
    network = transformers.ClapModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        want = [network.get_text_features(input_ids=torch.tensor([row])).pooler_output[0].numpy()
                for row in NUMBERS]
    np.testing.assert_allclose(PretrainedTexts(folder).encode(TEXTS), want, atol=1e-5)


# -- how much is read -----------------------------------------------------------------------------
@pytest.mark.parametrize(("longest", "settings", "expected"), [
    (None, {}, 12), (5, {}, 5), (40, {}, 12), (None, {"model_max_length": 7}, 7)])
def test_texts_are_cut_at_the_longest_that_the_model_reads(tmp_path, longest, settings, expected):
    encoder = PretrainedTexts(bert(tmp_path / "net", **settings), "raw", longest=longest)
    assert encoder.longest == encoder.facts["longest"] == expected
    with pytest.warns(UserWarning, match=f"2 of 3 texts are longer than the {expected} tokens"):
        found = encoder.encode(["a " * 30, "blue", "red " * 20])
    assert found.shape == (3, expected, 1)
    assert found[0, -1, 0] - 1 == 3                            # the end is still said


def test_a_text_of_just_the_length_is_not_cut(tmp_path):
    assert PretrainedTexts(bert(tmp_path / "net"), "raw").encode(["a " * 10]).shape == (1, 12, 1)


def test_no_texts_give_no_rows(tmp_path):
    folder = bert(tmp_path / "net")
    assert PretrainedTexts(folder).encode([]).shape == (0, 16)
    assert PretrainedTexts(folder, "tokens").encode([]).shape == (0, 1, 16)


def test_a_network_without_positions_reads_all(tmp_path):
    config = transformers.T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
                                   vocab_size=40)
    folder = with_tokenizer(saved(transformers.T5Model(config), tmp_path / "net"))
    assert PretrainedTexts(folder, "raw").encode(["a " * 300]).shape == (1, 302, 1)


# -- folders of sentence-transformers --------------------
def sentence_folder(folder, modes=("pooling_mode_mean_tokens",), more=(), settings=None, about=None,
                    pooling=None):
    bert(folder)
    kinds = ["Transformer", "Pooling", *more]
    (folder / "modules.json").write_text(json.dumps([
        {"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "",
         "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)]))
    for i, kind in enumerate(kinds[1:], 1):
        (folder / f"{i}_{kind}").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(
        {"word_embedding_dimension": 16, **dict.fromkeys(modes, True), **(pooling or {})}))
    if settings is not None:
        (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    if about is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(about))
    return folder


POOLED = {
    "pooling_mode_cls_token": lambda t: t[0], "pooling_mode_max_tokens": lambda t: t.max(axis=0),
    "pooling_mode_mean_tokens": lambda t: t.mean(axis=0),
    "pooling_mode_mean_sqrt_len_tokens": lambda t: t.sum(axis=0) / np.sqrt(len(t)),
    "pooling_mode_weightedmean_tokens":
        lambda t: np.average(t, axis=0, weights=np.arange(1, len(t) + 1)),
    "pooling_mode_lasttoken": lambda t: t[-1]}


@pytest.mark.parametrize("mode", POOLED)
def test_a_folder_pools_as_it_says(tmp_path, mode):
    folder = sentence_folder(tmp_path / "net", [mode])
    tokens = alone(transformers.BertModel.from_pretrained(folder).eval())
    np.testing.assert_allclose(PretrainedTexts(folder).encode(TEXTS),
                               [POOLED[mode](t) for t in tokens], atol=1e-5)


def test_poolings_stand_side_by_side_and_newer_folders_name_one(tmp_path):
    modes = ["pooling_mode_mean_tokens", "pooling_mode_cls_token"]
    folder = sentence_folder(tmp_path / "a", modes)
    tokens = alone(transformers.BertModel.from_pretrained(folder).eval())
    np.testing.assert_allclose(
        PretrainedTexts(folder).encode(TEXTS),
        [np.concatenate([t[0], t.mean(axis=0)]) for t in tokens], atol=1e-5)
    newer = sentence_folder(tmp_path / "b", [], pooling={"pooling_mode": "cls"})
    np.testing.assert_allclose(PretrainedTexts(newer).encode(TEXTS), [t[0] for t in tokens],
                               atol=1e-5)
    bare = sentence_folder(tmp_path / "c", [])
    np.testing.assert_allclose(PretrainedTexts(bare).encode(TEXTS),
                               [t.mean(axis=0) for t in tokens], atol=1e-5)


NEWER = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens",
         "weightedmean": "weightedmean_tokens"}


@pytest.mark.parametrize("modes", [["lasttoken", "max", "weightedmean"],
                                   ["mean_sqrt_len_tokens", "mean", "cls"]])
def test_newer_folders_list_poolings_in_their_order_and_say_what_is_plain(tmp_path, modes):
    folder = sentence_folder(tmp_path / "net", [], pooling={
        "pooling_mode": modes, "pooling_mode_max_tokens": False}, settings={
        "transformer_task": "feature-extraction", "module_output_name": "token_embeddings",
        "modality_config": {"text": {"method": "forward",
                                     "method_output_name": "last_hidden_state"}}})
    listed = json.loads((folder / "modules.json").read_text())
    listed[0]["type"] = "sentence_transformers.base.modules.transformer.Transformer"
    listed[1]["type"] = "sentence_transformers.sentence_transformer.modules.pooling.Pooling"
    (folder / "modules.json").write_text(json.dumps(listed))
    tokens = alone(transformers.BertModel.from_pretrained(folder).eval())
    want = [np.concatenate([POOLED[f"pooling_mode_{NEWER.get(mode, mode)}"](t) for mode in modes])
            for t in tokens]
    np.testing.assert_allclose(PretrainedTexts(folder).encode(TEXTS), want, atol=1e-5)


def test_layers_beside_a_shortcut_and_norms_of_layers(tmp_path):
    from safetensors.torch import save_file

    folder = sentence_folder(tmp_path / "net", more=("Dense", "Dense", "LayerNorm", "Dropout"))
    plain = {"module_input_name": "sentence_embedding", "use_residual": True, "bias": False,
             "module_output_name": "sentence_embedding",
             "activation_function": "torch.nn.modules.activation.ReLU"}
    square, narrow = torch.linspace(-1, 1, 256).view(16, 16), torch.linspace(-2, 1, 48).view(3, 16)
    beside = torch.linspace(1, 2, 48).view(3, 16)
    scale, shift = torch.tensor([0.5, 2.0, -1.0]), torch.tensor([1.0, 0.0, 3.0])
    for place, settings, weights in (
            ("2_Dense", plain, {"linear.weight": square}),
            ("3_Dense", plain, {"linear.weight": narrow, "residual.weight": beside}),
            ("4_LayerNorm", {"dimension": 3}, {"norm.weight": scale, "norm.bias": shift}),
            ("5_Dropout", {"dropout": 0.4}, {})):
        (folder / place / "config.json").write_text(json.dumps(settings))
        if weights:
            save_file(weights, folder / place / "model.safetensors")
    x = np.stack([t.mean(axis=0) for t in alone(
        transformers.BertModel.from_pretrained(folder).eval())])
    x = x + np.maximum(x @ square.numpy().T, 0)
    x = x @ beside.numpy().T + np.maximum(x @ narrow.numpy().T, 0)
    x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(PretrainedTexts(folder).encode(TEXTS),
                               x * scale.numpy() + shift.numpy(), atol=1e-4)


def test_layers_and_norms_follow_in_their_order(tmp_path):
    from safetensors.torch import save_file

    folder = sentence_folder(tmp_path / "net", more=("Dense", "Normalize"))
    weights = {"linear.weight": torch.linspace(-1, 1, 48).view(3, 16),
               "linear.bias": torch.tensor([0.1, 0.2, 0.3])}
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    (folder / "2_Dense" / "config.json").write_text(json.dumps(
        {"in_features": 16, "out_features": 3, "bias": True,
         "activation_function": "torch.nn.modules.activation.Tanh"}))
    means = np.stack([t.mean(axis=0) for t in alone(
        transformers.BertModel.from_pretrained(folder).eval())])
    want = np.tanh(means @ weights["linear.weight"].numpy().T + [0.1, 0.2, 0.3])
    want /= np.linalg.norm(want, axis=1, keepdims=True)
    found = PretrainedTexts(folder)
    np.testing.assert_allclose(found.encode(TEXTS), want, atol=1e-5)
    assert found.facts["modules"] == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert PretrainedTexts(folder, "tokens").encode(TEXTS).shape == (3, 6, 16)


def test_length_case_and_prompt_are_the_folders(tmp_path):
    folder = sentence_folder(
        tmp_path / "net", settings={"max_seq_length": 6, "do_lower_case": True},
        about={"prompts": {"find": "small "}, "default_prompt_name": "find",
               "__version__": {"pytorch": "2"}})
    encoder = PretrainedTexts(folder)
    assert encoder.longest == 6
    assert encoder.words(["A RED square"]) == [["[CLS]", "small", "a", "red", "square", "[SEP]"]]


@pytest.mark.parametrize(("change", "says"), [
    ({"more": ("LSTM",)}, "'sentence_transformers.models.LSTM', which is not read"),
    ({"modes": ["pooling_mode_median_tokens"]}, "'pooling_mode_median_tokens'"),
    ({"modes": [], "pooling": {"pooling_mode_cls_token": False}}, "in 1_Pooling over nothing"),
    ({"modes": [], "pooling": {"pooling_mode": ["median"]}}, "'median' in 1_Pooling"),
    ({"settings": {"transformer_task": "fill-mask"}}, "'transformer_task'"),
    ({"pooling": {"layers": [1, 2]}}, "'layers' in 1_Pooling"),
    ({"settings": {"max_seq_length": 6, "strip": "all"}}, "'strip'"),
    ({"more": ("Dense",)}, "without model.safetensors"),
    ({"more": ("Transformer",)}, "one Transformer and then its Pooling")])
def test_what_is_not_read_of_a_folder_is_refused_by_name(tmp_path, change, says):
    with pytest.raises(ValueError, match=says):
        PretrainedTexts(sentence_folder(tmp_path / "net", **change))


def test_modules_of_ones_own_code_are_refused(tmp_path):
    folder = sentence_folder(tmp_path / "net")
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["type"] = "custom_st.Pooling"
    (folder / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(ValueError, match=r"'custom_st\.Pooling', which is not read"):
        PretrainedTexts(folder)


def test_a_folder_without_a_tokenizer_is_refused_where_every_word_would_be_unknown(tmp_path):
    config = transformers.BertConfig(**SIZES, vocab_size=40, max_position_embeddings=12)
    folder = saved(transformers.BertModel(config), tmp_path / "net")
    complaint(lambda: PretrainedTexts(str(folder)), "encoder:", "has no tokenizer")
    assert PretrainedTexts(str(with_tokenizer(folder))).encode(["red"]).shape == (1, 16)
