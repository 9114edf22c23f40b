"""A feature data set on disk: Parquet files, a README that tells `datasets` where they are, and its provenance."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from emollama_hf import schema
from emollama_hf.store.provenance import RANDOM_WEIGHTS

PROVENANCE = "provenance.json"
SHARD_BYTES = 256_000_000
ROW_GROUP_BYTES = 16_000_000
CONTENT_DIGITS = 12


def check_destination(out: Path, *, overwrite: bool) -> Path:
    """`out`, if a feature data set can be written there.

    Raises FileExistsError if it holds something, unless that is a feature data set and may be replaced, and
    NotADirectoryError or PermissionError if nothing can be made there.
    """
    out = Path(os.path.abspath(out))
    if out.is_dir() and any(out.iterdir()):
        if not is_feature_set(out):
            raise FileExistsError(f"{out} is not empty and holds no feature data set. Choose another directory.")
        if not overwrite:
            raise FileExistsError(
                f"{out} already holds a feature data set. Choose another directory, or overwrite it "
                "(--overwrite, overwrite=True)."
            )
    elif out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out} is a file. Choose a directory.")
    out.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(out.parent, os.W_OK):
        raise PermissionError(f"{out.parent} cannot be written to. Choose another directory.")
    return out


def is_feature_set(directory: Path) -> bool:
    """Whether this package wrote the directory."""
    return (directory / PROVENANCE).is_file() and (directory / "data").is_dir()


def write_feature_set(
    ds: Dataset,
    out: Path,
    provenance: dict[str, Any],
    *,
    shard_rows: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write `ds` so that plain `load_dataset(out)` opens it, hidden states included.

    Everything is written beside `out` first and renamed at the end: `out` is never half a data set.
    """
    if shard_rows is not None and shard_rows < 1:
        raise ValueError(f"shard_rows={shard_rows}: expected at least 1")
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / "data").mkdir(parents=True)
        _write_shards(ds, partial / "data", shard_rows or max(1, SHARD_BYTES // _row_bytes(ds)))
        files = _name_by_content(partial / "data")
        described = {**provenance, "files": files, "status": dict(sorted(Counter(ds[schema.STATUS]).items()))}
        (partial / PROVENANCE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        (partial / "README.md").write_text(_readme(ds, described), encoding="utf-8")
        replaced = check_destination(out, overwrite=overwrite)
        if replaced.is_dir():
            old = out.with_name(f".{out.name}.replaced-{os.getpid()}")
            replaced.rename(old)
            partial.rename(out)
            shutil.rmtree(old)
        else:
            partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_shards(ds: Dataset, data: Path, shard_rows: int) -> None:
    arrow_schema = ds.features.arrow_schema  # carries the feature types for `datasets`
    total = max(1, -(-len(ds) // shard_rows))
    group = max(1, ROW_GROUP_BYTES // _row_bytes(ds))
    table = ds.with_format("arrow")
    for shard in range(total):
        path = data / f"train-{shard:05d}-of-{total:05d}.parquet"
        # Features are incompressible noise to a dictionary; looking for one costs more than writing.
        with pq.ParquetWriter(path, arrow_schema, compression="zstd", use_dictionary=False) as writer:
            for start in range(shard * shard_rows, min(len(ds), (shard + 1) * shard_rows), group):
                rows: pa.Table = table[start : min(start + group, len(ds), (shard + 1) * shard_rows)]
                writer.write_table(rows.cast(arrow_schema), row_group_size=group)


def _name_by_content(data: Path) -> dict[str, str]:
    """Put a digest of all files' content into each file's name; returns sha256 by name.

    `load_dataset` caches a local directory under its last name and the patterns in its README, nothing else: with
    equal file names it gives the rows of another directory of the same name, or of one that was replaced
    (tests/store/test_extract.py::test_directories_of_one_name_are_told_apart).
    """
    digests = {}
    for path in sorted(data.iterdir()):
        with path.open("rb") as file:
            digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    content = hashlib.sha256("".join(digests.values()).encode()).hexdigest()[:CONTENT_DIGITS]
    renamed = {}
    for path, digest in digests.items():
        named = path.with_name(f"{path.stem}-{content}{path.suffix}")
        path.rename(named)
        renamed[named.name] = digest
    return renamed


def _row_bytes(ds: Dataset) -> int:
    pictures = sum(
        500_000 for name in ds.column_names if schema.shape_of(ds.features[name]) is None and name == schema.PEAK_FRAME
    )
    return max(1, schema.row_bytes(ds.features) + pictures)


def describe_column(feature: Any) -> str:
    """A column's shape and type for people: "(309, 4096) float16", "text", "int32"."""
    shape = schema.shape_of(feature)
    if shape is None:
        kind = getattr(feature, "dtype", type(feature).__name__)
        return {"string": "text", "large_string": "text", "binary": "bytes"}.get(kind, type(feature).__name__.lower())
    return f"{shape} {schema.dtype_of(feature)}" if shape else schema.dtype_of(feature)


def _readme(ds: Dataset, provenance: dict[str, Any]) -> str:
    columns = "\n".join(f"| `{name}` | {describe_column(kind)} |" for name, kind in ds.features.items())
    status = ", ".join(f"{count} {kind}" for kind, count in provenance["status"].items()) or "no rows"
    model = provenance.get("model", {})
    content = Path(next(iter(provenance["files"]))).stem.rpartition("-")[2]
    warning = f"> {RANDOM_WEIGHTS}\n\n" if model.get("random_weights") else ""
    return (
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n"
        f"    path: data/train-*-{content}.parquet\n---\n\n"
        f"{warning}# Emotion-LLaMA features\n\n"
        f"{provenance['rows']} clips ({status}), made by emollama_hf {provenance['emollama_hf']} with the model "
        f"`{model.get('name', 'none')}`. Settings, versions and digests are in `{PROVENANCE}`.\n\n"
        "```python\nfrom datasets import load_dataset\n\n"
        'ds = load_dataset("path/to/this/directory", split="train")\n'
        f'ds = ds.filter(lambda status: status == "ok", input_columns="{schema.STATUS}")\n```\n\n'
        f"| column | one row |\n| --- | --- |\n{columns}\n"
    )


def read_provenance(directory: Path) -> dict[str, Any]:
    """What a feature data set says of how it was made. Raises ValueError if it says nothing readable."""
    path = directory / PROVENANCE
    try:
        provenance = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}). Is {directory} a feature data set?") from error
    if not isinstance(provenance, dict) or "format" not in provenance:
        raise ValueError(f"{path} is not the provenance of a feature data set.")
    return provenance
