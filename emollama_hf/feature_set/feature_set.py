"""A feature data set on disk: Parquet files, a README that tells `datasets` where they are, and its provenance.

It is written once at the end of a run, out of the work store. Files whose rows have not changed since the last run are
kept as they are; the README is replaced last of all that readers need, so that they see the old set or the new one.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Features
from filelock import FileLock

from emollama_hf.console.logs import package_logger
from emollama_hf.errors import StoreError
from emollama_hf.feature_set.card.card_writer import UnreadableCard, write_card_files
from emollama_hf.feature_set.existing_set import open_existing
from emollama_hf.feature_set.feature_rows import FeatureRows, SetRows, piece_rows, row_bytes
from emollama_hf.feature_set.file_counts import RowCounter
from emollama_hf.feature_set.files_together import Going, written_together
from emollama_hf.feature_set.manifest import (
    DEFAULT_CONFIG,
    FeatureConfig,
    FeatureFile,
    Manifest,
    ManifestError,
    read_manifest,
)
from emollama_hf.feature_set.merged_rows import MergedRows
from emollama_hf.feature_set.opening import open_directory
from emollama_hf.feature_set.parquet_file import write_parquet
from emollama_hf.feature_set.row_notes import RowNote, known_rows, note_rows
from emollama_hf.feature_set.run_description import made_together
from emollama_hf.feature_set.set_paths import DATA, OWN_FILE, README, file_name
from emollama_hf.feature_set.shrinking import ExistingRowsError, check_adding, check_shrinking
from emollama_hf.files.small_file import MANIFEST_BYTES, OddFileError, read_small
from emollama_hf.files.written_file import hashes_of, is_as_written
from emollama_hf.work_store.work_store import make_root

logger = package_logger(__name__)

SHARD_BYTES = 256_000_000
#: Of a card whose bytes nobody vouches for.
CARD_DIFFERS = "is not as it was written: edited, or damaged."


def write_feature_set(
    rows: FeatureRows, out: Path, work: Path, made: Mapping[str, Any], shard_rows: int, *, existing: str = "replace"
) -> bool:
    """Write `rows` to `out` so that plain `load_dataset(out)` opens it; whether anything had to be written.

    work: a folder on the same disk for what is unfinished. made: what `run_description.describe_run` says. shard_rows:
    rows a file. existing: "error", "add" or "replace", what becomes of rows and columns of `out` that are not among
    `rows`. Raises StoreError if it cannot be written and ExistingRowsError for what may not be taken away; `out` is
    then as it was.
    """
    try:
        make_root(work)
        with FileLock(work / "folder.lock"):
            partial = work / "folder"
            shutil.rmtree(partial, ignore_errors=True)  # a killed run's
            try:
                return _write(*_settled(rows, out, work, made, existing), out, partial, shard_rows)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except ExistingRowsError:
        raise
    except OSError as error:
        raise StoreError(
            f"{out} cannot be written to ({error.strerror or error}). What was computed is kept: make room or access, "
            "and run the same again."
        ) from error


def _settled(
    rows: FeatureRows, out: Path, work: Path, made: Mapping[str, Any], existing: str
) -> tuple[SetRows, Mapping[str, Any]]:
    """What to write, and how it was made. Another run may have added rows since this one began."""
    before = None if existing == "replace" else open_existing(out, work)
    if before is None:
        return rows, made
    if existing == "error":
        check_shrinking(before, rows.all_features, rows.identities, made, list(rows.features))
        before.check_written_again(rows.content)
        return rows, made
    check_adding(before, rows.all_features, made, list(rows.features))
    return MergedRows(before, rows), made_together(before.config.made, made)


def _write(rows: SetRows, made: Mapping[str, Any], out: Path, partial: Path, shard_rows: int) -> bool:
    partial.mkdir(parents=True)
    before = _manifest_before(out)
    reusable = _reusable_files(out, before)
    total, count = max(1, -(-len(rows) // shard_rows)), len(rows)
    names: list[str] = []
    files: dict[str, FeatureFile] = {}
    writers: dict[str, Callable[[Going[pa.Table]], FeatureFile]] = {}
    notes: dict[str, list[RowNote]] = {}
    for shard in range(total):
        span = range(shard * shard_rows, min(count, (shard + 1) * shard_rows))
        content = rows.content(span)
        # `load_dataset` caches a local directory under its last name and the names in its README, nothing else: with
        # equal names it gives the rows of another directory of the same name, or of one that was replaced
        # (tests/extraction/test_extract.py::test_directories_of_one_name_are_told_apart).
        name = file_name(shard, content)
        if content in reusable:
            path, files[f"{DATA}/{name}"] = reusable[content]
            _link(path, partial / name)
        else:
            writers[f"{DATA}/{name}"] = functools.partial(_write_file, partial / name, rows, span, content)
        names.append(f"{DATA}/{name}")
        notes[content] = rows.notes(span)
    files |= zip(writers, written_together(list(writers.values())), strict=True)
    files = {name: files[name] for name in names}
    # Whoever is killed before the README is replaced leaves the files of before, whose rows must stay known.
    named = {file.content for config in (before.configs.values() if before else ()) for file in config.files.values()}
    note_rows(partial.parent, {key: one for key, one in known_rows(partial.parent).items() if key in named} | notes)
    manifest = Manifest({DEFAULT_CONFIG: FeatureConfig(made, rows.all_features, files, withheld=rows.withheld)})
    changed = _write_texts(manifest, before, out, partial)
    changed |= not {file.content for file in files.values()} <= set(reusable)
    if changed:
        (out / DATA).mkdir(parents=True, exist_ok=True)
        # Not file by file: none is renamed before all are written.
        for name in files:
            (partial / Path(name).name).replace(out / name)
        for name in sorted(path.name for path in partial.iterdir() if path.name != README):
            (partial / name).replace(out / name)
        (partial / README).replace(out / README)  # the last: it says which files are the data set
    for path in (out / DATA).glob("train-*.parquet"):  # of the run before, or of one that was killed
        if OWN_FILE.fullmatch(path.name) and f"{DATA}/{path.name}" not in files:
            path.unlink(missing_ok=True)
    return changed


def _write_texts(manifest: Manifest, before: Manifest | None, out: Path, partial: Path) -> bool:
    """Write card, pictures and manifest to `partial`; whether they differ from those in `out`."""
    # A directory that has no manifest has no card of this package: what is called README.md there is replaced.
    known = before.cards if before is not None else ()
    try:
        existing = _existing_card(out) if known else None
        files = write_card_files(manifest, open_directory, existing=existing, known=known)
    except UnreadableCard as error:
        raise StoreError(
            f"{out / README} was edited, and its text or metadata cannot be read ({error}). What was computed is kept: "
            "mend or remove it, and run the same again."
        ) from error
    if files.edited:
        logger.warning("%s %s Its text stays; delete it to have it written anew.", out / README, CARD_DIFFERS)
    for name, content in files.contents.items():
        (partial / name).write_bytes(content)
    return any(_content(out / name) != content for name, content in files.contents.items())


def _existing_card(out: Path) -> bytes | None:
    try:
        return read_small(out / README)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableCard(str(error)) from error
    except OddFileError as error:
        raise StoreError(
            f"{out / README} is {error}. What was computed is kept: remove it, and run the same again."
        ) from error


def _manifest_before(out: Path) -> Manifest | None:
    try:
        return read_manifest(out)
    except ManifestError:
        return None  # a new directory, or a damaged file, which is written anew


def _reusable_files(out: Path, before: Manifest | None) -> dict[str, tuple[Path, FeatureFile]]:
    """Files of an earlier run that are as they were written, by the digest of what went into them."""
    found: dict[str, tuple[Path, FeatureFile]] = {}
    for config in before.configs.values() if before is not None else ():
        for name, file in config.files.items():
            path = out / name
            if path.parent != out / DATA or not path.is_file():
                continue
            if is_as_written(path, file):
                found[file.content] = path, file
            else:
                logger.warning("%s is damaged: it is not as it was written. It is written again.", path)
    return found


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # file systems without hard links
        shutil.copy2(source, target)


def _write_file(path: Path, rows: SetRows, span: range, content: str, going: Going[pa.Table]) -> FeatureFile:
    step = piece_rows(rows.all_features)
    pieces = [range(start, min(start + step, span.stop)) for start in range(span.start, span.stop, step)]
    return write_feature_file(path, going(rows.rows(pieces)), rows.all_features, content)


def write_feature_file(
    path: Path, tables: Iterable[pa.Table], features: Features, content: str, *, key: str | None = None
) -> FeatureFile:
    """Write one Parquet file, and say what is in it. key: the column that names its rows."""
    counter = RowCounter(features, not_labels=() if key is None else (key,))
    write_parquet(path, counter.watch(tables), features)
    found = hashes_of(path)
    return FeatureFile(found.sha256, found.bytes, content, counter.counts(), xxh3_128=found.xxh3_128)


def _content(path: Path) -> bytes | None:
    try:
        return read_small(path, at_most=MANIFEST_BYTES)
    except (OSError, OddFileError):
        return None


def rows_a_file(features: Features) -> int:
    """Rows of a Parquet file of about 256 MB."""
    return max(1, SHARD_BYTES // row_bytes(features))
