"""Selectors of columns, and which columns are probed where none are named."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Array2D, Dataset, Features, List, Value

from emollama_hf.probing.arrays import part_arrays
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.views import choose_views, read_part

FEATURES = Features(
    {
        "label": Value("string"),
        "group": Value("string"),
        "facemae": List(Value("float32"), length=4),
        "emollama": Array2D((14, 3), "float16"),
        "facemae_sequence": List(List(Value("float32"), length=4)),
        "face_boxes": Array2D((16, 4), "float32"),
        "clip_fps": Value("float32"),
        "counts": List(Value("int32"), length=4),
        "odd[1:2]": List(Value("float32"), length=4),
    }
)
OPTIONS = ProbeOptions(label="label", group="group")


def test_features_are_probed_and_facts_are_not() -> None:
    names = [view.name for view in choose_views(FEATURES, OPTIONS)]
    assert names == ["facemae", "emollama", "emollama[6:10]", "facemae_sequence", "odd[1:2]"]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("emollama", "sequence", lambda value: value),
        ("emollama[6:10]", "sequence", lambda value: value[6:10]),
        ("emollama[-2:]", "sequence", lambda value: value[-2:]),
        ("emollama[:3]", "sequence", lambda value: value[:3]),
        ("emollama[-1]", "vector", lambda value: value[-1]),
        ("emollama:mean", "vector", lambda value: value.mean(axis=0)),
        ("emollama[6:10]:mean", "vector", lambda value: value[6:10].mean(axis=0)),
    ],
)
def test_a_selector_means_what_it_means_in_numpy(text: str, kind: str, expected) -> None:  # type: ignore[no-untyped-def]
    value = np.arange(14 * 3, dtype=np.float16).reshape(14, 3)
    ds = Dataset.from_dict({"emollama": [value]}, features=Features({"emollama": FEATURES["emollama"]}))
    part = read_part(text, ds.features)
    assert part.kind == kind
    (found,) = part_arrays(ds, part, [0], ["row"])
    assert found.tolist() == expected(value.astype(np.float32)).tolist()


def test_a_column_with_brackets_in_its_name_is_that_column() -> None:
    assert read_part("odd[1:2]", FEATURES).column == "odd[1:2]"
