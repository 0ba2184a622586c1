"""Maps over pictures: what of a picture an answer of a space rests on, or which frame of a clip,
drawn into a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from crossalign.arguments import HOME, check_writable, log

if TYPE_CHECKING:
    from crossalign.space import Space
    from crossalign.space.occluded import Kind

MapFile = Annotated[Path | None, typer.Option(
    "--occlusion", help="PNG file to draw a map into, over the picture: what of it this rests on, "
    "found by covering one place after another; of a clip, by leaving out one frame after another.",
    **HOME)]


def check_map(file: Path | None, pictures: Sequence[Path] = ()) -> None:
    """Raise ValueError unless a map of one item may be drawn into a file, before any work."""
    if file is None:
        return
    if len(pictures) > 1:
        _refuse(f"{len(pictures)} files")
    if file.suffix.lower() != ".png":
        raise ValueError(f"--occlusion: got {str(file)!r}; give a file to write whose name ends "
                         "in .png, as map.png.")
    if file.exists():
        raise ValueError(f"--occlusion: {str(file)!r} is there already; give another name, or "
                         "remove it.")
    check_writable(file, "--occlusion")


def check_item(space: Space, file: Path | None, pictures: Sequence[Path]) -> None:
    """Raise ValueError for the map of a folder, unless that is a clip to the space."""
    folder = next((picture for picture in pictures if picture.is_dir()), None)
    if file is not None and folder is not None and not space.clips:
        _refuse(f"the folder {str(folder)!r}")


def _refuse(given: str) -> NoReturn:
    raise ValueError(f"--occlusion: got {given}, and a map is of one picture; give its file.")


def draw_map(space: Space, file: Path | None, pictures: Sequence[Path], of: Kind,
             question: str | None = None) -> None:
    """Draw the map of what was said of pictures, if a file is given for it."""
    if file is not None:
        space.occlusion(list(pictures), of, question, log=log).save(file)
        log(f"a map of what that rests on is in {file}")
