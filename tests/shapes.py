"""Small pictures of eight shapes, in a folder for each."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

SHAPES = {
    "square": lambda draw, box: draw.rectangle(box, fill=0),
    "disc": lambda draw, box: draw.ellipse(box, fill=0),
    "bar": lambda draw, box: draw.rectangle((box[0], box[1] + 12, box[2], box[3] - 12), fill=0),
    "post": lambda draw, box: draw.rectangle((box[0] + 12, box[1], box[2] - 12, box[3]), fill=0),
    "ring": lambda draw, box: draw.ellipse(box, outline=0, width=5),
    "frame": lambda draw, box: draw.rectangle(box, outline=0, width=5),
    "wedge": lambda draw, box: draw.polygon(
        [(box[0], box[3]), (box[2], box[3]), (box[2], box[1])], fill=0),
    "cross": lambda draw, box: (
        draw.line((box[0], box[1], box[2], box[3]), fill=0, width=6),
        draw.line((box[0], box[3], box[2], box[1]), fill=0, width=6))}


def picture(shape: str, n: int) -> Image.Image:
    rng = np.random.default_rng([n, len(shape)])
    image = Image.new("L", (64, 64), 255)
    left, top = rng.integers(6, 16, 2)
    side = int(rng.integers(34, 42))
    SHAPES[shape](ImageDraw.Draw(image), (int(left), int(top), int(left) + side, int(top) + side))
    return image


def drawings_elsewhere(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return codes ``(150, d)`` of drawings, and their shapes, a disc or a square.

    The last 38 are higher up than any before, where columns hardly varied.
    """
    from crossalign.encoders import HOG

    rng = np.random.default_rng([seed, 1])
    places = [*rng.integers([6, 10], 20, (112, 2)).tolist(),
              *rng.integers(6, [20, 10], (38, 2)).tolist()]
    shapes, sheets = np.array(["disc", "square"] * 75), []
    for shape, (x, y) in zip(shapes.tolist(), places, strict=True):
        sheets.append(Image.new("L", (64, 64), 255))
        SHAPES[shape](ImageDraw.Draw(sheets[-1]), (x, y, x + 38, y + 38))
    return HOG().encode(np.stack([np.asarray(sheet) for sheet in sheets])), shapes


def picture_folder(root, count=12):
    """Save pictures of every shape into folders below another, and return that."""
    for shape in SHAPES:
        (root / shape).mkdir()
        for n in range(count):
            picture(shape, n).save(root / shape / f"{n:02d}.png")
    return root
