"""Manifests: one file that lists pictures with their texts, classes, splits and payload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.samples import RawSamples
from crossalign.data.sources.manifest.columns import roles_of
from crossalign.data.sources.manifest.listing import COLUMNS, is_manifest, read_listing


def _recognises(place: Place) -> bool:
    return place.path.is_file() and is_manifest(place.path)


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, log: Any,
          **options: Any) -> RawSamples:
    from crossalign.data.sources.manifest.source import read_manifest

    raw = read_manifest(path, task, **options)
    if log is not None:
        log(f"columns: {', '.join(f'{role} is {of!r}' for role, of in raw.facts[COLUMNS].items())}")
    return raw


def _serves(path: Path, columns: Mapping[str, str] | None) -> tuple[str, ...]:
    roles = roles_of(list(read_listing(path).columns), columns)
    classes = roles.class_name is not None
    return (*(("retrieval", "caption") if roles.texts else ()),
            *(("gzsl",) if classes else ()),
            *(("caption",) if classes and not roles.texts else ()),       # called as their class
            *(("vqa",) if roles.question is not None else ()))


SOURCE = Source("manifest", "a .csv, .tsv, .jsonl or .parquet file that lists "
                "pictures, or a .json file of captions as COCO's", _read,
                ("retrieval", "gzsl", "caption", "vqa"), tokens=True,
                options=("attributes", "class_texts", "unseen", "columns"),
                of_classes=("attributes", "class_texts"),
                raw=("pictures", "texts"), serves=_serves, recognises=_recognises, precedence=40)
