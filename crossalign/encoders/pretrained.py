"""Pictures and texts through pretrained networks of ``transformers`` (extra ``text``).

Frozen networks give vectors or tokens that any model reads. ``rows="raw"`` gives the network's
input instead, for a model that trains the network along (`models.FGAN`, ``backbones``).

Vectors are the network's own where it has some: CLIP, SigLIP and their kin project pictures and
texts into one space, and a folder of sentence-transformers says how texts are pooled. For any other
network they are the mean of a sample's tokens.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from crossalign.devices import find_device
from crossalign.encoders.backbone import (
    Backbone,
    check_steady,
    image_inputs,
    probe,
    reading_part,
    text_inputs,
)
from crossalign.encoders.checks import check_picture
from crossalign.encoders.network_files import open_network, open_tokenizer
from crossalign.encoders.pixels import Pixels
from crossalign.encoders.poolings import mean_of_real
from crossalign.encoders.sentence_modules import sentence_modules
from crossalign.fingerprints import LENGTH
from crossalign.sentences import nearest

Array = npt.NDArray[Any]
ROWS = ("vectors", "tokens", "raw")
BLOCK = 64
"""Texts encoded at a time."""
BOUNDLESS = 10**6
"""Longest text, in tokens, above which a tokenizer's limit counts as no limit."""
PADDED = "siglip"
"""Prefix of the kinds of network that were trained on texts padded to full length."""


class _Pretrained:
    """Common part of the encoders of pictures and of texts.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub, which is downloaded once.
    rows : {"vectors", "tokens", "raw"}
        Output for each sample, default ``"vectors"``: a vector ``(n, d)``, tokens ``(n, t, d)``, or
        raw rows, see `backbone`.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default a GPU if there is one.

    Raises
    ------
    ValueError
        One sentence: unknown rows, or a model that cannot be opened, asks for code of its own,
        reads something else or answers at random.
    ImportError
        If ``transformers`` is not installed.
    """

    kind = ""

    def __init__(self, name: str, rows: str = "vectors", device: str = "auto") -> None:
        if rows not in ROWS:
            raise ValueError(f"rows: got {rows!r}; {nearest(rows, ROWS)}")
        self.name, self.rows = str(name), rows
        self.device = find_device(device)

    @property
    def tokens(self) -> bool:
        """True if its rows are tokens."""
        return self.rows != "vectors"

    def _take(self, network: nn.Module, size: tuple[int, int] | None = None,
              pool: Callable[[Tensor, Tensor], Tensor] | None = None) -> None:
        """Keep the network, and the function from raw rows to the chosen output."""
        self._network: Any = network.to(self.device).requires_grad_(False)
        self.config = network.config if self.kind == "image" else reading_part(
            network, self.kind, self.name).config
        self._way, self._encode = "tokens", self._projected
        if self.rows == "vectors" and pool is None and self._projects:
            check_steady(self._encode, probe(self.kind, size, self.config).to(self.device),
                         self.name)
            self._way = "projection of the network"
            return
        self._backbone = Backbone.of(network, self.name, self.kind, size).to(self.device)
        self._encode = self._backbone
        if self.rows == "vectors":
            self._way = "mean of tokens" if pool is None else "sentence-transformers"
            pool = pool or mean_of_real
            self._encode = lambda x: pool(self._backbone(x), self._backbone.real(x))

    @property
    def _projects(self) -> bool:
        """True if the network has vectors of its own, in a space that pictures and texts share."""
        return (hasattr(self._network, f"get_{self.kind}_features")
                or type(self._network).__name__.endswith("WithProjection"))

    def inputs(self, x: Tensor) -> dict[str, Tensor]:
        """Return the network's arguments of raw rows."""
        return image_inputs(x) if self.kind == "image" else text_inputs(x, self.config)

    def _projected(self, x: Tensor) -> Tensor:
        """Return the network's own vectors ``(n, d)`` of raw rows."""
        inputs = self.inputs(x)
        project = getattr(self._network, f"get_{self.kind}_features", None)
        output = self._network(**inputs) if project is None else project(**inputs)
        key = f"{self.kind}_embeds" if project is None else "pooler_output"
        vectors: Tensor = output if isinstance(output, Tensor) else getattr(output, key)
        if vectors.ndim != 2:
            raise ValueError(f"encoder: {self.name!r} ({type(self._network).__name__}) gives "
                             f"{self.kind}s no vector in a space that both share; ask for tokens.")
        return vectors

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {**network_facts(self._network, self.name), "rows": self.rows,
                **({"vectors": self._way} if self.rows == "vectors" else {})}

    def read(self, raw: Array) -> Array:
        """Return vectors or tokens of raw rows, or the raw rows themselves if those were chosen."""
        if self.rows == "raw":
            return raw
        if not len(raw):
            return self.read(np.ones((1, *raw.shape[1:]), np.float32))[:0]
        with torch.inference_mode():
            rows = self._encode(torch.from_numpy(raw).to(self.device))
        return np.asarray(rows.cpu().numpy())


class PretrainedPictures(_Pretrained):
    """An encoder of pictures (`types.Encoder`): ViT, DINO, CLIP, SigLIP, ResNet.

    Pictures are resized, cropped and scaled as the folder of the network says, see `pixels`.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.
    rows : {"vectors", "tokens", "raw"}
        Output for each sample; default ``"vectors"``.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default a GPU if there is one.
    network : Module, optional
        Network of that name, if it is open already; by default it is opened.

    Attributes
    ----------
    mean, std : (3,) float32
        Mean and divisor of every colour, for pixels between 0 and 1.
    """

    kind = "image"
    mode = "RGB"
    resizes = True
    """True: pictures of any size are taken."""

    def __init__(self, name: str, rows: str = "vectors", device: str = "auto",
                 network: nn.Module | None = None) -> None:
        super().__init__(name, rows, device)
        network = open_network(self.name) if network is None else network
        reading_part(network, self.kind, self.name)
        self._pixels = Pixels(self.name, network.config)
        self.mean, self.std = self._pixels.mean, self._pixels.std
        self._take(network, self._pixels.size)

    @property
    def side(self) -> int:
        """Height of the pictures that its network reads."""
        return self._pixels.size[0]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {**super().facts, "pixels": self._pixels.facts}

    def encode(self, pictures: Sequence[npt.ArrayLike]) -> Array:
        """Encode n pictures ``(h, w, 3)`` uint8 of any size as rows; raw rows are ``(n, h, 3 w)``.

        Raises
        ------
        ValueError
            For pictures of another type.
        """
        return self.encode_prepared([self.prepare(picture) for picture in pictures])

    def prepare(self, picture: npt.ArrayLike) -> Array:
        """Return the raw row ``(h, 3 w)`` of a picture."""
        height, width = self._pixels.size
        return self._pixels(check_picture(picture)).reshape(height, 3 * width)

    def encode_prepared(self, prepared: Sequence[Array]) -> Array:
        """Encode n pictures that `prepare` has prepared."""
        return self.read(self._stacked(prepared))

    def raw(self, pictures: Sequence[npt.ArrayLike]) -> Array:
        """Return the raw rows ``(n, h, 3 w)`` of pictures."""
        return self._stacked([self.prepare(picture) for picture in pictures])

    def _stacked(self, prepared: Sequence[Array]) -> Array:
        height, width = self._pixels.size
        return np.stack(prepared) if len(prepared) else np.zeros((0, height, 3 * width), np.float32)


class PretrainedTexts(_Pretrained):
    """An encoder of texts (`types.TextEncoder`): BERT, T5, CLIP, SigLIP, sentence-transformers.

    Texts longer than the network reads are cut; a warning says how many were.

    Parameters
    ----------
    name : str
        A folder, or a name on the Hugging Face hub.
    rows : {"vectors", "tokens", "raw"}
        Output for each sample; default ``"vectors"``.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default a GPU if there is one.
    longest : int, optional
        Largest number of tokens to read of a text; default as many as the network can read.
    network : Module, optional
        Network of that name, if it is open already; by default it is opened.

    Attributes
    ----------
    longest : int or None
        Largest number of tokens that is read of a text; None if there is no limit.
    """

    kind = "text"

    def __init__(self, name: str, rows: str = "vectors", device: str = "auto",
                 longest: int | None = None, network: nn.Module | None = None) -> None:
        super().__init__(name, rows, device)
        self._modules = sentence_modules(self.name)
        subfolder = self._modules.subfolder if self._modules else ""
        network = open_network(self.name, subfolder) if network is None else network
        part: Any = reading_part(network, self.kind, self.name)
        self._tokenizer = open_tokenizer(self.name, subfolder)
        limits = (longest, self._modules.longest if self._modules else None,
                  self._tokenizer.model_max_length, positions_of(part))
        self.longest = min((int(n) for n in limits if n and n < BOUNDLESS), default=None)
        self._pads = self.longest is not None and str(
            part.config.model_type).startswith(PADDED)
        self._take(network, pool=self._modules)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        more = {} if self._modules is None or self.rows != "vectors" else self._modules.facts
        return {**super().facts, "longest": self.longest, **more}

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode n texts as rows; tokens and raw rows have zeros behind the shorter ones."""
        raw = self.raw(texts)
        blocks = [self.read(raw[start:start + BLOCK])
                  for start in range(0, max(len(raw), 1), BLOCK)]
        return np.concatenate(blocks)

    def raw(self, texts: Sequence[str]) -> Array:
        """Return the raw rows ``(n, t, 1)`` of texts, with a warning of those that are cut."""
        numbers = [self._padded(text) for text in texts]
        self._warn_of_cut_texts(texts, numbers)
        raw = np.zeros((len(texts), max(map(len, numbers), default=1), 1), dtype=np.float32)
        for row, tokens in zip(raw, numbers, strict=True):
            row[:len(tokens), 0] = tokens
        return raw

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the word pieces that the rows of each text stand for, in order."""
        return [self._tokenizer.convert_ids_to_tokens([n - 1 for n in self._padded(text) if n])
                for text in texts]

    def _padded(self, text: str, cut: bool = True) -> list[int]:
        """Return the token numbers of a text, each plus one, and zeros where padding is masked.

        There is padding only for a network that was trained on texts of full length. Where its
        tokenizer does not mask it, padding counts as tokens.
        """
        if self._modules is not None:
            text = self._modules.prepare(text)
        tokens = self._tokenizer(text, truncation=cut and self.longest is not None,
                                 max_length=self.longest, verbose=False,
                                 padding="max_length" if self._pads and cut else False)
        mask = tokens.get("attention_mask") or [1] * len(tokens["input_ids"])
        return [(number + 1) * real for number, real in zip(tokens["input_ids"], mask,
                                                            strict=True)]

    def _warn_of_cut_texts(self, texts: Sequence[str], numbers: Sequence[list[int]]) -> None:
        cut = sum(len(self._padded(text, cut=False)) > len(tokens)
                  for text, tokens in zip(texts, numbers, strict=True)
                  if len(tokens) == self.longest)
        if cut:
            warnings.warn(f"encoder: {cut} of {len(texts)} texts are longer than the "
                          f"{self.longest} tokens that {self.name!r} reads of one; the rest of "
                          "them was left out.", stacklevel=3)


def network_facts(network: nn.Module, name: str) -> dict[str, Any]:
    """Return the facts that the rows of a network depend on: its name, and its weights."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    folder = Path(name)
    return {"encoder": "transformers",
            "model": "/".join(folder.resolve().parts[-2:]) if folder.is_dir() else name,
            "model_sha256": digest.hexdigest()[:LENGTH]}


def positions_of(network: Any) -> int | None:
    """Return for how many tokens a network has positions; None if it needs none."""
    most = getattr(network.config, "max_position_embeddings", None)
    if most is None or most <= 0:
        return None
    first = [module.padding_idx + 1 for name, module in network.named_modules()
             if name.endswith("position_embeddings")
             and getattr(module, "padding_idx", None) is not None]    # RoBERTa numbers from there
    return int(most) - max(first, default=0)
