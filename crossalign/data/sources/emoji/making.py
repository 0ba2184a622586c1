"""Folders of emoji, made of two packages of npm: openmoji's drawings and emojibase's names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.data.formats.archives import members
from crossalign.data.sources.emoji.concepts import CONCEPTS, SKETCH
from crossalign.files import new_folder, write_bytes, write_text
from crossalign.reading import expanded

SIDE = 64
"""Height and width of the pictures, in pixels."""
FOLDERS = {"color": "openmoji", "black": SKETCH}
"""Folder of the drawings in openmoji, and of the pictures that are made."""
DRAWING = re.compile(r"(?P<style>color|black)/svg/(?P<code>[0-9A-F]+(-[0-9A-F]+)*)\.svg")
LARGEST = 2**20
"""Size of the largest drawing that is read, in bytes."""
FOREIGN = re.compile(
    rb"<!DOCTYPE|<!ENTITY|<image|<script|href\s*=\s*[\"'](?!#)|url\(\s*[\"']?(?!#)", re.IGNORECASE)
"""Parts of a drawing that refer to what is not in it, or that have no place in one."""
LEFT_OUT = ("component", "flags")
"""Groups of emojibase that are no concepts with a look of their own."""
LANGUAGES = ("en", "de", "fr", "es", "hi", "zh", "ja")
"""Languages of the names, as far as the package has them."""
LICENCE = re.compile(r"LICENSE(\.\w+)?")


class MadeEmoji(NamedTuple):
    """Counts of a folder that was made.

    Attributes
    ----------
    concepts, groups, subgroups : int
    undrawn : list of str
        Names of concepts without both drawings, which were left out.
    left_out : int
        Number of flags, components and signs without a group, which are no concepts here.
    """

    concepts: int
    groups: int
    subgroups: int
    undrawn: list[str]
    left_out: int

    def __str__(self) -> str:
        lacking = f"; without a drawing: {', '.join(self.undrawn[:3])}" if self.undrawn else ""
        return (f"{self.concepts} emoji of {self.subgroups} subgroups in {self.groups} groups, in "
                f"colour and as line drawings; left out: {self.left_out} flags and components, "
                f"{len(self.undrawn)} undrawn{lacking}")


def make_emoji(openmoji: str | Path, emojibase: str | Path, out: str | Path) -> MadeEmoji:
    """Make a folder of emoji, which `load_emoji` reads.

    Parameters
    ----------
    openmoji : str or Path
        Archive that ``npm pack openmoji`` writes.
    emojibase : str or Path
        Archive that ``npm pack emojibase-data`` writes.
    out : str or Path
        Folder to make; it must not exist.

    Returns
    -------
    MadeEmoji
        Counts of what was written.

    Raises
    ------
    ValueError
        One sentence: the folder exists, or an archive is damaged, unsafe or another package.
    ImportError
        If resvg is not installed.
    """
    folder = expanded(out, "out")
    with new_folder(folder) as draft:
        concepts, left_out = _concepts(expanded(emojibase, "emojibase"))
        pictures, licence = _pictures(expanded(openmoji, "openmoji"),
                                      {concept["id"] for concept in concepts})
        kept = [c for c in concepts if all(c["id"] in of for of in pictures.values())]
        if not kept:
            raise ValueError(f"openmoji: {str(openmoji)!r} holds no drawings of emoji in "
                             "color/svg and black/svg; give what npm pack openmoji writes.")
        for name, of in pictures.items():
            for concept in kept:
                write_bytes(draft / name / f"{concept['id']}.png", of[concept["id"]])
        for name, content in licence.items():
            write_bytes(draft / f"{Path(name).stem}-openmoji.txt", content)
        write_text(draft / CONCEPTS, "".join(json.dumps(c, ensure_ascii=False) + "\n"
                                             for c in kept))
    here = {concept["id"] for concept in kept}
    return MadeEmoji(len(kept), len({c["group"] for c in kept}),
                     len({c["subgroup"] for c in kept}),
                     [c["name"] for c in concepts if c["id"] not in here], left_out)


def _concepts(file: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the concepts of emojibase in its order, and the number of other entries."""
    wanted = {"meta/groups.json", *(f"{language}/data.json" for language in LANGUAGES)}
    found = dict(members(file, wanted.__contains__, "emojibase"))
    try:
        tables = {name: json.loads(content) for name, content in found.items()}
        groups = tables.pop("meta/groups.json")
        entries = {name.partition("/")[0]: {row["hexcode"]: row for row in rows}
                   for name, rows in tables.items()}
        known = [row for row in entries["en"].values() if "group" in row and
                 groups["groups"][str(row["group"])] not in LEFT_OUT]
        return ([_concept(row, groups, entries) for row in known],
                len(entries["en"]) - len(known))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise ValueError(f"emojibase: {str(file)!r} is not what npm pack emojibase-data writes, or "
                         "of another version; get version 17.") from None


def _concept(row: Mapping[str, Any], groups: Mapping[str, Any],
             entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    of = {language: entries[language][row["hexcode"]] for language in LANGUAGES
          if row["hexcode"] in entries.get(language, {})}
    return {"id": _id(row["hexcode"]), "name": str(row["label"]),
            "group": groups["groups"][str(row["group"])],
            "subgroup": groups["subgroups"][str(row["subgroup"])],
            "keywords": list(map(str, row.get("tags", []))),
            "names": {language: str(entry["label"]) for language, entry in of.items()},
            "keywords_by_language": {language: list(map(str, entry.get("tags", [])))
                                     for language, entry in of.items() if language != "en"}}


def _id(code: str) -> str:
    """Return the code points of an emoji without the sign that asks for its coloured form."""
    return code.lower().replace("-fe0f", "")


def _pictures(file: Path, ids: set[str]) -> tuple[dict[str, dict[str, bytes]], dict[str, bytes]]:
    """Return the pictures of concepts by folder and id, and the package's licence."""
    try:
        import resvg_py
    except ImportError:
        raise ImportError("make-emoji needs resvg: pip install 'crossalign[emoji]'.") from None
    pictures: dict[str, dict[str, bytes]] = {name: {} for name in FOLDERS.values()}
    licence = {}
    for path, content in members(file, lambda path: bool(DRAWING.fullmatch(path)
                                                         or LICENCE.fullmatch(path)), "openmoji"):
        drawing = DRAWING.fullmatch(path)
        if drawing is None:
            licence[path] = content
            continue
        if _id(drawing["code"]) not in ids:
            continue
        if len(content) > LARGEST or FOREIGN.search(content):
            raise ValueError(f"openmoji: the drawing {path!r} is larger than {LARGEST} bytes or "
                             "refers to something outside it; give what npm pack openmoji writes.")
        try:
            png = resvg_py.svg_to_bytes(svg_string=content.decode(), width=SIDE, height=SIDE,
                                        skip_system_fonts=True, background="#ffffff")
        except ValueError:
            raise ValueError(f"openmoji: the drawing {path!r} cannot be drawn; get the package "
                             "again.") from None
        pictures[FOLDERS[drawing["style"]]][_id(drawing["code"])] = bytes(png)
    return pictures, licence
