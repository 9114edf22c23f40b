"""What cannot be probed is one clear sentence, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, List, Value

from emollama_hf.probing.probe import probe
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.table_text import heading
from tests.probing.planted import WIDTH, hidden_states, planted

CHEAP: dict[str, Any] = {"label": "mw_label", "group": "participant_id", "permutations": 0, "resamples": 100}


def with_column(ds: Dataset, name: str, values: Any, feature: Any = None) -> Dataset:
    kept = ds.remove_columns([name]) if name in ds.column_names else ds
    return kept.add_column(name, values, feature=feature)


def small() -> Dataset:
    return planted(groups=6, rows_of_group=6).select_columns(["uuid", "participant_id", "mw_label", "signal"])


def labels(values: Callable[[int], Any]) -> Dataset:
    ds = small()
    return with_column(ds, "mw_label", [values(row) for row in range(len(ds))])


def folds(values: Callable[[int], Any]) -> Dataset:
    ds = small()
    return ds.add_column("fold", [values(row) for row in range(len(ds))])


def spoiled(value: float) -> Dataset:
    ds = small()
    vectors = [list(one) for one in ds["signal"]]
    vectors[3][2] = value
    return with_column(ds, "signal", vectors, List(Value("float32"), length=WIDTH))


def ragged() -> Dataset:
    ds = small()
    vectors = [list(one)[: WIDTH - (row == 4)] for row, one in enumerate(ds["signal"])]
    return with_column(ds, "signal", vectors, List(Value("float32")))


CASES: dict[str, tuple[Callable[[], Dataset], dict[str, Any], str]] = {
    "one class": (lambda: labels(lambda row: "MW"), {}, "one class only, 'MW'"),
    "blanks": (lambda: labels(lambda row: ["MW", "MW ", "NonMW"][row % 3]), {}, "blanks around them: 'MW '"),
    "an empty label": (lambda: labels(lambda row: ["MW", ""][row % 2]), {}, "empty or have blanks"),
    "case": (lambda: labels(lambda row: ["MW", "mw", "NonMW"][row % 3]), {}, "differ in case alone"),
    "measurements": (lambda: labels(lambda row: row / 7), {}, "type float, expected classes"),
    "names": (lambda: labels(lambda row: f"c{row}").select(range(0)), {}, "none of the 0 rows"),
    "one group": (lambda: with_column(small(), "participant_id", ["p"] * 36), {}, "one group only, 'p'"),
    "fewer groups than folds": (small, {"folds": 7}, "6 groups, which do not suffice for 7 folds"),
    "no group": (
        lambda: with_column(small(), "participant_id", [None] * 36, Value("string")), {},
        "none of the 36 rows can be probed: 36 without participant_id",
    ),
    "a group in two folds": (lambda: folds(lambda row: row % 2), {"fold": "fold"}, "'p00' of 'participant_id' is in the"
                             " folds 0, 1 (and 5 more groups)"),
    "one fold": (lambda: folds(lambda row: 0), {"fold": "fold"}, "one value only, '0'"),
    "no such fold column": (small, {"fold": "test_fold"}, "fold='test_fold': there is no such column"),
    "NaN": (lambda: spoiled(float("nan")), {}, "column 'signal', row clip0003: 1 of 12 numbers are NaN, infinite"),
    "infinity": (lambda: spoiled(float("inf")), {}, "NaN, infinite or beyond float32"),
    "beyond float32": (
        lambda: with_column(small(), "signal", [[1e300 * (row == 3)] for row in range(36)],
                            List(Value("float64"), length=1)), {}, "row clip0003: 1 of 1 numbers are NaN, infinite or",
    ),
    "the label as a column": (lambda: labels(lambda row: row % 2), {"columns": "mw_label"}, "mw_label is the label"),
    "levels of the label": (small, {"by": "mw_label"}, "by='mw_label' is the label"),
    "the group as a column": (
        lambda: with_column(small(), "participant_id", [row // 6 for row in range(36)]),
        {"columns": ["signal", "participant_id"]}, "participant_id is the group",
    ),
    "vectors of two lengths": (ragged, {}, "12 numbers in row clip0000 and 11 in row clip0004"),
    "an unknown column": (small, {"columns": "singal"}, "Did you mean signal?"),
    "an unknown label": (small, {"label": "mw_lable"}, "Did you mean mw_label?"),
    "a column of texts": (small, {"columns": "uuid"}, "holds no numbers"),
    "positions of a vector": (small, {"columns": "signal[1:3]"}, "one vector a row and has no positions"),
    "an unknown class": (small, {"positive": "Mw"}, "no class of 'mw_label'. Did you mean"),
    "an unknown metric": (small, {"metric": "auc"}, "Valid: f1, auc_pr"),
    "no feature": (lambda: small().remove_columns(["signal"]), {}, "no feature column"),
    "label is group": (small, {"group": "mw_label"}, "label and group are both"),
    "levels": (small, {"by": "uuid"}, "36 levels"),
    "a combination of one": (small, {"combine": "signal"}, "expected two columns or more"),
    "a sequence in a combination": (
        lambda: hidden_states(small()), {"combine": "emollama+signal"}, "emollama is a sequence",
    ),
    "too few positions": (lambda: hidden_states(small()), {"columns": "emollama[6:20]"}, "lacks the positions [6:20]"),
    "no positions": (lambda: hidden_states(small()), {"columns": "emollama[6:6]"}, "selects no position"),
    "twice": (small, {"columns": ["signal"], "combine": ["signal+signal"]}, "names a column twice"),
    "no number of folds": (small, {"folds": 1}, "folds=1: expected a whole number of at least 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_a_sentence(case: str) -> None:
    make, options, said = CASES[case]
    with pytest.raises(ProbeError) as raised:
        probe(make(), **{**CHEAP, "folds": 3, **options})
    assert said in str(raised.value)
    assert str(raised.value).rstrip().endswith((".", "?"))


def test_a_class_in_one_fold_alone_is_named() -> None:
    ds = folds(lambda row: row // 12)
    ds = with_column(ds, "mw_label", ["rare" if row < 6 else "ab"[row % 2] for row in range(len(ds))])
    with pytest.raises(ProbeError, match="training part of fold 0 has no row of class 'rare'"):
        probe(ds, **CHEAP, fold="fold")


def test_several_splits_are_asked_about() -> None:
    from datasets import DatasetDict

    with pytest.raises(ProbeError, match="Choose one split"):
        probe(DatasetDict(train=small()), **CHEAP)  # type: ignore[arg-type]


def test_failed_and_unlabelled_rows_are_left_out_and_counted() -> None:
    ds = small()
    ds = with_column(ds, "mw_label", [None if row == 1 else "ab"[row % 2] for row in range(len(ds))])
    ds = ds.add_column("emollama_status", ["no_face" if row in (0, 5) else "ok" for row in range(len(ds))])
    vectors = [None if row in (0, 9) else list(one) for row, one in enumerate(ds["signal"])]
    ds = with_column(ds, "signal", vectors, List(Value("float32"), length=WIDTH))
    result = probe(ds, **CHEAP, folds=2)
    assert result.rows.left_out == {"failed (no_face)": 2, "without mw_label": 1, "without signal": 1}
    assert sorted(set(range(36)) - set(result.predictions["row"])) == [0, 1, 5, 9]


def test_rows_without_a_group_or_a_fold_are_left_out_and_counted() -> None:
    """A clip of nobody in particular used to end the probe of all others."""
    ds = folds(lambda row: None if row == 9 else row // 12)
    people = [None if row in (0, 1) else f"p{row // 6}" for row in range(len(ds))]
    result = probe(with_column(ds, "participant_id", people), **CHEAP, fold="fold")
    assert result.rows.left_out == {"without participant_id": 2, "without fold": 1}
    assert "Left out: 2 without participant_id, 1 without fold." in heading(result)


def test_a_number_that_is_nan_is_unknown() -> None:
    people = [float("nan") if row == 0 else float(row // 6) for row in range(36)]
    result = probe(with_column(small(), "participant_id", people), **CHEAP, folds=2)
    assert result.rows.left_out == {"without participant_id": 1}


def test_a_constant_column_and_more_features_than_rows_work() -> None:
    ds = small()
    random = np.random.default_rng(0)
    wide = random.normal(size=(len(ds), 200)) + 2 * np.array(ds["mw_label"])[:, None]
    ds = ds.add_column("constant", [[1.5, 0.0]] * len(ds), feature=List(Value("float32"), length=2))
    ds = ds.add_column("wide", wide.tolist(), feature=List(Value("float32"), length=200))
    result = probe(ds, **CHEAP, folds=3)
    values = {name: one.intervals["auc_roc"].value for name, one in result.scores.items()}
    assert values["constant"] == pytest.approx(0.5, abs=0.15)
    assert values["wide"] > 0.95


def test_two_groups_are_tested_on_each_other() -> None:
    result = probe(planted(groups=2, rows_of_group=30), **CHEAP, folds=2, columns="signal")
    assert result.outcomes["signal"].choices["chosen_on_inner_split"] == [False, False]


def test_whole_floats_are_whole_numbers() -> None:
    """A table with an empty cell becomes one of floats."""
    ds = labels(lambda row: None if row == 0 else float(row % 2))
    ds = with_column(ds, "participant_id", [None if row == 0 else float(row // 6) for row in range(36)])
    result = probe(ds, **CHEAP, folds=2, positive="1")
    assert result.rows.labels.classes == ("0", "1")
    assert result.rows.group_names == ("0", "1", "2", "3", "4", "5")
    assert result.rows.left_out == {"without mw_label": 1}


def test_the_class_number_of_hidden_labels_is_no_label() -> None:
    ds = small()
    hidden = [-1 if row == 2 else label for row, label in enumerate(ds["mw_label"])]
    result = probe(with_column(ds, "mw_label", hidden, ds.features["mw_label"]), **CHEAP, folds=2)
    assert result.rows.left_out == {"without mw_label": 1}
    assert result.rows.labels.classes == ("NonMW", "MW")


def test_a_training_part_of_one_row_a_class_has_no_inner_split() -> None:
    ds = with_column(small().select(range(4)), "participant_id", list("abcd"))
    ds = with_column(with_column(ds, "mw_label", list("xyxy")), "two", [0, 0, 1, 1])
    result = probe(ds, **CHEAP, fold="two")
    assert result.outcomes["signal"].choices["chosen_on_inner_split"] == [False, False]
