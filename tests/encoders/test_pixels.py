"""Resizing gives the 8-bit pixels that the original computed, whatever Pillow is installed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emollama_hf.encoders.pixels import resize_stack, resize_uint8
from tests.encoders.golden import ROOT

GOLDEN = ROOT
CLIPS = ("clip_a", "clip_b", "clip_c")
CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def golden_vision(clip: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "outputs" / clip / "vision.npz") as arrays:
        return dict(arrays)


def golden_frames(clip: str) -> np.ndarray:
    with np.load(GOLDEN / "inputs" / f"{clip}.npz") as arrays:
        return arrays["frames"]


def golden_peak(clip: str) -> np.ndarray:
    return np.array(Image.open(GOLDEN / "inputs" / f"{clip}_peak_frame.png").convert("RGB"))


def to_bytes(scaled: np.ndarray) -> np.ndarray:
    """The 8-bit values behind pixels in [0, 1]; asserts that these are exact multiples of 1/255."""
    pixels = np.rint(scaled * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels.astype(np.float32) / np.float32(255), scaled)
    return pixels


@pytest.mark.parametrize("clip", CLIPS)
def test_face_encoder_frames(clip: str) -> None:
    vision = golden_vision(clip)
    expected = to_bytes(vision["facemae_pixels"]).transpose(0, 2, 3, 1)
    frames = golden_frames(clip)[vision["facemae_indices"]]
    np.testing.assert_array_equal(resize_stack(frames, (64, 64)), expected)


@pytest.mark.parametrize("clip", CLIPS)
def test_video_encoder_frames(clip: str) -> None:
    vision = golden_vision(clip)
    expected = to_bytes(vision["videomae_pixels"]).transpose(1, 2, 3, 0)
    frames = golden_frames(clip)[vision["videomae_indices"]]
    np.testing.assert_array_equal(resize_stack(frames, (64, 64)), expected)


@pytest.mark.parametrize("clip", CLIPS)
def test_tall_peak_frame_on_every_pillow(clip: str) -> None:
    """clip_b's peak frame is the tall one: a single call differs there from Pillow 13 on."""
    normalised = golden_vision(clip)["peak_pixels"][0].transpose(1, 2, 0)
    expected = np.rint((normalised * CLIP_STD + CLIP_MEAN) * 255).astype(np.uint8)
    resized = resize_uint8(golden_peak(clip), (112, 112), "bicubic")
    np.testing.assert_array_equal(resized, expected)
    again = (resized.astype(np.float32) / np.float32(255) - CLIP_MEAN) / CLIP_STD
    np.testing.assert_array_equal(again, normalised)


@pytest.mark.parametrize(
    ("name", "size", "resample"),
    [("frame_224_bilinear", 224, "bilinear"), ("peak_448_bicubic", 448, "bicubic")],
)
def test_sizes_of_the_real_models(name: str, size: int, resample: str) -> None:
    expected = np.array(Image.open(GOLDEN / "outputs" / "resize_real_size" / f"{name}.png"))
    source = golden_frames("clip_b")[3] if resample == "bilinear" else golden_peak("clip_b")
    np.testing.assert_array_equal(resize_uint8(source, (size, size), resample), expected)  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_constant_pictures_stay_constant_and_own_size_is_identity(
    height: int, width: int, to_height: int, to_width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    colour = rng.integers(0, 256, 3, np.uint8)
    flat = np.broadcast_to(colour, (height, width, 3))
    assert (resize_uint8(flat, (to_height, to_width)) == colour).all()
    noise = rng.integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(resize_uint8(noise, (height, width), "bicubic"), noise)


def test_bad_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8 picture, got \(4, 4, 3\) float32"):
        resize_uint8(np.zeros((4, 4, 3), np.float32), (2, 2))
    with pytest.raises(ValueError, match="bilinear, bicubic"):
        resize_uint8(np.zeros((4, 4, 3), np.uint8), (2, 2), "nearest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least"):
        resize_uint8(np.zeros((4, 4, 3), np.uint8), (0, 2))
    with pytest.raises(ValueError, match=r"\(T, H, W, 3\)"):
        resize_stack(np.zeros((4, 4, 3), np.uint8), (2, 2))


def test_needs_no_heavy_library() -> None:
    program = (
        "import sys, emollama_hf.encoders.pixels; "
        "print([m for m in ('torch', 'timm', 'transformers', 'datasets') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
