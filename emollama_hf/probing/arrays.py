"""Values of a view, read from Arrow a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from datasets import Dataset

from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.views import Part, View
from emollama_hf.rows import Rows

#: Bytes of a row's values are not known before they are read; at this many rows (309, 4096) float16 are 81 MB.
ROWS_AT_ONCE = 32
_VECTOR_ROWS_AT_ONCE = 1024


def part_arrays(ds: Dataset, part: Part, rows: Sequence[int], names: Sequence[str]) -> list[np.ndarray]:
    """The values of some rows of a view, as they are stored.

    Args:
        ds: The data set.
        part: A column, or some positions of it.
        rows: Positions in the data set; only these are read.
        names: What each of them is called, for messages.

    Returns:
        An array for each row: (D,) of a vector, (T, D) of a sequence.

    Raises:
        ProbeError: A row has values of another shape, too few positions, or a value that is no finite number.
    """
    table = ds.select_columns([part.column]).with_format("arrow")[list(rows)]
    values = Rows.from_batch(table).values(part.column)
    return [_selected(value, part, name) for value, name in zip(values, names, strict=True)]


def vectors_of(ds: Dataset, view: View, rows: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
    """The vectors of a view in memory, one matrix (n, D) float32 for each of its parts.

    Raises:
        ProbeError: Vectors of different lengths, or what `part_arrays` says.
    """
    return [_matrix(ds, part, rows, names) for part in view.parts]


def batches(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` positions that cover `count` of them."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _matrix(ds: Dataset, part: Part, rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
    whole = part.index is None and part.positions is None and not part.mean
    size = _VECTOR_ROWS_AT_ONCE if whole else ROWS_AT_ONCE
    matrix: np.ndarray | None = None
    for some in batches(len(rows), size):
        vectors = part_arrays(ds, part, rows[some].tolist(), names[some])
        for row, vector in enumerate(vectors, start=some.start):
            if matrix is None:
                matrix = np.empty((len(rows), len(vector)), np.float32)
            if len(vector) != matrix.shape[1]:
                raise ProbeError(
                    f"column {part.column!r} has {matrix.shape[1]} numbers in row {names[0]} and {len(vector)} in row "
                    f"{names[row]}, expected as many in every row. Extract these rows again with the same options."
                )
            matrix[row] = vector
    assert matrix is not None
    return matrix


def _selected(value: object, part: Part, name: str) -> np.ndarray:
    """The selected positions of one row's value, or their mean in float32."""
    array = _numbers(value, part, name)
    if part.index is not None:
        if not -len(array) <= part.index < len(array):
            raise _too_short(part, name, len(array), f"position {part.index}")
        array = array[part.index]
    elif part.positions is not None:
        first, last = part.positions
        wanted = max(abs(one) if one < 0 else one for one in (first or 0, last or 0))
        if len(array) < wanted or not len(array[slice(first, last)]):
            raise _too_short(part, name, len(array), f"the positions [{first or ''}:{last or ''}]")
        array = array[slice(first, last)]
    with np.errstate(over="ignore"):
        if part.mean:
            array = array.mean(axis=0, dtype=np.float32)
        if array.dtype.itemsize > 4:
            array = array.astype(np.float32)
    finite = np.isfinite(array)
    if not finite.all():
        raise ProbeError(
            f"column {part.column!r}, row {name}: {array.size - int(finite.sum())} of {array.size} numbers are NaN, "
            "infinite or beyond float32. Extract this row again, or remove it (ds.filter) or the column (columns=)."
        )
    return array


def _numbers(value: object, part: Part, name: str) -> np.ndarray:
    sides = 2 if part.kind == "sequence" or part.index is not None or part.positions is not None or part.mean else 1
    try:
        array = np.asarray(value, None if isinstance(value, np.ndarray) else np.float32)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype == object or not array.size:
        raise ProbeError(
            f"column {part.column!r}, row {name}: empty, or with nulls or lengths that differ within the row. Extract "
            "this row again, or remove it (ds.filter)."
        )
    if array.ndim == 0 and sides == 1:
        array = array.reshape(1)
    if array.ndim != sides:
        raise ProbeError(
            f"column {part.column!r}, row {name}: an array of {array.ndim} sides, expected {sides}. Extract it again."
        )
    return array


def _too_short(part: Part, name: str, length: int, wanted: str) -> ProbeError:
    return ProbeError(
        f"column {part.column!r}, row {name}: a sequence of {length} positions, which lacks {wanted}. Select positions "
        "that every row has, or remove such rows (ds.filter)."
    )
