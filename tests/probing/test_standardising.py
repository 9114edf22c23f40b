"""The training part alone decides how all rows are standardised."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from emollama_hf.probing.control_values import read_control
from emollama_hf.probing.standardising import side_by_side

TRAIN = np.arange(8)


def test_an_unknown_number_is_the_mean_of_the_training_part() -> None:
    durations = [float(row) if row != 3 else None for row in range(8)] + [1e6, None]
    (facts,) = read_control(Dataset.from_dict({"duration": durations}), ["duration"], np.arange(10))
    found = side_by_side([facts.matrix], TRAIN)
    assert found[[3, 9], 0].tolist() == [0.0, 0.0]
    known = np.array([row for row in range(8) if row != 3])
    assert found[known, 0] == pytest.approx((known - known.mean()) / known.std(), rel=1e-6)


@pytest.mark.parametrize(("offset", "dtype"), [(1.7e9, np.float64), (1e5, np.float32), (0.0, np.float32)])
def test_a_small_spread_about_a_large_mean_is_not_constant(offset: float, dtype: type) -> None:
    values = (offset + np.arange(8.0) % 2)[:, None].astype(dtype)
    assert side_by_side([values], TRAIN)[:, 0] == pytest.approx([-1, 1] * 4, abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, -65504.0, 1e-30, 1e30])
def test_a_constant_column_is_zero(value: float) -> None:
    values = np.full((8, 1), value, np.float32)
    assert not side_by_side([values], TRAIN).any()


def test_a_column_that_is_unknown_throughout_the_training_part_is_zero() -> None:
    values = np.array([np.nan] * 8 + [3.0])[:, None]
    assert not side_by_side([values], TRAIN).any()
