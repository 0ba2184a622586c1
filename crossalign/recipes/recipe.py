"""What a recipe file holds, the estimator that it describes, and how data differ from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crossalign.recipes.run import Count, Run, Words

if TYPE_CHECKING:
    from crossalign.types import Benchmark

Percent = Annotated[float, Field(ge=0, le=100, strict=True, allow_inf_nan=False)]
Metric = Literal["T1", "U", "S", "H", "mAP"]


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


class Recipe(Run):
    """A run as a paper makes it, with the numbers that it published.

    `load_recipe` makes one from a file and checks it against the model; a field's description is
    what its sentence asks for.

    Attributes
    ----------
    source : str
        Citation.
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

    source: Words = Field(description="a citation")
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
