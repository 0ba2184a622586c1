"""Small networks of transformers with random weights, saved as folders."""

from __future__ import annotations

import json

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
         "intermediate_size": 16}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = ("a", "square", "small", "large", "red", "blue", "green", "grey", "white", "black")
TEXT = {**SIZES, "vocab_size": 40, "max_position_embeddings": 12, "bos_token_id": 2,
        "eos_token_id": 3, "pad_token_id": 0}
VISION = {**SIZES, "image_size": 16, "patch_size": 8}
PIXELS = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def saved(network, folder, pixels=None):
    """Save a network, and what is said of pictures, into a folder that need not be there."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(0.3 * torch.randn(weights.shape, generator=generator))
    transformers.utils.logging.disable_progress_bar()
    network.save_pretrained(folder)
    if pixels is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


def with_tokenizer(folder, **settings):
    """Add a tokenizer of whole words, with a token in front and one behind."""
    tokenizer = Tokenizer(models.WordLevel(
        {word: i for i, word in enumerate((*SPECIAL, *WORDS))}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", **settings).save_pretrained(folder)
    return folder
