"""What a recipe file holds, the estimator that it describes, and how data differ from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from crossalign.types import Benchmark

Count = Annotated[int, Field(ge=1, strict=True)]
Percent = Annotated[float, Field(ge=0, le=100, strict=True, allow_inf_nan=False)]
Words = Annotated[str, Field(min_length=1)]
Metric = Literal["T1", "U", "S", "H", "mAP"]
Task = Literal["gzsl", "zsl", "retrieval", "transfer"]


class Expected(BaseModel):
    """Sizes of the data that a paper's numbers are about; what is not given is not compared.

    Attributes
    ----------
    classes, unseen : int
        All classes, and those of them without training samples.
    side_information, features : int
        Widths.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: Count | None = None
    unseen: Count | None = None
    side_information: Count | None = None
    features: Count | None = None


class Recipe(BaseModel):
    """Hyper-parameters of a model on one data set, and the numbers that its paper published.

    `load_recipe` makes one from a file and checks it against the model; a field's description is
    what its sentence asks for.

    Attributes
    ----------
    name : str
        The file's name without its suffix.
    model : str
        As the command line spells it.
    data : str
        The data set as papers call it.
    task : {"gzsl", "zsl", "retrieval", "transfer"}
    tokens : bool
        Whether the data are token rows.
    source : str
        Citation.
    params : mapping of hyper-parameter to value
        The others keep the model's defaults.
    expects : Expected
    published : mapping of row to mapping of metric to percent
        Uncalibrated, as papers print them; the first row is the whole method.
    notes : sequence of str
        What was corrected, and why.
    rows : mapping of row to mapping of hyper-parameter to value
        What every row of the module ablation changes; the model's ``ablations`` by default.
    sweeps : mapping of hyper-parameter to values
        Of the sensitivity curves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Words = Field(description="the file's name")
    model: Words = Field(description="the name of a model, as acmr")
    data: Words = Field(description="the name of the data set, as CUB")
    task: Task = Field("gzsl", description="gzsl, zsl, retrieval or transfer")
    tokens: bool = Field(False, strict=True, description="true or false")
    source: Words = Field(description="a citation")
    params: dict[str, Any] = Field(
        default_factory=dict, description="a mapping of hyper-parameters to values")
    expects: Expected = Field(
        default_factory=Expected,
        description="whole numbers from 1 for classes, unseen, side_information or features")
    published: dict[Words, dict[Metric, Percent]] = Field(
        default_factory=dict, description="percent from 0 to 100 by row and metric, as "
                                          "ACMR: {U: 53.1, S: 57.7, H: 55.3}, metrics being "
                                          "T1, U, S, H or mAP")
    notes: tuple[Words, ...] = Field((), description="a list of sentences")
    rows: dict[Words, dict[str, Any]] = Field(
        default_factory=dict,
        description="a mapping of rows to mappings of hyper-parameters to values")
    sweeps: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(
        default_factory=dict, description="a mapping of hyper-parameters to lists of values")

    def estimator(self) -> Any:
        """A new estimator of the model with the recipe's hyper-parameters."""
        from crossalign import models

        return models.get(self.model)().set_params(**self.params)

    def mismatch(self, bench: Benchmark) -> str | None:
        """One sentence on how a benchmark's sizes differ from what is expected, or None."""
        sizes = {
            "classes": (len(bench.classes), "{} classes"),
            "unseen": (int(bench.classes.unseen.sum()), "{} unseen classes"),
            "side_information": (bench.classes.embeddings.shape[1],
                                 "side information of width {}"),
            "features": (bench["train"].widths[bench.modalities[0]], "features of width {}")}
        found = []
        for field, (size, words) in sizes.items():
            wanted = getattr(self.expects, field)
            if wanted is not None and size != wanted:
                found.append(f"{words.format(size)} instead of {wanted}")
        if not found:
            return None
        return (f"{bench.name!r} has {', '.join(found)}, so the published numbers of {self.name} "
                "are about other data.")
