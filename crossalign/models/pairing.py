"""Pairing: the two modalities that a two-modality model aligns, and the pairs of their rows.

Rows are paired with their own sample's, or, if classes are known, each with all rows of its class
(cluster CCA: Rasiwasia et al., AISTATS 2014). No such pair is drawn: a closed form needs only their
class means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from crossalign.labels import has_class
from crossalign.models.rows import Array
from crossalign.models.supervision import labels_of, side_information
from crossalign.preprocessing.rows import Rows, check_varying, class_means, rows_at, rows_of
from crossalign.types import CLASS_MODALITY, Classes, Views

PAIRINGS = ("own", "class")


class Pairs(NamedTuple):
    """Training rows of two modalities.

    Attributes
    ----------
    names : two modalities
    rows : mapping of modality to (n_m, d_m) Rows
        Rows of samples that have both, in one order; with pairs of a class, of all samples that
        have the modality.
    labels : mapping of modality to (n_m,), or None
        Labels of the rows, `NO_CLASS` where a sample has none; None without labels.
    """

    names: tuple[str, str]
    rows: Mapping[str, Rows]
    labels: Mapping[str, Array] | None


def paired_rows(X: Views, classes: Classes | None, model: object, pairs: str = "own") -> Pairs:
    """Collect the training rows of two modalities, and their names.

    The modalities are the two of ``X``; if it has one, that one and the side information of each
    sample's class under the name `CLASS_MODALITY`. ``pairs`` is one of `PAIRINGS`. Samples without
    a class among others are left out where labels make the pairs.

    Raises
    ------
    ValueError
        If there are three modalities or more, one modality and no labels or side information to
        pair it with, or no pair; if pairs are to be of a class and there are no labels, or one
        class alone.
    """
    names = two_of(X, model)
    if CLASS_MODALITY in names:
        X = _of_a_class(X, model)
        first, labels = names[0], X.truth
        embeddings = side_information(classes, model).embeddings
        rows = rows_of(X, first)
        return Pairs(names, {first: rows, CLASS_MODALITY: rows_at(embeddings, labels, rows)},
                     dict.fromkeys(names, labels))
    if pairs == "class":
        X = _of_a_class(X, model)
        here = {m: X.having(m) for m in names}
        _check_classes({m: np.unique(x.truth) for m, x in here.items()})
        return Pairs(names, {m: rows_of(x, m) for m, x in here.items()},
                     {m: x.truth for m, x in here.items()})
    both = X.having(names[0]).having(names[1])
    if not len(both):
        raise ValueError(f"X: no sample has both {names[0]!r} and {names[1]!r}; give some, or "
                         "labels and pairs='class'.")
    single = both.labels is not None and both.labels.ndim == 1
    return Pairs(names, {m: rows_of(both, m) for m in names},
                 dict.fromkeys(names, both.truth) if single else None)


def _of_a_class(X: Views, model: object) -> Views:
    """Return the samples that have a class."""
    known = has_class(labels_of(X, model))
    return X if known.all() else X[known]


def check_pairs(pairs: Pairs) -> None:
    """Raise ValueError if there is one pair, or a modality is constant over the pairs."""
    if max(len(rows) for rows in pairs.rows.values()) < 2:
        raise ValueError("X: has 1 pair; give at least two.")
    for name, rows in pairs.rows.items():
        check_varying(rows, name, "the pairs")


def _check_classes(found: Mapping[str, Array]) -> None:
    """Raise ValueError if two modalities share no class, or one of them has one class alone."""
    (a, first), (b, second) = found.items()
    if not np.isin(first, second).any():
        raise ValueError(f"X: no class has samples of {a!r} and of {b!r}; give some, as there is "
                         "nothing to pair.")
    if 1 in (len(first), len(second)):
        raise ValueError(f"X: all samples of {a if len(first) == 1 else b!r} are of one class, and "
                         "pairs of a class differ by class alone; give two classes that both "
                         "modalities have, or pairs='own'.")


def two_of(X: Views, model: object) -> tuple[str, str]:
    """Return the names of two modalities; a single one is joined by the side information of
    classes.

    Raises
    ------
    ValueError
        If there are three or more.
    """
    names = X.modalities
    if len(names) > 2:
        raise ValueError(f"X: {type(model).__name__} aligns two modalities and the samples have "
                         f"{list(names)}; choose two, as X.select({names[0]!r}, {names[1]!r}) or "
                         f"--modalities {names[0]},{names[1]}.")
    return (names[0], names[1] if len(names) > 1 else CLASS_MODALITY)


def two_views(X: Views, model: object) -> tuple[str, str]:
    """Return the names of two modalities of samples, for a model that reads no side information.

    Raises
    ------
    ValueError
        If there is one, or three or more.
    """
    names = two_of(X, model)
    if CLASS_MODALITY in names:
        raise ValueError(f"X: the samples have {names[0]!r} alone, and {type(model).__name__} "
                         "aligns two modalities; give both.")
    return names


def class_targets(pairs: Pairs, source: str, target: str) -> tuple[Rows, Rows]:
    """Return rows of a modality in classes that the other has too, and each one's class mean there.

    The regression of such rows onto these means is that onto all rows of their class.
    """
    in_shared, codes, means = _shared(pairs, source, target)
    rows = pairs.rows[source].take(in_shared)
    return rows, rows_at(means, codes, rows)


def shared_means(pairs: Pairs, a: str, b: str) -> tuple[Array, Array]:
    """Return the means ``(C, d_a)`` and ``(C, d_b)`` of the classes that two modalities share."""
    return _shared(pairs, b, a)[2], _shared(pairs, a, b)[2]


def class_covariance(pairs: Pairs, a: str, b: str) -> Array:
    """Compute the mean product ``(d_a, d_b)`` of centred rows of two modalities over pairs of a
    class.

    Each class weighs the root of its shares in the two, so that no correlation is above one.
    """
    sides = [_shared(pairs, *names) for names in ((a, b), (b, a))]
    means_b, means_a = (means for _, _, means in sides)
    shares = [np.bincount(codes, minlength=len(means_a)) / len(kept) for kept, codes, _ in sides]
    return np.asarray((means_a * np.sqrt(shares[0] * shares[1])[:, None]).T @ means_b)


def idle_choices(X: Views) -> list[str]:
    """Return the parameters that need one label a sample, or two views of several classes each, if
    the samples lack them.
    """
    single = X.labels is not None and X.labels.ndim == 1
    return [*([] if single else ["whitening"]),
            *([] if single and len(X.modalities) > 1 and _several_classes(X) else ["pairs"])]


def _several_classes(X: Views) -> bool:
    """Return True if samples of every modality are of two classes or more."""
    assert X.labels is not None
    known = has_class(X.labels)
    return all(len(np.unique(X.labels[known & X.has(m)])) > 1 for m in X.modalities)


def _shared(pairs: Pairs, first: str, second: str) -> tuple[Array, Array, Array]:
    """Return rows ``(n,)`` of ``first`` in shared classes, their classes, and means of
    ``second``.
    """
    assert pairs.labels is not None
    shared = np.intersect1d(pairs.labels[first], pairs.labels[second])
    kept, others = (np.isin(pairs.labels[m], shared) for m in (first, second))
    codes, places = (np.searchsorted(shared, pairs.labels[m][rows])
                     for m, rows in ((first, kept), (second, others)))
    return kept, codes, class_means(pairs.rows[second].take(others), places, len(shared))
