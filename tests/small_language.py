"""Small causal language models with random weights and trained tokenizers, saved as folders."""

from __future__ import annotations

import torch
import transformers
from small_networks import SIZES, saved
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SAID = ("a red cat", "a blue dog", "a green bird", "a white fish", "red cat, blue dog: a bird")
ROOM = 80
"""Number of tokens that the models read."""


def byte_level():
    """Byte-level words with the blank in front, as GPT-2 has, and an end but no start."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(SAID, trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


def pieces():
    """Pieces behind a sign for the blank, as Llama has, and a start."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(SAID, trainers.BpeTrainer(
        vocab_size=80, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def gpt2(words, **settings):
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=words, n_embd=16, n_layer=2, n_head=2, n_positions=ROOM, bos_token_id=0,
        eos_token_id=0, **settings))


def llama(words):
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        **{**SIZES, "num_hidden_layers": 2}, vocab_size=words, max_position_embeddings=ROOM,
        bos_token_id=1, eos_token_id=2))


def opt(words):
    return transformers.OPTForCausalLM(transformers.OPTConfig(
        vocab_size=words, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=16,
        word_embed_proj_dim=16, max_position_embeddings=ROOM, bos_token_id=1, eos_token_id=2,
        pad_token_id=0))


KINDS = {"gpt2": (gpt2, byte_level), "llama": (llama, pieces), "opt": (opt, pieces)}


def language_model(folder, kind="gpt2", **settings):
    """Save a model of a kind with its tokenizer; words beyond the tokenizer's are never said."""
    make, tokenizer = KINDS[kind]
    words = tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        saved(make(len(words) + 3, **settings), folder)
    words.save_pretrained(folder)
    return str(folder)


def taught(folder, kind, texts, steps=150):
    """Save a model of a kind that has learned to go on with a text as it began, one of some."""
    make, tokenizer = KINDS[kind]
    words = tokenizer()
    start = [] if words.bos_token is None else [words.bos_token_id]
    said = [[*words(text, add_special_tokens=False).input_ids, words.eos_token_id]
            for text in texts]
    rows = torch.tensor([(start + ROOM * text)[:ROOM] for text in said])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make(len(words) + 3).train()
        steps_of = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(steps):
            steps_of.zero_grad()
            found = network(input_ids=rows).logits[:, :-1].flatten(0, 1)
            torch.nn.functional.cross_entropy(found, rows[:, 1:].flatten()).backward()
            steps_of.step()
    transformers.utils.logging.disable_progress_bar()
    network.save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)
