"""Features as they are trained on: rows that have them, in its format, and nothing that no batch can hold."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, concatenate_datasets, load_dataset, load_from_disk

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.extraction.carried import carry_making
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, FeatureConfig
from emollama_hf.feature_set.parquet_rows import check_directory
from emollama_hf.feature_set.set_paths import README
from emollama_hf.files.given_path import given_path
from emollama_hf.frames.source import FILE_URL, local_path
from emollama_hf.sharing.card_files import check_card_files
from emollama_hf.sharing.places.open_place import open_place
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.known_columns import feature_columns
from emollama_hf.text.few_of_many import few_and_more

logger = package_logger(__name__)

#: The column that says which split a row is from, where a place has several.
SPLIT = "split"
DTYPES = ("float16", "bfloat16", "float32", "float64")
FORMATS = ("torch", "numpy", "tensorflow", "jax", "arrow", "pandas", "polars")
#: What `datasets` reads as a pattern of names, or as a chain of URLs.
_PATTERN = re.compile(r"\[|::")


@no_secrets()
def load(
    place: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    format: str | None = None,
    dtype: Any = None,
    ok_only: bool = True,
    split: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
) -> Dataset:
    """Open features for training; plain `load_dataset` opens them, too, with every row and column.

    Args:
        place: directory that `extract` or `save_to_disk` wrote, data set on the Hub ("org/name"), URL that `push`
            wrote to ("s3://bucket/path").
        columns: columns of the result, in this order, labels and folds among them. None: all of them; with `format`
            those that have nulls are left out, since nulls cannot be put into a batch.
        format: as for `Dataset.with_format`: "torch", "numpy", ...
        dtype: of the columns of floating-point numbers in "torch" or "numpy", such as "float16" or torch.float16; the
            other columns are plain Python values then, which a DataLoader collates. None: float32, and int64 for whole
            numbers and classes.
        ok_only: leave out rows without features: those whose `emollama_status` is not ok, and those with a null in one
            of `columns`. How many that are is logged as a warning. False: all rows; in tensors, failed ones are NaN or
            None.
        split: of a place with several. None: all of them, in one data set with a column `split`.
        config_name, revision: as for `load_dataset`.

    Returns:
        One data set. Folds, such as `test_fold_num`, are a column of it.

    Raises:
        FileNotFoundError: there is no such directory or data set.
        ValueError: it cannot be opened, names files outside of its directory, has no such column or split, or no row is
            left; `dtype` without a format.

    Example:
        >>> ds = load("features", columns=["facemae", "mw_label", "test_fold_num"], format="torch")
        >>> next(iter(DataLoader(ds, batch_size=16)))["facemae"].shape
        torch.Size([16, 1024])
    """
    check_choice("format", format, (None, *FORMATS))
    if dtype is not None and format not in ("torch", "numpy"):
        raise ValueError(
            f"dtype={dtype!r} would have no effect with format={format!r}. Pass format='torch' or 'numpy'."
        )
    number_type = None if dtype is None else _number_type(dtype, str(format))
    ds = _open(os.fspath(place), split, config_name, revision)
    wanted = _wanted(ds, columns, os.fspath(place))
    if ok_only:
        ds = _complete_rows(ds, wanted, os.fspath(place))
    if wanted is not None:
        ds = ds.select_columns(wanted)
    elif format is not None and ok_only:
        ds = _without_nulls(ds)
    if number_type is not None:
        numbers = [name for name, kind in ds.features.items() if _is_floating(kind)]
        return ds.with_format(format, columns=numbers, output_all_columns=True, dtype=number_type)
    return ds if format is None else ds.with_format(format)


def _open(place: str, split: str | None, config_name: str | None, revision: str | None) -> Dataset:
    if not place.strip():
        raise ValueError("no place was named. Give a directory, a data set on the Hub (org/name), or a URL.")
    config: FeatureConfig | None = None
    local = local_path(place) if place.startswith(FILE_URL) else Path(place)
    named = local is not None and (place.startswith(FILE_URL) or "://" not in place)
    folder = given_path(local or place, error=ShareError) if named else Path(place)
    if local is not None and folder.is_dir():
        place = str(folder)
    if folder.is_file():
        raise ValueError(f"{place!r} is a file, expected a directory, a data set on the Hub, or a URL.")
    is_url = "://" in place
    if not is_url and not folder.is_dir() and (place.count("/") > 1 or place.startswith((".", "/", "~"))):
        raise FileNotFoundError(f"there is no directory {place!r}. Give the one that extract wrote (--out).")
    if folder.is_dir() and is_feature_set(folder):
        check_card_files(folder)
    try:
        if folder.is_dir() and any((folder / name).is_file() for name in ("dataset_info.json", "dataset_dict.json")):
            found = load_from_disk(str(folder))
        elif is_url and not place.startswith("hf://"):
            found = load_dataset("parquet", data_files=_files_at(place, config_name))
        else:
            name = place.removeprefix("hf://datasets/")
            if is_feature_set(folder):
                config = check_directory(folder, config_name)
            if folder.is_dir():  # "." has no name, and `datasets` names what it opens by the folder
                name = str(folder if folder.name not in ("", "..") else folder.resolve())
            found = load_dataset(name, config_name, revision=revision)
    except Exception as error:  # `datasets` and the Hub raise many types; each has one useful first line
        lines = str(error).strip().splitlines()
        neither = "" if folder.is_dir() or is_url else "is no directory here and "
        what = f"{place!r} {neither}cannot be opened as a data set: {lines[0] if lines else type(error).__name__}"
        if not folder.is_dir() and not is_url:
            what = f"{what.removesuffix('.')}. Give a directory, a data set on the Hub (org/name), or a URL."
        if folder.is_dir() and _PATTERN.search(str(folder.absolute())):
            what += ". `datasets` takes '[' and '::' in a path for more than a name: rename the directory"
        if config is not None:
            what += f". Its Parquet files are as they were written: look at the first lines of {folder / README}"
        missing = isinstance(error, FileNotFoundError)  # DatasetNotFoundError is one
        raise (FileNotFoundError if missing else ValueError)(what) from error
    ds = _one_split(found, split, place)
    if config is not None and (ds.features != config.features or len(ds) != config.rows):
        raise ValueError(
            f"{folder / README} is damaged, or was changed: by it, {place!r} has other columns or rows than by its "
            "provenance.json. Restore its first lines, or extract or push into it once more, which writes them again."
        )
    if config is not None and config.made:
        carry_making(ds, config.made)
    return ds


def _files_at(url: str, config_name: str | None) -> list[str]:
    manifest = open_place(url).manifest()
    if manifest is None:
        raise ShareError("there is no provenance.json, so that nobody knows which files are its rows.")
    name = config_name or (DEFAULT_CONFIG if DEFAULT_CONFIG in manifest.configs else next(iter(manifest.configs), ""))
    if name not in manifest.configs:
        raise ShareError(f"there is no configuration {name!r}, only {', '.join(manifest.configs)}.")
    return [f"{url.rstrip('/')}/{file}" for file in manifest.configs[name].files]


def _one_split(found: Dataset | DatasetDict, split: str | None, place: str) -> Dataset:
    if isinstance(found, Dataset):
        if split not in (None, str(found.split)):
            raise ValueError(f"{place!r} has no splits, and split={split!r} was asked for. Leave it out.")
        return found
    if split is not None and split not in found:
        raise ValueError(f"{place!r} has no split {split!r}, only {', '.join(found)}. Choose one of these.")
    if split is not None or len(found) == 1:
        return found[split or next(iter(found))]
    if any(SPLIT in part.column_names for part in found.values()):
        raise ValueError(f"{place!r} has the splits {', '.join(found)} and a column {SPLIT!r}. Choose one (split=).")
    parts = [part.add_column(SPLIT, [name] * len(part)) for name, part in found.items()]
    try:
        return concatenate_datasets(parts)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"the splits {', '.join(found)} of {place!r} have other columns each. Choose one (split=)."
        ) from error


def _wanted(ds: Dataset, columns: Sequence[str] | None, place: str) -> list[str] | None:
    if columns is None:
        return None
    wanted = list(dict.fromkeys((columns,) if isinstance(columns, str) else columns))
    missing = [name for name in wanted if name not in ds.column_names]
    if missing or not wanted:
        raise ValueError(
            f"{place!r} has no column {', '.join(map(repr, missing)) or 'that was named'}; it has "
            f"{', '.join(ds.column_names)}. Name some of these (columns=)."
        )
    if SPLIT in ds.column_names and SPLIT not in wanted:
        wanted.append(SPLIT)
    return wanted


def _complete_rows(ds: Dataset, wanted: list[str] | None, place: str) -> Dataset:
    """The rows that have features, and no null in a column that is wanted. Says how many are left out, and why."""
    reasons: dict[int, str] = {}
    if schema.STATUS in ds.column_names:
        statuses = ds.select_columns([schema.STATUS]).with_format("arrow")[:].column(0).to_pylist()
        reasons = {row: status for row, status in enumerate(statuses) if status not in (None, schema.OK)}
    computed = [name for name in feature_columns() if name in ds.column_names]
    for name in computed if wanted is None else [name for name in wanted if name not in (schema.STATUS, schema.ERROR)]:
        for row in _null_rows(ds, name):
            reasons.setdefault(row, f"without {name}")
    if not reasons:
        return ds
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(reasons.values()).most_common())
    if len(reasons) == len(ds):
        raise ValueError(f"none of the {len(ds)} rows of {place!r} can be trained on: {kinds}. See {schema.ERROR}.")
    logger.warning("%d of %d rows of %s are left out: %s.", len(reasons), len(ds), place, kinds)
    return ds.select([row for row in range(len(ds)) if row not in reasons])


def _null_rows(ds: Dataset, name: str) -> Iterable[int]:
    first = 0
    for table in ds.select_columns([name]).with_format("arrow").iter(batch_size=1000):
        column = table.column(0)
        if column.null_count:
            yield from (first + row for row, null in enumerate(pc.is_null(column).to_pylist()) if null)
        first += table.num_rows


def _without_nulls(ds: Dataset) -> Dataset:
    """The columns that can be put into a batch. Facts of a clip that are not known are NaN."""
    facts = [name for name in schema.CLIP_FACTS if name in ds.features and _is_floating(ds.features[name])]
    lacking = [name for name in ds.column_names if name not in facts and any(True for _ in _null_rows(ds, name))]
    told = [name for name in lacking if name != schema.ERROR]
    if told:
        logger.warning(
            "Columns with nulls are left out: %s. Name those that you need (columns=) to leave out their rows instead.",
            few_and_more(told),
        )
    return ds.remove_columns(lacking)


def _is_floating(feature: Any) -> bool:
    return bool(schema.shape_of(feature) is not None and schema.dtype_of(feature).startswith("float"))


def _number_type(dtype: Any, format: str) -> Any:
    name = str(dtype).removeprefix("torch.")
    if format == "numpy":
        import numpy as np

        name = np.dtype(dtype).name if not isinstance(dtype, str) else name
        check_choice("dtype", name, tuple(one for one in DTYPES if one != "bfloat16"))
        return np.dtype(name)
    import torch

    check_choice("dtype", name, DTYPES)
    return getattr(torch, name)
