"""The pages say what the code does: blocks run, tables are current, commands parse."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shlex
import time
from pathlib import Path

import pytest
import typer

from crossalign import Report, evaluate, load, models
from crossalign.cli import app
from crossalign.recipes import load_recipe

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def script(name: str):
    """A command of the docs folder as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


refresh, regions, results = map(script, ("refresh", "regions", "results"))
PAGES = refresh.pages()


def page_id(page: Path) -> str:
    return page.name


# -- what pages print and list -----------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_blocks_run_and_print_what_the_page_says(page, capsys):
    assert refresh.main(["--check", str(page)]) == 0, capsys.readouterr().err


def test_readme_has_a_block_and_its_output():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = re.search(r"<!-- output:start -->\n```text\n(.*?)```", text, re.DOTALL)[1]
    assert text.index("```python") < text.index("<!-- output:start -->")
    assert re.match(r"T1 0\.\d\d U 0\.\d\d S 0\.\d\d H 0\.\d\d\n", printed)


def test_refresh_writes_and_check_finds_what_is_stale(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(0.5, 'a')\n```\n\n<!-- output:start -->\n"
                    "<!-- output:end -->\n\n<!-- other:start -->\nkept\n<!-- other:end -->\n")
    assert refresh.main(["--check", str(page)]) == 1
    assert "+0.5 a" in capsys.readouterr().err
    assert "```text" not in page.read_text()
    assert refresh.main([str(page)]) == 0
    assert "```text\n0.5 a\n```\n<!-- output:end -->" in page.read_text()
    assert "\nkept\n" in page.read_text()
    assert refresh.main(["--check", str(page)]) == 0
    page.write_text(page.read_text().replace("0.5 a\n", "0.9 a\n"))
    assert refresh.main(["--check", str(page)]) == 1


@pytest.mark.parametrize(("old", "new", "equal"), [
    ("T1 0.83", "T1 0.84", True), ("T1 0.83", "T1 0.85", False), ("mAP 37.3", "mAP 37.9", True),
    ("mAP 37.3", "mAP 39.3", False), ("3 classes", "4 classes", False), ("0.1 a", "0.1 b", False),
    ("0.1", "0.1 0.2", False)])
def test_decimals_may_differ_a_little_and_words_may_not(old, new, equal):
    assert refresh.same(old, new) is equal


# -- names -------------------------------------------------------------------------------------
def listed() -> dict[str, set[str]]:
    """Names that the page of names lists, by room."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (crossalign[\w.]*)$", text, flags=re.MULTILINE)[1:]
    return {room: set(re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE))
            for room, body in zip(parts[::2], parts[1::2], strict=True)}


def exported() -> dict[str, set[str]]:
    """Names in every ``__all__``, found by reading the files rather than by importing them."""
    found = {}
    for stub in sorted((ROOT / "crossalign").rglob("__init__.pyi")):
        room = ".".join(stub.parent.relative_to(ROOT).parts)
        found[room] = set(re.findall(r" as (\w+)$", stub.read_text(), re.MULTILINE))
    for room in ("heads", "models"):
        found[f"crossalign.{room}"] = {
            name for file in (ROOT / "crossalign" / room).rglob("*.py")
            for name in re.findall(r'^__all__ = \["(\w+)"\]$', file.read_text(), re.MULTILINE)}
    for file in sorted((ROOT / "crossalign").glob("*/__init__.py")):
        assigned = re.search(r"^__all__ = (\[.*?\])", file.read_text(encoding="utf-8"),
                             re.DOTALL | re.MULTILINE)
        if assigned:
            found[f"crossalign.{file.parent.name}"] = set(re.findall(r'"(\w+)"', assigned[1]))
    return found


def test_every_public_name_is_listed_and_nothing_else():
    assert listed() == exported()


def test_every_listed_name_says_what_it_is():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|\s*\|$", text, re.MULTILINE) == []


# -- commands ----------------------------------------------------------------------------------
def command_lines() -> list[str]:
    """Every ``crossalign ...`` line of the pages, in blocks and in running text."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`(crossalign [^`\n]+)`", re.sub(r"```.*?```", "", text,
                                                             flags=re.DOTALL))
        found += [line for line in lines if line.startswith("crossalign ")]
    return sorted(set(found))


def parse(line: str) -> None:
    """Let the command line's own parser read a command without running it."""
    words = shlex.split(line, comments=True)[1:]
    command, name = typer.main.get_command(app), "crossalign"
    while getattr(command, "commands", None) is not None:
        name, *words = words
        command = command.commands[name]
    command.make_context(name, [w.replace("MODEL", "eszsl") for w in words])


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_parse(line):
    parse(line)
    model = re.match(r"crossalign (?:run|fit|models|ablate|recipes) (?!\w+\.py:)"
                     r"(?:recipe:)?([a-z_]+)(-\w+)?", line)
    if model:
        cls = models.get(load_recipe("".join(model.groups())).model if model[2] else model[1])
        for key in re.findall(r"--set (\w+)=", line):
            assert key in cls().get_params()


def test_there_are_command_lines_and_a_wrong_one_fails():
    assert len(command_lines()) > 15
    with pytest.raises(KeyError):
        parse("crossalign nothing")
    for wrong, complaint in (("crossalign run eszsl --nothing", "--nothing"),
                             ("crossalign run", "[Mm]issing|MODEL"),
                             ("crossalign run eszsl --seeds few", "valid integer")):
        with pytest.raises(Exception, match=complaint):
            parse(wrong)


def test_make_targets_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {t for page in PAGES for t in re.findall(r"(?:^\$ |`)make (\w+)", page.read_text(),
                                                     re.MULTILINE)}
    assert {"demo", "test", "docs"} <= asked <= targets


# -- links -------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere_and_no_image_is_loaded(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"!\[[^\]]*\]\(\s*<?(?:https?:)?//|<img\b", text) == []
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_page_is_in_the_contents():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = {n for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)
             for n in re.findall(r"^(\w+)$", block, re.MULTILINE)}
    assert named | {"index"} == {page.stem for page in (ROOT / "docs").glob("*.md")}


# -- examples ----------------------------------------------------------------------------------
def first_decimals(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern + r"\D*?(-?\d+\.\d+)", text)]


def check_recognise(out: str) -> None:
    assert first_decimals("among all 375:", out)[0] > 0.3     # chance is 1/375
    assert out.count(" named ") >= 5


def check_find(out: str) -> None:
    first, five = first_decimals("first hit right", out), first_decimals("one of five", out)
    assert len(first) == 2
    assert all(0.2 < a <= b for a, b in zip(first, five, strict=True))
    assert out.count("a picture of latin") == 3


def check_own(out: str) -> None:
    assert first_decimals("ridge_map mAP", out)[0] > 2 * first_decimals("chance mAP", out)[0]
    assert "10 won" in out
    assert "embeds the same: True" in out


def check_transfer(out: str) -> None:
    reached = first_decimals(": accuracy", out)
    assert len(reached) == 2
    assert min(reached) > 10 * first_decimals("chance", out)[0]


CHECKS = {"find_by_name": check_find, "own_arrays": check_own,
          "recognise_new_letters": check_recognise, "transfer_without_labels": check_transfer}


@pytest.mark.parametrize("example", EXAMPLES, ids=page_id)
def test_examples_run(example, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    runpy.run_path(str(example), run_name="__main__")
    assert time.perf_counter() - started < 60
    CHECKS[example.stem](capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []
    assert len(example.read_text().splitlines()) < 40


def test_every_example_is_checked():
    assert {e.stem for e in EXAMPLES} == set(CHECKS)


# -- results -----------------------------------------------------------------------------------
def test_the_table_of_spaces_follows_from_the_reports_that_are_kept():
    answers = script("answers")
    page = (ROOT / "docs" / "answers.md").read_text(encoding="utf-8")
    files = {run.name: ROOT / "docs" / "results" / f"{run.name}.json" for run in answers.RUNS}
    reports = {name: Report.load(file) for name, file in files.items() if file.is_file()}
    assert answers.written(page, reports) == page
    emptied = answers.written(page, {})
    assert emptied.count("Nothing has been measured yet.") == 3
    assert answers.written(emptied, reports) == page


def test_tables_are_what_the_reports_say(tmp_path):
    pages = [ROOT / "docs" / name for name in ("results.md", "results_pairs.md")]
    for page in pages:
        (tmp_path / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "results").symlink_to(ROOT / "docs" / "results")
    results.write_tables(tmp_path)
    for page in pages:
        assert (tmp_path / page.name).read_text(encoding="utf-8") == page.read_text("utf-8")


def test_a_region_is_written_where_a_page_has_it_once():
    two = "<!-- two:start -->\n<!-- two:end -->\n"
    page = f"a\n<!-- one:start -->\nold \\1\n<!-- one:end -->\nb\n{two}"
    assert regions.with_region(page, "one", "new \\1\n") == page.replace("old", "new")
    assert regions.with_region(page, "two", "x") == page.replace(two, two.replace("<!-- two:e",
                                                                                  "x\n<!-- two:e"))
    for lacks in (page.replace("two:end", "to:end"), page.replace("two:start", "to:start"),
                  page + page):
        with pytest.raises(ValueError, match="page: it has no region 'two', or several"):
            regions.with_region(lacks, "two", "x")


def test_tables_from_reports(tmp_path):
    (tmp_path / "results.md").write_text(
        "before\n<!-- headline:start -->\n<!-- headline:end -->\n"
        "<!-- results:start -->\nold\n<!-- results:end -->\nafter\n")
    assert results.write_tables(tmp_path) == []
    assert "Nothing has been measured yet." in (tmp_path / "results.md").read_text()

    bench = load("synthetic")
    run = next(r for r in results.RUNS if r.name == "synthetic-perfect_alignment")
    report = evaluate(models.get(run.model)(), bench, 2, pictures=False)
    report.save(tmp_path / "results" / f"{run.name}.json")
    assert results.write_tables(tmp_path) == [run.name]
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("<!-- results:end -->\nafter\n")
    score = report.scores["accuracy"]
    assert f"{100 * score['mean']:.1f} ± {100 * score['sd']:.1f}" in text
    assert report.selection in text


def test_results_runs_are_known_and_complain_in_one_sentence(capsys):
    assert len({r.name for r in results.RUNS}) == len(results.RUNS)
    for run in results.RUNS:
        assert set(run.params.items()) <= set(run.estimator().plain_params().items())
        assert not set(run.params) & set(run.grid())
    with pytest.raises(SystemExit) as stopped:
        results.main(["--only", "cub-eszsl"])
    assert stopped.value.code == 2
    assert "--data: needed" in capsys.readouterr().err


def run_named(name: str):
    return next(r for r in results.RUNS if r.name == name)


def test_settings_found_with_a_look_at_test_are_marked_where_the_data_are_the_same():
    assert results.mark(run_named("tokens-lcale")) == " †"
    assert results.mark(run_named("omniglot-lcale")) == ""
    assert "test scores of glyphs" in run_named("omniglot-lcale").origin
    assert results.mark(run_named("wikipedia-lcale")) == ""
    assert run_named("wikipedia-lcale-paper").origin == "rate and KL weight of the paper"


def test_how_a_row_was_tuned_is_said():
    def said(name):
        return results.tuned(run_named(name), Report.load(ROOT / f"docs/results/{name}.json"))

    assert re.fullmatch(r"\d+ settings on validation classes", said("cub-gfzsl"))
    assert said("wikipedia-chance") == "nothing tried"
    assert said("cub-acmr-dual") == "settings of the authors"
    assert said("tokens-lcale").endswith("after a look at test scores of glyphs †")
    assert "no record of the search" in said("omniglot-fusionnet_qsma")


def test_the_page_of_results_opens_with_a_table_per_problem():
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    opening = text[:text.index("## ")]
    names = re.findall(r"^\*\*(.*)\*\*$", opening, re.MULTILINE)
    assert len(names) == len(set(names)) > 8
    assert "CUB, gzsl" in names
    assert opening.index("**CUB, gzsl**") < opening.index("three things in mind")
    tables = opening.split("| model | runs |")[1:]
    assert len(tables) == len(names)
    for part in tables:
        rival = re.match(r" \w+ \| minus (.*) \|", part)[1]
        rows = [line.strip("| ").split(" | ") for line in part.splitlines()[2:]
                if line.startswith("| ")]
        scores = [float(row[2].split()[0]) for row in rows]
        assert scores == sorted(scores, reverse=True)
        own = next(row for row in rows if row[0].removesuffix(" †") == rival)
        for row, score in zip(rows, scores, strict=True):
            if row is not own and len(row) > 3 and row[3][0] in "+-":
                assert abs(float(row[3].split()[0].strip(",")) - (
                    score - float(own[2].split()[0]))) < 0.6   # means over the runs both made
