"""Class folders of clips: video files, or folders of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.class_clips import holds_frames, holds_videos
from crossalign.data.registry import Place, Source
from crossalign.data.samples import RawSamples


def _recognises(place: Place) -> bool:
    return place.is_folder and (holds_videos(place.path) or (
        "frames" in place.given and holds_frames(place.path)))


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, log: Any,
          **options: Any) -> RawSamples:
    from crossalign.data.sources.clips.source import read_clip_folder

    return read_clip_folder(path, task, **options)


SOURCE = Source("clips", "a folder of class folders of video files, or with frames given of "
                "folders of frames", _read, ("retrieval", "gzsl", "caption"), tokens=True,
                pool="time", options=("attributes", "class_texts", "unseen", "frames"),
                raw=("pictures", "texts"), recognises=_recognises, precedence=11)
