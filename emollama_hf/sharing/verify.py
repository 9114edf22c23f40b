"""Proof that shared features are what they say: a few rows computed again from the clips and compared."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from emollama_hf import schema
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.extraction.sources import open_source
from emollama_hf.feature_set.card.card_writer import is_edited
from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, FeatureConfig, Manifest
from emollama_hf.feature_set.set_paths import README
from emollama_hf.planning.memory_check import check_memory
from emollama_hf.privacy.media import undecoded
from emollama_hf.rows import Rows
from emollama_hf.sharing.limits import Limit, limit_of, tolerance_of
from emollama_hf.sharing.names.row_names import RowNames, choose_names
from emollama_hf.sharing.places.open_place import open_place
from emollama_hf.sharing.places.place import Place
from emollama_hf.sharing.recompute import recorded_pipeline, stated_quantization
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.given_encoders import GivenEncoder
from emollama_hf.stages.known_columns import compared_columns
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.tensors.quantized import QUANTIZATIONS
from emollama_hf.text.few_of_many import few_and_dots


@dataclass(frozen=True)
class ColumnCheck:
    """deviation: over what is allowed, of features by root mean square and by the largest; up to 1 is within.

    difference: of hidden states that were computed with another quantization than stated, and are held to no limit:
    root mean square of the difference, as a share of the row's spread.
    """

    column: str
    deviation: float
    difference: float | None = None

    @property
    def holds(self) -> bool:
        return self.deviation <= 1 or self.difference is not None


@dataclass(frozen=True)
class RowCheck:
    """name: of the row. columns: what was compared. problem: why nothing could be, if so."""

    name: str
    columns: tuple[ColumnCheck, ...] = ()
    problem: str | None = None

    @property
    def holds(self) -> bool:
        return self.problem is None and all(column.holds for column in self.columns)


@dataclass(frozen=True)
class Verified:
    """rows: those that were computed again. limits: of each feature column that was compared.

    checked_files: files whose sha256 is the stated one; unchecked_files: those whose place does not tell it.
    card_differs: whether README.md is not as it was written, which people may change on purpose.
    """

    place: str
    config: str
    rows: tuple[RowCheck, ...]
    limits: dict[str, Limit]
    checked_files: int
    unchecked_files: int
    card_differs: bool = False

    @property
    def holds(self) -> bool:
        return all(row.holds for row in self.rows)


@no_secrets()
def verify(
    target: str | os.PathLike[str],
    source: Dataset | str | os.PathLike[str],
    *,
    sample: int = 3,
    model: str | os.PathLike[str] | None = None,
    model_revision: str | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    adapter: str | os.PathLike[str] | None = None,
    seed: int = 0,
    config_name: str | None = None,
    revision: str | None = None,
    labels: Path | None = None,
    split: str | None = None,
    key_secret: str | bytes | None = None,
    device: str = "auto",
    dtype: str | None = None,
    quantize: str | None = None,
    peak: str | None = None,
    encoders: Mapping[str, GivenEncoder] | None = None,
) -> Verified:
    """Compute a few rows of a shared set again, with the model and settings that it states, and compare.

    Args:
        target: a repository on the Hub, a URL, a directory.
        source: the clips, as `extract` takes them, or a data set.
        sample: how many rows, chosen by `seed` among those that have features and whose clips exist.
        model: the model, which has to have the stated digests; by default the named one, if it is on the Hub.
        model_revision: of its Hub id.
        tokenizer: the one that the set was extracted with, if not the model's own.
        adapter: the one that the set was extracted with; by default the named one, if it is on the Hub.
        seed: of the choice of rows.
        config_name: the configuration of the set; by default its default or first one.
        revision: of the set on the Hub.
        labels: a table with what names rows, or with the column of peaks.
        split: of the source.
        key_secret: what hashed names were hashed with.
        device: where to compute.
        dtype: to compute in another type than stated, on a machine without that one.
        quantize: "none", "4bit" or "8bit" to compute the decoder so whatever is stated, and to see how far the hidden
            states are from the stated ones; they are held to no limit then.
        peak: "openface:DIR" for a set that was extracted with OpenFace's files.
        encoders: by column where an encoder that was named for it lies here, or the file of its weights; by default
            the Hub id that is recorded.

    Returns:
        What was compared, and by how much it deviates.

    Raises:
        ShareError: a file of the set is not the stated one, the model is another one, or no clip is found.
        ModelError: there is not enough memory for the model.
        ValueError: the source has no column that can be computed from.

    Example:
        >>> verify("org/mindwandering-emollama", "clips", sample=3).holds
        True
    """
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise ShareError(f"sample={sample!r}: expected a number of rows of at least 1")
    check_choice("quantize", quantize, (None, "none", *QUANTIZATIONS))
    place = open_place(target, revision=revision)
    manifest = place.manifest(changed=True)  # whatever it says is what is compared
    if manifest is None:
        raise ShareError(f"{place.name} holds no feature data set: there is no provenance.json.")
    name, config = _chosen(place, manifest, config_name)
    checked, unchecked = _check_files(place, config)
    pipeline = recorded_pipeline(
        config, model, model_revision=model_revision, tokenizer=tokenizer, adapter=adapter,
        device=device, dtype=dtype, quantize=quantize, peak=peak, encoders=encoders,
    )  # fmt: skip
    clips = source if isinstance(source, Dataset) else open_source(os.fspath(source), split=split, labels=labels)
    clips = undecoded(clips)
    for stage in pipeline.stages:
        stage.check_columns(clips.column_names)
    secret = key_secret.encode() if isinstance(key_secret, str) else key_secret
    # Without a key it is as extract writes it: named by what it has, in clear.
    key = config.key or choose_names(config.features, in_clear=True).key
    names = RowNames(key, secret)
    published = _published_rows(place, config, names)
    there = _clips_by_name(clips, names)
    found = [row for row in published if row.name in there]
    if not found:
        raise ShareError(
            f"no clip of the source is a row of {place.name} that has features: rows are named by {names.key.column} "
            f"({few_and_dots([row.name for row in published], show=repr)}), the clips "
            f"{few_and_dots(list(there), show=repr)}."
        )
    check_memory(pipeline, None)
    chosen = random.Random(seed).sample(found, min(sample, len(found)))
    compared = quantize is not None and quantize != stated_quantization(config)
    rows = tuple(_check_row(place, config, row, pipeline, clips.select([there[row.name]]), compared) for row in chosen)
    checked_columns = dict.fromkeys(check.column for row in rows for check in row.columns)
    found_limits = {column: limit_of(column, config.made["stages"]) for column in checked_columns}
    limits = {column: limit for column, limit in found_limits.items() if limit is not None}
    return Verified(place.name, name, rows, limits, checked, unchecked, _card_differs(place, manifest))


@dataclass(frozen=True)
class _PublishedRow:
    name: str
    path: str
    at: int


def _chosen(place: Place, manifest: Manifest, name: str | None) -> tuple[str, FeatureConfig]:
    configs = manifest.configs
    if not configs:
        raise ShareError(f"{place.name} has no rows. Push them again.")
    chosen = name or (DEFAULT_CONFIG if DEFAULT_CONFIG in configs else next(iter(configs)))
    if chosen not in configs:
        raise ShareError(f"{place.name} has no configuration {chosen!r}; it has {', '.join(configs)}.")
    if not configs[chosen].made:
        raise ShareError(f"{place.name} does not say how configuration {chosen!r} was made, so it cannot be verified.")
    return chosen, configs[chosen]


def _check_files(place: Place, config: FeatureConfig) -> tuple[int, int]:
    """How many files are the stated ones, and of how many the place does not know."""
    found = place.sha256(list(config.files))
    missing = [path for path in config.files if path not in found]
    if missing:
        raise ShareError(f"{place.name}: {missing[0]} is missing. What is left is not what its provenance.json states.")
    wrong = [path for path, file in config.files.items() if found[path] not in (None, file.sha256)]
    if wrong:
        raise ShareError(f"{place.name}: {wrong[0]} is not the file that its provenance.json states (other sha256).")
    unknown = sum(one is None for one in found.values())
    return len(found) - unknown, unknown


def _card_differs(place: Place, manifest: Manifest) -> bool:
    """Whether README.md is none of the cards that the manifest says were written; an early manifest says none."""
    card = place.read(README) if manifest.cards else None
    return card is not None and is_edited(card, manifest.cards)


def _published_rows(place: Place, config: FeatureConfig, names: RowNames) -> list[_PublishedRow]:
    """The rows that have features."""
    rows = []
    for path, file in config.files.items():
        if file.rows:
            failed = set(file.failed)
            entries = [(name, name not in failed) for name in file.rows]
        else:  # as extract writes it
            columns = [names.key.column, *([schema.STATUS] if schema.STATUS in config.features else [])]
            with place.open(path) as remote, pq.ParquetFile(remote, pre_buffer=False) as opened:
                table = Rows.from_batch(opened.read(columns=columns, use_threads=False))
            entries = [(str(table.value(columns[0], row)), table.value(schema.STATUS, row) in (None, schema.OK))
                       for row in range(table.length)]  # fmt: skip
        rows += [_PublishedRow(name, path, at) for at, (name, ok) in enumerate(entries) if ok]
    return rows


def _clips_by_name(clips: Dataset, names: RowNames) -> dict[str, int]:
    """Rows of the source by the names under which they would be published."""
    column = names.key.column
    if column in clips.column_names and column != schema.FILE_NAME:
        return {names.published(str(value)): row for row, value in enumerate(clips[column])}
    if schema.FILE_NAME not in clips.column_names:
        raise ShareError(
            f"the source has no column {column!r} to find rows by; it has {', '.join(clips.column_names)}."
        )
    found: dict[str, int] = {}
    for row, value in enumerate(clips[schema.FILE_NAME]):
        path = PurePosixPath(value)
        for name in (path.name, str(path)) if column == schema.FILE_NAME else (path.stem,):
            found[names.published(name)] = row
    return found


def _check_row(
    place: Place, config: FeatureConfig, row: _PublishedRow, pipeline: Pipeline, clip: Dataset, compared: bool
) -> RowCheck:
    """compared: the hidden states are of another quantization, and it is asked how far they are away."""
    computed = compared_columns()
    columns = [name for name in pipeline.features if name in computed and name in config.features]
    stated = _read_row(place, row, columns)
    made = Rows.from_batch(pipeline(clip.with_format("arrow")[:]))
    if made.value(schema.STATUS, 0) != schema.OK:
        return RowCheck(row.name, problem=f"{made.value(schema.STATUS, 0)}: {made.value(schema.ERROR, 0)}")
    checks = []
    for name in columns:
        there, here = stated.value(name, 0), made.value(name, 0)
        difference = _difference(there, here) if compared and name == schema.EMOLLAMA else None
        checks.append(ColumnCheck(name, _deviation(name, there, here, config), difference))
    return RowCheck(row.name, tuple(checks))


def _read_row(place: Place, row: _PublishedRow, columns: Sequence[str]) -> Rows:
    with place.open(row.path) as remote, pq.ParquetFile(remote, pre_buffer=False) as file:
        at = row.at
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if at < size:
                table = file.read_row_group(group, columns=list(columns), use_threads=False)
                return Rows.from_batch(pa.Table.from_batches(table.slice(at, 1).to_batches()))
            at -= size
    raise ShareError(f"{place.name}: {row.path} has fewer rows than its provenance.json states.")


def _deviation(name: str, stated: Any, made: Any, config: FeatureConfig) -> float:
    """The difference of two values over what is allowed."""
    if schema.shape_of(config.features[name]) is None:  # texts
        return 0.0 if stated == made else float("inf")
    if stated is None and made is None:  # a computed row may lack a value of a column that is declared optional
        return 0.0
    if stated is None or made is None or np.shape(stated) != np.shape(made):
        return float("inf")
    there, here = np.asarray(stated, np.float64), np.asarray(made, np.float64)
    feature = config.features[name]
    dtype = np.dtype(schema.dtype_of(feature))
    tolerance = tolerance_of(name, feature)
    if tolerance is None:
        return float("inf") if ((there != here) & ~(np.isnan(there) & np.isnan(here))).any() else 0.0
    limit = limit_of(name, config.made["stages"])
    if limit is not None:
        return limit.share(there, here, step=float(np.finfo(dtype).eps))
    allowed = tolerance * np.maximum(1, np.abs(there))
    same = np.isnan(there) & np.isnan(here)
    ratio = np.where(same, 0, np.abs(there - here) / allowed)
    return float(np.nan_to_num(ratio, nan=np.inf).max(initial=0))


def _difference(stated: Any, made: Any) -> float:
    there, here = np.asarray(stated, np.float64), np.asarray(made, np.float64)
    return float(np.sqrt(np.square(there - here).mean()) / there.std())
