"""Rows that bring their crops and peak frame, of noise, for measurements without decoding. Needs no PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Array4D, Dataset, DatasetInfo, Features, Image
from datasets.table import InMemoryTable
from PIL import Image as Pictures

from emollama_hf.work_store.arrow_columns import to_arrow

CROPS, PEAK = (16, 224, 224, 3), (480, 640, 3)
#: Rows of one Arrow chunk: a list of `datasets` counts its numbers in 32 bits.
CHUNK = 32


def given_crops(count: int, seed: int = 3) -> Dataset:
    """Rows of the columns `facemae_frames`, `videomae_frames` and `peak_frame`, no two of them equal."""
    stack = Array4D(CROPS, "uint8")
    features = Features({"facemae_frames": stack, "videomae_frames": stack, "peak_frame": Image()})
    # `Dataset.from_dict` takes 0.3 s a row for what is copied here, and hashing the rows as much.
    table = pa.Table.from_batches(list(_batches(features, count, seed)), features.arrow_schema)
    return Dataset(InMemoryTable(table), info=DatasetInfo(features=features), fingerprint=f"crops-{count}-{seed}")


def warm_up(stages: list[Any]) -> None:
    """One row through the three stages, each with the vectors of those before it."""
    rng = np.random.default_rng(1)
    row: dict[str, Any] = {
        "facemae_frames": [rng.integers(0, 256, CROPS, np.uint8)],
        "videomae_frames": [rng.integers(0, 256, CROPS, np.uint8)],
        "peak_frame": [rng.integers(0, 256, PEAK, np.uint8)],
    }
    for stage in stages[:2]:
        row |= {stage.makes[0]: list(stage(row)[stage.makes[0]])}
    stages[2](row)


def _batches(features: Features, count: int, seed: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(seed)
    with ThreadPoolExecutor() as pool:  # encoding takes 40 ms a picture
        peaks = list(pool.map(_png, [rng.integers(0, 256, PEAK, np.uint8) for _ in range(count)]))
    for start in range(0, count, CHUNK):
        rows = min(CHUNK, count - start)
        stacks = [
            to_arrow(name, rng.integers(0, 256, (rows, *CROPS), np.uint8), features[name])
            for name in ("facemae_frames", "videomae_frames")
        ]
        pictures = pa.array(peaks[start : start + rows], features["peak_frame"].pa_type)
        yield pa.RecordBatch.from_arrays([*stacks, pictures], schema=features.arrow_schema)


def _png(picture: np.ndarray) -> dict[str, Any]:
    file = BytesIO()
    Pictures.fromarray(picture).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}
