"""One objective per file, pure functions of tensors.

Every loss is summed over feature dimensions and averaged over the batch unless its docstring says
otherwise, so that a weight means the same at any batch size. Losses that look at the batch as a
whole (`mmd`, `sliced_w2`, `bures_w2`, `sinkhorn_divergence`, `class_conditional_w2`,
`marginal_divergence`, `probabilistic_contrast`, `persistence_gap`, `coral`, `pairwise_contrast`,
`selective_triplets`, `info_nce`, `sigmoid_contrast`, `structure_gap`, `klot`) are computed within
each rank. A loss over no sample or no pair is 0, on the graph of what it was given.
"""

from crossalign.losses.bures import bures_w2
from crossalign.losses.contrastive import probabilistic_contrast, sampled_distance
from crossalign.losses.coral import coral
from crossalign.losses.info_nce import info_nce
from crossalign.losses.kl import kl_standard_normal
from crossalign.losses.klot import klot
from crossalign.losses.label_distribution import label_alignment
from crossalign.losses.mmd import mmd
from crossalign.losses.pairwise_contrast import cross_distances, pairwise_contrast
from crossalign.losses.persistence import persistence_gap, spanning_tree
from crossalign.losses.qsma import (
    MARGINALS,
    barycentre,
    class_conditional_w2,
    class_moments,
    marginal_divergence,
)
from crossalign.losses.reconstruction import reconstruction
from crossalign.losses.selective_triplet import selective_triplets
from crossalign.losses.sigmoid_contrast import sigmoid_contrast
from crossalign.losses.sinkhorn import log_plan, sinkhorn_divergence
from crossalign.losses.sliced_wasserstein import sliced_w2
from crossalign.losses.smoothness import interpolation_gap, slerp
from crossalign.losses.structure import structure_gap
from crossalign.losses.wasserstein import gaussian_w2

__all__ = [
    "MARGINALS",
    "barycentre",
    "bures_w2",
    "class_conditional_w2",
    "class_moments",
    "coral",
    "cross_distances",
    "gaussian_w2",
    "info_nce",
    "interpolation_gap",
    "kl_standard_normal",
    "klot",
    "label_alignment",
    "log_plan",
    "marginal_divergence",
    "mmd",
    "pairwise_contrast",
    "persistence_gap",
    "probabilistic_contrast",
    "reconstruction",
    "sampled_distance",
    "selective_triplets",
    "sigmoid_contrast",
    "sinkhorn_divergence",
    "slerp",
    "sliced_w2",
    "spanning_tree",
    "structure_gap",
]
