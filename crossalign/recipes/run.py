"""Run: data, encoders, task, model, hyper-parameters and number of repetitions, and its
execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crossalign.data.clip_options import POOLS, Pooling
from crossalign.tasks.inputs import Inputs

if TYPE_CHECKING:
    from crossalign.evaluation import Report
    from crossalign.types import Benchmark

Count = Annotated[int, Field(ge=1, strict=True)]
Number = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1)]
Words = Annotated[str, Field(min_length=1)]
Task = Literal["gzsl", "zsl", "retrieval", "transfer", "few_shot", "caption", "vqa"]


class Run(BaseModel):
    """All that a measurement of any task needs; a recipe and an entry of a suite are runs.

    The description of a field is part of the error sentence about it.

    Attributes
    ----------
    name : str
        Name of the file.
    model : str
        Name of the model on the command line.
    data : str
        Built-in data set, or its folder or file under the folder of all data sets.
    task : {"gzsl", "zsl", "retrieval", "transfer", "few_shot", "caption", "vqa"}
        Task in the words of ``--task``.
    tokens : bool
        Whether the data are token rows.
    params : mapping of hyper-parameter to value
        Hyper-parameters; all others have the model's defaults.
    tune : bool
        Whether validation chooses the parameters of the search space that ``params`` leave open.
    seeds : int
        Number of runs.
    attributes, class_texts, unseen, pool, modalities, columns : str, optional
        Options of ``crossalign run``.
    encoder, text_encoder : str, optional
        Options of ``crossalign run``. Files of encoders lie under the folder of all data sets, too;
        ``package:NAME`` is the folder ``model`` of an installed package.
    frames, pairs, unpaired : int, optional
        Options of ``crossalign run``: numbers of training pairs and of other rows.
    labels : str, optional
        Option of ``crossalign run``: the side that is labelled.
    wrong : float, optional
        Option of ``crossalign run``: the share of wrong pairs.
    baseline : bool
        Whether ``few_shot`` also scores the softmax on codes of CADA-VAE.
    adapt : {"heldout", "transductive"}, optional
        Mode in which unlabelled test samples move the unseen classes of ``gzsl``.
    adapt_by : mapping of parameter to value
        Parameters of that adaptation, see `tasks.ClassEM`, which validation chooses otherwise.
    inputs : {"codes", "features", "both"}, optional
        Input that ``vqa`` and ``caption`` read of a sample.
    data_seed : int, optional
        Option of ``crossalign run``: the seed of what the data set draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Words = Field(description="a name for its file")
    model: Words = Field(description="the name of a model, as acmr")
    data: Words = Field(description="the name of the data set, as CUB")
    task: Task = Field(
        "gzsl", description="gzsl, zsl, retrieval, transfer, few_shot, caption or vqa")
    tokens: Annotated[bool, Field(strict=True)] = Field(False, description="true or false")
    params: dict[str, Any] = Field(
        default_factory=dict, description="a mapping of hyper-parameters to values")
    tune: Annotated[bool, Field(strict=True)] = Field(True, description="true or false")
    seeds: Count = Field(1, description="a number of runs, from 1")
    baseline: Annotated[bool, Field(strict=True)] = Field(False, description="true or false")
    adapt: Literal["heldout", "transductive"] | None = Field(
        None, description="heldout or transductive")
    adapt_by: dict[str, Any] = Field(
        default_factory=dict, description="a mapping of parameters of adaptation")
    attributes: Words | None = Field(None, description="a file name, as sent_splits.mat")
    class_texts: Words | None = Field(None, description="a file of texts of the classes")
    unseen: Words | None = Field(None, description="a published split or a file of class names")
    pool: Pooling | None = Field(None, description=", ".join(POOLS))
    modalities: Words | None = Field(None, description="names, as image,text")
    columns: Words | None = Field(None, description="roles and columns, as path=image")
    frames: Count | None = Field(None, description="a number of frames of a clip, from 1")
    encoder: Words | None = Field(
        None, description="a .tflite file, the name of a network, or package:NAME")
    text_encoder: Words | None = Field(
        None, description="the name of a network, or package:NAME")

    pairs: Number | None = Field(None, description="a number of training pairs, from 0")
    unpaired: Number | None = Field(None, description="a number of other rows, from 0")
    labels: Words | None = Field(None, description="none, one, both or a modality")
    wrong: Share | None = Field(None, description="a share of wrong pairs, from 0 to 1")
    inputs: Inputs | None = Field(None, description="codes, features or both")
    data_seed: Number | None = Field(None, description="a seed of the data, from 0")

    def estimator(self) -> Any:
        """Return a new estimator of the model with these hyper-parameters."""
        from crossalign import models

        return models.get(self.model)().set_params(**self.params)

    def grid(self) -> Mapping[str, Sequence[Any]]:
        """Return the values that validation chooses among."""
        return self.estimator().grid(fixed=self.params) if self.tune else {}

    def benchmark(self, root: Path | None = None,
                  log: Callable[[str], None] | None = None) -> Benchmark:
        """Load the data, from under the folder ``root`` if they are there."""
        from crossalign.data_options import DataOptions

        return DataOptions(
            data=under(root, self.data), task=self.task, tokens=self.tokens,
            attributes=self.attributes, class_texts=under(root, self.class_texts),
            unseen=self.unseen, pool=self.pool, modalities=self.modalities, columns=self.columns,
            encoder=under(root, self.encoder), text_encoder=self.text_encoder,
            labels=self.labels, data_seed=self.data_seed, **{
                name: None if value is None else str(value) for name, value in (
                    ("frames", self.frames), ("pairs", self.pairs), ("unpaired", self.unpaired),
                    ("wrong", self.wrong))},
            ).load(log=log)

    def measure(self, root: Path | None = None, *, log: Callable[[str], None] | None = None,
                pictures: bool = True, keep: Path | None = None) -> Report:
        """Return the report of the whole run; the arguments are those of `evaluate`."""
        from crossalign.evaluation import evaluate
        from crossalign.evaluation.protocols import with_options

        bench, model = self.benchmark(root, log), self.estimator()
        task = with_options(self.task, baseline=self.baseline, adapt=self.adapt,
                            adapt_by=self.adapt_by or None, inputs=self.inputs)
        return evaluate(model, bench, self.seeds, task=task, tune=self.grid(), log=log,
                        pictures=pictures, keep=keep)


def under(root: Path | None, name: str | None) -> str | None:
    """Return the path of a file or folder under ``root`` if it is there, else the name, as that of
    a network in a package.
    """
    from crossalign.encoders.named import PACKAGE

    if root is None or name is None or name.startswith(PACKAGE):
        return name
    return str(root / name) if (root / name.partition(":")[0]).exists() else name
