"""How many bytes of the disk the rows of a shard take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emollama_hf.work_store.shard import Shard


def row_sizes(shard: Shard, stage: str) -> Sequence[float]:
    """Bytes of each computed row of a stage, its share of what frames the files included.

    Args:
        shard: published.
        stage: one of its stages.

    Returns:
        Bytes in the order of `Shard.computed`; together those of the stage's files.
    """
    count = len(shard.computed(stage))
    sizes = np.zeros(count)
    numbers, pictures = shard.file(stage), shard.pictures_file(stage)
    if numbers.exists():
        sizes += numbers.stat().st_size / max(1, count)
    if pictures is not None and count:
        with pa.memory_map(str(pictures)) as file:
            table = pa.ipc.open_stream(file).read_all()
            cells = [pc.binary_length(pc.struct_field(column, "zstd")).to_numpy() for column in table.columns]
        shares = np.sum(cells, axis=0, dtype=np.float64)
        sizes += pictures.stat().st_size * shares / max(1.0, float(shares.sum()))
    return sizes.tolist()
