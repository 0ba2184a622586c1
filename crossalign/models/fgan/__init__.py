"""FGAN: the estimator, its objective, its joint similarity and its pseudo-labels."""
