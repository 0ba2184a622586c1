"""Names of the outputs of an image classifier, from where they honestly are; none is guessed.

A text file of the user's has one a line. A folder of ``transformers`` has ``id2label`` in its
``config.json``, an ``.onnx`` file has them among its metadata or such a ``config.json`` beside it,
and a ``.tflite`` file may carry a text file in the zip archive behind its network.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossalign.names import written
from crossalign.reading import check_regular, expanded
from crossalign.sentences import short

LARGEST = 2**24
"""Size of the largest file of labels that is read, in bytes."""
KEYS = ("id2label", "names", "labels", "classes")
"""Keys of an ONNX file's metadata that hold names, as JSON."""
UNNAMED = "LABEL_"
"""Beginning of the names that ``transformers`` gives to outputs without one."""

Labels = tuple[str, ...]


def read_labels(file: str | Path) -> Labels:
    """Read names of outputs from a text file, one a line, as they are written.

    Raises
    ------
    ValueError
        If it cannot be read as UTF-8 text, is larger than 16 MB, has no line, or an empty one
        between others.
    """
    path = expanded(file, "output_names")
    check_regular(path, "output_names")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"output_names: {str(path)!r} is larger than {LARGEST >> 20} MB; give a "
                         "text file with a name a line.")
    try:
        return lines_of(path.read_bytes(), str(path))
    except OSError as error:
        raise ValueError(f"output_names: {str(path)!r} cannot be read ({error.strerror}); copy it "
                         "again.") from None


def lines_of(content: bytes, where: str) -> Labels:
    """Return the lines of a text as names.

    Raises
    ------
    ValueError
        If it is no UTF-8 text, has no line, or an empty one between others.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"output_names: {where!r} cannot be read as UTF-8 text; save it again.") \
            from None
    lines = [written(line).strip() for line in text.rstrip().split("\n")]
    if "" in lines:
        raise ValueError(f"output_names: line {lines.index('') + 1} of {where!r} is empty; write "
                         "the name of every output in a line of its own, in their order.")
    return tuple(lines)


def numbered_labels(names: Any) -> Labels | None:
    """Return names by number, as ``{"0": "cat"}``, or in a list; None if they are no names.

    Those that ``transformers`` makes up, as ``LABEL_0``, are none.
    """
    if isinstance(names, Mapping):
        try:
            by_number = {int(key): name for key, name in names.items()}
        except ValueError:
            return None
        if sorted(by_number) != list(range(len(by_number))):
            return None
        names = [by_number[n] for n in range(len(by_number))]
    if not isinstance(names, list) or not names or not all(
            isinstance(name, str) and name.strip() for name in names):
        return None
    if all(name == f"{UNNAMED}{n}" for n, name in enumerate(names)):
        return None
    return tuple(written(name).strip() for name in names)


def labels_in_metadata(metadata: Mapping[str, str]) -> Labels | None:
    """Return the names in the metadata of an ONNX file, under the first of `KEYS` that has some."""
    for key in KEYS:
        try:
            found = numbered_labels(json.loads(metadata[key]))
        except (KeyError, ValueError, RecursionError):
            continue
        if found is not None:
            return found
    return None


def labels_in_archive(file: Path, outputs: int) -> Labels | None:
    """Return the text file with a line for each output in the archive behind a ``.tflite`` network.

    Raises
    ------
    ValueError
        If several files have as many lines, with other names.
    """
    if not zipfile.is_zipfile(file):
        return None
    found: dict[Labels, str] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".txt") and entry.file_size <= LARGEST:
                    with archive.open(entry) as stream:
                        content = stream.read(LARGEST)
                    try:
                        names = lines_of(content, f"{file.name}/{entry.filename}")
                    except ValueError:                                     # no list of names
                        continue
                    if len(names) == outputs:
                        found.setdefault(names, entry.filename)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError(f"output_names: the archive in {file.name!r} cannot be read ({error}); "
                         "give the names in a text file, by --output-names FILE.") from None
    if len(found) > 1:
        raise ValueError(f"output_names: {file.name!r} carries "
                         f"{' and '.join(map(repr, found.values()))}, each with {outputs} lines; "
                         "give the right one by --output-names FILE.")
    return next(iter(found), None)


def checked_labels(labels: Sequence[str], outputs: int) -> Labels:
    """Return names if there is one for each output.

    Raises
    ------
    ValueError
        If there are more or fewer, or one is no text.
    """
    if isinstance(labels, str) or not all(isinstance(of, str) and of.strip() for of in labels):
        raise ValueError(f"labels: got {short(labels)}; give a list of names, one for each output.")
    if len(labels) != outputs:
        background = (", the first for the background" if len(labels) + 1 == outputs else "")
        raise ValueError(f"labels: {len(labels)} names for a network of {outputs} outputs; give a "
                         f"line for every output in its order{background}.")
    return tuple(labels)
