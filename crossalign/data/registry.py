"""Registry of data sets: what each is recognised by, serves and takes, and how it is read.

A file or folder of `sources` declares itself by a constant ``SOURCE``; that is all there is to
adding a data set.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from crossalign.data.samples import RawSamples
from crossalign.types import Benchmark

SOURCES = "crossalign.data.sources"
LISTED_BY = "crossalign data list"
"""Command that lists the data sets made here, and the layouts."""
ENCODERS = {"pictures": "encoder", "texts": "text_encoder"}
"""Argument of `load` for the encoder of raw items of each kind."""


class Place:
    """A path and the names of what lies in it, listed once.

    Parameters
    ----------
    path : Path
    given : strings
        Arguments of `load` that are given, by which it may be taken for another layout.
    """

    def __init__(self, path: Path, given: Collection[str] = ()) -> None:
        self.path, self.given = path, given

    @cached_property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.path.is_dir()

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the files and folders inside; none for a file."""
        return frozenset(p.name for p in self.path.iterdir()) if self.is_folder else frozenset()


@dataclass(frozen=True)
class Source:
    """Data set that is made here, or layout of files and folders.

    Parameters
    ----------
    name : str
        Name of the data set, under which one that is made here is loaded, or of the layout.
    description : str
        Words for lists: the data set, or what a path of the layout is, as "a folder of ...".
    read : callable
        Reader ``read(path, task, *, variant, tokens, seed, log, **options)`` to a `Benchmark`, or
        to `RawSamples`, which `encoding` makes one of. The task is None where the caller leaves it
        open; data that are made here get no path.
    tasks : tuple of str
        Tasks that it serves, the default first.
    variants : mapping of str to tuple of str
        Tasks of each variant, the default first.
    serves : callable, optional
        Function ``serves(path, columns)`` to the tasks that the files there serve; None where all
        serve the same.
    any_variant : bool
        True where the files alone know their variants.
    tokens : bool
        Whether it also comes as token rows.
    pool : str, optional
        Pooling of token rows that are all it has, where neither they nor another pooling is asked
        for; default None.
    options : tuple of str
        Further arguments of `load` that it takes.
    of_classes : tuple of str
        Those of the options that describe classes, which captions and questions do not read.
    raw : tuple of str
        Raw items that it gives, ``"pictures"`` and ``"texts"``; `load` takes encoders of them.
    read_raw : callable, optional
        Reader as ``read``, to `RawSamples`, which is called where encoders are given; None if
        ``read`` gives all that there is raw.
    encoders : callable, optional
        Function without arguments that returns the encoders that read raw items where none are
        named, by argument of `load`; None for those of every source.
    recognises : callable, optional
        Test of a `Place`; None where the data are made here.
    precedence : int
        Rank among layouts, of which the highest that recognises a path reads it.
    encloses : bool
        Whether whatever lies below such a folder is part of the data set.
    """

    name: str
    description: str
    read: Callable[..., Benchmark | RawSamples]
    tasks: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    serves: Callable[[Path, Mapping[str, str] | None], tuple[str, ...]] | None = None
    any_variant: bool = False
    tokens: bool = False
    pool: str | None = None
    options: tuple[str, ...] = ()
    of_classes: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    read_raw: Callable[..., RawSamples] | None = None
    encoders: Callable[[], dict[str, Any]] | None = None
    recognises: Callable[[Place], bool] | None = None
    precedence: int = 0
    encloses: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """Further arguments of `load` for it: its own, and encoders of what it gives raw."""
        return (*self.options, *(ENCODERS[items] for items in self.raw))

    def has_variant(self, variant: str) -> bool:
        """Return True if there is such a variant, or the files alone know."""
        return self.any_variant or variant in self.variants

    def tasks_of(self, variant: str) -> tuple[str, ...]:
        """Return the tasks of a variant, the default first."""
        return self.variants.get(variant, self.tasks)

    def tasks_at(self, path: Path | None, variant: str,
                 columns: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Return the tasks that the files at a path serve; ``columns`` are those of `load`."""
        if self.serves is None or path is None:
            return self.tasks_of(variant)
        return self.serves(path, columns)

    def reads(self, place: Place) -> bool:
        """Return True if a path has this layout; what cannot be looked into has none."""
        with suppress(PermissionError, NotADirectoryError):
            return self.recognises is not None and self.recognises(place)
        return False


def sources() -> list[Source]:
    """Return every source: layouts by precedence, behind what is made here, by name."""
    package = import_module(SOURCES)
    modules = [import_module(f"{SOURCES}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [module.SOURCE for module in modules if hasattr(module, "SOURCE")]
    return sorted(found, key=lambda s: (s.recognises is not None, -s.precedence, s.name))


def named() -> dict[str, Source]:
    """Return the data sets that are made here, by name."""
    return {source.name: source for source in sources() if source.recognises is None}


def own_encoders(name: str) -> dict[str, Any]:
    """Return the encoders that data made here bring along, by argument of `load`; else none."""
    source = named().get(name)
    return {} if source is None or source.encoders is None else source.encoders()


def source_at(path: Path, given: Collection[str] = ()) -> Source | None:
    """Return the source that reads a path, if there is one; see `Place` for ``given``."""
    place = Place(path, given)
    return next((source for source in sources() if source.reads(place)), None)


def layouts() -> list[Source]:
    """Return the layouts that a path may have, by precedence."""
    return [source for source in sources() if source.recognises is not None]


def takers(option: str) -> list[str]:
    """Return the names of the sources that take an option."""
    return [source.name for source in sources() if option in source.arguments]
