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
        If there is no training document, or none that holds a word.
    """
    training = np.asarray(fitted_on, dtype=np.int64)
    if training.size == 0:
        raise ValueError("fitted_on: names no document; give the numbers of training documents.")
    from sklearn.feature_extraction.text import TfidfVectorizer  # late: reading a cache needs none

    weigher = TfidfVectorizer(binary=True, token_pattern=r"\S+", lowercase=False)
    weigher.fit([documents[i] for i in training])
    rows = weigher.transform(documents).toarray().astype(np.float32)            # (D, V)
    return rows, tuple(weigher.get_feature_names_out().tolist())
