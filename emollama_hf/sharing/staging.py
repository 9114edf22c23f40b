"""Files that are about to be published, made on this machine first, so that all of them can be looked at."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Protocol

import pyarrow as pa
from datasets import Features
from datasets.config import HF_DATASETS_CACHE
from filelock import FileLock, Timeout

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.feature_set import SHARD_BYTES, write_feature_file
from emollama_hf.feature_set.manifest import FeatureFile
from emollama_hf.feature_set.set_paths import data_folder, file_name
from emollama_hf.files.digest import combined
from emollama_hf.sharing.push_plan import PushPlan


@contextmanager
def staging_folder() -> Iterator[Path]:
    """An empty folder in the cache of `datasets`, gone afterwards; what killed processes left there is cleared."""
    root = Path(HF_DATASETS_CACHE) / "emollama_hf" / "push"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(root)
        folder = Path(tempfile.mkdtemp(dir=root))
    except OSError as error:
        raise ShareError(f"{root} cannot be written to ({error.strerror}). Set HF_HOME to a disk with room.") from error
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        with lock:
            yield folder
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(root)):
            raise
        raise ShareError(
            f"{root} cannot be written to ({error.strerror}): files are made there before they are sent. Nothing was "
            "published. Make room, or set HF_HOME to a disk that has it."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".lock").unlink(missing_ok=True)


def _clear_abandoned(root: Path) -> None:
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        lock = FileLock(folder.with_suffix(".lock"), timeout=0)
        try:
            with lock:
                shutil.rmtree(folder, ignore_errors=True)
                folder.with_suffix(".lock").unlink(missing_ok=True)
        except Timeout:
            continue  # of a push that is running


def stage_rows(
    tables: Iterator[pa.Table],
    features: Features,
    plan: PushPlan,
    key: str,
    folder: Path,
    *,
    config: str,
    first: int,
) -> dict[str, FeatureFile]:
    """Write the rows of a plan to Parquet files of about 256 MB; their entries by their published path.

    folder: where they lie, under the same path. first: number of the first file.
    """
    files: dict[str, FeatureFile] = {}
    chosen = _chosen(tables, plan.digests, key)
    numbers = count(first)
    while (head := next(chosen, None)) is not None:
        path, file = stage_file(
            _until_full(chain([head], chosen)),
            features,
            folder,
            config=config,
            number=next(numbers),
            key=key,
            known=plan,
        )
        files[path] = file
    return files


class Known(Protocol):
    """What is known of rows by their names."""

    @property
    def digests(self) -> Mapping[str, str]: ...

    @property
    def failed(self) -> Collection[str]: ...


def stage_file(
    tables: Iterable[pa.Table],
    features: Features,
    folder: Path,
    *,
    config: str,
    number: int,
    key: str | None,
    known: Known | None,
    content: str | None = None,
) -> tuple[str, FeatureFile]:
    """One file, and where it goes.

    known: digests of rows by their names, if they were published. content: by default that of these digests.
    """
    names: list[str] = []

    def named() -> Iterator[pa.Table]:
        for table in tables:
            if known is not None and key is not None:
                names.extend(map(str, table.column(key).to_pylist()))
            yield table

    target = folder / data_folder(config)
    target.mkdir(parents=True, exist_ok=True)
    written = write_feature_file(target / "unnamed.parquet", named(), features, "", key=key)
    rows = {name: known.digests[name] for name in names} if known is not None else {}
    content = content or combined(str(features), *(f"{name} {digest}" for name, digest in rows.items()))
    failed = tuple(name for name in names if known is not None and name in known.failed)
    path = f"{data_folder(config)}/{file_name(number, content)}"
    (target / "unnamed.parquet").replace(folder / path)  # what it is called is known when all rows have passed
    return path, replace(written, content=content, rows=rows, failed=failed)


def file_number(path: str) -> int:
    """The number in a file's name."""
    return int(PurePosixPath(path).name.split("-")[1])


def _chosen(tables: Iterator[pa.Table], digests: Mapping[str, str], key: str) -> Iterator[pa.Table]:
    for table in tables:
        mask = [str(name) in digests for name in table.column(key).to_pylist()]
        chosen = table.filter(pa.array(mask, pa.bool_()))
        if chosen.num_rows:
            yield chosen


def _until_full(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The next tables, until they have `SHARD_BYTES`."""
    size = 0
    for table in tables:
        yield table
        size += table.nbytes
        if size >= SHARD_BYTES:
            return
