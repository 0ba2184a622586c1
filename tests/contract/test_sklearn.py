"""Models that read one array are scikit-learn classifiers by scikit-learn's own tests.

Aligners read several modalities, which scikit-learn's tests cannot give: their tags say so.
"""

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from crossalign import models
from crossalign.models.roles import ZeroShotClassifier

CLASSIFIERS = [name for name in models.__all__
               if issubclass(getattr(models, name), ZeroShotClassifier)]
EXPECTED = {}
"""Checks that fail, by model and with the reason."""


@parametrize_with_checks([getattr(models, name)() for name in CLASSIFIERS],
                         expected_failed_checks=lambda model: EXPECTED.get(
                             type(model).__name__, {}))
def test_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", models.__all__)
def test_tags_say_which_models_read_one_array(name):
    assert get_tags(getattr(models, name)()).input_tags.two_d_array == (name in CLASSIFIERS)
