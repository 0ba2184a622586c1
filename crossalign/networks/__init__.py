"""Torch modules: no data, no training, no losses.

- `mlp`: stacks of linear layers, and the initialisations that papers prescribe.
- `gaussian`: an encoder to a diagonal Gaussian, and the two ways its samples are drawn.
- `vae`: encoders and decoders of several modalities around one latent space.
- `gate`: weights on a latent Gaussian that depend on all of it.
- `cross_weighting`: two codes of a sample, weighted by each other.
"""

from crossalign.networks.cross_weighting import cross_weighting
from crossalign.networks.gate import InformationGate
from crossalign.networks.gaussian import GaussianEncoder, reparametrise
from crossalign.networks.mlp import MLP, initialise
from crossalign.networks.vae import CrossVAE

__all__ = ["MLP", "CrossVAE", "GaussianEncoder", "InformationGate", "cross_weighting",
           "initialise", "reparametrise"]
