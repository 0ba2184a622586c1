"""One model per file; this list is the registry.

A model's name on the command line is its file's name: ``ESZSL`` lives in ``eszsl.py`` and runs as
``crossalign run eszsl``. To add one, add its file and its line here; the contract tests, the
command line and the table of models pick it up.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crossalign.models.own_file import names_file, own_class
from crossalign.sentences import nearest

if TYPE_CHECKING:
    from crossalign.models.acmr import ACMR
    from crossalign.models.cada_vae import CADAVAE
    from crossalign.models.cca import CCA
    from crossalign.models.chance import Chance
    from crossalign.models.class_mean_oracle import ClassMeanOracle
    from crossalign.models.common_pca import CommonPCA
    from crossalign.models.eszsl import ESZSL
    from crossalign.models.fgan import FGAN
    from crossalign.models.fusionnet_qsma import FusionNetQSMA
    from crossalign.models.gfzsl import GFZSL
    from crossalign.models.lcale import LCALE
    from crossalign.models.linear_cosine import LinearCosine
    from crossalign.models.perfect_alignment import PerfectAlignment
    from crossalign.models.ridge_map import RidgeMap

__all__ = [
    "ACMR",
    "CADAVAE",
    "CCA",
    "ESZSL",
    "FGAN",
    "GFZSL",
    "LCALE",
    "Chance",
    "ClassMeanOracle",
    "CommonPCA",
    "FusionNetQSMA",
    "LinearCosine",
    "PerfectAlignment",
    "RidgeMap",
]

_FILES = {
    "ACMR": "acmr",
    "CADAVAE": "cada_vae",
    "CCA": "cca",
    "Chance": "chance",
    "ClassMeanOracle": "class_mean_oracle",
    "CommonPCA": "common_pca",
    "ESZSL": "eszsl",
    "FGAN": "fgan",
    "FusionNetQSMA": "fusionnet_qsma",
    "GFZSL": "gfzsl",
    "LCALE": "lcale",
    "LinearCosine": "linear_cosine",
    "PerfectAlignment": "perfect_alignment",
    "RidgeMap": "ridge_map",
}


def names() -> list[str]:
    """Return the names of all models, as the command line spells them."""
    return sorted(_FILES.values())


def get(name: str) -> type[Any]:
    """Return the model class for a command-line name, a class name, or ``FILE.py:CLASS``.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if names_file(name):
        return own_class(name)
    for class_name, file in _FILES.items():
        if name in (class_name, file):
            return getattr(import_module(f"{__name__}.{file}"), class_name)  # type: ignore[no-any-return]
    other = f"choose one of {names()}, or FILE.py:CLASS for one of your own."
    raise ValueError(f"model: there is no {name!r}; {nearest(name, names(), other)}")


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return get(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
