"""Objective of captions by a language model: the next token, names and code hidden at random."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossalign.networks import LanguageDecoder
from crossalign.tasks.caption_objective import BLIND, drawn_names, noisy
from crossalign.training import Batch


class LanguageObjective(nn.Module):
    """Decoder with its loss: the cross-entropy of every token of a caption and of its end.

    Names are hidden altogether from a share of the texts; from the others the true name is, but for
    the share that a recogniser finds. A few texts are learned without their code, for guidance.

    Parameters
    ----------
    decoder : LanguageDecoder
    masking : float
        Share of the texts without names.
    found : float
        Share of the other texts with the true name among the names.
    noise : float
        Deviation of noise on codes, whose rows are then unit rows again; 0 for none.
    """

    def __init__(self, decoder: LanguageDecoder, masking: float, found: float,
                 noise: float) -> None:
        super().__init__()
        self.decoder = decoder
        self.masking = masking
        self.found = found
        self.noise = noise

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Return the loss of ``codes``, of ``text`` with ``said``, where it has a token, and of
        the prompts ``right`` and ``wrong`` with ``right_real`` and ``wrong_real``, of which the
        right ones are there where ``told`` is True.
        """
        views = batch.views
        codes = noisy(views["codes"], self.noise, batch)
        draw = batch.uniform(3)
        hidden, known = drawn_names(draw, views["told"], self.masking, self.found)
        prompt = torch.where(known[:, None], views["right"], views["wrong"])
        real = torch.where(known[:, None], views["right_real"], views["wrong_real"])
        real = real & ~hidden[:, None]
        text, said = views["text"], views["said"]
        found = self.decoder(codes, draw[:, 2] >= BLIND, prompt, real, text)
        likely = found.gather(2, text[:, :, None])[:, :, 0]
        return {"loss": -(likely * said).sum() / said.sum()}
