"""What a push is about to publish, column by column: type, an example, and whether it looks like a person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Features, Value

from emollama_hf import schema
from emollama_hf.console.terminal import shown_text
from emollama_hf.privacy.personal_columns import look_of_column, may_name_people, people_in
from emollama_hf.privacy.scan import may_hold_text, values_in
from emollama_hf.schema import describe_column
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.sharing.withhold import Publication
from emollama_hf.stages.known_columns import sensitive_columns

EXAMPLE_LENGTH = 40
#: Numbers of an array that an example may need.
NUMBERS_SHOWN = 8


@dataclass(frozen=True)
class PublishedColumn:
    """A column that a push publishes.

    type: in words. example: a value on one line, of at most `EXAMPLE_LENGTH` printable characters; "" if there is none.
    personal: what the column looks like, "a person", "a moment" or "a place"; None for what looks like neither, and for
    names of which hashes are published. already_published: whether the set has this column already. names_rows: whether
    the column names rows.
    """

    name: str
    type: str
    example: str
    personal: str | None = None
    already_published: bool = False
    names_rows: bool = False


def list_columns(
    rows: SourceRows, publication: Publication, published: Features | None, private: Collection[str] = ()
) -> tuple[PublishedColumn, ...]:
    """The columns that are about to leave.

    Args:
        rows: the source.
        publication: how its rows are published.
        published: columns of the rows that these join, named as these will be.
        private: spellings of names of files: a column whose name has one looks like a person, as one does whose name
            has that of somebody in the rows.
    """
    key = publication.names.key.column
    features = {name: kind for name, kind in publication.features.items() if name not in publication.media}
    narrow = [name for name, kind in features.items() if not _is_wide(kind) and name != schema.ERROR]
    examples: dict[str, str] = {}
    values: dict[str, dict[Any, None]] = {name: {} for name in narrow}
    for table in rows.tables(narrow) if narrow else ():
        for name in narrow:
            column = table.column(name)
            _note_example(examples, name, column, features[name])
            values[name].update(dict.fromkeys(_values(column)))
    _add_examples(examples, rows, publication, [name for name in features if name not in narrow])
    if publication.names.key.hashed:
        _add_examples(examples, rows, publication, [key])
    hashed = key if publication.names.key.hashed else None
    people = frozenset(private) | _people(rows, values)
    return tuple(
        PublishedColumn(
            name,
            "hash of a name" if name == hashed else describe_column(kind),
            examples.get(name, ""),
            None if name == hashed else look_of_column(name, kind, values.get(name, ()), people=people),
            published is not None and name in published,
            name == key,
        )
        for name, kind in publication.features.items()
    )


def _people(rows: SourceRows, published: Mapping[str, Collection[Any]]) -> frozenset[str]:
    """Spellings of the people whom the source's rows name, in columns that are published or are not."""
    others = [
        name
        for name, kind in rows.features.items()
        if name not in published and name not in sensitive_columns() and may_name_people(name, kind)
    ]
    values: dict[str, dict[Any, None]] = {name: {} for name in others}
    for table in rows.tables(others) if others else ():
        for name in others:
            values[name].update(dict.fromkeys(_values(table.column(name))))
    looked_at = {**{name: values[name] for name in others}, **published}
    return people_in({name: (rows.features[name], held) for name, held in looked_at.items()})


def one_line(text: str) -> str:
    """A text of at most `EXAMPLE_LENGTH` printable characters."""
    shown = shown_text(text[: EXAMPLE_LENGTH + 1])
    return shown if len(shown) <= EXAMPLE_LENGTH else f"{shown[: EXAMPLE_LENGTH - 3]}..."


def _add_examples(examples: dict[str, str], rows: SourceRows, publication: Publication, columns: Sequence[str]) -> None:
    """The first value of each column, as it is published: reads no further than there."""
    pending = list(columns)
    for name in columns:
        examples.pop(name, None)
    for table in rows.tables(_reads(publication, columns)) if columns else ():
        for name in pending:
            row = _first(table.column(name))
            if row is not None:
                some = replace(publication, features=Features({name: publication.features[name]}), media=())
                (published,) = some.tables(iter([table.slice(row, 1)]))
                _note_example(examples, name, published.column(name), publication.features[name])
        pending = [name for name in pending if name not in examples]
        if not pending:
            return


def _reads(publication: Publication, columns: Sequence[str]) -> list[str]:
    """The source's columns that publishing some columns needs."""
    return replace(publication, features=Features({name: publication.features[name] for name in columns})).reads


def _first(column: pa.ChunkedArray) -> int | None:
    """The first row with a value."""
    at = 0
    for chunk in column.chunks:
        if chunk.null_count < len(chunk):
            return at + next(row for row in range(len(chunk)) if chunk[row].is_valid)
        at += len(chunk)
    return None


def _is_wide(kind: Any) -> bool:
    """Whether a column holds many numbers a row, of which one row is example enough."""
    return not isinstance(kind, Value | ClassLabel) and not may_hold_text(
        Features({"": kind}).arrow_schema.field(0).type
    )


def _values(column: pa.ChunkedArray) -> Iterator[Any]:
    if may_hold_text(column.type):
        for chunk in column.chunks:
            yield from (value for _, value in values_in(chunk) if isinstance(value, str))
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        yield from column.to_pylist()


def _note_example(examples: dict[str, str], name: str, column: pa.ChunkedArray, kind: Any) -> None:
    if name in examples or column.null_count == len(column):
        return
    value = column.drop_null()[0]
    examples[name] = one_line(_words(value, kind))


def _words(value: pa.Scalar, kind: Any) -> str:
    if isinstance(kind, ClassLabel):
        return str(kind.int2str(value.as_py()))
    shape = schema.shape_of(kind)
    if shape:
        return f"[{', '.join(islice(_numbers(value), NUMBERS_SHOWN))}, ...]"
    found = value.as_py()
    return f"{len(found):,} bytes" if isinstance(found, bytes) else str(found)


def _numbers(value: pa.Scalar) -> Iterator[str]:
    """Numbers of an array of any depth, as they are needed."""
    storage = getattr(value, "value", value) if isinstance(value, pa.ExtensionScalar) else value
    if isinstance(storage, pa.ListScalar):
        for index in range(len(storage.values) if storage.values is not None else 0):
            yield from _numbers(storage.values[index])
    else:
        found = storage.as_py()
        yield f"{found:.3g}" if isinstance(found, float) else str(found)
