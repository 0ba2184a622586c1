"""Class folders of pictures, with what is written of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.class_folders import holds_classes
from crossalign.data.registry import Place, Source
from crossalign.data.samples import RawSamples


def _recognises(place: Place) -> bool:
    return place.is_folder and holds_classes(place.path)


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, log: Any,
          **options: Any) -> RawSamples:
    from crossalign.data.sources.picture_folder.source import read_picture_folder

    return read_picture_folder(path, task, **options)


SOURCE = Source("pictures", "a folder of class folders of pictures", _read,
                ("retrieval", "gzsl", "caption"), tokens=True,
                options=("attributes", "class_texts", "unseen"), of_classes=("attributes",),
                raw=("pictures", "texts"), recognises=_recognises, precedence=10)
