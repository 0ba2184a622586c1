"""Prompts: templates of texts, as ``"a photo of a {}."``.

Radford et al., CLIP, ICML 2021, section 3.1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crossalign.reading import existing, expanded

PLACE = "{}"
"""Part of a prompt that a text takes the place of."""
BARE = (PLACE,)
"""Prompt that is the text alone."""


def checked_prompts(prompts: Sequence[str]) -> tuple[str, ...]:
    """Return prompts, each with one ``{}``.

    Raises
    ------
    ValueError
        For none, for a text in the place of a list, or for one without or with several ``{}``.
    """
    if isinstance(prompts, str) or not len(prompts):
        raise ValueError(f"prompts: got {prompts!r}; give a list of one or more, as "
                         "['a photo of a {}.'].")
    for prompt in prompts:
        if not isinstance(prompt, str) or prompt.count(PLACE) != 1:
            raise ValueError(f"prompts: {prompt!r} does not say once where the text goes; write "
                             "{} there, as 'a photo of a {}.'.")
    return tuple(prompts)


def read_prompts(file: str | Path) -> tuple[str, ...]:
    """Return the prompts of a text file, one a line; blank lines are none.

    Raises
    ------
    ValueError
        If it cannot be read, has no prompt, or one without a single ``{}``.
    """
    path = existing(expanded(file, "prompts"), argument="prompts")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"prompts: {str(path)!r} cannot be read as UTF-8 text; save it again.") \
            from None
    return checked_prompts([line.strip() for line in lines if line.strip()])
