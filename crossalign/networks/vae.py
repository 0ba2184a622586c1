"""Encoders and decoders of several modalities around one latent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from crossalign.networks.gaussian import GaussianEncoder
from crossalign.networks.mlp import MLP


class CrossVAE(nn.Module):
    """One variational autoencoder per modality; any code can go through any decoder.

    Parameters
    ----------
    widths : mapping of modality to feature width
    latent : int
        Width of the shared latent space.
    encoder_hidden, decoder_hidden : mapping of modality to hidden widths
        Widths of the hidden layers, in order.
    """

    def __init__(self, widths: Mapping[str, int], latent: int,
                 encoder_hidden: Mapping[str, Sequence[int]],
                 decoder_hidden: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self.order = list(widths)
        self.latent = latent
        self.encoders = nn.ModuleList(
            GaussianEncoder(widths[m], encoder_hidden[m], latent) for m in self.order)
        self.decoders = nn.ModuleList(
            MLP(latent, [*decoder_hidden[m], widths[m]]) for m in self.order)

    def encode(self, x: Tensor, modality: str) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance ``(n, latent)`` of rows ``(n, d_modality)``."""
        mean, logvar = self.encoders[self.order.index(modality)](x)
        return mean, logvar

    def decode(self, z: Tensor, modality: str) -> Tensor:
        """Return rows ``(n, d_modality)`` for codes ``(n, latent)``."""
        x: Tensor = self.decoders[self.order.index(modality)](z)
        return x

    def decode_all(self, codes: Sequence[Tensor], modality: str) -> tuple[Tensor, ...]:
        """Send every code through one decoder, in one pass over its weights instead of
        ``len(codes)``.
        """
        return self.decode(torch.cat(list(codes)), modality).chunk(len(codes))
