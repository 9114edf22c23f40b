"""What stays in the lab: columns that nobody allowed or named, names of files, and the words of messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from datasets import Audio, Features, Image, List, Value, Video

from emollama_hf import schema
from emollama_hf.errors import ERROR_KINDS, ShareError, published_error
from emollama_hf.files.small_file import OddFileError, open_regular
from emollama_hf.frames.source import local_path
from emollama_hf.privacy.allowed_columns import left_out, reasons_held_back, shown_column
from emollama_hf.privacy.column_values import ColumnValues, is_text
from emollama_hf.privacy.included_columns import why_media
from emollama_hf.privacy.media import SHOWS_PEOPLE, file_name_of, is_recording, shows_people
from emollama_hf.rows import Rows
from emollama_hf.sharing.names.row_names import RowNames


@dataclass(frozen=True)
class Publication:
    """How source rows become published ones.

    Attributes:
        features: types of the published columns.
        withheld: what does not become public, a sentence each.
        names: how rows are named.
        media: columns of recordings and pictures that are published, because somebody asked for it.
        status: the column that says how each row ended, if messages of failures are published and it exists.
    """

    features: Features
    withheld: tuple[str, ...]
    names: RowNames
    media: tuple[str, ...] = ()
    status: str | None = None

    @property
    def reads(self) -> list[str]:
        """The source's columns that this needs."""
        status = [] if self.status is None else [self.status]
        return list(dict.fromkeys([*self.features, self.names.key.column, *status]))

    def tables(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Published tables of source tables."""
        for table in tables:
            yield self._publish(table)

    def _publish(self, table: pa.Table) -> pa.Table:
        rows = Rows.from_batch(table)
        key = self.names.key
        columns: dict[str, Any] = {}
        for name, feature in self.features.items():
            if name == key.column and key.hashed:
                columns[name] = pa.array([self._public_name(rows, row) for row in range(rows.length)], pa.string())
            elif name == schema.ERROR:
                columns[name] = pa.array([self._message(rows, row) for row in range(rows.length)], pa.string())
            elif name == schema.STATUS and is_text(feature):
                columns[name] = pa.array([_known_status(one) for one in table.column(name).to_pylist()], pa.string())
            elif name in self.media and (is_recording(feature) or name == schema.VIDEO):
                values = [_embedded(rows.value(name, row), feature) for row in range(rows.length)]
                columns[name] = pa.array(values, feature.pa_type if hasattr(feature, "pa_type") else None)
            else:
                columns[name] = table.column(name)
        return pa.table(columns).cast(self.features.arrow_schema)

    def _public_name(self, rows: Rows, row: int) -> str | None:
        value = rows.value(self.names.key.column, row)
        return None if value is None else self.names.published(str(value))

    def _message(self, rows: Rows, row: int) -> str | None:
        """The kind of a failure and a fixed text: what a message quotes is nobody's business elsewhere."""
        status = None if self.status is None else rows.value(self.status, row)
        if rows.value(schema.ERROR, row) is None or status == schema.OK:
            return None
        return published_error(status)


def _known_status(status: str | None) -> str | None:
    """A status of this package as it is; any other text is one that nobody foresaw."""
    return status if status in (None, schema.OK, *ERROR_KINDS) else "unexpected"


def plan_publication(
    features: Features,
    values: Mapping[str, ColumnValues],
    names: RowNames,
    *,
    media: bool,
    drop: Collection[str],
    include: Collection[str] = (),
    repeating: Collection[str] = (),
) -> Publication:
    """Decide what of a data set is published.

    Args:
        features: of the data set.
        values: what its columns hold, as far as types do not tell (`look_at_values` of `columns_to_look_at`).
        names: how rows are named.
        media: publish recordings and pictures, too; where `include` names some of them, those alone.
        drop: columns that somebody wants to keep back.
        include: columns to publish although `allowed_columns` would hold them back.
        repeating: columns that repeat names of files.

    Returns:
        The columns that are published, and a sentence for each that is not.

    Raises:
        ShareError: for a column that does not exist, that is both dropped and included, or that names the rows and
            may not leave; for an included column that shows people, without `media`.
    """
    _check_named(features, names, drop, include)
    reasons = reasons_held_back(features, values)
    kept, lines, shown = {}, [], []
    recordings = {
        name: why_media(name, features[name], values.get(name, ColumnValues())) for name in features if name in include
    }
    needing = any(why is not None for why in recordings.values())
    for name, feature in features.items():
        held = values.get(name, ColumnValues())
        named, told = name in include, shown_column(name)
        recording = recordings.get(name)
        if name in drop:
            lines.append(f"`{told}`: held back when the rows were shared")
        elif name == schema.FRAMES and held.count:
            if named:
                raise ShareError(f"include: {name!r} holds paths of pictures on a disk, which are never published.")
            lines.append(f"`{told}`: places of pictures on the disk of those who shared the rows")
        elif name == schema.ERROR and is_text(feature):
            kept[name] = Value("string")
        elif recording is not None or shows_people(name, feature, held.sides):
            if media and (named or not needing):
                kept[name] = _as_published(name, feature)
                shown.append(name)
            elif named:
                raise ShareError(
                    f"include: {name!r} holds {recording}. Publish them with --media (media=True) as well, or leave "
                    "the column out."
                )
            else:
                option = f"`--include {name} --media`" if needing else "`--media`"
                lines.append(f"`{told}`: {SHOWS_PEOPLE}; {option} publishes them")
        elif name == names.key.column:
            kept[name] = Value("string") if names.key.hashed else feature
            if names.key.hashed:
                lines.append(f"the names in `{told}`: only hashes of them are here")
            elif not named:
                _check_key(name, reasons.get(name))
        elif (name in schema.FILE_NAMES or held.are_file_names) and not named:
            what = "names of files" if name == schema.FILE_NAME or held.are_file_names else "names"
            lines.append(left_out(name, f"{what}; rows are named by `{names.key.column}`"))
        elif name in repeating and not named:
            lines.append(left_out(name, "repeats names of files"))
        elif getattr(feature, "dtype", None) == "null":  # no row has a value, so that nobody has said its type
            kept[name] = Value("string")
        elif not named and name in reasons:
            lines.append(left_out(name, reasons[name]))
        else:
            kept[name] = feature
    status = schema.STATUS if schema.ERROR in kept and is_text(features.get(schema.STATUS)) else None
    return Publication(Features(kept), tuple(dict.fromkeys(lines)), names, tuple(shown), status)


def _check_named(features: Features, names: RowNames, drop: Collection[str], include: Collection[str]) -> None:
    """Raise ShareError unless columns that somebody named exist, and can be dropped or included."""
    for option, columns in {"drop": drop, "include": include}.items():
        unknown = [name for name in columns if name not in features]
        wrong = f"{unknown[0]!r} is no column" if unknown else ""
        if option == "drop" and names.key.column in columns:
            wrong = f"{names.key.column!r} names the rows"
        if wrong:
            raise ShareError(f"{option}: {wrong}; the columns are {', '.join(features)}.")
    both = [name for name in include if name in drop]
    if both:
        raise ShareError(f"{both[0]!r} is to be included and to be dropped. Leave one of the two out.")


def _check_key(name: str, reason: str | None) -> None:
    if reason is not None:
        raise ShareError(
            f"column {name!r} names the rows and holds {reason}. Publish hashes of the names (--hash-keys, "
            f"hash_keys=True), name rows by another column (--key, key=), or allow it (--include, include=)."
        )


def _as_published(name: str, feature: Any) -> Any:
    """The type of a column of recordings: pictures open as pictures, videos as bytes, which need no decoder."""
    if isinstance(feature, Video) or (name == schema.VIDEO and isinstance(feature, Value)):
        return Video(decode=False)
    return type(feature)() if isinstance(feature, Audio | Image) else feature


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
            with fsspec.open(path, "rb") if local is None else open_regular(local) as file:
                content = file.read()
        except (OSError, OddFileError) as error:
            said = getattr(error, "strerror", None) or error
            raise ShareError(
                f"{file_name_of(path)}: cannot be read ({said}), and media=True publishes "
                "recordings. Bring it back, or remove the row."
            ) from error
    return {"bytes": content, "path": None}
