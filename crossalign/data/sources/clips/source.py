"""A folder of class folders of clips: retrieval of clips and texts, recognition, captions.

It is a folder of pictures in all but its samples: texts beside clips, descriptions of classes and
splits are those of `picture_folder`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crossalign.data.class_clips import class_clips
from crossalign.data.clip_options import FRAMES
from crossalign.data.descriptions import Unseen
from crossalign.data.samples import CLIP, RawSamples
from crossalign.data.sources.picture_folder.source import read_classes
from crossalign.reading import expanded


def read_clip_folder(folder: str | Path, task: str | None = None, *,
                     attributes: str | Path | None = None,
                     class_texts: str | Path | None = None, unseen: Unseen = None,
                     seed: int = 0, frames: int = FRAMES) -> RawSamples:
    """Find the clips of a folder and read the texts of them or of their classes.

    Parameters
    ----------
    folder : str or Path
        Folder with a folder of clips per class, whose names are the classes. A clip is a video file
        or a folder of frames, see `formats.clips`.
    task, attributes, class_texts, unseen, seed
        Arguments of `picture_folder.source.read_picture_folder`.
    frames : int
        Number of frames of a clip, spread over it; default `clip_options.FRAMES`.

    Raises
    ------
    ValueError
        One sentence: no folder of clips, or a text or side information that cannot be read.
    ImportError
        If there are video files and PyAV is not installed.
    """
    folder = expanded(folder, "folder")
    by_class, passed = class_clips(folder)
    if not by_class:
        raise ValueError(f"path: the folder {str(folder)!r} holds no folder of clips; put the "
                         "clips of each class into a folder with its name.")
    raw = read_classes(folder, by_class, passed, task, attributes=attributes,
                       class_texts=class_texts, unseen=unseen, seed=seed)
    return replace(raw, pictures={CLIP: next(iter(raw.pictures.values()))}, frames=frames)
