"""Ray as processes of this machine: how they start, which there are, and waiting for what they do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emollama_hf.work_store.work_store import INSIDE_OUT
from tests import second_process


def quick_workers() -> dict[str, str]:
    """A runtime environment of Ray whose workers are forks that have imported everything but Ray.

    A worker imports torch and transformers for six seconds otherwise, and there are two a run. `second_process.MARK`
    marks them, and no variable that they are given.
    """
    return {"py_executable": second_process.forked_python()}


def quick_workers_of(driver: dict[str, str | None]) -> dict[str, str | None]:
    """The environment of a driver, with `quick_workers` for what it starts."""
    return {**driver, "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps({"runtime_env": quick_workers()})}


def marked(mark: str) -> dict[int, str]:
    """Processes with something in their environment, and their command lines: others may use Ray on this machine."""
    found = {}
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environment.read_bytes().split(b"\0"):
                found[int(environment.parent.name)] = (environment.parent / "cmdline").read_text().strip("\0")[:100]
        except OSError:
            continue
    return found


def until(condition: Callable[[], Any], seconds: float = 400, still: Callable[[], Any] = lambda: "") -> Any:
    give_up = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < give_up, f"it never happened; {still()}"
        time.sleep(0.02)
    return met


def shards(out: Path) -> int:
    return len(list((out / INSIDE_OUT / "shards").glob("*")))
