"""Base of captioners: what decoders of an aligner's codes to texts have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from crossalign.models.blockwise import as_given
from crossalign.models.ranges import (
    BATCH,
    COUNT,
    NUMBER,
    RATE,
    SEED,
    SHARE,
    SIZE,
    WEIGHT,
    Each,
    Having,
    check_values,
)
from crossalign.tasks.base import Task, check_samples, task_samples
from crossalign.tasks.caption_names import ranked_classes, with_truth, wrong_classes
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.inputs import INPUTS
from crossalign.tasks.modality_gap import noise_for, projected, standardise
from crossalign.types import Captions, Views, samples_given
from crossalign.types.given import by_modality

Array = npt.NDArray[Any]
ROUTES = ("paired", "text_only")
WAYS = ("greedy", "beam", "nucleus")
RANGES: dict[str, Any] = {
    "model": [Having("embed", words="a fitted aligner, as models.CCA().fit(X) is")],
    "recogniser": [Having("decision_function", words="a ZeroShot, as ZeroShot(model).fit(train, "
                          "classes) is"), None],
    "route": [StrOptions(set(ROUTES))], "modality": [str, None], "text": [str],
    "inputs": [StrOptions(set(INPUTS))], "prefix": [SIZE], "names": [SIZE], "longest": [SIZE],
    "masking": [SHARE], "hits": [Each(SHARE)], "cosine": [SHARE, None], "memory": [WEIGHT],
    "guidance": [NUMBER], "epochs": [COUNT, None], "batch_size": [BATCH], "lr": [RATE],
    "random_state": [SEED]}
"""Ranges of the parameters that every captioner has."""
EPOCHS, STEPS = 8, 250
"""Least numbers of passes over the captions and of batches: of few captions in few passes a decoder
learns neither to copy names nor to spell."""


class BaseCaptioner(Task, ABC):
    """Captioner without its decoder.

    It finds the codes and names that a decoder reads, trains an objective, and decodes. A decoder
    is a file of its own: a subclass that makes it, says how texts become numbers, and what says
    them word by word.

    Attributes
    ----------
    centre_, spread_ : (d,)
        Mean and deviation of codes of the captioned modality.
    memory_ : (m, d)
        Codes of training texts.
    network_ : Module
        Decoder.
    """

    learned = MappingProxyType({"centre_": np.ndarray, "spread_": np.ndarray,
                                "memory_": (np.ndarray, NoneType), "modality_": str,
                                "inputs_": str})
    model: Any
    recogniser: Any
    route: str
    modality: str | None
    text: str
    inputs: str
    names: int
    longest: int
    hits: Sequence[float]
    cosine: float | None
    memory: float
    epochs: int | None
    batch_size: int
    lr: float
    random_state: int
    network_: Any

    # -- its decoder ---------------------------------------------------------------------------
    @abstractmethod
    def _learn(self, codes: Array, said: list[str], names: tuple[Array, Array]) -> None:
        """Train the decoder on texts ``(m,)`` with codes, and classes with and without the true
        one.
        """

    @property
    @abstractmethod
    def _end(self) -> int:
        """Word that ends a text."""

    @property
    @abstractmethod
    def _vocabulary(self) -> Any:
        """Vocabulary of texts, which has numbers of a text and the text of numbers."""

    @abstractmethod
    def _speaker(self, codes: Array, ranked: Array, cached: bool,
                 parts: CaptionParts | None) -> Any:
        """Return what says codes ``(n, d)`` with the names of classes ``(n, names)``."""

    # -- learning ------------------------------------------------------------------------------
    def fit(self, train: Views | Mapping[str, Any],
            captions: Captions | Sequence[Sequence[str]]) -> Self:
        """Train the decoder.

        Parameters
        ----------
        train : Views or mapping of modality to array
            Training samples. Under ``"text_only"`` their texts are paired with captions, and of the
            captioned modality mean and deviation alone are read. Labels are rows of the
            recogniser's classes.
        captions : Captions, or n sequences of strings
            Captions of the samples.

        Raises
        ------
        ValueError
            If samples lack the modality, or there is not a sequence of captions for each.
        """
        samples = task_samples(train, "train")
        texts = captions.of(samples) if isinstance(captions, Captions) else list(captions)
        if len(texts) != len(samples):
            raise ValueError(f"captions: got {len(texts)} for {len(samples)} samples; give each a "
                             "sequence of one caption or more.")
        self.modality_ = self.modality or samples.modalities[0]
        needed = (self.modality_,) if self.route == "paired" else (self.modality_, self.text)
        for name in needed:
            samples.kind(name)
        rows = np.repeat(np.arange(len(samples)), [len(of) for of in texts])
        said = [text for of in texts for text in of]
        codes = self._learned_codes(samples)[rows]
        self._learn(codes, said, self._training_names(samples, rows))
        return self

    def _learned_codes(self, samples: Views) -> Array:
        """Compute the codes ``(n, d)`` that are learned from, and what codes are put by."""
        kind = samples.kind(self.modality_)
        if self.inputs == "features" and (self.route != "paired" or kind != "vectors"):
            raise ValueError(f"inputs: got 'features' for {kind} by the route {self.route!r}; "
                             "use 'codes'.")
        self.inputs_ = self.inputs if self.route == "paired" and kind == "vectors" else "codes"
        seen = self._raw(samples)
        self.centre_, self.spread_ = seen.mean(axis=0), seen.std(axis=0) + 1e-3
        self.memory_ = None
        if self.route == "paired":
            return np.asarray((seen - self.centre_) / self.spread_, dtype=np.float32)
        told = self.model.embed(as_given(samples, self.text), self.text)
        standard = standardise(told, told.mean(axis=0), told.std(axis=0) + 1e-3)
        self.memory_ = np.unique(standard, axis=0)
        return standard

    def _raw(self, samples: Views) -> Array:
        """Return what is read of the captioned modality ``(n, d)``: codes, features or both."""
        parts = []
        if self.inputs_ != "features":
            parts.append(self.model.embed(as_given(samples, self.modality_), self.modality_))
        if self.inputs_ != "codes":
            parts.append(samples[self.modality_])
        return np.concatenate([np.asarray(part, dtype=np.float32) for part in parts], axis=1)

    def _training_names(self, samples: Views, rows: Array) -> tuple[Array, Array]:
        """Return classes with and without the true one for every caption, ``(m, names)`` each."""
        n = len(samples)
        if self.recogniser is None:
            none = np.full((len(rows), self.names), -1)
            return none, none
        classes, labels = self.recogniser.classes_, samples.labels
        if self.route == "paired":
            scores = np.asarray(self.recogniser.decision_function(samples.select(self.modality_)))
        else:
            side = classes.embeddings / np.maximum(
                np.linalg.norm(classes.embeddings, axis=1, keepdims=True), 1e-12)
            noise = np.random.default_rng([self.random_state, 1]).normal(size=(n, len(classes)))
            scores = side[samples.truth] @ side.T + 0.1 * noise
        if labels is None:
            found = wrong_classes(scores, None, classes.seen, self.names)
            return found[rows], found[rows]
        wrong = wrong_classes(scores, labels, classes.seen, self.names)[rows]
        rng = np.random.default_rng([self.random_state, 2])
        return with_truth(wrong, labels[rows], np.asarray(self.hits), rng), wrong

    @property
    def _found(self) -> float:
        """Share of samples of unseen classes whose true name is among the names."""
        return min(1.0, float(sum(self.hits[:self.names])))

    def _noise(self, codes: Array) -> float:
        """Return the deviation of noise on codes in training."""
        return (0.0 if self.route == "paired" else
                noise_for(0.5 if self.cosine is None else self.cosine, codes.shape[1]))

    def _train(self, objective: Any, rows: Mapping[str, Array]) -> None:
        """Train an objective on rows, by name."""
        import torch

        from crossalign.training import (
            Cosine,
            Group,
            Player,
            Shuffle,
            TensorData,
            enough_epochs,
            train,
        )

        data = TensorData({name: torch.from_numpy(np.ascontiguousarray(of))
                           for name, of in rows.items()})
        epochs = (enough_epochs(len(data), self.batch_size, EPOCHS, STEPS)
                  if self.epochs is None else self.epochs)
        train(objective, data, players=[Player("captioner", (Group(("",), self.lr),),
                                               optimizer="adamw", weight_decay=1e-2)],
              epochs=epochs, sampler=Shuffle(min(self.batch_size, len(data))), clip=1.0,
              lr_schedule=Cosine(epochs), seed=self.random_state, device="cpu")

    # -- saying --------------------------------------------------------------------------------
    def caption(self, X: npt.ArrayLike | Views, by: str = "greedy", *, width: int = 4,
                length: float = 0.0, share: float = 0.9, temperature: float = 1.0,
                generator: Any = None, longest: int | None = None, shortest: int = 0,
                repeats: int = 0, parts: Sequence[Sequence[str]] | None = None,
                named: bool = False) -> list[str]:
        """Say a caption of every sample.

        Parameters
        ----------
        X : Views, mapping of modality to array, or (n, d) array
            Samples.
        by : {"greedy", "beam", "nucleus"}
            Way of decoding, see `decoding`; default ``"greedy"``.
        width, length
            Beginnings that a beam keeps, and the power of a text's length that its log-probability
            is divided by; default 4 and 0.
        share, temperature
            Probability of the words that are drawn from, and temperature; default 0.9 and 1.
        generator : torch.Generator, optional
            Source of the draws, which ``"nucleus"`` needs.
        longest, shortest : int
            Largest and smallest number of words; default the captioner's ``longest``, and 0.
        repeats : int
            Length of a run of words that no caption may have twice; default 0, any may.
        parts : sequence of sequences of str, optional
            Lists of phrases: only captions are said that are a phrase of the first, one of the
            second and so on, see `CaptionParts`. One list alone is a list of whole captions.
            Default None, any words.
        named : bool
            Whether names of the recogniser's classes are captions beside those of ``parts``;
            default False.

        Raises
        ------
        ValueError
            If it is not fitted, or an argument is out of range.
        """
        from crossalign.tasks import decoding

        check_values({"by": by, "width": width, "share": share, "temperature": temperature},
                     {"by": [StrOptions(set(WAYS))], "width": [SIZE], "share": [SHARE],
                      "temperature": [RATE]})
        if longest is not None and not 1 <= longest <= self.longest:
            raise ValueError(f"longest: got {longest}; give a number of words from 1 to "
                             f"{self.longest}, which the captioner was made for.")
        if by == "nucleus" and generator is None:
            raise ValueError("generator: got None; give a torch.Generator with a seed of your own, "
                             "from which words are drawn.")
        blocks, found = self._blocks(X), list[list[int]]()
        limits = decoding.Limits(self._end, longest or self.longest, shortest, repeats)
        grammar = self._grammar(parts, named, limits)
        for samples in blocks:
            speaker = self.speaker(samples, parts=grammar)
            found += (decoding.greedy(speaker, limits) if by == "greedy" else
                      decoding.beam(speaker, limits, width, length) if by == "beam" else
                      decoding.nucleus(speaker, limits, generator, share, temperature))
        vocabulary = self._vocabulary
        return [vocabulary.text(numbers) for numbers in found]

    def _grammar(self, parts: Sequence[Sequence[str]] | None, named: bool,
                 limits: Any) -> CaptionParts | None:
        """Return the grammar of lists of phrases, if there are any, checked against limits."""
        if parts is None:
            return None
        names = self.recogniser.classes_.names if named and self.recogniser is not None else ()
        grammar = CaptionParts(parts, self._vocabulary, names, self._end)
        if grammar.longest > limits.longest:
            raise ValueError(f"parts: captions of them have up to {grammar.longest} words, letters "
                             f"of unknown words counted, which is more than {limits.longest}; give "
                             "shorter phrases.")
        if limits.shortest > 0 or limits.repeats > 0:
            raise ValueError(f"parts: got them with shortest={limits.shortest} and repeats="
                             f"{limits.repeats}; parts settle lengths and repetitions, so leave "
                             "these out.")
        return grammar

    def speaker(self, X: npt.ArrayLike | Views, cached: bool = True,
                parts: CaptionParts | None = None) -> Any:
        """Return what says a caption of every sample word by word, see `decoding.Speaker`.

        Raises
        ------
        ValueError
            If it is not fitted.
        """
        samples = self._samples(X)
        return self._speaker(self._codes(samples), self._ranked(samples), cached, parts)

    def _samples(self, X: npt.ArrayLike | Views) -> Views:
        """Return samples as `Views`, for a captioner that is fitted."""
        if not hasattr(self, "network_"):
            raise ValueError("X: this captioner is not fitted; call fit(train, captions) first.")
        check_samples(X, "X")
        return (samples_given(X) if isinstance(X, Views) or by_modality(X)
                else Views({self.modality_: np.asarray(X)}))

    def _blocks(self, X: npt.ArrayLike | Views) -> Sequence[Views]:
        """Return samples in the parts that are captioned at once."""
        return [self._samples(X)]

    def _codes(self, samples: Views) -> Array:
        """Return the codes ``(n, d)`` of samples as the decoder reads them."""
        seen = self._raw(samples)
        if self.route == "paired":
            return np.asarray((seen - self.centre_) / self.spread_, dtype=np.float32)
        rows = standardise(seen, self.centre_, self.spread_)
        assert self.memory_ is not None
        return projected(rows, self.memory_, self.memory) if self.memory > 0 else rows

    def _ranked(self, samples: Views) -> Array:
        """Return the likeliest classes ``(n, names)``; -1 for no more."""
        if self.recogniser is None:
            return np.full((len(samples), self.names), -1)
        scores = self.recogniser.decision_function(samples.select(self.modality_))
        return ranked_classes(np.asarray(scores), self.recogniser.classes_,
                              self.recogniser.gamma, self.names)

    def try_out(self) -> None:
        """Say a caption of made-up samples."""
        from crossalign.models.learned import made_up

        rows = made_up(self.model)
        if hasattr(self, "network_") and self.modality_ in rows:
            self.caption(Views({self.modality_: rows[self.modality_]}), longest=1)
