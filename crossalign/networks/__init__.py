"""Torch modules: no data, no training, no losses.

- `mlp`: stacks of linear layers, and the initialisations that papers prescribe.
- `gaussian`: an encoder to a diagonal Gaussian, and the two ways its samples are drawn.
- `vae`: encoders and decoders of several modalities around one latent space.
"""

from crossalign.networks.gaussian import GaussianEncoder, reparametrise
from crossalign.networks.mlp import MLP, initialise
from crossalign.networks.vae import CrossVAE

__all__ = ["MLP", "CrossVAE", "GaussianEncoder", "initialise", "reparametrise"]
