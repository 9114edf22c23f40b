"""Published files without some of their rows: what replacing and forgetting have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FeatureFile
from emollama_hf.files.digest import combined
from emollama_hf.files.written_file import is_as_written
from emollama_hf.sharing.names.class_names import renumbered
from emollama_hf.sharing.places.place import Place
from emollama_hf.sharing.push_plan import fitted, row_digests
from emollama_hf.sharing.staging import file_number, stage_file

READ_ROWS = 16


@dataclass(frozen=True)
class Rewritten:
    """What became of a file. kept: for each old row whether it stays. new: path and entry; None if none does."""

    kept: list[bool]
    new: tuple[str, FeatureFile] | None


@dataclass(frozen=True)
class _Rows:
    digests: Mapping[str, str]
    failed: Collection[str]


def rewrite_without(
    place: Place,
    path: str,
    file: FeatureFile,
    features: Features,
    dropped: Callable[[pa.Table], list[bool]],
    folder: Path,
    *,
    config: str,
    key: str | None,
    after: Features | None = None,
) -> Rewritten:
    """A file again, in `folder`, without the rows that are dropped.

    dropped: for each row of a table whether it goes. key: the column that names rows, if they were published. after:
    types of the new file, where names of classes go: digests of its rows are those of the new numbers.
    """
    found = place.fetch(path, folder)
    check_as_published(place, path, found, file)
    if file.rows and key is not None:
        _check_names(place, path, found, file, key)
    kept = [not one for table in _tables(found, features) for one in dropped(table)]
    if not any(kept):
        return Rewritten(kept, None)
    marks = "".join("1" if stays else "0" for stays in kept)
    content = combined(file.content, marks) if after is None else combined(file.content, marks, str(after))
    types = after or features

    def rows() -> Iterator[pa.Table]:
        for table in _kept(_tables(found, features), iter(kept)):
            yield fitted(renumbered(table, features, types), types, ()) if after is not None else table

    digests = file.rows
    if after is not None and file.rows and key is not None:
        digests = {name: digest for name, (digest, _) in row_digests(rows(), key).items()}
    new = stage_file(
        rows(),
        types,
        folder / "new",
        config=config,
        number=file_number(path),
        key=key,
        known=_Rows(digests, file.failed) if file.rows else None,
        content=content,
    )
    return Rewritten(kept, new)


def _check_names(place: Place, path: str, found: Path, file: FeatureFile, key: str) -> None:
    """Raise ShareError unless the rows of a file have the names that provenance.json says, in this order."""
    with pq.ParquetFile(found, pre_buffer=False) as opened:
        names = opened.read(columns=[key], use_threads=False).column(0).to_pylist()
    if [str(name) for name in names] != list(file.rows):
        raise ShareError(
            f"{place.name}: {path} has other rows than provenance.json names, by {key}. Nothing was changed. Restore "
            "provenance.json from a copy, or delete the file there and push its rows again."
        )


def check_as_published(place: Place, path: str, found: Path, file: FeatureFile) -> None:
    """Raise ShareError, which names the file, unless a file on this machine has the bytes that were published."""
    if not is_as_written(found, file):
        raise ShareError(
            f"{place.name}: {path} is damaged: it is not as it was published, so that its other rows cannot be kept. "
            "Restore it from a copy, or delete it there and push its rows again."
        )


def replaced_entry(
    files: Mapping[str, FeatureFile], path: str, new: tuple[str, FeatureFile] | None
) -> dict[str, FeatureFile]:
    """The files with another one in the place of `path`, or none."""
    changed: dict[str, FeatureFile] = {}
    for name, file in files.items():
        if name != path:
            changed[name] = file
        elif new is not None:
            changed[new[0]] = new[1]
    return changed


def _tables(path: Path, features: Features) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(READ_ROWS, columns=list(features), use_threads=False):
            yield pa.Table.from_batches([batch])


def _kept(tables: Iterator[pa.Table], kept: Iterator[bool]) -> Iterator[pa.Table]:
    for table in tables:
        mask = [next(kept) for _ in range(table.num_rows)]
        yield table.filter(pa.array(mask, pa.bool_()))
