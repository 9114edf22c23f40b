"""What `emollama-hf extract SOURCE` opens: a folder of videos, a data set directory, or a data set on the Hub."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from datasets import Dataset, DatasetDict, Video, load_dataset, load_from_disk

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import SourceError
from emollama_hf.extraction.labels import join_labels, join_tables
from emollama_hf.extraction.matched_rows import shown
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.parquet_rows import check_directory
from emollama_hf.files.given_path import given_path
from emollama_hf.files.video_files import VIDEO_SUFFIXES, VideoFiles, find_videos
from emollama_hf.frames.source import path_as_text, shown_name

logger = package_logger(__name__)

DATA_SUFFIXES = (".parquet", ".arrow", ".jsonl")


@no_secrets()
def open_source(source: str, *, split: str | None = None, labels: Path | None = None) -> Dataset:
    """The rows of `source`.

    Args:
        source: a folder of videos (searched with its subfolders and links to folders; columns `file_name`, relative to
            the folder, and `video`; with the columns of `metadata.csv`, `.jsonl` or `.parquet`, as `datasets` reads
            them), a directory that `datasets` opens, or a Hub id.
        split: of a data set; by default its only one.
        labels: a table joined by `file_name` or `uuid` (`join_labels`).

    Returns:
        The rows, videos undecoded. What lies in a folder and is left out is one warning with kinds and numbers.

    Raises:
        SourceError: no such folder, no videos, no data set, several splits, labels that do not fit.
    """
    if not source.strip():
        raise SourceError("SOURCE is empty. Give a folder of videos, a data set directory or a Hub id.")
    folder = given_path(source)
    if folder.is_file():
        raise SourceError(f"{source!r} is a file, expected a folder of videos. Put the clip into a folder.")
    if folder.is_dir():
        found = find_videos(folder)
        if split is not None and found.clips:
            raise SourceError(f"--split {split}: {source!r} is a folder of videos, which has no splits. Leave it out.")
        videos = found.clips or not _holds_data(folder)
        ds = _from_videos(found, labels) if videos else _open_data_set(source, split)
    elif source.count("/") <= 1 and not source.startswith((".", "/", "~")):
        ds = _open_data_set(source, split)
    else:
        raise SourceError(f"there is no folder {source!r}.")
    return ds if labels is None else join_labels(ds, labels)


def _holds_data(folder: Path) -> bool:
    return any(path.suffix in DATA_SUFFIXES or path.name == "dataset_info.json" for path in folder.rglob("*"))


def _from_videos(found: VideoFiles, labels: Path | None) -> Dataset:
    left_out = found.left_out([] if labels is None else [labels])
    if not found.clips:
        there = f" It has {left_out}." if left_out else ""
        raise SourceError(f"{str(found.folder)!r} holds no videos ({', '.join(VIDEO_SUFFIXES[:10])} and "
                          f"{len(VIDEO_SUFFIXES) - 10} endings more) and no data set.{there}")  # fmt: skip
    if left_out:
        logger.warning("%s: left out: %s", shown_name(str(found.folder)), left_out)
    names = [path.relative_to(found.folder).as_posix() for path in found.clips]
    called = [shown_name(name) for name in names]
    odd = [one for one, name in zip(called, names, strict=True) if one != name]
    if odd:
        logger.warning("%s: %d names are not UTF-8; their bytes are shown as in URLs: %s",
                       shown_name(str(found.folder)), len(odd), shown(odd))  # fmt: skip
    paths = [path_as_text(path.absolute()) for path in found.clips]
    ds = Dataset.from_dict({"file_name": called, schema.VIDEO: paths}).cast_column(schema.VIDEO, Video(decode=False))
    tables = _one_table_a_folder(found)
    return join_tables(ds, tables, root=found.folder) if tables else ds


def _one_table_a_folder(found: VideoFiles) -> list[Path]:
    """The folder's tables of labels. Raises SourceError if one folder has several."""
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in found.tables:
        by_folder[path.parent].append(path)
    for folder, paths in by_folder.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise SourceError(f"{folder}: holds {names}; expected one table of labels. Remove all but one.")
    return found.tables


def _open_data_set(source: str, split: str | None) -> Dataset:
    folder = Path(source)
    saved = (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file()
    try:
        if is_feature_set(folder):
            check_directory(folder)
        opened = load_from_disk(source) if saved else load_dataset(source, split=split)
    except Exception as error:  # `datasets` and the Hub raise many types; each has one useful first line
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        neither = "" if folder.is_dir() else "is no folder here and "
        told = f"{source!r} {neither}cannot be opened as a data set: {what}"
        if neither:
            told = f"{told.removesuffix('.')}. Give a folder of videos, a data set directory or a Hub id."
        raise SourceError(told) from error
    if isinstance(opened, DatasetDict):
        if split is None and len(opened) == 1:
            return next(iter(opened.values()))
        if split not in opened:
            raise SourceError(f"{source!r} has the splits {', '.join(opened)}. Choose one with --split.")
        return opened[split]
    return opened
