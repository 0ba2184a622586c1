"""Memory-mapped features stay on disk: no read is of more than a block, and results are equal."""

from __future__ import annotations

from functools import partialmethod

import numpy as np
import pytest
from small_models import SMALL, toy_for

from crossalign import models
from crossalign.models.base import Aligner, ZeroShotClassifier
from crossalign.types import Views

NUMBERS = 60
"""Numbers in a block of these tests."""


@pytest.fixture
def asked(monkeypatch):
    """Rows of each read of a memory-mapped modality."""
    found, read = [], Views.read

    def counting(self, modality, rows=None):
        if self.on_disk(modality):
            found.append(len(self) if rows is None else np.size(rows))
        return read(self, modality, rows)

    monkeypatch.setattr(Views, "read", counting)
    monkeypatch.setattr(Views, "blocks", partialmethod(Views.blocks, numbers=NUMBERS))
    return found


def on_disk(views, folder):
    """The same samples with every modality memory-mapped."""
    data = {}
    for m in views.modalities:
        np.save(folder / f"{m}.npy", views[m])
        data[m] = np.load(folder / f"{m}.npy", mmap_mode="r")
    return Views(data, views.labels, ids=views.ids, present=views.present, masks=views.masks)


@pytest.mark.parametrize("name", models.__all__)
def test_a_model_fitted_from_disk_is_the_one_fitted_in_memory(name, tmp_path, asked):
    views, classes = toy_for(name)
    mapped = on_disk(views, tmp_path)
    model = getattr(models, name)(**SMALL.get(name, {}))
    if "batch_size" in model.get_params():
        model.set_params(batch_size=8)
    there = getattr(models, name)(**model.get_params()).fit(mapped, classes=classes)
    assert max(asked, default=0) <= len(views) // 2, "more than a block was read"
    model.fit(views, classes=classes)
    if isinstance(model, Aligner):  # an axis may point the other way, in all modalities
        a, b = (np.vstack([one.embed(classes.embeddings if m == "class" else views[m], m)
                           for m in model.modalities_]) for one in (model, there))
        np.testing.assert_allclose(b @ b.T, a @ a.T, atol=1e-5)
    if isinstance(model, ZeroShotClassifier):
        np.testing.assert_allclose(there.decision_function(views), model.decision_function(views),
                                   rtol=1e-4, atol=1e-4)
