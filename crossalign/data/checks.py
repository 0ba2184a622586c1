"""Checks of a data set: loading it in every way it is used, and listing what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.arrays import warn_of_lost_digits
from crossalign.data.catalog import load_whole
from crossalign.data.noted import sentences
from crossalign.data.samples import SAMPLE
from crossalign.pace import Log
from crossalign.types import Benchmark, Encoder, TextEncoder, Views

if TYPE_CHECKING:
    from crossalign.encoders import DualEncoder


class Check(NamedTuple):
    """Check that a data set passed, and the counts."""

    name: str
    detail: str


def validate(name_or_path: str | Path, task: str | None = None, *, tokens: bool = False,
             attributes: str | Path | None = None, class_texts: str | Path | None = None,
             seed: int = 0, unseen: str | Path | Sequence[str] | None = None,
             encoder: Encoder | DualEncoder | str | None = None,
             text_encoder: TextEncoder | DualEncoder | str | None = None,
             modalities: Sequence[str] | None = None, columns: Mapping[str, str] | None = None,
             frames: int | None = None, log: Log | None = None,
             engine: str | None = None) -> list[Check]:
    """Load a data set in every way it is used and list what was checked, with counts.

    Arguments are those of `load`. Clips are checked as token rows.

    Raises
    ------
    ValueError
        The first thing that is wrong, in one sentence.
    """
    bench = load_whole(
        name_or_path, task, tokens=tokens, attributes=attributes, class_texts=class_texts,
        seed=seed, unseen=unseen, encoder=encoder, text_encoder=text_encoder,
        modalities=modalities, columns=columns, frames=frames, log=log, engine=engine).benchmark
    return checks_of(bench)


def checks_of(bench: Benchmark) -> list[Check]:
    """Check a benchmark in every way it is used, see `validate`."""
    checks = [Check("readable", f"{bench.name}: {bench.task}; features: "
                               f"{_words(bench.protocol.get('features', 'not described'))}"),
              Check("task", bench.task)]
    if "columns" in bench.protocol:
        checks.append(Check("columns", _words(bench.protocol["columns"])))
    checks += [Check(kind, line) for kind, line in sentences(bench.protocol).items()]
    checks += _checks(bench)
    if "no_validation" in bench.protocol:
        checks.append(Check("validation", f"none, since {bench.protocol['no_validation']}"))
    validation = bench.validation()
    if validation is not None:
        rows = np.unique(np.concatenate([_samples(v) for v in validation.splits.values()]))
        if bench.task != "transfer":
            outside = np.setdiff1d(rows, _samples(bench["train"]))
            if len(outside):
                raise ValueError(f"validation: {len(outside)} samples are not training samples; "
                                 "repair the split file.")
        checks += [Check(f"validation {c.name}", c.detail) for c in _checks(validation)]
        checks.append(Check("validation within training rows", f"{len(rows)} samples"))
    if bench.class_splits is not None:
        ids = {str(bench.run(k).protocol.get("split_id")) for k in range(bench.class_splits)}
        checks.append(Check("class splits",
                            f"{bench.class_splits} loaded, {len(ids)} of them distinct"))
    return checks


def _samples(views: Views) -> npt.NDArray[Any]:
    """Return identifiers of the samples of a split, of both samples if pairs were drawn."""
    drawn = [rows for name, rows in views.meta.items() if name.startswith(SAMPLE)]
    return np.unique(np.concatenate(drawn or [views.ids]))


def _checks(bench: Benchmark) -> list[Check]:
    checks = [Check(f"split {split}", _count(split, views)) for split, views in
              bench.splits.items()]
    empty = bench.protocol.get("classes", {}).get("unseen_without_samples")
    only = "" if empty is None else f", {empty} of them candidates without a sample"
    checks.append(Check("classes", f"{int(bench.classes.seen.sum())} seen, "
                                   f"{int(bench.classes.unseen.sum())} unseen{only}, disjoint"))
    if bench.said is not None:
        facts = bench.said.counts(bench.splits)
        checks += [Check(name, _words(fact)) for name, fact in facts.items()]
    width = bench.classes.embeddings.shape[1]
    checks.append(Check("side information", f"{len(bench.classes)} rows of width {width}" if width
                        else "none, no class has a vector"))
    return checks


def _count(split: str, views: Views) -> str:
    for modality in views.modalities:
        for rows in views.blocks(modality):  # memory-mapped arrays were not read so far
            values = views.read(modality, rows)
            if views.on_disk(modality) and values.dtype == np.float64:
                warn_of_lost_digits(values, modality)
            if not np.isfinite(values).all():
                raise ValueError(f"{modality}: rows {rows[0]}..{rows[-1]} of the split "
                                 f"{split!r} hold NaN or infinity; repair them.")
    with_each = "".join(f", {m} of {p.sum()}" for m, p in views.present.items())
    return (f"{len(views)} samples{with_each}, {views.labelled}, "
            f"widths {_words(views.widths)}, finite")


def _words(value: Any) -> str:
    """Write part of a protocol for people: names and values, those of an inner part in brackets."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} ({_words(inner)})" if isinstance(inner, Mapping)
                         else f"{name} {_words(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
