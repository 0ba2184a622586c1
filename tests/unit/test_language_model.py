"""A language model behind a prefix: padding, cache, what learns, words, and what is refused."""

import shutil

import pytest
import torch
from complaints import complaint

transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")

from small_language import KINDS, ROOM, SAID, byte_level, taught  # noqa: E402
from small_networks import TEXT, VISION, saved, with_tokenizer  # noqa: E402

from crossalign.networks import LanguageDecoder  # noqa: E402
from crossalign.tasks import decoding  # noqa: E402
from crossalign.tasks.language_model import LanguageModel  # noqa: E402
from crossalign.tasks.language_speaker import LanguageSpeaker  # noqa: E402

NAMES = [["red cat", "blue dog"], ["green bird"], []]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: taught(tmp_path_factory.mktemp(kind), kind, [f" {text}" for text in SAID], 40)
            for kind in KINDS}


def parts(folder, lora=0, prefix=3):
    """A decoder with random additions, and codes, prompts and texts for it."""
    model = LanguageModel(folder)
    torch.manual_seed(0)
    decoder = model.decoder(5, prefix, lora)
    with torch.no_grad():
        for weight in decoder.learned().values():
            weight.normal_(std=2.0)
    prompt, real = map(torch.from_numpy, model.prompts(NAMES))
    return model, decoder, torch.randn(3, 5), torch.tensor([True, True, False]), prompt, real


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lora", [0, 2])
def test_a_padded_batch_says_what_each_row_says_alone_and_a_cache_changes_nothing(
        kind, lora, folders):
    model, decoder, codes, sight, prompt, real = parts(folders[kind], lora)
    text = torch.from_numpy(model.texts(["a red cat", "a white fish", "blue"], 9)[0])
    with torch.inference_mode():
        whole = decoder(codes, sight, prompt, real, text)
        assert real.sum(dim=1).unique().numel() == 3                    # lengths differ
        for i in range(3):
            row = slice(i, i + 1)
            alone = decoder(codes[row], sight[row], prompt[row, real[i]], real[row, real[i]],
                            text[row])
            torch.testing.assert_close(whole[row], alone, rtol=1e-4, atol=1e-4)
        begun = decoder.start(codes, sight, prompt, real)
        begun.cache = decoder.cache()
        steps = [decoder.say(begun, text[:, :0])]
        steps += [decoder.say(begun, text[:, i:i + 1]) for i in range(text.shape[1] - 1)]
        torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=1e-4, atol=1e-4)
        moved = decoder(codes + 1, sight, prompt, real, text)
    assert (moved[:2] - whole[:2]).abs().amax() > 1e-3
    torch.testing.assert_close(moved[2], whole[2])                      # without sight


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_are_those_of_the_model_on_tokens_alone(kind, folders):
    """Embeddings of tokens in the place of a prefix make a text that the model reads by itself."""
    model, decoder, codes, _, prompt, real = parts(folders[kind])
    text = torch.from_numpy(model.texts(["a red cat", "a white fish", "blue"], 9)[0])
    words = torch.tensor([5, 7, 9])
    with torch.inference_mode():
        decoder.blind.copy_(decoder.embed(words) / decoder.scale)
        found = decoder(codes, torch.zeros(3, dtype=torch.bool), prompt, real, text)
        for i in range(3):
            whole = torch.cat([words, prompt[i, real[i]], text[i]])[None]
            if decoder.first is not None:
                whole = torch.cat([torch.tensor([[decoder.first]]), whole], dim=1)
            expected = model.network(input_ids=whole).logits.log_softmax(dim=2)
            torch.testing.assert_close(found[i], expected[0, -text.shape[1] - 1:-1], rtol=1e-4,
                                       atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cached", [True, False])
def test_greedy_is_what_transformers_generates(kind, cached, folders):
    model, decoder, codes, _, prompt, real = parts(folders[kind], lora=2)
    with torch.inference_mode():
        begun = decoder.start(codes, torch.ones(3, dtype=torch.bool), prompt, real)
        expected = model.network.generate(
            inputs_embeds=begun.x, attention_mask=begun.real.long(), max_new_tokens=8,
            do_sample=False, eos_token_id=model.end, pad_token_id=model.end,
            suppress_tokens=model.silent)
    said = decoding.greedy(LanguageSpeaker(decoder, codes, prompt, real, model.silent,
                                           cached=cached), decoding.Limits(model.end, 8))
    for text, row in zip(said, expected.tolist(), strict=True):
        assert text == (row[:row.index(model.end)] if model.end in row else row)
    assert len({tuple(text) for text in said}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_beam_and_guidance_do_not_depend_on_the_cache_either(kind, folders):
    model, decoder, codes, _, prompt, real = parts(folders[kind])
    limits = decoding.Limits(model.end, 6, shortest=2, repeats=2)
    beams, first = [], []
    for cached in (True, False):
        def speaker(weight, cached=cached):
            return LanguageSpeaker(decoder, codes, prompt, real, model.silent, weight, cached)
        beams.append(decoding.beam(speaker(0.0), limits, 3))
        beams.append(decoding.beam(speaker(0.7), limits, 3))
        first.append(speaker(0.7).first())
    assert beams[:2] == beams[2:]
    torch.testing.assert_close(*first)
    plain = LanguageSpeaker(decoder, codes, prompt, real, model.silent).first()
    habit = LanguageSpeaker(decoder, codes, prompt, torch.zeros_like(real), model.silent)
    habit.sides = [decoder.start(codes, torch.zeros(3, dtype=torch.bool), prompt,
                                 torch.zeros_like(real))]
    shift = first[0] - (1.7 * plain - 0.7 * habit.first())
    for row, kept in zip(shift, torch.isfinite(first[0]), strict=True):
        assert 1 <= kept.sum() < len(row)                            # unlikely words are left out
        assert row[kept].max() - row[kept].min() < 1e-3


@pytest.mark.parametrize("lora", [0, 2])
def test_gradients_reach_the_prefix_and_low_rank_additions_alone(lora, folders):
    model, decoder, codes, sight, prompt, real = parts(folders["llama"], lora)
    text = torch.from_numpy(model.texts(["a red cat", "a white fish", "blue"], 9)[0])
    decoder.train()(codes, sight, prompt, real, text).sum().backward()
    learned = decoder.learned()
    assert all(weight.grad.abs().max() > 0 for weight in learned.values())
    assert all(weight.grad is None for weight in decoder.parameters()
               if not any(weight is one for one in learned.values()))
    added = [name for name in learned if name.startswith("language.")]
    assert all("self_attn" in name and "lora_" in name for name in added)
    assert len(added) == (8 if lora else 0)                          # two projections, two layers
    assert not decoder.language.training


def test_words_come_back_and_signs_of_the_model_in_a_text_are_words(folders):
    for kind in KINDS:
        model = LanguageModel(folders[kind])
        for text in ("a red cat", "a white fish"):
            rows, real = model.texts([text, "a"], 20)
            tokens = rows[0, real[0]].tolist()
            assert tokens[-1] == model.end
            assert model.text(tokens) == text
        prompt, real = model.prompts([["red cat", "blue dog"], []])
        assert model.text(prompt[0].tolist()) == "red cat, blue dog:"
        assert not real[1].any()
    model = LanguageModel(folders["gpt2"])
    tokens = model.texts(["a <|end|> cat"], 30)[0][0].tolist()
    assert tokens.count(model.end) == 1
    assert model.text(tokens) == "a <|end|> cat"
    whole = byte_level()("red cat: a red cat").input_ids               # the blank is the word's
    assert whole[-3:] == model.texts(["a red cat"], 9)[0][0].tolist()[:-1]
    with pytest.warns(UserWarning, match="captions: 1 of 2 are longer than longest=2 tokens"):
        rows, _ = model.texts(["a red cat", "a"], 2)
    assert model.end not in rows[0].tolist()


def test_what_cannot_speak_is_refused_in_a_sentence(folders, tmp_path):
    for name, network in {
            "bert": transformers.BertForMaskedLM(transformers.BertConfig(**TEXT)),
            "vit": transformers.ViTModel(transformers.ViTConfig(**VISION)),
            "t5": transformers.T5ForConditionalGeneration(transformers.T5Config(
                d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=40)),
            "bart": transformers.BartForConditionalGeneration(transformers.BartConfig(
                d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
                vocab_size=40))}.items():
        with_tokenizer(saved(network, tmp_path / name))
        complaint(lambda name=name: LanguageModel(str(tmp_path / name)), "language_model:",
                  f"({name}) is no causal language model", "give one, as GPT-2")
    complaint(lambda: LanguageModel(str(tmp_path / "none")), "language_model:",
              "there is no such folder")
    complaint(lambda: LanguageModel("no/such-model", here=True), "language_model:",
              "not on this machine and is not fetched unasked")
    bare = tmp_path / "bare"
    saved(KINDS["gpt2"][0](40), bare)
    complaint(lambda: LanguageModel(str(bare)), "language_model:", "has no tokenizer")
    with_tokenizer(bare)
    complaint(lambda: LanguageModel(str(bare)), "no token for the end of a text")
    byte_level().save_pretrained(bare)
    complaint(lambda: LanguageModel(str(bare)), "tokens and the model 40; give a folder")
    coded = shutil.copytree(folders["gpt2"], tmp_path / "coded")
    text = (coded / "config.json").read_text()
    (coded / "config.json").write_text(text.replace("{", '{"auto_map": {"AutoModel": "x.Y"},', 1))
    complaint(lambda: LanguageModel(str(coded)), "language_model:", "code of its own")
    assert not (coded / "__pycache__").exists()


def test_a_model_without_masks_or_a_cache_is_refused(tmp_path):
    words = byte_level()
    mamba = transformers.MambaForCausalLM(transformers.MambaConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, state_size=4))
    saved(mamba, tmp_path / "mamba")
    words.save_pretrained(tmp_path / "mamba")
    model = LanguageModel(str(tmp_path / "mamba"))
    complaint(lambda: model.decoder(5, 2, 0), "language_model:", "(MambaForCausalLM) does not say "
              "the same with padding")
    complaint(lambda: LanguageDecoder(model.network, 5, 2, lora=4), "lora: peft knows no")


def test_a_prompt_longer_than_the_context_is_refused(folders):
    model = LanguageModel(folders["llama"])
    model.check_room(4, 30, ROOM - 35)                                  # one more for the start
    complaint(lambda: model.check_room(4, 30, ROOM - 34), "language_model:", f"reads {ROOM} tokens",
              "a prompt of 30", "give a smaller longest")


def test_without_peft_the_way_out_is_said(folders, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    model = LanguageModel(folders["gpt2"])
    with pytest.raises(ImportError, match=r"pip install 'crossalign\[language\]'"):
        model.decoder(5, 2, 4)
    assert model.decoder(5, 2, 0).learned()
