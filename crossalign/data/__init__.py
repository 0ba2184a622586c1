"""Data: every loader gives a `crossalign.types.Benchmark`.

    from crossalign import data
    bench = data.load("glyphs")                                  # made here, nothing to download
    bench = data.load("path/to/CUB", attributes="sent_splits.mat")      # the xlsa17 layout
    bench = data.load("path/to/wikipedia", task="retrieval")            # pairs
    bench = data.load("path/to/omniglot-alphabets")                     # a task behind a path
    bench = data.load("path/to/Sketchy", unseen="sketchy25-sake")       # sketches and photos
    bench = data.load("path/to/caltech-tokens")                         # class folders of pictures

Files are checked once, when they are read, and every complaint is one sentence. Features come as
they are in the file (`preprocessing` is for models, on their training rows). The protocol of a
benchmark says which rows, which features and which side information its numbers rest on, and which
of the known ways to be wrong (`LEAKS`) are ruled out.

| file | idea |
|---|---|
| catalog, layouts, checks | names and paths to benchmarks, and checks of them |
| sources | one data set or layout each: reading and splitting |
| formats | MATLAB, NumPy, delimited text, pictures |
| table, named_files | the meaning of a table of aligned arrays, files that it names |
| class_folders, picture_rows | folders to files, pixels to rows |
| side_information | one vector per class, matched by name |
| gzsl, splits, class_divisions, class_pairs, unseen_classes | the split of rows and classes |
| declaration, leaks, digest | protocols, ways to be wrong, equal rows |
| noted | notes on data that were not read, or not as they are stored |
| cache | arrays kept on disk |
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from crossalign.data.catalog import available, load
from crossalign.data.checks import validate
from crossalign.data.leaks import LEAKS
from crossalign.data.sources.domains.source import load_domains
from crossalign.data.sources.pairs.source import load_pairs
from crossalign.data.sources.picture_folder.source import load_picture_folder
from crossalign.data.sources.sketches.source import load_sketches
from crossalign.data.sources.xlsa17.source import load_xlsa17
from crossalign.data.splits import (
    class_splits,
    gzsl_validation,
    hold_out,
    sempcyc_sketchy_unseen,
    validation_rows,
)

__all__ = [
    "LEAKS",
    "available",
    "class_splits",
    "gzsl_validation",
    "hold_out",
    "load",
    "load_domains",
    "load_glyphs",
    "load_omniglot",
    "load_pairs",
    "load_picture_folder",
    "load_sketches",
    "load_synthetic",
    "load_xlsa17",
    "sempcyc_sketchy_unseen",
    "validate",
    "validation_rows",
]

_LATER = {"load_glyphs": "glyphs.source", "load_omniglot": "omniglot.source",
          "load_synthetic": "synthetic"}


def __getattr__(name: str) -> Any:
    """Import a maker of data when it is asked for."""
    if name in _LATER:
        return getattr(import_module(f"{__name__}.sources.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
