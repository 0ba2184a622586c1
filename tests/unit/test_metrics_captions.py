"""Metrics of captions by naive recomputation; `golden/test_captions` has other programs."""

import math
from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from complaints import complaint
from hypothesis import given, settings
from hypothesis import strategies as st

from crossalign.evaluation.class_bootstrap import class_interval, score_of
from crossalign.metrics import (
    bleu,
    bleu_counts,
    bleu_of_counts,
    cider_d,
    cider_d_scores,
    exact_match,
    exact_matches,
    rouge_l,
    rouge_l_scores,
)

WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=7).map(" ".join)
ITEMS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=2, max_size=5)


def runs(text, n):
    words = text.split()
    return [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]


def naive_bleu(captions, references, n):
    log_sum, length, wanted = 0.0, 0, 0
    for k in range(1, n + 1):
        right = total = 0
        for text, of in zip(captions, references, strict=True):
            for gram, count in Counter(runs(text, k)).items():
                right += min(count, max(runs(other, k).count(gram) for other in of))
                total += count
        if right == 0:
            return 0.0
        log_sum += math.log(right / total)
    for text, of in zip(captions, references, strict=True):
        size = len(text.split())
        length += size
        wanted += sorted((len(other.split()) for other in of), key=lambda r: (abs(r - size), r))[0]
    return min(1.0, math.exp(1 - wanted / length)) * math.exp(log_sum / n)


def naive_rouge(text, of, beta):
    def shared(a, b):
        @cache
        def longest(i, j):
            if i == len(a) or j == len(b):
                return 0
            if a[i] == b[j]:
                return 1 + longest(i + 1, j + 1)
            return max(longest(i + 1, j), longest(i, j + 1))

        return longest(0, 0)

    words = text.split()
    lengths = [shared(tuple(words), tuple(other.split())) for other in of]
    p = max(lengths) / len(words)
    r = max(length / len(other.split()) for length, other in zip(lengths, of, strict=True))
    return (1 + beta**2) * p * r / (r + beta**2 * p) if p else 0.0


def naive_cider(captions, references):
    """The equations of the paper, over the whole vocabulary."""
    scores = np.zeros(len(captions))
    for n in range(1, 5):
        vocabulary = sorted({g for texts in [captions, *references] for t in texts
                             for g in runs(t, n)})
        if not vocabulary:
            continue
        with_gram = np.array([sum(any(g in runs(t, n) for t in of) for of in references)
                              for g in vocabulary])
        idf = np.log(len(captions) / np.maximum(with_gram, 1))

        def vector(text, n=n, vocabulary=vocabulary, idf=idf):
            return np.array([runs(text, n).count(g) for g in vocabulary]) * idf

        for i, (text, of) in enumerate(zip(captions, references, strict=True)):
            for other in of:
                c, s = vector(text), vector(other)
                norms = np.linalg.norm(c) * np.linalg.norm(s)
                apart = len(runs(text, 2)) - len(runs(other, 2))
                if norms > 0:
                    scores[i] += (10 * np.minimum(c, s) @ s / norms * math.exp(-apart**2 / 72)
                                  / len(of) / 4)
    return scores


@settings(deadline=None, max_examples=60)
@given(ITEMS)
def test_every_figure_is_that_of_a_naive_loop(items):
    captions, references = [list(of) for of in zip(*items, strict=True)]
    for n in range(1, 5):
        assert bleu(captions, references, n) == pytest.approx(
            naive_bleu(captions, references, n), abs=1e-12)
    np.testing.assert_allclose(rouge_l_scores(captions, references), [
        naive_rouge(text, of, 1.2) for text, of in items], atol=1e-12)
    np.testing.assert_allclose(cider_d_scores(captions, references),
                               naive_cider(captions, references), atol=1e-9)
    np.testing.assert_array_equal(exact_matches(captions, references),
                                  [text in of for text, of in items])
    assert rouge_l(captions, references) == pytest.approx(
        rouge_l_scores(captions, references).mean())
    assert cider_d(captions, references) == pytest.approx(
        cider_d_scores(captions, references).mean())


def test_a_reference_itself_has_the_best_score_there_is():
    texts = ["a cat sat on the mat today", "two dogs ran over a wide field", "a red bus stops"]
    references = [[text] for text in texts]
    for score in (bleu, rouge_l, exact_match):
        assert score(texts, references) == pytest.approx(1)
    assert cider_d(texts, references) == pytest.approx(10)


def test_case_punctuation_and_form_do_not_matter():
    shown, plain = ["Cafe\u0301 au lait!", "A dog, barking."], [["café au lait"], ["a dog barking"]]
    assert exact_match(shown, plain) == 1
    assert bleu(shown, plain, 2) == 1


def test_bleu_is_of_a_corpus_and_its_counts_add_up():
    captions = ["a b c d e", "a b x d e f", "q a b c d"]
    references = [["a b c d f"], ["a b c d e f", "a b x d"], ["a b c d q q"]]
    counts = bleu_counts(captions, references)
    assert counts.shape == (3, 10)
    for size in (1, 2, 3):
        for rows in combinations(range(3), size):
            assert bleu_of_counts(counts[list(rows)]) == pytest.approx(bleu(
                [captions[i] for i in rows], [references[i] for i in rows]), abs=1e-12)
    twice = bleu_of_counts(counts[[0, 0, 1]])
    assert twice == pytest.approx(bleu(*([of[i] for i in (0, 0, 1)]
                                         for of in (captions, references))))


def test_scores_of_items_have_intervals_by_class():
    rng = np.random.default_rng(0)
    vocabulary = np.array(list("abcdef"))
    references = [[" ".join(rng.choice(vocabulary, 5))] for _ in range(60)]
    captions = [of[0] if i % 3 else " ".join(rng.choice(vocabulary, 5))
                for i, of in enumerate(references)]
    scores = cider_d_scores(captions, references)
    per_class = {"CIDEr": {"classes": list(map(str, range(60))), "runs": scores[None]}}
    low, high = class_interval(per_class, "CIDEr", resamples=500)
    assert low < scores.mean() < high
    assert score_of("CIDEr", per_class) == pytest.approx(cider_d(captions, references))
    spread = scores.std() / np.sqrt(60)                      # of a mean of independent items
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.15)


@pytest.mark.parametrize("score", [bleu, rouge_l, cider_d, exact_match])
def test_what_cannot_be_scored_is_refused(score):
    complaint(lambda: score([], []), "captions: got none")
    complaint(lambda: score("a cat", [["a"]]), "captions: got the text 'a cat'")
    complaint(lambda: score(["a"], "a"), "references: got the text 'a'")
    complaint(lambda: score(["a", "b"], [["a"]]), "captions: got 2 rows and references has 1")
    complaint(lambda: score(["a", "b"], [["a"], []]), "references: item 1 has []")
    complaint(lambda: score(["a", "b"], [["a"], "b"]), "references: item 1 has 'b'")
    complaint(lambda: score(["a", None], [["a"], ["b"]]), "captions: got None where a text")
    complaint(lambda: score(["a", "b"], [["a"], [3]]), "references: got 3 where a text")


def test_choices_out_of_range_are_refused():
    texts, of = ["a", "b"], [["a"], ["b"]]
    complaint(lambda: bleu(texts, of, 0), "n: got 0")
    complaint(lambda: cider_d(texts, of, sigma=0), "sigma: got 0")
    complaint(lambda: cider_d(texts, of, sigma="6"), "sigma: got '6'; give a positive number")
    complaint(lambda: rouge_l(texts, of, beta=None), "beta: got None; give a positive number")
    complaint(lambda: cider_d(texts[:1], of[:1]), "references: got one item")
    complaint(lambda: rouge_l(texts, of, beta=-1), "beta: got -1")
    complaint(lambda: bleu_of_counts(np.zeros((2, 3))), "counts: got shape (2, 3)")


def test_a_caption_without_words_scores_nothing():
    texts, of = ["", "a b"], [["a"], ["a b"]]
    assert rouge_l_scores(texts, of)[0] == cider_d_scores(texts, of)[0] == 0
    assert bleu(texts, of, 1) == pytest.approx(math.exp(1 - 3 / 2))
    assert bleu([""], [["a"]], 1) == 0
