"""Captions of parts: the grammar, and decoding by it, against all captions written out."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch

from crossalign import models
from crossalign.tasks import Captioner
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.caption_words import END, HIDDEN, NOTHING, START, CaptionWords
from crossalign.types import Views

COLOURS, ANIMALS = ("red", "blue", "dark blue"), ("cat", "dog", "blue cat", "")
GRAMMARS = {
    "parts": [["a"], COLOURS, ANIMALS],
    "several ways": [["a", "a red", ""], ["red cat", "cat", "red"], ["", "dog"]],
    "whole captions": [["a red cat", "a red", "dog", "žluťoučký dog"]],
    "nothing but the end": [[""]],
}


def written_out(parts):
    """Return every caption of lists of phrases, each once."""
    return sorted({" ".join(filter(None, phrases)) for phrases in itertools.product(*parts)})


@cache
def captioner(guidance):
    """A captioner of random weights that has seen a few captions, with words that it lacks."""
    rng = np.random.default_rng(0)
    views = Views({"image": rng.standard_normal((24, 6)), "text": rng.standard_normal((24, 6))},
                  np.arange(24) % 4)
    said = [(text,) for text in ("a red cat", "a blue dog", "a red dog", "a blue cat") * 6]
    model = models.RidgeMap().fit(views)
    return Captioner(model, width=16, heads=2, layers=1, epochs=2, batch_size=8,
                     guidance=guidance).fit(views, said), views[:5]


def likelihoods(task, views, texts):
    """Log-probability ``(n, texts)`` of every text with its end, read whole, without a cache."""
    words = CaptionWords(task.words_.tolist())
    codes = torch.from_numpy(task._codes(views))
    names = torch.zeros(len(views), task.names, task.spelt, dtype=torch.long)
    found = torch.zeros(len(views), len(texts))
    for j, text in enumerate(texts):
        numbers = [*words.numbers(text), END]
        before = torch.tensor([START, *numbers[:-1]]).expand(len(views), -1)
        sight = torch.ones(len(views), dtype=torch.bool)
        with torch.inference_mode():
            scores = task.network_(codes, sight, names, before)
            scores[:, :, [NOTHING, START, HIDDEN]] = float("-inf")
            found[:, j] = scores.log_softmax(dim=2)[:, range(len(numbers)), numbers].sum(dim=1)
    return found


@pytest.mark.parametrize("kind", GRAMMARS)
def test_the_grammar_allows_what_captions_written_out_go_on_with(kind):
    words = CaptionWords.of(["a red cat", "a blue dog"])
    texts = [(*words.numbers(text), END) for text in written_out(GRAMMARS[kind])]
    grammar = CaptionParts(GRAMMARS[kind], words)
    for begun in {text[:i] for text in texts for i in range(len(text))}:
        assert grammar.allowed(begun) == sorted({text[len(begun)] for text in texts
                                                 if text[:len(begun)] == begun})
    assert grammar.allowed(tuple(words.numbers("dog cat"))) == []
    assert grammar.longest == max(map(len, texts)) - 1


def test_further_captions_stand_beside_those_of_parts():
    words = CaptionWords.of(["a red cat", "a blue dog"])
    both = CaptionParts([["a"], COLOURS], words, ["a dog", "cat"])
    for begun, after in (("", ["a", "cat"]), ("a", ["red", "blue", "dog"])):
        numbers = {words.numbers(word)[0] for word in after}
        assert numbers <= set(both.allowed(tuple(words.numbers(begun))))
    assert END in both.allowed(tuple(words.numbers("a dog")))
    assert END not in both.allowed(tuple(words.numbers("a")))
    assert END in both.allowed(tuple(words.numbers("a red")))


@pytest.mark.parametrize("kind", GRAMMARS)
def test_a_wide_beam_says_the_likeliest_caption_of_all_that_are_allowed(kind):
    task, views = captioner(0.0)
    texts = written_out(GRAMMARS[kind])
    best = likelihoods(task, views, texts).argmax(dim=1)
    said = task.caption(views, "beam", width=40, parts=GRAMMARS[kind])
    assert said == [texts[i] for i in best]


@pytest.mark.parametrize("guidance", [0.0, 1.0])
@pytest.mark.parametrize("kind", GRAMMARS)
def test_every_way_of_decoding_keeps_to_the_grammar(kind, guidance):
    task, views = captioner(guidance)
    allowed = set(written_out(GRAMMARS[kind]))
    for by in ("greedy", "beam", "nucleus"):
        draws = torch.Generator().manual_seed(1) if by == "nucleus" else None
        assert set(task.caption(views, by, generator=draws, parts=GRAMMARS[kind])) <= allowed


def test_words_that_are_allowed_keep_their_log_probabilities():
    task, views = captioner(0.0)
    words = CaptionWords(task.words_.tolist())
    free = task.speaker(views).first()
    held = task.speaker(views, parts=CaptionParts([words.words], words)).first()
    allowed = words.rows(words.words, 1)[:, 0]
    torch.testing.assert_close(held[:, allowed], free[:, allowed])
    assert torch.isinf(held).sum() == len(views) * (held.shape[1] - len(allowed))


@pytest.mark.parametrize(("given", "told"), [
    ({"parts": []}, "parts: got"), ({"parts": "a cat"}, "parts: got 'a cat'; give one list"),
    ({"parts": [["a"], []]}, r"parts: entry 1 is \[\]; give a list of phrases"),
    ({"parts": [["a"], "cat"]}, "parts: entry 1 is 'cat'"),
    ({"parts": [[1]]}, r"parts: entry 0 is \[1\]"),
    ({"parts": [["a red cat"], ["dog"]], "longest": 3}, "parts: captions of them have up to 4"),
    ({"parts": [["a"]], "shortest": 2}, "parts: got them with shortest=2"),
    ({"parts": [["a"]], "repeats": 1}, "parts: got them with shortest=0 and repeats=1")])
def test_what_is_no_grammar_is_refused(given, told):
    task, views = captioner(0.0)
    with pytest.raises(ValueError, match=told):
        task.caption(views, **given)
