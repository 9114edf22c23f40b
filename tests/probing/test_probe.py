"""Planted signals, noise and confounds come out as planted; the result says all of it, and can be saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from emollama_hf.probing.probe import probe
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.table_text import heading, table_text
from tests.probing.planted import planted

OPTIONS: dict[str, Any] = {"label": "mw_label", "group": "participant_id", "columns": ("signal", "noise")}


@pytest.fixture(scope="module")
def result() -> ProbeResult:
    ds = planted(groups=20, rows_of_group=12)
    ds = ds.add_column("gender", ["fm"[int(name[1:]) % 2] for name in ds["participant_id"]])
    return probe(ds, **OPTIONS, combine="signal+noise", by="gender", permutations=2, resamples=400)


@pytest.mark.parametrize("seed", range(3))
def test_signal_noise_and_confound_come_out_as_planted(seed: int) -> None:
    found = probe(planted(seed=seed, groups=20), **OPTIONS, permutations=1, resamples=400)
    scores = {name: one.intervals["auc_roc"] for name, one in found.scores.items()}
    assert scores["signal"].low > 0.6
    assert scores["noise"].low < 0.5 + 0.03
    assert scores["noise"].value < 0.6
    assert scores["control"].low > 0.6
    assert "not measurably above the control" in found.conclusion
    assert "The control itself is above chance" in found.conclusion


def test_without_a_confound_the_signal_is_above_the_control() -> None:
    ds = planted(groups=20)
    random = np.random.default_rng(5)
    ds = ds.remove_columns("clip_duration_s").add_column("clip_duration_s", random.normal(size=len(ds)))
    assert "above chance and above the control" in probe(ds, **OPTIONS, permutations=0).conclusion


def test_noise_alone_carries_nothing() -> None:
    found = probe(planted(groups=20), label="mw_label", group="participant_id", columns="noise", permutations=0)
    assert found.conclusion.startswith("No column carries mw_label measurably")


def test_the_table_has_a_row_for_each_view(result: ProbeResult) -> None:
    table = result.table.set_index("column")
    assert list(table.index[-2:]) == ["control", "chance"]
    assert set(table.index) == {"signal", "noise", "signal+noise", "control", "chance"}
    assert table.loc["chance", "auc_roc"] == 0.5
    share = result.rows.labels.counts()["MW"] / len(result.rows)
    assert table.loc["chance", "auc_pr"] == pytest.approx(share)
    assert table.loc["chance", "f1"] == pytest.approx(2 * share / (1 + share))
    assert abs(table.loc["signal", "auc_roc_permuted"] - 0.5) < 0.15


def test_a_notebook_shows_its_table_and_conclusion(result: ProbeResult) -> None:
    assert repr(result) == table_text(result)
    assert result.conclusion in repr(result)
    assert len(repr(result)) < 5_000
    assert result._repr_html_().startswith("<pre>mw_label of ")


def test_predictions_are_out_of_fold_and_score_as_the_table_says(result: ProbeResult) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    found = result.predictions
    own = found[found["column"] == "signal"]
    assert (own.groupby("group")["fold"].nunique() == 1).all()
    truth = own["truth"] == "MW"
    intervals = result.scores["signal"].intervals
    assert roc_auc_score(truth, own["p_MW"]) == pytest.approx(intervals["auc_roc"].value)
    assert average_precision_score(truth, own["p_MW"]) == pytest.approx(intervals["auc_pr"].value)


def test_each_prediction_is_the_class_of_the_highest_probability(result: ProbeResult) -> None:
    """Chance predicted the positive class, and gave the other one the higher probability."""
    found = result.predictions
    assert [name for name in found.columns if name.startswith("p_")] == ["p_MW", "p_NonMW"]
    assert (found["predicted"] == np.where(found["p_MW"] > found["p_NonMW"], "MW", "NonMW")).all()
    assert set(found.loc[found["column"] == "chance", "predicted"]) == {"MW"}


@pytest.mark.parametrize(
    ("rows_of_class", "positive", "said"),
    [
        ({"NonMW": 20, "MW": 10}, None, "(10 MW, 20 NonMW)...F1 and AUC-PR of MW, the rarer class."),
        ({"NonMW": 20, "MW": 10}, "NonMW", "(20 NonMW, 10 MW)...F1 and AUC-PR of NonMW, as told."),
        ({"a": 15, "b": 15}, None, "(15 b, 15 a)...F1 and AUC-PR of b: as many rows as a, and the last in order"),
        ({"a": 9, "b": 9, "c": 12}, None, "(9 b, 9 a, 12 c)...F1, AUC-PR and AUC-ROC of b: as many rows as a, and"),
        ({"a": 8, "b": 10, "c": 12}, None, "(8 a, 10 b, 12 c)...F1, AUC-PR and AUC-ROC of a, the rarest class."),
    ],
)
def test_the_first_line_names_the_positive_class(
    rows_of_class: dict[str, int], positive: str | None, said: str
) -> None:
    labels = [name for name, count in rows_of_class.items() for _ in range(count)]
    ds = Dataset.from_dict(
        {
            "label": [labels[row * 7 % 30] for row in range(30)],
            "person": [f"p{row // 5}" for row in range(30)],
            "vector": np.random.default_rng(0).normal(size=(30, 2)).tolist(),
        }
    )
    found = probe(ds, label="label", group="person", positive=positive, folds=2, permutations=0, resamples=100)
    for part in said.split("..."):
        assert part in heading(found)
    assert len(heading(found).splitlines()) == 1


def test_the_gap_between_levels_is_their_difference(result: ProbeResult) -> None:
    found = result.scores["signal"]
    high, low, difference = found.gap["auc_roc"]
    values = {name: intervals["auc_roc"].value for name, (_, intervals) in found.levels.items()}
    assert set(values) == {"f", "m"}
    assert difference.value == pytest.approx(values[high] - values[low])
    assert difference.low <= difference.value <= difference.high


def test_what_is_saved_is_the_same_each_time(result: ProbeResult, tmp_path: Path) -> None:
    first, second = result.save(tmp_path / "a"), result.save(tmp_path / "b")
    names = sorted(path.name for path in first.iterdir())
    assert names == ["confusion.svg", "forest.svg", "precision_recall.svg", "predictions.parquet", "probe.json",
                     "table.csv", "table.txt"]  # fmt: skip
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    described = json.loads((first / "probe.json").read_text())
    assert described["views"]["signal"]["metrics"]["auc_roc"]["value"] == result.table["auc_roc"][0]
    assert described["options"]["seed"] == 0
    assert {"scikit-learn", "torch"} <= set(described["libraries"])
    assert len(pd.read_parquet(first / "predictions.parquet")) == 5 * len(result.rows)


def test_given_folds_are_kept() -> None:
    ds = planted(groups=8)
    ds = ds.add_column("test_fold_num", [int(name[1:]) % 4 + 1 for name in ds["participant_id"]])
    found = probe(ds, **OPTIONS, fold="test_fold_num", permutations=0, resamples=100)
    assert found.folds.names == ("1", "2", "3", "4")
    predictions = found.predictions
    assert (predictions["fold"].astype(int) == predictions["group"].str[1:].astype(int) % 4 + 1).all()


def test_several_classes_are_probed() -> None:
    ds = planted(groups=12)
    labels = ["abc"[row % 3] for row in range(len(ds))]
    vectors = np.random.default_rng(0).normal(size=(len(ds), 3)) + 2 * np.eye(3)[[ord(one) - 97 for one in labels]]
    ds = ds.remove_columns("mw_label").add_column("mw_label", labels).add_column("three", vectors.tolist())
    found = probe(ds, label="mw_label", group="participant_id", columns="three", permutations=1, resamples=200)
    assert found.scores["three"].intervals["balanced_accuracy"].low > 0.6
