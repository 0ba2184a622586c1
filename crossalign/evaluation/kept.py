"""Finished parts of a long work, a file each: a process that dies loses none of them.

A file is named by all that its part depends on (data, parameters, code). Parts of different works
stand side by side in one folder, and reading gives back to the bit what was written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from crossalign.evaluation.plain_values import jsonable
from crossalign.files import draft_of, write_text
from crossalign.fingerprints import benchmark_fingerprint, code_fingerprint
from crossalign.folders import digest
from crossalign.trees import pack, unpack
from crossalign.types import Benchmark

Folder = str | os.PathLike[str] | None


def kept(folder: Folder, name: str, work: Mapping[str, Any], build: Callable[[], Any],
         log: Callable[[str], None] | None = None) -> Any:
    """Return the result of ``build()``, from the folder if it was finished before for the same
    work.

    Parameters
    ----------
    folder : path or None
        Folder of the files; None saves nothing.
    name : str
        Name of the part, such as ``seed-0``; the file is ``NAME-XXXXXXXX.json``.
    work : mapping
        Everything that the part depends on.
    build : callable
        Function that makes a tree of mappings, lists, tuples, arrays, numbers, strings and None.
    log : callable, optional
        Function that is told of parts that were finished before.
    """
    if folder is None:
        return build()
    stated = json.dumps(jsonable(work), sort_keys=True)
    key = digest(stated)
    file = Path(folder) / f"{name}-{key[:8]}.json"
    record = _read(file, stated)
    if record is None:
        packed = json.dumps(pack(build()))
        record = {"work": json.loads(stated), "sha256": digest(packed), "part": json.loads(packed)}
        write_text(file, json.dumps(record) + "\n")
    elif log is not None:
        log(f"finished before, in {file}")
    return unpack(record["part"])


def work_of(model: Any, bench: Benchmark) -> Callable[..., dict[str, Any]]:
    """Return ``work(run, **more)``: all that a part of a model's run on a benchmark depends on."""
    own = {"model": type(model).__qualname__, "code": code_fingerprint(model)}
    prints: dict[int, str] = {}

    def work(run: int, **more: Any) -> dict[str, Any]:
        split = 0 if bench.resplit is None else run
        if split not in prints:
            prints[split] = benchmark_fingerprint(bench.run(split))
        return {**own, "data": prints[split], "run": run, **more}

    return work


def forget(folder: str | os.PathLike[str], name: str) -> None:
    """Delete the files of a name, and the folder if nothing else is in it."""
    ours = re.compile(re.escape(name) + r"-[0-9a-f]{8}\.json")
    with suppress(OSError):
        for file in Path(folder).iterdir():
            if ours.fullmatch(draft_of(file.name) or file.name):
                file.unlink()
        Path(folder).rmdir()


def _read(file: Path, stated: str) -> dict[str, Any] | None:
    """Read a whole file of the same work, or return None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        record: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if (record["work"] == json.loads(stated)
                and record["sha256"] == digest(json.dumps(record["part"]))):
            return record
    return None
