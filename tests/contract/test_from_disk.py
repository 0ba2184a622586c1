"""Memory-mapped features stay on disk: no read is of more than a block, and results are equal."""

from __future__ import annotations

from functools import partialmethod

import numpy as np
import pytest
from small_models import SMALL, toy_for

from crossalign import models
from crossalign.data.declaration import equal_rows
from crossalign.models.roles import Aligner, ZeroShotClassifier
from crossalign.models.several_views import joined
from crossalign.tasks import Adaptation, FewShot, Transfer, ZeroShot
from crossalign.types import CLASS_MODALITY, Views

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
        a, b = (np.vstack([one.embed(classes.embeddings if m == CLASS_MODALITY else views[m], m)
                           for m in model.modalities_]) for one in (model, there))
        np.testing.assert_allclose(b @ b.T, a @ a.T, atol=1e-5)
    if isinstance(model, ZeroShotClassifier):
        np.testing.assert_allclose(there.decision_function(views), model.decision_function(views),
                                   rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "head", "atol"), [
    ("GFZSL", "classifier", 1e-6), ("ESZSL", "classifier", 1e-6),
    ("ClassMeanOracle", "classifier", 1e-5), ("LinearCosine", "fused", 1e-4),
    ("LCALE", "gaussian", 1e-4), ("FusionNetQSMA", "fused", 1e-4)])
def test_classes_are_scored_from_disk_as_in_memory(name, head, atol, tmp_path, asked):
    views, classes = toy_for(name)
    mapped = on_disk(views, tmp_path)
    model = getattr(models, name)(**SMALL.get(name, {}))
    if name == "FusionNetQSMA":
        model.set_params(preset="gzsl")
    model.fit(views, classes=classes)
    right = ZeroShot(model, head).fit(views, classes).decision_function(views)
    found = ZeroShot(model, head).fit(mapped, classes).decision_function(mapped)
    assert 0 < max(asked) <= len(views) // 2
    np.testing.assert_allclose(found, right, atol=atol)
    if isinstance(model, ZeroShotClassifier):
        np.testing.assert_allclose(model.decision_function(mapped), right, atol=atol)


@pytest.mark.parametrize("head", ["inputs", "gaussian"])
def test_few_shots_are_learned_and_scored_from_disk_as_in_memory(head, tmp_path, asked):
    views, classes = toy_for("LCALE")
    mapped = on_disk(views, tmp_path)
    model = models.LCALE(**SMALL["LCALE"]).fit(views, classes=classes)
    right, found = (
        FewShot(model, head=head).fit(x, classes).fit_few_shot(None).decision_function(x)
        for x in (views, mapped))
    assert 0 < max(asked) <= len(views) // 2
    np.testing.assert_allclose(found, right, atol=1e-4)


@pytest.mark.parametrize("mode", ["aligned", "aligned+cov"])
def test_classifiers_are_transferred_from_disk_as_in_memory(mode, tmp_path, asked):
    views, _ = toy_for("CCA")
    mapped = on_disk(views, tmp_path)
    aligner = models.CCA().fit(views)
    right, found = (Transfer(aligner, mode=mode).fit(x, x, "image", "text", 4)
                    for x in (views, mapped))
    for task in (right, found):
        np.testing.assert_array_equal(task.predict(mapped), right.predict(views["text"]))
    np.testing.assert_array_equal(found.predict_source(mapped), right.predict_source(views))
    assert 0 < max(asked) <= len(views) // 2


@pytest.mark.parametrize("standardise", ["source", "domain"])
def test_domains_are_adapted_from_disk_as_in_memory(standardise, tmp_path, asked):
    views, _ = toy_for("CCA")
    source, target = (Views({m: views["image"] + shift}, views.labels)
                      for m, shift in (("a", 0), ("b", 1)))
    mapped = [on_disk(x, tmp_path) for x in (source, target)]
    right, found = (Adaptation(standardise=standardise, epochs=2, batch_size=16, latent=4, hidden=8,
                               device="cpu").fit(*x) for x in ((source, target), mapped))
    assert 0 < max(asked) <= len(views) // 2
    np.testing.assert_allclose(found.predict_proba(mapped[1]), right.predict_proba(target),
                               atol=1e-4)


def test_joined_samples_of_one_file_stay_on_disk(tmp_path, asked):
    views, _ = toy_for("CCA")
    mapped = on_disk(views, tmp_path)
    whole = joined([mapped[30:], mapped[:10]], ["image", "text"])
    assert whole.on_disk("image")
    assert asked == []
    np.testing.assert_array_equal(whole["image"],
                                  np.concatenate([views["image"][30:], views["image"][:10]]))
    np.testing.assert_array_equal(whole.truth, np.concatenate([views.truth[30:], views.truth[:10]]))


def test_equal_rows_are_found_on_disk_as_in_memory(tmp_path, asked):
    views, _ = toy_for("CCA")
    mapped = on_disk(views, tmp_path)
    parts = [([views[:30], views[30:]], [mapped[:30], mapped[30:]]),
             ([views[:30], views[20:]], [mapped[:30], mapped[20:]])]
    for in_memory, there in parts:
        assert equal_rows(*there) == equal_rows(*in_memory)
    assert equal_rows(mapped[:30], mapped[20:])["query_in_gallery"]
    assert 0 < max(asked) <= len(views) // 2


def test_a_sample_on_disk_that_lacks_what_is_scored_is_counted_among_all(tmp_path):
    views, classes = toy_for("GFZSL")
    model = models.GFZSL().fit(views, classes=classes)
    part = Views({"image": on_disk(views, tmp_path)["image"]},
                 present={"image": np.arange(len(views)) % 2 > 0})
    with pytest.raises(ValueError, match="24 samples lack 'image'"):
        model.decision_function(part)
