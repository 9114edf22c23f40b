"""What runs in an actor: takes tasks a few stages further.

A batch is a table with one task a row: `index` (int64), `task` (a pickled Task, empty if nothing is left to do) and
`error` (a pickled exception, or null). An actor never raises: Ray would start a new one, and again, for ever.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa

from emollama_hf.computing import process
from emollama_hf.engines.lanes import Lanes
from emollama_hf.engines.sendable import sendable
from emollama_hf.errors import ModelError
from emollama_hf.planning.memory_check import check_memory
from emollama_hf.planning.task import Task
from emollama_hf.stages.model_stage import ModelStage, stages_with_weights
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.reduction import Reading
from emollama_hf.stages.stage import Stage

SCHEMA = pa.schema([("index", pa.int64()), ("task", pa.large_binary()), ("error", pa.large_binary())])


def message(index: int, task: bytes, error: BaseException | None = None) -> pa.Table:
    """A batch of one task."""
    told = None if error is None else pickle.dumps(sendable(error))
    return pa.table({"index": [index], "task": [task], "error": [told]}, schema=SCHEMA)


class TaskRunner:
    """The callable of an actor pool.

    stages: pickled, since they are a worker's only after the process knows that it is one; and beside them what the
    stages of later pools read (`reading_of`). threads: as for
    `process.become_worker`. folder: where relative paths begin, if there is such a folder here.
    """

    def __init__(self, stages: bytes, threads: int | None, folder: str) -> None:
        process.become_worker(threads)
        self._error: BaseException | None = None
        self._stages: Sequence[Stage] = []
        self._reading: Reading = {}
        try:
            with suppress(OSError):
                os.chdir(folder)
            self._stages, self._reading = pickle.loads(stages)
            for stage in stages_with_weights(self._stages):
                check_model(stage)
            check_room(self._stages)
        except Exception as error:
            self._error = error

    def __call__(self, batch: pa.Table) -> pa.Table:
        return pa.concat_tables([self._run(row) for row in batch.select(SCHEMA.names).to_batches() if row.num_rows])

    def _run(self, rows: pa.RecordBatch) -> pa.Table:
        return pa.concat_tables([self._run_one(rows.slice(i, 1)) for i in range(rows.num_rows)])

    def _run_one(self, row: pa.RecordBatch) -> pa.Table:
        if row["error"][0].is_valid or not row["task"][0].as_buffer().size:
            return pa.Table.from_batches([row], schema=SCHEMA)  # nothing to do here
        index = row["index"][0].as_py()
        if self._error is not None:
            return message(index, b"", self._error)
        try:
            task: Task = pickle.loads(row["task"][0].as_buffer())
            done = task.run(self._stages).leave_behind(self._reading)
            return message(index, pickle.dumps(done, protocol=5))
        except Exception as error:
            return message(index, b"", error)


class LanedTaskRunner(TaskRunner):
    """A `TaskRunner` that computes several tasks at the same time, each in a lane of its own."""

    def __init__(self, stages: bytes, threads: int | None, folder: str, lanes: int) -> None:
        super().__init__(stages, threads, folder)
        device = "cpu"
        try:
            device = next((stage.device() for stage in self._stages if stage.uses_device), device)
        except Exception as error:
            self._error = self._error or error
        self._lanes = Lanes(device, lanes)

    async def __call__(self, batch: pa.Table) -> pa.Table:
        # Ray Data makes one thread of an actor's calls unless they are coroutines.
        return await asyncio.wrap_future(self._lanes.submit(super().__call__, batch))


def check_room(stages: Sequence[Stage]) -> None:
    """Raise ModelError, which names this machine, unless its memory holds the models."""
    try:
        check_memory(Pipeline(stages), None)
    except ModelError as error:
        raise ModelError(f"node {socket.gethostname()}: {error}") from error


def check_model(stage: ModelStage) -> None:
    """Raise ModelError, which names this machine, unless it has the model that the stage was made with."""
    where = stage.resolved_placement()
    model, paths = f"model={where.model!r}", f"{where.model}"
    if where.adapter is not None:
        model, paths = f"{model} with adapter={where.adapter!r}", f"{paths} and {where.adapter}"
    remedy = (
        f"Every node needs the same files under that path: copy them to {paths} there (rsync -a), or share the disk."
    )
    try:
        found = stage.source.digest(stage.part)
    except (ModelError, OSError) as error:
        raise ModelError(f"node {socket.gethostname()}: {error} {remedy}") from error
    expected = stage.model_digest()
    if found != expected:
        raise ModelError(
            f"node {socket.gethostname()}: {model} has another {stage.part} there (digest {found[:12]}) than "
            f"here ({expected[:12]}). {remedy}"
        )
