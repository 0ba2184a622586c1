"""FusionNet-QSMA: the estimator and its objective."""
