"""Every public model in a size that trains in a moment, and samples for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from crossalign import models
from crossalign.types import CLASS_MODALITY, Classes, Views

SMALL = {
    "ACMR": {"epochs": 2, "latent": 4},
    "BlindProcrustes": {"n_components": 3, "n_clusters": 4, "runs": 2, "restarts": 1, "steps": 2},
    "ContrastiveAlignment": {"epochs": 2, "latent": 4, "hidden": 8},
    "CADAVAE": {"epochs": 2, "head__epochs": 1, "latent": 4},
    "FGAN": {"epochs": 2, "dim": 8, "heads": 2},
    "FusionNetQSMA": {"epochs": 2, "network__latent": 4, "network__hidden": 8},
    "LinearCosine": {"epochs": 2},
    "SUE": {"n_coordinates": 4, "neighbours": 5, "steps": 2, "hidden": 4},
    "LCALE": {"epochs": 2, "head__epochs": 1, "latent": 4, "hidden": (16, 8)},
}


def toy(n_per_class: int = 12, seed: int = 0, text: int = 7,
        described: int = 5) -> tuple[Views, Classes]:
    """Six classes, four of them seen, with two views and side information; texts and it so
    wide.
    """
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((6, 5)).astype(np.float32)
    labels = np.repeat(np.arange(4), n_per_class)
    z = side[labels] + 0.3 * rng.standard_normal((len(labels), 5))
    views = Views({"image": z @ rng.standard_normal((5, 9)),
                   "text": z @ rng.standard_normal((5, text))}, labels)
    if described != 5:
        side = (side @ rng.standard_normal((5, described))).astype(np.float32)
    return views, Classes(side, np.arange(6) < 4)


def toy_for(name: str) -> tuple[Views, Classes]:
    """The toy in a form that the model can read."""
    return toy(text=9, described=9) if getattr(models, name).one_encoder else toy()


def rows_of(name: str, modality: str) -> np.ndarray:
    views, classes = toy_for(name)
    return classes.embeddings if modality == CLASS_MODALITY else views[modality]


def fitted(name: str, **params: Any) -> tuple[Any, Views, Classes]:
    """A small model of a kind, trained on its toy, which comes with it."""
    views, classes = toy_for(name)
    model = getattr(models, name)(**{**SMALL.get(name, {}), **params})
    return model.fit(views, classes=classes), views, classes
