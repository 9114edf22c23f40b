"""What cannot be trained on is one clear sentence with the next step, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, List, Value

from emollama_hf.errors import ModelError
from emollama_hf.stages.image_tokens import ImageTokens
from emollama_hf.training.split import parts
from emollama_hf.training.training_data import training_data
from emollama_hf.training.training_error import TrainingError
from tests.extraction.crops import crops
from tests.training.labelled import NAMED, TOKEN_WIDTH, TOKENS, WIDTH, labelled

TINY = "random-tiny"
N = 32


def without(*columns: str) -> Callable[[], Dataset]:
    return lambda: labelled().remove_columns(list(columns))


def changed(**columns: Any) -> Callable[[], Dataset]:
    return lambda: labelled(**columns)


def wide(column: str) -> Dataset:
    feature = List(Value("float32"), length=48)
    return labelled().remove_columns([column]).add_column(column, [[0.0] * 48] * N, feature=feature)


def spoiled(column: str, value: float) -> Callable[[], Dataset]:
    def make() -> Dataset:
        vectors = np.array(labelled()[column][:])
        vectors[3, 2] = value
        return labelled(**{column: vectors.tolist()})

    return make


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "one class": (changed(mw_label=["MW"] * N), {}, "label='mw_label' has one class only, 'MW'"),
    "blanks": (changed(mw_label=["MW", "MW "] * 16), {}, "blanks around them: 'MW '"),
    "an empty label": (changed(mw_label=["MW", ""] * 16), {}, "labels that are empty or have blanks"),
    "labels that differ in case": (changed(mw_label=["MW", "mw"] * 16), {}, "differ in case alone"),
    "measurements": (changed(mw_label=[row / 7 for row in range(N)]), {}, "expected classes"),
    "no label at all": (
        changed(mw_label=np.full(N, None)), {}, "none of the 32 rows can be trained on: 32 without mw_label",
    ),
    "all rows failed": (
        changed(emollama_status=["no_face"] * N), {}, "none of the 32 rows can be trained on: 32 failed (no_face)",
    ),
    "one group": (changed(participant_id=["p"] * N), {}, "group='participant_id' has one group only, 'p'"),
    "one fold": (changed(test_fold_num=[0] * N), {}, "fold_column='test_fold_num' has one value only, '0'"),
    "a group on both sides": (
        changed(test_fold_num=[row % 2 for row in range(N)]), {},
        "group 'p0' of 'participant_id' is in the folds 0, 1 (and 7 more groups)",
    ),
    "a class in one fold alone": (
        changed(mw_label=["rare" if row < 2 else "ab"[row % 2] for row in range(N)]), {},
        "the training part of fold 0 has no row of class 'rare'",
    ),
    "an unknown label column": (labelled, {"label": "mw_lable"}, "label='mw_lable': there is no such column. Did you"),
    "an unknown group column": (labelled, {"group": "person"}, "group='person': there is no such column"),
    "an unknown fold column": (labelled, {"fold_column": "fold"}, "fold_column='fold': there is no such column"),
    "an unknown class": (labelled, {"positive": "Mw"}, "no class of 'mw_label'. Did you mean"),
    "the label as the group": (labelled, {"group": "mw_label"}, "label and group are both 'mw_label'"),
    "the group as the folds": (
        labelled, {"fold_column": "participant_id"}, "group and fold_column are both 'participant_id'",
    ),
    "an unknown layout": (labelled, {"layout": "fork2"}, "layout='fork2' is unknown. Valid: fork, upstream"),
    "no picture": (
        without("image_tokens"), {}, "has no column 'image_tokens', and none of 'peak_frame', 'video', 'frames'",
    ),
    "no picture, and how to keep it": (without("image_tokens"), {}, "--keep peak_frame"),
    "no features": (without("videomae"), {}, "has no column 'videomae', and none of 'videomae_frames'"),
    "features of another model": (
        lambda: wide("facemae"), {}, "column 'facemae' holds (48,) float32, and the model reads (32,)",
    ),
    "lists of another model": (
        changed(facemae=[[0.0] * 48] * N), {}, "'facemae' does not hold 32 finite numbers in 32 of 32 rows",
    ),
    "tokens of another model": (
        changed(image_tokens=[[[0.0] * 8] * 4] * N), {}, "expected (65, 40)",
    ),
    "NaN": (spoiled("videomae", float("nan")), {}, "'videomae' does not hold 32 finite numbers in 1 of 32 rows: 'clip"),
    "infinity": (spoiled("facemae", float("inf")), {}, "'facemae' does not hold 32 finite numbers in 1 of 32 rows"),
    "several splits": (lambda: DatasetDict(train=labelled()), {}, "Choose one split of it (ds['train'])"),
    "a split of a data set": (labelled, {"split": "train"}, "split='train' is of a place"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_rows_are_a_sentence(case: str) -> None:
    make, options, said = CASES[case]
    with pytest.raises(TrainingError) as raised:
        training_data(make(), TINY, **{**NAMED, **options})
    assert said in str(raised.value)
    assert str(raised.value).rstrip().endswith((".", "?"))
    assert "prob" not in str(raised.value)


def test_labels_are_checked_before_clips_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageTokens, "__init__", None)
    ds = crops(tmp_path / "clips", 1, 2).add_column("mw_label", ["MW", "MW"])
    with pytest.raises(TrainingError, match="one class only"):
        training_data(ds, TINY, label="mw_label")


def test_a_folder_without_its_table_says_so() -> None:
    ds = Dataset.from_dict({"file_name": ["a.mp4"], "video": ["a.mp4"]})
    with pytest.raises(TrainingError, match=r"no such column.*without a table of labels.*--labels"):
        training_data(ds, TINY, label="mw_label")


def test_clips_that_all_fail_are_an_error(tmp_path: Path) -> None:
    ds = Dataset.from_dict({"video": [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")], "mw_label": ["MW", "NonMW"]})
    with pytest.raises(TrainingError, match=r"none of the 2 rows can be trained on: 2 failed \(missing_file\)"):
        training_data(ds, TINY, label="mw_label", work=tmp_path / "work")


def test_a_model_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        training_data(labelled(), tmp_path / "model", **NAMED)


def test_tokens_that_are_not_finite_are_named_when_they_are_read() -> None:
    tokens = np.zeros((N, TOKENS, TOKEN_WIDTH), np.float16)
    tokens[3, 4, 5] = np.nan
    data = training_data(labelled(image_tokens=tokens.tolist()), TINY, **NAMED)
    assert data.features.shape[2] == WIDTH
    data.tokens(2)
    with pytest.raises(TrainingError, match="row 'clip003': image_tokens hold"):
        data.tokens(3)


def test_a_fold_that_does_not_exist_is_named_with_those_that_do() -> None:
    rows = training_data(labelled(), TINY, **NAMED).rows
    with pytest.raises(TrainingError, match=r"fold='7': there is no such fold\. Choose one of 0, 1, 2, 3, or 'all'"):
        parts(rows, "7", chosen_by="inner", grouped=True, seed=0)
    unfolded = training_data(labelled(), TINY, **NAMED | {"fold_column": None}).rows
    with pytest.raises(TrainingError, match=r"Name it \(fold_column=, --fold-column\)"):
        parts(unfolded, 0, chosen_by="inner", grouped=True, seed=0)


@pytest.mark.parametrize("fold", [None, 0])
def test_groups_that_cannot_be_divided_once_more_are_counted(fold: int | None) -> None:
    rows = training_data(labelled(groups=2, folds=2), TINY, **NAMED).rows
    with pytest.raises(TrainingError, match="cannot be divided by group"):
        parts(training_data(labelled(groups=1), TINY, **NAMED | {"fold_column": None}).rows if fold is None else rows,
              fold, chosen_by="inner", grouped=True, seed=0)  # fmt: skip
