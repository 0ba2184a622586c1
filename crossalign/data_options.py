"""Options of the command line about data: what to load, in which form, and what a model remembers.

They stand here once: `data_arguments` gives them to a command, `kept_options` says what of them a
saved folder keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from crossalign.boundary import tell
from crossalign.data.clip_options import FRAMES, POOLS
from crossalign.encoders.named import open_encoders
from crossalign.kept_options import check_kept, kept

if TYPE_CHECKING:
    from crossalign.data.supervision import Supervision
    from crossalign.types import Benchmark

DEFAULT = "glyphs"
SUPERVISED = ("pairs", "unpaired", "labels", "wrong")
"""Options about the supervision of training pairs, or of labelled rows."""


class About(Protocol):
    """Data that settings are about, as a recipe says it."""

    @property
    def task(self) -> str:
        """Task that models are scored on."""

    @property
    def tokens(self) -> bool:
        """Form of the data: True for token rows."""

    def mismatch(self, bench: Benchmark) -> str | None:
        """Return a sentence on how a benchmark differs, or None."""


@dataclass(frozen=True)
class DataOptions:
    """Words of the command line about data; None or False where an option was not given.

    Attributes
    ----------
    data : str, optional
        Name or path, with a variant behind a colon.
    task : str, optional
        Task that is scored; the benchmark is the one that it is scored on.
    tokens : bool
        Whether token rows are asked for.
    attributes, class_texts, unseen, pool : str, optional
        Arguments of `data.load`.
    encoder, text_encoder : str, optional
        File or name of a network, as `encoders.open_encoders` takes it.
    prompts : str, optional
        File of prompts, one a line.
    output_names : str, optional
        File with the names of a classifier's outputs, one a line, or ``"own"``.
    modalities : str, optional
        Names with commas between.
    columns : str, optional
        Roles and columns, as ``path=image``, with commas between.
    frames : str, optional
        Number of frames of a clip.
    engine : str, optional
        Engine that encodes, as ``ray``.
    pairs, unpaired, labels, wrong : str, optional
        Arguments of `data.supervision.Supervision`, as its ``read`` takes them.
    data_seed : int, optional
        Seed of what a data set draws, 0 by default.
    """

    data: Annotated[str | None, typer.Option(
        "--data", "-d", help="A built-in name, or a folder or file; a variant stands behind a "
        "colon, as glyphs:sketch. By default glyphs, or what a saved model was fitted on.")] = None
    task: Annotated[str | None, typer.Option(
        help="gzsl, zsl, few_shot, retrieval, transfer, caption or vqa.")] = None
    tokens: Annotated[bool, typer.Option(
        "--tokens", help="Token rows instead of vectors, of data that have both.")] = False
    attributes: Annotated[str | None, typer.Option(
        help="Other side information in the same folder, as sent_splits.mat.")] = None
    class_texts: Annotated[str | None, typer.Option(
        help="Texts of the classes of pictures, for gzsl: a .csv, .tsv, .json or .txt file; the "
        "text encoder makes side information of them.")] = None
    unseen: Annotated[str | None, typer.Option(
        help="Unseen classes of pictures, or of sketches and photos: a published split, as "
        "sketchy25-sake, or a file of class names.")] = None
    encoder: Annotated[str | None, typer.Option(
        "--encoder", help="Network for a folder of pictures, to compute features with: a .tflite "
        "file; an .onnx file, FILE.onnx:OUTPUT if it has several outputs; or a folder or hub name "
        "for transformers, raw:NAME where the model trains it; or package:NAME, an installed "
        "package that brings one. Without a network: ink, the gradients of what is drawn or "
        "written, cut out; ink+hog, with those of the whole picture; ink+pieces or "
        "ink+hog+pieces, with those of the largest connected piece and of the rest.")] = None
    text_encoder: Annotated[str | None, typer.Option(
        "--text-encoder", help="The same for the texts beside them, as bert-base-uncased; the name "
        "of --encoder again for a network with one space for both, as CLIP; or a file of word "
        "vectors.")] = None
    prompts: Annotated[str | None, typer.Option(
        help="Text file of prompts for such a network, one a line, with {} in the place of the "
        "text.")] = None
    output_names: Annotated[str | None, typer.Option(
        help="Names of the outputs of --encoder, an image classifier: a text file, one a line, or "
        "own for those in its own files. Pictures are then where the text encoder puts their "
        "likeliest labels (ConSE).")] = None
    pool: Annotated[str | None, typer.Option(
        help=f"{', '.join(POOLS)}: tokens as vectors, for models that read nothing else; time is "
        "temporal attention, trained on training rows, which keeps their order.")] = None
    modalities: Annotated[str | None, typer.Option(
        help="Modalities of a file of aligned arrays to read, in order, as image,text.")] = None
    columns: Annotated[str | None, typer.Option(
        help="Columns of a file that lists pictures, as path=image,text=caption; the roles are "
        "path, text, class, question, answer, second, type, split and id.")] = None
    frames: Annotated[str | None, typer.Option(
        help="Number of frames of a clip, spread over it, for a folder of classes of video files; "
        f"where it is given, also of folders of frames. By default {FRAMES}.")] = None
    engine: Annotated[str | None, typer.Option(
        help="Where raw pictures and texts are encoded: local, ray on all cores through Ray Data, "
        "or ray:ADDRESS on a cluster, whose machines reach the files under the same paths.")] = None
    pairs: Annotated[str | None, typer.Option(
        help="Number of training pairs of retrieval, or all; every other training row is seen "
        "through one modality. For gzsl the number of labelled training rows.")] = None
    unpaired: Annotated[str | None, typer.Option(
        help="Number of these other rows of each modality, or all.")] = None
    labels: Annotated[str | None, typer.Option(
        help="Side of training rows that is labelled: none, one, which is the first, both, or the "
        "name of a modality.")] = None
    wrong: Annotated[str | None, typer.Option(
        help="Share of the training pairs, or labels for gzsl, that are wrong, as 0.1.")] = None
    data_seed: Annotated[int | None, typer.Option(
        "--data-seed", min=0, help="Seed of what a data set draws itself, as the unseen letters "
        "and the drawings of glyphs. [default: 0]")] = None

    @property
    def name(self) -> str:
        """The data set that is asked for, or the default."""
        return DEFAULT if self.data is None else self.data

    @property
    def given(self) -> tuple[str, ...]:
        """Arguments of `data.load` that are given, by which a path may be of another layout."""
        return () if self.frames is None else ("frames",)

    @property
    def purpose(self) -> str | None:
        """Task of the benchmark on which the task is scored; None where none was given."""
        from crossalign.evaluation.protocols import benchmark_of

        return None if self.task is None else benchmark_of(self.task)

    def load(self, recipe: About | None = None,
             log: Callable[[str], None] | None = tell,
             pools: Mapping[str, Any] | None = None) -> Benchmark:
        """Load the benchmark; tell where it is not what the recipe is about.

        ``pools`` are those of a fitted model, in the place of an option.
        """
        from crossalign.data import load
        from crossalign.data.supervision import supervised

        own = self if recipe is None else replace(
            self, task=recipe.task if self.task is None else self.task,
            tokens=self.tokens or recipe.tokens)
        supervision = own.supervision
        bench = supervised(
            load(own.name, own.purpose, pool=pools or own.pool, log=log, **own.read_as()),
            supervision)
        note = None if recipe is None else recipe.mismatch(bench)
        if note is not None:
            tell(f"note: {note}")
        return bench

    @property
    def supervision(self) -> Supervision:
        """Supervision that is asked for; full where nothing is."""
        from crossalign.data.supervision import Supervision

        return Supervision.read(self.pairs, self.unpaired, self.labels, self.wrong)

    def read_as(self) -> dict[str, Any]:
        """Return the arguments that `data.load` and `data.validate` share."""
        encoder, text_encoder = open_encoders(
            self.encoder, self.text_encoder, tokens=self.tokens, prompts=self.prompts,
            output_names=self.output_names)
        return {"tokens": self.tokens, "attributes": self.attributes,
                "class_texts": self.class_texts, "unseen": self.unseen,
                "encoder": encoder, "text_encoder": text_encoder,
                "modalities": None if self.modalities is None else [
                    word.strip() for word in self.modalities.split(",")],
                "columns": self.roles, "frames": self._frames(), "engine": self.engine,
                "seed": self.data_seed or 0}

    def read_raw_as(self) -> dict[str, Any]:
        """Return `read_as`, with the encoders that the data bring along where none is named."""
        from crossalign.data.registry import own_encoders

        given = self.read_as()
        return given | {name: encoder for name, encoder in own_encoders(self.name).items()
                        if given[name] is None}

    def _frames(self) -> int | None:
        """Return the number of frames of a clip."""
        if self.frames is None:
            return None
        if not (self.frames.isdecimal() and int(self.frames)):
            raise ValueError(f"frames: got {self.frames!r}; give a whole number, from 1.")
        return int(self.frames)

    @property
    def roles(self) -> dict[str, str] | None:
        """Columns that are named, by their roles."""
        if self.columns is None:
            return None
        pairs = [word.partition("=") for word in self.columns.split(",")]
        unclear = next((role for role, sign, _ in pairs if not sign), None)
        if unclear is not None:
            raise ValueError(f"columns: {unclear!r} names a role or a column alone; write "
                             "path=image,text=caption.")
        return {role.strip(): name.strip() for role, _, name in pairs}

    # -- what a model remembers --------------------------------------------------------------
    def remembered(self, recipe: About | None = None) -> dict[str, str | bool | int]:
        """Return what a saved model keeps of the data it was fitted on; paths are absolute."""
        tokens = {} if recipe is None or not recipe.tokens else {"tokens": True}
        return kept({**self.told, "data": self.name, **tokens})

    @property
    def told(self) -> dict[str, str | bool | int]:
        """Options that are given, by name."""
        return {f.name: value for f in fields(self)
                if (value := getattr(self, f.name)) not in (None, False)}

    def over(self, kept: Mapping[str, str | bool | int] | None) -> DataOptions:
        """Return these options, and where no data are named also those that a model remembers.

        Raises
        ------
        ValueError
            If the model remembers what is no option, or a network that is not on this machine.
        """
        if not kept or self.data is not None:
            return self
        options = remembered_options({**kept, **self.told}, set(self.told))
        tell(f"data: {', '.join(f'{name} {value}' for name, value in options.told.items())}")
        return options


def remembered_options(kept: Mapping[str, Any], asked: Collection[str] = ()) -> DataOptions:
    """Return options that a saved folder remembers; networks have to be on this machine.

    Parameters
    ----------
    kept : mapping
        Options by name.
    asked : names
        Those that the user gave, who may name a network elsewhere.

    Raises
    ------
    ValueError
        If one is no option of data, or a network is not here.
    """
    check_kept(kept, [f.name for f in fields(DataOptions)], asked)
    return DataOptions(**kept)
