"""Learning from captions: samples and texts made into the rows that a decoder is trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from crossalign.sentences import short
from crossalign.tasks.base import check_samples, task_samples
from crossalign.tasks.caption_inputs import CaptionInputs
from crossalign.tasks.caption_rows import CaptionRows
from crossalign.types import Captions, Views, samples_given
from crossalign.types.given import by_modality

if TYPE_CHECKING:
    from crossalign.training import Callback

Array = npt.NDArray[Any]


class CaptionLearner(CaptionInputs, ABC):
    """Captioner as far as it learns, whatever its decoder is.

    Class attributes
    ----------------
    most : int
        Largest number of batches, one for each different caption, that few passes over many are
        made up to, see `caption_training`; default 0, no more than of few.

    Attributes
    ----------
    network_ : Module
        Decoder.
    """

    most: ClassVar[int] = 0
    modality: str | None
    epochs: int | None
    batch_size: int
    lr: float
    device: str
    network_: Any

    @abstractmethod
    def _learn(self, rows: CaptionRows) -> None:
        """Train the decoder on captions with their codes and names."""

    def open(self) -> None:
        """Open what the decoder needs and no folder keeps; by default nothing."""

    def fit(self, train: Views | Mapping[str, Any],
            captions: Captions | Sequence[Sequence[str]],
            callbacks: Sequence[Callback] = ()) -> Self:
        """Train the decoder.

        Parameters
        ----------
        train : Views or mapping of modality to array
            Training samples. Under ``"text_only"`` their texts are paired with captions, and of the
            captioned modality mean and deviation alone are read. Labels are rows of the
            recogniser's classes.
        captions : Captions, or n sequences of strings
            Captions of the samples.
        callbacks : sequence of Callback
            Callbacks of the training, as `training.Progress`; default none.

        Raises
        ------
        ValueError
            If samples lack the modality, there is not a sequence of captions for each, or no
            caption in all.
        """
        samples = task_samples(train, "train")
        texts = captions.of(samples) if isinstance(captions, Captions) else listed(captions)
        if len(texts) != len(samples):
            raise ValueError(f"captions: got {len(texts)} for {len(samples)} samples; give each a "
                             "sequence of one caption or more.")
        if not any(map(len, texts)):
            raise ValueError(f"captions: got none of {len(samples)} samples; give some sample a "
                             "caption.")
        self.modality_ = self.modality or samples.modalities[0]
        needed = (self.modality_,) if self.route == "paired" else (self.modality_, self.text)
        for name in needed:
            samples.kind(name)
        rows = np.repeat(np.arange(len(samples)), [len(of) for of in texts])
        said = [text for of in texts for text in of]
        self._callbacks = callbacks
        self._learn(self._training_rows(samples, said, rows))
        del self._callbacks
        return self

    def _train(self, objective: Any, rows: Mapping[str, Array]) -> None:
        """Train an objective on rows, by name."""
        from crossalign.tasks.caption_training import train_captions

        train_captions(objective, rows, epochs=self.epochs, batch_size=self.batch_size, lr=self.lr,
                       device=self.device, seed=self.random_state, most=self.most,
                       callbacks=self._callbacks)

    def _samples(self, X: npt.ArrayLike | Views) -> Views:
        """Return samples as `Views`, for a captioner that is fitted."""
        self.open()
        if not hasattr(self, "network_"):
            raise ValueError("X: this captioner is not fitted; call fit(train, captions) first.")
        check_samples(X, "X")
        return (samples_given(X) if isinstance(X, Views) or by_modality(X)
                else Views({self.modality_: np.asarray(X)}))

    @property
    def _place(self) -> Any:
        """Device that the decoder is on."""
        return next(self.network_.parameters()).device


def listed(captions: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Return the captions of every sample.

    Raises
    ------
    ValueError
        If those of a sample are no sequence of texts, as a text alone would be read letter by
        letter, or one is empty.
    """
    texts = list(captions)
    for i, of in enumerate(texts):
        if isinstance(of, str) or not np.iterable(of) or not all(
                isinstance(text, str) and text.strip() for text in of):
            raise ValueError(f"captions: sample {i} has {short(of)}; give each sample a list of "
                             "texts, a single one too, and none that is empty.")
    return texts
