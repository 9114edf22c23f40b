"""Columns of the control as numbers: numbers as they are, a column of zeros and ones for each category."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset

from emollama_hf import schema
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.rows import column_values

#: Categories of a column that get a column of their own; the rarer ones share one.
MOST_CATEGORIES = 50
#: "9.87", "-9,87", "1 200", "1'200.5", "1e-3": what a person or a table writes for a number.
_NUMBER = re.compile(r"[+-]?(\d+([ '.,\u00a0\u202f]\d{3})*([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
#: What Arrow casts to a number.
_PLAIN = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
#: What tables write for an unknown number.
_UNKNOWN = frozenset(["", "na", "n/a", "nan", "null", "none", "-"])


@dataclass(frozen=True, eq=False)
class ControlColumn:
    """A column of the control. matrix: (n, D) float64. read_as: how it was read, "numbers" or "4 categories"."""

    name: str
    matrix: np.ndarray
    read_as: str


def read_control(ds: Dataset, columns: Sequence[str], rows: np.ndarray) -> tuple[ControlColumn, ...]:
    """The columns of the control as matrices.

    Args:
        ds: The data set.
        columns: As `control_columns` found them.
        rows: (n,) positions in the data set.

    Returns:
        A matrix for each column. An unknown number is NaN, which standardising replaces by the mean of the training
        part's known numbers, and a further column says that it is unknown.

    Raises:
        ProbeError: A column that is neither of numbers nor of categories, or of texts that all read as numbers.
    """
    return tuple(_read(ds, name, rows) for name in columns)


def _read(ds: Dataset, name: str, rows: np.ndarray) -> ControlColumn:
    feature = ds.features[name]
    listed = column_values(ds, name)
    values = [listed[row] for row in rows]
    numeric = schema.shape_of(feature) == () and not isinstance(feature, ClassLabel)
    if numeric and schema.dtype_of(feature) != "bool":
        return ControlColumn(name, _numbers(values), "numbers")
    kinds = {type(value) for value in values if value is not None}
    if not kinds <= {str, int, bool}:
        raise ProbeError(
            f"control={name!r} holds values of type {', '.join(sorted(kind.__name__ for kind in kinds))}, expected one "
            "number or category a row."
        )
    _check_no_number_texts(name, values)
    return ControlColumn(name, _categories(values), _categories_text(values))


def _check_no_number_texts(name: str, values: Sequence[Any]) -> None:
    """Raise ProbeError if each text reads as a number: as categories, they would not control for its size."""
    texts = [text for text in values if isinstance(text, str) and text.strip().lower() not in _UNKNOWN]
    if not texts or not all(_NUMBER.fullmatch(text.strip()) for text in texts):
        return
    odd = [value for value in values if isinstance(value, str) and not _PLAIN.fullmatch(value)]
    shown = next((text for text in texts if "," in text), texts[0])
    how = f"ds.cast_column({name!r}, Value('float64'))"
    if "," in shown:
        how = "with points in place of decimal commas; pandas.read_csv has decimal=','"
    elif odd:
        how = f"without what is no digit or decimal point, such as in {odd[0]!r}, and with null for unknown numbers"
    raise ProbeError(
        f"control={name!r} holds texts that read as numbers, such as {shown!r}: read as {len(set(texts))} categories, "
        f"they would not control for its size. Make it a column of numbers ({how}), or, if they name categories, of "
        f"classes (ds.class_encode_column({name!r}))."
    )


def _numbers(values: Sequence[Any]) -> np.ndarray:
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    known = np.isfinite(numbers)
    numbers[~known] = np.nan
    return np.stack([numbers, ~known], axis=1).astype(np.float64) if not known.all() else numbers[:, None]


def _categories(values: Sequence[Any]) -> np.ndarray:
    common = [value for value, _ in Counter(values).most_common(MOST_CATEGORIES)]
    number = {value: index for index, value in enumerate(common)}
    encoded = np.zeros((len(values), len(common) + 1))
    encoded[np.arange(len(values)), [number.get(value, len(common)) for value in values]] = 1.0
    return encoded


def _categories_text(values: Sequence[Any]) -> str:
    distinct = set(values)
    known = len(distinct - {None})
    text = f"{known} {'category' if known == 1 else 'categories'}{' and null' if None in distinct else ''}"
    return text + (f", all but {MOST_CATEGORIES} read as one" if len(distinct) > MOST_CATEGORIES else "")
