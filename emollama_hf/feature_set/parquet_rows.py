"""The rows of a feature data set, read from its Parquet files where they are, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

from emollama_hf.console.logs import package_logger
from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, FeatureConfig, NewerManifest, read_manifest
from emollama_hf.files.written_file import is_as_written

logger = package_logger(__name__)


def open_config(directory: Path, name: str | None = None) -> tuple[FeatureConfig, ParquetRows]:
    """A configuration of a feature data set on disk, and its rows. name: needed where there are several.

    Raises ValueError if there is no such configuration, or a file is missing or damaged.
    """
    configs = read_manifest(directory).configs
    if not configs:
        raise ValueError(f"{directory} has no rows. Extract them again.")
    chosen = name or (DEFAULT_CONFIG if DEFAULT_CONFIG in configs else next(iter(configs)))
    if chosen not in configs or (name is None and len(configs) > 1 and DEFAULT_CONFIG not in configs):
        raise ValueError(f"{directory} has the configurations {', '.join(configs)}. Choose one (--config).")
    config = configs[chosen]
    paths = [directory / file for file in config.files]
    _check_present(paths, str(directory))
    check_files(directory, config)
    return config, ParquetRows(paths, str(directory))


def check_directory(directory: Path, name: str | None = None) -> FeatureConfig | None:
    """Check the files that `load_dataset` opens; what the provenance says of them, if they are of one configuration.

    name: of a configuration. Raises ValueError if a file or the provenance is damaged.
    """
    try:
        configs = read_manifest(directory).configs
    except NewerManifest as error:
        logger.warning("%s Its files are opened unchecked.", error)
        return None
    chosen = name or (DEFAULT_CONFIG if DEFAULT_CONFIG in configs else None)
    wanted = [configs[chosen]] if chosen in configs else list(configs.values())
    for config in wanted:
        check_files(directory, config)
    return wanted[0] if len(wanted) == 1 else None


def check_files(directory: Path, config: FeatureConfig) -> None:
    """Raise ValueError if a file of a configuration is not as it was written; all of them are read."""
    for name, file in config.files.items():
        path = directory / name
        if path.is_file() and is_as_written(path, file):
            continue
        what = "damaged: it is not as it was written" if path.is_file() else "missing"
        raise ValueError(
            f"{path} is {what}. Extract or push the same into {directory} once more, which writes it again, or restore "
            "it from a copy."
        )


def _check_present(paths: Sequence[Path], where: str) -> None:
    lost = "every Parquet file" if not paths else next((path.name for path in paths if not path.is_file()), None)
    if lost:
        raise ValueError(f"{where}: {lost} is missing. Extract it again.")


class ParquetRows:
    """The columns that are asked for, and no others, in the order of the files.

    Opened with `load_dataset`, all of it would be copied into the cache of `datasets` first. Streamed with it, threads
    of pyarrow can outlive the interpreter, and the process aborts when it ends
    (tests/feature_set/test_parquet_rows.py::test_no_thread_is_started).

    paths: the files. where: what to call them. Raises ValueError if there is none, or one is not there.
    """

    def __init__(self, paths: Sequence[Path], where: str) -> None:
        self._paths = paths
        _check_present(paths, where)
        self.features: Features = Features.from_arrow_schema(pq.read_schema(self._paths[0]))
        self.column_names = list(self.features)

    def tables(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        """All rows of some columns, at most `size` rows at a time."""
        for path in self._paths:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(size, columns=list(columns), use_threads=False):
                    yield pa.Table.from_batches([batch])
