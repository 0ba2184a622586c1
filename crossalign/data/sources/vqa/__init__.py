"""Folders of questions about pictures: those of VQA, and those of easy-VQA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.samples import RawSamples
from crossalign.data.sources.vqa.annotated import is_annotated
from crossalign.data.sources.vqa.easy import is_easy


def _recognises(place: Place) -> bool:
    return place.is_folder and (is_annotated(place.names) or is_easy(place.path, place.names))


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, seed: int, log: Any,
          **_: Any) -> RawSamples:
    from crossalign.data.sources.vqa.source import read_vqa

    return read_vqa(path, seed=seed)


SOURCE = Source("vqa", "a folder of questions and annotations as VQA's, or of the parts of "
                "easy-VQA", _read, ("vqa",), tokens=True, raw=("pictures",),
                recognises=_recognises, precedence=50, encloses=True)
