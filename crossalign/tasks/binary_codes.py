"""Binary codes of a fitted aligner's embeddings, for search by Hamming distance.

ITQ (Gong and Lazebnik 2011) on embeddings of training samples of all modalities, each less its own
mean, so that no bit goes to telling modalities apart. SEM-PCYC's code (Dutta and Akata 2019), after
which LCALE and FGAN report 64 bits, fits it on the test queries and centres each side on its own
test mean; here nothing is learned from test samples.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from crossalign.index.itq import ITQ
from crossalign.models.blockwise import embedded
from crossalign.types import Views

Array = npt.NDArray[Any]


class BinaryCodes(BaseEstimator):  # type: ignore[misc]
    """Binary codes for the modalities of a fitted aligner.

    Parameters
    ----------
    model : fitted Aligner
        Model whose embeddings are coded.
    bits : int
        Length of a code, at most the width of the embeddings; default 64.
    seed : int
        Seed of the first rotation; default 0.

    Attributes
    ----------
    means_ : mapping of modality to (d,)
        Means of the training embeddings.
    itq_ : ITQ
        Fitted rotation.
    """

    learned = MappingProxyType({"means_": dict, "itq_": ITQ})

    def __init__(self, model: Any, bits: int = 64, seed: int = 0) -> None:
        self.model, self.bits, self.seed = model, bits, seed

    def fit(self, train: Views) -> Self:
        """Learn from training samples, with all modalities that the model knows.

        Raises
        ------
        ValueError
            If the model's embeddings are narrower than the codes.
        """
        modalities = [m for m in train.modalities if m in self.model.widths_]
        rows = {m: embedded(self.model, train.having(m), m) for m in modalities}
        self.means_ = {m: x.mean(axis=0) for m, x in rows.items()}
        self.itq_ = ITQ(self.bits, seed=self.seed).fit(
            np.concatenate([x - self.means_[m] for m, x in rows.items()]))
        return self

    def encode(self, embeddings: Array, modality: str) -> Array:
        """Return the packed codes ``(n, ceil(bits / 8))`` uint8 of the model's embeddings ``(n,
        d)``.

        Raises
        ------
        ValueError
            Before `fit`, or for a modality that was not in training.
        """
        if not hasattr(self, "itq_"):
            raise ValueError("bits: codes are learned from training samples; call fit(train) "
                             "first.")
        if modality not in self.means_:
            raise ValueError(f"modality: got {modality!r}; codes were learned for "
                             f"{list(self.means_)}.")
        return self.itq_.encode(embeddings - self.means_[modality])
