"""What a row's results hang on, as one key for each stage: equal keys are equal results.

    content of the given columns ─┐
    keys of the stages before it ─┼─► key of (row, stage)
    identity of the stage        ─┘

A key knows nothing of the row's place, its clip's name or its labels. A changed stage changes its own keys and those
of the stages after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from datasets import Dataset, Features

from emollama_hf import schema
from emollama_hf.files.digest import combined, json_digest, sha256_file
from emollama_hf.files.small_file import OddFileError
from emollama_hf.planning.content import PLACES, content_digest
from emollama_hf.rows import Rows
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.stage import Stage

KEY_DIGITS = 32
BATCH_ROWS = 16
#: Bytes of a value that is hashed sooner than a thread is asked to.
SMALL = 16_384
READERS = min(8, (os.cpu_count() or 1) + 2)

#: stage name -> a key a row; None where the row's input cannot be read now.
RowKeys = dict[str, list[str | None]]


def stage_identity(stage: Stage) -> dict[str, Any]:
    """All that decides the values that a stage computes but its input; JSON-able."""
    identity = stage.own_identity()
    without = ("on_error", *stage.acceptance_options)  # they decide what becomes of the values
    config = {name: value for name, value in identity["config"].items() if name not in without}
    rule, separator, _ = str(config.get("peak", "")).partition(":")
    if rule == "openface":
        config["peak"] = rule + separator  # the folder's files are part of the rows' input
    return {**identity, "config": config}


def row_keys(
    ds: Dataset,
    pipeline: Pipeline,
    rows: Sequence[int] | None = None,
    *,
    advance: Callable[[int], None] = lambda rows: None,
    contents: dict[str, list[str | None]] | None = None,
) -> RowKeys:
    """The keys of all rows, or of those at `rows`.

    advance: told of the rows that were read, for a progress bar. contents: where the digest of each value goes, by
    column: a server may send a clip once more to whoever asks again.
    """
    maker = {column: stage for stage in pipeline.stages for column in stage.makes}
    given = {
        stage.name: [column for column in stage.given(ds.column_names) if maker.get(column, stage) is stage]
        for stage in pipeline.stages
    }
    before = {stage.name: _stages_before(stage, pipeline.stages) for stage in pipeline.stages}
    identities = {stage.name: json_digest(stage_identity(stage)) for stage in pipeline.stages}
    keys: RowKeys = {stage.name: [] for stage in pipeline.stages}
    columns = list(dict.fromkeys(column for names in given.values() for column in names))
    positions: Sequence[int] = range(len(ds)) if rows is None else rows
    view = _as_arrow(ds, columns)
    apart = {
        name for name in columns if name in PLACES or schema.row_bytes(Features({name: ds.features[name]})) > SMALL
    }
    with ThreadPoolExecutor(READERS) as pool:  # reading and hashing let other threads run
        for start in range(0, len(positions), BATCH_ROWS):
            some = _rows(view, positions[start : start + BATCH_ROWS])
            cells = {name: [(some, name, index) for index in range(some.length)] for name in columns}
            digests = {name: list((pool.map if name in apart else map)(_digest, cells[name])) for name in columns}
            if contents is not None:
                for name, found in digests.items():
                    contents.setdefault(name, []).extend(found)
            for index in range(some.length):
                for stage in pipeline.stages:
                    own = [digests[name][index] for name in given[stage.name]]
                    earlier = [keys[name][-1] for name in before[stage.name]]
                    parts = [*own, *earlier, _beside(stage, some, index)]
                    known = all(part is not None for part in parts)
                    text = (identities[stage.name], *given[stage.name], *map(str, parts))
                    keys[stage.name].append(combined(*text)[:KEY_DIGITS] if known else None)
            advance(some.length)
    return keys


def read_rows(ds: Dataset, columns: Sequence[str], rows: Sequence[int]) -> Rows:
    """Some rows straight from Arrow: those of `columns` that are there, and those by which people know a row."""
    return _rows(_as_arrow(ds, columns), rows).of_data_set(rows)


def _as_arrow(ds: Dataset, columns: Sequence[str]) -> Dataset:
    wanted = [name for name in dict.fromkeys((*columns, *schema.SHOWN_ROW_NAMES)) if name in ds.column_names]
    return ds.select_columns(wanted).with_format("arrow")


def _rows(view: Dataset, rows: Sequence[int]) -> Rows:
    # A range is a slice of the table, a list a copy.
    return Rows.from_batch(view[rows if isinstance(rows, range) else list(rows)])


def _stages_before(stage: Stage, stages: Sequence[Stage]) -> list[str]:
    made = {column: one.name for one in stages if one is not stage for column in one.makes}
    return list(dict.fromkeys(made[column] for column in stage.given(made)))


def _digest(cell: tuple[Rows, str, int]) -> str | None:
    rows, name, index = cell
    try:
        return content_digest(name, rows.value(name, index))
    except MemoryError:
        raise
    except Exception:  # whatever a file system raises: the stage meets it again and words it for people
        return None


def _beside(stage: Stage, rows: Rows, index: int) -> str:
    path: Path | None = stage.beside(rows.row(index))
    if path is None:
        return ""
    try:
        return sha256_file(path)
    except (OSError, OddFileError):
        return "absent"
