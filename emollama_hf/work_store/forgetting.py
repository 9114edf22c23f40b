"""Taking rows out of a work store: their values, their face crops, and all that was gathered from them.

A shard that holds one of them is written again without it; what it holds of rows that stay stays known.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from emollama_hf.work_store.work_store import WorkStore, words_for_people


def keep_only(root: Path, keys: Collection[str]) -> None:
    """Remove from a work store all but the rows of these keys.

    All: what other settings have made of a withdrawn clip is known by other keys, which nobody can tell from those of
    the clips that stay. Gathered and kept columns (`mapped/`) go whole: they are made again when they are needed. So do
    files that a killed run was writing, and shards that are damaged.
    """
    kept = frozenset(keys)
    store = WorkStore(root)
    shards = store.shards
    store.tidy()  # of damaged ones, which may hold a withdrawn row, too
    with words_for_people(root):
        shutil.rmtree(root / "folder", ignore_errors=True)  # Parquet files of a run that was killed
        for shard in shards:
            gone = frozenset(shard.keys - kept)
            if not gone:
                continue
            if shard.keys & kept:
                with store.writing(shard.made_with) as publisher:
                    publisher.copy(shard, gone)
            shutil.rmtree(shard.folder)
        shutil.rmtree(root / "mapped", ignore_errors=True)


def remove_store(root: Path) -> None:
    """Remove a work store whole."""
    with words_for_people(root):
        shutil.rmtree(root)
