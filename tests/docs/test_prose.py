"""Docstrings are plain: what a function does, what a parameter is, and no riddle to begin with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "crossalign"


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


# -- what may not begin a text -----------------------------------------------------------------
RIDDLES = {"what", "how", "whether", "of", "as"}
"""Words that begin no docstring: they open a clause, not a statement of what is there."""

FRAGMENTS = {"what", "how", "of", "as"}
"""Words that begin no text of a parameter, an attribute or a returned value."""

FUNCTION_WORDS = words("""
    a an the this that these those its his her their our such each every all both any some no none
    another either neither most more many much few fewer several one two three four five six first
    second third last other same own only also not never always again of in on at by for from with
    without into onto over under between among inside outside before after above below beside
    behind beyond against through across along around per until till since during via to than if
    unless when where wherever while why who whose which whom because so then there here it they we
    you he she is are was were be been being has had does did can may must should would and or but
    nothing everything anything something someone anyone whatever whoever beforehand true false
""")
"""Articles, pronouns, prepositions, numerals and the like; none of them is a verb to obey."""

NOUNS = words("""
    accuracy area arguments array axis bag batch binary bool bytes canonical centre class column
    content conventional cosine coverage cumulative data descriptor diagonal dict digest dimension
    disjoint distinct divergence dual edge entropy epoch error euclidean finite gallery gaussian
    generator gradient headline height hidden hinge histogram html inner inverse item joint kernel
    key kind latent layer length line logit loss matrix maximum mean median minimum modality network
    noise norm normal optimizer orthonormal page parameter parser path permutation plane player
    posterior potential principal probability product random ratio raw region relevant retrieval
    risk row saliency scalar seen sentence shape short side singular size softmax standard string
    table tensor text token total tuple uniform unit upper value variance vector width word
""")
"""Nouns and adjectives that begin a name for the result where a verb should say what is done."""

ENDINGS = re.compile(r"(?:[^s]s|ing|tion|sion|ness|ity|ance|ence|ed|ive|ous|ic|ful|ly|est)$")
"""Ends of plurals, of verbs about a third person, of participles, nouns, adjectives and adverbs."""

VERBS = words("""
    access address advance apply balance bias bring caution compress condition cross discuss
    distance embed exceed express feed fence function give guess harness imply influence mention
    multiply need notice pace partition pass position press proceed process question ration receive
    reference rely reply request section seed sequence serve silence solve station string suggest
    supply test transition weed witness
""")
"""Verbs that end as nouns, adjectives and adverbs do."""

THIRD_PERSON = words("does gives holds keeps lets makes says sees takes tells turns writes")
"""Verbs that begin no docstring of a class or property, which name a thing."""


class Text(NamedTuple):
    """A docstring, or the text of one parameter in it."""

    kind: str  # module, class, function, property, constant or parameter
    place: str
    text: str


def docstring_texts(path: Path) -> Iterator[Text]:
    """Yield every docstring of a file and every parameter's text in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                name = getattr(node, "name", "")
                place = f"{path.name}:{getattr(node, 'lineno', 1)} {name}".strip()
                yield Text(_kind(node), place, text)
                for parameter, words_of_it in parameter_texts(text):
                    yield Text("parameter", f"{place} {parameter}", words_of_it)
        for before, after in pairwise(body):
            if isinstance(before, ast.Assign | ast.AnnAssign) and _is_string(after):
                place = f"{path.name}:{before.lineno}"
                yield Text("constant", place, after.value.value.strip())


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.Module):
        return "module"
    if isinstance(node, ast.ClassDef):
        return "class"
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    is_property = any("property" in mark or mark.endswith(".setter") for mark in marks)
    return "property" if is_property else "function"


def _is_string(node: ast.stmt) -> bool:
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str))


def parameter_texts(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield ``(names, text)`` for each entry of the sections that list parameters and results."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", docstring, flags=re.MULTILINE)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title not in ("Parameters", "Other Parameters", "Attributes", "Returns", "Yields"):
            continue
        entry, lines = "", []
        for line in [*body.splitlines(), "end"]:
            if line and not line.startswith(" "):
                if entry and lines:
                    yield entry.split(":")[0].strip(), " ".join(lines)
                entry, lines = line, []
            elif line.strip():
                lines.append(line.strip())


def offence(text: Text) -> str | None:
    """Return what is wrong with the beginning of a text, or None."""
    beginning = text.text.split()
    first = beginning[0].lower()
    if text.kind == "parameter":
        wrong = first in FRAGMENTS or text.text.lower().startswith("in which")
        return f"begins with {beginning[0]!r}, not with a noun" if wrong else None
    if first in RIDDLES:
        return f"begins with {beginning[0]!r}"
    if text.kind == "function" and not could_be_imperative(beginning):
        return f"begins with {' '.join(beginning[:2])!r}, not with a verb"
    if text.kind != "function" and first in THIRD_PERSON:
        return f"begins with {beginning[0]!r}, not with a noun"
    return None


def could_be_imperative(beginning: list[str]) -> bool:
    """Return False where the first word cannot be a verb that says what to do."""
    first = beginning[0].rstrip(",:.")
    if not re.fullmatch(r"[A-Z][a-z]+|Re-[a-z]+", first) or beginning[1:2] == ["of"]:
        return False
    word = first.lower()
    if word in FUNCTION_WORDS or word in NOUNS:
        return False
    return word in VERBS or not ENDINGS.search(word)


def room_of(path: Path) -> str:
    """Return the folder of the package that a file is in, or the file's own name."""
    return path.relative_to(PACKAGE).parts[0]


def offences(room: str) -> list[str]:
    """Return the places and faults of a room, in order."""
    return [f"{text.place}: {fault}"
            for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) == room
            for text in docstring_texts(path) if (fault := offence(text)) is not None]


ROOMS = sorted({room_of(path) for path in PACKAGE.rglob("*.py")})


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_begin_plainly(room):
    assert not offences(room)


# -- the rule itself ---------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "text"), [
    ("function", "Return the scores ``(n, C)``."), ("function", "Embed rows."),
    ("function", "Pass the batch on."), ("function", "Multiply two matrices."),
    ("function", "Train, then score."), ("function", "Re-read a file."),
    ("function", "Balance the classes."), ("function", "Position the axes."),
    ("property", "Widths by modality."), ("class", "Scores of a run."), ("module", "A loop."),
    ("constant", "Seconds between lines."), ("parameter", "Whether to shuffle."),
    ("parameter", "Label smoothing of the classification loss."), ("parameter", "(n, d) rows.")])
def test_plain_beginnings_pass(kind, text):
    assert offence(Text(kind, "here", text)) is None


@pytest.mark.parametrize(("kind", "text"), [
    ("function", "Scores ``(n, C)``."), ("function", "The scores."), ("function", "Writes a file."),
    ("function", "Whether it is there."), ("function", "``(n, d)`` codes."),
    ("function", "Label of a row."), ("function", "SHA-256 of a file."),
    ("function", "Expected error."), ("function", "Cross-entropy of labels."),
    ("function", "Mean over ranks."), ("class", "What a page says."), ("class", "Holds rows."),
    ("module", "How batches are drawn."), ("constant", "What builds an optimizer."),
    ("property", "As a dict."), ("parameter", "Of labels."), ("parameter", "As given."),
    ("parameter", "In which rows are read.")])
def test_riddles_and_fragments_do_not(kind, text):
    assert offence(Text(kind, "here", text)) is not None


def test_every_text_of_a_docstring_is_read(tmp_path):
    file = tmp_path / "room.py"
    file.write_text('''"""A room."""
K = 1
"""Neighbours."""
class A:
    """A thing.

    Parameters
    ----------
    a, b : int
        Two
        numbers.
    c
    d : str, optional
        A name.

    Raises
    ------
    ValueError
        Of course.
    """
    @property
    def p(self):
        """A part."""
    def f(self):
        """Fold it.

        Returns
        -------
        (n,)
            The fold.
        """
''')
    texts = [(text.kind, text.text.split("\n")[0]) for text in docstring_texts(file)]
    assert sorted(texts) == sorted([
        ("module", "A room."), ("constant", "Neighbours."), ("class", "A thing."),
        ("parameter", "Two numbers."), ("parameter", "A name."), ("property", "A part."),
        ("function", "Fold it."), ("parameter", "The fold.")])
