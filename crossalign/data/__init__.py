"""Where samples come from: every loader gives a `crossalign.types.Benchmark`.

    from crossalign import data
    bench = data.load("glyphs")                                  # made here, nothing to download
    bench = data.load("path/to/CUB", attributes="sent_splits.mat")      # the xlsa17 layout
    bench = data.load("path/to/wikipedia", task="retrieval")            # pairs
    bench = data.load("path/to/omniglot-alphabets")                     # a task behind a path
    bench = data.load("path/to/Sketchy", unseen="sketchy25-sake")       # sketches and photos
    bench = data.load("path/to/caltech-tokens")                         # class folders of pictures

Files are checked once, at the door, and every complaint is one sentence. Features come as they
are in the file (`Scaling` is for models, on their training rows). The protocol of a benchmark says
which rows, which features and which side information its numbers rest on, and which of the known
ways to be wrong (`LEAKS`) are ruled out.

| file | idea |
|---|---|
| catalog, layouts, checks | names and paths to benchmarks, and whether they are sound |
| glyphs, synthetic | data made here |
| xlsa17 | proposed-split folders; xlsa17_files reads them |
| pairs | retrieval and transfer over aligned views; pairs_files, pairs_table read them |
| domains | retrieval between domains without pairs; domain_file reads them, class_pairs draws |
| omniglot | pictures and pen strokes, out of omniglot_drawings, pen_strokes, stroke_features |
| wikipedia, tables, delimited, npz, matlab | file formats |
| sketches | sketches asking for photos; sketch_folders reads them, unseen_classes says who asks |
| picture_folder | class folders of pictures and folder_texts |
| picture_files, pictures, picture_rows | folders to files, files to pixels, pixels to rows |
| gradients, patches, words | features without a trained network |
| side_information | one vector per class, matched by name |
| splits, class_divisions | validation without leaks, fixed class splits |
| declaration, leaks, digest | what a protocol says, ways to be wrong, equal rows |
| named_files | files that a table names |
| noted | what was not read, or not as it stands there |
| scaling, cache | scaling, arrays kept on disk |
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from crossalign.data.catalog import available, load
from crossalign.data.checks import validate
from crossalign.data.domains import load_domains
from crossalign.data.leaks import LEAKS
from crossalign.data.pairs import load_pairs
from crossalign.data.picture_folder import load_picture_folder
from crossalign.data.scaling import Scaling, apply_scaling, fit_scaling
from crossalign.data.sketches import load_sketches
from crossalign.data.splits import (
    class_splits,
    gzsl_validation,
    hold_out,
    sempcyc_sketchy_unseen,
    validation_rows,
)
from crossalign.data.xlsa17 import load_xlsa17

__all__ = [
    "LEAKS",
    "Scaling",
    "apply_scaling",
    "available",
    "class_splits",
    "fit_scaling",
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

_LATER = {"load_glyphs": "glyphs", "load_omniglot": "omniglot", "load_synthetic": "synthetic"}


def __getattr__(name: str) -> Any:
    """The makers of data are imported when they are asked for."""
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
