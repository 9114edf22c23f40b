"""Holm's correction: by hand, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.measures.holm import holm


def test_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([]) == []
    found = holm([0.01, float("nan"), 0.04])
    assert np.isnan(found[1])
    assert [found[0], found[2]] == pytest.approx([0.02, 0.04])
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        holm([1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.001, 0.2))
def test_it_rejects_what_stepping_down_rejects(p_values: list[float], level: float) -> None:
    adjusted = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    rejecting = True
    for rank, place in enumerate(order):
        rejecting &= p_values[place] * (len(p_values) - rank) <= level
        assert (adjusted[place] <= level) == rejecting
    assert all(p <= one <= min(1, p * len(p_values)) for p, one in zip(p_values, adjusted, strict=True))
