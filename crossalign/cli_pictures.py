"""Pictures that commands about a space are given: files, and folders, walked as `build` does.

A picture that cannot be read takes no answer away from the others: it is named, and the command
ends with exit code 2 once they are answered.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from crossalign.arguments import HOME
from crossalign.boundary import tell
from crossalign.reading import expanded
from crossalign.sentences import short
from crossalign.tables import printable

MOST = 3
"""Number of pictures and question of `ask` at most."""
LONG = 300
"""Characters of a word that may be a path, of which the end is what tells files apart."""
Files = Annotated[list[Path], typer.Argument(
    help="Files of pictures, or folders, whose pictures and class folders are read; in a space of "
    "clips those.", **HOME)]


class Answered(NamedTuple):
    """Pictures with their answers, and why others have none, by picture."""

    files: list[Path]
    answers: list[Any]
    unread: dict[Path, str]

    @property
    def facts(self) -> dict[str, Any]:
        """Pictures without an answer, as JSON; nothing where every picture has one."""
        return {"unread": [{"file": str(file), "why": why} for file, why in self.unread.items()]
                } if self.unread else {}

    def end(self) -> None:
        """Raise ValueError, once the answers are printed, if a picture has none."""
        if self.unread:
            count = len(self.unread)
            raise ValueError(f"files: {count:,} of {count + len(self.files):,} pictures could not "
                             f"be read and {'has' if count == 1 else 'have'} no answer, as "
                             f"{str(next(iter(self.unread)))!r}; give whole ones.")


def pictures_of(files: Sequence[Path], clips: bool = False) -> list[Path]:
    """Return files, and in the place of a folder its pictures, or else its clips; what is none is
    told.

    Raises
    ------
    ValueError
        If a folder holds none.
    """
    from crossalign.data.class_clips import clips_in
    from crossalign.data.class_folders import pictures_in
    from crossalign.data.noted import noted_fact, say

    found: list[Path] = []
    for file in files:
        if not file.is_dir():
            found.append(file)
            continue
        inside, noted = clips_in(file) if clips else pictures_in(file)
        found += inside
        say(noted_fact(noted), tell)
    return found


def question_about(words: Sequence[str]) -> tuple[list[Path], str]:
    """Return the pictures and the question that stand behind a space on a command line.

    Raises
    ------
    ValueError
        If there is no picture or no question, they stand in another order, there are more words, or
        a picture is not there.
    """
    *before, question = words
    way = 'give one picture or two, and behind them the question, as FILE "what is it?"'
    if len(words) == 1:
        raise ValueError(f"question: got {short(question, LONG)} alone; {way}.")
    if len(words) > MOST:
        raise ValueError(f"question: got {len(words)} arguments behind the space, the last of them "
                         f"{short(question, LONG)}; {way}.")
    if os.path.exists(question):
        raise ValueError(f"question: got {short(question, LONG)}, which is a file; {way}.")
    files = [expanded(file, "file") for file in before]
    for file in files:
        if not os.path.exists(file):
            raise ValueError(f"file: there is no {short(str(file), LONG)}; {way}.")
    return files, question


def answered(files: Sequence[Path], answer: Callable[[list[Path]], Sequence[Any]],
             clips: bool = False) -> Answered:
    """Ask about pictures, together where all can be read, and find those that cannot by halving; a
    folder without any is one that cannot.

    Parameters
    ----------
    files : sequence of Path
        Files and folders.
    answer : callable
        Function of pictures that returns an answer for each, and raises ValueError if one cannot be
        read.
    clips : bool
        Whether folders hold clips; default False.

    Raises
    ------
    ValueError
        That of ``answer`` if no picture has an answer.
    """
    pictures, bare = list[Path](), dict[Path, str]()
    for file in files:
        try:
            pictures += pictures_of([file], clips)
        except ValueError as error:
            bare[file] = str(error)
    found = _halved(pictures, answer) if pictures else Answered([], [], {})
    found = found._replace(unread=bare | found.unread)
    if not found.files:
        raise ValueError(next(iter(found.unread.values())))
    for picture, why in found.unread.items():
        tell(f"note: {why}" if str(picture) in why else printable(f"note: {picture}: {why}"))
    return found


def _halved(files: list[Path], answer: Callable[[list[Path]], Sequence[Any]]) -> Answered:
    try:
        return Answered(files, list(answer(files)), {})
    except ValueError as error:
        if len(files) == 1:
            return Answered([], [], {files[0]: str(error)})
    middle = len(files) // 2
    first, second = _halved(files[:middle], answer), _halved(files[middle:], answer)
    return Answered(first.files + second.files, first.answers + second.answers,
                    first.unread | second.unread)
