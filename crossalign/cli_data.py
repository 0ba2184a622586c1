"""Commands about data: list the built-in sets, check your own, make folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossalign.arguments import HOME, check_writable, log
from crossalign.boundary import tell
from crossalign.data_arguments import takes_data
from crossalign.data_options import SUPERVISED, DataOptions

if TYPE_CHECKING:
    from crossalign.data.checks import Check


def register(app: typer.Typer) -> None:
    """Add the commands to those about data."""
    for name, command in (("list", data_list), ("validate", data_validate), ("make", data_make),
                          ("make-emoji", data_make_emoji)):
        app.command(name)(command)


def data_list() -> None:
    """List the built-in data sets and the layouts that a path may have."""
    from crossalign.data.catalog import listing

    print(listing())


@takes_data("data", "pool", *SUPERVISED)
def data_validate(path: Annotated[str, typer.Argument(
        help="A built-in name, or a folder or file; a variant stands behind a colon.")],
                  options: DataOptions) -> None:
    """Check a folder or file and print what was found.

    It is read for the task that is asked for; where none is, as crossalign run reads it, and then
    as crossalign build does if that is for another task.
    """
    from crossalign.data import validate
    from crossalign.data.checks import checks_of
    from crossalign.space.raw_data import load_raw, space_task

    options, arguments = replace(options, data=path), options.read_as()
    found = validate(path, options.purpose, log=log, **arguments)
    _print(found)
    done, built = dict(found)["task"], space_task(options)
    if options.task is not None or built in (None, done):
        return
    print(f"\nas crossalign build reads it, for {built}:")
    try:
        _print(checks_of(load_raw(options, (), log, arguments).benchmark))
    except ValueError as error:
        tell(f"note: crossalign run reads this for {done}, and crossalign build cannot read it for "
             f"{built}: {error}")


def _print(found: Iterable[Check]) -> None:
    for name, detail in found:
        print(f"ok  {name}: {detail}")


@takes_data("data", *SUPERVISED)
def data_make(path: Annotated[str, typer.Argument(
        help="A built-in name, or a folder or file; a variant stands behind a colon.")],
              out: Annotated[Path, typer.Option(help="Folder to make.", **HOME)],
              options: DataOptions) -> None:
    """Write a benchmark of recognition as a folder in the layout of xlsa17.

    It holds features, side information, split and validation classes, and is read here and by
    others' code. An existing folder is refused.
    """
    from crossalign.data.layouts import check_outside
    from crossalign.data.making import make_xlsa17
    from crossalign.files import check_new

    check_outside(out, path)
    check_new(out)
    check_writable(out)
    bench = replace(options, data=path, task=options.task or "gzsl").load()
    print(f"wrote {out}: {make_xlsa17(bench, out)}")


def data_make_emoji(
        openmoji: Annotated[Path, typer.Argument(help="What npm pack openmoji writes.", **HOME)],
        emojibase: Annotated[Path, typer.Argument(
            help="What npm pack emojibase-data writes.", **HOME)],
        out: Annotated[Path, typer.Option(help="Folder to make.", **HOME)]) -> None:
    """Make a data set of emoji from two archives: pictures, line drawings, names, keywords, groups.

    Nothing is fetched. An existing folder is refused.
    """
    from crossalign.data.sources.emoji.making import make_emoji
    from crossalign.files import check_new

    check_new(out)
    check_writable(out)
    print(f"wrote {out}: {make_emoji(openmoji, emojibase, out)}")
