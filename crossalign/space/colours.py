"""Colours that captions or questions name, where the encoder of pictures sees none."""

from __future__ import annotations

from collections.abc import Sequence

from crossalign.types import Encoder
from crossalign.words import words_of

GREY = "L"
"""Mode of the encoders that read grey pictures, see `types.Encoder`."""
COLOURS = frozenset((
    "red", "green", "blue", "yellow", "orange", "purple", "violet", "pink", "brown", "colour",
    "colours", "color", "colors"))
"""English words of colours that grey pictures do not show."""


def unseen_colours(encoder: Encoder, texts: Sequence[str], what: str) -> str | None:
    """Return a sentence on texts that name colours, if an encoder reads grey pictures; else None.

    Parameters
    ----------
    encoder : Encoder
        Encoder of the pictures.
    texts : sequence of str
        Captions, or questions with their answers.
    what : str
        Noun that they are called by, as ``"captions"``.
    """
    if encoder.mode != GREY:
        return None
    first = (next((word for word in words_of(text) if word in COLOURS), None) for text in texts)
    named = [word for word in first if word is not None]
    if not named:
        return None
    return (f"{len(named):,} of {len(texts):,} {what} name colours, as {named[0]!r}, which are "
            "guessed, as this encoder reads grey pictures; name a network that sees colours by "
            "--encoder")
