"""Captions of samples by a user's language model, behind a learned prefix of an aligner's codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from sklearn.utils._param_validation import Interval

from crossalign.models.ranges import check_values
from crossalign.tasks.base import ForeignError
from crossalign.tasks.base_captioner import RANGES, BaseCaptioner
from crossalign.tasks.caption_names import HITS
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.caption_rows import CaptionRows

if TYPE_CHECKING:
    from crossalign.tasks.decoding import Limits

Array = npt.NDArray[Any]
LORA = 8
"""Rank of what is learned beside the weights of a model's attention."""
RANKS: dict[str, Any] = {"lora": [Interval(Integral, 0, 2**12, closed="both")]}
"""Range of that rank."""


def rank_of(lora: int | None, language_model: str | None) -> int:
    """Return the rank that is asked for, `LORA` for None.

    Raises
    ------
    ValueError
        If it is out of range, or there is no language model to add it to.
    """
    if language_model is None and lora is not None:
        raise ValueError(f"lora: got {lora} and no language model; give one, as by "
                         "--language-model, or leave it out.")
    rank = LORA if lora is None else lora
    check_values({"lora": rank}, RANKS)
    return rank


@cache
def language_facts(name: str, lora: int = LORA) -> Mapping[str, str]:
    """Try a language model out, and return its name and digests.

    Raises
    ------
    ValueError or ImportError
        As `LanguageCaptioner.fit` would, if it cannot say captions.
    """
    from crossalign.tasks.language_model import LanguageModel

    language = LanguageModel(name)
    language.decoder(1, 1, lora)
    return language.facts


class LanguageCaptioner(BaseCaptioner):
    """Captioner whose decoder is a causal language model of ``transformers``.

    A code becomes embeddings in front of the model's words, and the names of classes are a prompt
    in words of its own, see `networks.LanguageDecoder`. The model's weights do not change: a folder
    keeps what was learned, the model's name, and digests of its weights and tokenizer, by which
    another model under that name is refused. What was loaded opens the model when it first says a
    caption.

    Parameters
    ----------
    model : fitted Aligner
        Model that embeds samples.
    recogniser : ZeroShot, optional
        Prepared head whose classes are named in front of a caption; default None, no names.
    language_model : str
        Folder of a causal language model, weights in safetensors, or its name on the Hugging Face
        hub, from where it is downloaded once.
    lora : int
        Rank of what is learned beside the weights of its attention, through ``peft``; default 8. At
        0 the prefix alone is learned.
    route, modality, text, inputs, names, masking, hits, misled, cosine, memory, guidance, repeats,
    unseen
        See `Captioner`.
    prefix : int
        Number of embeddings that a code becomes; default 10.
    longest : int
        Largest number of tokens of a caption; default 32. Longer ones are cut, with a warning, and
        not learned to end there.
    epochs, batch_size, lr, random_state
        Settings of training: default 8 passes, or as many as make 250 batches, 32 captions in a
        batch, learning rate 5e-4 at the start, which falls along a cosine, and seed 0.
    device : {"auto", "cpu", "cuda"}
        Device of the language model; default ``"auto"``, a GPU if there is one.

    Attributes
    ----------
    scaling_ : dict
        Scaling ``(d,)`` of what is read of the captioned modality.
    memory_ : (m, d) or None
        Codes of training texts; None by the route ``"paired"``.
    language_ : mapping of str to str
        Name of the language model, and digests of its weights and tokenizer.
    network_ : LanguageDecoder

    Examples
    --------
    >>> captioner = LanguageCaptioner(model, recogniser, language_model="gpt2")   # doctest: +SKIP
    >>> captioner.fit(train, captions).caption(images)                           # doctest: +SKIP
    """

    learned = MappingProxyType({**BaseCaptioner.learned, "language_": dict})
    block = 64
    _kept: Mapping[str, Any] | None = None
    """Weights that a folder kept, until the decoder is opened."""

    def __init__(self, model: Any, recogniser: Any = None, *, language_model: str, lora: int = LORA,
                 route: str = "paired", modality: str | None = None, text: str = "text",
                 inputs: str = "both", prefix: int = 10, names: int = 3, longest: int = 32,
                 masking: float = 0.4, hits: Sequence[float] = HITS, misled: float = 0.0,
                 cosine: float | None = None, memory: float = 0.0, guidance: float = 0.0,
                 repeats: int = 0, unseen: str = "decoder", epochs: int | None = None,
                 batch_size: int = 32, lr: float = 5e-4, device: str = "auto",
                 random_state: int = 0) -> None:
        self.model = model
        self.recogniser = recogniser
        self.language_model = language_model
        self.lora = lora
        self.route = route
        self.modality = modality
        self.text = text
        self.inputs = inputs
        self.prefix = prefix
        self.names = names
        self.longest = longest
        self.masking = masking
        self.hits = hits
        self.misled = misled
        self.cosine = cosine
        self.memory = memory
        self.guidance = guidance
        self.repeats = repeats
        self.unseen = unseen
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.random_state = random_state
        check_values(self.get_params(deep=False), {
            **RANGES, "language_model": [str], **RANKS})

    # -- learning ------------------------------------------------------------------------------
    def _learn(self, rows: CaptionRows) -> None:
        from crossalign.tasks.language_model import LanguageModel
        from crossalign.tasks.language_objective import LanguageObjective

        language = LanguageModel(self.language_model)
        prompt, real = language.prompts([*self._names_of(rows.right), *self._names_of(rows.wrong)])
        language.check_room(self.prefix, prompt.shape[1], self.longest)
        text, there = language.texts(rows.said, self.longest)
        self._take(language)
        self._kept = None
        objective = LanguageObjective(self.network_, self.masking, self._found,
                                      self._noise(rows.codes))
        n = len(rows.said)
        self._train(objective, {"codes": rows.codes, "text": text, "said": there,
                                "told": rows.told, "right": prompt[:n], "right_real": real[:n],
                                "wrong": prompt[n:], "wrong_real": real[n:]})

    def _names_of(self, ranked: Array) -> list[list[str]]:
        """Return the names of classes ``(n, names)``."""
        names = self._class_names
        return [[names[c] for c in row if c >= 0] for row in ranked.tolist()]

    def _take(self, language: Any) -> None:
        """Make the decoder over an open language model, with weights of the seed."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = language.decoder(len(self.scaling_["shift"]), self.prefix, self.lora)
        self._language, self.language_ = language, language.facts

    # -- saying --------------------------------------------------------------------------------
    @property
    def _end(self) -> int:
        return int(self._language.end)

    @property
    def _vocabulary(self) -> Any:
        return self._language

    def _speaker(self, codes: Array, ranked: Array, cached: bool, parts: CaptionParts | None,
                 limits: Limits | None) -> Any:
        import torch

        from crossalign.tasks.language_speaker import LanguageSpeaker

        prompt, real = self._language.prompts(self._names_of(ranked))
        self._language.check_room(self.prefix, prompt.shape[1], self.longest)
        seen, named, there = (torch.from_numpy(rows).to(self._place)
                              for rows in (codes, prompt, real))
        return LanguageSpeaker(self.network_, seen, named, there, self._language.silent,
                               self.guidance, cached, parts)

    # -- a folder ------------------------------------------------------------------------------
    def kept_weights(self) -> Mapping[str, Any] | None:
        """Return the weights that a folder keeps: those that were learned; None before `fit`."""
        return self.network_.learned() if hasattr(self, "network_") else self._kept

    def take_weights(self, weights: Mapping[str, Any]) -> None:
        """Take what was learned, which `open` sets."""
        self._kept = weights

    def open(self) -> None:
        """Open the language model again, which has to be on this machine, and set what was learned.

        Raises
        ------
        ForeignError
            If it is not there, or another, or what was learned does not fit it.
        """
        if self._kept is None:
            return
        from crossalign.devices import device_here
        from crossalign.tasks.language_model import LanguageModel

        expected = self.language_
        try:
            language = LanguageModel(self.language_model, here=True)
        except ValueError as error:
            raise ForeignError(str(error)) from None
        other = [key for key, value in language.facts.items() if expected.get(key) != value]
        if other:
            part = "tokenizer" if other[0].startswith("tokenizer") else "model"
            raise ForeignError(f"language_model: {self.language_model!r} has another {part} than "
                               "the captioner learned with; bring back that version, or train the "
                               "captioner again.")
        self._take(language)
        try:
            self.network_.restore(self._kept)
        except ValueError as error:
            del self.network_
            raise ForeignError(f"language_model: what was learned over {self.language_model!r} "
                               f"does not fit it ({error}); train the captioner again.") from None
        self.network_.to(device_here(self.device))
        self._kept = None
