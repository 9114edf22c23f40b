"""How often the host waits for a GPU in a batch of each stage: once. Counted on `pretended_gpu`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from emollama_hf.computing.device_copies import on_device, on_host, stacked_on_device
from emollama_hf.computing.model_cache import forget_models
from emollama_hf.encoders import find_encoder
from emollama_hf.rows import Rows
from emollama_hf.stages.image_tokens import ImageTokens
from tests.pretended_gpu import CUDA, OnGpu, Waits, pretended_gpu, to_gpu

CLIPS = 16
TEXTS = ["Well.", "I would rather not.", "No"]


def rows(clips: int = CLIPS) -> dict[str, list[Any]]:
    rng = np.random.default_rng(3)
    crops = [rng.integers(0, 256, (16, 64, 64, 3), np.uint8) for _ in range(clips)]
    crops[1] = crops[1][[0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 8, 8, 0]]  # a clip shorter than the sample
    return {
        "facemae_frames": crops,
        "videomae_frames": crops,
        "peak_frame": [rng.integers(0, 256, (70, 90, 3), np.uint8) for _ in range(clips)],
        "facemae": list(rng.standard_normal((clips, 32), np.float32)),
        "videomae": list(rng.standard_normal((clips, 32), np.float32)),
        "said": [TEXTS[row % len(TEXTS)] for row in range(clips)],
    }


def on_both(stage: Any) -> tuple[list[Any], list[Any], Waits]:
    """What a stage computes of 16 clips on the CPU and on the pretended GPU, and what the second batch did there."""
    batch = Rows.from_batch(rows())
    items = [stage.prepare(batch.row(row)) for row in range(CLIPS)]
    network, column = stage.model(), stage.makes[0]
    if hasattr(network, "remember"):
        network.remember(0)
    expected = [outcome[column] for outcome in stage.compute_together(items)]
    try:
        with pretended_gpu() as waits:
            to_gpu(network)
            with torch.inference_mode():
                find_encoder(stage.part).complete(network, "cuda")
            stage.compute_together(items)
            waits.forget()
            found = [outcome[column] for outcome in stage.compute_together(items)]
    finally:
        forget_models()
    return expected, found, waits


STAGES: dict[str, tuple[type, dict[str, Any]]] = {
    "facemae": (FaceMAEEmbed, {}),
    "facemae, each frame": (FaceMAEEmbed, {"level": "frame"}),
    "videomae": (VideoMAEEmbed, {}),
    "videomae, each token": (VideoMAEEmbed, {"level": "token"}),
    "emollama": (EmoLlamaEmbed, {}),
    "emollama, pooled": (EmoLlamaEmbed, {"pooling": "mean"}),
    "emollama, layers": (EmoLlamaEmbed, {"layers": (0, 1, -1)}),
    "emollama, float32": (EmoLlamaEmbed, {"store_dtype": "float32"}),
    "emollama, prompts of different lengths": (EmoLlamaEmbed, {"instruction": "They say: {said} How are they?"}),
    "image tokens": (ImageTokens, {}),
}


@pytest.mark.parametrize(("stage", "options"), STAGES.values(), ids=STAGES)
def test_a_batch_waits_once_for_the_gpu(stage: Any, options: dict[str, Any]) -> None:
    expected, found, waits = on_both(stage("random-tiny", device="cpu", dtype="float32", **options))
    assert waits.waits == [
        "a synchronisation of an event at computing/device_copies.py:" + waits.waits[0].split(":")[-1]
    ]
    assert waits.launches > 20
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(other, one, atol=2e-3)


def test_results_come_back_in_the_type_that_is_stored_and_frames_go_there_once() -> None:
    for stage, options, copies_in, copies_out in (
        (FaceMAEEmbed, {}, 2, 2),  # frames, and which of them are equal; vectors, and their largest magnitudes
        (VideoMAEEmbed, {}, 1, 2),
        (EmoLlamaEmbed, {}, 4, 2),  # pictures, mean and deviation, features, ids
        (EmoLlamaEmbed, {"layers": (0, 1, -1)}, 4, 4),
    ):
        _, _, waits = on_both(stage("random-tiny", device="cpu", dtype="float32", **options))
        assert (waits.copies_in, waits.copies_out) == (copies_in, copies_out), stage.name


def test_the_pretended_gpu_notices_each_kind_of_wait() -> None:
    """The count above means something: what used to wait is seen."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    with pretended_gpu() as waits, torch.inference_mode():
        there = torch.from_numpy(array).to("cuda")
        assert isinstance(there, OnGpu)
        waiting = {
            "a copy in that is not non_blocking": lambda: torch.tensor(255.0, device="cuda"),
            "a copy in of memory that is not pinned": lambda: torch.from_numpy(array).to("cuda", non_blocking=True),
            "a copy out that is not non_blocking": lambda: torch.empty(2, 3, pin_memory=True).copy_(there),
            "a copy out of memory": lambda: torch.empty(2, 3).copy_(there, non_blocking=True),
            "aten._to_copy": lambda: there.cpu(),
            "aten._local_scalar_dense": lambda: bool((there > 3).any()),
            "a copy in": lambda: there[[1, 0]],
            "aten.index with an index of the host": lambda: torch.ops.aten.index(there, [torch.tensor([1, 0])]),
            "aten.index with a mask": lambda: there[there > 3],
            "aten.nonzero": lambda: there.nonzero(),
            "torch.cuda.synchronize": lambda: torch.cuda.synchronize(),
            "a synchronisation of a stream": lambda: torch.cuda.current_stream().synchronize(),
        }
        for why, cause in waiting.items():
            waits.forget()
            cause()
            assert len(waits.waits) == 1, why
            assert waits.waits[0].startswith(why)
        waits.forget()
        assert torch.equal(stacked_on_device(list(array), CUDA).held, torch.from_numpy(array))
        queued = on_device(array, CUDA)[on_device(np.array([1, 0]), CUDA)] + torch.full((), 1.0, device="cuda")
        assert waits.waits == []
        (back,) = on_host([queued])
        assert len(waits.waits) == 1
        np.testing.assert_array_equal(back, array[[1, 0]] + 1)
