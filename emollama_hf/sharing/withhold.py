"""What stays in the lab: columns that show or name people, paths of a machine, and names within messages."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from datasets import Audio, Features, Image, List, Value, Video

from emollama_hf import schema
from emollama_hf.errors import ShareError
from emollama_hf.frames.source import local_path
from emollama_hf.rows import Rows
from emollama_hf.sharing.local_paths import find_local_path
from emollama_hf.sharing.row_names import RowNames
from emollama_hf.sharing.scan import values_in
from emollama_hf.store.media import SHOWS_PEOPLE, file_name_of, is_recording, path_of
from emollama_hf.store.video_files import VIDEO_SUFFIXES

#: An array with so many pixels on two sides, and 1 or 3 colours, is taken for pictures.
PICTURE_SIDE = 16
COLOURS = (1, 3, 4)
HIDDEN_PATH = "[path]"
MEDIA_SUFFIXES = (*VIDEO_SUFFIXES, ".wav", ".mp3", ".m4a", ".npy", ".jpg", ".jpeg", ".png", ".bmp")


@dataclass(frozen=True)
class Texts:
    """What the texts of a column are. names: those that end like a file; words: those of them without a space."""

    count: int = 0
    names: int = 0
    words: int = 0

    @property
    def are_file_names(self) -> bool:
        """All are, or some cannot be anything else."""
        return self.words > 0 or 0 < self.count == self.names


def look_at_texts(tables: Iterable[pa.Table]) -> dict[str, Texts]:
    """What the columns of some tables hold by way of text, at any depth."""
    found: dict[str, Counter[str]] = {}
    for table in tables:
        for name in table.column_names:
            counts = found.setdefault(name, Counter())
            for chunk in table.column(name).chunks:
                for _, value in values_in(chunk):
                    if isinstance(value, str) and value.strip():
                        named = value.strip().lower().endswith(MEDIA_SUFFIXES)
                        counts.update(count=1, names=named, words=named and " " not in value.strip())
    return {name: Texts(**counts) for name, counts in found.items()}


@dataclass(frozen=True)
class Publication:
    """How source rows become published ones.

    features: of the published columns. withheld: what does not become public, a sentence each. names: how rows are
    named. quoted: withheld columns, whose values messages may quote. media: columns of recordings and
    pictures that are published, because somebody asked for it.
    """

    features: Features
    withheld: tuple[str, ...]
    names: RowNames
    quoted: tuple[str, ...]
    media: tuple[str, ...] = ()

    @property
    def reads(self) -> list[str]:
        """The source's columns that this needs."""
        return list(dict.fromkeys([*self.features, self.names.key.column, *self.quoted]))

    def tables(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Published tables of source tables."""
        for table in tables:
            yield self._publish(table)

    def _publish(self, table: pa.Table) -> pa.Table:
        rows = Rows.from_batch(table)
        key = self.names.key
        private = [_text(rows.value(key.column, row)) for row in range(rows.length)]
        public = [None if name is None else self.names.published(name) for name in private]
        columns: dict[str, Any] = {}
        for name, feature in self.features.items():
            if name == key.column and key.hashed:
                columns[name] = pa.array(public, pa.string())
            elif name == schema.ERROR:
                columns[name] = pa.array([self._message(rows, row, private[row], public[row])
                                          for row in range(rows.length)], pa.string())  # fmt: skip
            elif name in self.media:
                values = [_embedded(rows.value(name, row), feature) for row in range(rows.length)]
                columns[name] = pa.array(values, feature.pa_type if hasattr(feature, "pa_type") else None)
            else:
                columns[name] = table.column(name)
        return pa.table(columns).cast(self.features.arrow_schema)

    def _message(self, rows: Rows, row: int, private: str | None, public: str | None) -> str | None:
        """The message of a failure, without names of files and paths."""
        message = rows.value(schema.ERROR, row)
        if not isinstance(message, str):
            return None
        names = [_text(rows.value(column, row)) for column in self.quoted]
        if self.names.key.hashed:
            names.append(private)
        shown = public or "clip"
        for name in names:
            for form in _forms(name):
                message = re.sub(rf"(?<![\w-]){re.escape(form)}(?![\w-])", lambda _: shown, message)
        while (path := find_local_path(message)) is not None:
            if path not in message:  # written with escapes
                return HIDDEN_PATH
            message = message.replace(path, HIDDEN_PATH)
        return message


def plan_publication(
    features: Features, texts: Mapping[str, Texts], names: RowNames, *, media: bool, drop: Collection[str]
) -> Publication:
    """Decide what of a data set is published.

    texts: what the columns with text hold (`look_at_texts`). media: publish recordings and pictures, too.
    drop: columns that somebody wants to keep back. Raises ShareError for a column that is not there, or the key.
    """
    unknown = [name for name in drop if name not in features]
    if unknown or names.key.column in drop:
        wrong = f"{unknown[0]!r} is no column" if unknown else f"{names.key.column!r} names the rows"
        raise ShareError(f"drop: {wrong}; the columns are {', '.join(features)}.")
    kept, lines, shown = {}, [], []
    for name, feature in features.items():
        held = texts.get(name, Texts())
        if name in drop:
            lines.append(f"`{name}`: as those who shared the rows wished")
        elif name == schema.FRAMES and held.count:
            lines.append(f"`{name}`: places of pictures on the disk of those who shared the rows")
        elif shows_people(name, feature):
            if media:
                kept[name] = _as_published(name, feature)
                shown.append(name)
            else:
                lines.append(f"`{name}`: {SHOWS_PEOPLE}")
        elif name == names.key.column:
            kept[name] = Value("string") if names.key.hashed else feature
            if names.key.hashed:
                lines.append(f"the names in `{name}`: only hashes of them are here")
        elif name == "file_name" or held.are_file_names:
            lines.append(f"`{name}`: names of files; rows are named by `{names.key.column}`")
        elif getattr(feature, "dtype", None) == "null":  # no row has a value, so that nobody has said its type
            kept[name] = Value("string")
        else:
            kept[name] = feature
    # What is kept back may stand in a message all the same.
    held_back = [name for name in features if name not in kept]
    quoted = [name for name in held_back if name in (schema.VIDEO, schema.FRAMES) or texts.get(name, Texts()).count]
    return Publication(Features(kept), tuple(lines), names, tuple(quoted if schema.ERROR in kept else ()), tuple(shown))


def shows_people(name: str, feature: Any) -> bool:
    """Whether a column holds recordings or pictures: by its name, its type, or the shape of its arrays."""
    return name in schema.MEDIA or is_recording(feature) or _is_picture(feature)


def _as_published(name: str, feature: Any) -> Any:
    """The type of a column of recordings: pictures open as pictures, videos as bytes, which need no decoder."""
    if isinstance(feature, Video) or (name == schema.VIDEO and isinstance(feature, Value)):
        return Video(decode=False)
    return type(feature)() if isinstance(feature, Audio | Image) else feature


def _is_picture(feature: Any) -> bool:
    shape = [PICTURE_SIDE if side < 0 else side for side in schema.shape_of(feature) or ()]  # of any length: it may be
    if len(shape) < 2 or sorted(shape)[-2] < PICTURE_SIDE:
        return False
    if schema.dtype_of(feature) == "uint8" or (len(shape) > 2 and -1 in (schema.shape_of(feature) or ())):
        return True
    return len(shape) > 2 and (shape[-1] in COLOURS or shape[-3] in COLOURS)


def _forms(name: str | None) -> list[str]:
    """How a message may quote a file: its path, its name, its name without the ending; the longest first.

    Each as it is, and with the escapes that a quoted text has for backslashes, quotes and characters without a shape.
    """
    if not name:
        return []
    path = PurePosixPath(name.replace(os.sep, "/"))
    quoted = [form for one in (name, path.name, path.stem) for form in (one, repr(one)[1:-1], repr(f'"{one}')[2:-1])]
    return [form for form in dict.fromkeys(quoted) if form]


def _text(value: Any) -> str | None:
    """A value as messages quote it: of a recording or of crops the place of their file."""
    if isinstance(value, str | int):
        return str(value)
    return path_of(value)


def _embedded(value: Any, feature: Any) -> Any:
    """A recording or picture with its bytes and without its name."""
    if value is None:
        return None
    if isinstance(feature, List):
        return [_embedded(one, feature.feature) for one in value]
    if isinstance(feature, dict):
        return {name: _embedded(value.get(name), kind) for name, kind in feature.items()}
    if not isinstance(feature, Audio | Image | Video):
        return value
    content = value.get("bytes") if isinstance(value, Mapping) else None
    path = value.get("path") if isinstance(value, Mapping) else value
    if content is None and path is not None:
        import fsspec

        local = local_path(path)
        try:
            with fsspec.open(path, "rb") if local is None else local.open("rb") as file:
                content = file.read()
        except OSError as error:
            raise ShareError(
                f"{file_name_of(path)}: cannot be read ({error.strerror or error}), and media=True publishes "
                "recordings. Bring it back, or remove the row."
            ) from error
    return {"bytes": content, "path": None}
