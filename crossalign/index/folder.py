"""Folders of indexes: vectors and a journal of items, both only appended to, and a manifest.

- ``index.json``, the manifest: class and parameters of the index, and how much of the other files
  is valid. It is replaced last, so that whenever the process dies an addition is there or not.
- ``vectors-*.bin``: rows of numbers, mapped into memory when the index is opened.
- ``items-*.jsonl``: one line for every item, ``[id, payload]``, or ``{"removed": [ids]}``.

Saving writes the items that are there into new files and so closes the gaps. One process writes: it
holds the file ``lock`` from its first change until `Folder.close`. Any number may read.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from crossalign.files import draft_of, sweep, write_text
from crossalign.index.items import Items, checked_ids, checked_payloads
from crossalign.reading import expanded
from crossalign.sentences import short

Array = npt.NDArray[Any]

FORMAT = 1
MANIFEST, LOCK = "index.json", "lock"
PART = re.compile(r"(vectors-[0-9a-f]{8}\.bin|items-[0-9a-f]{8}\.jsonl)")
DTYPES = ("float32", "uint8")


class Folder:
    """A folder with a saved index, to which items can be appended.

    Parameters
    ----------
    path : str or Path
        Folder, which need not be there yet.

    Attributes
    ----------
    manifest : dict
        Content of the manifest; empty until it is read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = expanded(path, "folder")
        self.manifest: dict[str, Any] = {}
        self._lock: FileLock | None = None

    def read(self) -> dict[str, Any]:
        """Read the manifest and return it.

        Raises
        ------
        ValueError
            If the folder holds no index, or one of another format.
        """
        try:
            found = json.loads((self.path / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"folder: {str(self.path)!r} holds no readable {MANIFEST}; give a "
                             "folder that an index's save wrote.") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"folder: {str(self.path)!r} holds no index of format {FORMAT}; save "
                             "it again with this version.")
        if not isinstance(found.get("params"), dict):
            raise ValueError(f"folder: {str(self.path)!r} is damaged (params is "
                             f"{short(found.get('params'))}); save the index again.")
        self.manifest = found
        return found

    def rows(self) -> Array:
        """Map the vectors of all slots into memory, ``(slots, width)``, read-only."""
        shape = self.manifest["slots"], self.manifest["width"]
        if 0 in shape:
            return np.zeros(shape, self.manifest["dtype"])
        return np.asarray(np.memmap(self.path / self.manifest["vectors"], self.manifest["dtype"],
                                    "r", 0, shape))

    def items(self) -> Items:
        """Read the journal.

        Raises
        ------
        ValueError
            If the files are not what the manifest says.
        """
        try:
            if not all(PART.fullmatch(self.manifest[part]) for part in ("vectors", "items")):
                raise ValueError("names of other files")
            items = self._replayed()
            for count in ("width", "slots", "journal", "following"):
                if type(self.manifest[count]) is not int or self.manifest[count] < 0:
                    raise ValueError(f"{count} is {short(self.manifest[count])}")
            stride = np.dtype(self.manifest["dtype"]).itemsize * self.manifest["width"]
            size = (self.path / self.manifest["vectors"]).stat().st_size
            if self.manifest["dtype"] not in DTYPES or size < stride * items.slots:
                raise ValueError(f"{size} bytes of vectors")
            if items.slots != self.manifest["slots"]:
                raise ValueError(f"{items.slots} items for {self.manifest['slots']} vectors")
            items.following = max(items.following, int(self.manifest["following"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"folder: {str(self.path)!r} is damaged ({short(str(error))}); save "
                             "the index again.") from error
        return items

    def append(self, rows: Array | None, lines: Iterable[str], following: int) -> None:
        """Append rows and lines of the journal; after a kill they are all there or none is.

        Raises
        ------
        ValueError
            If another process writes or has written, or the disk does not take it.
        """
        self.claim()
        manifest = {**self.manifest, "following": following}
        try:
            if rows is not None:
                manifest["width"] = rows.shape[1]               # 0 until there is a row
                start = manifest["slots"] * rows.dtype.itemsize * manifest["width"]
                _extend(self.path / manifest["vectors"], start, rows.tobytes())
                manifest["slots"] += len(rows)
            text = "".join(lines).encode()
            _extend(self.path / manifest["items"], manifest["journal"], text)
            manifest["journal"] += len(text)
            write_text(self.path / MANIFEST, json.dumps(manifest, indent=1))
        except OSError as error:
            raise ValueError(f"folder: {error}") from None
        self.manifest = manifest

    def write(self, record: Mapping[str, Any], blocks: Iterable[Array], width: int, dtype: str,
              lines: Iterable[str]) -> None:
        """Write an index anew, and remove the files of the one that was there.

        Parameters
        ----------
        record : dict
            Class, parameters and following number of the index.
        blocks : iterable of array
            Rows ``(n, width)`` of the items, some at a time.
        width : int
            Numbers in a row.
        dtype : str
            Name of their type.
        lines : iterable of str
            Lines of the journal.

        Raises
        ------
        ValueError
            If the folder holds something else, or as `append` does.
        """
        self._check_target()
        mark = secrets.token_hex(4)
        names = {"vectors": f"vectors-{mark}.bin", "items": f"items-{mark}.jsonl"}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.claim()
            size = _fill(self.path / names["vectors"], (block.tobytes() for block in blocks))
            journal = _fill(self.path / names["items"], (line.encode() for line in lines))
            slots = size // max(1, np.dtype(dtype).itemsize * width)
            manifest = {"format": FORMAT, **record, **names, "dtype": dtype, "width": width,
                        "slots": slots, "journal": journal}
            write_text(self.path / MANIFEST, json.dumps(manifest, indent=1))
        except OSError as error:
            raise ValueError(f"folder: {error}") from None
        self.manifest = manifest
        for file in self.path.iterdir():
            if PART.fullmatch(file.name) and file.name not in names.values():
                with suppress(OSError):                        # another process may map it
                    file.unlink()
        sweep(self.path, MANIFEST)

    def claim(self) -> None:
        """Become the one process that writes.

        Raises
        ------
        ValueError
            If another one is, or has changed the index since it was read.
        """
        if self._lock is not None:
            return
        lock = FileLock(self.path / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise ValueError(f"folder: {str(self.path)!r} is being written to by another index, "
                             "as that of a server; close that one first.") from None
        self._lock = lock
        known = self.manifest
        if known and Folder(self.path).read() != known:
            self.close()
            raise ValueError(f"folder: {str(self.path)!r} was changed by another index since it "
                             "was opened; open it again.")

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _replayed(self) -> Items:
        items = Items()
        with (self.path / self.manifest["items"]).open("rb") as stream:
            text = stream.read(self.manifest["journal"])
        if len(text) < self.manifest["journal"]:
            raise ValueError(f"{len(text)} bytes of items")
        for line in text.splitlines():
            entry = json.loads(line)
            if isinstance(entry, dict):
                items.remove(checked_ids(entry["removed"]))
            else:
                name, payload = entry
                items.add(checked_ids([name]), checked_payloads([payload], 1))
        return items

    def _check_target(self) -> None:
        """Raise ValueError if the folder holds anything but an index or an unfinished save."""
        if not self.path.exists() or (self.path / MANIFEST).is_file():
            return
        if self.path.is_dir() and all(
                PART.fullmatch(file.name) or file.name == LOCK or draft_of(file.name) == MANIFEST
                for file in self.path.iterdir()):
            return
        raise ValueError(f"folder: {str(self.path)!r} exists and is not a saved index; choose "
                         "another folder.")


def item_line(name: Any, payload: Any) -> str:
    """Write the line of the journal for an item."""
    return json.dumps([name, payload], ensure_ascii=False) + "\n"


def removal_line(ids: Any) -> str:
    """Write the line of the journal for the removal of items."""
    return json.dumps({"removed": ids}, ensure_ascii=False) + "\n"


def _extend(file: Path, start: int, content: bytes) -> None:
    """Write content from a place on, in the stead of all that follows, and bring it to the disk."""
    with file.open("rb+") as stream:
        stream.truncate(start)
        stream.seek(start)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _fill(file: Path, parts: Iterator[bytes]) -> int:
    """Write a file, bring it to the disk and return its size."""
    with file.open("wb") as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())
        return stream.tell()
