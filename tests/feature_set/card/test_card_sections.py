"""What the card calls a column's type."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Array2D, ClassLabel, Image, List, Value

from emollama_hf.schema import describe_column


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Array2D((309, 4096), "float16"), "(309, 4096) float16"),
        (List(Value("float32"), length=1024), "(1024,) float32"),
        (List(Value("float32")), "(any,) float32"),
        (Value("int32"), "int32"),
        (Value("string"), "text"),
        (Value("large_string"), "text"),
        (Value("binary"), "bytes"),
        (Image(), "image"),
        (ClassLabel(names=["NonMW", "MW"]), "one of NonMW, MW"),
        (ClassLabel(names=[f"c{i}" for i in range(21)]), "one of " + ", ".join(f"c{i}" for i in range(20)) + ", ..."),
    ],
)
def test_a_column_is_described_for_people(feature: Any, words: str) -> None:
    assert describe_column(feature) == words
