"""Pictures and texts through pretrained networks of ``transformers`` (extra ``text``).

Frozen, they give vectors or tokens that any model reads. ``rows="raw"`` leaves the network out and
gives what it would read, for a model that trains it along (`models.FGAN`, ``bases``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from crossalign.encoders.base_encoder import (
    BaseEncoder,
    pretrained_file,
    side_of,
)
from crossalign.encoders.checks import checked_pictures

Array = npt.NDArray[Any]
ROWS = ("vectors", "tokens", "raw")
BLOCK = 64
"""Texts encoded at a time."""


class _Pretrained:
    """What pictures and texts have in common.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub, which is downloaded once.
    rows : {"vectors", "tokens", "raw"}
        The mean of a sample's tokens ``(n, d)``, the tokens ``(n, t, d)``, or raw rows, see
        `base_encoder`.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    ValueError
        One sentence: unknown rows, or a model that cannot be opened or reads something else.
    ImportError
        If ``transformers`` is not installed.
    """

    kind = ""

    def __init__(self, name: str, rows: str = "vectors", device: str = "auto") -> None:
        if rows not in ROWS:
            raise ValueError(f"rows: got {rows!r}; choose one of {list(ROWS)}.")
        self.name, self.rows = str(name), rows
        self._base = BaseEncoder.pretrained(self.name, self.kind, device)

    @property
    def tokens(self) -> bool:
        """Whether its rows are tokens."""
        return self.rows != "vectors"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What its rows depend on."""
        digest = hashlib.sha256()
        for tensor in self._base.network.state_dict().values():
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return {"encoder": "transformers", "model": self.name.rstrip("/").rpartition("/")[2],
                "model_sha256": digest.hexdigest()[:16], "rows": self.rows}

    def _read(self, raw: Array) -> Array:
        """Vectors or tokens of raw rows; those themselves if that is what is asked for."""
        if self.rows == "raw":
            return raw
        with torch.inference_mode():
            said = self._base(torch.from_numpy(raw).to(self._base.device)).cpu().numpy()
        if self.rows == "tokens":
            return np.asarray(said)
        real = (said != 0).any(axis=2, keepdims=True)
        return np.asarray(said.sum(axis=1) / real.sum(axis=1).clip(1))


class PretrainedPictures(_Pretrained):
    """An encoder of pictures (`types.Encoder`): ViT, DINO, the pictures' half of CLIP, ResNet.

    Parameters
    ----------
    name, rows, device
        See `_Pretrained`: a folder or a name on the hub; ``"vectors"``, ``"tokens"`` or ``"raw"``.
    """

    kind = "image"
    mode = "RGB"

    def __init__(self, name: str, rows: str = "vectors", device: str = "auto") -> None:
        super().__init__(name, rows, device)
        file = pretrained_file(self.name, "preprocessor_config.json")
        said = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
        self.mean, self.std = (np.asarray(said.get(key, [0.5] * 3), dtype=np.float32)
                               for key in ("image_mean", "image_std"))

    @property
    def side(self) -> int:
        """Height and width of the pictures it reads."""
        return side_of(self._base.network.config)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What its rows depend on."""
        return {**super().facts, "mean": self.mean.tolist(), "std": self.std.tolist()}

    def encode(self, pictures: npt.ArrayLike) -> Array:
        """Rows of ``(n, side, side, 3)`` uint8 pictures; raw ones are ``(n, side, 3 side)``.

        Raises
        ------
        ValueError
            For pictures of another size or type.
        """
        x = checked_pictures(pictures, self.side)
        pixels = (x.astype(np.float32) / 255 - self.mean) / self.std
        return self._read(pixels.reshape(len(x), self.side, -1))


class PretrainedTexts(_Pretrained):
    """An encoder of texts (`types.TextEncoder`): BERT and its kin, the texts' half of CLIP.

    Parameters
    ----------
    name, rows, device
        See `_Pretrained`: a folder or a name on the hub; ``"vectors"``, ``"tokens"`` or ``"raw"``.
    longest : int
        Tokens that are read of a text.
    """

    kind = "text"

    def __init__(self, name: str, rows: str = "vectors", device: str = "auto",
                 longest: int = 64) -> None:
        super().__init__(name, rows, device)
        from transformers import AutoTokenizer

        limit = getattr(self._base.network.config, "max_position_embeddings", longest)
        self.longest = min(longest, limit)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(self.name)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"encoder: {self.name!r} has no tokenizer that can be opened "
                             f"({str(error).splitlines()[0]}); give a folder with tokenizer.json."
                             ) from None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What its rows depend on."""
        return {**super().facts, "longest": self.longest}

    def encode(self, texts: Sequence[str]) -> Array:
        """Rows of n texts; tokens and raw rows have zeros behind the shorter ones."""
        numbers = [self._tokenizer(text, truncation=True, max_length=self.longest)["input_ids"]
                   for text in texts]
        raw = np.zeros((len(texts), max(map(len, numbers), default=1), 1), dtype=np.float32)
        for row, found in zip(raw, numbers, strict=True):
            row[:len(found), 0] = np.asarray(found) + 1
        blocks = [self._read(raw[start:start + BLOCK]) for start in range(0, len(raw), BLOCK)]
        return np.concatenate(blocks) if blocks else raw

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of words that stand in the rows of the texts, in their order."""
        return [self._tokenizer.convert_ids_to_tokens(
            self._tokenizer(text, truncation=True, max_length=self.longest)["input_ids"])
            for text in texts]
