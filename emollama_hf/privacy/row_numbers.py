"""The numbers of each row of a column, whatever it is made of: lists, arrays and structures at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from emollama_hf.privacy.signal_look import FEWEST_NUMBERS

#: float64 has every whole number up to here.
EXACT_WHOLE_NUMBERS = 2**53
_READ_AS_THEY_ARE = (
    pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string, pa.types.is_large_string,
)  # fmt: skip
Offsets = NDArray[np.int64]
Numbers = NDArray[np.float64]


def number_rows(column: pa.ChunkedArray) -> Iterator[Numbers]:
    """Rows of at least `FEWEST_NUMBERS` numbers, for `looks_like_signal`.

    Each list of a structure is rows by itself, and all numbers of a structure together are rows, too. Numbers are
    integers, floats, decimals, truth values, dates, times, durations, and texts of lists that are all numbers.

    Args:
        column: of any type.

    Yields:
        (rows, numbers) float64 in the order in which they are stored, without nulls, NaN and infinities.

    Example:
        >>> [rows.shape for rows in number_rows(pa.chunked_array([[[0.5] * 300, [0.5] * 300]]))]
        [(2, 300)]
    """
    for chunk in column.chunks:
        parts = list(_parts(chunk, np.arange(len(chunk) + 1)))
        for part in parts:
            yield from _rows([part])
        if len(parts) > 1:
            yield from _rows(parts)


def columns_as_rows(columns: Sequence[pa.ChunkedArray]) -> Iterator[Numbers]:
    """Rows of the numbers that some columns of one value a row hold together, as `number_rows` has them."""
    parts = []
    for column in columns:
        numbers = _numbers(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
        if numbers is not None:
            parts.append((numbers, np.arange(len(numbers) + 1)))
    yield from _rows(parts)


def _parts(array: pa.Array, offsets: Offsets) -> Iterator[tuple[Numbers, Offsets]]:
    """The numbers of each leaf of a type, and where each row's begin. offsets: where each row's values begin."""
    kind = array.type
    if isinstance(kind, pa.ExtensionType):
        yield from _parts(array.storage, offsets)
    elif pa.types.is_struct(kind):
        for field in array.flatten():
            yield from _parts(field, offsets)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = array.flatten()  # without the values of null lists
        yield from _parts(inner, np.concatenate([[0], np.cumsum(_lengths(array))])[offsets])
    elif (numbers := _numbers(array)) is not None:
        yield numbers, offsets


def _lengths(lists: pa.Array) -> Offsets:
    valid = lists.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_fixed_size_list(lists.type):
        return np.where(valid, lists.type.list_size, 0)
    return np.where(valid, np.diff(lists.offsets.to_numpy()), 0)


def _numbers(array: pa.Array) -> Numbers | None:
    kind = array.type
    try:
        if pa.types.is_dictionary(kind):
            return _numbers(array.dictionary_decode())
        if pa.types.is_temporal(kind):
            array = array.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        elif pa.types.is_boolean(kind):
            array = array.cast(pa.uint8())
        elif pa.types.is_string_view(kind):
            array = array.cast(pa.string())
        elif not any(is_one(kind) for is_one in _READ_AS_THEY_ARE):
            return None
        if pa.types.is_int64(array.type):
            # Nanoseconds since 1970 are whole numbers that float64 does not tell apart.
            low, high = (one or 0 for one in pc.min_max(array).as_py().values())
            low = low if max(high, -low) > EXACT_WHOLE_NUMBERS else 0
            whole = array.fill_null(low).to_numpy() - low
            return np.where(array.is_valid().to_numpy(zero_copy_only=False), whole.astype(np.float64), np.nan)
        return array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # texts that are no numbers
        return None


def _rows(parts: Sequence[tuple[Numbers, Offsets]]) -> Iterator[Numbers]:
    """The numbers of each row, of several parts one part after the other; rows of one length at once."""
    if not parts:
        return
    widths = [np.diff(offsets) for _, offsets in parts]
    if np.sum(widths, axis=0).max(initial=0) < FEWEST_NUMBERS:
        return
    alike = all(width.min() == width.max() for width in widths)
    if alike and all(np.isfinite(numbers).all() for numbers, _ in parts):
        shaped = [
            numbers[offsets[0] : offsets[-1]].reshape(len(offsets) - 1, -1)
            for numbers, offsets in parts
            if offsets[-1] > offsets[0]
        ]
        yield np.concatenate(shaped, axis=1)
        return
    for slices in zip(*(pairwise(offsets) for _, offsets in parts), strict=True):
        row = np.concatenate([numbers[a:b] for (numbers, _), (a, b) in zip(parts, slices, strict=True)])
        row = row[np.isfinite(row)]
        if len(row) >= FEWEST_NUMBERS:
            yield row[None]
