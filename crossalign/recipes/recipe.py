"""Recipe: the fields of a recipe file, the estimator that it describes, and its differences from
data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crossalign.recipes.run import Count, Run, Words

if TYPE_CHECKING:
    from crossalign.types import Benchmark

Percent = Annotated[float, Field(ge=0, le=100, strict=True, allow_inf_nan=False)]
Metric = Literal["T1", "U", "S", "H", "mAP"]


class Expected(BaseModel):
    """Sizes of the data behind a paper's numbers; a size that is not given is not compared.

    Attributes
    ----------
    classes, unseen : int
        Numbers of all classes, and of those without training samples.
    side_information, features : int
        Widths of side information and of features.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: Count | None = None
    unseen: Count | None = None
    side_information: Count | None = None
    features: Count | None = None


class Recipe(Run):
    """Hyper-parameters of a model on one data set, and the numbers that its paper published.

    `load_recipe` makes one from a file and checks it against the model. The description of a field
    is part of the error sentence about it.

    Attributes
    ----------
    source : str
        Citation of the paper.
    expects : Expected
        Sizes of the paper's data.
    published : mapping of row to mapping of metric to percent
        Published numbers, uncalibrated, as papers print them; the first row is the whole method.
    notes : sequence of str
        Corrections of the paper's numbers, with reasons.
    rows : mapping of row to mapping of hyper-parameter to value
        Changes of every row of the module ablation; default the model's ``ablations``.
    sweeps : mapping of hyper-parameter to values
        Values of the sensitivity curves.
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
        """Say in one sentence how a benchmark's sizes differ from the expected ones, or return
        None.
        """
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
