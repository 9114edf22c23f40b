"""A look into a file that is about to be published: for pictures, recordings, secrets, and paths of a machine.

Parquet is read as its readers will: every value of every column of text or bytes, and what the file says of itself.
Numbers are not looked at, but for lists of bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emollama_hf.files.digest import hash_file
from emollama_hf.files.small_file import MANIFEST_BYTES, open_regular, read_small
from emollama_hf.privacy.encoded_texts import find_encoded
from emollama_hf.privacy.local_paths import find_local_path
from emollama_hf.privacy.media_headers import find_media
from emollama_hf.privacy.secret_texts import find_secret

#: Findings of one file that are reported.
MOST_FINDINGS = 5
READ_ROWS = 64
#: Characters of texts whose findings are remembered.
REMEMBERED = 64
PARQUET = b"PAR1"


@dataclass(frozen=True)
class PrivacyFinding:
    """file: by its published path. where: "column 'notes', row 3". what: "JPEG picture", "absolute path '/home/..'"."""

    file: str
    where: str
    what: str


def scan_file(
    path: Path, name: str, *, allowed_sha256: Collection[str] = (), media_columns: Collection[str] = ()
) -> list[PrivacyFinding]:
    """What of a file must not be published, the first finding of each column; at most `MOST_FINDINGS`.

    name: its published path. allowed_sha256: of pictures that are meant to be there. media_columns: columns of
    recordings and pictures that are meant to be there; a path in one is a finding all the same.
    """
    found = [PrivacyFinding(name, "its name", what) for what in _in_text(name)]
    with open_regular(path) as file:
        is_parquet = file.read(len(PARQUET)) == PARQUET or name.endswith(".parquet")
    if is_parquet:
        try:
            found += _first_of_each(_in_parquet(path, name, frozenset(media_columns)))
        except (pa.ArrowException, OSError, ValueError) as error:
            found.append(PrivacyFinding(name, "the file", f"no readable Parquet ({error})"))
    elif hash_file(path) not in allowed_sha256:
        content = read_small(path, at_most=MANIFEST_BYTES)
        found += [
            PrivacyFinding(name, "the file", what) for what in [*_in_bytes(content), *_in_text(_decoded(content))]
        ]
    return found[:MOST_FINDINGS]


def _first_of_each(findings: Iterator[PrivacyFinding]) -> list[PrivacyFinding]:
    """The first finding of each kind in each column."""
    first: dict[tuple[str, str], PrivacyFinding] = {}
    for finding in findings:
        first.setdefault((finding.where.partition(", row")[0], finding.what.partition(" '")[0]), finding)
        if len(first) >= MOST_FINDINGS:
            break
    return list(first.values())


def _in_parquet(path: Path, name: str, media_columns: frozenset[str]) -> Iterator[PrivacyFinding]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield from _in_metadata(file, name, media_columns)
        schema = file.schema_arrow
        columns = [field.name for field in schema if may_hold_text(field.type)]
        row = 0
        for batch in file.iter_batches(READ_ROWS, columns=columns, use_threads=False) if columns else ():
            for column in columns:
                for at, value in values_in(batch.column(column)):
                    where = f"column {column!r}, row {row + at}"
                    findings = _in_value(value, media=column in media_columns)
                    yield from (PrivacyFinding(name, where, what) for what in findings)
            row += batch.num_rows


def _in_metadata(file: pq.ParquetFile, name: str, media_columns: frozenset[str]) -> Iterator[PrivacyFinding]:
    metadata = file.metadata
    texts = {"created_by": (metadata.created_by or "").encode(), **(metadata.metadata or {})}
    for key, value in texts.items():
        label = key.decode("utf-8", errors="replace") if isinstance(key, bytes) else key
        if label == "ARROW:schema":
            continue  # the schema once more; its own key-values are looked at below
        found = [*_in_bytes(value), *_in_text(_decoded(value))]
        yield from (PrivacyFinding(name, f"Parquet metadata {label!r}", what) for what in found)
    for field in file.schema_arrow:
        for value in (field.name.encode(), *(field.metadata or {}).values()):
            found = [*_in_bytes(value), *_in_text(_decoded(value))]
            yield from (PrivacyFinding(name, f"the schema of column {field.name!r}", what) for what in found)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            statistics = chunk.statistics if chunk.is_stats_set else None
            if statistics is None or not statistics.has_min_max:
                continue
            column = chunk.path_in_schema.partition(".")[0]
            for value in (statistics.min, statistics.max):
                findings = _in_value(value, media=column in media_columns)
                yield from (PrivacyFinding(name, f"statistics of column {column!r}", what) for what in findings)


def _in_value(value: Any, *, media: bool) -> Sequence[str]:
    if isinstance(value, str):
        return _in_short_text(value, media) if len(value) <= REMEMBERED else _in_any_text(value, media)
    if isinstance(value, bytes):
        if media:
            return []
        return _in_bytes(value) or _in_text(_decoded(value))
    return []


def _in_any_text(value: str, media: bool) -> tuple[str, ...]:
    encoded = None if media else find_encoded(value)
    return (encoded,) if encoded is not None else tuple(_in_text(value))  # base64 has slashes


#: Labels and statuses are the same in many rows.
_in_short_text = lru_cache(maxsize=4096)(_in_any_text)


def _in_bytes(content: bytes) -> list[str]:
    kind = find_media(content)
    return [] if kind is None else [kind]


def _in_text(text: str) -> list[str]:
    path, secret = find_local_path(text), find_secret(text)
    if secret is not None:
        return [secret]  # and not the path, which may be a part of it
    return [] if path is None else [f"absolute path {path!r}"]


def _decoded(content: bytes) -> str:
    """Bytes as text, if they are text: noise has no paths, and looks like one by chance."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return " ".join(run.decode("ascii") for run in _printable(content))


def _printable(content: bytes) -> list[bytes]:
    import re

    return re.findall(rb"[\x20-\x7e]{12,}", content)


def may_hold_text(kind: pa.DataType) -> bool:
    """Whether a column of this type may hold text or bytes, at any depth; a list of 8-bit numbers is bytes."""
    if isinstance(kind, pa.ExtensionType):
        return may_hold_text(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return may_hold_text(kind.value_type)
    if pa.types.is_struct(kind):
        return any(may_hold_text(field.type) for field in kind)
    if pa.types.is_map(kind):
        return may_hold_text(kind.key_type) or may_hold_text(kind.item_type)
    if _is_list(kind):
        return _is_byte(kind.value_type) or may_hold_text(kind.value_type)
    return _is_text(kind) or _is_binary(kind)


def values_in(array: pa.Array) -> Iterator[tuple[int, Any]]:
    """(row, text or bytes) of everything in a column that may hold either."""
    kind = array.type
    if isinstance(kind, pa.ExtensionType):
        yield from values_in(array.storage)
    elif pa.types.is_dictionary(kind):
        yield from values_in(array.dictionary_decode())
    elif pa.types.is_struct(kind):
        for child in array.flatten():
            yield from values_in(child) if may_hold_text(child.type) else ()
    elif _is_list(kind):
        for row in range(len(array)):
            inner = array[row].values
            if inner is None:
                continue
            if not pa.types.is_map(kind) and _is_byte(kind.value_type):
                yield row, bytes(inner.drop_null().to_numpy(zero_copy_only=False))
            elif may_hold_text(inner.type):
                yield from ((row, value) for _, value in values_in(inner))
    elif _is_text(kind) or _is_binary(kind):
        yield from ((row, value) for row, value in enumerate(array.to_pylist()) if value is not None)


def _is_list(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_map)
    return any(is_one(kind) for is_one in lists)


def _is_byte(kind: pa.DataType) -> bool:
    return bool(pa.types.is_uint8(kind) or pa.types.is_int8(kind))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )
