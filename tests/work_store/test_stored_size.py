"""How many bytes of the disk the rows of a shard take."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.open_run import open_run
from emollama_hf.work_store.stored_size import row_sizes
from emollama_hf.work_store.work_store import WorkStore
from tests.videos import no_face, pan, write_video


def test_they_are_the_bytes_of_the_files(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / "a.mp4", pan(6)), write_video(tmp_path / "b.mp4", no_face(6))]
    (tmp_path / "text.mp4").write_text("no video")
    ds = Dataset.from_dict({"video": [*map(str, paths), str(tmp_path / "text.mp4")]})
    run = open_run(ds, "random-tiny", stages=None, out=tmp_path / "f", on_error="null", keep=(), overwrite=False,
                   retry_failed=False, peak="middle")  # fmt: skip
    run.finish(Workers(), shard_rows=None)
    (shard,) = WorkStore(run.computation.store.root).shards
    for stage in shard.stages:
        sizes = row_sizes(shard, stage)
        assert len(sizes) == 2
        files = list(shard.folder.glob(f"{stage}.*arrow"))
        assert sum(sizes) == pytest.approx(sum(path.stat().st_size for path in files))
    first, second = row_sizes(shard, "sample_frames")
    assert first != second, "pictures take what they take"
    assert row_sizes(shard, "facemae_embed")[0] == row_sizes(shard, "facemae_embed")[1]
    (shard.folder / "sample_frames.pictures.arrow").unlink()
    assert sum(row_sizes(shard, "sample_frames")) < first
