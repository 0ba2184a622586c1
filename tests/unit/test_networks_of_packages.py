"""``package:NAME``: networks that an installed package brings."""

import sys

import pytest

from crossalign.data_options import DataOptions
from crossalign.recipes.run import under


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "brings_one" / "model").mkdir(parents=True)
    (tmp_path / "brings_one" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "brings_none").mkdir()
    (tmp_path / "brings_none" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("option", ["encoder", "text_encoder"])
def test_the_name_becomes_the_folder_and_the_package_is_not_imported(option, package):
    options = DataOptions(**{option: "package:brings_one"})
    assert getattr(options, option) == str(package / "brings_one" / "model")
    assert "brings_one" not in sys.modules
    assert options.remembered()[option] == str(package / "brings_one" / "model")


@pytest.mark.parametrize("name", ["not_there_at_all", "a b", "os.path", "../etc", "sys", "",
                                  "brings_none"])
def test_what_is_no_such_package_is_one_sentence(name, package):
    with pytest.raises(ValueError, match=r"^text_encoder: .*(installed package|no folder 'model')"):
        DataOptions(text_encoder=f"package:{name}")


def test_a_suite_takes_no_folder_of_data_for_a_package(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "net.tflite").touch()
    assert under(tmp_path, "package:brings_one") == "package:brings_one"
    assert under(tmp_path, "net.tflite") == str(tmp_path / "net.tflite")
    assert under(tmp_path, "other.tflite") == "other.tflite"
