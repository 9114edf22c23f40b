from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load

from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.peak.expression import (
    CLASSES,
    class_probabilities,
    expressiveness,
    face_patch,
    sharpness,
    whole_patch,
)
from tests import videos

WEIGHTS = load((files("emollama_hf") / "data" / "expression_mini_xception.safetensors").read_bytes())


@pytest.fixture(scope="module")
def smile():
    return face_patch(astronaut(), detect_faces(astronaut())[0].box)


def test_the_astronaut_smiles(smile):
    probabilities = dict(zip(CLASSES, class_probabilities(smile[None])[0], strict=True))
    assert probabilities["happy"] > 0.95
    assert expressiveness(smile[None])[0] == pytest.approx(1 - probabilities["neutral"])


def test_the_network_gives_what_keras_layers_give(smile):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    for patch in (smile, noise):
        assert class_probabilities(patch[None])[0] == pytest.approx(keras_network(patch), abs=2e-6)
    # Recorded from the original file's own weights and layer list (fer 25.10.3, emotion_model.hdf5).
    recorded = [0.0178, 0, 0.0334, 0.5577, 0.382, 0.0027, 0.0065]
    assert class_probabilities(noise[None])[0] == pytest.approx(recorded, abs=1e-4)


# The layers of emotion_model.hdf5 in plain numpy, float64, height x width x channels.


def keras_network(patch):
    x = patch[..., None].astype(np.float64) / 127.5 - 1
    x = relu(norm("stem.1", conv("stem.0", x, padding="valid")))
    x = relu(norm("stem.4", conv("stem.3", x, padding="valid")))
    for block in range(4):
        name = f"blocks.{block}"
        y = relu(norm(f"{name}.first_norm", separable(f"{name}.first", x)))
        y = norm(f"{name}.second_norm", separable(f"{name}.second", y))
        y = windows(y, 3, 2, "same", fill=-np.inf).max((-1, -2))
        x = y + norm(f"{name}.shortcut_norm", conv(f"{name}.shortcut", x, stride=2))
    x = (conv("head", x) + WEIGHTS["head.bias"]).mean((0, 1))
    e = np.exp(x - x.max())
    return e / e.sum()


def windows(x, size, stride, padding, fill=0.0):
    if padding == "same":  # as many outputs as strides fit, the odd row or column of padding at the end
        totals = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[:2]]
        x = np.pad(x, [(t // 2, t - t // 2) for t in totals] + [(0, 0)], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))[::stride, ::stride]


def conv(name, x, stride=1, padding="same"):
    weight = WEIGHTS[f"{name}.weight"].astype(np.float64)
    return np.einsum("hwcij,ocij->hwo", windows(x, weight.shape[-1], stride, padding), weight)


def separable(name, x):
    depthwise = WEIGHTS[f"{name}.depthwise.weight"][:, 0].astype(np.float64)
    return conv(f"{name}.pointwise", np.einsum("hwcij,cij->hwc", windows(x, 3, 1, "same"), depthwise))


def norm(name, x):
    weight, bias, mean, variance = (
        WEIGHTS[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias


def relu(x):
    return np.maximum(x, 0)


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 40), at=st.integers(0, 39))
def test_a_score_does_not_depend_on_the_other_faces(count, at):
    patches = np.random.default_rng(count).integers(0, 256, (count, 64, 64), dtype=np.uint8)
    assert expressiveness(patches)[at % count] == expressiveness(patches[at % count][None])[0]


def test_a_score_does_not_depend_on_the_threads(smile):
    before = torch.get_num_threads()
    try:
        scores = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            scores.append(class_probabilities(smile[None]))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*scores)


def test_no_faces_no_scores():
    assert expressiveness(np.zeros((0, 64, 64), np.uint8)).shape == (0,)


@pytest.mark.parametrize("box", [[-40, -30, 60, 90], [280, 200, 380, 300], [10, 10, 12, 300], [400, 400, 450, 460]])
def test_a_patch_of_a_box_at_or_beyond_the_border(box):
    assert face_patch(videos.shot(), np.array(box, np.float32)).shape == (64, 64)


def test_a_patch_shows_the_square_around_the_box():
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[50:150, 50:150] = 255
    patch = face_patch(frame, np.array([60, 50, 140, 150], np.float32))
    assert patch[32, 32] == 255
    assert patch[:4].max() < 128
    assert 0.62 < (patch > 127).mean() < 0.76  # 1 / 1.2 squared


def test_a_blurred_face_is_less_sharp(smile):
    import cv2

    assert sharpness(cv2.blur(smile, (5, 5))) < 0.2 * sharpness(smile)
    assert sharpness(np.full((64, 64), 9, np.uint8)) == 0


def test_a_whole_picture_as_the_face():
    assert whole_patch(np.full((112, 112, 3), 77, np.uint8)).tolist() == [[77] * 64] * 64
