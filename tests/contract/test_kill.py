"""kill -9 at fixed points: what was finished is there, and the end is that of a clean run."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import small

from crossalign.evaluation import evaluate, fit_for
from crossalign.models import CADAVAE, ESZSL
from crossalign.models.store import load_model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")


def killed_at(step, work):
    """Do ``work()`` in a process of its own, which is killed where it writes its step-th file."""
    child = os.fork()
    if child == 0:
        import torch

        torch.set_num_threads(1)
        count, replace = 0, os.replace

        def dying(*paths):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return replace(*paths)

        os.replace = dying
        try:
            work()
        finally:
            os._exit(1)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(("step", "finished"), [(1, 0), (3, 2), (4, 3)])
def test_runs_that_were_finished_before_a_kill_are_not_made_again(tmp_path, step, finished):
    bench, lines = small.recognition(), []

    def work(log=None):
        return evaluate(ESZSL(), bench, 3, tune=False, pictures=False, keep=tmp_path, log=log)

    assert killed_at(step, work)
    kept = {f: f.read_bytes() for f in tmp_path.glob("[!.]*")}
    assert len(kept) == finished  # the choice, then a run each
    report = work(lines.append)
    assert sum("finished before" in line for line in lines) == finished
    assert all(f.read_bytes() == content for f, content in kept.items())
    clean = evaluate(ESZSL(), bench, 3, tune=False, pictures=False)
    apart = {"seconds": 0, "date": ""}
    assert {**report.to_dict(), **apart} == {**clean.to_dict(), **apart}


@pytest.mark.parametrize(("step", "epochs"), [(2, 0), (4, 2)])
def test_training_goes_on_from_the_last_epoch_before_a_kill(tmp_path, capsys, step, epochs):
    from crossalign.training import Progress

    bench, model = small.recognition(), CADAVAE(epochs=4, latent=4, device="cpu")

    def fit(folder):
        return fit_for(model, bench, tune=False, checkpoint=folder, callbacks=[Progress()])

    assert killed_at(step, lambda: fit(tmp_path / "broken"))
    again = fit(tmp_path / "broken")
    said = f"going on from a checkpoint: {epochs} of 4 epochs are done"
    assert (said in capsys.readouterr().err) == (epochs > 0)
    clean, rows = fit(tmp_path / "clean"), bench["test_unseen"]["image"]
    np.testing.assert_array_equal(*(f.model.embed(rows, "image") for f in (again, clean)))
    assert again.model.history_ == clean.model.history_


@pytest.mark.parametrize(("step", "new"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_model_is_whole_whenever_its_save_is_killed(tmp_path, step, new):
    bench = small.recognition()
    first, second = (ESZSL(alpha=a).fit(bench["train"], classes=bench.classes) for a in (0, 2))
    first.save(tmp_path)
    assert killed_at(step, lambda: second.save(tmp_path))
    found = load_model(tmp_path)
    np.testing.assert_array_equal(found.coef_, (second if new else first).coef_)
    assert json.loads((tmp_path / "model.json").read_text())["params"]["alpha"] == (2 if new else 0)
