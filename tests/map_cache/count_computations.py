"""A process that maps data sets and tells, for each of them, which stages had to compute: run as a program.

Standard input: {case: {"dataset": directory, "steps": [[transform, options], ...]}} as JSON; a case may also have
"configure" (arguments), "environment" (variables), "newer" (stages whose version is raised) and "map" (arguments).
Last line of the standard output: {case: {stage: how often it computed}}.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from datasets import load_from_disk
from torch.nn.modules.module import register_module_forward_pre_hook

import emollama_hf
from emollama_hf.console import timing

#: The networks whose calls are counted, by the stage that calls them.
NETWORKS = {"FaceMAE": "FaceMAEEmbed", "VideoMAE": "VideoMAEEmbed", "EmotionLlamaModel": "EmoLlamaEmbed"}


class Calls:
    """Calls of the networks in this process and in the workers that it forks: each writes one line to a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        register_module_forward_pre_hook(self._write)

    def _write(self, module: Any, _: Any) -> None:
        if type(module).__name__ in NETWORKS:
            os.write(self._file, f"{NETWORKS[type(module).__name__]}\n".encode())

    def take(self) -> Counter[str]:
        """The calls since the last time."""
        size = os.fstat(self._file).st_size
        written = os.pread(self._file, size, 0).decode()
        os.ftruncate(self._file, 0)
        return Counter(written.split())


def computed(case: dict[str, Any], calls: Calls) -> dict[str, int]:
    """Map as the case says; calls of each network, and rows that `SampleFrames` read."""
    timing.reset()
    with ExitStack() as changes:
        changes.enter_context(patch.dict(os.environ, case.get("environment", {})))
        for stage in case.get("newer", ()):
            cls = getattr(emollama_hf, stage)
            changes.enter_context(patch.object(cls, "version", cls.version + 1))
        emollama_hf.configure(**case.get("configure", {}))
        ds = load_from_disk(case["dataset"])
        for name, options in case["steps"]:
            named = getattr(emollama_hf, name)
            transform = named(**options) if isinstance(named, type) else named
            ds = ds.map(transform, batched=True, batch_size=2, **case.get("map", {}))
    frames = timing.stage_times().get("sample_frames")
    return {"SampleFrames": frames.rows if frames else 0, **calls.take()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        calls = Calls(Path(folder) / "calls")
        reports = {name: computed(case, calls) for name, case in json.load(sys.stdin).items()}
    print(json.dumps(reports))
