"""Emoji by several painters, with their names, keywords and groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.samples import RawSamples
from crossalign.data.sources.emoji.concepts import CONCEPTS, PAINTERS, SKETCH


def _recognises(place: Place) -> bool:
    return CONCEPTS in place.names and bool(place.names & {*PAINTERS, SKETCH})


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, log: Any,
          **options: Any) -> RawSamples:
    from crossalign.data.sources.emoji.source import read_emoji

    return read_emoji(path, task, variant=variant, **options)


SOURCE = Source("emoji", f"a folder with {CONCEPTS} and folders of emoji by painter", _read,
                ("gzsl", "retrieval", "transfer", "caption"), {SKETCH: ("retrieval",)},
                any_variant=True, tokens=True, options=("unseen",), raw=("pictures", "texts"),
                recognises=_recognises, precedence=50, encloses=True)
