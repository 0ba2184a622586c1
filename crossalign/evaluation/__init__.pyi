from .fitted import fit_for as fit_for
from .fitted import score_fitted as score_fitted
from .report import Report as Report
from .runs import evaluate as evaluate
