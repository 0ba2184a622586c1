"""Base of captioners: what decoders of an aligner's codes to texts have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.devices import DEVICES
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
from crossalign.tasks.caption_learner import CaptionLearner
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.inputs import INPUTS
from crossalign.tasks.log_odds import log_odds, log_odds_of_all
from crossalign.types import Views

if TYPE_CHECKING:
    from crossalign.tasks.decoding import Limits

Array = npt.NDArray[Any]
ROUTES = ("paired", "text_only")
WAYS = ("greedy", "beam", "nucleus")
UNSEEN = ("decoder", "name")
RANGES: dict[str, Any] = {
    "model": [Having("embed", words="a fitted aligner, as models.CCA().fit(X) is")],
    "recogniser": [Having("decision_function", words="a ZeroShot, as ZeroShot(model).fit(train, "
                          "classes) is"), None],
    "route": [StrOptions(set(ROUTES))], "modality": [str, None], "text": [str],
    "inputs": [StrOptions(set(INPUTS))], "prefix": [SIZE], "names": [SIZE], "longest": [SIZE],
    "masking": [SHARE], "hits": [Each(SHARE)], "misled": [SHARE], "cosine": [SHARE, None],
    "memory": [WEIGHT], "guidance": [NUMBER],
    "repeats": [Interval(Integral, 0, 2**16, closed="both")],
    "unseen": [StrOptions(set(UNSEEN))], "epochs": [COUNT, None], "batch_size": [BATCH],
    "lr": [RATE], "device": [StrOptions(set(DEVICES))], "random_state": [SEED]}
"""Ranges of the parameters that every captioner has."""
ASKED: dict[str, Any] = {
    "by": [StrOptions(set(WAYS))], "width": [SIZE], "length": [NUMBER], "share": [SHARE],
    "temperature": [RATE], "longest": [SIZE, None], "shortest": RANGES["repeats"],
    "repeats": [*RANGES["repeats"], None]}
"""Ranges of what `BaseCaptioner.caption` is asked with."""
ROUNDED = 1e-4
"""Probability that words in float32 may lack by rounding."""


class BaseCaptioner(CaptionLearner):
    """Captioner without its decoder.

    It finds the codes and names that a decoder reads, trains an objective, see `CaptionLearner`,
    and decodes. A decoder is a file of its own: a subclass that makes it, says how texts become
    numbers, and what says them word by word.

    Class attributes
    ----------------
    block : int
        Number of samples that are captioned at once; default 256.
    """

    block: ClassVar[int] = 256
    longest: int
    repeats: int
    unseen: str

    # -- its decoder ---------------------------------------------------------------------------
    @property
    @abstractmethod
    def _end(self) -> int:
        """Word that ends a text."""

    @property
    @abstractmethod
    def _vocabulary(self) -> Any:
        """Vocabulary of texts, which has numbers of a text and the text of numbers."""

    @property
    def _whole(self) -> Any:
        """Function from numbers of a text to what counts as one word, see `decoding.Limits`."""
        from crossalign.tasks.decoding import singly

        return singly

    @abstractmethod
    def _speaker(self, codes: Array, ranked: Array, cached: bool, parts: CaptionParts | None,
                 limits: Limits | None) -> Any:
        """Return what says codes ``(n, d)`` with the names of classes ``(n, names)``."""

    # -- saying --------------------------------------------------------------------------------
    def caption(self, X: npt.ArrayLike | Views, by: str = "greedy", *, width: int = 4,
                length: float = 0.0, share: float = 0.9, temperature: float = 1.0,
                generator: Any = None, longest: int | None = None, shortest: int = 0,
                repeats: int | None = None, parts: Sequence[Sequence[str]] | None = None,
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
        repeats : int, optional
            Length of a run of words that no caption may have twice; 0 where any may. By default the
            captioner's, but for captions of parts.
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

        check_values({"by": by, "width": width, "length": length, "share": share,
                      "temperature": temperature, "longest": longest, "shortest": shortest,
                      "repeats": repeats}, ASKED)
        if longest is not None and longest > self.longest:
            raise ValueError(f"longest: got {longest}; give a number of words from 1 to "
                             f"{self.longest}, which the captioner was made for.")
        if by == "nucleus" and generator is None:
            raise ValueError("generator: got None; give a torch.Generator with a seed of your own, "
                             "from which words are drawn.")
        blocks, found = self._blocks(X), list[str]()
        if repeats is None:
            repeats = self.repeats if parts is None else 0
        limits = decoding.Limits(self._end, longest or self.longest, shortest, repeats, self._whole)
        grammar = self._grammar(parts, named, limits)
        vocabulary, called = self._vocabulary, self._called(named or parts is None, limits)

        def say(speaker: Any) -> list[list[int]]:
            return (decoding.greedy(speaker, limits) if by == "greedy" else
                    decoding.beam(speaker, limits, width, length) if by == "beam" else
                    decoding.nucleus(speaker, limits, generator, share, temperature))

        for samples in blocks:
            ranked = self._ranked(samples)
            texts = [called.get(c, "") for c in ranked[:, 0].tolist()]
            rest = np.flatnonzero(~np.isin(ranked[:, 0], list(called)))
            if len(rest) > 0:
                speaker = self._speaker(self._codes(samples[rest]), ranked[rest], True, grammar,
                                        limits)
                for i, numbers in zip(rest.tolist(), say(speaker), strict=True):
                    texts[i] = vocabulary.text(numbers)
            found += texts
        return found

    def _called(self, allowed: bool, limits: Limits) -> dict[int, str]:
        """Return the names of classes that are captions by themselves, by number: where ``unseen``
        says so, those of unseen ones that limits allow.
        """
        if self.unseen != "name" or self.recogniser is None or not allowed:
            return {}
        names, numbers = self._class_names, self._vocabulary.numbers
        return {int(c): names[c] for c in np.flatnonzero(~self.recogniser.classes_.seen)
                if limits.shortest <= len(numbers(names[c])) <= limits.longest}

    def _grammar(self, parts: Sequence[Sequence[str]] | None, named: bool,
                 limits: Any) -> CaptionParts | None:
        """Return the grammar of lists of phrases, if there are any, checked against limits."""
        if parts is None:
            return None
        grammar = CaptionParts(parts, self._vocabulary, self._class_names if named else (),
                               self._end)
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
                parts: CaptionParts | None = None, limits: Limits | None = None) -> Any:
        """Return what says a caption of every sample word by word, see `decoding.Speaker`.

        Words in letters keep to ``limits``; default none.

        Raises
        ------
        ValueError
            If it is not fitted.
        """
        samples = self._samples(X)
        return self._speaker(self._codes(samples), self._ranked(samples), cached, parts, limits)

    def log_likelihoods(self, X: npt.ArrayLike | Views, text: str) -> Array:
        """Compute the log-probability ``(n,)`` of one text, its end included, of every sample.

        It is the sum over its words of the decoder's own log-probabilities, without guidance,
        behind the names that the recogniser gives each sample.

        Parameters
        ----------
        X : Views or (n, d) array
            Samples.
        text : str
            Caption, as `caption` says it.
        """
        return np.asarray(sum(scores[:, word] for scores, word in self._scored(X, text)))

    def log_odds(self, X: npt.ArrayLike | Views, text: str) -> Array:
        """Compute the log-odds ``(n,)`` of one text, ``log p - log(1 - p)``, p as in
        `log_likelihoods`.

        They are those of the whole text against all others, of which p can be told again, and not
        a sum over its words, in which nearly certain words, as most of a grammar are, weigh as
        much as one in doubt. Where ``unseen`` says that names are captions, p of the name of an
        unseen class is the recogniser's and not the decoder's.
        """
        if self.unseen == "name" and self.recogniser is not None:
            classes = self.recogniser.classes_
            of = [c for c in np.flatnonzero(~classes.seen) if self._class_names[c] == text]
            if of:
                return self._log_odds_of_class(self._samples(X), int(of[0]))
        return log_odds_of_all(np.column_stack([
            log_odds(np.column_stack([scores, remainder(scores)]), word)
            for scores, word in self._scored(X, text)]))

    def _log_odds_of_class(self, samples: Views, c: int) -> Array:
        """Return the log-odds ``(n,)`` of a class, by a softmax over the recogniser's scores."""
        from scipy.special import log_softmax

        return log_odds(log_softmax(self._class_scores(samples), axis=1), c)

    def _scored(self, X: npt.ArrayLike | Views, text: str) -> Iterator[tuple[Array, int]]:
        """Yield log-probabilities ``(n, words)`` of each next word of a text, and that word."""
        import torch

        self.open()
        speaker = copy(self).set_params(guidance=0.0).speaker(X)
        words = [*self._vocabulary.numbers(text)[:self.longest], self._end]
        scores = speaker.first()
        for word in words:
            yield scores.double().cpu().numpy(), word
            if word != self._end:
                scores = speaker.next(torch.full((len(scores),), word, device=scores.device))

    def _blocks(self, X: npt.ArrayLike | Views) -> Sequence[Views]:
        """Return samples in the parts that are captioned at once."""
        samples = self._samples(X)
        return [samples[np.arange(start, min(start + self.block, len(samples)))]
                for start in range(0, len(samples), self.block)]

    def try_out(self) -> None:
        """Say a caption of made-up samples."""
        from crossalign.models.learned import made_up

        rows = made_up(self.model)
        if hasattr(self, "network_") and self.modality_ in rows:
            self.caption(Views({self.modality_: rows[self.modality_]}), longest=1)


def remainder(scores: Array) -> Array:
    """Return the log-probability ``(n,)`` of all that log-probabilities ``(n, words)`` leave out,
    as spellings beside the likeliest; -inf where that is rounding.
    """
    rest = 1 - np.exp(scores).sum(axis=1)
    return np.asarray(np.log(rest, out=np.full(len(rest), -np.inf), where=rest > ROUNDED))
