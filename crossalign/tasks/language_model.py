"""A user's causal language model as the decoder of captions: opened, checked, and its tokens.

It is opened as data alone, as encoders are (`encoders.network_files`). What a decoder relies on is
tried out once: later words change no earlier ones, neither padding nor the cache changes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossalign.encoders.network_files import local_folder, open_network, open_tokenizer
from crossalign.encoders.pretrained import network_facts, positions_of
from crossalign.fingerprints import LENGTH
from crossalign.networks import LanguageDecoder
from crossalign.tasks.caption_words import warn_of_cut

Array = npt.NDArray[Any]
TRIED = 3
"""Number of words of the text by which a model is tried out."""


class LanguageModel:
    """Causal language model with its tokenizer.

    Parameters
    ----------
    name : str
        Folder, or name on the Hugging Face hub, which is downloaded once.
    here : bool
        Whether it has to be on this machine already; default False.

    Attributes
    ----------
    network : Module
    facts : mapping of str to str
        Its name, and digests of weights and tokenizer.
    positions : int or None
        Number of tokens that it reads; None without a limit.
    first, end : int or None, int
        Tokens at the start, if its tokenizer puts one there, and at the end of a text.
    silent : list of int
        Tokens that are no part of a text.

    Raises
    ------
    ValueError
        One sentence: there is no such model, it is no causal language model, lacks a tokenizer,
        asks for code of its own.
    ImportError
        If ``transformers`` is not installed.
    """

    network: Any

    def __init__(self, name: str, here: bool = False) -> None:
        self.name = name
        with _told():
            place = local_folder(name) if here else name
            self.network = open_network(place, speaks=True)
            self._tokenizer = open_tokenizer(place)
        kept = self._tokenizer.backend_tokenizer.to_str() if hasattr(
            self._tokenizer, "backend_tokenizer") else str(sorted(
                self._tokenizer.get_vocab().items()))
        self.facts = {"model": name,
                      "model_sha256": network_facts(self.network, name)["model_sha256"],
                      "tokenizer_sha256": hashlib.sha256(kept.encode()).hexdigest()[:LENGTH]}
        self.positions = positions_of(self.network)
        end, first = self._tokenizer.eos_token_id, self._tokenizer.bos_token_id
        if end is None:
            raise ValueError(f"language_model: the tokenizer of {name!r} has no token for the end "
                             "of a text; set its eos_token and save it again.")
        words = self.network.get_input_embeddings().num_embeddings
        if len(self._tokenizer) > words:
            raise ValueError(f"language_model: the tokenizer of {name!r} has "
                             f"{len(self._tokenizer)} tokens and the model {words}; give a folder "
                             "whose model and tokenizer belong together.")
        self.end = int(end)
        self.first = first if first is not None and self._tokenizer("a").input_ids[:1] == [
            first] else None
        self.silent = sorted({*self._tokenizer.all_special_ids, *range(len(self._tokenizer), words)}
                             - {self.end})
        # words of a byte-level vocabulary have the blank in front of them as a part
        self._blank = "" if self._ids(": a")[-len(self._ids("a")):] == self._ids("a") else " "

    def _ids(self, text: str) -> list[int]:
        """Return the tokens of a text; none that has a meaning of its own for the model."""
        return list(self._tokenizer(text, add_special_tokens=False, split_special_tokens=True,
                                    verbose=False).input_ids)

    def numbers(self, text: str) -> list[int]:
        """Return the tokens of a text behind others."""
        words = text.split()
        return self._ids(self._blank + " ".join(words)) if words else []

    def texts(self, texts: Sequence[str], longest: int) -> tuple[Array, Array]:
        """Return tokens ``(n, t)`` of texts with the end behind them, and where there are some.

        A warning says how many texts are longer than ``longest`` tokens; they are cut and have no
        end.
        """
        tokens = [[*self.numbers(text), self.end] for text in texts]
        warn_of_cut([len(row) - 1 for row in tokens], longest, f"tokens of {self.name!r}")
        return _rows([row if len(row) <= longest + 1 else row[:longest] for row in tokens])

    def prompts(self, names: Sequence[Sequence[str]]) -> tuple[Array, Array]:
        """Return tokens ``(n, m)`` of lists of names, as "a, b:", and where there are some; a list
        without names has none.
        """
        said = [f"{', '.join(row)}:" if row else "" for row in names]
        known = {text: self._ids(text) for text in set(said)}
        return _rows([known[text] for text in said])

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True,
                                          clean_up_tokenization_spaces=False)).strip()

    def check_room(self, prefix: int, prompt: int, longest: int) -> None:
        """Raise ValueError where prefix, prompt and the longest caption are more than it reads."""
        needed = (self.first is not None) + prefix + prompt + longest
        if self.positions is not None and needed > self.positions:
            raise ValueError(f"language_model: {self.name!r} reads {self.positions} tokens, and a "
                             f"prefix of {prefix}, a prompt of {prompt} and a caption of {longest} "
                             f"are {needed}; give a smaller longest or prefix, or fewer or shorter "
                             "names.")

    def decoder(self, inputs: int, prefix: int, lora: int) -> LanguageDecoder:
        """Make a decoder of codes ``(n, inputs)`` by torch's random state.

        Raises
        ------
        ValueError
            If a text depends on its later words, on padding or on the cache.
        """
        decoder = LanguageDecoder(self.network, inputs, prefix, lora, self.first).eval()
        self.check_room(prefix, TRIED, TRIED)
        try:
            fits = _steady(decoder, inputs)
        except Exception:  # whatever a network raises that has no such cache or mask
            fits = False
        if not fits:
            raise ValueError(f"language_model: {self.name!r} ({type(self.network).__name__}) does "
                             "not say the same with padding, a cache or later words; give a causal "
                             "transformer, as GPT-2 or Llama.")
        return decoder


@contextmanager
def _told() -> Iterator[None]:
    """Tell complaints about an encoder's files as those about a language model."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"language_model:{str(error).removeprefix('encoder:')}") from None


def _steady(decoder: LanguageDecoder, inputs: int) -> bool:
    """Tell whether a text is said alike alone and among others, with a cache and without, and
    whatever comes after it.
    """
    draws = torch.Generator().manual_seed(0)
    codes = torch.randn(2, inputs, generator=draws)
    prompt, text = torch.randint(decoder.embeddings, (2, 2, TRIED), generator=draws)
    real, sight = torch.ones(2, TRIED, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    real[0, :-1] = False
    other = text.clone()
    other[:, -1] = (other[:, -1] + 1) % decoder.embeddings
    with torch.inference_mode():
        whole = decoder(codes, sight, prompt, real, text)
        alone = decoder(codes[:1], sight[:1], prompt[:1, -1:], real[:1, -1:], text[:1])
        later = decoder(codes, sight, prompt, real, torch.cat([other, text], dim=1))
        begun = decoder.start(codes, sight, prompt, real)
        begun.cache = decoder.cache()
        steps = [decoder.say(begun, text[:, :0])]
        begun = begun.take(torch.tensor([1, 0]))
        steps += [decoder.say(begun, text.flip(0)[:, i:i + 1]).flip(0) for i in range(TRIED - 1)]

    def near(one: Tensor, two: Tensor) -> bool:
        return torch.allclose(one, two, rtol=1e-3, atol=1e-3)

    return (near(whole[:1], alone) and near(whole, later[:, :TRIED])
            and near(whole, torch.cat(steps, dim=1)))


def _rows(tokens: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Return lists of tokens as rows, filled up with zeros, and where there are tokens."""
    width = max(map(len, tokens), default=0)
    rows = np.zeros((len(tokens), width), dtype=np.int64)
    real = np.zeros(rows.shape, dtype=bool)
    for row, flags, numbers in zip(rows, real, tokens, strict=True):
        row[:len(numbers)], flags[:len(numbers)] = numbers, True
    return rows, real
