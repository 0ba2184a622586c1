"""Every metric takes what users hand over, as numbers, or refuses it in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from complaints import complaint

from crossalign import metrics

RNG = np.random.default_rng(0)
SCORES, ROWS, SURE = RNG.random((6, 5)), RNG.random((6, 4)), RNG.random(6)
LABELS, CLASSES = np.array([0, 1, 2, 3, 4, 0]), np.arange(5)
WRONG, SEEN = np.array([0, 1, 1, 0, 1, 0]), np.array([True, True, True, False, False])
LOW, HIGH = np.array([0, 1, 2, 0, 1, 2]), np.array([3, 4, 3, 4, 3, 4])
CALLS = {
    "aurc": (SURE, WRONG), "excess_aurc": (SURE, WRONG), "risk_coverage_curve": (SURE, WRONG),
    "rank_correlation": (SURE, SURE**2), "auroc": (SURE, SURE / 2), "fpr_at_tpr": (SURE, SURE / 2),
    "oscr": (SURE, WRONG > 0, SURE / 2), "average_precision": (WRONG, SURE),
    "average_precisions": (SCORES, LABELS, CLASSES),
    "mean_average_precision": (SCORES, LABELS, CLASSES),
    "precision_recall_curve": (SCORES, LABELS, CLASSES), "median_rank": (SCORES[:5],),
    "calibrated_stacking": (SCORES, SEEN, 0.1), "cmae": (ROWS, ROWS**2),
    "modality_gap": (ROWS, ROWS**2), "cosine": (ROWS, ROWS), "dot": (ROWS, ROWS),
    "euclidean": (ROWS, ROWS), "normalised_cmae": (SURE,),
    "expected_calibration_error": (SCORES / SCORES.sum(1, keepdims=True), LABELS),
    "calibration_error": (SURE, WRONG), "gzsl_scores": (SCORES, LOW, SCORES, HIGH, SEEN),
    "seen_unseen_curve": (SCORES, LOW, SCORES, HIGH, SEEN),
    "micro_accuracy": (LABELS, LABELS), "chance_map": (LABELS, CLASSES),
    "harmonic_mean": (0.4, 0.6), "chance_average_precision": (5, 2)}
PLACES = [(name, i) for name, args in CALLS.items() for i in range(len(args))]


def called(name, i, value):
    args = list(CALLS[name])
    args[i] = value
    found = getattr(metrics, name)(*args)
    return found(0, 6) if callable(found) else getattr(found, "__dict__", found)


def foreign(value):
    """Inputs that are none of numbers: masked, sparse, complex, text and nothing."""
    array = np.asarray(value)
    yield from (None, "abc", {}, {1, 2})
    if array.ndim:
        mask = np.zeros(array.shape, bool)
        mask.flat[0] = True
        yield np.ma.array(array, mask=mask)
        yield array.astype(complex) + 1j
        yield np.full(array.shape, np.datetime64("2020-01-01"))
        yield array[None, None]
    if array.dtype.kind == "f" and array.ndim:
        yield array.astype(str)
        yield np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)
    if array.ndim == 2:
        yield scipy.sparse.csr_array(array)


@pytest.mark.parametrize(("name", "i"), PLACES)
def test_what_is_no_array_of_numbers_is_one_sentence(name, i):
    for value in foreign(CALLS[name][i]):
        if (name, i, value is None) == ("average_precision", 1, True):
            continue  # in the order of the list
        complaint(lambda value=value: called(name, i, value), ":")


@pytest.mark.parametrize(("name", "i"), [p for p in PLACES if np.ndim(CALLS[p[0]][p[1]])])
def test_lists_objects_and_unmasked_arrays_are_numbers(name, i):
    value, plain = CALLS[name][i], called(name, i, CALLS[name][i])
    for same in (value.tolist(), np.ma.array(value), value.astype(object)):
        if value.dtype == bool and not isinstance(same, list | np.ma.MaskedArray):
            continue
        np.testing.assert_equal(called(name, i, same), plain)


@pytest.mark.parametrize("k", [-1, 0, 1.0, 2.5, True, "3"])
def test_cut_offs_are_whole_numbers_from_one(k):
    for call in (lambda: metrics.recall_at_k(SCORES[:5], k=k),
                 lambda: metrics.precision_at_k(SCORES, LABELS, CLASSES, k=k),
                 lambda: metrics.mean_average_precision(SCORES, LABELS, CLASSES, k=k)):
        complaint(call, f"k: got {k!r}")
