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


def picture_folder(root, count=12):
    """Save pictures of every shape into folders below another, and return that."""
    for shape in SHAPES:
        (root / shape).mkdir()
        for n in range(count):
            picture(shape, n).save(root / shape / f"{n:02d}.png")
    return root
