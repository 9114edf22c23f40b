"""A shard again without some of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from emollama_hf.work_store.arrow_file import ArrowFile
from emollama_hf.work_store.shard import Shard, write_manifest


def copy_without(shard: Shard, gone: frozenset[str], folder: Path) -> None:
    """Write to `folder` what a shard has of all rows but those of the keys `gone`.

    Pictures that were deleted, or are not as they were written, are left out; they are made again where needed.
    """
    stages: dict[str, Any] = {}
    for stage in shard.stages:
        keys = shard.computed(stage)
        kept = [key not in gone for key in keys]
        pictures = shard.pictures_file(stage)
        files = [path for path in (shard.file(stage), pictures) if path is not None and path.is_file()]
        stages[stage] = {
            "keys": [key for key, stays in zip(keys, kept, strict=True) if stays],
            "failed": {key: [one.kind, one.message] for key, one in shard.failures(stage) if key not in gone},
            "files": {path.name: _copy_rows(path, kept, folder / path.name) for path in files},
        }
    write_manifest(folder, shard.made_with, stages)


def _copy_rows(source: Path, kept: list[bool], target: Path) -> dict[str, Any]:
    with pa.memory_map(str(source)) as mapped, pa.ipc.open_stream(mapped) as stream:
        written = ArrowFile(target, stream.schema)
        start = 0
        for batch in stream:
            mask = pa.array(kept[start : start + batch.num_rows], pa.bool_())
            start += batch.num_rows
            rows = batch.filter(mask)
            if rows.num_rows:
                written.write_batch(rows.columns)
        return written.close().to_json()
