"""Out of memory in the middle of a run: batches are halved, and nothing is lost."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest
import torch

from emollama_hf import FaceMAEEmbed, ModelError, VideoMAEEmbed
from emollama_hf.computing import fitting_batches
from emollama_hf.computing.fitting_batches import in_fitting_batches, is_out_of_memory


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting_batches, "_sizes", {})


def squares(most: int, seen: list[int]):
    """Squares numbers; really asks for more memory than there is for more than `most` of them."""

    def compute(items: list[int]) -> list[int]:
        seen.append(len(items))
        if len(items) > most:
            torch.empty(2**60, dtype=torch.uint8)
        return [item**2 for item in items]

    return compute


def test_batches_are_halved_and_stay_small(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    with caplog.at_level(logging.WARNING):
        assert in_fitting_batches(squares(2, seen), range(8), "squares") == [i**2 for i in range(8)]
    assert seen == [8, 4, 2, 2, 2, 2]
    assert "not enough memory for 8 clips together; going on with 4" in caplog.text
    seen.clear()
    assert in_fitting_batches(squares(2, seen), range(5), "squares") == [i**2 for i in range(5)]
    assert seen == [2, 2, 1], "the next batch begins with what fitted"


def test_one_clip_that_does_not_fit_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"squares: not enough memory for a single clip .*quantize"):
        in_fitting_batches(squares(0, []), range(3), "squares")


def test_one_clip_that_does_not_fit_beside_another_threads_fits_alone() -> None:
    busy, seen = threading.Event(), []

    def fills_the_device(items: list[int]) -> list[int]:
        busy.set()
        while len(seen) < 1:
            time.sleep(0.01)
        busy.clear()
        return items

    def needs_it_all(items: list[int]) -> list[int]:
        seen.append(busy.is_set())
        if busy.is_set():
            raise RuntimeError("CUDA error: out of memory")
        return items

    other = threading.Thread(target=in_fitting_batches, args=(fills_the_device, [1], "one"))
    other.start()
    busy.wait()
    assert in_fitting_batches(needs_it_all, [2], "other") == [2]
    other.join()
    assert seen == [True, False]


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_a_lack_of_memory_has_many_names(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))


def test_other_errors_pass() -> None:
    def fail(items: list[int]) -> list[int]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        in_fitting_batches(fail, [1, 2], "shapes")


def test_a_stage_gets_through_on_a_device_that_holds_two_clips() -> None:
    stage = VideoMAEEmbed("random-tiny", batch_size=8)
    clips = list(np.random.default_rng(3).integers(0, 256, (5, 16, 32, 32, 3), np.uint8))
    expected = stage({"videomae_frames": clips})["videomae"]

    def full_device(_module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = stage.model().register_forward_pre_hook(full_device)
    try:
        computed = stage({"videomae_frames": clips})["videomae"]
    finally:
        hook.remove()
    np.testing.assert_allclose(computed, expected, atol=1e-5)


def test_equal_frames_are_encoded_once() -> None:
    stage = FaceMAEEmbed("random-tiny")
    frames = np.random.default_rng(5).integers(0, 256, (3, 64, 64, 3), np.uint8)
    short_clip = frames[[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0]]
    counts: list[int] = []
    patches = stage.model().vit.patch_embed
    hook = patches.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
    try:
        vector = stage({"facemae_frames": [short_clip]})["facemae"][0]
    finally:
        hook.remove()
    assert counts == [3]
    with torch.inference_mode():
        each = stage.model().frame_features(stage.model().pixels(short_clip)).numpy()
    np.testing.assert_allclose(vector, each.mean(axis=0), atol=1e-5)
