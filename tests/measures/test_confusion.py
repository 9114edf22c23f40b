"""Counts by true and predicted class, and what they say of each class: scikit-learn's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from emollama_hf.measures.confusion import class_scores, confusion_counts
from emollama_hf.measures.predictions import Predictions
from tests.measures.test_scores import predictions


@given(predictions())
def test_counts_and_classes_are_those_of_scikit_learn(one: Predictions) -> None:
    classes = len(one.classes)
    counts = confusion_counts(one)
    nobody = np.where(one.predicted < 0, classes, one.predicted)
    np.testing.assert_array_equal(counts, confusion_matrix(one.truth, nobody, labels=range(classes + 1))[:classes])
    expected = precision_recall_fscore_support(
        one.truth, one.predicted, labels=range(classes), average=None, zero_division=np.nan
    )
    for number, found in enumerate(class_scores(counts, one.classes)):
        assert found.name == one.classes[number]
        assert found.count == expected[3][number]
        assert found.predicted == (one.predicted == number).sum()
        np.testing.assert_allclose([found.precision, found.recall], [expected[0][number], expected[1][number]])
        if found.count + found.predicted:
            np.testing.assert_allclose(found.f1, np.nan_to_num(expected[2][number]))
        else:
            assert np.isnan(found.f1)
