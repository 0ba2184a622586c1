"""Answers in one spelling, as the evaluation of VQA compares them.

Written from the description of the evaluation (Antol et al., ICCV 2015, and the page of the
challenge): lower case; full stops go unless between digits; number words become digits; articles
go; contractions get their apostrophe; all other punctuation but the apostrophe and the colon
becomes a blank, and a comma between digits nothing. The table of contractions is our own, so that
figures may differ from the authors' code where somebody wrote one that is not in it.
"""

import re
import string
import unicodedata

ARTICLES = frozenset({"a", "an", "the"})
NUMBERS = {word: str(i) for i, word in enumerate((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))}
NUMBERS["none"] = "0"
_NEGATED = ("ai", "are", "could", "did", "does", "do", "had", "has", "have", "is", "might", "must",
            "need", "should", "was", "were", "would")
_ENDS = {"they": ("d", "ll", "re", "ve"), "you": ("d", "ll", "re", "ve"), "that": ("d", "ll", "s"),
         "who": ("d", "ll", "s", "ve"), "what": ("ll", "re", "s"), "there": ("d", "re", "s"),
         "here": ("s",), "where": ("d", "s", "ve"), "how": ("d", "ll", "s"), "when": ("s",),
         "why": ("s", "re"), "it": ("d", "ll"), "he": ("s",), "she": ("s",), "we": ("ve",),
         "i": ("m", "ve"), "could": ("ve",), "should": ("ve",), "would": ("ve",),
         "might": ("ve",), "must": ("ve",), "somebody": ("s",), "someone": ("s",),
         "something": ("s",)}
CONTRACTIONS = {
    "cant": "can't", "wont": "won't", "oclock": "o'clock", "yall": "y'all", "maam": "ma'am",
    **{f"{verb}nt": f"{verb}n't" for verb in _NEGATED},
    **{word + end: f"{word}'{end}" for word, ends in _ENDS.items() for end in ends}}
"""Contractions without their apostrophe; none that is usually another word, as "were" or "its"."""

_FULL_STOP = re.compile(r"(?<!\d)\.|\.(?!\d)")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'"})


def normalised_answer(answer: str) -> str:
    """Return an answer in the spelling in which answers are compared.

    Parameters
    ----------
    answer : str
        Answer as somebody, or a model, wrote it.

    Returns
    -------
    str
        Words with single blanks between them; the answer in lower case where nothing would be
        left of it, as of "?" or "the".
    """
    lower = unicodedata.normalize("NFC", answer).lower().translate(_APOSTROPHES)
    text = _COMMA.sub("", _FULL_STOP.sub("", lower))
    words = "".join(" " if _parts(sign) else sign for sign in text).split()
    kept = [CONTRACTIONS.get(word, NUMBERS.get(word, word)) for word in words
            if word not in ARTICLES]
    return " ".join(kept) or " ".join(lower.split())


def _parts(sign: str) -> bool:
    """Return True for punctuation that parts words."""
    return sign not in "':." and (sign in string.punctuation
                                  or unicodedata.category(sign)[0] == "P")
