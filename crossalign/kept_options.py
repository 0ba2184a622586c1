"""Options about data that a saved folder keeps, and what they may ask for later."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from crossalign.encoders.named import OWN, PACKAGE, RAW, is_here
from crossalign.sentences import short

PLACES = ("data", "attributes", "class_texts", "unseen", "encoder", "text_encoder", "prompts",
          "output_names")
"""Options whose value may be a path."""
OF_NOW = ("task", "engine")
"""Options about a command, which a saved model does not keep."""
NETWORKS = ("encoder", "text_encoder")
"""Options that may name a network of a hub, which only the user may ask for."""


def kept(given: Mapping[str, str | bool | int]) -> dict[str, str | bool | int]:
    """Return what is kept of options that are given; paths are absolute."""
    places = {name for name in PLACES if (name, given.get(name)) != ("output_names", OWN)}
    return {name: _absolute(str(value)) if name in places else value
            for name, value in given.items() if name not in OF_NOW}


def check_kept(options: Mapping[str, Any], names: Collection[str], asked: Collection[str]) -> None:
    """Check options that a folder remembers.

    Parameters
    ----------
    options : mapping
        Options by name.
    names : names
        Those of all options.
    asked : names
        Those that the user gave, who may name a network elsewhere.

    Raises
    ------
    ValueError
        If one is no option of data, or a network is not on this machine.
    """
    foreign = sorted(set(options) - (set(names) - set(OF_NOW)))
    if foreign:
        raise ValueError(f"source: the saved model remembers {foreign[0]!r}, which is no option of "
                         "data; name the data with --data.")
    for name in set(NETWORKS) & set(options) - set(asked):
        if not is_here(str(options[name])):
            raise ValueError(f"source: the saved model remembers the network "
                             f"{short(str(options[name]).removeprefix(RAW))}, which is not on this "
                             "machine and is not fetched unasked; name it by "
                             f"--{name.replace('_', '-')}.")


def _absolute(text: str) -> str:
    """Return a path that is here as an absolute one, with its variant; any other text as it is."""
    if text.startswith(PACKAGE):
        return text
    if text.startswith(RAW):
        return RAW + _absolute(text.removeprefix(RAW))
    stem, _, variant = text.rpartition(":")
    for place, behind in ((text, ""), (stem, f":{variant}")):
        if place and os.path.exists(os.path.expanduser(place)):
            return os.path.abspath(os.path.expanduser(place)) + behind
    return text
