"""Values that do not fit their declared type are an error of the stage, and are not stored as something else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from datasets import Array2D, ClassLabel, Dataset, Image, List, Value

import emollama_hf
from emollama_hf import Column, PluginError, Stage
from emollama_hf.stages.returned_values import check_row

CROPS = {"facemae_frames": [np.zeros((2, 8, 8, 3), np.uint8)], "uuid": ["a"]}
LABELS = ClassLabel(names=["calm", "tense"])
VECTOR = List(Value("float32"), length=2)


class Gaze(Stage):
    """A stage that returns what a test gives it."""

    name, version, inputs = "gaze", 1, ("facemae_frames",)
    feature: Any = Value("float32")
    returned: Any = None

    def outputs(self) -> dict[str, Column]:
        return {"gaze": Column(self.feature, "direction of the eyes")}

    def prepare(self, row: Any) -> Any:
        return row["facemae_frames"]

    def compute(self, items: list[Any]) -> Any:
        return self.returned


def stage(feature: Any, returned: Any) -> type[Stage]:
    return type("Told", (Gaze,), {"name": "gaze", "feature": feature, "returned": returned, "__module__": __name__})


class Odd:
    """An object that fails when it is asked for its values."""

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise OSError("gone")


@pytest.mark.parametrize(
    ("feature", "value", "message"),
    [
        (Value("float32"), "abc", "str, which is no number of that type, declared is float32"),
        (Value("float32"), object(), "object, which is no number of that type"),
        (Value("float32"), 1j, "complex, which is no number of that type"),
        (Value("float32"), 1e300, r"1e\+300, which float32 cannot hold"),
        (Value("float32"), Odd(), r"Odd, which cannot be read \(OSError: gone\)"),
        (Value("int8"), 3000, "3000, which int8 cannot hold"),
        (Value("int8"), 1.7, "1.7, which int8 cannot hold"),
        (Value("int8"), float("nan"), "nan, which int8 cannot hold"),
        (Value("uint64"), -1, "-1, which uint64 cannot hold"),
        (Value("int64"), 10**30, "int, which is no number of that type"),
        (Value("bool"), 2, "2, which bool cannot hold"),
        (VECTOR, [1.0, None], "list, which is no number of that type"),
        (VECTOR, [[1.0], [1.0, 2.0]], "list, which cannot be read"),
        (VECTOR, np.array([1.0, 1e39]), r"1e\+39, which float32 cannot hold"),
        (VECTOR, np.array(["a", "b"]), "<U1, which is no number of that type"),
        (Value("string"), 5, "int, which does not fit .*, declared is text"),
        (Value("string"), "\ud800", "str, which does not fit"),
        (List(Value("string")), ["a", 5], "list, which does not fit"),
        (LABELS, 2, "2, which is none of its 2 labels, declared is one of calm, tense"),
        (LABELS, "calm", "str, which is no number of a label"),
        (Image(), 5, "int, which is no picture"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit(feature: Any, value: Any, message: str) -> None:
    with pytest.raises(PluginError, match=f"column 'gaze', uuid 'a': the stage computed {message}") as told:
        stage(feature, [{"gaze": value}])(on_error="null")(CROPS)
    assert f"a defect of stage 'gaze' ({__name__}.Told)" in str(told.value)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, r"returned NoneType from compute, expected a list"),
        (({"gaze": 1.0} for _ in range(1)), "returned generator from compute, expected a list"),
        ([None], "returned NoneType in the position of uuid 'a', expected a dict of the columns gaze, or a ClipError"),
        ([[1.0]], "returned list in the position of uuid 'a'"),
        ([ValueError("closed")], "returned ValueError in the position of uuid 'a'"),
        ([{1: 1.0}], "returned the columns 1; its"),
    ],
)
def test_a_result_that_is_no_row(returned: Any, message: str) -> None:
    with pytest.raises(PluginError, match=rf"stage 'gaze' \(.*\) {message}"):
        stage(Value("float32"), returned)()(CROPS)


def test_extract_says_the_same(install: Callable[..., None]) -> None:
    emollama_hf.register(stage(Value("int8"), [{"gaze": 3000}]))
    crops = Dataset.from_dict(CROPS)
    with pytest.raises(PluginError, match="column 'gaze', uuid 'a': the stage computed 3000, which int8 cannot hold"):
        emollama_hf.extract(crops, stages=["gaze"], on_error="null")


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (Value("float32"), 1), (Value("float32"), True), (Value("float32"), float("nan")), (Value("float16"), np.inf),
        (Value("float32"), 0.1), (Value("int8"), 3.0), (Value("int8"), np.int64(-128)), (Value("bool"), np.True_),
        (Value("bool"), 1), (VECTOR, (1, 2.5)), (List(Value("int32")), []), (LABELS, np.int64(1)), (LABELS, -1),
        (LABELS, None), (Value("string"), "ä"), (Value("string"), None), (Value("binary"), b"a"),
        (List(Value("string")), ["a", None]), ({"a": Value("string")}, {"a": 5}),
    ],
)  # fmt: skip
def test_a_value_that_fits(feature: Any, value: Any) -> None:
    check_row(stage(feature, None)(), {"gaze": _column(feature)}, {"gaze": value}, "row 0 of the batch")


def test_arrays_of_the_declared_type_cost_nothing() -> None:
    declared = {"gaze": Column(Array2D((309, 4096), "float16"), "hidden states")}
    one, row = stage(Value("float32"), None)(), {"gaze": np.full((309, 4096), np.nan, np.float16)}
    started = time.process_time()
    for _ in range(1_000):
        check_row(one, declared, row, "row 0 of the batch")
    assert time.process_time() - started < 0.5


def _column(feature: Any) -> Column:
    return Column(feature if not isinstance(feature, dict) else List(feature), "direction of the eyes")
