"""Names of classes that read like several in one cell are told, in every table of text."""

from __future__ import annotations

import pandas as pd
import pytest
from complaints import complaint

from crossalign import data
from crossalign.several import like_several


@pytest.mark.parametrize(("cells", "sure", "unsure"), [
    (["cat", "dog", "cat;dog"], ["cat;dog"], []),
    (["cat; dog", "dog ;bee", "bee;cat"], ["cat; dog", "dog ;bee", "bee;cat"], []),
    (["cat|dog", "dog|bee", "eel"], ["cat|dog", "dog|bee"], []),
    (["cat,dog", "cat", "dog"], ["cat,dog"], []),
    (["birds, brown", "birds, red", "brown"], [], []),
    (["nuts;bolts", "cats"], [], ["nuts;bolts"]),
    ([";", "|", ";)", "a/b", "a", "b", "cat;", ""], [], []),
])
def test_names_are_several_if_their_parts_stand_elsewhere(cells, sure, unsure):
    assert like_several(cells) == (sure, unsure)
    assert like_several(cells * 2) == (sure, unsure)


@pytest.mark.parametrize("column", ["label", "class"])
def test_a_table_of_features_takes_no_cell_of_several(tmp_path, column):
    words = ["cat", "dog", "cat;dog", "dog"] * 6
    frame = pd.DataFrame({column: words, **{f"{m}_{i}": range(24) for m in ("image", "text")
                                            for i in range(2)}})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    complaint(lambda: data.load(tmp_path / "rows.csv"), "'cat;dog' in row 2", "label_0, label_1")


def test_several_are_read_of_columns_of_0_and_1(tmp_path):
    marks = [[c == i % 4 or (c == 3 and i % 3 == 0) for c in range(4)] for i in range(48)]
    frame = pd.DataFrame({**{f"label_{c}": [int(row[c]) for row in marks] for c in range(4)},
                          **{f"{m}_{i}": range(48) for m in ("image", "text") for i in range(2)}})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    bench = data.load(tmp_path / "rows.csv", "retrieval")
    assert bench.protocol["labels"].startswith("several classes a sample")
