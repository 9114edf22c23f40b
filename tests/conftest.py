"""Settings of every test: no network, caches of its own, no model from the environment, every core at work."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

# Before anything imports `datasets` or the Hub client: they read these once.
_home = tempfile.TemporaryDirectory(prefix="emollama-tests-")
os.environ.update(HF_HOME=_home.name, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
# Before anything imports torch: tiny models are fastest on one thread, and other tests compute beside this one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Processes that tests start would compile this package anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# What is expected was recorded on a CPU; `python -m benchmarks.gpu` checks a GPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
for _name in ("EMOLLAMA_MODEL", "HF_DATASETS_CACHE", "HF_HUB_CACHE"):
    os.environ.pop(_name, None)

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from emollama_hf import defaults  # noqa: E402
from tests.file_costs import pytest_terminal_summary  # noqa: E402
from tests.order import pytest_collection_modifyitems  # noqa: E402

# No test is timed: beside others an example may take a second.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

__all__ = ["pytest_collection_modifyitems", "pytest_terminal_summary"]

#: A process takes 1.5 GB with what its tests start.
MOST_PROCESSES = 8


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than cores for a run of everything; none for chosen files, which imports alone would slow.

    Tests of a Ray that is killed wait for minutes; of all others a core is busy, and a process imports for 25 s of it.
    """
    chosen = [argument for argument in config.args if argument not in config.getini("testpaths")]
    if chosen and "PYTEST_XDIST_AUTO_NUM_WORKERS" not in os.environ:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", min(cores + 1, MOST_PROCESSES)))


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts, and leaves the next one, without what `configure` has set."""
    monkeypatch.setattr(defaults, "_defaults", defaults.Defaults())


@pytest.fixture(autouse=True)
def _nothing_computed_before() -> None:
    """Each test starts without results of `extract` in the default cache: whichever ran before, in whatever order."""
    from datasets.config import HF_DATASETS_CACHE

    shutil.rmtree(Path(HF_DATASETS_CACHE) / "emollama_hf", ignore_errors=True)


@pytest.fixture(scope="session")
def stacks() -> list[np.ndarray]:
    """Six different stacks of (16, 48, 56, 3) uint8 frames: smooth colours that move."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:48, 0:56]
    made = []
    for _ in range(6):
        speed, phase = rng.uniform(0.5, 3, 3), rng.uniform(0, 6, 3)
        wave = rows[..., None] * speed / 20 + columns[..., None] / 15 + phase
        made.append(np.stack([127 + 120 * np.sin(wave + t / 4) for t in range(16)]).astype(np.uint8))
    return made


@pytest.fixture(scope="session")
def sampled(stacks: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Columns as `sample_frames` makes them, for six clips."""
    return {
        "facemae_frames": stacks,
        "videomae_frames": [stack[::-1] for stack in stacks],
        "peak_frame": [stack[5] for stack in stacks],
    }
