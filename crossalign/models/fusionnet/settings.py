"""Parameters of FusionNet-QSMA in groups, and the presets that fill them in.

A parameter that is None has the value of the preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.losses import MARGINALS
from crossalign.models.closed_form.linear_views import LINEAR_VIEWS
from crossalign.models.closed_form.mutual_regression import PLANS, Transport
from crossalign.models.pairing import PAIRINGS
from crossalign.models.ranges import RATE, SHARE, SIZE, WEIGHT
from crossalign.nested import Part
from crossalign.networks.manifold import SPREADS
from crossalign.sampling import SAMPLINGS

TERMS = ("classification", "contrast", "conditional", "marginal", "reconstruction", "cross",
         "vib", "calibration", "smooth", "topology", "cycle")
"""Terms of the loss."""
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "gzsl": {
        "epochs": 8, "network__latent": 256, "network__hidden": 512, "network__dropout": 0.5,
        "draws__number": 2, "draws__kind": "quasi", "linear__share": 0.0,
        "objective__classification": 1.0, "objective__contrast": 0.0, "objective__conditional": 0.1,
        "objective__marginal": 0.1, "objective__reconstruction": 0.0, "objective__cross": 0.0,
        "objective__vib": 1e-3, "objective__calibration": 1.0, "objective__matching": "class"},
    "retrieval": {
        "epochs": 15, "network__latent": 64, "network__hidden": 256, "network__dropout": 0.0,
        "draws__number": 1, "draws__kind": "quasi", "linear__share": 0.7,
        "objective__classification": 0.0, "objective__contrast": 0.0, "objective__conditional": 0.0,
        "objective__marginal": 1.0, "objective__reconstruction": 1.0, "objective__cross": 1.0,
        "objective__vib": 1e-3, "objective__calibration": 0.0, "objective__matching": "instance"},
}
"""Values of a preset, by the names of parameters."""
BARE: Mapping[str, Any] = {
    "manifold__steps": 0, "draws__number": 0, "objective__conditional": 0.0,
    "objective__marginal": 0.0, "objective__vib": 0.0, "objective__calibration": 0.0}
"""Parameters that switch off all that the system is named for: iteration, draws, divergences,
uncertainty.
"""


class Network(Part):
    """Sizes of the encoders.

    Parameters
    ----------
    latent, hidden : int, optional
        Widths of the latent space and of the hidden layers; default the preset's.
    dropout : float, optional
        Dropout probability of the encoders; default the preset's.
    fused : bool
        Whether to learn to classify the fusion of several views too; default True.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "latent": [SIZE, None], "hidden": [SIZE, None],
        "dropout": [Interval(Real, 0, 1, closed="left"), None], "fused": ["boolean"]}

    def __init__(self, latent: int | None = None, hidden: int | None = None,
                 dropout: float | None = None, fused: bool = True) -> None:
        self.latent = latent
        self.hidden = hidden
        self.dropout = dropout
        self.fused = fused


class Manifold(Part):
    """Iterative projection onto the shared manifold, see `networks.ManifoldProjection`.

    Parameters
    ----------
    steps : int
        Number of steps; default 3.
    anchors : int
        Number of anchors; default 32.
    alpha : float
        Pull of the anchors, in (0, 1]; default 0.3.
    temperature : float
        Temperature of the softmax over anchors; default 0.2.
    spread : {"carry", "delta"}
        Propagation of the variance through the steps; default ``"carry"``, unchanged.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "steps": [Interval(Integral, 0, 1000, closed="both")], "anchors": [SIZE], "alpha": [RATE],
        "temperature": [RATE], "spread": [StrOptions(set(SPREADS))]}

    def __init__(self, steps: int = 3, anchors: int = 32, alpha: float = 0.3,
                 temperature: float = 0.2, spread: str = "carry") -> None:
        self.steps = steps
        self.anchors = anchors
        self.alpha = alpha
        self.temperature = temperature
        self.spread = spread


class Draws(Part):
    """Draws of a code from its Gaussian.

    Parameters
    ----------
    number : int, optional
        Number of draws per code, all of which count in classification, marginal, reconstruction,
        cross and cycle; 0 for codes without uncertainty. Default the preset's.
    kind : {"quasi", "iid"}, optional
        Kind of draws, also of the linear view's features; default the preset's.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "number": [Interval(Integral, 0, 1024, closed="both"), None],
        "kind": [StrOptions(set(SAMPLINGS)), None]}

    def __init__(self, number: int | None = None, kind: str | None = None) -> None:
        self.number = number
        self.kind = kind


class Objective(Part):
    """Weights of the terms of the loss, and their forms.

    Parameters
    ----------
    classification, contrast, conditional, marginal, reconstruction, cross, vib, calibration, \
smooth, topology, cycle : float
        Weights of the terms; default the preset's, and 0 for the last three. A term of weight 0 is
        not computed.
    divergence : {"orthogonal", "iid", "sobol", "bures", "sinkhorn", "mmd"}
        Marginal divergence, see `losses.MARGINALS`; default ``"orthogonal"``.
    matching : {"class", "instance"}, optional
        Positives of the contrast of views: samples of one class, or the same sample; default the
        preset's.
    smoothing : float
        Label smoothing of the classification loss; default 0.1.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{weight: [WEIGHT, None] for weight in TERMS},
        "divergence": [StrOptions(set(MARGINALS))],
        "matching": [StrOptions({"class", "instance"}), None],
        "smoothing": [Interval(Real, 0, 1, closed="left")]}

    def __init__(self, classification: float | None = None, contrast: float | None = None,
                 conditional: float | None = None, marginal: float | None = None,
                 reconstruction: float | None = None, cross: float | None = None,
                 vib: float | None = None, calibration: float | None = None, smooth: float = 0.0,
                 topology: float = 0.0, cycle: float = 0.0, divergence: str = "orthogonal",
                 matching: str | None = None, smoothing: float = 0.1) -> None:
        self.classification = classification
        self.contrast = contrast
        self.conditional = conditional
        self.marginal = marginal
        self.reconstruction = reconstruction
        self.cross = cross
        self.vib = vib
        self.calibration = calibration
        self.smooth = smooth
        self.topology = topology
        self.cycle = cycle
        self.divergence = divergence
        self.matching = matching
        self.smoothing = smoothing


class Attention(Part):
    """Attention to classes, and of classes to each other.

    Parameters
    ----------
    held_out : float
        Share of the seen classes that a step treats as unseen; default 0.3.
    sharpness : float
        Sharpness of the kernel by which classes attend to each other; default 1.
    ridge : float
        Ridge of that kernel; default 0.1.
    temperature : float
        Temperature of attention to classes at the start; default 0.125.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "held_out": [Interval(Real, 0, 1, closed="left")], "sharpness": [RATE], "ridge": [RATE],
        "temperature": [RATE]}

    def __init__(self, held_out: float = 0.3, sharpness: float = 1.0, ridge: float = 0.1,
                 temperature: float = 0.125) -> None:
        self.held_out = held_out
        self.sharpness = sharpness
        self.ridge = ridge
        self.temperature = temperature


class Linear(Part):
    """Linear view of the space, beside the codes.

    Parameters
    ----------
    share : float, optional
        Share in [0, 1] of the linear view in `embed`, with several views; default the preset's.
        Above 0, encoders start from regression or axes.
    view : {"ridge", "pca"}
        Kind of the view; default ``"ridge"``, ridge regression of the other views onto the second.
        ``"pca"``: the principal axes of all views (`CommonPCA`), for features of one encoder.
    mutual : bool
        Whether every view is regressed onto every other, with samples that lack a view completed by
        transport, see `closed_form.mutual_regression`; default False. Axes of ``"pca"`` are then
        joined to it.
    alpha : float
        Ridge of the regressions; default 1000.
    pairs : {"auto", "own", "class"}
        Pairs of the regressions. ``"own"``: the samples that have both views. ``"class"``: all
        pairs within a class, for labelled samples. Default ``"auto"``: of a class where some
        samples lack a view and all are labelled.
    features : int
        Number of quasi-random features of a Gaussian kernel beside the columns that are regressed
        on, see `closed_form.random_features`; default 0.
    rounds : int
        Number of times that samples are completed, at most 4,096 of each view, evenly spaced, and
        the maps fitted again; default 1.
    certainty : float
        Power by which samples count that are completed with certainty; default 3.
    plan : {"transport", "softmax"}
        Plan that completes them; default ``"transport"``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "share": [SHARE, None], "view": [StrOptions(set(LINEAR_VIEWS))], "mutual": ["boolean"],
        "alpha": [RATE], "pairs": [StrOptions({"auto", *PAIRINGS})],
        "features": [Interval(Integral, 0, 1 << 16, closed="both")],
        "rounds": [Interval(Integral, 0, 1000, closed="both")], "certainty": [WEIGHT],
        "plan": [StrOptions(set(PLANS))]}

    def __init__(self, share: float | None = None, view: str = "ridge", mutual: bool = False,
                 alpha: float = 1000.0, pairs: str = "auto", features: int = 0,
                 rounds: int = Transport.rounds, certainty: float = Transport.certainty,
                 plan: str = Transport.plan) -> None:
        self.share = share
        self.view = view
        self.mutual = mutual
        self.alpha = alpha
        self.pairs = pairs
        self.features = features
        self.rounds = rounds
        self.certainty = certainty
        self.plan = plan


GROUPS: Mapping[str, type[Part]] = {
    "network": Network, "manifold": Manifold, "draws": Draws, "objective": Objective,
    "attention": Attention, "linear": Linear}
"""Groups by the names of the parameters that hold them."""
