"""Metrics: pure functions of NumPy arrays, fractions in [0, 1], arithmetic in float64.

| file | question |
|---|---|
| `classification` | is the class right: per-class accuracy, T1, U, S, H |
| `calibration` | how does a penalty on seen classes trade S for U: calibrated stacking, AUSUC |
| `single_query` | what is the AP of one ranked list: cut-off, denominator, ties |
| `ranking` | what are AP and mAP of many queries, from embeddings or from scores |
| `precision` | what is the precision at k and over recall |
| `instance` | does a query find its own counterpart: R@k, median rank |
| `chance` | what does a random ranking score |
| `alignment` | do paired rows coincide: CMAE, modality gap |
| `selective` | does a confidence point out wrong answers: risk over coverage, AURC, E-AURC |
| `reliability` | is a probability of p right in a share p of cases: ECE |
| `open_set` | are known classes told from unknown ones: AUROC, FPR at a TPR, OSCR |

Four conventions hold everywhere. A class without items, and a query without a relevant item, is
left out and counted in a warning, never a zero. Equal scores have no order: retrieval and selective
prediction average over their orders in closed form. NaN is an error. Every choice that a published
number leaves open (`k`, `denominator`, `ties`, `exclude_self`, `gamma`, `binning`) is an argument
with a name.

The other files are the machinery of retrieval: `similarity` gives scores by blocks, `query_blocks`
sweeps them, `ranked_list` sorts them, `query_mean` averages the results, `checks` reads arguments.
"""

from crossalign.metrics.alignment import cmae, modality_gap, normalised_cmae
from crossalign.metrics.calibration import (
    SeenUnseenCurve,
    ausuc,
    best_gamma,
    seen_unseen_curve,
    stack,
)
from crossalign.metrics.chance import chance_average_precision, chance_map
from crossalign.metrics.classification import (
    class_accuracies,
    gzsl_scores,
    harmonic_mean,
    micro_accuracy,
    per_class_accuracy,
)
from crossalign.metrics.instance import (
    median_rank,
    median_rank_from_similarity,
    recall_at_k,
    recall_at_k_from_similarity,
)
from crossalign.metrics.open_set import auroc, fpr_at_tpr, oscr
from crossalign.metrics.precision import (
    PrecisionRecallCurve,
    precision_at_k,
    precision_at_k_from_similarity,
    precision_recall_curve,
    precision_recall_curve_from_similarity,
)
from crossalign.metrics.ranking import (
    average_precisions,
    average_precisions_from_similarity,
    mean_average_precision,
    mean_average_precision_from_similarity,
)
from crossalign.metrics.reliability import expected_calibration_error
from crossalign.metrics.selective import (
    RiskCoverageCurve,
    aurc,
    excess_aurc,
    rank_correlation,
    risk_coverage_curve,
)
from crossalign.metrics.single_query import average_precision

__all__ = [
    "PrecisionRecallCurve",
    "RiskCoverageCurve",
    "SeenUnseenCurve",
    "aurc",
    "auroc",
    "ausuc",
    "average_precision",
    "average_precisions",
    "average_precisions_from_similarity",
    "best_gamma",
    "chance_average_precision",
    "chance_map",
    "class_accuracies",
    "cmae",
    "excess_aurc",
    "expected_calibration_error",
    "fpr_at_tpr",
    "gzsl_scores",
    "harmonic_mean",
    "mean_average_precision",
    "mean_average_precision_from_similarity",
    "median_rank",
    "median_rank_from_similarity",
    "micro_accuracy",
    "modality_gap",
    "normalised_cmae",
    "oscr",
    "per_class_accuracy",
    "precision_at_k",
    "precision_at_k_from_similarity",
    "precision_recall_curve",
    "precision_recall_curve_from_similarity",
    "rank_correlation",
    "recall_at_k",
    "recall_at_k_from_similarity",
    "risk_coverage_curve",
    "seen_unseen_curve",
    "stack",
]
