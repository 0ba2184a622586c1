"""TipAdapter: the space of a dual encoder, and a cache of training samples beside the texts.

    s_c(x) = cos(x, t_c) / T + alpha mean_i exp(-beta (1 - cos(x, k_i))),     i a sample of class c

Tip-Adapter (Zhang et al., ECCV 2022, eqs. 3-6): the cached samples k_i of a class vote for it, the
nearer the more, and the encoded text votes as in zero-shot CLIP; nothing is trained. alpha and beta
are chosen on validation classes.

Of an unseen class there is no sample, so its cache is empty and the text alone scores it. Every
cached sample can only raise the score of a seen class; the calibration of seen classes, chosen on
validation classes, makes up for that. Among unseen classes the order is that of the frozen space.

How we differ: theirs sums over the samples of a class, of which all have equally many; the mean
lets classes of unequal sizes compete, and alpha is theirs times the number of samples. Theirs
caches a random draw of samples, ours those that are evenly spaced in the order given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from crossalign.models.dual_encoder.dual_encoder import FrozenDualEncoder
from crossalign.models.parts import head_range
from crossalign.nested import Part

__all__ = ["TipAdapter"]


class TipAdapter(FrozenDualEncoder):
    """A dual encoder's space, in which cached training samples vote beside the texts of classes.

    Parameters
    ----------
    head : str or Head
        Way to score classes, see `tasks.ZeroShot`; default ``"cache"``, whose parameters
        ``head__alpha``, ``head__beta`` and ``head__shots`` are those of Tip-Adapter.
    temperature : float
        Temperature T by which cosines with texts are divided; default 0.01, CLIP's.
    """

    parts = ("head",)
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "head__alpha": (1.0, 4.0, 16.0, 64.0), "head__beta": (1.0, 5.5, 20.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "head": head_range(), **FrozenDualEncoder._parameter_constraints}

    def __init__(self, head: str | Part = "cache", temperature: float = 0.01,
                 **nested: Any) -> None:
        super().__init__(temperature)
        self.head = head
        self.set_params(**nested)
