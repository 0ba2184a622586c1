"""Words of error sentences: what was meant, and where long lists are."""

import pytest
from complaints import complaint

import crossalign as ca
from crossalign.data.layouts import locate
from crossalign.sentences import nearest, one_of


def test_the_nearest_name_in_whatever_case_and_else_the_choices():
    assert nearest("mapp", ["H", "mAP"]) == "did you mean 'mAP'?"
    assert nearest("MAP", ["H", "mAP"], listed_by="crossalign x") == (
        "crossalign x lists all; did you mean 'mAP'?")
    assert nearest("zzz", ["H", "mAP"]) == "choose one of ['H', 'mAP']."
    assert nearest("zzz", ["H"], "leave it out.") == "leave it out."
    many = [f"name{n:02d}" for n in range(13)]
    assert one_of(many[:12]) == f"one of {many[:12]}"
    assert nearest("zzz", many, listed_by="crossalign x") == (
        "choose one of 13, as 'name00', 'name01', 'name02' (crossalign x lists all).")


@pytest.mark.parametrize(("given", "meant"), [
    ("glyfs", "glyphs"), ("Glyph", "glyphs"), ("glyfs:sketch", "glyphs"), ("photso", "photos"),
    ("here/phots", "photos"), ("zzz", None), ("glyfs/more", None)])
def test_data_that_are_not_there_are_refused_in_few_words(given, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CROSSALIGN_DATA", raising=False)
    (tmp_path / "photos").mkdir()
    (tmp_path / "here" / "photos").mkdir(parents=True)
    with pytest.raises(ValueError, match="neither a name nor a path") as refused:
        locate(given)
    said = str(refused.value)
    assert len(said) < 250
    assert said.endswith("give what crossalign data list names." if meant is None else
                         f"crossalign data list lists all; did you mean {meant!r}?")


def test_what_lists_names_is_a_command_that_does(capsys, tmp_path):
    complaint(lambda: ca.models.get("zzz"), "crossalign models lists all")
    from crossalign.data.catalog import listing
    from crossalign.data.registry import sources
    from crossalign.models.catalog import models_table

    assert all(name in models_table() for name in ca.models.names())
    lines = listing().splitlines()
    for source in sources():
        assert any(line.split()[:1] == [source.name] for line in lines)
    complaint(lambda: ca.load("synthetic", attributes="a.mat"), "give it for xlsa17, ")
