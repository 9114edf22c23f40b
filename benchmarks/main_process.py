"""What a clip costs the process that computes: `python -m benchmarks.main_process [--clips 64] [--readers 1]`.

A run of `extract` from mp4 (640x480, 10 s, `peak="middle"`, no faces looked for) with readers and two lanes, as on a
GPU, but without networks: a stage stands in for them that reads what the real ones read, as they read it, and returns
arrays of their sizes, (309, 4096) float16 and twice (1024,) float32. Left is what a run does beside its networks. One
JSON line, milliseconds of processor time a clip:

    main, lanes, receiver, other           by thread of this process, while clips were computed; `receiver` reads what
                                           comes through pipes
    writer                                 of the thread that writes shards, which has ended by then
    total                                  of all its threads
    prepare                                of `total`: the stage's `prepare` (the peak frame is resized there or before)
    parquet                                of `write_parquet`, all clips in one file, by the clock
    sent_MB                                bytes that came through pipes from readers

Only processor time of one process counts, so that the same machine gives about the same numbers while others use it.
Linux.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing.connection
import os
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, Value

import emollama_hf
from benchmarks.clip_files import clips
from emollama_hf import schema
from emollama_hf.encoders.pixels import resize_uint8
from emollama_hf.engines.open_shard import ShardSize
from emollama_hf.engines.read_ahead import ReadAhead
from emollama_hf.engines.worker import work
from emollama_hf.extraction.assembly import Assembly
from emollama_hf.extraction.open_run import open_run
from emollama_hf.feature_set.parquet_file import write_parquet
from emollama_hf.feature_set.run_description import made_with
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.encoder_stage import frames_from_row
from emollama_hf.stages.picture_value import picture_from_row

LENGTH, WIDTH, VECTOR, SIDE = 309, 4096, 1024, 448
CLIPS_TOGETHER, LANES = 16, 2


class NetworksStandIn(emollama_hf.Stage):
    """Reads a clip as the three networks do, and returns arrays of their sizes without computing them."""

    name, version = "networks_stand_in", 1
    inputs = (schema.FACEMAE_FRAMES, schema.VIDEOMAE_FRAMES, schema.PEAK_FRAME)
    prepare_s = 0.0

    @property
    def uses_device(self) -> bool:
        return True

    @property
    def limits_batch(self) -> bool:
        return True

    @property
    def micro_batch(self) -> int:
        return CLIPS_TOGETHER

    def outputs(self) -> dict[str, Column]:
        return {
            "states": Column(schema.matrix_feature(LENGTH, WIDTH, "float16"), "as many as hidden states"),
            "facemae_like": Column(schema.vector_feature(VECTOR), "as many as FaceMAE's"),
            "videomae_like": Column(schema.vector_feature(VECTOR), "as many as VideoMAE's"),
            "brightness": Column(Value("float32"), "of a pixel of each input"),
        }

    def reductions(self) -> dict[str, Any]:
        try:
            from emollama_hf.stages.reduction import ResizedPicture
        except ImportError:  # a version before there were reductions
            return {}
        return {schema.PEAK_FRAME: ResizedPicture(SIDE, "bicubic")}

    def prepare(self, row: Row) -> tuple[np.ndarray, ...]:
        started = time.thread_time()
        crops = [frames_from_row(row, name) for name in self.inputs[:2]]
        picture = picture_from_row(schema.PEAK_FRAME, row[schema.PEAK_FRAME])
        found = *crops, resize_uint8(picture, (SIDE, SIDE), "bicubic")
        type(self).prepare_s += time.thread_time() - started
        return found

    def compute(self, items: list[tuple[np.ndarray, ...]]) -> list[dict[str, Any]]:
        return [
            {
                "states": _STATES[number % CLIPS_TOGETHER],
                "facemae_like": _STATES[number % CLIPS_TOGETHER, 0, :VECTOR].astype(np.float32),
                "videomae_like": _STATES[number % CLIPS_TOGETHER, 1, :VECTOR].astype(np.float32),
                "brightness": float(sum(int(one.flat[0]) for one in item)),
            }
            for number, item in enumerate(items)
        ]


_STATES = np.random.default_rng(1).normal(size=(CLIPS_TOGETHER, LENGTH, WIDTH)).astype(np.float16)


class Measured(ReadAhead):
    """Reads its threads' processor time before they end."""

    before: Counter[int]
    spent: Counter[str]

    def close(self) -> None:
        names = {one.native_id: f"{one.name} {type(one).__name__}" for one in threading.enumerate()}
        self.spent = Counter()
        for thread, seconds in thread_seconds().items():
            self.spent[_kind(names.get(thread, ""))] += seconds - self.before[thread]
        super().close()


def thread_seconds() -> Counter[int]:
    """Processor time of each thread of this process, by the system's number."""
    found: Counter[int] = Counter()
    for entry in Path("/proc/self/task").iterdir():
        found[int(entry.name)] = int((entry / "schedstat").read_text().split()[0]) / 1e9  # type: ignore[assignment]
    return found


def _kind(name: str) -> str:
    kinds = {"MainThread": "main", "lane": "lanes", "ExecutorManager": "receiver"}
    return next((kind for part, kind in kinds.items() if part in name), "other")


def main() -> None:
    """Make the clips, run once, print one line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--readers", type=int, default=1)
    parser.add_argument("--size", type=int, nargs=2, default=[640, 480], help="width and height of the clips")
    asked = parser.parse_args()
    received = _counting_pipes()
    with tempfile.TemporaryDirectory(prefix="main-process-") as name:
        os.environ["HF_HOME"] = f"{name}/home"
        ds: Dataset = clips(Path(name), asked.clips, tuple(asked.size))
        run = open_run(
            ds, None, stages=["sample_frames", NetworksStandIn()], out=f"{name}/out", on_error="raise", keep=(),
            overwrite=False, retry_failed=False, peak="middle", faces="none",
        )  # fmt: skip
        stages, computation = run.pipeline.stages, run.computation
        units, made = computation.units(), made_with(run.pipeline.stages)
        runner = Measured(stages, readers=asked.readers, together=CLIPS_TOGETHER, device="cpu", lanes=LANES)
        runner.before, before = thread_seconds(), time.process_time()
        work(computation, units, made, size=ShardSize(), runner=runner)
        total = time.process_time() - before
        tables = Assembly(computation, {}).tables(
            iter([range(one, one + 1) for one in range(len(ds))]), [None] * len(ds)
        )
        pieces = list(tables)
        started = time.perf_counter()
        write_parquet(f"{name}/all.parquet", pieces, run.pipeline.features)
        parquet = time.perf_counter() - started
    spent = dict(runner.spent)
    spent["writer"] = total - sum(spent.values())
    times = {**spent, "total": total, "prepare": NetworksStandIn.prepare_s, "parquet": parquet}
    a_clip = {kind: round(1000 * seconds / asked.clips, 2) for kind, seconds in times.items()}
    print(json.dumps({"clips": asked.clips, "ms_a_clip": a_clip, "sent_MB": round(received[0] / asked.clips / 1e6, 3)}))


def _counting_pipes() -> list[int]:
    """Bytes that messages to this process had, from here on."""
    received = [0]
    receive = multiprocessing.connection.Connection._recv_bytes  # type: ignore[attr-defined]

    def counting(self: Any, *arguments: Any) -> Any:
        message = receive(self, *arguments)
        received[0] += message.getbuffer().nbytes
        return message

    multiprocessing.connection.Connection._recv_bytes = counting  # type: ignore[attr-defined]
    return received


if __name__ == "__main__":
    main()
