"""Words in letters: those of names, as wholes, scored as a loop over their letters scores them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crossalign.networks import CaptionDecoder
from crossalign.tasks import decoding
from crossalign.tasks.caption_speaker import CaptionSpeaker
from crossalign.tasks.caption_words import (
    BYTES,
    END,
    HIDDEN,
    NOTHING,
    SPELL,
    SPELT,
    START,
    CaptionWords,
    whole_words,
)
from crossalign.tasks.caption_words import WORDS as WORDS_BEGIN
from crossalign.tasks.spelling import spelt_words

WORDS = CaptionWords(["a", "of", "the"])
NAMES = (("owl", "the bee"), ("a", "of"), ("ox of", "owl owl"))


def decoder(longest=12, seed=0, spelling=6.0):
    """A decoder with random weights that likes to spell."""
    torch.manual_seed(seed)
    network = CaptionDecoder(len(WORDS), 5, width=16, heads=2, layers=2, prefix=2, longest=longest,
                             ranks=2, spelt=8, dropout=0.0).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(3)
        network.bias[SPELL] = spelling
        network.bias[[END, *range(WORDS_BEGIN, len(WORDS))]] = -10.0
        network.bias[[SPELT, *(BYTES + letter for letter in b"owlthebex")]] = 4.0
    return network


def names():
    return torch.stack([torch.from_numpy(WORDS.rows(of, 8)) for of in NAMES])


def speaker(network, cached=True):
    return CaptionSpeaker(network, torch.randn(3, 5, generator=torch.Generator().manual_seed(1)),
                          names(), cached=cached)


@torch.inference_mode()
def likeliest(network, spoken, row, text):
    """The likeliest next word, or word in letters, found by reading the whole text for each."""
    tokens = spoken.sides[0][1][row:row + 1]

    def logs(said):
        whole = torch.tensor([[START, *said]])
        scores = network.say(network.start(names()[row:row + 1]), tokens, whole)[0, -1]
        scores[[NOTHING, START, HIDDEN, SPELT]] = float("-inf")
        return scores

    scores = logs(text)
    words = [*range(WORDS_BEGIN, len(WORDS)), END]
    found = {(word,): float(scores[word]) for word in words}
    spelt = spelt_words(tuple(names()[row].flatten().tolist()))
    allowed = torch.zeros(len(WORDS), dtype=torch.bool)
    allowed[[*words, *([SPELL] if spelt else [])]] = True
    if allowed[SPELL] and scores[allowed].max() == scores[SPELL]:
        for word in spelt:
            total, said = float(scores[SPELL]), [*text, SPELL]
            for letter in word:
                whole = torch.tensor([[START, *said]])
                state = network.start(names()[row:row + 1])
                total += float(network.say(state, tokens, whole)[0, -1, letter])
                said.append(letter)
            found[SPELL, *word] = total
    return max(found, key=found.get)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cached", [True, False])
def test_a_word_in_letters_is_compared_as_a_whole(seed, cached):
    network = decoder(longest=24, seed=seed)
    said = decoding.greedy(speaker(network, cached), decoding.Limits(END, 24))
    spelt = 0
    for row, text in enumerate(said):
        at, spoken = 0, speaker(network)
        while at < min(len(text), 14):
            word = likeliest(network, spoken, row, text[:at])
            assert (*text, END)[at:at + len(word)] == word
            spelt += word[0] == SPELL
            at += len(word)
    assert spelt or seed


def test_only_words_of_names_are_spelt():
    for seed in range(6):
        network = decoder(seed=seed, spelling=9.0)
        for by in (decoding.greedy, decoding.beam):
            said = by(speaker(network), decoding.Limits(END, 12))
            for of, text in zip(NAMES, said, strict=True):
                known = {*WORDS.words, *" ".join(of).split()}
                words = WORDS.text(text).split()
                whole = words if len(text) < 12 else words[:-1]      # the last may have been cut
                assert set(whole) <= known
    assert WORDS.text(decoding.greedy(speaker(decoder(spelling=30.0)),
                                      decoding.Limits(END, 12))[0])


def test_words_in_letters_are_found_once_and_whole():
    word = tuple(WORDS.numbers("owl"))
    assert spelt_words((*word, NOTHING, *word, *WORDS.numbers("of bee"), *word[:3], NOTHING)) == [
        word[1:], tuple(WORDS.numbers("bee"))[1:]]
    assert spelt_words(word[:-1]) == []


def test_several_words_behind_a_cache_are_what_one_after_another_are():
    network = decoder()
    tokens = network.tokens(torch.randn(3, 5), torch.ones(3, dtype=torch.bool))
    text = torch.randint(6, len(WORDS), (3, 7))
    whole = network.say(network.start(names()), tokens, text)[:, network.prefix:]
    state = network.start(names())
    network.say(state, tokens, text[:, :3])
    torch.testing.assert_close(network.say(state, None, text[:, 3:]), whole[:, 3:])


def test_letters_of_a_word_are_no_repetition():
    network, told = decoder(), torch.from_numpy(WORDS.rows(["bee", "bee"], 8))[None]
    with torch.no_grad():
        network.bias[[END, *range(WORDS_BEGIN, len(WORDS))]] = -60.0
    for repeats in (0, 1, 2):
        said = decoding.greedy(CaptionSpeaker(network, torch.zeros(1, 5), told),
                               decoding.Limits(END, 12, repeats=repeats, whole=whole_words))
        assert WORDS.text(said[0]).split()[0] == "bee"


def test_runs_count_words_in_letters_as_one():
    network, told = decoder(longest=24), torch.from_numpy(WORDS.rows(["bee", "wasp"], 8))[None]
    with torch.no_grad():
        network.bias[range(WORDS_BEGIN, len(WORDS))] = -60.0
        network.bias[END] = -30.0
    for repeats, most in ((1, 1), (2, None)):
        limits = decoding.Limits(END, 24, repeats=repeats, whole=whole_words)
        said = decoding.greedy(CaptionSpeaker(network, torch.zeros(1, 5), told, limits=limits),
                               limits)
        units = whole_words(said[0])
        runs = [tuple(units[i:i + repeats]) for i in range(len(units) - repeats + 1)]
        spelt = {WORDS.text(unit) for unit in units if unit[0] == SPELL}
        assert len(runs) == len(set(runs))
        assert {"bee", "wasp"} <= spelt                           # one does not bar the other
        assert most is None or units.count(whole_words(WORDS.numbers("bee"))[0]) == most


def test_whole_words_are_words_of_the_text():
    numbers = [*WORDS.numbers("red owl bee of"), END]
    assert [WORDS.text(unit) for unit in whole_words(numbers)] == ["red", "owl", "bee", "of", ""]
    assert [n for unit in whole_words(numbers) for n in unit] == numbers
    assert whole_words(WORDS.numbers("owl")[:2]) == [tuple(WORDS.numbers("owl")[:2])]
    assert whole_words([]) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_what_is_barred_would_repeat_a_run(length):
    rng = np.random.default_rng(length)
    limits = decoding.Limits(0, repeats=length)
    for _ in range(50):
        text = rng.integers(0, 4, rng.integers(0, 9)).tolist()
        runs = {tuple(text[i:i + length]) for i in range(len(text) - length + 1)}
        twice = {(word,) for word in range(1, 4)
                 if len(text) >= length - 1
                 and (*text[len(text) - length + 1:], word) in runs}
        assert limits.barred(text) == twice
