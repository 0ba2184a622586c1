"""Training rows of a decoder of captions, with some in which names overrule sight.

A decoder reads samples of its training classes nearly without error, so that it learns to believe
its sight where sight and names differ. Of classes never seen it is sight that errs: it takes them
for the nearest class of training. So some captions are learned once more, with the code of a sample
of the class that theirs is most easily taken for, and the true name among the names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.labels import classes_held, has_class

Array = npt.NDArray[Any]


class CaptionRows(NamedTuple):
    """Captions, and what is read in front of each.

    Attributes
    ----------
    codes : (m, d)
        Codes of samples.
    said : list of m str
        Captions.
    right, wrong : (m, names)
        Classes that are named: with the true one, and without it; -1 for no more.
    told : (m,) bool
        Whether the names of ``right`` are always there, as the code tells another class.
    """

    codes: Array
    said: list[str]
    right: Array
    wrong: Array
    told: Array

    def take(self, rows: Array) -> CaptionRows:
        """Return some of the rows, in that order."""
        return CaptionRows(self.codes[rows], [self.said[i] for i in rows.tolist()],
                           self.right[rows], self.wrong[rows], self.told[rows])

    def joined(self, other: CaptionRows) -> CaptionRows:
        """Return these rows, and others behind them."""
        return CaptionRows(np.concatenate([self.codes, other.codes]), self.said + other.said,
                           *(np.concatenate(pair) for pair in zip(self[2:], other[2:],
                                                                  strict=True)))


def with_misled(rows: CaptionRows, labels: Array, rng: np.random.Generator,
                share: float) -> CaptionRows:
    """Add a share of the rows once more, each with the code of a row of another class: the
    likeliest wrong one of its names.

    Parameters
    ----------
    rows : CaptionRows
    labels : (m,) int
        Classes of the rows; a row of none is not added, nor one whose likeliest wrong class has
        none.
    rng : numpy.random.Generator
        Source of the draws.
    share : float
        Share that is added.
    """
    of = {label: np.flatnonzero(labels == label) for label in classes_held(labels).tolist()}
    able = np.flatnonzero(has_class(labels) & np.isin(rows.wrong[:, 0], list(of)))
    added = np.sort(rng.choice(able, round(share * len(able)), replace=False))
    seen_as = [rng.choice(of[c]) for c in rows.wrong[added, 0].tolist()]
    misled = rows.take(added)._replace(codes=rows.codes[seen_as],
                                       told=np.ones(len(added), dtype=bool))
    return rows.joined(misled)
