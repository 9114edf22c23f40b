"""The report of a finetuned model: beside chance and control, of all folds and of one, and as files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emollama_hf.measures.predictions import NO_CLASS
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.training.recipe import FAULTS, RECIPES
from emollama_hf.training.report import ReportOptions, finetuned_report, write_report
from emollama_hf.training.training_error import TrainingError
from tests.training.tested_rows import OPTIONS, clips, finetuned, informed, rows_of

VIEW = "emotion_llama (corrected)"


@pytest.fixture(scope="module")
def rows() -> ProbeRows:
    return rows_of(clips())


def test_all_folds_stand_beside_chance_and_control(tmp_path: Path) -> None:
    result = finetuned(tmp_path, clips())
    assert result.order == [VIEW, "control", "chance"]
    assert result.scores[VIEW].intervals["auc_roc"].low > 0.75
    assert result.control == {"clip_duration_s": "numbers"}
    assert "above chance and above the control" in result.conclusion
    assert result.conclusion in (tmp_path / "report" / "table.txt").read_text()
    described = json.loads((tmp_path / "report" / "probe.json").read_text())
    assert described["training"]["recipe"] == "corrected"
    assert described["folds"]["rows"] == {"0": 36, "1": 36, "2": 36, "3": 36}


def test_the_file_of_predictions_scores_as_the_table_says(tmp_path: Path) -> None:
    from sklearn.metrics import average_precision_score, f1_score

    result = finetuned(tmp_path, clips())
    found = pd.read_parquet(tmp_path / "predictions.parquet")
    assert list(found.columns) == ["name", "group", "fold", "truth", "predicted", "p_NonMW", "p_MW", "score"]
    assert len(found) == 144
    np.testing.assert_allclose(found["score"], np.log(found["p_MW"]) - np.log(found["p_NonMW"]))
    intervals, truth = result.scores[VIEW].intervals, found["truth"] == "MW"
    assert average_precision_score(truth, found["score"]) == pytest.approx(intervals["auc_pr"].value)
    assert f1_score(truth, found["predicted"] == "MW") == pytest.approx(intervals["f1"].value)


def test_one_fold_is_reported_of_its_own_rows(rows: ProbeRows, tmp_path: Path) -> None:
    assert rows.folds is not None
    tested = np.flatnonzero(rows.folds == 2)
    probabilities = informed(rows)[tested]
    result = finetuned_report(
        rows, tested, probabilities, probabilities.argmax(axis=1), RECIPES["corrected"], OPTIONS, clips=clips()
    )
    assert len(result.rows) == 36
    assert result.rows.group_names == ("p02", "p06", "p10")
    assert result.folds.names == ("2",)
    assert "fold 2 of test_fold_num" in repr(result)
    assert "1 of 4 folds tested: 36 of 144 clips." in result.conclusion
    write_report(tmp_path, result, RECIPES["corrected"], OPTIONS)
    found = pd.read_parquet(tmp_path / "predictions.parquet")
    assert set(found["fold"]) == {"2"}


@pytest.mark.filterwarnings("error")
def test_a_fold_of_one_class_has_no_ranking(rows: ProbeRows, tmp_path: Path) -> None:
    assert rows.folds is not None
    tested = np.flatnonzero((rows.folds == 1) & (rows.labels.numbers == 0))
    result = finetuned_report(
        rows, tested, informed(rows)[tested], np.zeros(len(tested), np.int64), RECIPES["corrected"], OPTIONS,
        clips=clips(),
    )  # fmt: skip
    for metric in ("auc_roc", "auc_pr"):
        assert np.isnan(result.scores[VIEW].intervals[metric].value)
    assert "undefined" in result.conclusion
    write_report(tmp_path, result, RECIPES["corrected"], OPTIONS)
    described = json.loads((tmp_path / "report" / "probe.json").read_text())
    assert described["views"][VIEW]["metrics"]["auc_roc"]["value"] is None


def test_as_published_names_its_faults_and_answers_without_a_class(rows: ProbeRows, tmp_path: Path) -> None:
    """A model that answers each clip "mw" or "nonmw", of which no answer is a scored text."""
    predicted = np.full(len(rows), NO_CLASS)
    recipe = RECIPES["as_published"]
    result = finetuned_report(rows, np.arange(len(rows)), informed(rows), predicted, recipe, OPTIONS)
    assert result.scores["emotion_llama (as_published)"].intervals["f1"].value == 0
    assert "144 of 144 answers name no class" in result.conclusion
    assert all(fault in result.conclusion for fault in FAULTS)
    assert "There is no control" in result.conclusion
    write_report(tmp_path, result, recipe, OPTIONS)
    assert pd.read_parquet(tmp_path / "predictions.parquet")["predicted"].isna().all()
    assert result.predictions["predicted"][: len(rows)].isna().all()


def test_an_epoch_chosen_by_the_tested_rows_is_said(rows: ProbeRows) -> None:
    recipe = replace(RECIPES["corrected"], epoch_chosen_by="test")
    tested = np.arange(len(rows))
    result = finetuned_report(rows, tested, informed(rows), tested % 2, recipe, OPTIONS)
    assert result.conclusion.startswith("The best epoch was chosen by the loss of the rows that are reported")


def test_random_weights_are_said(rows: ProbeRows) -> None:
    options = ReportOptions(label="mw_label", fold_column="test_fold_num", random=True)
    tested = np.arange(len(rows))
    result = finetuned_report(rows, tested, informed(rows), tested % 2, RECIPES["corrected"], options)
    assert result.conclusion.endswith("emotion_llama (corrected): of random weights, which mean nothing.")
    assert "groups by (row)" in repr(result)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "predictions.parquet").mkdir()
    with pytest.raises(TrainingError, match=r"predictions.parquet cannot be written .*run the same again"):
        finetuned(tmp_path, clips())


def test_scores_are_finite_where_a_probability_is_nothing(rows: ProbeRows, tmp_path: Path) -> None:
    certain = np.eye(2)[rows.labels.numbers]
    recipe = RECIPES["corrected"]
    result = finetuned_report(rows, np.arange(len(rows)), certain, rows.labels.numbers, recipe, OPTIONS)
    write_report(tmp_path, result, recipe, OPTIONS)
    found = pd.read_parquet(tmp_path / "predictions.parquet")
    assert np.isfinite(found["score"]).all()
    assert ((found["score"] > 0) == (found["truth"] == "MW")).all()
