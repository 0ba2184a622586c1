"""One door to every data set: a name that the library knows, or a path (see `layouts`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crossalign.arrays import lost_digits_noted
from crossalign.data.layouts import ROOT_VARIABLE, inside_serving, locate
from crossalign.data.noted import BESIDE, OF_WORDS, digits_fact, noted_fact, say
from crossalign.data.registry import (
    ENCODERS,
    LISTED_BY,
    Source,
    layouts,
    named,
    own_encoders,
    source_at,
    takers,
)
from crossalign.data.samples import RawSamples, Samples
from crossalign.encoders.engines import LOCAL
from crossalign.encoders.named import open_encoders
from crossalign.sentences import nearest
from crossalign.tables import aligned, below
from crossalign.types import Benchmark, Captions, Encoder, Questions, TextEncoder

if TYPE_CHECKING:
    from crossalign.encoders import DualEncoder

HINTS = {"attributes": "; any file of arrays may hold 'class_embeddings'"}
"""Further help where a data set does not take an argument."""


class DataSet(NamedTuple):
    """Data set as a line of ``data list``; the first task is the default.

    Attributes
    ----------
    name : str
    tasks : tuple of str
    variants : tuple of str
        Words that may stand behind a colon.
    tokens : bool
        Whether it also comes as token rows.
    description : str
    """

    name: str
    tasks: tuple[str, ...]
    variants: tuple[str, ...]
    tokens: bool
    description: str


def load(name_or_path: str | Path, task: str | None = None, *, tokens: bool = False,
         attributes: str | Path | None = None, class_texts: str | Path | None = None,
         seed: int = 0, unseen: str | Path | Sequence[str] | None = None,
         encoder: Encoder | DualEncoder | str | None = None,
         text_encoder: TextEncoder | DualEncoder | str | None = None,
         pool: str | Mapping[str, Any] | None = None,
         modalities: Sequence[str] | None = None, columns: Mapping[str, str] | None = None,
         frames: int | None = None, log: Callable[[str], None] | None = None,
         engine: str | None = None) -> Benchmark:
    """Load a benchmark by name or path.

    Parameters
    ----------
    name_or_path : str or Path
        Name, ``"glyphs"`` or ``"synthetic"``, or a path. A variant stands behind a colon, as in
        ``"glyphs:sketch"`` or ``"path/to/omniglot:alphabets"``; of a file of several domains two
        of them, as ``"path/to/pacs.npz:sketch-photo"``.
    task : {"gzsl", "zsl", "retrieval", "transfer", "caption", "vqa"}, optional
        Purpose of the benchmark, by default the data set's first. ``zsl`` is that of files
        that test no seen class; where seen classes are tested too, ``gzsl`` reports its score, T1.
    tokens : bool, default False
        Token rows ``(n, t, d)`` instead of vectors, of data sets that have both.
    attributes : str or Path, optional
        Other side information, for xlsa17 folders, folders of pictures, and files of arrays that
        serve gzsl.
    class_texts : str or Path, optional
        Texts of the classes of pictures for gzsl, one or several of each, which the text encoder
        makes side information of: see `data.class_texts`; by default the names of the folders.
    seed : int, default 0
        Seed of everything drawn; an official test split does not depend on it.
    unseen : str, Path or strings, optional
        Unseen classes, for folders of pictures, of sketches and photos, and files of arrays that
        serve gzsl: a published split, a text file or names; see `splits.unseen.unseen_mask`.
    encoder : Encoder, DualEncoder or str, optional
        Encoder of the pictures of a folder, as `encoders.TFLiteEncoder`, or its name, see
        `encoders.open_encoders`.
    text_encoder : TextEncoder, DualEncoder or str, optional
        Encoder of the texts of pictures or classes, as `encoders.PretrainedTexts`, or its name. A
        `DualEncoder` or one name given for both puts pictures and texts into one space.
    pool : str or mapping, optional
        Way to make vectors of tokens, for models that read nothing else, one of
        `clip_options.POOLS`: see `preprocessing.pooling`, and `data.time_pooling` for ``"time"``,
        temporal attention that is trained on training rows; the default for clips, unless
        ``tokens`` are asked for. Also the ``pools`` that a fitted model keeps.
    modalities : strings, optional
        Modalities to read from files of aligned arrays, in order; the first asks.
    columns : mapping of role to column, optional
        Columns of a file that lists pictures, see `sources.manifest.columns.USUAL`.
    frames : int, optional
        Number of frames of a clip, spread over it, by default `clip_options.FRAMES`. Where it is
        given, a folder of class folders of folders of pictures is one of clips.
    log : callable, optional
        Function that is told the progress of a long reading, and what was not read or is noted of
        the data.
    engine : str, optional
        Engine that encodes raw pictures and texts: ``"local"``, this process, or ``"ray"`` and
        ``"ray:ADDRESS"``, see `encoders.engines.opened_engine`; default ``"local"``.

    Raises
    ------
    ValueError
        One sentence: an unknown name or variant, a task the data set does not serve, as zsl where
        seen classes are tested, or a malformed file.
    """
    whole = load_whole(
        name_or_path, task, tokens=tokens, attributes=attributes, class_texts=class_texts,
        seed=seed, unseen=unseen, encoder=encoder, text_encoder=text_encoder,
        modalities=modalities, columns=columns, frames=frames, log=log,
        engine=engine)
    if pool is None and not tokens:
        pool = whole.pool
    if pool is None:
        return whole.benchmark
    from crossalign.data.time_pooling import pooled  # with torch, for these data alone

    return pooled(whole.benchmark, pool)


class Loaded(NamedTuple):
    """A benchmark, all samples that it was cut from if the source gives raw ones, the pooling of
    token rows that are all it has, and the number of frames of clips.
    """

    benchmark: Benchmark
    samples: Samples | None
    pool: str | None
    frames: int | None


def load_whole(name_or_path: str | Path, task: str | None = None, *, tokens: bool = False,
               seed: int = 0, log: Callable[[str], None] | None = None,
               engine: str | None = None, check: Callable[[RawSamples], None] | None = None,
               besides: Collection[str] = (), **arguments: Any) -> Loaded:
    """Load a benchmark together with all samples that it was cut from.

    ``check`` is called with raw samples before any of them is encoded, to raise what is wrong with
    them. What the tasks ``besides`` read, captions or questions, is read by `read_said`, and not
    noted as not read. For the other arguments and errors see `load`.
    """
    given = {argument: value for argument, value in arguments.items() if value is not None}
    source, path, variant = locate(name_or_path, given)
    _check(source, str(name_or_path), path, variant, task, tokens, given)
    where = () if path is None else (path,)
    encoders = _opened({name: given.pop(name) for name in ENCODERS.values() if name in given},
                       tokens)
    read = source.read
    if encoders and source.read_raw is not None:
        read, encoders = source.read_raw, {**own_encoders(source.name), **encoders}
    with lost_digits_noted() as lost:
        found = read(*where, task, variant=variant, tokens=tokens, seed=seed, log=log,
                            **given)
        if engine is not None and not isinstance(found, RawSamples):
            raise ValueError(f"engine: {str(name_or_path)!r} has no raw pictures or texts to "
                             "encode; leave it out.")
        if check is not None and isinstance(found, RawSamples):
            check(found)
        if isinstance(found, RawSamples):
            read_too = [BESIDE[other] for other in besides]
            found = replace(found, noted={kind: names for kind, names in found.noted.items()
                                          if kind not in read_too})
        bench, samples = (_encoded(found, tokens=tokens, log=log, engine=engine or LOCAL,
                                   **encoders)
                          if isinstance(found, RawSamples) else (found, None))
    _check_zsl(str(name_or_path), task, bench.task)
    if lost:
        bench = replace(bench, protocol={**bench.protocol, **digits_fact(bench, lost)})
    say(bench.protocol, log)
    return Loaded(bench, samples, source.pool, getattr(found, "frames", None))


def read_said(name_or_path: str | Path, task: str, *, tokens: bool = False, seed: int = 0,
              log: Callable[[str], None] | None = None,
              **arguments: Any) -> Callable[[Samples], Captions | Questions | None]:
    """Read what is said of samples, before these are encoded.

    Parameters
    ----------
    name_or_path, tokens, seed, log, arguments
        Arguments of `load` by which the samples are loaded.
    task : {"caption", "vqa"}
        Captions or questions. Notes on these alone are logged, as `load` logs the others of the
        same data.

    Returns
    -------
    callable
        Function of samples of the same data, loaded for any task, to what is said of them.
    """
    given = {argument: value for argument, value in arguments.items() if value is not None}
    source, path, variant = locate(name_or_path, given)
    given = {argument: value for argument, value in given.items()
             if argument in source.options and argument not in source.of_classes}
    _check(source, str(name_or_path), path, variant, task, tokens, given)
    read = source.read if source.read_raw is None else source.read_raw
    found = read(*(() if path is None else (path,)), task, variant=variant, tokens=tokens,
                 seed=seed, log=None, **given)
    noted = found.noted if isinstance(found, RawSamples) else {}
    say(noted_fact({kind: noted.get(kind, []) for kind in OF_WORDS}), log)
    return lambda samples: (found.said if found.said is not None or not isinstance(
        found, RawSamples) else found.cut(samples).said)


def _opened(encoders: Mapping[str, Any], tokens: bool) -> dict[str, Any]:
    """Open those of the encoders that are given by name."""
    names = {name: str(given) for name, given in encoders.items()
             if isinstance(given, str | Path)}
    if not names:
        return dict(encoders)
    opened = open_encoders(*(names.get(name) for name in ENCODERS.values()), tokens=tokens)
    return {**encoders, **{name: own for name, own in zip(ENCODERS.values(), opened, strict=True)
                           if own is not None}}


def _encoded(raw: RawSamples, **encoding: Any) -> tuple[Benchmark, Samples]:
    from crossalign.data.encoding import encoded  # for these data alone

    samples = encoded(raw, **encoding)
    return raw.cut(samples), samples


def _check(source: Source, name: str, path: Path | None, variant: str, task: str | None,
           tokens: bool, given: Collection[str]) -> None:
    """Raise ValueError where a data set does not serve a task or take an argument."""
    served = list(source.tasks_of(variant))
    if "gzsl" in served and source.recognises is None:
        _check_zsl(name, task, "gzsl")
    elif "gzsl" in served:                              # the files alone know whether they do
        served.append("zsl")
    if task is not None and task not in served:
        inside = inside_serving(path, task)
        raise ValueError(f"task: got {task!r}, and {name!r} does not serve it; " + (
            f"{str(inside)!r} in it does, so give that, or " if inside else "")
            + nearest(task, served))
    if tokens and not source.tokens:
        raise ValueError(f"tokens: {name!r} comes in one form only; leave it out.")
    for argument in given:
        if argument not in source.arguments:
            of = (source.name if source.recognises is None
                  else f"{name!r} of the layout {source.name}")
            raise ValueError(f"{argument}: given for {of}, which does not take it; give it for "
                             f"{', '.join(takers(argument))}{HINTS.get(argument, '')} "
                             f"({LISTED_BY} says what these are).")


def _check_zsl(name: str, task: str | None, found: str) -> None:
    """Raise ValueError where zsl is asked for and a benchmark tests seen classes too."""
    if task == "zsl" and found == "gzsl":
        raise ValueError(f"task: got 'zsl', but {name!r} tests seen classes too and reports T1; "
                         "use gzsl.")


def listing() -> str:
    """Return `available` for a terminal, and below it the layouts that a path may have."""
    found = available()
    heads = aligned([("data", "tasks", "variants"), *(
        (about.name, ", ".join(about.tasks),
         ", ".join(f":{variant}" for variant in about.variants)) for about in found)], words=3)
    lines = [f"{head}\n{below(about.description)}" for head, about in
             zip(heads[1:], found, strict=True)]
    paths = [f"{source.name}\n{below(source.description)}" for source in layouts()]
    return "\n".join([heads[0], *lines, "", "path to a layout", *paths])


def available() -> list[DataSet]:
    """Return every data set that is made here, and every one found under CROSSALIGN_DATA."""
    found = [_line(source, name, source.description) for name, source in named().items()]
    root = os.environ.get(ROOT_VARIABLE)
    if root is None or not Path(root).is_dir():
        return found
    for path in sorted(Path(root).iterdir()):
        try:
            source = source_at(path)
        except OSError:
            continue
        if source is not None:
            found.append(_line(source, path.name, f"{source.name} layout, in {root}"))
    return found


def _line(source: Source, name: str, description: str) -> DataSet:
    return DataSet(name, source.tasks, tuple(source.variants), source.tokens, description)
