"""The pictures of a report: arrays in, a matplotlib `Figure` out.

No pyplot and no global settings, so the functions are safe in servers and threads; save a figure
with ``figure.savefig("name.svg")``.

- `latent`: the space before and after alignment.
- `cross_modal`: the same by modality, seen and unseen classes apart, and how many points agree.
- `trade_off`, `precision_recall`: curves of recognition and of retrieval.
- `coverage_risk`: what is wrong among the surest answers, by confidence.
- `few_shot`: a score over the number of samples per new class.
- `learning_curve`: a score over the number of training pairs.
- `class_accuracy`, `confusion`: which classes are hard, and what they are taken for.
- `hits`: queries with their best results.
- `said`: pictures with captions or answers, right and wrong.
- `occluded`, `rested`: what of a picture an answer rests on; the same of several.
- `frames`: which frame of a clip an answer rests on.
- `saliency`: the weights of patches and words, and which are kept.
- `history`: training curves.
- `sensitivity`: a score along the values of hyper-parameters, on validation and on test.
- `tsne`, `principal`: the projections behind `latent` and `cross_modal`.
"""

from crossalign.pages.plots.bars import class_accuracy
from crossalign.pages.plots.confusion_matrix import confusion
from crossalign.pages.plots.coverage_risk import coverage_risk
from crossalign.pages.plots.cross_modal import cross_modal
from crossalign.pages.plots.curves import precision_recall, trade_off
from crossalign.pages.plots.few_shot import few_shot
from crossalign.pages.plots.latent_space import latent
from crossalign.pages.plots.learning_curve import learning_curve
from crossalign.pages.plots.occlusion import frames, occluded
from crossalign.pages.plots.projection import principal, tsne
from crossalign.pages.plots.said import rested, said
from crossalign.pages.plots.saliency import saliency
from crossalign.pages.plots.sensitivity import sensitivity
from crossalign.pages.plots.sheet import hits
from crossalign.pages.plots.training_curves import history

__all__ = ["class_accuracy", "confusion", "coverage_risk", "cross_modal", "few_shot", "frames",
           "history", "hits", "latent", "learning_curve", "occluded", "precision_recall",
           "principal", "rested", "said", "saliency", "sensitivity", "trade_off", "tsne"]
