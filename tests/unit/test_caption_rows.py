"""Training rows of captions: rows in which names overrule sight, and draws of what is named."""

from __future__ import annotations

import numpy as np
import torch

from crossalign.tasks.caption_objective import drawn_names
from crossalign.tasks.caption_rows import CaptionRows, with_misled

LABELS = np.array([0, 0, 1, 1, 2, 2, 2, 3])
WRONG = np.array([[1, 2], [2, 3], [0, 2], [7, 0], [3, 1], [1, 0], [-1, -1], [2, 1]])


def rows():
    right = np.column_stack([LABELS, WRONG[:, 0]])
    return CaptionRows(np.arange(8, dtype=np.float32)[:, None], [f"a {i}" for i in range(8)],
                       right, WRONG, np.zeros(8, dtype=bool))


def test_a_misled_row_has_the_code_of_its_likeliest_wrong_class_and_all_else_of_its_own():
    given = rows()
    found = with_misled(given, LABELS, np.random.default_rng(0), share=1.0)
    assert found.said[:8] == given.said
    assert not found.told[:8].any()
    np.testing.assert_array_equal(found.codes[:8], given.codes)
    own = np.array([int(text[2:]) for text in found.said[8:]])
    np.testing.assert_array_equal(own, [0, 1, 2, 4, 5, 7])        # 3 and 6 have none to be seen as
    assert found.told[8:].all()
    np.testing.assert_array_equal(found.right[8:], given.right[own])
    np.testing.assert_array_equal(LABELS[found.codes[8:, 0].astype(int)], WRONG[own, 0])


def test_no_row_is_added_without_a_share_or_a_wrong_class():
    assert with_misled(rows(), LABELS, np.random.default_rng(0), 0.0).said == rows().said
    alone = rows()._replace(wrong=np.full((8, 2), -1))
    assert with_misled(alone, LABELS, np.random.default_rng(0), 1.0).said == alone.said
    assert len(with_misled(rows(), LABELS, np.random.default_rng(0), 0.5).said) == 8 + 3


def test_names_of_misled_rows_are_never_hidden_and_always_right():
    draw = torch.rand(1000, 3, generator=torch.Generator().manual_seed(0))
    told = torch.arange(1000) % 2 == 0
    hidden, known = drawn_names(draw, told, 0.4, 0.7)
    assert not hidden[told].any()
    assert known[told].all()
    assert torch.equal(hidden[~told], draw[~told, 1] < 0.4)
    assert torch.equal(known[~told], draw[~told, 0] < 0.7)
