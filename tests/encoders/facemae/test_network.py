"""The face encoder beyond its numbers: shapes, precision, timm's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from emollama_hf.models import FaceMAE
from tests.encoders import golden


def test_frames_of_any_size_become_square_pixels(facemae: FaceMAE) -> None:
    frames = np.full((3, 90, 120, 3), 255, np.uint8)
    pixels = facemae.pixels(frames)
    assert pixels.shape == (3, 3, 64, 64)
    assert pixels.dtype == torch.float32
    assert (pixels == 1).all()
    assert (facemae.width, facemae.image_size) == (64, 64)


def test_clip_feature_is_the_float32_mean_of_frame_features(facemae: FaceMAE) -> None:
    pixels = torch.from_numpy(golden.outputs("clip_a/vision")["facemae_pixels"])
    clip = facemae(pixels[None])
    assert clip.shape == (1, 64)
    assert clip.dtype == torch.float32
    assert torch.equal(clip[0], facemae.frame_features(pixels).mean(dim=0))


def test_timm_reads_the_directory(golden_directory: Path, facemae: FaceMAE) -> None:
    model = timm.create_model(f"local-dir:{golden_directory / 'facemae'}", pretrained=True).eval()
    pixels = torch.from_numpy(golden.outputs("clip_a/vision")["facemae_pixels"])
    with torch.inference_mode():
        assert torch.equal(model(pixels), facemae.frame_features(pixels))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_lower_precision_stays_close_and_returns_float32(dtype: str, source, facemae: FaceMAE) -> None:
    pixels = torch.from_numpy(golden.outputs("clip_b/vision")["facemae_pixels"])[None]
    lower = source.load("facemae", dtype=dtype)(pixels)
    assert lower.dtype == torch.float32
    assert (lower - facemae(pixels)).abs().max() < {"float16": 0.02, "bfloat16": 0.15}[dtype]
