"""Settings of every test: no network, caches of its own, no model from the environment."""

from __future__ import annotations

import os
import tempfile

# Before anything imports `datasets` or the Hub client: they read these once.
_home = tempfile.TemporaryDirectory(prefix="emollama-tests-")
os.environ.update(HF_HOME=_home.name, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
for _name in ("EMOLLAMA_MODEL", "HF_DATASETS_CACHE", "HF_HUB_CACHE"):
    os.environ.pop(_name, None)

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from emollama_hf import defaults  # noqa: E402


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts, and leaves the next one, without what `configure` has set."""
    monkeypatch.setattr(defaults, "_defaults", defaults.Defaults())


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
