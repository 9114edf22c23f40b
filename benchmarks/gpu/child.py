"""The process that runs steps: imports first, then waits for the name of each.  `python -m benchmarks.gpu.child FD`

Messages go to the parent as JSON lines through the pipe FD; output and tracebacks go to the log.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, TextIO

from benchmarks.gpu.settings import Settings
from benchmarks.gpu.steps import BY_NAME, Step

#: Loaded before the first step is asked for, so that its time is its own.
IMPORTS = ("transformers", "timm", "datasets", "emollama_hf.stages", "emollama_hf.checkpoints.build")
#: What else a package is called where it is installed from.
ADVICE = "Install it (pip install -r of this package's dependencies), or unpack it to a folder on PYTHONPATH."


def main() -> None:
    """Say when ready, then run each step that a line of standard input names."""
    _end_with_parent()
    pipe = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8")
    settings = Settings.from_json(sys.argv[2])
    problem = _prepare(settings)
    _send(pipe, {"event": "broken", "error": problem} if problem else {"event": "ready"})
    if problem:
        return
    for line in sys.stdin:
        _run(BY_NAME[line.strip()], settings, pipe)


def _prepare(settings: Settings) -> str | None:
    """Import everything; why no step can run here, if so. Makes no CUDA context, which would take memory."""
    try:
        from emollama_hf.computing.process import resolve_device

        resolve_device(settings.device)
        for name in IMPORTS:
            importlib.import_module(name)
        from emollama_hf.checkpoints import open_model

        open_model(settings.model)
    except ModuleNotFoundError as error:
        return f"the package {error.name!r} is missing here. {ADVICE}"
    except Exception as error:
        traceback.print_exc()
        return str(error).strip() or _sentence(error)
    return None


def _run(step: Step, settings: Settings, pipe: TextIO) -> None:
    print(f"== {step.name}", file=sys.stderr, flush=True)
    lacking = _lacking(step, settings)
    if lacking:
        _send(pipe, {"event": "unavailable", "reason": lacking})
        return
    started = time.perf_counter()
    try:
        _choose_device(settings)
        for line in step.function()(settings):
            _send(pipe, {"event": "line", "record": line.record(step.name)})
        _tidy(settings)
    except Exception as error:
        traceback.print_exc()
        _send(pipe, {"event": "failed", "error": _sentence(error), "seconds": time.perf_counter() - started})
        return
    _send(pipe, {"event": "done", "seconds": time.perf_counter() - started})


def _lacking(step: Step, settings: Settings) -> str | None:
    """What this machine lacks for a step."""
    for need in step.needs:
        if need == "cuda":
            if not settings.on_gpu:
                return f"needs a GPU, and device={settings.device!r} was asked for"
            continue
        try:
            importlib.import_module(need)
        except ImportError:
            return f"needs {need}, which cannot be imported here"
    return None


def _choose_device(settings: Settings) -> None:
    """Let what torch says of memory, and its events, be of the device that was asked for."""
    if settings.on_gpu:
        import torch

        index = torch.device(settings.device).index
        if index is not None:
            torch.cuda.set_device(index)


def _tidy(settings: Settings) -> None:
    """Give back what torch keeps, and notice errors of kernels that nobody has waited for."""
    if settings.on_gpu:
        import torch

        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def _sentence(error: BaseException) -> str:
    """The last line that a traceback would have."""
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    return next((line for line in lines if line.strip()), type(error).__name__)[:500]


def _send(pipe: TextIO, message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


def _end_with_parent() -> None:
    """A parent that was killed cannot end its children: they look themselves, and take their own with them."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
