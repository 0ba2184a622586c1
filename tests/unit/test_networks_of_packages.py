"""``package:NAME``: networks that an installed package brings."""

import re
import sys

import pytest
from complaints import complaint

from crossalign import data
from crossalign.data_options import DataOptions, remembered_options
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
def test_the_folder_of_the_package_is_read_and_the_package_is_not_imported(option, package):
    folder = str(package / "brings_one" / "model")
    with pytest.raises(ValueError, match=re.escape(f"{folder!r} cannot be opened")):
        DataOptions(**{option: "package:brings_one"}).read_as()
    assert "brings_one" not in sys.modules


@pytest.mark.parametrize("option", ["encoder", "text_encoder"])
def test_a_model_remembers_the_package_wherever_it_is_installed(option, package, monkeypatch):
    (package / "package").mkdir()                       # which is no path of the name
    monkeypatch.chdir(package)
    kept = DataOptions(**{option: "package:brings_one"}).remembered()
    assert kept[option] == "package:brings_one"
    assert getattr(remembered_options(kept), option) == "package:brings_one"
    complaint(lambda: remembered_options({option: "package:brings_none"}),
              "remembers the network 'package:brings_none', which is not on this machine")


@pytest.mark.parametrize("name", ["not_there_at_all", "a b", "os.path", "../etc", "sys", "",
                                  "brings_none"])
@pytest.mark.parametrize("read", [
    lambda network: DataOptions(text_encoder=network).read_as(),
    lambda network: data.load("glyphs", text_encoder=network)], ids=["options", "load"])
def test_what_is_no_such_package_is_one_sentence(name, read, package):
    with pytest.raises(ValueError, match=r"^text_encoder: .*(installed package|no folder 'model')"):
        read(f"package:{name}")


def test_a_suite_takes_no_folder_of_data_for_a_package(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "net.tflite").touch()
    assert under(tmp_path, "package:brings_one") == "package:brings_one"
    assert under(tmp_path, "net.tflite") == str(tmp_path / "net.tflite")
    assert under(tmp_path, "other.tflite") == "other.tflite"
