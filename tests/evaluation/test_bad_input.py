"""What cannot be evaluated is one error that says what to do."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from emollama_hf import evaluate
from emollama_hf.errors import SourceError
from tests.evaluation.answers import FEATURES, answers

NAMED = {"prediction": "emotion", "label": "emotion_label"}
ROWS = 30


def changed(column: str, *values: Any) -> Dataset:
    """Answers whose first values of a column are others."""
    ds = answers(ROWS, failed=0)
    return answers(ROWS, failed=0, **{column: [*values, *ds[column][len(values) :]]})


BAD: dict[str, tuple[Dataset, dict[str, Any], str]] = {
    "no rows": (Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES), {}, "has no rows"),
    "unknown column": (answers(), {"label": "emotion_lable"}, "no column 'emotion_lable'.*Did you mean 'emotion_label"),
    "unknown group": (answers(), {"group": "person"}, "no column 'person'; it has emotion, emotion_confidence"),
    "unknown confidence": (answers(), {"confidence": "sure"}, "no column 'sure'"),
    "one column twice": (answers(), {"label": "emotion"}, "named as prediction and as label"),
    "one class": (
        answers(ROWS, emotion_label=["sad"] * ROWS), {},
        "each of the 30 rows has the label 'sad'. Expected two classes or more",
    ),
    "one class is left": (
        answers(4, failed=0, emotion_label=["sad", "sad", "sad", "happy"], emotion=["sad", "sad", "sad", None]),
        {"failed": "leave-out"}, "each of the 3 rows has the label 'sad'",
    ),
    "no label": (answers(ROWS, emotion_label=[None] * ROWS), {}, "none of the 30 rows has a label"),
    "NaN as a group": (
        answers(ROWS).add_column("g", [float("nan")] * 2 + [1.0] * (ROWS - 2)),
        {"group": "g"}, "'g': no group in 2 rows",
    ),
    "names of rows": (
        answers(200, emotion_label=[f"clip {row}" for row in range(200)]), {},
        "'emotion_label' has 200 different labels, expected classes, 100 at most",
    ),
    "blank labels": (changed("emotion_label", "sad", " ", ""), {}, "blank labels in 2 rows, the first of them row 1"),
    "numbers and words": (
        changed("emotion_label", "1", "2"), {}, r"mixes numbers \('1', '2'\) and words \('.*--map FILE",
    ),
    "numbers for words": (
        answers(ROWS, emotion_label=[row % 2 for row in range(ROWS)]), {},
        r"no prediction is a label: column 'emotion' holds texts \('.*whole numbers \('0', '1'\).*--map FILE",
    ),
    "blanks": (
        changed("emotion_label", " sad", " sad"), {},
        "differ in case or blanks alone: ' sad' .label. in 2 rows, 'sad' .label. in .*--map FILE",
    ),
    "case": (changed("emotion", "Happy"), {}, "'happy' .label. in .*'Happy' .prediction. in 1 row.*--map FILE"),
    "no label names it": (
        changed("emotion", "contempt", "contempt", "angri"), {},
        r"no label of 'emotion_label' names: 'contempt' in 2 rows, 'angri' in 1 row \(near: 'angry'\)"
        r".*--unnamed wrong",
    ),
    "all failed": (answers(ROWS, failed=ROWS), {}, "no row with a label has a prediction: 30 empty_file"),
    "NaN": (changed("emotion_confidence", 0.5, float("nan")), {}, "confidence': NaN in row 1, 1 row in all; expected"),
    "percent": (changed("emotion_confidence", 55.0, 44.0), {}, "confidence': 55 in row 0, 2 rows in all; expected"),
    "logits": (
        changed("emotion_probs", [0.5, 0.9, 0.9]), {"confidence": "emotion_probs"}, "add up to 2.3 and not to 1 in row",
    ),
    "probabilities of other classes": (
        answers(ROWS, failed=0).remove_columns("emotion_probs").add_column("p", [[1.0]] + [[0.5, 0.5]] * (ROWS - 1)),
        {"confidence": "p"}, "'p' holds lists of 1 and 2 numbers",
    ),
    "NaN among probabilities": (
        changed("emotion_probs", [float("nan"), 0.5, 0.5]), {"confidence": "emotion_probs"}, "NaN in row 0",
    ),
    "words as confidences": (answers(), {"confidence": "emotion_label"}, "holds text, expected confidences"),
    "fractions as labels": (
        answers(ROWS, emotion_label=[0.5] * ROWS), {},
        "holds float64, expected one class.*Divide measurements into classes",
    ),
    "lists as labels": (answers(), {"label": "emotion_probs"}, r"holds \(3,\) float32, expected one class a row"),
    "lists as groups": (answers(), {"group": "emotion_probs"}, r"holds \(3,\) float32, expected a group a row"),
    "no group": (changed("participant_id", None, ""), {"group": "participant_id"}, "no group in 2 rows, the first of"),
    "a class without a name": (
        answers(ROWS, emotion_label=[0, 7] * 15).cast_column("emotion_label", ClassLabel(names=["sad", "happy"])), {},
        "column 'emotion_label' holds the class 7, and has 2 names: sad, happy",
    ),
    "failed": (answers(), {"failed": "out"}, "failed='out' is unknown. Valid: 'wrong', 'leave-out'"),
    "unnamed": (answers(), {"unnamed": "out"}, "unnamed='out' is unknown"),
    "resamples": (answers(), {"resamples": 0}, "resamples=0: expected a whole number from 1"),
    "seed": (answers(), {"seed": -1}, "seed=-1: expected a whole number"),
    "split": (answers(), {"split": "train"}, "has no effect on a data set that is open"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_that_says_what_to_do(case: str) -> None:
    ds, options, message = BAD[case]
    with pytest.raises(ValueError, match=message) as caught:
        evaluate(ds, **{"resamples": 5, **NAMED, **options})
    assert "\n" not in str(caught.value)


def test_what_is_no_data_set_is_an_error() -> None:
    splits = DatasetDict({"train": answers()})
    with pytest.raises(SourceError, match=r"the type DatasetDict, expected .* Choose a split, such as ds\['train'\]"):
        evaluate(splits, **NAMED)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="type list, expected"):
        evaluate([1], **NAMED)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        evaluate("./nothing", **NAMED)


def test_predictions_that_no_label_names_are_wrong_where_that_is_asked_for() -> None:
    ds = changed("emotion", "contempt", "contempt")
    found = evaluate(ds, **NAMED, unnamed="wrong", resamples=5)
    assert found.unnamed == ("contempt",)
    assert found.classes == ("angry", "happy", "sad")
    assert found.confusion["contempt"].sum() == 2
    assert [one.name for one in found.class_scores] == list(found.classes)
    assert found.failed == {}
    assert any("not as classes: 'contempt'" in note for note in found.notes)


def test_failed_rows_may_hold_anything_else() -> None:
    """Of a row without a prediction no confidence is read."""
    sure = answers(ROWS, failed=3)["emotion_confidence"]
    ds = answers(ROWS, failed=3, emotion_confidence=[*sure[:-1], float("nan")])
    assert evaluate(ds, **NAMED, resamples=5).failed == {"empty_file": 3}


def test_a_softmax_may_end_a_rounding_above_one() -> None:
    found = evaluate(changed("emotion_confidence", 1.0000001), **NAMED, resamples=5)
    assert found.calibration is not None


def test_class_labels_that_mix_numbers_and_words_are_declared_and_meant() -> None:
    names = ["1", "2", "three"]
    truth = [row % 3 for row in range(ROWS)]
    ds = answers(ROWS, failed=0, emotion=[names[one] for one in truth]).remove_columns("emotion_label")
    ds = ds.add_column("emotion_label", truth, feature=ClassLabel(names=names))
    assert evaluate(ds, **NAMED, resamples=5).intervals["accuracy"].value == 1
