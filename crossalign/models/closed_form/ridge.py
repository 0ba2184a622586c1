"""Ridge regression of rows onto rows, from products that add up over blocks."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from crossalign.models.rows import Array
from crossalign.preprocessing.rows import Rows, products, scatter


def ridge_coefficients(x: Rows, y: Rows, alpha: float) -> Array:
    """Return W ``(d_x, d_y)`` that minimises ``|y - x W|^2 + alpha |W|^2`` for rows ``(n, d)``."""
    return solved(scatter(x), products(x, y), alpha)


def solved(gram: Array, cross: Array, alpha: float) -> Array:
    """Solve ``(gram + alpha I) W = cross`` for a Gram matrix ``(d, d)``."""
    return np.asarray(linalg.solve(gram + alpha * np.eye(len(gram)), cross, assume_a="pos"))
