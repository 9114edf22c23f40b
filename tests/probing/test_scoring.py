"""Differences between levels and between many columns: what was chosen afterwards is corrected for the choice."""

from __future__ import annotations

import numpy as np
import pytest

from emollama_hf.measures.group_bootstrap import resampled_scores
from emollama_hf.measures.holm import holm
from emollama_hf.measures.predictions import Predictions
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.rows import read_rows
from emollama_hf.probing.scoring import level_difference, read_levels
from tests.probing.planted import planted

OPTIONS = ProbeOptions(label="mw_label", group="participant_id")


def test_the_gap_of_the_best_and_the_worst_of_several_levels_has_a_larger_p() -> None:
    random = np.random.default_rng(0)
    groups, truth = np.repeat(np.arange(20), 6), np.tile([0, 1], 60)
    high, low = (
        resampled_scores(
            Predictions(truth, np.where(random.random(120) < share, truth, 1 - truth), None, groups, ("a", "b"), 1),
            ["kappa"], resamples=200,
        )
        for share in (0.7, 0.6)
    )  # fmt: skip
    alone = level_difference(high, low, "kappa")
    chosen = level_difference(high, low, "kappa", pairs=3)
    assert chosen.p == pytest.approx(min(1.0, 3 * alone.p))
    assert (chosen.low, chosen.high) == (alone.low, alone.high)


@pytest.mark.parametrize("columns", [2, 12, 30])
def test_a_difference_in_all_resamples_is_significant_among_many_columns(columns: int) -> None:
    options = OPTIONS.for_views(columns)
    pairs = columns * (columns - 1) // 2
    smallest = 2 / (options.resamples + 1)
    assert holm([smallest, *[1.0] * (pairs - 1)])[0] < 0.05
    assert options.resamples >= OPTIONS.resamples


def test_nan_is_no_level() -> None:
    ds = planted(groups=6, rows_of_group=6)
    ds = ds.add_column("age", [float("nan") if row == 0 else float(row % 2) for row in range(len(ds))])
    numbers, names = read_levels(ds, "age", read_rows(ds, ["signal"], OPTIONS))
    assert names == ["0.0", "1.0"]
    assert numbers[0] == -1
