"""Classes that a caption names, to be held against what is recognised."""

from __future__ import annotations

from collections.abc import Sequence

from crossalign.data.sources.picture_folder.texts import names_as_words
from crossalign.words import spoken_words


def named_classes(captions: Sequence[str], names: Sequence[str]) -> list[set[int]]:
    """Return the numbers of the classes that each caption names, word by word.

    A name inside a longer one that is said, "bear" in "black bear", is not said itself. Of scripts
    other than Chinese and Japanese that write no blanks, as Thai, no name is found within a text.
    """
    words = [_marked(name) for name in names_as_words(names)]
    found = []
    for caption in captions:
        text = _marked(caption)
        said = {i for i, name in enumerate(words) if name in text}
        found.append({i for i in said if not any(
            words[i] in words[j] and words[i] != words[j] for j in said)})
    return found


def _marked(text: str) -> str:
    """Return the words of a text with a blank about each, so that one can be found in another."""
    return f" {' '.join(spoken_words(text))} "
