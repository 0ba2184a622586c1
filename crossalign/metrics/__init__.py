"""Metrics: pure functions of NumPy arrays or of texts, arithmetic in float64.

All but CIDEr-D, which is in [0, 10], are fractions in [0, 1].

| file | question |
|---|---|
| `classification` | is the class right: per-class accuracy, T1, U, S, H |
| `calibration` | how does a penalty on seen classes trade S for U: calibrated stacking, AUSUC |
| `retrieval/average_precision` | what is the AP of one ranked list: cut-off, denominator, ties |
| `retrieval/mean_average_precision` | what are AP and mAP of many queries |
| `retrieval/precision` | what is the precision at k and over recall |
| `retrieval/instance` | does a query find its own counterpart: R@k, median rank |
| `retrieval/absence` | does the best of a gallery stand out, or has the query no answer there |
| `retrieval/chance` | what does a random ranking score |
| `alignment` | do paired rows coincide: CMAE, modality gap |
| `neighbourhoods` | are the same items alike in two representations: mutual neighbours, CKA |
| `selective` | does a confidence point out wrong answers: risk over coverage, AURC, E-AURC |
| `reliability` | is a probability of p right in a share p of cases: ECE |
| `temperature` | by what must scores be divided, so that their softmax is a probability |
| `conformal` | which classes may be right, with a promised probability: coverage, size |
| `captions/bleu` | which share of the runs of words is in a reference: BLEU-1 to BLEU-4 |
| `captions/rouge` | how long a sequence is shared with a reference: ROUGE-L |
| `captions/cider` | are words used that these references have and others lack: CIDEr-D |
| `captions/exact` | is a caption a reference, word by word |
| `answers` | how many people gave that answer: accuracy of VQA, by type of question |
| `open_set` | are known classes told from unknown ones: AUROC, FPR at a TPR, OSCR |

Four conventions hold everywhere. A class without items, and a query without a relevant item, is
left out and counted in a warning, never a zero. Equal scores have no order: retrieval and selective
prediction average over their orders in closed form. NaN is an error. Every choice that a published
number leaves open (`k`, `denominator`, `ties`, `exclude_self`, `gamma`, `binning`) is an argument
with a name.

A retrieval metric takes a score source first: a (q, g) matrix of scores, a callable that gives its
rows by blocks, or ``cosine(queries, gallery)``; see `retrieval/score_sources`. `checks` reads
arguments.
"""

from crossalign.metrics.alignment import cmae, modality_gap, normalised_cmae
from crossalign.metrics.answer_words import normalised_answer
from crossalign.metrics.answers import (
    answer_scores,
    vqa_accuracies,
    vqa_accuracy,
    vqa_accuracy_by_type,
)
from crossalign.metrics.calibration import (
    SeenUnseenCurve,
    ausuc,
    best_gamma,
    calibrated_stacking,
    seen_unseen_curve,
)
from crossalign.metrics.captions.bleu import bleu, bleu_counts, bleu_of_counts
from crossalign.metrics.captions.cider import cider_d, cider_d_scores
from crossalign.metrics.captions.exact import exact_match, exact_matches
from crossalign.metrics.captions.rouge import rouge_l, rouge_l_scores
from crossalign.metrics.classification import (
    class_accuracies,
    gzsl_scores,
    harmonic_mean,
    micro_accuracy,
    per_class_accuracy,
)
from crossalign.metrics.conformal import (
    conformal_quantile,
    set_coverage,
    set_size,
    standardised_margins,
)
from crossalign.metrics.neighbourhoods import linear_cka, mutual_neighbours
from crossalign.metrics.open_set import auroc, fpr_at_tpr, oscr
from crossalign.metrics.reliability import calibration_error, expected_calibration_error
from crossalign.metrics.retrieval.absence import (
    Strengths,
    match_cutoff,
    match_strength,
    match_strengths,
)
from crossalign.metrics.retrieval.average_precision import average_precision
from crossalign.metrics.retrieval.chance import chance_average_precision, chance_map
from crossalign.metrics.retrieval.instance import (
    median_rank,
    recall_at_k,
)
from crossalign.metrics.retrieval.mean_average_precision import (
    average_precisions,
    mean_average_precision,
)
from crossalign.metrics.retrieval.precision import (
    PrecisionRecallCurve,
    precision_at_k,
    precision_recall_curve,
)
from crossalign.metrics.retrieval.score_sources import cosine, dot, euclidean
from crossalign.metrics.selective import (
    RiskCoverageCurve,
    aurc,
    excess_aurc,
    rank_correlation,
    risk_coverage_curve,
)

__all__ = [
    "PrecisionRecallCurve",
    "RiskCoverageCurve",
    "SeenUnseenCurve",
    "Strengths",
    "answer_scores",
    "aurc",
    "auroc",
    "ausuc",
    "average_precision",
    "average_precisions",
    "best_gamma",
    "bleu",
    "bleu_counts",
    "bleu_of_counts",
    "calibrated_stacking",
    "calibration_error",
    "chance_average_precision",
    "chance_map",
    "cider_d",
    "cider_d_scores",
    "class_accuracies",
    "cmae",
    "conformal_quantile",
    "cosine",
    "dot",
    "euclidean",
    "exact_match",
    "exact_matches",
    "excess_aurc",
    "expected_calibration_error",
    "fpr_at_tpr",
    "gzsl_scores",
    "harmonic_mean",
    "linear_cka",
    "match_cutoff",
    "match_strength",
    "match_strengths",
    "mean_average_precision",
    "median_rank",
    "micro_accuracy",
    "modality_gap",
    "mutual_neighbours",
    "normalised_answer",
    "normalised_cmae",
    "oscr",
    "per_class_accuracy",
    "precision_at_k",
    "precision_recall_curve",
    "rank_correlation",
    "recall_at_k",
    "risk_coverage_curve",
    "rouge_l",
    "rouge_l_scores",
    "seen_unseen_curve",
    "set_coverage",
    "set_size",
    "standardised_margins",
    "vqa_accuracies",
    "vqa_accuracy",
    "vqa_accuracy_by_type",
]
