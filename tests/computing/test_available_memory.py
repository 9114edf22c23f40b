"""Memory that is there, from files as Linux has them: none of the limits of this machine matters here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emollama_hf.computing.available_memory import Memory, cuda_peak, own_memory, system_memory

GB = 10**9


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def machine(root: Path, cgroup: str, **files: str) -> Path:
    info = f"MemTotal: {64 * GB // 1024 + 1} kB\nMemFree: 1 kB\nMemAvailable: {40 * GB // 1024 + 1} kB\n"
    named = {name.replace("__", "/"): text for name, text in files.items()}
    return write(root, {"proc/meminfo": info, "proc/self/cgroup": cgroup, **named})


def test_without_limits(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/user/session\n")
    write(root, {"sys/fs/cgroup/user/memory.max": "max\n", "sys/fs/cgroup/user/memory.current": "5\n"})
    found = system_memory(root)
    assert found is not None
    assert (found.total // GB, found.available // GB) == (64, 40)


def test_a_limit_of_any_group_above_holds(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/batch/job/step\n")
    group = "sys/fs/cgroup/batch"
    write(root, {f"{group}/memory.max": f"{16 * GB}\n", f"{group}/memory.current": f"{10 * GB}\n"})
    write(root, {f"{group}/memory.stat": f"anon 1\ninactive_file {3 * GB}\n"})
    assert system_memory(root) == Memory(16 * GB, 9 * GB)


def test_version_1_and_a_container_that_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    root = machine(tmp_path, "7:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n")
    group = "sys/fs/cgroup/memory"
    write(root, {f"{group}/memory.limit_in_bytes": f"{8 * GB}", f"{group}/memory.usage_in_bytes": f"{2 * GB}"})
    write(root, {f"{group}/memory.stat": "cache 7\ntotal_inactive_file 0\n"})
    assert system_memory(root) == Memory(8 * GB, 6 * GB)


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    assert system_memory(tmp_path) is None
    assert own_memory(tmp_path) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine() -> None:
    found = system_memory()
    assert found is not None
    assert 0 < found.available <= found.total
    assert own_memory() > 10_000_000


def test_the_most_that_was_held_grows_with_what_is_held_and_stays() -> None:
    """In a process that has held little before."""
    code = """
from emollama_hf.computing.available_memory import peak_memory
before, _ = peak_memory()
more = b"x" * (before + 50_000_000)
held, started = peak_memory()
del more
print(held - before >= 50_000_000, peak_memory()[0] == held, started)
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["True", "True", "0"]


def test_of_a_gpu_it_is_what_torch_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: asked.append(device) or 7)
    assert cuda_peak("cuda:1") == 7
    assert asked == [torch.device("cuda:1")]
