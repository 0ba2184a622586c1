"""Commands that change a space: items and classes come and go, another encoder reads pictures."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from crossalign.arguments import HOME, log
from crossalign.boundary import tell
from crossalign.cli_pictures import Files, pictures_of
from crossalign.sentences import nearest, short
from crossalign.tables import printable

Folder = Annotated[Path, typer.Argument(help="Folder of the space.", **HOME)]


def add(space: Folder, files: Files,
        of: Annotated[str | None, typer.Option(
            "--class", help="Name of their class, for filters.")] = None) -> None:
    """Add pictures to the index of a space; one that is there is read anew and keeps its class."""
    from crossalign.space import Space

    with closing(Space.open(space)) as opened:
        before, pictures = len(opened), pictures_of(files, opened.clips)
        opened.add(pictures, payload=None if of is None else [{"class": of}] * len(pictures))
        new = len(opened) - before
        replaced = f", {len(pictures) - new:,} replaced" * (new < len(pictures))
        print(f"{new:,} added{replaced}, {len(opened):,} items")
        if of is not None and of not in opened.class_names:
            tell(f"note: {short(of)} is no class of this space, so that it is found by filters and "
                 f"not recognised; {nearest(of, opened.class_names, 'add-class makes it one')}")


def remove(space: Folder,
           ids: Annotated[list[str], typer.Argument(
               help="Ids, as search shows them, or files that were added.")]) -> None:
    """Remove items from the index of a space."""
    from crossalign.space import Space

    with closing(Space.open(space)) as opened:
        opened.remove(ids)
        print(f"{len(ids):,} removed, {len(opened):,} items")


def add_class(space: Folder, name: Annotated[str, typer.Argument(help="Name of the class.")],
              text: Annotated[list[str] | None, typer.Option(
                  help="What it looks like; may be repeated. By default the name.")] = None,
              ) -> None:
    """Add a class that is known by a text alone; nothing is trained."""
    from crossalign.space import Space

    with closing(Space.open(space)) as opened:
        opened.add_class(name, text)
        print(f"{printable(name)} added, {len(opened.class_names)} classes")
        if opened.added is not None:
            print(f"how well it is told depends on its text: {opened.added}")
            count = int((~opened.seen).sum())
            if count > 1:
                print(f"all {count} classes that are known by a text share what the others give "
                      "up, so that fewer of each are told")


def adapt(space: Folder, files: Files) -> None:
    """Let unlabelled pictures teach a space where classes that are known by a text alone lie.

    The space was built with --adapt.
    """
    from crossalign.space import Space

    opened = Space.open(space)
    pictures = pictures_of(files, opened.clips)
    opened.adapt(pictures)
    print(f"{space}: {len(pictures):,} pictures moved the classes without training pictures")


def migrate(space: Folder,
            image_encoder: Annotated[str, typer.Option(
                help="Network that reads pictures from now on, as for build's --encoder.")],
            sample: Annotated[int, typer.Option(
                min=1, help="Number of pictures of the space that both encoders read.")] = 1000,
            accept: Annotated[bool, typer.Option(
                "--accept", help="Take the map even if it keeps less than 0.95 of the recall.")
                ] = False) -> None:
    """Change the encoder of pictures and keep the index; a map of queries is learned.

    What it keeps is measured on pictures held out, against encoding them anew.
    """
    from crossalign.space import Space

    about = Space.open(space).migrate(image_encoder, sample, accept=accept, log=log)
    how = ("as when it was built" if about["kind"] == "none" else
           f"mapped; {about['share']:.3f} of the recall is kept")
    print(f"{space}: pictures are read by {image_encoder}, {how}")
