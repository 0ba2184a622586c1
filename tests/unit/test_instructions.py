import os
import subprocess
import sys

import numpy as np
import pytest

from crossalign import instructions


def test_sets_are_those_that_numpy_says_it_runs_on():
    told = np.show_config(mode="dicts")["SIMD Extensions"]
    assert set(instructions.numpy_sets()) >= set(told["baseline"])
    assert set(told.get("not found", ())).isdisjoint(instructions.numpy_sets())


@pytest.mark.parametrize(("machine", "sets", "answer"), [
    ("x86_64", ("X86_V2",), False), ("AMD64", ("SSE", "SSE2", "AVX2"), True),
    ("x86_64", ("X86_V2", "X86_V3"), True), ("arm64", (), True)])
def test_a_sort_by_vectors_is_known_by_the_sets(monkeypatch, machine, sets, answer):
    monkeypatch.setattr(instructions.platform, "machine", lambda: machine)
    monkeypatch.setattr(instructions, "numpy_sets", lambda: sets)
    assert instructions.sorts_by_vectors.__wrapped__() is answer


def test_what_the_environment_takes_away_is_not_told():
    every = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not every:
        pytest.skip("NumPy found no instructions beyond those it was built for")
    told = subprocess.run(
        [sys.executable, "-c", "from crossalign.instructions import *; print(*numpy_sets())"],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": ",".join(every)}, text=True, check=True,
        stdout=subprocess.PIPE).stdout.split()
    assert told
    assert set(told).isdisjoint(every)
