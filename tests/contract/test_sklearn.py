"""ESZSL is a scikit-learn classifier by scikit-learn's own tests."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from crossalign.models import ESZSL


@parametrize_with_checks([ESZSL()])
def test_estimator(estimator, check):
    check(estimator)
