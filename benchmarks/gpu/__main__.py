"""The command line of `python -m benchmarks.gpu`. Imports no torch: steps run in processes of their own."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.lines import Report
from benchmarks.gpu.runner import CannotRun, Runner
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.steps import BY_NAME, STEPS

WELL, CANNOT_RUN, NOT_ALL = 0, 1, 3


def main() -> int:
    """0 if everything ran and every check passed, 3 if not, 1 if nothing can run here."""
    asked = _arguments()
    if asked.list:
        for step in STEPS:
            print(f"{step.name:10} {step.seconds:4.0f} s  {step.question}")
        return WELL
    until = time.monotonic() + 60 * asked.minutes
    signal.signal(signal.SIGTERM, _interrupt)
    steps = [step for step in STEPS if asked.steps is None or step.name in asked.steps]
    try:
        report = Report(asked.out)
        log = asked.log.open("w", encoding="utf-8") if asked.log is not None else subprocess.DEVNULL
    except OSError as error:
        return _cannot_run(f"{error.filename}: {error.strerror}. Give --out and --log files that can be written.")
    with tempfile.TemporaryDirectory(prefix="gpu-benchmark-", ignore_cleanup_errors=True) as scratch:
        os.environ.update(HF_HUB_OFFLINE="1", HF_HOME=f"{scratch}/home", TOKENIZERS_PARALLELISM="false")
        os.environ.pop("EMOLLAMA_MODEL", None)
        settings = Settings(asked.device, asked.model, asked.readers, scratch)
        well = False
        try:
            Runner(settings, report, until, dict(asked.limit), log).run(steps)
            well = report.all_well
        except CannotRun as error:
            return _cannot_run(str(error))
        except KeyboardInterrupt:
            sys.stderr.write("interrupted: what was measured before follows\n")
        sys.stderr.write("\n" + report.table())
        sys.stderr.flush()
    return WELL if well else NOT_ALL


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.description = "Check and measure what a GPU does; JSON lines on standard output, a table at the end."
    parser.add_argument("--minutes", type=_positive, default=8, help="of the whole run; what does not fit is skipped")
    parser.add_argument("--device", type=_device, default="cuda", help="cuda, cuda:0, ... or cpu")
    parser.add_argument("--model", default="random-full", help="random-full, random-tiny or a model directory")
    parser.add_argument("--steps", nargs="+", choices=list(BY_NAME), metavar="NAME", help="these alone (see --list)")
    parser.add_argument("--list", action="store_true", help="name the steps, with their time limits")
    parser.add_argument("--limit", type=_limit, action="append", default=[], metavar="STEP=SECONDS")
    parser.add_argument("--readers", type=_count, default=None, help="processes that decode in the step `videos`")
    parser.add_argument("--out", type=Path, default=None, help="a file for the JSON lines, too")
    parser.add_argument("--log", type=Path, default=None, help="a file for tracebacks and what libraries say")
    return parser.parse_args()


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
    return value


def _count(text: str) -> int:
    value = int(text)  # argparse says what a ValueError means
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of processes, 0 or more")
    return value


def _device(text: str) -> str:
    if text != "cpu" and text.partition(":")[0] != "cuda":
        raise argparse.ArgumentTypeError(f"{text!r}: expected cuda, cuda:NUMBER or cpu")
    return text


def _limit(text: str) -> tuple[str, float]:
    name, _, seconds = text.partition("=")
    if name not in BY_NAME:
        raise argparse.ArgumentTypeError(f"{text!r}: expected STEP=SECONDS with a step of {', '.join(BY_NAME)}")
    try:
        return name, _positive(seconds)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds behind {name}=") from None


def _cannot_run(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return CANNOT_RUN


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
