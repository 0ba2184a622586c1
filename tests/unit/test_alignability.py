"""Have two representations anything in common: neighbours, CKA, correlations beside shuffles."""

import json

import numpy as np
import pytest
import small
from complaints import complaint
from typer.testing import CliRunner

from crossalign import metrics
from crossalign.cli import app
from crossalign.evaluation.alignability import alignability
from crossalign.types import Benchmark, Views


@pytest.mark.parametrize("k", [1, 4])
def test_mutual_neighbours_equal_a_loop(k):
    rng = np.random.default_rng(k)
    a, b = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))

    def nearest(rows, i):
        likeness = [(-(rows[i] @ rows[j]) / np.linalg.norm(rows[i]) / np.linalg.norm(rows[j]), j)
                    for j in range(20) if j != i]
        return {j for _, j in sorted(likeness)[:k]}

    expected = np.mean([len(nearest(a, i) & nearest(b, i)) / k for i in range(20)])
    assert metrics.mutual_neighbours(a, b, k) == pytest.approx(expected)
    assert metrics.mutual_neighbours(a, 3 * a, k) == 1
    complaint(lambda: metrics.mutual_neighbours(a, b, 20), "k: got 20 for 20 rows")


def test_cka_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 6)) + 2, rng.normal(size=(30, 4))
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    expected = (np.linalg.norm(y.T @ x) ** 2
                / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))
    assert metrics.linear_cka(a, b) == pytest.approx(expected)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert metrics.linear_cka(a, 5 * a @ turn - 1) == pytest.approx(1)
    complaint(lambda: metrics.linear_cka(a, np.ones((30, 2))), "b: all 30 rows are equal")


def pairs(related, n=240):
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=(n, 4))
    other = hidden if related else rng.normal(size=(n, 4))
    views = Views({"image": hidden @ rng.normal(size=(4, 10)) + 0.3 * rng.normal(size=(n, 10)),
                   "text": other @ rng.normal(size=(4, 7)) + 0.3 * rng.normal(size=(n, 7))},
                  np.arange(n) % 8)
    bench = small.retrieval()
    seen = np.flatnonzero(bench.classes.seen)
    train = Views({m: views[m] for m in views.modalities}, seen[views.truth % len(seen)],
                  ids=1000 + np.arange(n))
    return Benchmark("made", "retrieval", {**bench.splits, "train": train}, bench.classes, {})


def test_related_rows_align_and_unrelated_ones_do_not():
    found = alignability(pairs(True))
    assert (found.pairs, found.modalities) == (240, ("image", "text"))
    assert found.beyond == 4                                      # that many hidden dimensions
    for figure in (found.neighbours, found.cka, found.correlation):
        assert figure.p == 0.01
        assert figure.value > figure.high >= figure.low
    assert "image and text align" in found.advice
    none = alignability(pairs(False))
    assert none.beyond == 0
    assert all(f.p > 0.05 for f in (none.neighbours, none.cka, none.correlation))
    assert "nothing in common beyond chance" in none.advice
    chance = 10 / 239
    assert none.neighbours.low < chance < none.neighbours.high
    assert alignability(pairs(True), seed=0).to_dict() == found.to_dict()


def test_too_few_pairs_and_one_modality_are_refused():
    bench = pairs(True, 30)
    complaint(lambda: alignability(bench), "30 training pairs", "give 40")
    complaint(lambda: alignability(small.recognition()), "two modalities")


def test_the_command_says_it_in_a_table_or_json():
    result = CliRunner().invoke(app, ["alignability", "glyphs", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["neighbours"]["value"] > told["neighbours"]["high"]
    assert told["advice"] in CliRunner().invoke(app, ["alignability", "glyphs"]).stdout
