"""The card's metadata."""

from __future__ import annotations

import pytest

from emollama_hf.feature_set.card.feature_card import _size_category


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        (0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (9_999, "1K<n<10K"), (10_000, "10K<n<100K"),
        (1_000_000, "1M<n<10M"), (10_000_000, "n>10M"),
    ],
)  # fmt: skip
def test_sizes_are_called_as_the_hub_calls_them(rows: int, category: str) -> None:
    assert _size_category(rows) == category
