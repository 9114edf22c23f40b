"""When a run has a process that finds faces on the GPU, and what is said where it cannot have one."""

from __future__ import annotations

import pytest
import torch

from emollama_hf.computing.available_memory import Memory
from emollama_hf.engines import detector_choice
from emollama_hf.engines.detector_choice import READERS_ENOUGH, detector_device
from emollama_hf.stages import FaceMAEEmbed, SampleFrames
from emollama_hf.stages.stage import Stage


class OnGpu(FaceMAEEmbed):
    """Asks no driver."""

    uses_device = True  # type: ignore[assignment]


def stages(**options: str) -> list[Stage]:
    return [SampleFrames(**options), OnGpu("random-tiny")]


@pytest.fixture
def large_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_choice, "cuda_memory", lambda device: Memory(80 << 30, 80 << 30))


@pytest.mark.usefixtures("large_gpu")
def test_few_readers_of_a_gpu_have_one() -> None:
    assert detector_device(stages(), "cuda:1", 15) == "cuda:1"
    assert detector_device(stages(), "cuda:1", READERS_ENOUGH - 1) == "cuda:1"
    assert detector_device(stages(), "cuda:1", READERS_ENOUGH) is None


@pytest.mark.usefixtures("large_gpu")
def test_otherwise_cores_find_faces() -> None:
    assert detector_device(stages(), "cpu", 15) is None
    assert detector_device(stages(), "cuda:0", 0) is None
    assert detector_device(stages(detector="cpu"), "cuda:0", 15) is None
    assert detector_device(stages(faces="none"), "cuda:0", 15) is None
    assert detector_device(stages()[1:], "cuda:0", 15) is None


def test_a_small_gpu_is_left_to_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_choice, "cuda_memory", lambda device: Memory(16 << 30, 16 << 30))
    assert detector_device(stages(), "cuda:0", 15) is None
    assert detector_device(stages(detector="gpu"), "cuda:0", 15) == "cuda:0", "it was asked for"


@pytest.mark.usefixtures("large_gpu")
def test_who_asks_for_it_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert detector_device(stages(detector="gpu"), "cuda:3", 100) == "cuda:3"
    with pytest.raises(ValueError, match="sees no CUDA device here"):
        detector_device(stages(detector="gpu"), "cpu", 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert detector_device(stages(detector="gpu"), "cpu", 2) == "cuda"


@pytest.mark.usefixtures("large_gpu")
def test_without_memory_that_processes_share_it_is_an_error_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_choice, "is_possible", lambda: False)
    assert detector_device(stages(), "cuda:0", 15) is None
    with pytest.raises(ValueError, match=r"needs Linux. Use num_readers=0, or detector='cpu'"):
        detector_device(stages(detector="gpu"), "cuda:0", 15)
