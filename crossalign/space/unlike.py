"""Pictures that are unlike all that a space was built from.

Recogniser, captioner and answerer say something of every picture, of a blank page and of noise too,
and are often sure of it. So a picture is compared with a sample of those that the space was built
from: the cosine of the signed roots of features to the nearest of them (nearest neighbours as in
Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022; roots as in
Arandjelovic and Zisserman, CVPR 2012). What counts as near is learned from pictures and the nearest
one of another class, so that a picture of a class that is added later is not unlike the others.

Beside pictures of things on white paper an empty page is not far. So pages of one shade are encoded
too, and a picture that is nearer to one of these than to every picture of the sample shows nothing.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import unit_rows

Array = npt.NDArray[Any]
UNLIKE = "unlike"
"""Setting of a space for the least cosine."""
PAGES = "pages"
"""Setting of a space for the features ``(p, a)`` of empty pages; None where they do not stand
apart."""
RARE = 0.01
"""Share of pictures that are further from all pictures of other classes than that."""
FEWEST, CLASSES, MOST = 100, 3, 5000
"""Fewest pictures and classes that the least cosine is learned from, and most pictures of many."""
SHADES = (*product((0, 255), repeat=3), (128, 128, 128))
"""Shades of empty pages: black, white, the six full colours and grey."""
SIDE = 96
"""Side of an empty page in pixels."""


def empty_pages() -> list[Array]:
    """Return a page ``(h, w, 3)`` uint8 of each shade."""
    return [np.full((SIDE, SIDE, 3), shade, dtype=np.uint8) for shade in SHADES]


def stand_apart(pages: Array, sample: Array) -> bool:
    """Return whether all but `RARE` of a sample's pictures ``(m, a)`` are nearer to another of them
    than to every empty page ``(p, a)``; not so where pictures are themselves of one shade.
    """
    directions = _directions(sample)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -np.inf)
    nearer = nearest_cosine(sample, pages) >= cosines.max(axis=1)
    return bool(nearer.mean() <= RARE)


def nearest_cosine(rows: Array, sample: Array) -> Array:
    """Return the largest cosine ``(n,)`` of signed roots of rows ``(n, a)`` to a sample ``(m,
    a)``.
    """
    return np.asarray((_directions(rows) @ _directions(sample).T).max(axis=1))


def least_cosine(rows: Array, labels: Array, sample: Array, sample_labels: Array) -> float | None:
    """Return the cosine to the nearest picture of another class that all but `RARE` of the pictures
    reach.

    Parameters
    ----------
    rows, labels : (n, a) array, (n,) array
        Features and classes of pictures, up to `MOST`.
    sample, sample_labels : (m, a) array, (m,) array
        The same of the pictures that others are compared with.

    Returns
    -------
    float or None
        None of fewer than a hundred pictures or three classes.
    """
    if len(rows) < FEWEST or len(np.unique(labels)) < CLASSES or len(
            np.unique(sample_labels)) < CLASSES:
        return None
    cosines = _directions(rows) @ _directions(sample).T
    cosines[labels[:, None] == sample_labels[None]] = -np.inf
    return float(np.quantile(cosines.max(axis=1), RARE))


def are_unlike(rows: Array, sample: Array, least: float, pages: Array | None) -> Array:
    """Return which rows ``(n, a)`` are nearer to a page than to the sample, or not as near to that
    as the least cosine; no pages where they do not `stand_apart`.
    """
    near = nearest_cosine(rows, sample)
    far = near < least
    return far if pages is None else far | (near < nearest_cosine(rows, pages))


def _directions(rows: Array) -> Array:
    rows = np.asarray(rows, dtype=np.float32)
    return unit_rows(np.sign(rows) * np.sqrt(np.abs(rows)))
