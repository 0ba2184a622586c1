"""Parts of a space, and rows of raw items: texts, pictures and vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.layouts import whole_path
from crossalign.data.samples import CLIP
from crossalign.encoders.clips import frames_of
from crossalign.index.base import Index
from crossalign.models.roles import Aligner
from crossalign.preprocessing.pooling import pooled_rows
from crossalign.sentences import short
from crossalign.space.chance import RandomPairs
from crossalign.space.items import IMAGE, LOOKS, SKETCH, TEXT, VECTOR, listed, one_kind
from crossalign.space.readers import Readers
from crossalign.space.recognition import Recognition
from crossalign.space.training import Training
from crossalign.tasks.fitted import Fitted
from crossalign.types import CLASS_MODALITY, Classes

Array = npt.NDArray[Any]


class EmbeddingSpace:
    """Encoders, fitted model, classes and index of a space, which embed raw items.

    It is made of the parameters of `Space`.
    """

    def __init__(self, fitted: Fitted, readers: Readers, index: Index, card: Mapping[str, Any],
                 texts: Mapping[str, Sequence[str]], sample: Array | None = None,
                 training: Training | None = None) -> None:
        self.fitted = fitted
        self.readers = readers
        self.index = index
        self.card = dict(card)
        self.texts = {name: list(of) for name, of in texts.items()}
        self.recognition = Recognition(fitted, sample)
        self.training = training
        self.folder: Path | None = None
        self._written = ""
        self._pairs = RandomPairs(index, self._class_texts)

    @property
    def name(self) -> str:
        """Name of the space."""
        return str(self.card.get("name", "space"))

    @property
    def root(self) -> str | None:
        """Whole path of the data that it was built from, which files of its items are named
        relative to; None of one that says none.
        """
        data = self.fitted.source.get("data")
        return None if data is None else whole_path(str(data))

    @property
    def modalities(self) -> list[str]:
        """Modalities of items that it embeds and searches; line drawings are pictures of a kind."""
        held = self.card.get("held", ())
        return [m for m in (*LOOKS, SKETCH, TEXT)
                if (m in held if m == SKETCH else self._side_of(m) is not None)]

    @property
    def frames(self) -> int | None:
        """Number of frames that it reads of a clip; None if it holds pictures."""
        return self.readers.frames

    @property
    def clips(self) -> bool:
        """True if it holds clips in the place of pictures."""
        return self.frames is not None

    def kind_of(self, items: Sequence[Any]) -> str:
        """Return the kind of all items, see `space.items.one_kind`, as this space reads them."""
        return one_kind(items, self.clips)

    @property
    def looks(self) -> str:
        """Kind of the items that it looks at, ``"image"`` or ``"clip"``."""
        return CLIP if self.clips else IMAGE

    @property
    def classes(self) -> Classes:
        """Classes that it recognises.

        Raises
        ------
        ValueError
            If it recognises none.
        """
        return self.recognition.classes

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; none of a space that is only searched."""
        return [] if self.fitted.recogniser is None else list(self.classes.names)

    @property
    def seen(self) -> Array:
        """True for classes that had training pictures, ``(C,)`` bool."""
        return (np.zeros(0, dtype=bool) if self.fitted.recogniser is None
                else np.asarray(self.classes.seen))

    def __len__(self) -> int:
        """Count the items in the index."""
        return len(self.index)

    def embed(self, items: Any, modality: str | None = None) -> Array:
        """Embed items of one kind as rows ``(n, d)``, which the index compares.

        Parameters
        ----------
        items : item or items
            Texts, pictures, clips or vectors, see `space.items`; vectors are returned as they are.
        modality : str, optional
            Kind of the items, ``"image"``, ``"clip"`` or ``"text"``; default that of their form.

        Raises
        ------
        ValueError
            If items are of several kinds, cannot be read or are of a kind that the space does not
            embed.
        """
        return self._embedded(items, modality)[0]

    def _embedded(self, items: Any, modality: str | None) -> tuple[Array, Array | None]:
        """Return the vectors of items, as `embed`, and of what is looked at its features."""
        given = listed(items)
        kind = self.kind_of(given)
        if modality not in (None, kind):
            raise ValueError(f"modality: got {short(modality)} for items that are {kind}s; leave "
                             "it out.")
        if kind == VECTOR:
            return np.asarray(given, dtype=np.float32), None
        model, (rows, side) = self.fitted.model, self.features(given)
        vectors = np.asarray(model.index_vectors(model.similarity_inputs(rows, side)))
        return vectors, rows if kind == self.looks else None

    def features(self, items: Any) -> tuple[Array, str]:
        """Encode texts, pictures or clips as features ``(n, a)`` of the model's modality that reads
        them.

        Raises
        ------
        ValueError
            As `embed`.
        """
        given = listed(items)
        kind = self.kind_of(given)
        side = self._side_of(kind)
        if side is None:
            raise ValueError(f"item: this space does not embed {kind}s; it embeds "
                             f"{' and '.join(m + 's' for m in self.modalities) or 'none'}.")
        if kind in LOOKS:
            return self.looked_at(given), side
        if side == CLASS_MODALITY:
            return self.readers.of_classes([[text] for text in given]), side
        return self.readers.of_texts(given), side

    def looked_at(self, items: Sequence[Any]) -> Array:
        """Encode pictures, or clips, as features ``(n, a)``, the frames of a clip pooled."""
        rows = self.readers.of_pictures(items)
        return self.pooled_frames(rows) if self.clips else rows

    def pooled_frames(self, rows: Array) -> Array:
        """Pool the rows of the frames of clips ``(n, f, d + 1)`` as features ``(n, a)``."""
        return pooled_rows(self.fitted.pools[CLIP], *frames_of(rows))

    def _side_of(self, kind: str) -> str | None:
        """Return the model's modality that reads a kind of items: texts may be read as classes
        are.
        """
        model = self.fitted.model
        if not isinstance(model, Aligner):
            return None
        if kind in self.fitted.model.views:
            return kind
        return CLASS_MODALITY if kind == TEXT and self.texts and model.knows_classes else None

    def _class_texts(self, places: Callable[[int], list[int]],
                     ) -> tuple[list[str], Array] | None:
        """Return names of some classes and vectors of their texts; None if there are none."""
        names = list(self.texts)
        names = [names[n] for n in places(len(names))] if names else []
        return (names, self.embed([self.texts[name][0] for name in names])) if names else None
