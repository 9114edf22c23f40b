"""The feature data set that a directory holds before a run writes to it: its rows, and their values."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import StoreError
from emollama_hf.feature_set.file_counts import FileCounts
from emollama_hf.feature_set.manifest import (
    DEFAULT_CONFIG,
    PROVENANCE,
    FeatureConfig,
    FeatureFile,
    ManifestError,
    NewerManifest,
    read_manifest,
)
from emollama_hf.feature_set.parquet_file import declared_features
from emollama_hf.feature_set.row_identity import UNKNOWN, RowIdentity, match_rows, named_by, naming_column
from emollama_hf.feature_set.row_notes import DamagedNotes, RowNote, known_rows, read_notes
from emollama_hf.feature_set.set_paths import CONTENT_DIGITS, DATA
from emollama_hf.files.digest import combined
from emollama_hf.files.small_file import check_regular
from emollama_hf.files.written_file import is_as_written
from emollama_hf.planning.content import value_digest
from emollama_hf.rows import Rows

logger = package_logger(__name__)


class ExistingSet:
    """Rows and columns of a directory, as its last run left them.

    out: the directory. config: what its provenance says. work: its work store, which knows more of each row; it may be
    gone.
    """

    def __init__(
        self, out: Path, config: FeatureConfig, work: Path, *, published: bool, damage: str | None = None
    ) -> None:
        self.out, self.config, self.published = out, config, published
        self._damage, self._notes_damage = damage, None
        try:
            self._notes = read_notes(work)
        except DamagedNotes as error:
            logger.warning("%s. Rows of %s are told apart by their names, and the notes written again.", error, out)
            self._notes, self._notes_damage = {}, str(error)

    def __len__(self) -> int:
        return self.config.rows

    @property
    def features(self) -> Features:
        return self.config.features

    @cached_property
    def notes(self) -> list[RowNote]:
        """What is known of each row, in order; of rows without notes the name that stands in the set."""
        notes: list[RowNote] = []
        for name, file in self.config.files.items():
            found = self._notes.get(file.content, [])
            noted = found if len(found) == file.counts.rows else [RowNote()] * file.counts.rows
            if not all(note.identity.is_known for note in noted):
                named = self._names(self.out / name, file)
                noted = [
                    note if note.identity.is_known else RowNote(note.keys, identity, note.id, note.computed)
                    for note, identity in zip(noted, named, strict=True)
                ]
            notes += noted
        return notes

    def _names(self, path: Path, file: FeatureFile) -> list[RowIdentity]:
        column = naming_column(self.features)
        unknown = [UNKNOWN] * file.counts.rows
        if column is None:
            return unknown
        try:
            check_regular(path.stat())
            with pq.ParquetFile(path, pre_buffer=False) as opened:
                values = opened.read(columns=[column], use_threads=False).column(column).to_pylist()
        except (OSError, ValueError, KeyError):  # damaged, or no file: only the number of its rows is known
            return unknown
        return named_by(column, values) if len(values) == file.counts.rows else unknown

    def gone_rows(self, identities: Sequence[RowIdentity]) -> list[int]:
        """Rows that are not among others."""
        found = match_rows([note.identity for note in self.notes], identities)
        return [row for row, position in enumerate(found) if position is None]

    def label(self, row: int) -> str:
        """What people call a row."""
        identity = self.notes[row].identity
        return repr(identity.name) if identity.name is not None else f"row {row}"

    def check_written_again(self, content: Callable[[range], str]) -> None:
        """Raise StoreError if rows would be taken out of the set and nobody could tell.

        That is where the notes of its rows are damaged, and other rows of no name would be written. content: digest of
        what goes into a file with some of the new rows.
        """
        if self._notes_damage is None or all(note.identity.is_known for note in self.notes):
            return
        first = 0
        for file in self.config.files.values():
            rows = range(first, first + file.counts.rows)
            first = rows.stop
            if content(rows) != file.content:
                raise StoreError(
                    f"{self._notes_damage}, so that nobody can tell whether the rows of {self.out} are among those of "
                    "this run. Remove it to compare only their number, or replace what is there (--replace, "
                    'existing="replace").'
                )

    def check_files(self) -> None:
        """Raise StoreError if a file is not as it was written: rows that only it has cannot be kept."""
        for damage in (self._damage, self._notes_damage):
            if damage is not None:
                raise StoreError(
                    f"{damage.rstrip('.')}. Without it rows cannot be added to {self.out}: restore it from a copy, or "
                    'write what this run has alone (--replace, existing="replace").'
                )
        for name, file in self.config.files.items():
            path = self.out / name
            if not path.is_file() or not is_as_written(path, file, read_again=False):
                raise StoreError(
                    f"{path} is {'damaged' if path.is_file() else 'missing'}, so that its rows cannot be kept. Extract "
                    "what it was made of once more into a directory of its own, or write what this run has alone "
                    '(--replace, existing="replace").'
                )

    def tables(self, rows: range, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        """Some columns of some neighbouring rows as they were declared, at most `size` rows at a time."""
        declared = Features({name: self.features[name] for name in columns}).arrow_schema
        first = 0
        for name, file in self.config.files.items():
            within = range(max(rows.start - first, 0), min(rows.stop - first, file.counts.rows))
            first += file.counts.rows
            if within:
                for table in _file_tables(self.out / name, within, columns, size):
                    yield table.select(list(columns)).cast(declared)

    def row_id(self, row: int) -> str:
        """What changes with any value of a row."""
        known = self.notes[row].id
        if known is not None:
            return known
        (table,) = self.tables(range(row, row + 1), list(self.features), 1)
        values = Rows.from_batch(table)
        return combined(*(part for name in values.names for part in (name, value_digest(values.value(name, 0)))))

    @cached_property
    def statuses(self) -> list[str]:
        """`emollama_status` of each row."""
        if schema.STATUS not in self.features:
            return [schema.OK] * len(self)
        tables = self.tables(range(len(self)), [schema.STATUS], 10_000)
        return [value or schema.OK for table in tables for value in table.column(0).to_pylist()]


def open_existing(out: Path, work: Path) -> ExistingSet | None:
    """The feature data set of a directory; None if it has none.

    Where its provenance is damaged, its rows and columns are those of the files.
    """
    try:
        configs = read_manifest(out).configs
    except NewerManifest:
        raise
    except ManifestError as error:
        config = _config_of_files(out, work) if (out / PROVENANCE).is_file() else None
        return None if config is None else ExistingSet(out, config, work, published=False, damage=str(error))
    if not any(config.rows for config in configs.values()):
        return None
    name = DEFAULT_CONFIG if DEFAULT_CONFIG in configs else next(iter(configs))
    published = len(configs) > 1 or configs[name].key is not None
    return ExistingSet(out, configs[name], work, published=published)


def _config_of_files(out: Path, work: Path) -> FeatureConfig | None:
    """What the Parquet files say themselves, and nobody has checked."""
    contents = list(known_rows(work))
    files: dict[str, FeatureFile] = {}
    features = Features()
    for path in filter(Path.is_file, sorted((out / DATA).glob("train-*.parquet"))):
        content = next((one for one in contents if path.stem.endswith(f"-{one[:CONTENT_DIGITS]}")), "")
        with contextlib.suppress(OSError, pa.ArrowInvalid), pq.ParquetFile(path, pre_buffer=False) as file:
            features |= declared_features(file.schema_arrow)
            counts = FileCounts(rows=file.metadata.num_rows)
            files[f"{DATA}/{path.name}"] = FeatureFile("", path.stat().st_size, content, counts)
    return FeatureConfig({}, Features(features), files) if files else None


def _file_tables(path: Path, rows: range, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
    """Some neighbouring rows of a file, read from the row groups that have them."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        first = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            start, stop = max(rows.start - first, 0), min(rows.stop - first, count)
            first += count
            if start < stop:
                table = file.read_row_group(group, columns=list(columns), use_threads=False)
                for at in range(start, stop, size):
                    yield table.slice(at, min(size, stop - at))
