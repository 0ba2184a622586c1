"""Twenty ways in which a zero-shot number is wrong, and a loader's knowledge of each.

Every protocol carries one entry per name: False says it does not happen here, True that it does,
and None that the files cannot tell, so that whoever fits or reports must say.
"""

from __future__ import annotations

from crossalign.sentences import nearest

LEAKS: dict[str, str] = {
    "epoch_selected_on_test": "the epoch was chosen by its test score",
    "tuned_on_test": "a weight or gamma was chosen by its test score",
    "micro_accuracy": "accuracy counts images, not the mean over classes",
    "harmonic_of_means": "H was computed from averaged U and S, not averaged itself",
    "scaler_fit_on_all": "feature scaling was fitted on test rows too",
    "validation_holds_test_rows": "validation rows are test rows (raw train_loc and val_loc)",
    "backbone_saw_unseen_classes": "the feature extractor was trained on unseen classes",
    "backbone_finetuned": "the feature extractor was tuned on this data set",
    "web_pretraining": "the feature extractor read captions of the web",
    "pseudo_labels": "labels of a pretrained classifier were used",
    "text_features_fit_on_unseen": "topics or word vectors were fitted on unseen-class documents",
    "transductive": "unlabelled test images were used in training",
    "stochastic_evaluation": "two evaluations of one model differ",
    "duplicate_gallery_rows": "the gallery holds a row of some modality twice",
    "query_in_gallery": "a query stands in the gallery",
    "tied_scores": "many scores are equal, so that the order is arbitrary",
    "single_class_split": "one choice of unseen classes only",
    "best_of_seeds": "the best run is reported, not the mean",
    "unusual_side_information": "class descriptions differ from the data set's own",
    "batch_dependent_prediction": "a prediction depends on the other rows of its batch",
}
"""Name of each way to be wrong, and its meaning."""

NO_BACKBONE = dict.fromkeys((
    "backbone_saw_unseen_classes", "backbone_finetuned", "web_pretraining", "pseudo_labels",
    "text_features_fit_on_unseen", "unusual_side_information"), False)
"""Leaks that are ruled out if features are computed by a fixed formula."""


def leak_record(**leaks: bool) -> dict[str, bool | None]:
    """Return one entry per name of `LEAKS`, ``None`` if it is not given.

    Raises
    ------
    ValueError
        If a name is not one of `LEAKS`.
    """
    unknown = sorted(set(leaks) - set(LEAKS))
    if unknown:
        raise ValueError(f"leaks: {unknown[0]!r} is not a named leak; {nearest(unknown[0], LEAKS)}")
    return {name: leaks.get(name) for name in LEAKS}
