"""A class that a model was trained on is not scored as unseen; another split is marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small

from crossalign.evaluation import fit_for, score_fitted
from crossalign.models import CADAVAE, CCA, ESZSL, Chance, ClassMeanOracle, RidgeMap
from crossalign.models.trained_classes import trained_unseen, training_record
from crossalign.tasks.store import load_fitted
from crossalign.types import Benchmark, Classes, Views


def swapped(bench):
    """The same samples, with the classes 0 to 2 unseen instead of 9 to 11."""
    every = [bench[s] for s in bench.splits]
    x = np.concatenate([v["image"] for v in every])
    labels = np.concatenate([v.labels for v in every])
    unseen = labels < 3
    order = np.arange(len(labels))
    held = ~unseen & (order % 4 == 0)
    views = Views({"image": x}, labels)
    splits = {"train": views[~unseen & ~held], "test_seen": views[held],
              "test_unseen": views[unseen]}
    classes = Classes(bench.classes.embeddings, np.arange(12) > 2, bench.classes.names)
    return Benchmark("swapped", "gzsl", splits, classes, {"split_id": "another"})


def named(bench):
    names = tuple(f"bird {c}" for c in range(len(bench.classes)))
    classes = Classes(bench.classes.embeddings, bench.classes.seen, names)
    return replace(bench, classes=classes, protocol={"split_id": "first"})


@pytest.mark.parametrize("model", [ESZSL(), Chance(), CADAVAE(epochs=1, latent=4)])
@pytest.mark.parametrize("naming", [named, lambda bench: bench], ids=["names", "rows"])
def test_a_trained_class_is_not_scored_as_unseen_also_after_a_save(tmp_path, model, naming):
    bench = naming(small.recognition())
    fitted = load_fitted(fit_for(model, bench, tune=False).save(tmp_path / "m"))
    score_fitted(fitted, bench, pictures=False)
    with pytest.raises(ValueError, match=r"model: it was trained on 3 of the classes that "
                                         r"'swapped' holds as unseen, as '(bird )?0'; score it on"):
        score_fitted(fitted, swapped(bench))


def test_numbers_as_names_of_other_data_are_other_classes():
    fitted = fit_for(ESZSL(), small.recognition(), tune=False)
    other = small.recognition(seed=5)
    assert trained_unseen(fitted.model.trained_on_, swapped(other)) == []
    assert trained_unseen(fitted.model.trained_on_, named(swapped(other))) == []


def test_names_count_whatever_the_rows_are():
    fitted = fit_for(ESZSL(), named(small.recognition()), tune=False)
    other = named(swapped(small.recognition(seed=5)))
    assert trained_unseen(fitted.model.trained_on_, other) == ["bird 0", "bird 1", "bird 2"]


@pytest.mark.parametrize("model", [CCA(), RidgeMap()])
def test_a_model_of_one_class_split_is_not_scored_on_another(model):
    bench = small.retrieval()
    fitted = fit_for(model, bench, run=1)
    score_fitted(fitted, bench, run=1, pictures=False)
    with pytest.raises(ValueError, match=r"trained on 2 of the classes .* as unseen, as 'a'"):
        score_fitted(fitted, bench, run=0)


def test_another_split_of_the_same_unseen_classes_is_marked():
    bench = named(small.recognition())
    fitted = fit_for(ESZSL(), bench, tune=False)
    own = score_fitted(fitted, bench, pictures=False)
    assert "model_of_another_split" not in own.protocol
    other = replace(bench, protocol={"split_id": "second"})
    marked = score_fitted(fitted, other, pictures=False)
    assert marked.protocol["model_split_id"] == "first"
    assert "caution    model of another split" in str(marked)
    assert own.differences(marked)


def test_a_model_fitted_by_hand_knows_its_classes_too():
    bench = named(small.recognition())
    fitted = ESZSL().fit(bench["train"], classes=bench.classes)
    with pytest.raises(ValueError, match="trained on 3 of the classes"):
        score_fitted(fitted, swapped(bench))


def test_an_oracle_is_scored_and_marked():
    bench = named(small.recognition())
    report = score_fitted(fit_for(ClassMeanOracle(), bench), bench, pictures=False)
    assert report.protocol["leaks"]["tuned_on_test"] is True


def test_rows_are_known_again_from_disk_and_in_another_type(tmp_path):
    bench = small.recognition()
    x = bench["train"]["image"]
    np.save(tmp_path / "x.npy", x.astype(np.float64))
    disk = Views({"image": np.load(tmp_path / "x.npy", mmap_mode="r")}, bench["train"].labels)
    record = training_record(disk, None)
    assert record == training_record(bench["train"], None)
    assert trained_unseen(record, swapped(bench)) == ["0", "1", "2"]
    assert training_record(disk.with_labels(None), None) == {}


def test_several_labels_of_a_sample_are_all_trained_on():
    labels = np.array([[1, 1, 0], [0, 1, 0]])
    views = Views({"image": np.eye(2)}, labels)
    classes = Classes(np.zeros((3, 0)), [True] * 3, ("cat", "dog", "cow"))
    assert training_record(views, classes) == {"classes": ["cat", "dog"]}
    assert sorted(training_record(views, None)["rows"]) == ["0", "1"]
