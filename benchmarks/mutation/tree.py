"""A copy of the checkout to put mutants into, and pytest in a forked process of it.

Importing torch, transformers and datasets takes seconds, a test often none. So this process imports them once and forks
for each run of pytest; the package itself is imported by the fork, which sees what the copy's files hold then.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

NOT_COPIED = (".git", "__pycache__", ".mutation", ".venv", "build", "dist", ".*_cache", ".hypothesis", "*.egg-info")
OURS = ("emollama_hf", "tests", "benchmarks", "dataset_scripts", "conftest")


class Tree:
    """A copy of the checkout in a temporary folder; `with` removes it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mutation-"))
        self._folder.chmod(0o755)  # some tests look into their files as another user
        self.root = self._folder / "checkout"
        self._temporary = self._folder / "tmp"
        self._changes = 0
        shutil.copytree(Path.cwd(), self.root, ignore=shutil.ignore_patterns(*NOT_COPIED))
        # What libraries read when they are imported, which is before tests/conftest.py runs.
        os.environ.update(HF_HOME=str(self._temporary / "hf"), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        os.environ.update(OMP_NUM_THREADS="1", PYTHONPATH=str(self.root))

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, path: str, source: str) -> None:
        """Replace a file. A change within a second, of the same length, must not pass for the one compiled before."""
        self._changes += 1
        (self.root / path).write_text(source)
        stamp = time.time() + 2 * self._changes
        os.utime(self.root / path, (stamp, stamp))

    def fork(self, work: Callable[[], int], output: Path, timeout_s: float) -> int | None:
        """Exit code of `work` in a process of its own in the copy; None if it took longer than `timeout_s`."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os._exit(self._in_child(work, output))
        until = time.monotonic() + timeout_s
        done, status = 0, 0
        try:
            while not done and time.monotonic() < until:
                done, status = os.waitpid(pid, os.WNOHANG)
                time.sleep(0.02)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # what it has started, too
            if not done:
                os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status) if done else None

    def _in_child(self, work: Callable[[], int], output: Path) -> int:
        code = 70
        try:
            os.setsid()
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.environ["TMPDIR"] = str(self._temporary)
            tempfile.tempdir = None
            here = os.getcwd()
            sys.path[:] = [str(self.root), *(path for path in sys.path if path not in ("", here))]
            for name in [name for name in sys.modules if name.partition(".")[0] in OURS and "mutation" not in name]:
                del sys.modules[name]
            os.chdir(self.root)
            code = work()
            sys.stdout.flush()
        finally:
            return code  # noqa: B012 - whatever happened, this process must not go on as its parent


def import_once(modules: Iterable[str]) -> None:
    """Import what tests import, except what is mutated or tested, and Ray, which does not survive a fork."""
    for name in modules:
        if name.partition(".")[0] not in (*OURS, "ray"):
            try:
                importlib.import_module(name)
            except Exception:  # part of a library that only its own parent can import
                continue
