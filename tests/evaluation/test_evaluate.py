"""The numbers of an evaluation: scikit-learn's, whatever the columns hold; failed rows are wrong unless left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

import emollama_hf
from emollama_hf import evaluate, extract
from emollama_hf.encoders.emotion_llama.answer_labels import EMOTION_LABELS
from tests.evaluation.answers import LABELS, answers
from tests.extraction.crops import OPTIONS, crops

NAMED = {"prediction": "emotion", "label": "emotion_label"}


@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=3, max_size=40).filter(
        lambda rows: len({truth for truth, _ in rows}) > 1 and {said for _, said in rows} & {truth for truth, _ in rows}
    )
)
@settings(max_examples=40)
def test_scores_are_those_of_scikit_learn(rows: list[tuple[str, str | None]]) -> None:
    truth, said = [one for one, _ in rows], [one for _, one in rows]
    ds = Dataset.from_dict({"t": truth, "p": said})
    found = evaluate(ds, prediction="p", label="t", unnamed="wrong", resamples=10)
    texts = [str(one) for one in said]
    labels = sorted(set(truth))
    assert found.classes == tuple(labels)
    assert found.intervals["accuracy"].value == pytest.approx(metrics.accuracy_score(truth, texts))
    for average in ("weighted", "macro"):
        expected = metrics.f1_score(truth, texts, labels=labels, average=average, zero_division=0)
        assert found.intervals[f"f1_{average}"].value == pytest.approx(expected), average
    assert found.intervals["kappa"].value == pytest.approx(metrics.cohen_kappa_score(truth, texts))
    assert found.confusion.to_numpy().sum() == len(rows)
    assert sum(found.failed.values()) == texts.count("None")


@given(st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_order_of_rows_and_how_classes_are_written_do_not_matter(random: np.random.RandomState) -> None:
    ds = answers(40)
    first = evaluate(ds, **NAMED, group="participant_id", resamples=50)
    order = list(range(40))
    random.shuffle(order)
    shuffled = evaluate(ds.select(order), **NAMED, group="participant_id", resamples=50)
    assert (shuffled.counts == first.counts).all()
    assert shuffled.intervals["kappa"].value == first.intervals["kappa"].value
    of_classes = ds.cast_column("emotion_label", ClassLabel(names=["happy", "sad", "angry", "fear"]))
    other = evaluate(of_classes, **NAMED, group="participant_id", resamples=50)
    assert other.classes == ("happy", "sad", "angry")  # the order of the data set, and only what occurs
    assert other.intervals["f1_macro"] == pytest.approx(first.intervals["f1_macro"])
    numbers = {"angry": 0, "happy": 1, "sad": 2}
    whole = Dataset.from_dict(
        {"p": [numbers.get(one) for one in ds["emotion"]], "t": [numbers[one] for one in ds["emotion_label"]]}
    )
    assert (evaluate(whole, prediction="p", label="t", resamples=5).counts == first.counts).all()


def test_failed_rows_are_wrong_unless_left_out() -> None:
    ds = answers(60, failed=6)
    wrong = evaluate(ds, **NAMED, resamples=20)
    out = evaluate(ds, **NAMED, failed="leave-out", resamples=20)
    assert wrong.failed == out.failed == {"empty_file": 6}
    assert (wrong.compared, out.compared) == (60, 54)
    assert wrong.intervals["accuracy"].value * 60 == pytest.approx(out.intervals["accuracy"].value * 54)
    assert wrong.counts[:, -1].sum() == 6
    assert out.counts[:, -1].sum() == 0
    assert "6 rows without a prediction counted as wrong: 6 empty_file." in wrong.notes
    assert "6 rows without a prediction left out: 6 empty_file." in out.notes


def test_a_row_with_a_status_that_is_not_ok_has_failed_whatever_it_says() -> None:
    ds = answers(30, failed=0)
    statuses = ["no_face", *ds["emollama_status"][1:]]
    emotions = [ds["emotion"][0], None, " ", *ds["emotion"][3:]]
    ds = ds.remove_columns(["emollama_status", "emotion"])
    ds = ds.add_column("emollama_status", statuses).add_column("emotion", emotions)
    found = evaluate(ds, **NAMED, resamples=5)
    assert found.failed == {"no prediction": 2, "no_face": 1}
    assert found.counts[:, -1].sum() == 3


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    labels = answers(30)["emotion_label"]
    found = evaluate(answers(30, emotion_label=[None, None, *labels[2:]]), **NAMED, resamples=5)
    assert (found.unlabeled, found.compared) == (2, 28)
    assert found.notes[0] == "2 rows without a label left out."
    ds = answers(30).cast_column("emotion_label", ClassLabel(names=list(LABELS)))
    ds = ds.remove_columns("emotion_label").add_column(
        "emotion_label", [-1, *ds["emotion_label"][1:]], feature=ClassLabel(names=list(LABELS))
    )
    assert evaluate(ds, **NAMED, resamples=5).unlabeled == 1


def test_intervals_are_over_groups_where_they_are_named() -> None:
    """Half of the participants are always right, the others never: 8 groups, not 80 rows."""
    truth = [LABELS[row % 2] for row in range(80)]
    said = [one if row % 8 < 4 else LABELS[1 - LABELS.index(one)] for row, one in enumerate(truth)]
    ds = answers(80, failed=0, emotion=said, emotion_label=truth)
    rows = evaluate(ds, **NAMED)
    groups = evaluate(ds, **NAMED, group="participant_id")
    assert (rows.groups, groups.groups) == (80, 8)
    width = [one.intervals["accuracy"].high - one.intervals["accuracy"].low for one in (rows, groups)]
    assert width[1] > 2.5 * width[0]
    assert any("Intervals are over rows" in note for note in rows.notes)
    assert any("8 groups: intervals over so few are too narrow" in note for note in groups.notes)
    one_group = evaluate(answers(20, participant_id=["P1"] * 20), **NAMED, group="participant_id")
    assert np.isnan(one_group.intervals["accuracy"].low)
    assert "participant_id has one group: no intervals." in one_group.notes


def test_a_seed_decides_the_intervals() -> None:
    first, again, other = (evaluate(answers(), **NAMED, seed=seed, resamples=50).intervals for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_confidences_are_found_or_named() -> None:
    ds = answers(60, failed=6)
    found = evaluate(ds, **NAMED, resamples=5)
    assert found.confidence == "emotion_confidence"
    assert found.calibration is not None
    assert found.calibration.count == 54
    assert found.calibration.accuracy == pytest.approx(found.intervals["accuracy"].value * 60 / 54)
    greatest = evaluate(ds.remove_columns("emotion_confidence"), **NAMED, resamples=5)
    assert greatest.confidence == "emotion_probs"
    assert "The confidence of a prediction is the greatest number of emotion_probs." in greatest.notes
    assert greatest.calibration is not None
    assert greatest.calibration.confidence >= found.calibration.confidence
    named = evaluate(ds.rename_column("emotion_confidence", "sure"), **NAMED, confidence="sure", resamples=5)
    assert named.calibration is not None
    assert named.calibration.brier == found.calibration.brier
    without = evaluate(ds, **NAMED, confidence="none", resamples=5)
    assert without.calibration is None
    assert "No column of confidences: no calibration." in without.notes


def test_predictions_without_a_confidence_are_left_out_of_the_calibration() -> None:
    sure = [None, *answers(30, failed=0)["emotion_confidence"][1:]]
    found = evaluate(answers(30, failed=0, emotion_confidence=sure), **NAMED, resamples=5)
    assert found.calibration is not None
    assert found.calibration.count == 29
    assert "1 prediction without a number in emotion_confidence: left out of the calibration." in found.notes


def test_without_any_confidence_there_is_no_calibration() -> None:
    ds = answers(20, failed=0).remove_columns("emotion_confidence")
    ds = ds.remove_columns("emotion_probs").add_column("sure", [None] * 20).cast_column("sure", Value("float32"))
    found = evaluate(ds, **NAMED, confidence="sure", resamples=5)
    assert found.calibration is None
    assert "20 predictions without a number in sure: left out of the calibration." in found.notes


def test_a_place_is_opened_with_its_failed_rows(tmp_path: Path) -> None:
    ds = answers(30, failed=3)
    ds.save_to_disk(tmp_path / "set")
    found = evaluate(tmp_path / "set", **NAMED, resamples=5)
    assert found.failed == {"empty_file": 3}
    assert (found.counts == evaluate(ds, **NAMED, resamples=5).counts).all()
    DatasetDict({"a": ds, "b": answers(20, failed=0)}).save_to_disk(tmp_path / "splits")
    assert evaluate(str(tmp_path / "splits"), **NAMED, split="b", resamples=5).rows == 20
    assert evaluate(str(tmp_path / "splits"), **NAMED, resamples=5).rows == 50


def test_what_the_model_says_is_evaluated(tmp_path: Path) -> None:
    """Features as `extract` writes them, of random weights: said, since such numbers mean nothing."""
    clips = crops(tmp_path / "crops", *range(9)).remove_columns("label").add_column("truth", list(EMOTION_LABELS))
    options = {"stages": ["emotion_predict"], "method": "likelihood", **OPTIONS}
    ds = extract(clips, "random-tiny", out=tmp_path / "features", **options)
    assert ds["emotion"][0] is not None
    found = evaluate(tmp_path / "features", prediction="emotion", label="truth", resamples=20)
    assert found.compared == 9
    assert found.confidence == "emotion_confidence"
    assert found.calibration is not None
    assert found.calibration.confidence == pytest.approx(np.mean(ds["emotion_confidence"]))
    assert found.notes[-1].startswith("These weights are random")


def test_it_is_a_public_name() -> None:
    assert "evaluate" in emollama_hf.__all__
    assert emollama_hf.evaluate is evaluate


def test_whole_floats_are_whole_numbers() -> None:
    """A table with an empty cell becomes one of floats."""
    ds = Dataset.from_dict({"emotion": [0, 1, 1, 0], "emotion_label": [0.0, 1.0, 0.0, None]})
    found = evaluate(ds, **NAMED, resamples=10)
    assert found.classes == ("0", "1")
    assert (found.counts[:, :2].tolist(), found.unlabeled) == ([[1, 1], [0, 1]], 1)
