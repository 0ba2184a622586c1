"""Torch modules: no data, no training, no losses.

- `mlp`: stacks of linear layers, and the initialisations that papers prescribe.
- `gaussian`: an encoder to a diagonal Gaussian, and two ways of sampling from it.
- `vae`: encoders and decoders of several modalities around one latent space.
- `gated`: a hidden layer gated by another one.
- `gate`: weights on a latent Gaussian that depend on all of it.
- `cross_weighting`: two codes of a sample, weighted by each other.
- `adapter`: features of one modality to a diagonal Gaussian.
- `manifold`: iterative projection onto the unit sphere.
- `experts`: the product of Gaussians.
- `topk`: the k tokens of highest score, smoothed by noise; `smoothed_topk` has its gradient.
- `attention`: attention over modalities and classes.
- `token_reader`: token rows in context, the first part of the encoder of FGAN.
- `rotary`: attention with rotary positions; `temporal_attention` pools the frames of a clip by it.
- `caption_decoder`: codes to texts, with a pointer to names.
- `language_decoder`: the same by a language model of ``transformers`` behind a learned prefix.
- `class_memory`: prototypes of seen classes, and of other classes by attention to them.
"""

from crossalign.networks.adapter import Adapter, GaussianHead
from crossalign.networks.attention import (
    ClassAttention,
    ModalityFusion,
    class_distances,
)
from crossalign.networks.caption_decoder import CaptionDecoder
from crossalign.networks.class_memory import ClassMemory
from crossalign.networks.cross_weighting import cross_weighting
from crossalign.networks.experts import product_of_experts
from crossalign.networks.gate import InformationGate
from crossalign.networks.gated import GatedMLP
from crossalign.networks.gaussian import GaussianEncoder, reparametrise
from crossalign.networks.language_decoder import LanguageDecoder
from crossalign.networks.manifold import ManifoldProjection
from crossalign.networks.mlp import MLP, initialise
from crossalign.networks.rotary import RotaryLayer, rotated
from crossalign.networks.temporal_attention import TemporalAttention
from crossalign.networks.topk import PerturbedTopK, hard_topk, perturbed_topk, tokens_kept
from crossalign.networks.vae import CrossVAE

__all__ = ["MLP", "Adapter", "CaptionDecoder", "ClassAttention", "ClassMemory", "CrossVAE",
           "GatedMLP", "GaussianEncoder", "GaussianHead", "InformationGate",
           "LanguageDecoder", "ManifoldProjection", "ModalityFusion", "PerturbedTopK",
           "RotaryLayer", "TemporalAttention", "class_distances", "cross_weighting", "hard_topk",
           "initialise", "perturbed_topk", "product_of_experts", "reparametrise", "rotated",
           "tokens_kept"]
