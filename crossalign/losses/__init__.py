"""One objective per file, pure functions of tensors.

Every loss is summed over feature dimensions and averaged over the batch unless its docstring says
otherwise, so that a weight means the same at any batch size. Losses that look at the batch as a
whole (`mmd`) are computed within each rank.
"""

from crossalign.losses.kl import kl_standard_normal
from crossalign.losses.mmd import mmd
from crossalign.losses.reconstruction import reconstruction
from crossalign.losses.wasserstein import gaussian_w2

__all__ = ["gaussian_w2", "kl_standard_normal", "mmd", "reconstruction"]
