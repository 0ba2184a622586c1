"""The way of one batch that contributing.md describes is the way that a run takes."""

import re
import sys
from pathlib import Path

import numpy as np
from scipy.io import savemat

from crossalign import evaluate, load
from crossalign.models import FusionNetQSMA

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
STOPS = re.findall(r"\]\(\.\./(crossalign/[\w/]+\.py)\)", PAGE)


def write_folder(folder):
    """Six classes of ten samples in the layout of xlsa17, two of them unseen."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(6), 10)
    side = rng.normal(size=(5, 6))
    features = side.T[labels] + rng.normal(size=(60, 5))
    at = np.arange(60) % 10
    parts = {"trainval_loc": (labels < 4) & (at < 8), "test_seen_loc": (labels < 4) & (at >= 8),
             "test_unseen_loc": labels >= 4, "train_loc": labels < 2,
             "val_loc": (labels >= 2) & (labels < 4)}
    names = np.array([["ant"], ["bee"], ["cat"], ["dog"], ["eel"], ["fox"]], dtype=object)
    folder.mkdir()
    savemat(folder / "res101.mat", {"features": features.T, "labels": labels[:, None] + 1})
    savemat(folder / "att_splits.mat", {"att": side, "allclasses_names": names} | {
        name: np.flatnonzero(rows)[:, None] + 1 for name, rows in parts.items()})
    return folder


def test_the_walk_has_at_most_a_dozen_stops_and_none_twice():
    assert 8 <= len(STOPS) <= 12
    assert len(set(STOPS)) == len(STOPS)


def test_a_run_passes_every_stop(tmp_path):
    folder, passed = write_folder(tmp_path / "toy"), set()

    def note(frame, event, arg):
        if event == "call" and frame.f_code.co_name != "<module>":
            passed.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        report = evaluate(FusionNetQSMA(epochs=1), load(folder), tune=False)
        report.html(tmp_path / "page.html")
    finally:
        sys.setprofile(None)
    assert {stop for stop in STOPS if str(ROOT / stop) not in passed} == set()
