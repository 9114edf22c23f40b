"""The video encoder beyond its numbers: shapes, what it refuses, transformers' format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import VideoMAEModel

from emollama_hf.models import VideoMAE
from tests.encoders import golden


def test_frames_of_any_size_become_square_pixels(videomae: VideoMAE) -> None:
    pixels = videomae.pixels(np.full((16, 90, 120, 3), 255, np.uint8))
    assert pixels.shape == (16, 3, 64, 64)
    assert (pixels == 1).all()
    assert (videomae.width, videomae.num_frames) == (64, 16)


@pytest.mark.parametrize("count", [8, 15, 17])
def test_another_number_of_frames_is_refused(count: int, videomae: VideoMAE) -> None:
    with pytest.raises(ValueError, match=f"16 frames of a clip, got {count}"):
        videomae.pixels(np.zeros((count, 64, 64, 3), np.uint8))


def test_final_norm_is_refused(videomae: VideoMAE) -> None:
    config = videomae.config.to_dict() | {"use_mean_pooling": False}
    with pytest.raises(ValueError, match="use_mean_pooling"):
        VideoMAE.from_config(config)


def test_transformers_reads_the_directory(golden_directory: Path, videomae: VideoMAE) -> None:
    model = VideoMAEModel.from_pretrained(golden_directory, subfolder="videomae").eval()
    pixels = torch.from_numpy(golden.outputs("clip_a/vision")["videomae_pixels"]).transpose(0, 1)[None]
    with torch.inference_mode():
        assert torch.equal(model(pixels).last_hidden_state, videomae.tokens(pixels))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_lower_precision_stays_close_and_returns_float32(dtype: str, source, videomae: VideoMAE) -> None:
    pixels = torch.from_numpy(golden.outputs("clip_b/vision")["videomae_pixels"]).transpose(0, 1)[None]
    lower = source.load("videomae", dtype=dtype)(pixels)
    assert lower.dtype == torch.float32
    assert (lower - videomae(pixels)).abs().max() < {"float16": 0.02, "bfloat16": 0.15}[dtype]
