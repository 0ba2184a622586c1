"""Archives of npm packages, ``.tgz``, read member by member; nothing is unpacked to the disk.

What a package has no need of is refused: links, devices, paths that lead out, and more bytes than
a package has.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from crossalign.reading import existing

LARGEST = 2**28
"""Number of unpacked bytes of an archive that are read at most."""
LARGEST_MEMBER = 2**26
"""Size of the largest member that is read, in bytes."""
GZIP = b"\x1f\x8b"


class _Metered(RawIOBase):
    """Stream that ends with an error once too much has come out of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, LARGEST

    def read(self, size: int = -1, /) -> bytes:
        """Read at most ``size`` bytes."""
        found = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(found)
        if self._left < 0:
            raise OverflowError
        return found


def members(file: Path, wanted: Callable[[str], bool], argument: str,
            ) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the members of an archive that are wanted.

    Parameters
    ----------
    file : Path
        Archive, ``.tgz``.
    wanted : callable
        Function of the path of a member, without the folder ``package`` of npm, to True for one to
        read.
    argument : str
        Name of the argument in errors.

    Raises
    ------
    ValueError
        If it is damaged or no such archive, too large when unpacked, or holds a link, a device or a
        path that leads out.
    """
    existing(file, GZIP, argument)
    try:
        with (gzip.open(file) as stream,
              tarfile.open(fileobj=cast(Any, _Metered(cast(IO[bytes], stream))),
                           mode="r|") as archive):
            for member in archive:
                path = _checked(member, file, argument)
                if member.isfile() and wanted(path):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield path, content.read()
    except OverflowError:
        raise ValueError(f"{argument}: {str(file)!r} unpacks to more than {LARGEST} bytes; give a "
                         "package as npm pack writes it.") from None
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{argument}: {str(file)!r} cannot be read as a .tgz archive "
                         f"({type(error).__name__}); get it again with npm pack.") from None


def _checked(member: tarfile.TarInfo, file: Path, argument: str) -> str:
    """Return the path of a member below its first folder."""
    path = PurePosixPath(member.name)
    wrong = ("a link" if member.issym() or member.islnk()
             else "a device" if not (member.isfile() or member.isdir())
             else "a path that leads out" if path.is_absolute() or ".." in path.parts
             else "more bytes than are read" if member.size > LARGEST_MEMBER else None)
    if wrong is not None:
        raise ValueError(f"{argument}: {member.name!r} of {str(file)!r} is {wrong}; give a package "
                         "as npm pack writes it.")
    return "/".join(path.parts[1:])
