"""A file of samples of several domains, read once two of them are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import float32
from crossalign.data.benchmarks import check_classes
from crossalign.data.formats.npz import array_shapes, read_npz
from crossalign.data.named_files import with_named_files
from crossalign.data.table import RESERVED, Table, class_embeddings_of, labels_of_table

Array = npt.NDArray[Any]

USUAL = ("sketch", "photo")
"""Domains of a file that has both, unless others are asked for."""


@dataclass(frozen=True)
class DomainRows:
    """Samples of a file, n of them, some of which are of the two chosen domains.

    Attributes
    ----------
    features : (n, d) float32
        Features of the samples.
    labels : (n,)
        Classes of the samples.
    side : (n,) integers
        0 and 1 for samples of the two domains, -1 for those of any other.
    domains : pair of str
        Names of the two domains, that of the queries first.
    names : C strings
        Names of the classes.
    embeddings : (C, a) float32
        Side information; a is 0 if there is none.
    meta : mapping of name to (n,)
        Further arrays of the file.
    """

    features: Array
    labels: Array
    side: Array
    domains: tuple[str, str]
    names: tuple[str, ...]
    embeddings: Array
    meta: dict[str, Array]


def read_domains(path: Path, variant: str) -> DomainRows:
    """Check a file and choose two of its domains; see `domains.load_domains`.

    Raises
    ------
    ValueError
        One sentence: the variant names no two domains, an array is missing or does not fit,
        features are not finite, files are named outside of the folder, or a class has fewer than
        two samples in one of the two.
    """
    table = with_named_files(read_npz(path), path.parent)
    labels, names = _checked(table)
    domain = np.ravel(table["domain"]).astype(str)
    _, first = np.unique(domain, return_index=True)
    pair = _two_of(variant, domain[np.sort(first)].tolist())
    side = np.select([domain == name for name in pair], [0, 1], -1)
    for number, name in enumerate(pair):
        counts = np.bincount(labels[side == number], minlength=len(names))
        if counts.min() < 2:
            c = int(counts.argmin())
            raise ValueError(f"label: class {names[c]!r} has {counts[c]} of the domain {name!r}; "
                             "give it two samples or more of each, or remove the class.")
    meta = {name: values for name, values in table.items()
            if values.ndim == 1 and name not in RESERVED}
    return DomainRows(float32(table["features"], "features"), labels, side, pair, tuple(names),
                      class_embeddings_of(table, len(names)), meta)


def holds_domains(path: Path) -> bool:
    """Return True if an .npz file has ``features`` and ``domain`` and no second modality."""
    try:
        shapes = array_shapes(path)
    except ValueError:
        return False  # whoever reads the file says what is wrong with it
    return shapes.keys() >= {"features", "domain"} and all(
        len(shape) < 2 for name, shape in shapes.items()
        if name not in ("features", "class_embeddings"))


def _checked(table: Table) -> tuple[Array, list[str]]:
    """Return the labels (n,) and the class names, once the arrays are there and fit together."""
    for name in ("features", "domain"):
        if name not in table:
            raise ValueError(f"{name}: missing from the arrays {sorted(table)}; give 'features', "
                             "'label' and 'domain', a row per sample.")
    labels, names = labels_of_table(table, False)
    features = table["features"]
    if features.ndim != 2 or features.dtype.kind not in "biuf" or len(features) != len(labels):
        raise ValueError(f"features: shape {features.shape} of {features.dtype} for {len(labels)} "
                         "labels; give one row of numbers per sample.")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise ValueError(f"features: row {bad[0]} holds NaN or infinity; repair or remove it.")
    for name, values in table.items():
        if values.ndim < 2 and name not in RESERVED and values.shape != labels.shape:
            raise ValueError(f"{name}: shape {values.shape} for {len(labels)} labels; give one per "
                             "sample.")
    check_classes(len(names), "label")
    return labels, names


def _two_of(variant: str, domains: list[str]) -> tuple[str, str]:
    """Return the two domains that a variant names, the one that asks first."""
    if not variant and set(USUAL) <= set(domains):
        return USUAL
    if not variant and len(domains) == 2:
        return domains[0], domains[1]
    for first in domains:
        second = variant.removeprefix(f"{first}-")
        if second != variant and second != first and second in domains:
            return first, second
    given = f"got {variant!r}" if variant else "none given"
    raise ValueError(f"variant: {given} for the domains {domains}; name two of them behind "
                     "a colon with a hyphen between, the one that asks first, as "
                     "':sketch-photo'.")
