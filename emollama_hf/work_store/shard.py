"""One shard of the work store: what some rows came to in some stages, written once and never changed.

manifest.json             keys of the rows, failures, size and hash of each file, versions; ends with its own digest
{stage}.arrow             the stage's columns as `datasets` declares them, a row for each computed key
{stage}.pictures.arrow    its columns that show faces, compressed; it may be deleted, the rest stays good
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Features

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ClipError, ErrorKind, SafeMessage, StoreError
from emollama_hf.files.digest import FileState, file_state, json_digest
from emollama_hf.files.small_file import MANIFEST_BYTES, read_small
from emollama_hf.files.written_file import WrittenFile, is_as_written
from emollama_hf.text.plain_names import name_fault
from emollama_hf.work_store.arrow_columns import to_arrow
from emollama_hf.work_store.arrow_file import ArrowFile, RowFile, ToArrow
from emollama_hf.work_store.media_cells import CELL, cells_to_arrow

logger = package_logger(__name__)

#: 2: files have no sha256 any more, which older versions ask for.
FORMAT = 2
MANIFEST = "manifest.json"
#: What reading something else as a manifest raises.
NOT_A_MANIFEST = (ValueError, KeyError, AttributeError, TypeError, RecursionError)


@dataclass(frozen=True)
class Failure:
    """Why a row could not be computed: `emollama_status`, and the message without the row's name."""

    kind: ErrorKind
    message: str

    def error(self) -> ClipError:
        return ClipError(self.kind, self.message)


class ShardWriter:
    """Collects outcomes in a folder of its own; `close` makes it a shard. Holds one batch of each stage in memory."""

    def __init__(self, folder: Path, made_with: dict[str, Any]) -> None:
        self.folder = folder
        self.nbytes = 0
        self._made_with = made_with
        self._stages: dict[str, _StageWriter] = {}

    def add(self, stage: str, features: Features, key: str, outcome: dict[str, Any] | ClipError) -> None:
        """What a stage made of the row `key`, pictures as cells. features: the types of the stage's own columns."""
        if stage not in self._stages:
            self._stages[stage] = _StageWriter(self.folder, stage, features)
        self.nbytes += self._stages[stage].add(key, outcome)

    def close(self) -> None:
        """Bring everything to the disk, the manifest last."""
        stages = {name: stage.close() for name, stage in self._stages.items()}
        write_manifest(self.folder, self._made_with, stages)

    def abandon(self) -> None:
        """Let go of the files without finishing them."""
        for stage in self._stages.values():
            stage.abandon()


def write_manifest(folder: Path, made_with: dict[str, Any], stages: dict[str, Any]) -> None:
    """Make a shard of a folder with the files of `stages`, and bring it to the disk."""
    content = {"format": FORMAT, "made_with": made_with, "stages": stages}
    # Under its own name at once: nobody reads the folder before it is renamed as a whole.
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump({**content, "sha256": json_digest(content)}, file)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(folder)


class StoredSize:
    """Bytes that rows of a stage take in a shard. features: the types of the stage's own columns."""

    def __init__(self, features: Features) -> None:
        self.numbers = Features({name: kind for name, kind in features.items() if not schema.is_picture(kind)})
        self.pictures = [name for name in features if name not in self.numbers]
        self._of_any_length = [name for name, kind in self.numbers.items() if -1 in (schema.shape_of(kind) or ())]
        fixed = {name: kind for name, kind in self.numbers.items() if name not in self._of_any_length}
        self._fixed_bytes = schema.row_bytes(Features(fixed))

    def of(self, outcome: dict[str, Any] | ClipError) -> int:
        """Of one row, pictures as cells; a failure takes none."""
        return 0 if isinstance(outcome, ClipError) else self.of_numbers(outcome) + self.of_pictures(outcome)

    def of_numbers(self, row: dict[str, Any]) -> int:
        return self._fixed_bytes + sum(np.asarray(row[name]).nbytes for name in self._of_any_length)

    def of_pictures(self, row: dict[str, Any]) -> int:
        return sum(len(row[name]["zstd"]) for name in self.pictures)


class _StageWriter:
    def __init__(self, folder: Path, stage: str, features: Features) -> None:
        size = StoredSize(features)
        self._files: list[RowFile] = []
        if numbers := size.numbers:
            types = numbers.arrow_schema
            file = ArrowFile(folder / f"{stage}.arrow", types)
            columns: dict[str, ToArrow] = {
                name: partial(to_arrow, name, feature=kind, arrow_type=types.field(name).type)
                for name, kind in numbers.items()
            }
            self._files.append(RowFile(file, columns, size.of_numbers))
        if pictures := size.pictures:
            file = ArrowFile(folder / f"{stage}.pictures.arrow", pa.schema([(name, CELL) for name in pictures]))
            self._files.append(RowFile(file, dict.fromkeys(pictures, cells_to_arrow), size.of_pictures))
        self._keys: list[str] = []
        self._failed: dict[str, list[str]] = {}

    def add(self, key: str, outcome: dict[str, Any] | ClipError) -> int:
        if isinstance(outcome, ClipError):
            self._failed[key] = [outcome.kind, str(outcome)]
            return 0
        self._keys.append(key)
        return sum(one.add(outcome) for one in self._files)

    def close(self) -> dict[str, Any]:
        files = {one.file.name: one.close().to_json() for one in self._files}
        for one in self._files:
            if one.rows != len(self._keys):  # after an error of `add`
                raise ValueError(
                    f"{one.file.name}: {len(self._keys)} rows were given and {one.rows} written. "
                    "Nothing of the shard is kept."
                )
        return {"keys": self._keys, "failed": self._failed, "files": files}

    def abandon(self) -> None:
        for one in self._files:
            one.file.abandon()


@dataclass
class Shard:
    """A finished shard."""

    folder: Path
    made_with: dict[str, Any]
    _stages: dict[str, dict[str, Any]] = field(repr=False)
    _told: set[str] = field(default_factory=set, repr=False)
    _intact: dict[str, FileState] = field(default_factory=dict, repr=False)
    _checked: set[str] = field(default_factory=set, repr=False)

    @classmethod
    def open(cls, folder: Path) -> Shard:
        """Raises DamagedShard if the manifest is not what was written, StoreError if a newer version wrote it."""
        try:
            content = json.loads(read_small(folder / MANIFEST, at_most=MANIFEST_BYTES))
            claimed = content.pop("sha256")
        except (FileNotFoundError, NotADirectoryError, *NOT_A_MANIFEST) as error:
            raise DamagedShard(f"its {MANIFEST} cannot be read ({error})") from error
        except OSError as error:
            raise _unreadable(folder / MANIFEST, error) from error
        version = content.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise StoreError(
                f"{folder / MANIFEST}: was written by a newer emollama_hf (format {version}, this one knows {FORMAT}). "
                "Update emollama_hf, or use another directory."
            )
        if claimed != json_digest(content):
            raise DamagedShard(f"its {MANIFEST} was changed")
        names = [name for stage, described in content["stages"].items() for name in (stage, *described["files"])]
        if any(name_fault(name) is not None for name in names):
            raise DamagedShard(f"its {MANIFEST} names files of other folders")
        return cls(folder, content["made_with"], content["stages"])

    @property
    def stages(self) -> list[str]:
        return list(self._stages)

    @property
    def keys(self) -> set[str]:
        """Keys of all rows that the shard knows something of."""
        stages = self._stages.values()
        return {key for stage in stages for key in (*stage["keys"], *stage["failed"])}

    def computed(self, stage: str) -> Sequence[str]:
        """Keys of the rows with values, in the order of the files."""
        keys: list[str] = self._stages[stage]["keys"]
        return keys

    def failures(self, stage: str) -> Iterator[tuple[str, Failure]]:
        for key, (kind, message) in self._stages[stage]["failed"].items():
            yield key, Failure(kind, message)

    def check(self, stage: str) -> None:
        """Raise DamagedShard unless the stage's numbers are the bytes that were written; they are read once."""
        if stage in self._checked:
            return
        for name in self._stages[stage]["files"]:
            if not name.endswith(".pictures.arrow"):
                self._check_file(stage, name)
        self._checked.add(stage)

    def file(self, stage: str) -> Path:
        """The stage's numbers."""
        return self.folder / f"{stage}.arrow"

    def pictures_file(self, stage: str) -> Path | None:
        """The stage's pictures; None if it has none, if they were deleted or are not as they were written."""
        name = f"{stage}.pictures.arrow"
        path = self.folder / name
        if not path.exists():
            return None
        try:
            self._check_file(stage, name)
        except DamagedShard as error:
            if name not in self._told:
                self._told.add(name)
                logger.warning("%s is damaged: %s. They are made again where they are needed.", self.folder, error)
            return None
        return path

    def _check_file(self, stage: str, name: str) -> None:
        written = WrittenFile.from_json(self._stages[stage]["files"][name])
        path = self.folder / name
        try:
            state = file_state(path)
            if self._intact.get(name) == state:
                return
            intact = is_as_written(path, written, read_again=False)
        except FileNotFoundError as error:
            raise DamagedShard(f"{name} is not there") from error
        except OSError as error:
            raise _unreadable(path, error) from error
        if not intact:
            size = state[1]
            sizes = f"{size} bytes instead of {written.bytes}" if size != written.bytes else "other bytes"
            raise DamagedShard(f"{name} is not as it was written ({sizes})")
        self._intact[name] = state


def _unreadable(path: Path, error: OSError) -> StoreError:
    # Not damage, which would cost the shard: a disk, a network or rights may be there again.
    return StoreError(f"{path} cannot be read ({error.strerror or error}). Nothing was changed: try again.")


class DamagedShard(SafeMessage, ValueError):
    """A shard's bytes are not those that were written."""


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
