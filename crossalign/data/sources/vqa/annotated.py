"""VQA: a file of questions and one of annotations for every part, and folders of pictures.

Of ``v2_OpenEnded_mscoco_train2014_questions.json`` and ``v2_mscoco_train2014_annotations.json`` the
part is ``train2014``; its pictures are in the folder of that name, here, in ``images`` or beside,
and end with their number, as ``COCO_train2014_000000000009.jpg``. An annotation has the answers of
ten people. The type of a question is that of its answer: yes/no, number or other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from crossalign.data.class_folders import is_picture
from crossalign.data.json_values import text_of, whole_of, words_of
from crossalign.data.sources.vqa.part import Part, checked, numbered, read_json
from crossalign.types.questions import DISAGREE, too_few

QUESTIONS = re.compile(r"(?:.*_)?(?P<part>(train|val|test|minival)\w*?)_questions\.json")
ANNOTATIONS = re.compile(r"(?:.*_)?(?P<part>(train|val|test|minival)\w*?)_annotations\.json")
NUMBER = re.compile(r"(\d+)$")


def is_annotated(names: Collection[str]) -> bool:
    """Return True where a file of questions and one of annotations are of one part."""
    return bool(_parts(QUESTIONS, names).keys() & _parts(ANNOTATIONS, names).keys())


def read_annotated(folder: Path) -> list[Part]:
    """Read every part of which there are annotations.

    Raises
    ------
    ValueError
        If a file is damaged, a question has no annotation or two, or its picture is not there.
    """
    names = sorted(file.name for file in folder.iterdir())
    questions, annotations = _parts(QUESTIONS, names), _parts(ANNOTATIONS, names)
    parts = [_part(folder, part, folder / questions[part], folder / annotations[part])
             for part in questions if part in annotations]
    silent = [questions[part] for part in questions if part not in annotations]
    if silent:
        parts[0].noted["questions_without_annotations"] = silent
    return parts


def _parts(pattern: re.Pattern[str], names: Collection[str]) -> dict[str, str]:
    """Return the file of each part among names."""
    return {match["part"]: name for name in names if (match := pattern.fullmatch(name))}


def _part(folder: Path, part: str, questions: Path, annotations: Path) -> Part:
    try:
        told: list[dict[str, Any]] = read_json(annotations)["annotations"]
        asked: list[dict[str, Any]] = read_json(questions)["questions"]
        answered = {one["question_id"]: one for one in told}
        texts = [words_of(one["question"], "question", questions) for one in asked]
        about = [whole_of(one["image_id"], "image_id", questions) for one in asked]
        _check_ids(questions, annotations, [one["question_id"] for one in asked],
                   [one["question_id"] for one in told])
        of = [answered[one["question_id"]] for one in asked]
        answers = [_answers(one["answers"], one["question_id"], annotations) for one in of]
        types = [words_of(one["answer_type"], "answer_type", annotations) for one in of]
        apart = [one["question_id"] for one, number in zip(of, about, strict=True)
                 if one.get("image_id", number) not in (number, str(number))]
    except (KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else "another form"
        raise ValueError(f"path: {str(questions)!r} and {annotations.name!r} are no questions and "
                         f"annotations of VQA ({what}); get them again.") from None
    if apart:
        raise ValueError(f"path: {questions.name!r} and {annotations.name!r} name different "
                         f"pictures for the question_id {apart[0]}; give files of one part.")
    stray = answered.keys() - {one["question_id"] for one in asked}
    noted = {"annotations_without_a_question": sorted(map(str, stray))} if stray else {}
    return checked(Part(part, _pictures(folder, part), texts, answers, types, about, noted),
                   questions)


def _check_ids(questions: Path, annotations: Path, asked: list[Any], told: list[Any]) -> None:
    """Raise ValueError where a question_id stands twice in a file, or has no annotation."""
    for file, names in ((questions, asked), (annotations, told)):
        if len(set(names)) < len(names):
            twice = next(name for name, count in Counter(names).items() if count > 1)
            raise ValueError(f"path: {str(file)!r} has the question_id {twice} twice; keep one of "
                             "them.")
    there = set(told)
    lacking = [name for name in asked if name not in there]
    if lacking:
        raise ValueError(f"path: {len(lacking)} questions of {str(questions)!r} have no annotation "
                         f"in {annotations.name!r}, first the question_id {lacking[0]}; give files "
                         "of one part.")


def _answers(given: Any, question: Any, file: Path) -> tuple[str, ...]:
    """Return the answers to a question; one of several may be blank.

    Raises
    ------
    ValueError
        If there is none, or nothing else than a blank one, or two or three.
    """
    answers = tuple(text_of(one["answer"], "answer", file) for one in given)
    if not any(answer.strip() for answer in answers):
        raise ValueError(f"path: the question_id {question} of {str(file)!r} has no answer; give "
                         "one, or remove the question.")
    if too_few(len(answers)):
        raise ValueError(f"path: the question_id {question} of {str(file)!r} has two or three "
                         f"answers, {DISAGREE}")
    return answers


def _pictures(folder: Path, part: str) -> dict[int, Path]:
    """Return the pictures of a part by number.

    Raises
    ------
    ValueError
        If there is no folder of them, or two have one number.
    """
    places = [folder / part, folder / "images" / part, folder.parent / part,
              folder.parent / "images" / part]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise ValueError(f"path: the pictures of {part!r} are in none of "
                         f"{[str(place) for place in places]}; put them into one.")
    return numbered((int(match[0]), file) for file in sorted(found.iterdir())
                    if (match := NUMBER.search(file.stem)) and is_picture(file))
