"""Columns are checked before they are returned."""

import numpy as np
import pytest
from datasets import Array2D, Image, List, Value

from emollama_hf import schema


def test_complete_columns_are_one_array_of_the_declared_type() -> None:
    column = schema.column("x", [np.ones((2, 3)), np.zeros((2, 3))], Array2D((2, 3), "float16"))
    assert isinstance(column, np.ndarray)
    assert column.shape == (2, 2, 3)
    assert column.dtype == np.float16


def test_a_null_makes_a_list() -> None:
    assert schema.column("x", [None, 2.0], Value("int32")) == [None, 2]
    rows = schema.column("x", [None, [1, 2]], List(Value("float32"), length=2))
    assert rows[0] is None
    assert rows[1].dtype == np.float32


def test_a_wrong_shape_is_caught_before_it_is_stored() -> None:
    with pytest.raises(ValueError, match=r"\(2, 4\), declared is \(2, 3\)"):
        schema.column("x", [np.ones((2, 4))], Array2D((2, 3), "float16"))


def test_sizes_of_rows() -> None:
    features = schema.frame_features(16, 16, 224)
    assert schema.row_bytes(features) == 2 * 16 * 224 * 224 * 3 + 16 * 4 * 4 + 16 * 4 + 5 * 4
    assert schema.shape_of(Image()) is None
    assert schema.shape_of(Value("string")) is None
    assert schema.shape_of(schema.vector_feature(1024)) == (1024,)
    assert schema.dtype_of(schema.matrix_feature(309, 4096)) == "float16"
