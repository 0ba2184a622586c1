"""Regenerate what the pages print and list: ``python docs/refresh.py [--check] [PAGE ...]``.

A page is Markdown. Its ```` ```python ```` blocks are run from top to bottom, in one namespace and
in an empty folder, except those under the comment ``not run``. What lies between a pair of comments
``NAME:start`` and ``NAME:end`` is written here: ``output`` is what the blocks above it printed, and
every other name is a function of `TABLES`; unknown names are left alone.

``--check`` writes nothing and exits with 1 where a page is stale. Printed decimals may differ a
little between machines (2 %, or 0.011 below 1), the words may not.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import io
import itertools
import json
import pkgutil
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from regions import END, START

from crossalign.files import write_text
from crossalign.tables import markdown as table

ROOT = Path(__file__).resolve().parents[1]
TOKEN = re.compile(
    r"(?P<skip><!-- not run -->\n)?^```python\n(?P<code>.*?)^```\n"
    r"|<!-- (?P<name>[\w-]+):start -->\n(?P<body>.*?)<!-- (?P=name):end -->",
    re.DOTALL | re.MULTILINE)
DECIMAL = re.compile(r"\d+\.\d+")


def pages(root: Path = ROOT) -> list[Path]:
    """The README and every page of the documentation."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def refreshed(page: Path) -> str:
    """The text of a page with its blocks run and its regions written anew."""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()

    def token(match: re.Match[str]) -> str:
        if match["code"] is not None:
            if match["skip"] is None:
                lines_above = text.count("\n", 0, match.start("code"))
                code = compile("\n" * lines_above + match["code"], str(page), "exec")
                with contextlib.redirect_stdout(printed):
                    exec(code, namespace)
            return match[0]
        name, body = match["name"], match["body"]
        if name == "output":
            new = f"```text\n{printed.getvalue()}```\n"
            printed.seek(0)
            printed.truncate()
            body = body if same(body, new) else new
        elif name in TABLES:
            body = f"{TABLES[name]()}\n"
        return f"{START.format(name)}{body}{END.format(name)}"

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return TOKEN.sub(token, text)


def same(old: str, new: str) -> bool:
    """True where two texts agree but for small differences of their decimals."""
    pairs = zip(map(float, DECIMAL.findall(old)), map(float, DECIMAL.findall(new)), strict=False)
    return (DECIMAL.sub("#", old) == DECIMAL.sub("#", new)
            and all(abs(a - b) <= max(0.011, 0.02 * abs(a)) for a, b in pairs))


def models() -> str:
    """What every model is and can do."""
    from crossalign.models.catalog import models_page

    return models_page()


def leaks() -> str:
    """The known ways to be wrong."""
    from crossalign.data import LEAKS

    return table(("name", "what it would mean"), [(f"`{k}`", v) for k, v in LEAKS.items()])


def data_sets() -> str:
    """The built-in data sets."""
    from crossalign.data.registry import named

    rows = [(f"`{source.name}`", ", ".join(source.tasks),
             ", ".join(f"`{source.name}:{variant}`" for variant in source.variants),
             "yes" if source.tokens else "", source.description) for source in named().values()]
    return table(("name", "tasks", "variants", "tokens", "what"), rows)


def api() -> str:
    """Every room, its purpose and the names in its ``__all__``."""
    parts = []
    for room in rooms():
        module = import_module(room)
        title = first_paragraph(module.__doc__)
        rows = [(f"`{name}`", summary(module, name)) for name in module.__all__]
        parts.append(f"## {room}\n\n{title}\n\n{table(('name', 'what'), rows)}\n")
    return "\n".join(parts)


def rooms() -> list[str]:
    """The package and those of its rooms that have an ``__all__``."""
    import crossalign

    found = [f"crossalign.{m.name}" for m in pkgutil.iter_modules(crossalign.__path__)
             if m.ispkg and hasattr(import_module(f"crossalign.{m.name}"), "__all__")]
    return ["crossalign", *found]


def summary(room: Any, name: str) -> str:
    """First paragraph of what is written about a name, for a table cell."""
    value = getattr(room, name)
    if isinstance(value, type) or type(value).__name__ in ("function", "module"):
        return first_paragraph(value.__doc__)
    return first_paragraph(constant_docstring(room, name))


def first_paragraph(text: str | None) -> str:
    """First paragraph of a docstring as one line of Markdown."""
    return " ".join((text or "").strip().split("\n\n")[0].split()).replace("``", "`")


def constant_docstring(room: Any, name: str) -> str:
    """The string under an assignment, in whichever file of the room it stands."""
    for file in sorted(Path(room.__path__[0]).glob("*.py")):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        for statement, after in itertools.pairwise(body):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            if (any(isinstance(t, ast.Name) and t.id == name for t in targets)
                    and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
                return str(after.value.value).strip()
    return ""


def floors() -> str:
    """Which room or file may import which, from the ground up, and what each is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    rows = []
    for number, layer in enumerate(reversed(contract["layers"])):
        for name in layer.split(" | "):
            text = first_paragraph(import_module(f"crossalign.{name}").__doc__)
            rows.append((str(number), f"`{name}`", text))
    return table(("floor", "what", "idea"), rows[::-1])


def demo_time() -> str:
    """How long the demo takes."""
    from crossalign.demo import MINUTES

    return f"Then the demo takes {MINUTES}, and needs no network."


def caption_speed() -> str:
    """What ``python benchmarks/caption.py --json > docs/results/speed-captions.json`` measured."""
    found = json.loads((ROOT / "docs/results/speed-captions.json").read_text(encoding="utf-8"))
    rows = [(case["name"], f"{case['ours_s']:.3g}", f"{case['ours_rate']:,.0f} {case['unit']}",
             *(("", "", "") if case["ratio"] is None else
               (case["reference"], f"{case['reference_rate']:,.0f}", f"{case['ratio']:.1f}")),
             f"{case['ours_peak_mb']:.0f}", "" if case["reference_peak_mb"] is None else
             f"{case['reference_peak_mb']:.0f}") for case in found["cases"]]
    machine = found["machine"]
    facts = [machine["cpu"], f"{machine['threads']} of {machine['cores']} cores",
             f"load {machine['load_average']}",
             *(f"{name} {version}" for name, version in found["versions"].items())]
    columns = "what", "s", "a second", "peer", "its", "ratio", "MB", "its MB"
    return f"{table(columns, rows)}\n\n{', '.join(facts)}."


TABLES: dict[str, Callable[[], str]] = {
    "models": models, "leaks": leaks, "data-sets": data_sets, "api": api,
    "floors": floors, "demo-time": demo_time, "caption-speed": caption_speed}
"""Regions by name, beside ``output``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or say which are stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    parser.add_argument("pages", nargs="*", type=Path, help="all pages by default")
    options = parser.parse_args(arguments)
    stale = 0
    for page in [p.resolve() for p in options.pages] or pages():
        old, new = page.read_text(encoding="utf-8"), refreshed(page)
        if old == new:
            continue
        stale += 1
        if options.check:
            sys.stderr.writelines(difflib.unified_diff(
                old.splitlines(True), new.splitlines(True), f"{page.name} (stale)", page.name))
        else:
            write_text(page, new)
            print(f"wrote {page.name}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
