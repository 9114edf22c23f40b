"""The rows that are pushed, from a feature data set's directory or from a `Dataset`, a few at a time and in order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
from datasets import Audio, Dataset, DatasetDict, Features, Image

from emollama_hf import schema
from emollama_hf.errors import ShareError, SourceError
from emollama_hf.extraction.carried import carried_making
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.feature_rows import piece_rows
from emollama_hf.feature_set.manifest import FeatureConfig, RowKey, read_manifest
from emollama_hf.feature_set.parquet_rows import open_config
from emollama_hf.files.digest import combined
from emollama_hf.files.given_path import given_path
from emollama_hf.frames.source import local_path, shown_name
from emollama_hf.planning.content import value_digest
from emollama_hf.privacy.media import path_of, undecoded
from emollama_hf.rows import Rows
from emollama_hf.sharing.plain_texts import checked_texts, ordinary_features
from emollama_hf.sharing.without_features import refuse_directory, unusable
from emollama_hf.stages.known_columns import sensitive_columns

CLIP_ID_DIGITS = 16


class Tables(Protocol):
    """Rows as tables, in order."""

    def tables(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]: ...


@dataclass(frozen=True)
class SourceRows:
    """made: what `run_description.describe_run` said of them, empty if nobody knows. key: how they are named already.

    count: how many. withheld: what was left out of them before. directory: the directory that holds them, if any.
    """

    features: Features
    made: Mapping[str, Any]
    rows: Tables
    count: int
    key: RowKey | None = None
    withheld: tuple[str, ...] = ()
    directory: Path | None = None

    def tables(self, columns: Sequence[str], *, one_by_one: bool = False) -> Iterator[pa.Table]:
        """All rows, in pieces that fit into memory. one_by_one: rows hold recordings, whose size no type tells."""
        size = piece_rows(Features({name: self.features[name] for name in columns}))
        tables = self.rows.tables(columns, 1 if one_by_one else size)
        return (checked_texts(table, self.features) for table in tables)


def open_rows(
    source: Dataset | str | os.PathLike[str], *, config_name: str | None = None, key: str | None = None
) -> SourceRows:
    """The rows of a data set, or of a directory that `extract` or a push wrote, or that `datasets` opens.

    config_name: the configuration, where a directory has several. key: the column that names rows; without it, rows of
    a data set that has none get one. Raises ShareError.
    """
    if isinstance(source, str | os.PathLike):
        return _from_directory(given_path(source, error=ShareError), config_name, key)
    if isinstance(source, DatasetDict) and len(source) == 1:
        source = next(iter(source.values()))
    if not isinstance(source, Dataset):
        splits = f" Push each split by itself: ds[{next(iter(source))!r}]." if isinstance(source, dict) else ""
        raise ShareError(f"push takes a datasets.Dataset or a directory, got {type(source).__name__}.{splits}")
    return _from_dataset(source, key)


def _from_directory(folder: Path, config_name: str | None, key: str | None) -> SourceRows:
    if not is_feature_set(folder):
        refuse_directory(folder)
        from emollama_hf.extraction.sources import open_source

        try:
            ds = open_source(str(folder))
        except SourceError as error:
            raise unusable(folder, str(error)) from error
        return replace(_from_dataset(ds, key), directory=folder)
    known = read_manifest(folder).configs
    config, rows = open_config(folder, config_name if config_name in known else None)
    return SourceRows(config.features, config.made, rows, config.rows, config.key, _by_extract(config), folder)


def _by_extract(config: FeatureConfig) -> tuple[str, ...]:
    """What `extract` left out: only `extract` can write it, since the directory never had it."""
    if config.key is not None:
        return config.withheld
    return tuple(line.replace("; `--include ", "; `extract --include ") for line in config.withheld)


def _from_dataset(ds: Dataset, key: str | None) -> SourceRows:
    for name, feature in ds.features.items():
        if isinstance(feature, Image | Audio) and feature.decode:
            ds = ds.cast_column(name, type(feature)(decode=False))
    ds = undecoded(ds)
    made = carried_making(ds)
    if key is None and len(ds) and not any(name in ds.column_names for name in schema.ROW_NAMES):
        ds = _named(ds)
    return SourceRows(ordinary_features(ds.features), made, _DatasetRows(ds), len(ds))


def _named(ds: Dataset) -> Dataset:
    """The data set with a column that names its rows: the files of its clips, or else what is in a row."""
    for column in (schema.VIDEO, schema.FRAMES):
        values = ds[column] if column in ds.column_names else []
        paths = [path for value in values if (path := path_of(value)) is not None]
        if paths and len(paths) == len(ds):
            return ds.add_column(schema.FILE_NAME, [*_below_one_folder(paths)])
    apart = (*sensitive_columns(), schema.STATUS, schema.ERROR)
    columns = [name for name in ds.column_names if name not in apart]
    digests = []
    for table in ds.select_columns(columns).with_format("arrow").iter(batch_size=16):
        rows = Rows.from_batch(table)
        digests += [combined(*(value_digest(rows.value(name, row)) for name in columns)) for row in range(rows.length)]
    return ds.add_column(schema.CLIP_ID, [digest[:CLIP_ID_DIGITS] for digest in digests])


def _below_one_folder(paths: list[str]) -> list[str]:
    """Names of files relative to the folder that holds all of them."""
    found = [(path, local_path(path)) for path in paths]
    plain = [urlsplit(path).path if local is None else os.path.abspath(local) for path, local in found]
    folder = os.path.commonpath([os.path.dirname(path) for path in plain])
    return [shown_name(Path(os.path.relpath(path, folder)).as_posix()) for path in plain]


@dataclass(frozen=True)
class _DatasetRows:
    ds: Dataset

    def tables(self, columns: Sequence[str], size: int) -> Iterator[pa.Table]:
        if len(self.ds):
            yield from self.ds.select_columns(list(columns)).with_format("arrow").iter(batch_size=size)
