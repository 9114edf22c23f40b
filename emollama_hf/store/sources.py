"""What `emollama-hf extract SOURCE` opens: a folder of videos, a data set directory, or a data set on the Hub."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.csv
from datasets import Dataset, DatasetDict, Video, load_dataset, load_from_disk

from emollama_hf import schema
from emollama_hf.stages import STAGES

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv")
DATA_SUFFIXES = (".parquet", ".arrow", ".jsonl")
METADATA = "metadata.csv"
KEYS = ("file_name", "uuid")
#: Identifiers stay text: "007" is not 7.
TEXT_COLUMNS = ("file_name", "uuid", "participant_id", "instance_gmt", "mw_label", "label")
#: Columns that labels may not replace.
RESERVED = {
    schema.VIDEO,
    schema.FRAMES,
    schema.STATUS,
    schema.ERROR,
    *(name for stage in STAGES for name in stage.makes),
}
NAMES_SHOWN = 5


class SourceError(ValueError):
    """SOURCE or its labels cannot be used; the message says what to do."""


def open_source(source: str, *, split: str | None = None, labels: Path | None = None) -> Dataset:
    """The rows of `source`.

    source: a folder of videos (searched with its subfolders; columns `file_name`, relative to the folder, and
        `video`; with the columns of `metadata.csv` if there is one), a directory that `datasets` opens, or a Hub id.
    split: of a data set; by default its only one. labels: a CSV joined by `file_name` or `uuid`.
    Raises SourceError.
    """
    if not source.strip():
        raise SourceError("SOURCE is empty. Give a folder of videos, a data set directory or a Hub id.")
    folder = Path(source)
    if split is not None and folder.is_dir() and find_clips(folder):
        raise SourceError(f"--split {split}: {source!r} is a folder of videos, which has no splits. Leave it out.")
    if folder.is_file():
        raise SourceError(f"{source!r} is a file, expected a folder of videos. Put the clip into a folder.")
    if folder.is_dir():
        clips = find_clips(folder)
        ds = _from_clips(folder, clips) if clips or not _holds_data(folder) else _open_data_set(source, split)
    elif source.count("/") <= 1 and not source.startswith((".", "/", "~")):
        ds = _open_data_set(source, split)
    else:
        raise SourceError(f"there is no folder {source!r}.")
    return ds if labels is None else join_labels(ds, labels)


def find_clips(folder: Path) -> list[Path]:
    """Video files of a folder and its subfolders in the order of their names; hidden ones are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES
        and (path.is_file() or path.is_symlink())  # a link to nothing is a missing file, and not nothing
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _holds_data(folder: Path) -> bool:
    return any(path.suffix in DATA_SUFFIXES or path.name == "dataset_info.json" for path in folder.rglob("*"))


def _from_clips(folder: Path, clips: list[Path]) -> Dataset:
    if not clips:
        raise SourceError(f"{str(folder)!r} holds no videos ({', '.join(VIDEO_SUFFIXES)}) and no data set.")
    names = [path.relative_to(folder).as_posix() for path in clips]
    ds = Dataset.from_dict({"file_name": names, schema.VIDEO: [str(path.absolute()) for path in clips]})
    ds = ds.cast_column(schema.VIDEO, Video(decode=False))
    metadata = folder / METADATA
    return join_labels(ds, metadata) if metadata.is_file() else ds


def _open_data_set(source: str, split: str | None) -> Dataset:
    folder = Path(source)
    saved = (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file()
    try:
        opened = load_from_disk(source) if saved else load_dataset(source, split=split)
    except Exception as error:  # `datasets` and the Hub raise many types; each has one useful first line
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        neither = "" if folder.is_dir() else "is no folder here and "
        raise SourceError(f"{source!r} {neither}cannot be opened as a data set: {what}") from error
    if isinstance(opened, DatasetDict):
        if split is None and len(opened) == 1:
            return next(iter(opened.values()))
        if split not in opened:
            raise SourceError(f"{source!r} has the splits {', '.join(opened)}. Choose one with --split.")
        return opened[split]
    return opened


def join_labels(ds: Dataset, path: Path) -> Dataset:
    """`ds` with the columns of a CSV, matched by `file_name` or `uuid` (the file's name without its ending).

    Clips without a row get nulls, rows without a clip are named in a warning.
    Raises SourceError if the CSV is missing, not UTF-8, has no key column, or has a key twice or empty.
    """
    table = read_labels(path)
    taken = [name for name in table.column_names if name in RESERVED]
    if taken:
        raise SourceError(f"{path}: the columns {', '.join(taken)} are made by this package. Rename them in the CSV.")
    key = next((name for name in KEYS if name in table.column_names), None)
    if key is None:
        raise SourceError(
            f"{path}: has the columns {', '.join(table.column_names)}; expected one of {', '.join(KEYS)}."
        )
    rows: dict[str, int] = {}
    for number, value in enumerate(map(_spelled, table.column(key).to_pylist())):
        if not value:
            raise SourceError(f"{path}, line {number + 2}: {key} is empty. Every row needs one.")
        if value in rows:
            raise SourceError(
                f"{path}, line {number + 2}: {key} {value!r} is there twice, first in line {rows[value] + 2}."
            )
        rows[value] = number
    clips = _keys_of(ds, key, path)
    found = [next((rows[name] for name in names if name in rows), None) for names in clips]
    _warn_of_missing(path, key, rows, found, [names[-1] for names in clips])
    indices = pa.array(found, pa.int64())
    for name in table.column_names:
        if name != key or name not in ds.column_names:
            if name in ds.column_names:
                ds = ds.remove_columns(name)
            ds = ds.add_column(name, table.column(name).combine_chunks().take(indices).to_pylist())
    return ds


def read_labels(path: Path) -> pa.Table:
    """A CSV as a table; identifiers as text, empty cells as null. Raises SourceError."""
    try:
        path.read_text(encoding="utf-8")
        options = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(TEXT_COLUMNS, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        table = pyarrow.csv.read_csv(path, convert_options=options)
        twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
        if twice:
            raise SourceError(f"{path}: the column {twice[0]!r} is there twice. Rename or remove one.")
        return table
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file.") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path}: cannot be read as a CSV: {error}") from error


def _keys_of(ds: Dataset, key: str, path: Path) -> list[list[str]]:
    """For each row the values that may stand in the CSV's key column, the most exact first."""
    if key in ds.column_names and key != "file_name":
        return [[_spelled(str(value))] for value in ds[key]]
    if "file_name" not in ds.column_names:
        raise SourceError(f"{path}: is keyed by {key!r}, but the data set has only {', '.join(ds.column_names)}.")
    names = [PurePosixPath(_spelled(name)) for name in ds["file_name"]]
    return [[str(name), name.name] if key == "file_name" else [name.stem] for name in names]


def _spelled(name: Any) -> Any:
    """A name in one spelling of its accents: files from a Mac and tables from elsewhere have different ones."""
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def _warn_of_missing(path: Path, key: str, rows: dict[str, int], found: list[int | None], clips: list[str]) -> None:
    used = {index for index in found if index is not None}
    unused = [value for value, index in rows.items() if index not in used]
    if not used:
        hint = " A uuid is a file's name without its ending." if key == "uuid" else ""
        raise SourceError(f"{path}: no {key} matches a clip; it has {_shown(list(rows))}, the clips are "
                          f"{_shown(clips)}.{hint}")  # fmt: skip
    if unused:
        logger.warning("%s: %d rows have no clip: %s", path, len(unused), _shown(unused))
    if None in found:
        without = [clip for clip, index in zip(clips, found, strict=True) if index is None]
        logger.warning("%s: %d clips have no row, their labels are null: %s", path, len(without), _shown(without))


def _shown(values: list[Any]) -> str:
    rest = len(values) - NAMES_SHOWN
    return ", ".join(map(repr, values[:NAMES_SHOWN])) + (f" and {rest} more" if rest > 0 else "")
