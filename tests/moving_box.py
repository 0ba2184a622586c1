"""Clips of a box that moves, as video files and as folders of frames, for tests."""

import numpy as np
import pytest
from PIL import Image

CLASSES = ("goes_right", "goes_left", "goes_down", "goes_up", "stays")


def moving_box(way, length, rng):
    """Frames (length, 48, 64, 3) of a white box that moves over black."""
    frames = np.zeros((length, 48, 64, 3), np.uint8)
    across, down = {"goes_right": (1, 0), "goes_left": (-1, 0), "goes_down": (0, 1),
                    "goes_up": (0, -1), "stays": (0, 0)}[way]
    x0, y0 = rng.integers(24, 32), rng.integers(14, 20)
    for t, at in enumerate(np.linspace(-12, 12, length)):
        x, y = int(x0 + across * at), int(y0 + down * at)
        frames[t, max(y, 0):y + 12, max(x, 0):x + 12] = 255
    return frames


def write_video(file, frames, codec="mpeg4", rate=10, options=None):
    """Write a video file of frames (f, h, w, 3)."""
    av = pytest.importorskip("av", reason="PyAV, which writes the videos of this test")
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.options = options or {}
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_frames(folder, frames):
    """Write frames (f, h, w, 3) as the pictures of a folder."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")


def framed_folder(root, each=4):
    """Write a folder of class folders of folders of 3 to 12 frames."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        for number in range(each):
            write_frames(root / name / f"clip_{number}",
                         moving_box(name, int(rng.integers(3, 13)), rng))
    return root
