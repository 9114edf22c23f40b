"""Runs `extract` in processes that are really killed, and prints what was lost and what came out, as JSON.

    python -m tests.extraction.killing FOLDER random KILLS SEED   at random moments
    python -m tests.extraction.killing FOLDER renames before      right before each rename of a run
    python -m tests.extraction.killing FOLDER renames after       right after each of them
    python -m tests.extraction.killing FOLDER together            two at once; then again, with one of them killed

One process that has imported everything and loaded the models forks the others: these would be most of the time. Model
calls are counted by a hook of torch on the decoder, through a pipe.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, load_dataset

from emollama_hf import extract, schema
from emollama_hf.work_store.work_store import INSIDE_OUT, WorkStore

ROWS = 14
OLD_ROWS = 8
SHARD_ROWS = 3
COLUMNS = ("emollama", "facemae", "videomae", "peak_index", "clip_frame_count")


def clips(path: Path) -> Dataset:
    """Rows of given crops: all four stages run, and the first one fast. One row fails, one is there twice."""
    rng = np.random.default_rng(5)
    frames = [rng.integers(0, 255, (16, 24, 24, 3), dtype=np.uint8) for _ in range(ROWS - 1)]
    frames[4] = frames[4][:0]
    rows = {schema.FRAMES: [*frames, frames[0]], "uuid": [f"clip {i}" for i in range(ROWS)]}
    folder = path / "clips"
    folder.mkdir(exist_ok=True)
    places = []
    for number, stack in enumerate(rows[schema.FRAMES]):
        np.save(folder / f"{number}.npy", stack)
        places.append(str(folder / f"{number}.npy"))
    return Dataset.from_dict({schema.FRAMES: places, "uuid": rows["uuid"]})


def run(ds: Dataset, out: Path) -> Dataset:
    return extract(
        ds, "random-tiny", out=out, faces="none", peak="middle", size=32, shard_rows=SHARD_ROWS, store_dtype="float32"
    )


class Child:
    """`extract` in a forked process that writes a byte for each call of the decoder."""

    def __init__(self, ds: Dataset, out: Path, before: Callable[[], None] = lambda: None) -> None:
        self._calls, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._calls)
            status = 1
            try:
                torch.nn.modules.module.register_module_forward_hook(lambda module, *_: _count(module, write))
                before()
                run(ds, out)
                status = 0
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                os._exit(status)
        os.close(write)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> tuple[int, int]:
        """Exit code (-9 if killed) and number of decoder calls."""
        calls = b""
        while block := os.read(self._calls, 1000):
            calls += block
        os.close(self._calls)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), len(calls)


def _count(module: Any, pipe: int) -> None:
    if type(module).__name__ == "EmotionLlamaModel":
        os.write(pipe, b".")


def stored(ds: Dataset, out: Path) -> int:
    """Decoder results that are safe on the disk."""
    store = WorkStore(out / INSIDE_OUT)
    return len({key for stage, key in store._found if stage == "emollama_embed"})


def values(out: Path) -> dict[str, list[Any]]:
    ds = load_dataset(str(out), split="train", keep_in_memory=True, cache_dir=str(out.parent / f"cache-{out.name}"))
    return {
        **{name: [_value(v) for v in ds[name]] for name in COLUMNS},
        "status": list(ds["emollama_status"]),
        "uuid": list(ds["uuid"]),
    }


def _value(value: Any) -> Any:
    """None for a null, which `datasets` 4.0 gives as an array of NaN."""
    array = np.asarray(value)
    is_null = value is None or (array.dtype.kind == "f" and bool(np.isnan(array).all()))
    return None if is_null else array.tolist()


def garbage(out: Path) -> list[str]:
    """What a finished run must not leave behind."""
    root = out / INSIDE_OUT
    left = [
        *(root / "unfinished").glob("*"),
        *(root / "claims").glob("*"),
        *root.glob("folder"),
        *root.glob("*/*.part"),
    ]
    data = {f"data/{path.name}" for path in (out / "data").iterdir()}
    named = set(json.loads((out / "provenance.json").read_text())["configs"]["default"]["files"])
    return [str(path) for path in left] + sorted(data ^ named)


def finished(ds: Dataset, out: Path, expected: dict[str, list[Any]]) -> dict[str, Any]:
    """Finish a run, run it once more, and compare with the undisturbed one."""
    code, calls = Child(ds, out).wait()
    again, third = Child(ds, out).wait()
    return {
        "codes": [code, again],
        "calls": calls,
        "third": third,
        "equal": values(out) == expected,
        "garbage": garbage(out),
    }


def random_kills(
    ds: Dataset, folder: Path, kills: int, seed: int, expected: dict[str, list[Any]], seconds: float
) -> list[Any]:
    moments = random.Random(seed)
    results: list[Any] = []
    done = 0
    while done < kills:
        out = folder / f"random-{len(results)}"
        lost = []
        while done < kills:
            before = stored(ds, out)
            child = Child(ds, out)
            time.sleep(moments.uniform(0, seconds))
            child.kill()
            code, calls = child.wait()
            if code == 0:
                break
            done += 1
            lost.append(before + calls - stored(ds, out))
        results.append({"lost": lost, **finished(ds, out, expected)})
    return results


def kills_at_renames(ds: Dataset, folder: Path, after: bool, expected: dict[str, list[Any]]) -> list[Any]:
    """Kills of runs that add rows to a finished set: readers see the old one or the new one."""
    results = []
    old = folder / "old"
    Child(ds.select(range(OLD_ROWS)), old).wait()
    for number in range(1000):
        out = folder / f"rename-{number}"
        shutil.copytree(old, out)
        before = stored(ds, out)
        child = Child(ds, out, before=partial(_kill_at_rename, out, number, after))
        code, calls = child.wait()
        if code != -signal.SIGKILL:
            break
        lost = before + calls - stored(ds, out)
        rows = len(values(out)["uuid"])
        shutil.rmtree(out.parent / f"cache-{out.name}")
        results.append({"lost": [lost], "rows": rows, **finished(ds, out, expected)})
    return results


def _kill_at_rename(out: Path, number: int, after: bool) -> None:
    """Have this process killed at the rename `number` below `out`, or at the first thing that it does after it."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "os.kill":
            return
        if after and seen > number:
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "os.rename" and str(out) in str(arguments[1]):
            if seen == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    sys.addaudithook(hook)


def together(ds: Dataset, folder: Path, expected: dict[str, list[Any]], seconds: float) -> list[Any]:
    results = []
    for killed in (False, True):
        out = folder / f"together-{killed}"
        children = [Child(ds, out), Child(ds, out)]
        if killed:
            time.sleep(0.6 * seconds)
            children[0].kill()
        ended = [child.wait() for child in children]
        results.append(
            {"exit": [code for code, _ in ended], "each": [calls for _, calls in ended], **finished(ds, out, expected)}
        )
    return results


def main() -> None:
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    ds = clips(folder)
    run(ds.select([0]), folder / "loaded")  # forks find the models in the cache of models
    started = time.monotonic()
    code, calls = Child(ds, folder / "undisturbed").wait()
    seconds = time.monotonic() - started
    assert code == 0, "the undisturbed run failed"
    expected = values(folder / "undisturbed")
    if mode == "random":
        results = random_kills(ds, folder, int(sys.argv[3]), int(sys.argv[4]), expected, seconds)
    elif mode == "renames":
        results = kills_at_renames(ds, folder, sys.argv[3] == "after", expected)
    else:
        results = together(ds, folder, expected, seconds)
    print(json.dumps({"calls": calls, "seconds": seconds, "status": expected["status"], "results": results}))


if __name__ == "__main__":
    main()
