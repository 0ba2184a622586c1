"""Linear maps under which both modalities of a pair are the same vector: facts and algebra.

X_m is (d_m, N), one pair per column; find A_1, A_2 with k rows and A_1 X_1 = A_2 X_2. In short:
X = [X_1; -X_2], A = [A_1 A_2], A X = 0; r_m = rank X_m, and X_m = U_m diag(s_m) V_m is thin.

T1, existence. A nonzero A exists iff rank X < d_1 + d_2; its rows range over the left null space
of X, of dimension d_1 + d_2 - rank X. (A X = 0 says that each row of A is in that space.)

T2, what is worth having. (d_1 - r_1) + (d_2 - r_2) of those dimensions map everything to zero: a
pair (a_1, a_2) with a_m' X_m = 0. The other kappa = r_1 + r_2 - rank X carry information, and
kappa = dim(row X_1 & row X_2) = number of canonical correlations equal to one. So a latent space
of rank k aligns perfectly iff kappa >= k. (Rows of Z = A_1 X_1 = A_2 X_2 lie in both row spaces;
conversely A_m = Z X_m^+ reaches any such Z. Cosines of the angles between the row spaces are the
singular values of V_1 V_2', and a direction is common iff its cosine is one.)

T3, what is recovered. If x_m = S_m z with S_m of full column rank and Z of full row rank k0, then
row X_m = row Z, kappa = k0 and A_1 S_1 = A_2 S_2 = G invertible: z up to GL(k0). Otherwise only
the part of z that both S_m keep, dim(row S_1 & row S_2) of it. (A_1 S_1 Z = A_2 S_2 Z, and Z has a
right inverse; the common space has k0 dimensions, so G has rank k0.)

T4, spurious alignment. Unrelated generic X_1, X_2 have kappa = max(0, r_1 + r_2 - N): two
subspaces of R^N must meet. Centring costs one more sample. Hence truncate ranks when
N < r_1 + r_2, and judge on pairs that were held out.

T5, noise. Under A A' = I the minimum of ||A X||_F is reached at the k smallest left singular
vectors (Ky Fan), the minimum being the sum of their squared singular values; consistent only for
noise of one isotropic level, else whiten by the noise covariance first. Under
A_1 C_11 A_1' = A_2 C_22 A_2' = I it is CCA, with minimum 2 sum(1 - rho_i). The singular values of
[V_1; -V_2] are sqrt(1 -+ rho_i), since its Gram matrix is [[I, -C], [-C', I]] with C = V_1 V_2'.

T6, transfer. If A_1 x_1 = A_2 x_2 almost surely, every h(A_1 x_1) has the risk of h(A_2 x_2): they
are the same random variable. With e = A_2 x_2 - A_1 x_1 and linear scores of weight norm <= L, a
prediction changes only where the margin is <= 2 L ||e||. If z_1|c is N(m_c, S_c) and e has mean
zero, z_2|c is N(m_c, S_c + D), with D = Cov z_2 - Cov z_1 needing no label.

T7, marginals. If (x_1, x_2)|c is N(mu_c, S_c) then P x|c is N(P mu_c, P S_c P') for every linear
P, so a classifier for one modality is the marginal of the joint one. `tasks.Transfer` uses both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from crossalign.preprocessing.rows import Rows, together

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearAlignment:
    """Two linear maps, and the quality of their alignment.

    Attributes
    ----------
    first, second : (k, d1), (k, d2)
        The maps A_1 and A_2.
    values : array
        Canonical correlations, descending, for `canonical_alignment`; all d1 + d2 singular values
        of the stack, ascending, for `stacked_alignment`.
    """

    first: Array
    second: Array
    values: Array


def spurious_dimensions(rank_first: int, rank_second: int, n: int) -> int:
    """Count the perfectly aligned dimensions that unrelated data of these ranks have anyway
    (T4).
    """
    return max(0, rank_first + rank_second - n)


def noise_correlation(rank_first: int, rank_second: int, n: int) -> float:
    """Return the largest canonical correlation to expect of unrelated data (Wachter 1980).

    It is the edge of the bulk: with c_m = r_m / n, sqrt(c1 (1 - c2)) + sqrt(c2 (1 - c1)), and 1
    once c1 + c2 >= 1; a margin of n^(-2/3) is added for its fluctuation.
    """
    c1, c2 = rank_first / n, rank_second / n
    if c1 + c2 >= 1:
        return 1.0
    return float(min(1.0, np.sqrt(c1 * (1 - c2)) + np.sqrt(c2 * (1 - c1)) + n ** (-2 / 3)))


def gavish_donoho_rank(singular_values: npt.ArrayLike, shape: tuple[int, int]) -> int:
    """Estimate the rank above unknown white noise: values over omega(beta) times the median one.

    omega(beta) = .56 beta^3 - .95 beta^2 + 1.82 beta + 1.43, beta = short side / long side (Gavish
    & Donoho, IEEE Trans. Inf. Theory 2014, eq. 5). The rank is at least one.
    """
    s = np.asarray(singular_values, dtype=np.float64)
    beta = min(shape) / max(shape)
    omega = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    return max(1, int((s > omega * np.median(s[: min(shape)])).sum()))


def canonical_alignment(first: npt.ArrayLike, second: npt.ArrayLike, n_components: int,
                        ranks: tuple[int, int], ridge: float = 0.0) -> LinearAlignment:
    """Find the principal directions between the row spaces, truncated to ``ranks``.

    Without ridge, A_m = (P_m / s_m) U_m' and the rows of A_m X_m are orthonormal in R^N; the
    inner products of A_1 X_1 with A_2 X_2 are the canonical correlations. ``ridge`` is added to
    the covariance, as a share of its mean eigenvalue.
    """
    svd = [np.linalg.svd(np.asarray(x, dtype=np.float64), full_matrices=False)
           for x in (first, second)]                      # X = V' s U': (N, r), (r,), (r, d)
    scales, bases, whitened = [], [], []
    for (v, s, u), r in zip(svd, ranks, strict=True):
        scale = np.sqrt(s[:r] ** 2 + ridge * (s**2).sum() / u.shape[1])
        scales.append(scale)
        bases.append(u[:r])
        whitened.append(v[:, :r] * (s[:r] / scale))
    p, rho, q = np.linalg.svd(whitened[0].T @ whitened[1])  # (r1, r1), (min,), (r2, r2)
    return LinearAlignment((p.T[:n_components] / scales[0]) @ bases[0],
                           (q[:n_components] / scales[1]) @ bases[1], np.clip(rho, 0, 1))


def stacked_alignment(first: npt.ArrayLike, second: npt.ArrayLike,
                      n_components: int) -> LinearAlignment:
    """Return the k smallest left singular vectors of [X_1; -X_2], which minimise ||A X||_F (T5)."""
    x = np.asarray(first, dtype=np.float64)
    stack = np.hstack([x, -np.asarray(second, dtype=np.float64)])          # X', (N, d1 + d2)
    triangle = np.linalg.qr(stack, mode="r")                               # (min, d1 + d2)
    _, s, v = np.linalg.svd(triangle, full_matrices=True)
    values = np.pad(s, (0, stack.shape[1] - len(s)))[::-1]
    rows = v[::-1][:n_components]                                          # smallest first
    return LinearAlignment(rows[:, : x.shape[1]], rows[:, x.shape[1]:], values)


def columns_of(first: Rows, second: Rows) -> tuple[Array, Array]:
    """Return matrices ``(r, d1)``, ``(r, d2)`` with the inner products between columns of all rows.

    For rows in memory these are the rows themselves. For rows on disk they are the triangle of [X_1
    X_2] = Q R, for which one triangle is held beside a block (Demmel et al., SIAM J. Sci. Comput.
    2012): it is exact, where second moments would square the span of singular values.
    """
    if first.step is None and second.step is None:
        return first.read(slice(None)), second.read(slice(None))
    triangle = np.zeros((0, first.width + second.width))
    for block in together(first, second):
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, np.hstack(block)]), mode="r"))
    return triangle[:, :first.width], triangle[:, first.width:]


def whiten(x: Array, root: Array | None) -> Array:
    """Express rows ``(n, d)`` in units of the noise: L^-1 x."""
    if root is None:
        return x
    return np.asarray(linalg.solve_triangular(root, x.T, lower=True).T)
