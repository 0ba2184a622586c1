"""Sources of batches: tensors on the device, or arrays that stay on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossalign.training.batch import Batch
from crossalign.types import Views

Array = npt.NDArray[Any]
Transform = Callable[[Array, str], Array]
"""Function from the rows of a modality, and its name, to the rows to train on."""


class Data(Protocol):
    """Interface of data as the loop uses it; indices are on ``device``."""

    labels: Tensor | None
    device: torch.device

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor) -> Batch:
        """Return the rows ``(B,)`` on the device."""

    def to(self, device: torch.device) -> Self:
        """Return the same data with its batches on a device."""


class TensorData:
    """Samples as tensors on one device; a batch is an index selection.

    Parameters
    ----------
    views : mapping of modality to Tensor
        Rows of each modality, ``(n, d)`` or ``(n, t, d)``.
    labels : (n,) int64, optional
        Class numbers; None for unlabelled data.
    present : mapping of modality to (n,) bool
        Presence of each sample, for modalities that some sample lacks.
    masks : mapping of modality to (n, t) bool
        Token masks, True where a token is real.

    Raises
    ------
    ValueError
        Without a sample, or if lengths disagree.
    """

    def __init__(self, views: Mapping[str, Tensor], labels: Tensor | None = None,
                 present: Mapping[str, Tensor] | None = None,
                 masks: Mapping[str, Tensor] | None = None) -> None:
        self.views = dict(views)
        self.labels = labels
        self.present = dict(present or {})
        self.masks = dict(masks or {})
        named = {**{f"views[{m!r}]": x for m, x in self.views.items()},
                 **({} if labels is None else {"labels": labels}),
                 **{f"present[{m!r}]": p for m, p in self.present.items()},
                 **{f"masks[{m!r}]": x for m, x in self.masks.items()}}
        lengths = {name: len(x) for name, x in named.items()}
        if not self.views or len(set(lengths.values())) > 1 or min(lengths.values()) == 0:
            raise ValueError(f"data: lengths {lengths}; give every view the same number of "
                             "samples, at least one.")
        self.device = next(iter(self.views.values())).device

    @classmethod
    def from_views(cls, views: Views, modalities: Sequence[str] | None = None,
                   device: torch.device | str = "cpu") -> TensorData:
        """Read modalities (all by default) of `Views` into tensors on a device."""
        names = _chosen(views, modalities)
        tensors = {m: torch.from_numpy(_float32(views.read(m))) for m in names}
        present, masks = _flags(views.present, names), _flags(views.masks, names)
        data = cls(_blank(_blank(tensors, present), masks), _labels(views), present, masks)
        return data.to(torch.device(device))

    def __len__(self) -> int:
        return len(next(iter(self.views.values())))

    def batch(self, indices: Tensor) -> Batch:
        """Select the rows ``(B,)``."""
        return Batch({m: x.index_select(0, indices) for m, x in self.views.items()},
                     None if self.labels is None else self.labels.index_select(0, indices),
                     {m: p.index_select(0, indices) for m, p in self.present.items()},
                     {m: x.index_select(0, indices) for m, x in self.masks.items()}, indices)

    def to(self, device: torch.device) -> TensorData:
        """Return the same samples on a device."""
        if device == self.device:
            return self
        return TensorData(_move(self.views, device),
                          None if self.labels is None else self.labels.to(device),
                          _move(self.present, device), _move(self.masks, device))


class DiskData:
    """Samples whose features stay on disk; each batch reads its own rows.

    Labels, presence and masks are in memory.

    Parameters
    ----------
    views : Views
        Samples, usually of memory-mapped arrays.
    modalities : sequence of str, optional
        Names of the modalities to read; default all.
    device : torch.device or str
        Device of the batches; default ``"cpu"``.
    transform : callable, optional
        Function applied to the float32 rows of every batch; default none.

    Raises
    ------
    ValueError
        Without a sample, or for an unknown modality.
    """

    def __init__(self, views: Views, modalities: Sequence[str] | None = None,
                 device: torch.device | str = "cpu", transform: Transform | None = None) -> None:
        self.source, self.transform = views, transform
        self.modalities = _chosen(views, modalities)
        if len(views) == 0:
            raise ValueError("data: holds no sample; give at least one.")
        self.device = torch.device(device)
        labels = _labels(views)
        self.labels = None if labels is None else labels.to(self.device)
        self.present = _move(_flags(views.present, self.modalities), self.device)
        self.masks = _move(_flags(views.masks, self.modalities), self.device)

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, indices: Tensor) -> Batch:
        """Read the rows ``(B,)`` from disk."""
        rows = indices.cpu().numpy()
        present = {m: p.index_select(0, indices) for m, p in self.present.items()}
        tensors = {m: torch.from_numpy(self._read(m, rows)).to(self.device)
                   for m in self.modalities}
        masks = {m: x.index_select(0, indices) for m, x in self.masks.items()}
        return Batch(_blank(_blank(tensors, present), masks),
                     None if self.labels is None else self.labels.index_select(0, indices),
                     present, masks, indices)

    def _read(self, modality: str, rows: Array) -> Array:
        values = _float32(self.source.read(modality, rows))
        return values if self.transform is None else _float32(self.transform(values, modality))

    def to(self, device: torch.device) -> DiskData:
        """Return the same samples with batches on a device."""
        return self if device == self.device else DiskData(self.source, self.modalities, device,
                                                           self.transform)


def place(data: Data | Views, device: torch.device) -> Data:
    """Return data with its batches on a device; `Views` on disk stay there."""
    if not isinstance(data, Views):
        return data.to(device)
    if len(data) and _on_disk(data):
        return DiskData(data, device=device)
    return TensorData.from_views(data, device=device)


def transformed(views: Views, transform: Transform) -> TensorData | DiskData:
    """Apply a function to the rows of each modality; it must treat every row by itself.

    Samples in memory are transformed once; with a memory-mapped modality, every batch is.
    """
    if len(views) and _on_disk(views):
        return DiskData(views, transform=transform)
    return TensorData.from_views(Views({m: transform(views[m], m) for m in views.modalities},
                                       views.labels, present=views.present, masks=views.masks))


def _on_disk(views: Views) -> bool:
    return any(views.on_disk(m) for m in views.modalities)


def _float32(rows: Array) -> Array:
    """Convert rows to what torch can own: float32, contiguous and writeable."""
    return np.require(rows, np.float32, ["C", "W"])


def _chosen(views: Views, modalities: Sequence[str] | None) -> tuple[str, ...]:
    names = views.modalities if modalities is None else tuple(modalities)
    unknown = [m for m in names if m not in views]
    if unknown or not names:
        raise ValueError(f"modalities: got {list(names)}; choose among {list(views.modalities)}.")
    return names


def _labels(views: Views) -> Tensor | None:
    return None if views.labels is None else torch.from_numpy(views.labels.astype(np.int64))


def _flags(flags: Mapping[str, Array], names: Sequence[str]) -> dict[str, Tensor]:
    return {m: torch.from_numpy(flags[m].copy()) for m in names if m in flags}


def _blank(views: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Set rows that are missing and tokens that are masked to zero, whatever they hold."""
    return {m: x.masked_fill(~there[m].view(*there[m].shape, *[1] * (x.ndim - there[m].ndim)), 0)
            if m in there else x for m, x in views.items()}


def _move(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: x.to(device) for name, x in tensors.items()}
