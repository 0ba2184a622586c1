"""The pictures of a report: arrays in, a matplotlib `Figure` out.

No pyplot and no global settings, so the functions are safe in servers and threads; save a figure
with ``figure.savefig("name.svg")``.

- `latent`: the space before and after alignment.
- `trade_off`, `precision_recall`: curves of recognition and of retrieval.
- `class_accuracy`, `confusion`: which classes are hard, and what they are taken for.
- `hits`: queries with their best results.
- `history`: training curves.
- `tsne`, `principal`: the projections behind `latent`.
"""

from crossalign.evaluation.plots.bars import class_accuracy
from crossalign.evaluation.plots.confusion_matrix import confusion
from crossalign.evaluation.plots.curves import precision_recall, trade_off
from crossalign.evaluation.plots.latent_space import latent
from crossalign.evaluation.plots.projection import principal, tsne
from crossalign.evaluation.plots.sheet import hits
from crossalign.evaluation.plots.training_curves import history

__all__ = ["class_accuracy", "confusion", "history", "hits", "latent", "precision_recall",
           "principal", "trade_off", "tsne"]
