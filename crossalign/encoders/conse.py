"""An image classifier whose outputs have names, and a text encoder, as one space: ConSE.

    f(x) = 1/Z sum_{t <= T} p(y_t | x) s(y_t),      Z = sum_{t <= T} p(y_t | x)

y_1, y_2, ... are the labels of the classifier from the likeliest down, s(y) is the text vector of a
label at unit length. A picture is then where texts are, so that any class with a text can be
recognised, and any words searched, with nothing trained. Norouzi et al., *Zero-shot learning by
convex combination of semantic embeddings*, ICLR 2014, equations 4 and 5; T = 10 is theirs.

How we differ: their s(y) are word vectors of a skip-gram model, ours are of any text encoder, and a
label of several names, as "tench, Tinca tinca", goes in as it is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import unit_rows
from crossalign.encoders.classifiers import LOGITS
from crossalign.encoders.label_names import checked_labels
from crossalign.encoders.text_cache import cached_texts
from crossalign.fingerprints import LENGTH
from crossalign.sentences import short
from crossalign.types import Encoder, TextEncoder

Array = npt.NDArray[Any]

TOP = 10
"""Number of labels that count, of the paper."""


class ConSE:
    """Encoder of pictures (`types.Encoder`) as means of the text vectors of their likeliest labels.

    Parameters
    ----------
    classifier : Encoder
        Encoder whose rows ``(n, L)`` are the outputs of a classifier, see
        `classifiers.open_classifier`.
    labels : L strings
        Names of the outputs, in order.
    texts : TextEncoder
        Encoder of texts by vectors.
    top : int, optional
        Number T of labels that count; default 10, or all if there are fewer.
    logits : bool, optional
        Whether the outputs are logits, of which softmax is taken. By default those of networks of
        ``transformers`` are, and others unless all outputs on three pictures for trial are between
        0 and 1.

    Raises
    ------
    ValueError
        If labels are not one for each output, the encoder of texts gives tokens, or ``top`` is no
        number of labels.
    """

    tokens = False

    def __init__(self, classifier: Encoder, labels: Sequence[str], texts: TextEncoder,
                 top: int | None = None, logits: bool | None = None) -> None:
        self.classifier, self.texts = classifier, texts
        trial = np.asarray(classifier.encode(_trials(classifier.side)))
        if trial.ndim != 2:
            raise ValueError(f"classifier: gives rows of shape {trial.shape[1:]}; give one with a "
                             "number for each label.")
        self.labels = checked_labels(labels, trial.shape[1])
        if texts.tokens or texts.facts.get("rows") == "raw":
            raise ValueError("texts: the encoder of texts gives no vectors; take one that gives a "
                             "row for each text.")
        top = min(TOP, len(self.labels)) if top is None else top
        if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= len(self.labels):
            raise ValueError(f"top: got {short(top)}; give a number of labels from 1 to "
                             f"{len(self.labels)}.")
        self.top = top
        if logits is None:
            logits = classifier.facts.get("rows") == LOGITS or not _between(trial)
        self.logits = logits

    @property
    def side(self) -> int:
        """Height and width of the pictures that the classifier reads."""
        return self.classifier.side

    @property
    def mode(self) -> str:
        """Mode of the pictures that the classifier reads."""
        return self.classifier.mode

    @property
    def resizes(self) -> bool:
        """True if pictures of any size are taken."""
        return bool(getattr(self.classifier, "resizes", False))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        of = self.classifier.facts
        return {"encoder": "conse", **({"model": of["model"]} if "model" in of else {}),
                "rows": f"mean of the texts of {self.top} labels", "top": self.top,
                "outputs": "logits" if self.logits else "probabilities",
                "labels": len(self.labels),
                "labels_sha256": hashlib.sha256(json.dumps(self.labels).encode()).hexdigest()[
                    :LENGTH],
                "classifier": dict(of), "texts": dict(self.texts.facts)}

    @cached_property
    def label_vectors(self) -> Array:
        """Text vectors of the labels at unit length, ``(L, d)`` float32."""
        return unit_rows(cached_texts(self.labels, self.texts)).astype(np.float32)

    def in_space_of(self, texts: Any) -> bool:
        """Return True if its rows are in the space of an encoder of texts."""
        facts: Mapping[str, Any] = texts.facts
        return dict(facts) == dict(self.texts.facts)

    def encode(self, pictures: Any) -> Array:
        """Encode n pictures as the classifier reads them, rows ``(n, d)`` float32.

        Raises
        ------
        ValueError
            For pictures of another size or type.
        """
        if not len(pictures):
            return np.zeros((0, self.label_vectors.shape[1]), np.float32)
        return combined(self.probabilities(pictures), self.label_vectors, self.top)

    def probabilities(self, pictures: Any) -> Array:
        """Return the classifier's probabilities ``(n, L)`` of the labels of n pictures."""
        outputs = np.asarray(self.classifier.encode(pictures), np.float64)
        if self.logits:
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        if not _between(outputs):
            raise ValueError("classifier: gives outputs outside of 0 to 1 where those for trial "
                             "were probabilities; say logits=True.")
        return outputs


def combined(probabilities: Array, vectors: Array, top: int) -> Array:
    """Return convex combinations ``(n, d)`` float32 of the vectors of the likeliest labels.

    Of labels that are equally likely the first count. A row whose labels all have probability zero
    is zero.

    Parameters
    ----------
    probabilities : (n, L)
        Probabilities of the labels, which need not sum to one.
    vectors : (L, d)
        Vectors of the labels.
    top : int
        Number T of labels that count.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]             # (n, T)
    weights = np.take_along_axis(probabilities, order, axis=1)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return np.asarray(np.einsum("nt,ntd->nd", weights, vectors[order]), np.float32)


def _between(outputs: Array) -> bool:
    """Return True if all outputs can be probabilities."""
    return bool(outputs.min() >= 0 and outputs.max() <= 1)


def _trials(side: int) -> list[Array]:
    """Return pictures for trial, ``(side, side, 3)`` uint8: a ramp, a black one, and noise."""
    ramp = np.linspace(0, 255, side * side * 3).reshape(side, side, 3)
    noise = np.random.default_rng(0).integers(0, 256, ramp.shape)
    return [of.astype(np.uint8) for of in (ramp, 0 * ramp, noise)]
