"""easy-VQA: ``train`` and ``test``, each with ``questions.json`` and pictures in ``images``.

A question is a list of its words, its one answer, and the number of its picture, ``7.png``.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from crossalign.data.json_values import whole_of, words_of
from crossalign.data.sources.vqa.part import Part, checked, numbered, read_json
from crossalign.types.questions import YES_NO, answer_type

PARTS = ("train", "test")
QUESTIONS = "questions.json"
IMAGES = "images"


def is_easy(folder: Path, names: Collection[str]) -> bool:
    """Return True for a folder with both parts."""
    return {*PARTS} <= {*names} and all((folder / part / QUESTIONS).is_file() for part in PARTS)


def read_easy(folder: Path) -> list[Part]:
    """Read both parts.

    Raises
    ------
    ValueError
        If a file is damaged, or a question's picture is not there.
    """
    return [_part(folder / part, part) for part in PARTS]


def _part(folder: Path, name: str) -> Part:
    file = folder / QUESTIONS
    try:
        rows = [(words_of(text, "question", file), words_of(answer, "answer", file),
                 whole_of(number, "picture", file)) for text, answer, number in read_json(file)]
    except (TypeError, ValueError) as error:
        if str(error).startswith("path:"):
            raise
        raise ValueError(f"path: {str(file)!r} is no list of questions, each a list of words, "
                         "answer and number of the picture; get the file again.") from None
    images = folder / IMAGES
    pictures = numbered((int(image.stem), image) for image in
                        (sorted(images.iterdir()) if images.is_dir() else ())
                        if image.suffix.lower() == ".png" and image.stem.isdecimal())
    texts, answers, about = (list(column) for column in zip(*rows, strict=True)) if rows else (
        [], [], [])
    return checked(Part(name, pictures, texts, [(answer,) for answer in answers],
                        [_type(text, answer) for text, answer, _ in rows], about, {}), file)


def _type(text: str, answer: str) -> str:
    """Return the type of a question, which the files do not say."""
    if answer_type(answer) == YES_NO:
        return YES_NO
    return "colour" if "color" in text else "shape"
