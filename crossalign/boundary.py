"""Ends of a command: success, one sentence about its input, or a bug whose traceback is kept.

| end | exit code | message |
|---|---|---|
| bad input, a missing extra, a file that cannot be used, too little memory | 2 | one sentence |
| Ctrl-C | 130 | that it was interrupted |
| nobody reads the output any longer, as behind ``| head`` | 141, as of SIGPIPE | none |
| anything else, a bug | 70 | the place of its traceback, and how to report it |
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata

BAD_INPUT, BUG, INTERRUPTED, UNREAD = 2, 70, 130, 141
STOPPED = "crossalign: interrupted."
DEBUG_VARIABLE = "CROSSALIGN_DEBUG"
"""Environment variable that, if set, shows every error with its traceback."""


def run_command(command: Callable[[], object]) -> None:
    """Run ``command``; if it fails, end the process by the table above."""
    fill_closed_streams()
    warnings.formatwarning = one_line
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # a terminal of ASCII does not end a run
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    read = True
    try:
        try:
            command()
        finally:
            read = flush_output()
        if not read:
            raise SystemExit(UNREAD)
    except BrokenPipeError:
        raise SystemExit(UNREAD) from None
    except KeyboardInterrupt:
        tell(STOPPED)
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # typer makes it of Ctrl-C, without a word
            tell(STOPPED)
        if isinstance(ended.__context__, BrokenPipeError) or (not read and not ended.code):
            raise SystemExit(UNREAD) from None
        raise
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        sentence = sentence_of(error)
        tell(f"crossalign: {bug_report(error) if sentence is None else sentence}")
        raise SystemExit(BUG if sentence is None else BAD_INPUT) from None


def one_line(message: Warning | str, category: type[Warning], filename: str, lineno: int,
             line: str | None = None) -> str:
    """Return a warning as users read it: the message without the place in the code."""
    place = "" if category is UserWarning else f"{filename}:{lineno}: {category.__name__}: "
    return f"crossalign: {place}{' '.join(str(message).split())}\n"


def fill_closed_streams() -> None:
    """Open those of the three standard streams that are closed, so that no file of ours is taken
    for one.

    What a library writes to standard error would otherwise land in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def flush_output() -> bool:
    """Write pending output; return False, and stop writing, if nobody reads it any longer."""
    if sys.stdout is None:
        return True
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def sentence_of(error: Exception) -> str | None:
    """Return in one line what is wrong with the input; None if the error is a bug."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError)
                                          and "allocat" in text.lower()):  # as torch says it
        return (f"memory: what was asked for does not fit ({text or 'none is left'}); give smaller "
                "data, batches or parameters.")
    if isinstance(error, OSError) and error.strerror is not None:
        where = "" if error.filename is None else f"{str(error.filename)!r}: "
        return f"{where}{error.strerror}; check the path, its permissions and the space left."
    return text if isinstance(error, ValueError | OSError | ImportError) and text else None


def bug_report(error: Exception) -> str:
    """Write a bug's traceback to a file, and return the message about it."""
    lines = "".join(traceback.format_exception(error))
    hint = f"set {DEBUG_VARIABLE}=1 to see the traceback and report it"
    with suppress(OSError), tempfile.NamedTemporaryFile(
            "w", prefix="crossalign-", suffix=".txt", encoding="utf-8",
            errors="backslashreplace", delete=False) as file:
        file.write(f"crossalign {metadata.version('crossalign')}, Python "
                   f"{platform.python_version()} on {platform.platform()}\n{sys.argv}\n\n{lines}")
        hint = f"its traceback is in {file.name}; please report it with that file"
    last = " ".join(traceback.format_exception_only(error)[-1].split())
    return f"this is a bug and not your input: {last[:300]}\ncrossalign: {hint}."


def tell(line: str) -> None:
    """Print one line on standard error, unless that is closed."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)
