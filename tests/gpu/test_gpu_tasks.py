"""On a GPU: captions and answers are those of the same weights on the CPU; skipped without one."""

from __future__ import annotations

from copy import copy, deepcopy

import numpy as np
import pytest
import torch
from small_models import fitted, toy

from crossalign.tasks import Answerer, Captioner, LanguageCaptioner
from crossalign.tasks.store import load_task
from crossalign.types import Questions

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
VIEWS, _ = toy()
SAID = [(f"class {c}",) for c in VIEWS.truth]
ASKED = Questions(("what is it?",) * len(VIEWS), tuple(SAID), ("name",) * len(VIEWS),
                  tuple((i,) for i in VIEWS.ids.tolist()))


def on_the_cpu(task):
    other = copy(task)
    other.network_ = deepcopy(task.network_).cpu()
    return other


def same_captions(task):
    assert task._place.type == "cuda"
    other = on_the_cpu(task)
    for by in ("greedy", "beam"):
        assert task.caption(VIEWS, by) == other.caption(VIEWS, by)
    drawn = [one.caption(VIEWS, "nucleus", generator=torch.Generator().manual_seed(0))
             for one in (task, task)]
    assert drawn[0] == drawn[1]
    assert task.caption(VIEWS, parts=[["class"], ["0", "1", "2"]])


def test_a_captioner_speaks_on_the_gpu(tmp_path):
    task = Captioner(fitted("CCA")[0], width=16, heads=2, layers=1, epochs=20,
                     guidance=0.5).fit(VIEWS, SAID)
    same_captions(task)
    same_captions(load_task(task.save(tmp_path / "task")))


def test_a_language_model_speaks_on_the_gpu(tmp_path):
    pytest.importorskip("transformers", reason="needs the extra 'language'")
    from small_language import language_model

    task = LanguageCaptioner(fitted("CCA")[0], language_model=language_model(tmp_path / "model"),
                             lora=2, epochs=20, longest=8).fit(VIEWS, SAID)
    same_captions(task)
    loaded = load_task(task.save(tmp_path / "task"))
    assert loaded.caption(VIEWS) == task.caption(VIEWS)
    assert loaded._place.type == "cuda"


def test_an_answerer_answers_on_the_gpu(tmp_path):
    task = Answerer(fitted("CCA")[0], epochs=5, hidden=8).fit(VIEWS, ASKED)
    loaded = load_task(task.save(tmp_path / "task"))
    expected = on_the_cpu(task).decision_function(VIEWS, ASKED)
    for one in (task, loaded):
        assert one.network_.pictures.device.type == "cuda"
        np.testing.assert_allclose(one.decision_function(VIEWS, ASKED), expected, rtol=1e-4,
                                   atol=1e-4)
