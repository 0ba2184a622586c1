"""Documents as weighted bags of words, fitted on training documents only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def tf_idf(documents: Sequence[str], fitted_on: npt.ArrayLike) -> tuple[npt.NDArray[np.float32],
                                                                        tuple[str, ...]]:
    """Weight the words of each document, rare words more, as unit rows.

    A word counts once per document and weighs ``1 + log((1 + n) / (1 + df))``, with n and df
    (documents that hold it) counted over the fitted documents; words that none of those holds are
    dropped, and a document left without words is a zero row.

    Parameters
    ----------
    documents : D strings
        Words separated by blanks.
    fitted_on : (m,) integers
        Numbers of the training documents, with repetition where one stands for several samples.

    Returns
    -------
    rows : (D, V) float32
    vocabulary : V strings
        In alphabetical order.

    Raises
    ------
    ValueError
        If there is no training document.
    """
    training = np.asarray(fitted_on, dtype=np.int64)
    if training.size == 0:
        raise ValueError("fitted_on: names no document; give the numbers of training documents.")
    bags = [set(document.split()) for document in documents]
    vocabulary = tuple(sorted(set().union(*(bags[i] for i in np.unique(training)))))
    column = {word: j for j, word in enumerate(vocabulary)}
    holds = np.zeros((len(bags), len(vocabulary)), dtype=np.float32)
    for row, bag in enumerate(bags):
        holds[row, [column[word] for word in bag if word in column]] = 1.0
    times = np.bincount(training, minlength=len(bags)).astype(np.float64)      # (D,)
    rows = holds * (1.0 + np.log((1 + times.sum()) / (1 + times @ holds)))   # (D, V)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(norms > 0, norms, 1.0)).astype(np.float32), vocabulary
