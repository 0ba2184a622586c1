"""Captions and answers: words a second with and without a cache, and training, beside naive peers.

Decoders have random weights; a caption has 32 words. The small decoder is the default of
`tasks.Captioner` with a vocabulary of 4,000 words; its peer reads the whole text again at every
word. The language model is a GPT-2 of two layers; its peers are the same without a cache and
`generate` of ``transformers`` behind the same prefix. All must say the same words. An answerer's
peer asks one question after another.

Training is whole, as `fit` or the training of the library does it; its peer is a plain loop of
PyTorch over a `DataLoader`: the same decoder or network, passes and batches, texts filled up to the
longest, no more than the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from harness import Case, main
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from crossalign import models
from crossalign.models.answer_network import AnswerNetwork, soft_cross_entropy
from crossalign.networks import CaptionDecoder, LanguageDecoder
from crossalign.tasks import Answerer, Captioner, decoding
from crossalign.tasks.answer_targets import soft_targets
from crossalign.tasks.caption_speaker import CaptionSpeaker
from crossalign.tasks.caption_training import train_captions
from crossalign.tasks.caption_words import END, NOTHING, START, CaptionWords
from crossalign.tasks.language_objective import LanguageObjective
from crossalign.tasks.language_speaker import LanguageSpeaker
from crossalign.types import Questions, Views

SEED = 0
WORDS, CODE, LONGEST, PROMPT = 4_000, 192, 32, 12
SIZES = (1, 64)
LAST = 0
"""Token that ends a text of the language model."""


def cases(quick: bool) -> list[Case]:
    """Speaking and answering, one at a time and many, and learning to."""
    words = 8 if quick else LONGEST
    found = []
    for n in SIZES:
        about = {"amount": n * words, "unit": "words", "check": _same, "repeats": 3}
        found += [
            Case(f"captions, {n} at once", lambda n=n: _decoder(n),
                 lambda inputs, w=words: _said(inputs, w), lambda inputs, w=words: _said(
                     inputs, w, cached=False), "without a cache", **about),
            Case(f"captions by a language model, {n} at once", lambda n=n: _language(n),
                 lambda inputs, w=words: _spoken(inputs, w), lambda inputs, w=words: _spoken(
                     inputs, w, cached=False), "without a cache", **about),
            Case(f"the same, {n} at once, beside transformers", lambda n=n: _language(n),
                 lambda inputs, w=words: _spoken(inputs, w), _generated(words),
                 "generate of transformers", **about),
            Case(f"answers, {n} at once", lambda n=n: _asked(n), _answered,
                 None if n == 1 else _answered_singly, None if n == 1 else "one by one",
                 check=None if n == 1 else _near, repeats=20, amount=n, unit="answers")]
    captions, questions, passes = (500, 2_000, 1) if quick else (2_000, 20_000, 4)
    few = 64 if quick else 256
    return [*found,
            Case(f"learning {captions:,} captions, {passes} passes",
                 lambda: _to_caption(captions, passes), lambda given: given[0].fit(*given[1]),
                 _plain_captions, "plain PyTorch loop", repeats=1, amount=captions * passes,
                 unit="captions"),
            Case(f"learning {few:,} captions by a language model, LoRA",
                 lambda: _to_speak(few), _learned_to_speak, _plain_to_speak, "plain PyTorch loop",
                 repeats=1, amount=few, unit="captions"),
            Case(f"learning {questions:,} questions, {passes} passes",
                 lambda: _to_answer(questions, passes), lambda given: given[0].fit(*given[1]),
                 _plain_answers, "plain PyTorch loop", repeats=1, amount=questions * passes,
                 unit="questions")]


# -- speaking ----------------------------------------------------------------------------------
def _decoder(n: int) -> tuple[CaptionDecoder, torch.Tensor, torch.Tensor]:
    torch.manual_seed(SEED)
    decoder = CaptionDecoder(WORDS, CODE, width=96, prefix=2, longest=LONGEST, ranks=3,
                             spelt=PROMPT).eval()
    return decoder, torch.randn(n, CODE), torch.randint(1, WORDS, (n, 3, PROMPT))


def _said(inputs: Any, words: int, cached: bool = True) -> list[list[int]]:
    limits = decoding.Limits(END, words, shortest=words)
    return decoding.greedy(CaptionSpeaker(*inputs, cached=cached), limits)


def _language(n: int) -> tuple[LanguageDecoder, torch.Tensor, torch.Tensor, torch.Tensor]:
    return _speaking(0), torch.randn(n, CODE), torch.randint(1, WORDS, (n, PROMPT)), torch.ones(
        n, PROMPT, dtype=torch.bool)


def _speaking(lora: int) -> LanguageDecoder:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(SEED)
    language = GPT2LMHeadModel(GPT2Config(
        vocab_size=WORDS, n_embd=128, n_layer=2, n_head=4, n_positions=128, bos_token_id=LAST,
        eos_token_id=LAST))
    return LanguageDecoder(language, CODE, lora=lora).eval()


def _spoken(inputs: Any, words: int, cached: bool = True) -> list[list[int]]:
    limits = decoding.Limits(LAST, words, shortest=words)
    return decoding.greedy(LanguageSpeaker(*inputs, cached=cached), limits)


def _generated(words: int) -> Any:
    @torch.inference_mode()
    def generated(inputs: Any) -> list[list[int]]:
        decoder, codes, prompt, real = inputs
        begun = decoder.start(codes, torch.ones(len(codes), dtype=torch.bool), prompt, real)
        found = decoder.language.generate(
            inputs_embeds=begun.x, attention_mask=begun.real.long(), do_sample=False,
            min_new_tokens=words, max_new_tokens=words, pad_token_id=LAST)
        return found.tolist()

    return generated


def _same(ours: list[list[int]], reference: list[list[int]]) -> None:
    if ours != reference:
        raise AssertionError("the two ways say different words")


# -- learning to caption -----------------------------------------------------------------------
def _pictures(n: int) -> tuple[Any, Views]:
    """A fitted aligner of features of 64 numbers, and n samples."""
    rng = np.random.default_rng(SEED)
    shown = rng.standard_normal((n, 64)).astype(np.float32)
    views = Views({"image": shown, "text": shown[:, :32] + 0.1 * rng.standard_normal((n, 32))})
    return models.CCA(n_components=32).fit(views), views


def _texts(n: int) -> list[str]:
    """Texts of 6 to 12 of 500 words."""
    rng = np.random.default_rng(SEED)
    return [" ".join(f"w{word:03}" for word in rng.integers(500, size=rng.integers(6, 13)))
            for _ in range(n)]


def _to_caption(n: int, passes: int) -> tuple[Captioner, Any]:
    model, views = _pictures(n)
    return Captioner(model, epochs=passes, device="cpu"), (views, [(text,) for text in _texts(n)])


def _plain_captions(given: Any) -> None:
    task, (views, captions) = given
    said = [of[0] for of in captions]
    words = CaptionWords.of(said)
    text = torch.from_numpy(words.rows(said, task.longest, ended=True))
    codes = torch.from_numpy(np.concatenate([task.model.embed(views["image"], "image"),
                                             views["image"]], axis=1).astype(np.float32))
    torch.manual_seed(SEED)
    decoder = CaptionDecoder(len(words), codes.shape[1], width=task.width, prefix=task.prefix,
                             longest=task.longest, ranks=task.names, spelt=task.spelt)

    def loss(codes: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        before = torch.cat([torch.full_like(text[:, :1], START), text[:, :-1]], dim=1)
        sight = torch.ones(len(codes), dtype=torch.bool)
        found = decoder(codes, sight, torch.zeros(len(codes), task.names, 1, dtype=torch.long),
                        before)
        return cross_entropy(found.flatten(0, 1), text.flatten(), ignore_index=NOTHING)

    _plain_loop(decoder.parameters(), loss, (codes, text), task.batch_size, task.epochs, task.lr)


def _to_speak(n: int) -> tuple[Any, ...]:
    torch.manual_seed(SEED)
    text = torch.randint(1, WORDS, (n, 12))
    text[:, -1] = LAST
    return torch.randn(n, CODE), text, torch.randint(1, WORDS, (n, PROMPT))


def _learned_to_speak(given: Any) -> None:
    codes, text, prompt = (rows.numpy() for rows in given)
    there = np.ones(prompt.shape, dtype=bool)
    objective = LanguageObjective(_speaking(8), 0.4, 0.75, 0.0)
    train_captions(objective, {"codes": codes, "text": text, "said": np.ones_like(text, dtype=bool),
                               "told": np.zeros(len(text), dtype=bool), "right": prompt,
                               "right_real": there, "wrong": prompt,
                               "wrong_real": there},
                   epochs=1, batch_size=32, lr=5e-4, device="cpu", seed=SEED)


def _plain_to_speak(given: Any) -> None:
    decoder = _speaking(8)
    embed = decoder.language.get_input_embeddings()

    def loss(codes: torch.Tensor, text: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        prefix = decoder.scale * decoder.read(codes).view(len(codes), decoder.prefix, -1)
        x = torch.cat([prefix, embed(prompt), embed(text)], dim=1)
        ignored = torch.full((len(text), x.shape[1] - text.shape[1]), -100)
        return decoder.language(inputs_embeds=x, labels=torch.cat([ignored, text], dim=1)).loss

    _plain_loop(decoder.learned().values(), loss, given, 32, 1, 5e-4)


# -- answers -----------------------------------------------------------------------------------
def _questions(n: int) -> Questions:
    """Make n questions of 5 to 9 of 500 words about one sample each, with one of 100 answers."""
    rng = np.random.default_rng(SEED)
    return Questions(tuple(" ".join(f"w{word:03}" for word in rng.integers(500, size=rng.integers(
        5, 10))) for _ in range(n)), tuple((f"a{a}",) for a in rng.integers(100, size=n)),
        ("any",) * n, tuple((i,) for i in range(n)))


def _to_answer(n: int, passes: int) -> tuple[Answerer, Any]:
    model, views = _pictures(n)
    return Answerer(model, epochs=passes, device="cpu"), (views, _questions(n))


def _plain_answers(given: Any) -> None:
    task, (views, questions) = given
    words = {word: i for i, word in enumerate(sorted({w for text in questions.texts
                                                       for w in text.split()}), start=1)}
    rows = torch.zeros(len(questions), 9, dtype=torch.long)
    for row, text in zip(rows, questions.texts, strict=True):
        numbers = [words[word] for word in text.split()]
        row[:len(numbers)] = torch.tensor(numbers)
    answers = np.array(sorted({a for of in questions.answers for a in of}), dtype=object)
    codes = torch.from_numpy(np.asarray(task.model.project(views["image"], "image"), np.float32))
    network = AnswerNetwork(torch.zeros(0, codes.shape[1]), len(words), len(answers),
                            hidden=task.hidden, dropout=task.dropout, sees="both")
    numbers, scores = map(torch.from_numpy, soft_targets(questions.answers, answers))
    none = torch.zeros(0, codes.shape[1])

    def loss(words: torch.Tensor, codes: torch.Tensor, numbers: torch.Tensor,
             scores: torch.Tensor) -> torch.Tensor:
        logits = network.logits(words, codes, none, torch.zeros(0, dtype=torch.long))
        return soft_cross_entropy(logits, numbers, scores)

    _plain_loop(network.parameters(), loss, (rows, codes, numbers, scores), task.batch_size,
                task.epochs, task.lr)


def _asked(n: int) -> tuple[Answerer, np.ndarray, list[str]]:
    task, (views, questions) = _to_answer(2_000, 1)
    return task.fit(views, questions), views["image"][:n], list(questions.texts[:n])


def _answered(inputs: Any) -> np.ndarray:
    task, rows, texts = inputs
    return task.decision_function(rows, texts)


def _answered_singly(inputs: Any) -> np.ndarray:
    task, rows, texts = inputs
    return np.concatenate([task.decision_function(rows[i:i + 1], [text])
                           for i, text in enumerate(texts)])


def _near(ours: np.ndarray, reference: np.ndarray) -> None:
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-4)


def _plain_loop(weights: Any, loss: Any, tensors: Sequence[torch.Tensor], batch: int, passes: int,
                lr: float) -> None:
    """A loop as a tutorial has it."""
    weights = list(weights)
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=1e-2)
    loader = DataLoader(TensorDataset(*tensors), batch_size=batch, shuffle=True)
    for _ in range(passes):
        for rows in loader:
            optimizer.zero_grad()
            loss(*rows).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()


if __name__ == "__main__":
    main("Captions and answers", cases, seed=SEED, packages=("torch", "transformers", "peft"))
