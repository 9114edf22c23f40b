"""Pictures, films and sounds are told from embeddings by their values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.privacy.signal_look import FEWEST_NUMBERS, looks_like_signal

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "outputs"
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

#: What is done to an RGB picture (height, width, 3) uint8 before somebody stores it.
FORMS: dict[str, Callable[[Any], Any]] = {
    "RGB": lambda rgb: rgb,
    "planar": lambda rgb: rgb.transpose(2, 0, 1),
    "columns first": lambda rgb: rgb.transpose(1, 0, 2),
    "RGBA": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA),
    "grey": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY),
    "grey by columns": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).T,
    "film": lambda rgb: np.stack([np.roll(rgb, shift, 1) for shift in range(3)]),
    "film, time last": lambda rgb: np.stack([np.roll(rgb, shift, 1) for shift in range(5)], -1),
}
SCALES: dict[str, Callable[[Any], Any]] = {
    "uint8": lambda pixels: pixels,
    "[0, 1]": lambda pixels: (pixels / 255).astype(np.float32),
    "[0, 1] float16": lambda pixels: (pixels / 255).astype(np.float16),
    "[-1, 1]": lambda pixels: (pixels / 127.5 - 1).astype(np.float32),
    "standardised": lambda pixels: (pixels - pixels.mean()) / pixels.std(),
    "noisy": lambda pixels: pixels + np.random.default_rng(0).normal(0, 12, pixels.shape),
}


def face(size: int) -> Any:
    return cv2.resize(np.ascontiguousarray(astronaut()[:200, 60:260]), (size, size), interpolation=cv2.INTER_AREA)


def is_signal(values: Any) -> bool:
    return looks_like_signal(np.asarray(values, np.float64).reshape(1, -1))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [16, 24, 48, 112])
def test_a_face_is_found_in_every_form(size: int, form: str, scale: str) -> None:
    assert is_signal(SCALES[scale](FORMS[form](face(size))))


@pytest.mark.parametrize("size", [16, 48, 224])
def test_a_face_as_networks_take_it_is_found(size: int) -> None:
    pixels = (face(size) / 255 - MEAN) / DEVIATION
    assert is_signal(pixels)
    assert is_signal(pixels.transpose(2, 0, 1).astype(np.float16))


def sounds() -> Iterator[tuple[str, Any]]:
    at = np.arange(16000) / 16000
    voice = sum(np.sin(2 * np.pi * 120 * k * at + k) / k for k in range(1, 30)) * (1 + np.sin(8 * np.pi * at))
    voice /= np.abs(voice).max()
    noise = np.random.default_rng(0).normal(size=16000)
    yield "voice", voice
    yield "voice as int16", np.round(voice * 20000)
    yield "voice as int16 / 32768", (np.round(voice * 20000) / 32768).astype(np.float32)
    yield "voice with noise", voice + 0.1 * noise
    yield "voice with mu-law", np.sign(voice) * np.log1p(255 * np.abs(voice))
    yield "tone of a quarter of the rate", np.sin(2 * np.pi * 4000 * at + 0.3)
    yield "white noise as int16 / 32768", np.round(noise * 3000) / 32768


def test_sounds_are_found() -> None:
    for name, samples in sounds():
        assert is_signal(samples), name


def test_a_picture_beside_an_embedding_is_found() -> None:
    vector = np.random.default_rng(0).normal(size=4096) * 10
    assert not is_signal(vector)
    for picture in (face(32)[..., 0] / 255, face(48) / 255):
        assert is_signal(np.concatenate([vector, picture.ravel()]))
        assert is_signal(np.concatenate([picture.ravel(), vector]))


def test_one_row_of_many_is_enough() -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 768))
    assert not looks_like_signal(rows)
    rows[1777] = face(16).ravel() / 255
    assert looks_like_signal(rows)


def bfloat16(values: Any) -> Any:
    return (values.astype(np.float32).view(np.uint32) >> 16 << 16).view(np.float32)


def vectors(draw: np.random.Generator, rows: int, width: int) -> Iterator[tuple[str, Any]]:
    """What embeddings and other rows of numbers are like."""
    shape = (rows, width)
    normal = draw.normal(size=shape)
    yield "normal", normal
    yield "float16", (5 * normal).astype(np.float16)
    yield "bfloat16", bfloat16(5 * normal)
    yield "mean of bfloat16", (bfloat16(normal) + bfloat16(draw.normal(size=shape))) / 2
    yield "ReLU", np.maximum(normal, 0)
    yield "sparse", np.where(draw.random(shape) < 0.02, normal, 0)
    yield "sparse and positive", np.where(draw.random(shape) < 0.15, np.abs(normal), 0)
    yield "softmax", np.exp(4 * normal) / np.exp(4 * normal).sum(1, keepdims=True)
    yield "counts of words", draw.poisson(30 / (1 + draw.permutation(width)), shape)
    yield "answers", draw.integers(1, 8, shape)
    yield "one-hot", np.eye(width)[draw.integers(0, width, rows)]
    yield "tokens alike", np.tile(normal, (1, 9)) + draw.normal(0, 0.2, (rows, 9 * width))
    # Apart from each other: several that happen to be neighbours look like a signal, and somebody is asked for --media.
    large = np.isin(np.arange(width), 20 * draw.permutation(width // 20)[:5])
    yield "a few large channels", np.where(large, 300, 1) * draw.normal(2, 1, shape)
    yield "constant", np.full(shape, 0.25)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([256, 300, 512, 768, 1024, 2304, 4096]))
def test_no_vector_is_taken_for_a_signal(seed: int, rows: int, width: int) -> None:
    for name, values in vectors(np.random.default_rng(seed), rows, width):
        assert not looks_like_signal(values.astype(np.float64)), name


def test_no_golden_feature_is_taken_for_a_signal() -> None:
    looked_at = 0
    for path in sorted(GOLDEN.glob("clip_*/*.npz")):
        with np.load(path) as arrays:
            for name in arrays.files:
                array = arrays[name]
                if array.dtype.kind == "f" and array.size >= FEWEST_NUMBERS and "pixel" not in name:
                    looked_at += 1
                    assert not is_signal(array), (path.name, name)
                    assert not looks_like_signal(array.reshape(-1, array.shape[-1]).astype(np.float64))
    assert looked_at > 30


def test_values_that_happen_to_be_neighbours_are_no_signal() -> None:
    for share in (0.01, 0.03, 0.06, 0.12, 0.2):
        draw = np.random.default_rng(0)
        rows = np.where(draw.random((20_000, 256)) < share, np.abs(draw.normal(size=(20_000, 256))), 0)
        assert not looks_like_signal(rows), share


@pytest.mark.filterwarnings("error")
def test_the_largest_and_smallest_numbers_are_no_error() -> None:
    for value in (1.7e308, 5e-324):
        looks_like_signal(np.array([[value, -value] * 300, [0.0, value] * 300]))


def test_short_rows_show_nobody() -> None:
    assert not looks_like_signal(np.linspace(0, 1, FEWEST_NUMBERS - 1)[None])
    assert not looks_like_signal(np.empty((0, 300)))
