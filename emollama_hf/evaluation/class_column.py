"""A column of classes as texts: class labels by their names, texts as they are, whole numbers and truth values.

Whole numbers may be stored as floats, as a table with empty cells stores them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datasets import ClassLabel, Dataset, Value

from emollama_hf.errors import SourceError
from emollama_hf.schema import describe_column
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.text.near_names import near_names

_TEXTS = ("string", "large_string")
_WHOLE = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_SHOWN = 8


@dataclass(frozen=True)
class ClassColumn:
    """A column whose values are classes.

    Attributes:
        name: of the column.
        kind: "classes", "texts", "whole numbers" or "truth values".
        values: a text for each row, None where the row has none.
        names: of a column of class labels, in their order; otherwise empty.
    """

    name: str
    kind: str
    values: list[str | None]
    names: tuple[str, ...] = ()

    @property
    def different(self) -> list[str]:
        """Each value once, in the order of the rows."""
        return list(dict.fromkeys(value for value in self.values if value is not None))

    def described(self) -> str:
        """ "whole numbers ('0', '1')"."""
        return f"{self.kind} ({few_and_more(self.different, _SHOWN, show=repr)})"


def check_columns(ds: Dataset, names: Iterable[str]) -> None:
    """Raise SourceError, with the names that may have been meant, if a data set lacks one of these columns."""
    for name in names:
        if name not in ds.column_names:
            near = near_names(name, ds.column_names)
            meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise SourceError(
                f"the data set has no column {name!r}; it has {few_and_more(ds.column_names, 30)}.{meant}"
            )


def column_values(ds: Dataset, name: str) -> list[Any]:
    """All values of a column as Python values, whatever format the data set has."""
    return list(ds.select_columns([name]).with_format("arrow")[:].column(0).to_pylist()) if len(ds) else []


def class_column(ds: Dataset, name: str) -> ClassColumn:
    """Read a column of classes.

    Args:
        ds: a data set that has the column.
        name: of the column.

    Returns:
        Its values as texts; a class label of -1, which `datasets` has for rows without one, is None.

    Raises:
        SourceError: a column of another type, or a number that is no class of a column of class labels.
    """
    feature, values = ds.features[name], column_values(ds, name)
    if isinstance(feature, ClassLabel):
        return ClassColumn(name, "classes", [_class_name(name, feature, one) for one in values], tuple(feature.names))
    dtype = feature.dtype if isinstance(feature, Value) else None
    if dtype in _TEXTS:
        return ClassColumn(name, "texts", values)
    if dtype in _WHOLE or dtype == "bool":
        kind = "truth values" if dtype == "bool" else "whole numbers"
        return ClassColumn(name, kind, [None if one is None else str(one) for one in values])
    if str(dtype).startswith("float") and all(one is None or float(one).is_integer() for one in values):
        return ClassColumn(name, "whole numbers", [None if one is None else str(int(one)) for one in values])
    if dtype == "null":
        return ClassColumn(name, "texts", values)
    advice = " Divide measurements into classes first." if str(dtype).startswith("float") else ""
    raise SourceError(
        f"column {name!r} holds {describe_column(feature)}, expected one class a row: class labels, texts or whole "
        f"numbers.{advice}"
    )


def _class_name(name: str, feature: ClassLabel, value: int | None) -> str | None:
    if value is None or value == -1:
        return None
    if not 0 <= value < len(feature.names):
        raise SourceError(
            f"column {name!r} holds the class {value}, and has {len(feature.names)} names: {', '.join(feature.names)}."
        )
    return str(feature.names[value])
