"""Objective of captions: the next word, with parts of what helps to guess it hidden at random."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from crossalign.networks import CaptionDecoder
from crossalign.tasks.caption_words import HIDDEN, NOTHING, START
from crossalign.training import Batch

BLIND = 0.1
"""Share of the texts that are learned without their code, for guidance."""
USUAL = 0.8
"""Share of the texts of a batch, the shortest, that are read without the filling of longer ones."""


class CaptionObjective(nn.Module):
    """Decoder with its loss.

    The loss is the cross-entropy of every word, smoothed. Names are hidden altogether from a share
    of the texts; from the others the true name is, but for the share that a recogniser finds. A
    share of the earlier words is hidden, so that a word is read off the code, not guessed from the
    words before it.

    Parameters
    ----------
    decoder : CaptionDecoder
    masking : float
        Share of the texts without names.
    found : float
        Share of the other texts with the true name among the names.
    hiding : float
        Share of the earlier words that are hidden.
    noise : float
        Deviation of noise on codes, whose rows are then unit rows again; 0 for none.
    smoothing : float
        Label smoothing.
    """

    def __init__(self, decoder: CaptionDecoder, masking: float, found: float, hiding: float,
                 noise: float, smoothing: float) -> None:
        super().__init__()
        self.decoder = decoder
        self.masking = masking
        self.found = found
        self.hiding = hiding
        self.noise = noise
        self.smoothing = smoothing

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Return the loss of ``codes``, ``text``, and the words ``(B, ranks, m)`` of ``right`` and
        ``wrong`` names, of which the right ones are there where ``told`` is True.
        """
        codes, text = noisy(batch.views["codes"], self.noise, batch), batch.views["text"].long()
        draw = batch.uniform(3)
        hidden, known = drawn_names(draw, batch.views["told"], self.masking, self.found)
        right, wrong = batch.views["right"].long(), batch.views["wrong"].long()
        names = torch.where(hidden[:, None, None], NOTHING,
                            torch.where(known[:, None, None], right, wrong))
        before = torch.cat([torch.full_like(text[:, :1], START), text[:, :-1]], dim=1)
        shown = torch.where(batch.uniform(text.shape[1]) < self.hiding, HIDDEN, before)
        shown[:, 0] = START
        read = codes, draw[:, 2] >= BLIND, names, shown, text
        lengths = (text != NOTHING).sum(dim=1)
        usual = lengths.sort().values[int(USUAL * (len(lengths) - 1))]
        parts = [self._loss(int(lengths[part].max()), *(rows[part] for rows in read))
                 for part in (lengths <= usual, lengths > usual) if part.any()]
        return {"loss": torch.stack(parts).sum() / lengths.sum()}

    def _loss(self, longest: int, codes: Tensor, sighted: Tensor, names: Tensor, shown: Tensor,
              text: Tensor) -> Tensor:
        """Sum the loss over the words of texts of up to ``longest`` words."""
        text = text[:, :longest]
        return self.decoder.losses(codes, sighted, names, shown[:, :longest], text,
                                   self.smoothing).sum()


def drawn_names(draw: Tensor, told: Tensor, masking: float,
                found: float) -> tuple[Tensor, Tensor]:
    """Return which names ``(B,)`` are hidden and which have the true one, by draws ``(B, 2)`` or
    more; where ``told (B,)`` is True none is hidden and all have it.
    """
    told = told.bool()
    return (draw[:, 1] < masking) & ~told, (draw[:, 0] < found) | told


def noisy(codes: Tensor, noise: float, batch: Batch) -> Tensor:
    """Add noise of a deviation to codes ``(n, d)``, and make them unit rows again; 0 adds none."""
    return codes if noise == 0 else normalize(
        codes + noise * batch.normal(codes.shape[1]), dim=1)
