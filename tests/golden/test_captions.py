"""Figures of captions by the programs that papers use, against ours.

They stand in ``captions.json`` beside this file, which was written, where pycocoevalcap 1.2
(``pip install --no-deps pycocoevalcap==1.2``), sacrebleu and rouge-score are installed, by

    python tests/golden/test_captions.py

All programs were given the same words, divided by blanks. Where one of them is installed, its
figures are computed anew.
"""

import json
import random
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).with_name("captions.json")
SUBJECTS = ("a small dog", "two dogs", "the old red bus", "a man", "a woman in a hat", "the cat")
VERBS = ("sits on", "looks at", "runs past", "stands next to", "is on")
OBJECTS = ("a chair", "the street", "a green bus", "a wooden table", "the grass near a tree", "it")


def sentence(rng):
    return " ".join((rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(OBJECTS)))


def corpus(name):
    """Captions and references of a case, from Python's own generator."""
    rng = random.Random(name)
    n, most = {"one reference": (40, 1), "several references": (40, 5), "two items": (2, 2)}[name]
    references = [[sentence(rng) for _ in range(rng.randint(1, most))] for _ in range(n)]
    captions = []
    for of in references:
        words = rng.choice(of).split()
        for _ in range(rng.randint(0, 3)):
            words[rng.randrange(len(words))] = rng.choice(("dog", "bus", "the", "a", "lamp"))
        captions.append(" ".join(words[:rng.randint(4, len(words))] if len(words) > 4 else words))
    return captions, references


CASES = ("one reference", "several references", "two items")


def of_coco(captions, references):
    """Figures of pycocoevalcap: BLEU-1 to BLEU-4, ROUGE-L and CIDEr, by item where it has them."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    given = {i: [text] for i, text in enumerate(captions)}
    wanted = dict(enumerate(references))
    cider, cider_items = Cider().compute_score(wanted, given)
    rouge, rouge_items = Rouge().compute_score(wanted, given)
    return {"bleu": [float(v) for v in Bleu(4).compute_score(wanted, given, verbose=0)[0]],
            "rouge_l": float(rouge), "rouge_l_items": [float(v) for v in rouge_items],
            "cider_d": float(cider), "cider_d_items": [float(v) for v in cider_items]}


def of_sacrebleu(captions, references):
    """BLEU-1 to BLEU-4 of sacrebleu, without its own tokenisation and smoothing."""
    from sacrebleu.metrics import BLEU

    most = max(map(len, references))
    columns = [[of[k] if k < len(of) else None for of in references] for k in range(most)]
    return {"bleu": [BLEU(tokenize="none", smooth_method="none", max_ngram_order=n).corpus_score(
        captions, columns).score / 100 for n in range(1, 5)]}


def of_rouge_score(captions, references):
    """F measure of rouge-score, of the first reference of each item alone."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    return {"rouge_l_items": [scorer.score(of[0], text)["rougeL"].fmeasure
                              for text, of in zip(captions, references, strict=True)]}


PROGRAMS = {"pycocoevalcap": of_coco, "sacrebleu": of_sacrebleu, "rouge_score": of_rouge_score}


def ours(program, captions, references):
    """The same figures by the library."""
    from crossalign import metrics

    bleu = [metrics.bleu(captions, references, n) for n in range(1, 5)]
    if program == "sacrebleu":
        return {"bleu": bleu}
    if program == "rouge_score":
        return {"rouge_l_items": metrics.rouge_l_scores(captions, [of[:1] for of in references],
                                                        beta=1)}
    return {"bleu": bleu, "rouge_l": metrics.rouge_l(captions, references),
            "rouge_l_items": metrics.rouge_l_scores(captions, references),
            "cider_d": metrics.cider_d(captions, references),
            "cider_d_items": metrics.cider_d_scores(captions, references)}


def agree(found, wanted):
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("case", CASES)
def test_figures_are_those_of_the_programs_of_papers(program, case):
    agree(ours(program, *corpus(case)), json.loads(FILE.read_text())[case][program])


@pytest.mark.parametrize("program", [*filter(find_spec, PROGRAMS)])
@pytest.mark.parametrize("case", CASES)
def test_a_program_that_is_here_says_the_same_today(program, case):
    agree(PROGRAMS[program](*corpus(case)), json.loads(FILE.read_text())[case][program])


if __name__ == "__main__":
    FILE.write_text(json.dumps({case: {program: figures(*corpus(case))
                                       for program, figures in PROGRAMS.items()}
                                for case in CASES}, indent=1) + "\n")
