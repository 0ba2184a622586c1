"""Splits: unseen classes, class splits, held-out rows, drawn pairs.

| file | idea |
|---|---|
| rows | rows held out per class, validation without leaks, disjoint index lists |
| tuning | validation rows of recognition, published or drawn |
| divisions | classes into seen and unseen: random halves, whole groups, all there are |
| unseen | published choices of unseen classes, and lists of them |
| pairs | pairs drawn within classes |

Everything is a pure function of index arrays and a seed. Random order comes from the raw stream of
PCG64, which NumPy promises not to change (NEP 19), so a split is the same on every version.
"""

from crossalign.data.splits.divisions import class_splits, every_split, group_splits
from crossalign.data.splits.pairs import pairs_within_classes
from crossalign.data.splits.rows import (
    Rows,
    assert_disjoint,
    gzsl_validation,
    hold_out,
    leak,
    random_keys,
    validation_rows,
)
from crossalign.data.splits.tuning import tuning_rows
from crossalign.data.splits.unseen import sempcyc_sketchy_unseen, unseen_mask

__all__ = [
    "Rows",
    "assert_disjoint",
    "class_splits",
    "every_split",
    "group_splits",
    "gzsl_validation",
    "hold_out",
    "leak",
    "pairs_within_classes",
    "random_keys",
    "sempcyc_sketchy_unseen",
    "tuning_rows",
    "unseen_mask",
    "validation_rows",
]
