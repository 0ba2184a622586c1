"""A Gaussian per class on the codes of samples, with means regressed from side information."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from crossalign.heads.base import Array, Modalities, Places, codes_of, read_through
from crossalign.heads.few_shot import FewShotHead, posterior_means
from crossalign.models.blockwise import as_given, in_blocks
from crossalign.models.closed_form.gfzsl import GFZSL
from crossalign.models.one_modality import complete
from crossalign.preprocessing.scaling import apply_scaling
from crossalign.types import Classes, Views

__all__ = ["Gaussian"]


class Gaussian(FewShotHead):
    """`GFZSL` on codes: class Gaussians with one covariance for all.

    The defaults were chosen on validation classes of CUB for codes of ACMR.

    Parameters
    ----------
    kernel_gamma : float
        Width of the RBF kernel by which means are regressed, default 1; 0 is the linear kernel.
    ridge : float
        Ridge of that regression; default 0.03.
    shrinkage : float in (0, 1]
        Weight of the identity in the covariance; default 0.6.
    scaling : {"l2", "standard", "minmax", "root", "none"}
        Scaling of codes; default ``"l2"``.

    Attributes
    ----------
    gaussians_ : GFZSL
        Fitted class Gaussians.
    prior_, means_ : (C, d)
        Class means before and after the few samples of `learn_few`.
    coef_ : (d, C) and intercept_ : (C,)
        Linear scores of `few_scores`.
    """

    learned = MappingProxyType({
        "gaussians_": GFZSL, "counts_": np.ndarray, "prior_": np.ndarray, "means_": np.ndarray,
        "coef_": np.ndarray, "intercept_": np.ndarray})
    weighs_side_information = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: allowed for name, allowed in GFZSL._parameter_constraints.items()
        if name != "modality"}

    def __init__(self, kernel_gamma: float = 1.0, ridge: float = 0.03, shrinkage: float = 0.6,
                 scaling: str = "l2") -> None:
        self.kernel_gamma = kernel_gamma
        self.ridge = ridge
        self.shrinkage = shrinkage
        self.scaling = scaling

    def reads_samples(self, classes: Classes) -> bool:
        """Tell that training samples are needed."""
        return True

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Fit the Gaussians on codes, each sample's by all of the ``views`` that it has."""
        codes = in_blocks(lambda part: codes_of(model, *read_through(part, views)), train)
        self.gaussians_ = self._gaussians(codes, train, classes)

    def _gaussians(self, codes: Array, train: Views, classes: Classes) -> GFZSL:
        return GFZSL(**self.get_params()).fit(Views({"code": codes}), train.labels,
                                              classes=classes)

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return log-densities ``(n, C)``, up to a constant per sample."""
        return self.gaussians_.decision_function(codes_of(model, rows, views))

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on; the means of further ones are regressed."""
        self.gaussians_ = self.gaussians_.with_further(classes)

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return class means and scaled codes."""
        codes = codes_of(model, rows, views)
        return [Places(self.gaussians_.means_, self.gaussians_.placed(codes),
                       np.ones(len(codes), dtype=bool), False, self._take_means,
                       self.gaussians_.whitener)]

    def _take_means(self, means: Array) -> None:
        self.gaussians_ = self.gaussians_.with_means(means)

    # -- few samples ---------------------------------------------------------------------------
    def start_few(self, model: Any, train: Views, classes: Classes, view: str) -> None:
        """Fit the Gaussians; the means of new classes are their prior."""
        complete(train, view)
        codes = in_blocks(lambda part: self.read(model, as_given(part, view), view), train)
        self.gaussians_ = self._gaussians(codes, train, classes)
        self.counts_ = np.bincount(train.truth, minlength=len(classes))
        self.prior_ = self._prior(model, classes)
        self._settle(self.prior_)

    def _prior(self, model: Any, classes: Classes) -> Array:
        """Return class means ``(C, d)`` before any of the few samples."""
        return np.asarray(self.gaussians_.means_.copy())

    def learn_few(self, model: Any, support: Views | None, labels: Array, view: str,
                  kappa: float) -> None:
        """Move the means of new classes to those of the posterior; see `few_shot`."""
        rows = (self.prior_[:0] if support is None
                else self.few_inputs(model, as_given(complete(support, view), view), view))
        strength = np.where(self.counts_ > 0, self.counts_, kappa)
        self._settle(posterior_means(self.prior_, strength, rows, labels))

    def read(self, model: Any, rows: Any, view: str) -> Array:
        """Return what the Gaussians are fitted on, ``(n, d)``: codes."""
        return codes_of(model, rows, view)

    def few_inputs(self, model: Any, rows: Any, view: str) -> Array:
        """Compute scaled codes ``(n, d)``, in float64."""
        scaled = apply_scaling(self.read(model, rows, view), self.gaussians_.scaling,
                               **self.gaussians_.scaling_)
        return scaled.astype(np.float64)

    def _settle(self, means: Array) -> None:
        """Score with Gaussians around ``means (C, d)`` from now on."""
        self.means_ = means
        root = self.gaussians_.whitener                                  # S^-1 = root root^T
        white = means @ root
        self.coef_, self.intercept_ = root @ white.T, -0.5 * (white**2).sum(axis=1)
