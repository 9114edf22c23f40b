"""Labels of clips: the columns of tables, each row with the one clip that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

from datasets import Dataset, Features, Value, concatenate_datasets

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import ClipNames, Finder, by_value
from emollama_hf.extraction.divided_participants import WHY_ONE_FOLD, divided_participants
from emollama_hf.extraction.matched_rows import NAME_BY_PATH, check_any, match_rows, shown
from emollama_hf.files.column_types import IDENTIFIERS, Column, concatenated, encoded, look_like_numbers, typed_column
from emollama_hf.files.tables import Table, read_table
from emollama_hf.frames.source import shown_name
from emollama_hf.privacy.media import path_of, undecoded
from emollama_hf.schema import CLIP_FILE_NAMES
from emollama_hf.stages.contract_check import RESERVED_COLUMNS
from emollama_hf.stages.known_columns import known_columns
from emollama_hf.text.plural import counted

logger = package_logger(__name__)


def reserved_columns() -> frozenset[str]:
    """Columns that labels may not replace: clips, statuses, and what stages compute."""
    return frozenset([*RESERVED_COLUMNS, *known_columns()])


def join_labels(ds: Dataset, path: Path) -> Dataset:
    """Add the columns of a table, matched by `file_name` or `uuid` (the file's name without its ending).

    A path relative to the folder matches exactly one clip; a name without folders is good where one clip has it, and an
    error that lists them where several have.

    Args:
        ds: the clips, with a column `file_name` or `uuid`.
        path: of the table.

    Returns:
        The clips with the columns. Clips without a row get nulls; rows without a clip are named in a warning.

    Raises:
        SourceError: as `read_table` and `match_rows`; no key column, no row that has a clip.
    """
    return join_tables(ds, [path])


def join_tables(ds: Dataset, paths: Sequence[Path], *, root: Path | None = None) -> Dataset:
    """Add the columns of several tables of one kind.

    Args:
        ds: the clips.
        paths: of the tables.
        root: the clips' folder: each table is for the clips of its own folder below it. None: each is for all clips.

    Returns:
        As `join_labels`.

    Raises:
        SourceError: as `join_labels`; a clip with rows in two tables, tables of two kinds or with other types.
    """
    tables = [read_table(path, one_of=CLIP_FILE_NAMES) for path in paths]
    starts = [0, *accumulate(len(table.rows) for table in tables)]
    found: list[int | None] = [None] * len(ds)
    keys: set[str] = set()
    taken: set[int] = set()
    names = _names_of(ds)
    for table, start in zip(tables, starts, strict=False):
        table.check_not_made(reserved_columns())
        key, finder = _finder(ds, table, _below(names, table, root))
        keys.add(key)
        recordings = partial(_recordings, ds, names)
        matched = match_rows(table, key, finder, names, remedy=NAME_BY_PATH, recordings=recordings, taken=taken)
        check_any(matched, table, key, names)
        _warn_of_rows_without_clip(table, matched.without_clip)
        taken.update(matched.row_of)
        for clip, row in matched.row_of.items():
            found[clip] = start + row
    _warn_of_clips_without_row(paths, names, found)
    merged = concatenated(tables)
    _warn_of_divided_participants(merged, found)
    stay_text: list[str] = []
    columns: dict[str, Column] = {}
    for name in merged.columns:
        if name in keys and name in ds.column_names:
            continue
        column = encoded(typed_column(merged, name), ds.features.get(name))
        if name not in IDENTIFIERS and column.feature == Value("string") and look_like_numbers(merged.texts(name)):
            stay_text.append(name)
        columns[name] = column
    ds = _with_columns(ds, columns, found)
    if stay_text:
        logger.warning(
            "%s: stay text, since their numbers would not be written back as they were read: %s. Where they are "
            "measures and not names, write all of a column as 2 and 3, or all as 2.0 and 3.5.",
            tables[0].path, shown(stay_text),
        )  # fmt: skip
    return ds


def _with_columns(ds: Dataset, columns: Mapping[str, Column], found: Sequence[int | None]) -> Dataset:
    """`ds` with columns of a table, all at once: each step of `datasets` costs as much as there are columns."""
    if not columns:
        return ds
    ds = ds.remove_columns([name for name in columns if name in ds.column_names])
    values = {
        name: [None if index is None else column.values[index] for index in found] for name, column in columns.items()
    }
    added = Dataset.from_dict(values, features=Features({name: column.feature for name, column in columns.items()}))
    ds = ds.flatten_indices() if ds._indices is not None else ds  # else `datasets` would write the new columns, too
    return concatenate_datasets([ds, added], axis=1) if ds.column_names else added


def _warn_of_divided_participants(table: Table, found: Sequence[int | None]) -> None:
    """Say which participants have clips in two folds. found: for each clip, its row."""
    if not {"participant_id", "test_fold_num"} <= set(table.columns):
        return
    participants, folds = (typed_column(table, name).values for name in ("participant_id", "test_fold_num"))
    divided = divided_participants((participants[row], folds[row], row) for row in found if row is not None)
    if divided:
        logger.warning(
            "%s: in more than one test_fold_num: the participants %s. %s",
            table.path,
            shown(list(divided)),
            WHY_ONE_FOLD,
        )


def _names_of(ds: Dataset) -> list[str]:
    """What people call the rows of a data set."""
    for column in CLIP_FILE_NAMES:
        if column in ds.column_names:
            return [str(name) for name in ds[column][:]]
    return [f"row {number}" for number in range(len(ds))]


def _below(names: list[str], table: Table, root: Path | None) -> dict[int, str]:
    """Positions of the clips that a table is about, with their names relative to its folder."""
    folder = "" if root is None else shown_name(table.path.parent.relative_to(root).as_posix())
    start = "" if folder in ("", ".") else f"{folder}/"
    return {position: name[len(start) :] for position, name in enumerate(names) if name.startswith(start)}


def _finder(ds: Dataset, table: Table, names: dict[int, str]) -> tuple[str, Finder]:
    """The key column, and what finds the rows of the data set that one of its values names."""
    keys = [name for name in CLIP_FILE_NAMES if name in table.columns]
    key = next((name for name in keys if name in ds.column_names), keys[-1])
    if key == "uuid" and key in ds.column_names:
        return key, by_value(ds[key][:])
    if "file_name" not in ds.column_names:
        raise SourceError(f"{table.path}: is keyed by {key!r}, but the data set has only {', '.join(ds.column_names)}. "
                          "Rename the column that names a clip to one of these.")  # fmt: skip
    return key, _by_name(names, with_ending=key == "file_name")


def _by_name(names: dict[int, str], *, with_ending: bool) -> Finder:
    positions, clips = list(names), ClipNames(list(names.values()))
    look_up = clips.named if with_ending else clips.with_stem
    return lambda value: [positions[index] for index in look_up(value)]


def _recordings(ds: Dataset, names: list[str], rows: list[int]) -> list[str]:
    """The different recordings of some rows: what people call them, or their files if that is the same."""
    called = sorted({names[row] for row in rows})
    if len(rows) < 2 or len(called) > 1 or schema.VIDEO not in ds.column_names:
        return called
    videos = undecoded(ds.select_columns([schema.VIDEO]).select(rows))[schema.VIDEO]
    return sorted({str(path_of(video)) for video in videos})


def _warn_of_rows_without_clip(table: Table, values: list[str]) -> None:
    if values:
        where, rows = shown_name(str(table.path)), counted(len(values), "row has", "rows have")
        logger.warning("%s: %s no clip: %s", where, rows, shown(values))


def _warn_of_clips_without_row(paths: Sequence[Path], names: list[str], found: list[int | None]) -> None:
    without = [name for name, index in zip(names, found, strict=True) if index is None]
    if without:
        where = ", ".join(shown_name(str(path)) for path in paths)
        logger.warning(
            "%s: %s no row, so that labels are null: %s",
            where,
            counted(len(without), "clip has", "clips have"),
            shown(without),
        )
