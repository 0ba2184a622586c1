"""Write the rows that two encoders make of the same pictures, as a file of aligned arrays.

    python docs/two_encoders.py FOLDER FIRST SECOND --out FILE.npz

FOLDER holds a folder of pictures for each class. FIRST and SECOND are ``hog``, or a network as
``--encoder`` takes it. The file has the modalities ``first`` and ``second`` and ``labels``, and is
read as ``--data FILE.npz``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crossalign.data.class_folders import class_files
from crossalign.data_options import DataOptions
from crossalign.files import replacing
from crossalign.space.readers import Readers


def main(arguments: Sequence[str] | None = None) -> None:
    """Encode every picture twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("encoders", nargs=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    by_class, passed = class_files(given.folder)
    for what, names in passed.items():
        print(f"{what}: {len(names)}, first {names[0]}", file=sys.stderr)
    files = [file for of in by_class.values() for file in of]
    if not files:
        parser.error(f"{given.folder}: has no class folder with pictures")
    labels = np.repeat(np.arange(len(by_class)), list(map(len, by_class.values())))
    rows = [Readers(DataOptions(data=str(given.folder), encoder=None if name == "hog" else name))
            .of_pictures(files) for name in given.encoders]
    with replacing(given.out) as draft, draft.open("wb") as stream:
        np.savez(stream, first=rows[0], second=rows[1], labels=labels)


if __name__ == "__main__":
    main()
