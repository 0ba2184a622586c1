"""Votes of training pairs: what a closed form gives, as the weighted sum of what it learned from.

For rows S of the modality that is mapped and T of the other one, scaled as the model scales them,

    RidgeMap    s B = sum_i w_i t_i,                w = S (S'S + alpha I)^-1 s
    CCA         s A_1 = sum_i w_i (t_i A_2) / rho,  w = S (C_11 + r_1 I)^-1 s / n

rho are the canonical correlations: A_1 = (C_11 + r_1 I)^-1 C_12 A_2 / rho by the singular value
decomposition that CCA takes.

    ASIF        r(s) = sum_i r_i(s) e_i,            e_i the i-th axis of a space of pairs

The first two are the dual form of a ridge regression (Saunders, Gammerman and Vovk, ICML 1998). The
inner product of the sum with anything is the sum of the inner products, so a pair's part in a score
is exact, not an estimate.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg

from crossalign.models.closed_form.asif import ASIF, relative_rows
from crossalign.models.closed_form.cca import CCA, inverse_root
from crossalign.models.closed_form.pair_statistics import covariance_rows
from crossalign.models.closed_form.ridge_map import RidgeMap
from crossalign.models.pairing import Pairs, paired_rows
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.scaling import apply_scaling
from crossalign.types import CLASS_MODALITY, Classes, Views

LEAST = 1e-4
"""Smallest correlation of a component whose votes can be told from rounding; on others no pair
votes.
"""


class Votes(NamedTuple):
    """Votes of n pairs on q rows: ``weights @ rows`` are the projections, but for components
    without any correlation, on which no pair votes.

    Attributes
    ----------
    ids : (n,)
        Ids of the samples that the pairs are of.
    weights : (q, n)
        Weights w.
    rows : (n, d)
        Rows t in the space.
    """

    ids: Array
    weights: Array
    rows: Array


def votes(model: Any, train: Views, x: npt.ArrayLike, modality: str,
          classes: Classes | None = None) -> Votes:
    """Return the votes on rows ``x (q, d_m)`` of a modality by the pairs that a model learned from.

    Parameters
    ----------
    model : fitted RidgeMap, CCA or ASIF
        Model whose pairs are those of samples, ``pairs="own"``.
    train : Views
        Samples that it was fitted on.
    x : array-like
        Rows.
    modality : str
        Their modality; for `RidgeMap` the one that it maps.
    classes : Classes, optional
        Classes that it was fitted with, for samples of one modality.

    Raises
    ------
    ValueError
        For another model or modality, or samples whose votes do not add up to the model's own
        projection, so that it was fitted on others.
    """
    if getattr(model, "pairs", None) == "class":
        raise ValueError("pairs: those of this model are of whole classes, and votes are of "
                         "samples; fit it with pairs='own'.")
    known = model._rows(x, modality)
    pairs = paired_rows(train, classes, model)
    both = (train if CLASS_MODALITY in pairs.names
            else train.having(pairs.names[0]).having(pairs.names[1]))
    weights, rows = _votes(model, train, pairs, known, modality)
    said, projected = weights @ rows, model.project(x, modality)
    voted = rows.any(axis=0)
    if said.shape != projected.shape or not np.allclose(
            said[:, voted], projected[:, voted],
            atol=1e-3 * np.abs(projected[:, voted]).max(initial=1e-9)):
        raise ValueError(f"train: these are not the samples that this {type(model).__name__} was "
                         "fitted on; give those.")
    return Votes(both.ids, weights, whitened(model, rows))


def explains(model: Any) -> bool:
    """Return True if a model's hits are sums over pairs that `votes` can tell."""
    return (_votes.dispatch(type(model)) is not _votes.dispatch(object)
            and getattr(model, "pairs", "own") == "own")


def whitened(model: Any, rows: Array) -> Array:
    """Return projected rows ``(n, d)`` as a model compares them, before unit length."""
    return rows if getattr(model, "whitening", None) is None else rows @ model.whitener_


@singledispatch
def _votes(model: Any, train: Views, pairs: Pairs, x: Array, modality: str) -> tuple[Array, Array]:
    raise ValueError(f"model: {type(model).__name__} is no weighted sum of training pairs; give a "
                     "RidgeMap, a CCA or an ASIF.")


@_votes.register
def _(model: RidgeMap, train: Views, pairs: Pairs, x: Array, modality: str) -> tuple[Array, Array]:
    if modality != model.source_:
        raise ValueError(f"modality: {modality!r} is not mapped by this RidgeMap; give "
                         f"{model.source_!r}.")
    S, T = (_scaled(model, _all(pairs, m), m) for m in (model.source_, model.target_))
    gram = S.T @ S + model.alpha * np.eye(S.shape[1])
    return linalg.solve(gram, _scaled(model, x, modality).T, assume_a="pos").T @ S.T, T


@_votes.register
def _(model: CCA, train: Views, pairs: Pairs, x: Array, modality: str) -> tuple[Array, Array]:
    (other,) = set(pairs.names) - {modality}
    S, T = (_scaled(model, _all(pairs, m), m) - model.means_[m] for m in (modality, other))
    whole = _scaled(model, covariance_rows(train, pairs, model.covariances)[modality].read(
        slice(None)), modality) - model.means_[modality]
    values, axes = linalg.eigh(whole.T @ whole / len(whole))
    root = inverse_root(values, axes, model.reg)
    centred = _scaled(model, x, modality) - model.means_[modality]
    shown = np.where(model.correlations_ > LEAST, model.correlations_, np.inf)
    there = T @ model.projections_[other] / shown
    return (centred @ root) @ (root @ (S - S.mean(axis=0)).T) / len(S), there


@_votes.register
def _(model: ASIF, train: Views, pairs: Pairs, x: Array, modality: str) -> tuple[Array, Array]:
    near, there = (unit_rows(_scaled(model, rows, modality))
                   for rows in (x, _all(pairs, modality)))
    return (relative_rows(near, there, model.k, model.power), np.eye(len(there), dtype=np.float32))


def _all(pairs: Pairs, modality: str) -> Array:
    return pairs.rows[modality].read(slice(None))


def _scaled(model: RidgeMap | CCA | ASIF, x: Array, modality: str) -> Array:
    return np.asarray(apply_scaling(
        x, model.scaling, model.shift_[modality], model.scale_[modality],
        model.farthest_[modality]), dtype=np.float64)
