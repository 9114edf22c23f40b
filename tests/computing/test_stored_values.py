"""Rounding and the check of finite values in torch: what numpy did on the host, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emollama_hf.computing.stored_values import as_batches, stacked, stored_values


def tie(bits: int) -> float:
    """The number in the middle between two neighbours of float16, exact in float32."""
    pair = np.array([bits, bits + 1], np.uint16).view(np.float16).astype(np.float32)
    return float(pair.sum() / 2)


#: Any float32: subnormal ones, ties between two of float16, what float16 cannot hold, NaN and infinity.
ANY = st.floats(width=32, allow_nan=True, allow_infinity=True) | st.integers(0, 0x7BFE).map(tie)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5)), elements=ANY))
def test_stored_values_are_those_of_numpy(batch: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        expected = batch.astype(np.float16)
    for dtype, stored in (("float16", expected), ("float32", batch)):
        found = stored_values([torch.from_numpy(batch)], dtype)  # type: ignore[arg-type]
        assert len(found) == len(batch)
        for one, row, rounded in zip(found, batch, stored, strict=True):
            assert one.values.dtype == dtype
            np.testing.assert_array_equal(one.values, rounded)
            finite = ~np.isnan(rounded)
            assert one.values[finite].tobytes() == rounded[finite].tobytes()
            assert one.is_finite == np.isfinite(rounded).all()
            assert one.was_finite == np.isfinite(row).all()
            if one.was_finite:
                assert one.largest == np.abs(row).max()


@pytest.mark.parametrize("width", [7, 64, 4097])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 65520.0, -65520.0, 65519.0])
def test_one_value_among_many_is_found_wherever_it_stands(width: int, value: float) -> None:
    batch = torch.zeros(width, 1, width)
    batch[torch.arange(width), 0, torch.arange(width)] = value
    found = stored_values([batch], "float16")
    assert {one.is_finite for one in found} == {value == 65519.0}
    assert {one.was_finite for one in found} == {bool(np.isfinite(value))}


@given(st.lists(st.integers(1, 6), max_size=5))
def test_results_of_any_lengths_keep_their_order(lengths: list[int]) -> None:
    results = [torch.full((length, 2), float(number)) for number, length in enumerate(lengths)]
    found = stored_values(as_batches(results), "float16")
    assert [one.values.shape for one in found] == [(length, 2) for length in lengths]
    assert [float(one.largest) for one in found] == list(range(len(lengths)))


def test_parts_that_are_stacked_are_as_finite_as_their_worst() -> None:
    parts = stored_values([torch.tensor([[1.0], [float("nan")], [7e4]])], "float16")
    assert stacked([parts[0], parts[2]]).was_finite
    assert not stacked([parts[0], parts[2]]).is_finite
    assert not stacked([parts[1], parts[2]]).was_finite
    assert stacked([parts[0], parts[0]]).values.shape == (2, 1)
