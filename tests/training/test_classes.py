"""Weights and trained answers of classes: by name or in order, and an error that lists both where they do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.checkpoints import open_model
from emollama_hf.probing.label_values import Labels
from emollama_hf.training.class_weights import class_weights
from emollama_hf.training.target_texts import target_texts
from emollama_hf.training.training_error import TrainingError

CLASSES = ("NonMW", "MW")
LABELS = Labels(np.array([0, 0, 0, 1, 0, 1, 0, 0]), CLASSES, 1)
EVERYTHING = np.arange(8)
TOKENIZER = open_model("random-tiny").tokenizer("emotion_llama")


def test_balanced_weights_are_those_of_the_original() -> None:
    np.testing.assert_allclose(class_weights("balanced", LABELS, EVERYTHING), [8 / (2 * 6), 8 / (2 * 2)])
    np.testing.assert_allclose(class_weights("balanced", LABELS, np.array([0, 1, 3])), [3 / (2 * 2), 3 / 2])


@given(st.lists(st.integers(0, 3), min_size=4, max_size=200).filter(lambda labels: len(set(labels)) == 4))
def test_balanced_classes_weigh_the_same_and_all_rows_as_many_as_they_are(numbers: list[int]) -> None:
    labels = Labels(np.array(numbers), tuple("abcd"), 0)
    of_rows = class_weights("balanced", labels, np.arange(len(numbers)))[labels.numbers]
    np.testing.assert_allclose(np.bincount(numbers, of_rows), len(numbers) / 4)


@pytest.mark.parametrize("weights", [{"MW": 3, "NonMW": 0.5}, [0.5, 3], (0.5, 3.0), np.array([0.5, 3.0])])
def test_weights_are_given_by_name_or_in_the_order_of_the_classes(weights: Any) -> None:
    np.testing.assert_array_equal(class_weights(weights, LABELS, EVERYTHING), [0.5, 3.0])


def test_no_weights_are_ones() -> None:
    np.testing.assert_array_equal(class_weights(None, LABELS, EVERYTHING), [1, 1])


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (
            "even",
            "class_weights='even' is unknown. Valid: 'balanced', None, or a number for each of the classes",
        ),
        ({"MW": 1.0}, "class_weights: nothing for 'NonMW'. Expected a number for each of the classes 'NonMW', 'MW'"),
        ({"MW": 1.0, "mw": 2.0}, "nothing for 'NonMW' and 'mw', which no row has"),
        ([1.0], "1 for 2 classes. Expected a number for each of the classes 'NonMW', 'MW'"),
        ([1.0, 0.0], "0.0 of class 'MW' is no positive number"),
        ([1.0, float("nan")], "nan of class 'MW' is no positive number"),
        ([1e300, 1.0], "1e+300 of class 'NonMW' is no positive number from 1e-06 to 1e+06"),
        ([1.0, 1e-300], "1e-300 of class 'MW' is no positive number"),
        ([True, 1.0], "True of class 'NonMW' is no positive number"),
        ({"MW": "1", "NonMW": 1}, "'1' of class 'MW' is no positive number"),
        (2.0, "class_weights=2.0: expected a number for each"),
    ],
)
def test_weights_that_do_not_fit_the_classes(weights: Any, said: str) -> None:
    with pytest.raises(TrainingError) as raised:
        class_weights(weights, LABELS, EVERYTHING)
    assert said in str(raised.value)


def test_a_class_that_is_not_trained_on_has_no_balance() -> None:
    with pytest.raises(TrainingError, match="no row of class 'MW' is trained on"):
        class_weights("balanced", LABELS, np.array([0, 1, 2]))


def test_texts_are_the_labels_words_and_in_lower_case_as_published() -> None:
    own = target_texts(None, CLASSES, TOKENIZER)
    assert own.texts == ("NonMW", "MW")
    assert own.ids == tuple(tuple(TOKENIZER.encode(text)) for text in CLASSES)
    assert target_texts(None, CLASSES, TOKENIZER, recipe="as_published").texts == ("nonmw", "mw")


@pytest.mark.parametrize("given_texts", [{"MW": " mind  wandering", "NonMW": "on task"}, ["on task", "mind wandering"]])
def test_texts_are_given_by_name_or_in_the_order_of_the_classes(given_texts: Any) -> None:
    assert target_texts(given_texts, CLASSES, TOKENIZER).texts == ("on task", "mind wandering")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"MW": "yes"}, "target_texts: nothing for 'NonMW'. Expected a text for each of the classes 'NonMW', 'MW'"),
        (["a", "b", "c"], "3 for 2 classes"),
        ("yes", "target_texts='yes': expected a text for each of the classes"),
        (["yes", ""], "the text of class 'MW' is empty"),
        (["yes", " \n"], "the text of class 'MW' is empty"),
        (["yes", 1], "1 of class 'MW' is no text"),
        (["yes", "yes "], "'yes' is the text of 'NonMW' and 'MW'"),
        (["mind", "mind wandering"], "the pieces of 'mind' begin those of 'mind wandering'"),
        (["mind wandering", "mind"], "the pieces of 'mind' begin those of 'mind wandering'"),
        (["yes", "no</s>"], "'no</s>' of class 'MW' holds the symbol '</s>' of prompts"),
        (["yes", "<FeatureHere>"], "holds the symbol '<FeatureHere>'"),
        (["yes", "\ud83d"], "holds half a letter"),
    ],
)
def test_texts_that_cannot_be_told_apart_or_asked(texts: Any, said: str) -> None:
    with pytest.raises(TrainingError) as raised:
        target_texts(texts, CLASSES, TOKENIZER)
    assert said in str(raised.value)


def test_labels_of_which_one_begins_another() -> None:
    with pytest.raises(TrainingError, match=r"Word one of them otherwise \(target_texts=\)"):
        target_texts(None, ("sad", "sadness"), TOKENIZER)
