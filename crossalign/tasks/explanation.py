"""Explanation of a hit: the training pairs by which a closed form put it there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.index.base import check_count
from crossalign.models.closed_form.ridge_map import RidgeMap
from crossalign.models.closed_form.votes import votes, whitened
from crossalign.types import Classes, Views

Array = npt.NDArray[Any]


class Explanation(NamedTuple):
    """Explanation of q hits.

    Attributes
    ----------
    ids : (q, k)
        Ids of the training samples with the largest shares, largest first.
    shares : (q, k)
        Shares of their pairs in the score. Those of all pairs, some of them negative, add up to it,
        but for what components of a CCA without any correlation add, on which no pair votes.
    scores : (q,)
        Scores, cosines of query and hit.
    """

    ids: Array
    shares: Array
    scores: Array


def explain(model: Any, train: Views, queries: npt.ArrayLike, modality: str,
            hits: npt.ArrayLike, hit_modality: str, *, k: int = 5,
            classes: Classes | None = None) -> Explanation:
    """Say which training pairs voted for hits, and how much of the score each gave.

    A linear map puts a query at a weighted sum of the training pairs, and `ASIF` at its similarity
    to each (see `models.closed_form.votes`), so that the score is a sum over pairs, exactly. A map
    that is fitted again without the pairs that gave most scores the hit lower, as a rule; by how
    much depends on how many other pairs say the same.

    Parameters
    ----------
    model : fitted RidgeMap, CCA or ASIF
        Model that embeds both; of the first two, with ``pairs="own"``.
    train : Views
        Samples that it was fitted on.
    queries : array-like
        Rows ``(q, d_m)`` that were searched with.
    modality : str
        Their modality.
    hits : array-like
        Rows ``(q, d_h)``, one hit of each query.
    hit_modality : str
        Their modality, `types.CLASS_MODALITY` for class vectors.
    k : int
        Number of pairs to name per hit; default 5, at most n.
    classes : Classes, optional
        Classes that the model was fitted with, if samples have one modality.

    Raises
    ------
    ValueError
        For another kind of model, samples that it was not fitted on, two rows of the modality that
        `RidgeMap` does not map, or unequal numbers of queries and hits.
    """
    check_count(k)
    near, far = (queries, modality), (hits, hit_modality)
    if isinstance(model, RidgeMap) and modality == model.target_:
        near, far = far, near
    voted, reached = votes(model, train, *near, classes), model.embed(*far)
    known = whitened(model, model.project(*near))
    if len(voted.weights) != len(reached):
        raise ValueError(f"hits: {len(np.asarray(hits))} for {len(np.asarray(queries))} queries; "
                         "give one hit of each query.")
    lengths = np.linalg.norm(known, axis=1, keepdims=True)
    shares = voted.weights * (reached @ voted.rows.T) / np.where(lengths > 0, lengths, 1)
    best = np.argsort(-shares, axis=1, kind="stable")[:, :k]
    return Explanation(voted.ids[best], np.take_along_axis(shares, best, axis=1),
                       (model.embed(*near) * reached).sum(axis=1))
