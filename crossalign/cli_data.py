"""Commands about data: list the built-in sets, check your own, make folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from crossalign.arguments import HOME, check_writable, log
from crossalign.boundary import tell
from crossalign.data_options import SUPERVISED, DataOptions, takes_data


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
    """Check a folder or file for one task and print what was found."""
    from crossalign.data import validate
    from crossalign.space.raw_data import space_task

    found = validate(path, options.purpose, log=log, **options.read_as())
    for name, detail in found:
        print(f"ok  {name}: {detail}")
    built, done = space_task(replace(options, data=path)), dict(found)["task"]
    if built not in (None, done):
        tell(f"note: this was checked for {done}, and crossalign build reads it for {built}; check "
             f"that by --task {built}")


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
