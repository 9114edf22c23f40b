"""Which rows of two feature data sets are the same row, whatever was computed of them and with which settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datasets import Dataset, Features

from emollama_hf import schema
from emollama_hf.files.digest import combined
from emollama_hf.frames.source import is_url
from emollama_hf.planning.row_keys import BATCH_ROWS
from emollama_hf.privacy.media import file_name_of, path_of
from emollama_hf.rows import Rows
from emollama_hf.text.secrets import lost_slash, public_url, without_secrets


@dataclass(frozen=True)
class RowIdentity:
    """What tells a row from others. All None: nothing is known of it.

    name: what people call the row. column: the column that the name is from. path: absolute path or URL of its clip.
    content: digest of its clip.
    """

    name: str | None = None
    column: str | None = None
    path: str | None = None
    content: str | None = None

    @property
    def is_known(self) -> bool:
        return any((self.name, self.path, self.content))


#: Of a row of which nothing is known.
UNKNOWN = RowIdentity()


def naming_column(features: Features) -> str | None:
    """The column that names the rows of a data set; None if there is none."""
    types = {name: getattr(features.get(name), "dtype", None) for name in schema.ROW_NAMES}
    return next((name for name, dtype in types.items() if dtype in schema.ROW_NAME_TYPES), None)


def row_identities(ds: Dataset, contents: Mapping[str, Sequence[str | None]]) -> list[RowIdentity]:
    """The identity of each row.

    contents: digests of the values of each column that stages read. The clip is `video`, else `frames`, else all these.
    """
    clip = next((name for name in (schema.VIDEO, schema.FRAMES) if name in ds.column_names), None)
    inputs = [clip] if clip is not None and clip in contents else sorted(contents)
    column = naming_column(ds.features)
    wanted = list(dict.fromkeys(name for name in (clip, column) if name is not None))
    identities: list[RowIdentity] = []
    for table in ds.select_columns(wanted).with_format("arrow").iter(batch_size=BATCH_ROWS) if wanted else ():
        rows = Rows.from_batch(table)
        for row in range(rows.length):
            value = None if clip is None else rows.value(clip, row)
            name = file_name_of(value) if column is None else rows.value(column, row)
            identities.append(RowIdentity(None if name is None else str(name), column or clip, _location(value)))
    digests = zip(*(contents[name] for name in inputs), strict=True) if inputs else ((None,) for _ in range(len(ds)))
    return [
        replace(identity, content=_joined(parts))
        for identity, parts in zip(identities or [UNKNOWN] * len(ds), digests, strict=True)
    ]


def _joined(digests: Sequence[str | None]) -> str | None:
    known = [one for one in digests if one is not None]
    return None if len(known) < len(digests) else known[0] if len(known) == 1 else combined(*known)


def match_rows(there: Sequence[RowIdentity], here: Sequence[RowIdentity]) -> list[int | None]:
    """For each row of a set the position of the same row in another; None where that has no such row.

    No two rows are the same one. The same row has an equal clip, or lies under the same path, or has the same `uuid`,
    or the same name where a path or a clip is not known: two recordings of one file name in two folders are two rows.

        >>> match_rows([RowIdentity("a", content="1")], [RowIdentity("b", content="1"), RowIdentity("a", content="2")])
        [0]
    """
    by_content = _match(there, here, (_content_key, _path_key))
    by_path = _match(there, here, (_path_key, _content_key))
    return min(by_content, by_path, key=lambda found: found.count(None))


def _match(
    there: Sequence[RowIdentity],
    here: Sequence[RowIdentity],
    keys: tuple[Callable[[RowIdentity], Hashable | None], ...],
) -> list[int | None]:
    found: list[int | None] = [None] * len(there)
    free = set(range(len(here)))
    for key in (_exact_key, *keys, _name_key):
        candidates: dict[Hashable, list[int]] = {}
        for position in sorted(free, reverse=True):
            if (one := key(here[position])) is not None:
                candidates.setdefault(one, []).append(position)
        for row, identity in enumerate(there):
            if found[row] is not None or (one := key(identity)) is None:
                continue
            fitting = candidates.get(one, [])
            if key is _name_key:
                fitting = [position for position in fitting if _same_name(identity, here[position])]
            if fitting:
                found[row] = position = fitting.pop()
                free.discard(position)
                if key is _name_key:
                    candidates[one].remove(position)
    unknown = iter(sorted(free))  # rows of which nothing is known: only their number can be compared
    for row, identity in enumerate(there):
        if not identity.is_known:
            found[row] = next(unknown, None)
    return found


def _exact_key(row: RowIdentity) -> Hashable | None:
    return (row.content, row.path, row.column, row.name) if row.content is not None else None


def _content_key(row: RowIdentity) -> Hashable | None:
    return row.content


def _path_key(row: RowIdentity) -> Hashable | None:
    return row.path


def _name_key(row: RowIdentity) -> Hashable | None:
    return None if row.name is None else (row.column, row.name)


def _same_name(there: RowIdentity, here: RowIdentity) -> bool:
    """Whether rows of one name are the same row, though their clips or paths are not known to be the same."""
    return there.column == schema.UUID or None in (there.path, here.path, there.content, here.content)


def _location(value: Any) -> str | None:
    path = path_of(value)
    if path is None or (isinstance(value, dict) and value.get("bytes") is not None):
        return None
    if is_url(path) or lost_slash(path):
        return without_secrets(public_url(path))
    return os.path.abspath(path)


def named_by(column: str, values: Sequence[Any]) -> list[RowIdentity]:
    """Identities of rows of which only the names are known."""
    return [UNKNOWN if value is None else RowIdentity(str(value), column) for value in values]
