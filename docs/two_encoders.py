"""Write the rows that two encoders make of the same pictures, as a file of aligned arrays.

    python docs/two_encoders.py FOLDER FIRST SECOND --out FILE.npz

FOLDER holds a folder of pictures for each class. FIRST and SECOND are ``hog``, or a network as
``--encoder`` takes it. The file has the modalities ``first`` and ``second`` and ``labels``, and is
read as ``--data FILE.npz``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crossalign.data_options import DataOptions
from crossalign.files import replacing
from crossalign.space.readers import Readers

SUFFIXES = (".jpg", ".jpeg", ".png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Encode every picture twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("encoders", nargs=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    files = sorted(file for file in given.folder.glob("*/*") if file.suffix.lower() in SUFFIXES)
    if not files:
        parser.error(f"{given.folder}: has no class folder with pictures")
    _, labels = np.unique([file.parent.name for file in files], return_inverse=True)
    rows = [Readers(DataOptions(data=str(given.folder), encoder=None if name == "hog" else name))
            .of_pictures(files) for name in given.encoders]
    with replacing(given.out) as draft, draft.open("wb") as stream:
        np.savez(stream, first=rows[0], second=rows[1], labels=labels)


if __name__ == "__main__":
    main()
