"""What a newcomer asks first: the version, the machine, the models."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import warnings
from importlib import metadata
from pathlib import Path

import pytest

import crossalign
from crossalign import models
from crossalign.boundary import run_command
from crossalign.cli import main
from crossalign.data.catalog import listing
from crossalign.data.registry import layouts
from crossalign.doctor import EXTRAS, examine, required
from crossalign.evaluation.protocols import resolve
from crossalign.models.catalog import models_page, models_table, overview, serves

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_packages(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["crossalign", "--version"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code in (0, None)
    assert capsys.readouterr().out == f"crossalign {PROJECT['version']}\n"
    assert crossalign.__version__ == PROJECT["version"] == metadata.version("crossalign")


def test_the_doctor_lists_what_is_used_and_only_that():
    wanted = {re.split(r"[^\w.-]", text)[0] for text in PROJECT["dependencies"]}
    assert set(required()) == wanted
    listed = examine()
    for name in wanted:
        assert re.search(rf"^{name} +{re.escape(metadata.version(name))}$", listed, re.MULTILINE)
    code = "\n".join(file.read_text() for file in (ROOT / "crossalign").rglob("*.py")
                     if file.name != "doctor.py")
    for name, module in EXTRAS.items():
        assert re.search(rf"\b(import|from) {module}\b", code), f"nothing imports {module}"
        assert f"extra            {name}: " in listed
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"]) - {"docs", "dev"}


def test_the_readme_lists_the_extras():
    listed = re.findall(r"^\| `(\w+)` \| ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(PROJECT["optional-dependencies"])


def test_data_sets_and_layouts_of_a_path_fit_a_terminal_of_80_columns(monkeypatch, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("att_splits.mat", "res101.mat"):
        (tmp_path / "mine" / name).touch()
    monkeypatch.setenv("CROSSALIGN_DATA", str(tmp_path))
    text = listing()
    assert max(map(len, (line for line in text.splitlines() if str(tmp_path) not in line))) <= 80
    assert [line.split()[0] for line in text.splitlines() if line[:1].strip()] == [
        "data", "glyphs", "moving_glyphs", "synthetic", "mine", "path",
        *(source.name for source in layouts())]
    assert all(source.description in " ".join(text.split()) for source in layouts())


def test_the_models_fit_a_terminal_of_80_columns():
    lines = models_table().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line[0] != " "] == ["model", *models.names()]
    text = " ".join(models_table().split())
    for _, tasks, needs, short in overview()[1:]:
        assert tasks in text
        assert needs in text
        assert short in text


def test_the_page_of_models_holds_all_of_them_once():
    page = models_page()
    assert page.count("\n| `") == len(models.names())
    for name in models.names():
        assert f"- `{name}`: " in page


@pytest.mark.parametrize("name", models.names())
def test_tasks_of_the_table_are_those_that_run(name):
    cls = models.get(name)
    for task in ("gzsl", "retrieval", "transfer"):
        bench = type("Bench", (), {"task": task, "name": "any"})()
        if serves(cls, task):
            assert resolve(cls(), bench).name == task
        else:
            with pytest.raises(ValueError, match="choose"):
                resolve(cls(), bench)


def test_a_warning_is_one_line_without_its_place_in_the_code(monkeypatch, capsys):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def command():
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = plain
            warnings.warn("3 of 5 texts\nwere cut.", stacklevel=1)

    def plain(message, category, filename, lineno, file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    run_command(command)
    assert capsys.readouterr().err == "crossalign: 3 of 5 texts were cut.\n"


def test_help_imports_nothing_heavy():
    code = ("import sys; sys.argv = ['crossalign', '--help']\n"
            "from crossalign.cli import main\n"
            "try: main()\nexcept SystemExit: pass\n"
            "print(sorted({'torch', 'sklearn', 'scipy', 'transformers', 'matplotlib', 'h5py'}"
            " & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_networks_and_evaluations_do_not_import_the_compiler_of_torch():
    code = ("import sys, crossalign.networks, crossalign.losses, crossalign.evaluation.runs\n"
            "print(sorted({'torch._dynamo', 'lightning_fabric', 'transformers'}"
            " & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
