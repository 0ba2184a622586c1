"""Words of a text in any script: the one tokenisation of captions, questions and descriptions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby


def words_of(text: str) -> list[str]:
    """Return the words of a text in any script, in lower case; see `written_words`."""
    return written_words(text.lower())


def spoken_words(text: str) -> list[str]:
    """Return the words of a text that is said, or compared with one, word by word.

    They are those of `words_of`, and where Chinese and Japanese write no blanks each character is
    one, as in the Chinese tokenisation of sacrebleu.
    """
    return [part for word in words_of(text) for part in _CHARACTER.split(word) if part]


def joined(words: Iterable[str]) -> str:
    """Return the text of words, with blanks but beside Chinese and Japanese characters."""
    text, blank = "", False
    for word in words:
        alone = _CHARACTER.match(word) is not None
        text += f" {word}" if blank and not alone else word
        blank = not alone
    return text


def written_words(text: str) -> list[str]:
    """Return the words of a text in any script; a text without any gives its parts between blanks.

    A word is a run of letters, digits and the marks that combine with them (Unicode's L, N and M),
    so that those of Indic, Arabic, Hebrew and Thai scripts stay inside; or a run of symbols (S), as
    an emoji or the plus signs of "C++". Blanks and punctuation part words and are dropped.
    """
    composed = unicodedata.normalize("NFC", text)
    runs = ("".join(sign for _, sign in run) for kind, run in
            groupby(_kinds(composed), key=lambda pair: pair[0]) if kind)
    return list(runs) or composed.split()


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """Yield each character with its kind before it: "word", "symbol", or "" between words."""
    kind = ""
    for sign in text:
        category = unicodedata.category(sign)
        if category[0] not in "M" and sign not in _JOINERS:  # which go on with what they follow
            kind = {"L": "word", "N": "word", "S": "symbol"}.get(category[0], "")
        yield kind, sign


_CHARACTER = re.compile("([\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
                        "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
                        "[\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef]*)")
"""Character of Chinese or Japanese: kana and ideographs, with the marks that combine with them."""
_JOINERS = "\u200c\u200d"
"""Signs of zero width, inside words of Persian and Indic scripts and between parts of an emoji."""
