"""Clips as rows of their frames, each frame by an encoder of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.steps import steps_of
from crossalign.types import Encoder

Array = npt.NDArray[Any]


class ClipEncoder:
    """Encoder of clips: ``(n, f, d + 1)`` rows, of which the last column is 1 for a frame and 0 for
    padding.

    Parameters
    ----------
    of_frames : Encoder
        Encoder of pictures as vectors.
    frames : int
        Number f of frames of a clip; shorter clips get zeros behind.

    Raises
    ------
    ValueError
        If the encoder gives tokens, or there is no frame.
    """

    tokens = True

    def __init__(self, of_frames: Encoder, frames: int) -> None:
        if of_frames.tokens:
            raise ValueError("encoder: gives tokens of every frame of a clip, whose tokens are its "
                             "frames; pass one that gives vectors.")
        if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1:
            raise ValueError(f"frames: got {frames!r}; give a whole number, from 1.")
        self.of_frames, self.frames = of_frames, frames

    @property
    def learned(self) -> bool:
        """True if the encoder of frames was trained."""
        return bool(getattr(self.of_frames, "learned", True))

    @property
    def labels(self) -> Sequence[str]:
        """Labels of a classifier that encodes frames, else none."""
        return getattr(self.of_frames, "labels", ())

    @property
    def mode(self) -> str:
        """Mode of the pictures."""
        return self.of_frames.mode

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "frames", "frames": f"{self.frames} at most, spread over a clip",
                "of_frames": dict(self.of_frames.facts)}

    @property
    def device(self) -> Any:
        """Device of the network that encodes frames, if there is one."""
        return getattr(self.of_frames, "device", None)

    @property
    def side(self) -> int:
        """Height and width of the frames, in pixels."""
        return self.of_frames.side

    def encode(self, clips: Sequence[Sequence[Array]]) -> Array:
        """Encode clips of frames, pixels of pictures.

        Raises
        ------
        ValueError
            If a clip has no frame, or more than ``frames``.
        """
        return self.encode_prepared(list(map(self.prepare, clips)))

    def prepare(self, clip: Sequence[Array]) -> list[Array]:
        """Prepare the frames of a clip."""
        prepare = steps_of(self.of_frames).prepare
        return [prepare(frame) for frame in clip]

    def encode_prepared(self, clips: Sequence[Sequence[Array]]) -> Array:
        """Encode clips of frames that were prepared."""
        for number, clip in enumerate(clips):
            if not 0 < len(clip) <= self.frames:
                raise ValueError(f"clips[{number}]: it has {len(clip)} frames; give 1 to "
                                 f"{self.frames}, as read_clip spreads them over a clip.")
        steps = steps_of(self.of_frames)
        frames = [frame for clip in clips for frame in clip]
        rows = np.concatenate([steps.encode(frames[at:at + steps.block])
                               for at in range(0, len(frames), steps.block)])
        there = np.arange(self.frames) < np.array([len(clip) for clip in clips])[:, None]
        encoded = np.zeros((*there.shape, rows.shape[1] + 1), np.float32)
        encoded[there] = np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1)
        return encoded


def frame_side(encoder: ClipEncoder) -> int | None:
    """Return the side in pixels at which the frames of clips are read; None for their own size."""
    return steps_of(encoder.of_frames).side


def frames_of(rows: Array) -> tuple[Array, Array]:
    """Return the frames ``(n, f, d)`` of rows of a `ClipEncoder`, and their mask ``(n, f)``."""
    return rows[..., :-1], np.asarray(rows[..., -1] > 0)
