"""Captions of samples, by a small decoder on the codes of any fitted aligner."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.models.ranges import SHARE, SIZE, check_values
from crossalign.tasks.base_captioner import RANGES, BaseCaptioner
from crossalign.tasks.caption_names import HITS
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.caption_rows import CaptionRows
from crossalign.tasks.caption_words import (
    END,
    NOTHING,
    CaptionWords,
    warn_of_cut,
    whole_words,
)

if TYPE_CHECKING:
    from crossalign.tasks.decoding import Limits

Array = npt.NDArray[Any]
SPELT = 0.1
"""Share of training texts that are learned once more with a word spelt."""
SIZES: dict[str, Any] = {
    "width": [SIZE], "heads": [SIZE], "layers": [SIZE], "spelt": [SIZE], "hiding": [SHARE],
    "smoothing": [SHARE], "dropout": [SHARE]}
"""Ranges of the parameters of its own decoder."""


class Captioner(BaseCaptioner):
    """Decoder of an aligner's codes to captions, with names of classes from a recogniser.

    Parameters
    ----------
    model : fitted Aligner
        Model that embeds samples.
    recogniser : ZeroShot, optional
        Prepared head whose classes, seen and unseen, are named in front of a caption, so that the
        words of classes never seen can be copied; default None, no names.
    route : {"paired", "text_only"}
        Codes to learn from: those of samples with captions, the default, or those of the captions
        alone, see `modality_gap`.
    modality : str, optional
        Modality that is captioned; default the model's first.
    text : str
        Modality of captions, for ``"text_only"``; default ``"text"``.
    inputs : {"codes", "features", "both"}
        Input that a paired captioner reads of a sample: its code; the features that the model
        reads, which is no use of the space; or both, side by side, the default. Of token rows, and
        from texts alone, it is the code.
    width, heads, layers, prefix, dropout
        Sizes of the decoder, see `networks.CaptionDecoder`; default 96, 4, 2, 2 and 0.1.
    names, spelt : int
        Largest number of names, and of words of a name, where a word that no caption has counts by
        its letters; default 3 and 64. What is longer is cut, with a warning.
    longest : int
        Largest number of words of a caption; default 32. Longer ones are cut, with a warning, and
        not learned to end there.
    masking : float
        Share of training captions without names; default 0.4.
    hits : list of float
        Shares of samples of unseen classes whose true name is at each rank, by which names are as
        imperfect in training as later; default those of `caption_names.HITS`.
    misled : float
        Share of training captions that are learned once more with the code of another class and
        the true name, so that names overrule sight, see `caption_rows`; default 0. Some is of use
        where the recogniser knows unseen classes better than the decoder reads them.
    hiding : float
        Share of the earlier words that are hidden in training; default 0.3.
    smoothing : float
        Label smoothing; default 0.1.
    cosine : float, optional
        Cosine between the modalities' codes, which sizes the noise of ``"text_only"``; default
        None, 0.5.
    memory : float
        Temperature at which codes are replaced by training texts under ``"text_only"``; default 0,
        they are not.
    guidance : float
        Weight of what the sample adds to the words' own likelihood: ``(1 + guidance)`` times the
        log-probability with sight less ``guidance`` times that without; default 0.
    repeats : int
        Length of a run of words that no caption may have twice; default 0, any may.
    unseen : {"decoder", "name"}
        Source of the caption of a sample that is recognised as a class without training samples:
        the decoder, the default, or the class's name, unless that is longer than ``longest``. The
        name is of use where captions are names and the decoder, which knows the names of its own
        classes by heart, says those.
    epochs, batch_size, lr, random_state
        Settings of training: default 8 passes, or as many as make 250 batches, and up to 2,500 of
        them one for each different caption; 128 captions in a batch, learning rate 1e-3 at the
        start, which falls along a cosine, and seed 0.
    device : {"auto", "cpu", "cuda"}
        Device of the decoder; default ``"auto"``, a GPU if there is one.

    Attributes
    ----------
    words_ : (V,) str
        Words of the vocabulary.
    scaling_ : dict
        Scaling ``(d,)`` of what is read of the captioned modality.
    memory_ : (m, d) or None
        Codes of training texts; None by the route ``"paired"``.
    network_ : CaptionDecoder

    Examples
    --------
    >>> captioner = Captioner(model, recogniser).fit(train, captions)   # doctest: +SKIP
    >>> captioner.caption(images)                                      # doctest: +SKIP
    """

    most = 2500
    learned = MappingProxyType({"words_": np.ndarray, **BaseCaptioner.learned})

    def __init__(self, model: Any, recogniser: Any = None, route: str = "paired",
                 modality: str | None = None, text: str = "text", inputs: str = "both",
                 width: int = 96, heads: int = 4, layers: int = 2, prefix: int = 2,
                 dropout: float = 0.1, names: int = 3, spelt: int = 64, longest: int = 32,
                 masking: float = 0.4, hits: Sequence[float] = HITS, misled: float = 0.0,
                 hiding: float = 0.3, smoothing: float = 0.1, cosine: float | None = None,
                 memory: float = 0.0, guidance: float = 0.0, repeats: int = 0,
                 unseen: str = "decoder", epochs: int | None = None, batch_size: int = 128,
                 lr: float = 1e-3, device: str = "auto", random_state: int = 0) -> None:
        self.model = model
        self.recogniser = recogniser
        self.route = route
        self.modality = modality
        self.text = text
        self.inputs = inputs
        self.width = width
        self.heads = heads
        self.layers = layers
        self.prefix = prefix
        self.dropout = dropout
        self.names = names
        self.spelt = spelt
        self.longest = longest
        self.masking = masking
        self.hits = hits
        self.misled = misled
        self.hiding = hiding
        self.smoothing = smoothing
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
        check_values(self.get_params(deep=False), {**RANGES, **SIZES})

    # -- learning ------------------------------------------------------------------------------
    def _learn(self, rows: CaptionRows) -> None:
        from crossalign.tasks.caption_objective import CaptionObjective

        vocabulary = CaptionWords.of(rows.said)
        self.words_ = np.array(vocabulary.words)
        warn_of_cut([len(vocabulary.numbers(text)) for text in rows.said], self.longest, "words")
        self._warn_of_names(vocabulary)
        self._restore()
        spelt, spelling = self._spelt(rows, vocabulary)
        own, other = self._name_rows(vocabulary), self._name_rows(spelling)
        width = max(own.shape[1], other.shape[1])
        own, other = (np.pad(names, ((0, 0), (0, width - names.shape[1])))
                      for names in (own, other))
        text = np.concatenate([
            vocabulary.rows(rows.said, self.longest, ended=True),
            spelling.rows(spelt.said, self.longest, ended=True)])
        text = text[:, :int((text != NOTHING).sum(axis=1).max())]
        both = rows.joined(spelt)
        objective = CaptionObjective(self.network_, self.masking, self._found, self.hiding,
                                     self._noise(both.codes), self.smoothing)
        self._train(objective, {"codes": both.codes, "text": text, "told": both.told,
                                "right": np.concatenate([own[rows.right], other[spelt.right]]),
                                "wrong": np.concatenate([own[rows.wrong], other[spelt.wrong]])})

    def _spelt(self, rows: CaptionRows,
               vocabulary: CaptionWords) -> tuple[CaptionRows, CaptionWords]:
        """Choose rows to learn once more, by a vocabulary of which words are left out."""
        rng, n = np.random.default_rng([self.random_state, 3]), len(rows.said)
        kept = [word for word in vocabulary.words if rng.random() >= SPELT]
        chosen = rng.permutation(n)[:round(SPELT * n)]
        return rows.take(np.sort(chosen)), CaptionWords(kept)

    def _warn_of_names(self, vocabulary: CaptionWords) -> None:
        """Warn that names of classes are cut, if some are."""
        warn_of_cut([len(vocabulary.numbers(name)) for name in self._class_names], self.spelt,
                    "words, a word that no caption has counted by its letters",
                    "names of classes", "spelt")

    def _name_rows(self, vocabulary: CaptionWords) -> Array:
        """Return the words of every class's name ``(C + 1, m)``, m of the longest and ``spelt`` at
        most; the last row has none.
        """
        width = max((len(vocabulary.numbers(name)) for name in self._class_names), default=0)
        return vocabulary.rows([*self._class_names, ""], min(width, self.spelt))

    # -- saying --------------------------------------------------------------------------------
    @property
    def _end(self) -> int:
        return END

    @property
    def _vocabulary(self) -> CaptionWords:
        return CaptionWords(self.words_.tolist())

    @property
    def _whole(self) -> Any:
        return whole_words

    def _speaker(self, codes: Array, ranked: Array, cached: bool, parts: CaptionParts | None,
                 limits: Limits | None) -> Any:
        import torch

        from crossalign.tasks.caption_speaker import CaptionSpeaker

        vocabulary, place = self._vocabulary, self._place
        self._warn_of_names(vocabulary)
        names = self._name_rows(vocabulary)[ranked]
        return CaptionSpeaker(self.network_, torch.from_numpy(codes).to(place),
                              torch.from_numpy(names), self.guidance, cached, parts, limits)

    def _restore(self) -> None:
        """Make the decoder with weights of the seed."""
        import torch

        from crossalign.networks import CaptionDecoder

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = CaptionDecoder(
                len(CaptionWords(self.words_.tolist())), len(self.scaling_["shift"]), self.width,
                self.heads, self.layers, self.prefix, self.longest, self.names, self.spelt,
                self.dropout).eval()
