"""Each number type on the recorded models, against float32 and against the mixture that the original has on a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.dtypes import columns, deviation
from benchmarks.gpu.mixture import DEFAULT_LIMIT, as_the_original
from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from emollama_hf.checkpoints import open_model
from emollama_hf.computing.number_types import MIXED, DtypeName
from tests.encoders import golden

#: Root mean square of the deviation from float32, relative to the spread: twice what was measured.
HIDDEN_STATES = {MIXED: 5e-3, "float16": 5e-3, "bfloat16": 4e-2}


@pytest.fixture(scope="module")
def exact(golden_directory: Path) -> dict[str, np.ndarray]:
    return columns(golden_directory, "float32", "cpu")


@pytest.mark.parametrize("dtype", HIDDEN_STATES)
def test_how_far_each_type_is_from_float32(dtype: str, exact: dict[str, np.ndarray], golden_directory: Path) -> None:
    found = columns(golden_directory, dtype, "cpu")
    assert 1e-5 < deviation(exact["emollama"], found["emollama"])["rms"] < HIDDEN_STATES[dtype]
    for name in ("facemae", "videomae"):
        assert np.array_equal(exact[name], found[name]) == (dtype == MIXED), "the original's are float32"


def normed(network: Any, clip: str) -> np.ndarray:
    return np.asarray(network.ln_vision(network.image_tokens(network.pixels(golden.peak_frame(clip))[None])).float())


def test_the_mixture_is_the_originals(golden_directory: Path) -> None:
    """Its operations, one by one, under the autocast that it uses: the same bits, but for attention, which is fused."""
    source, clip = open_model(golden_directory), golden.CLIPS[0]
    with torch.inference_mode():
        network = source.load("emotion_llama", dtype="float32")
        as_the_original(network)
        with torch.autocast("cpu", torch.float16):
            original = normed(network, clip)
        half, mixed = source.load("emotion_llama", dtype="float16"), source.load("emotion_llama", dtype=MIXED)
        ours, all_half = normed(mixed, clip), normed(half, clip)
        mixed.vision_model.config._attn_implementation = "eager"  # scores rounded to float16
        assert np.array_equal(normed(mixed, clip), original)
    rms = deviation(original, ours)["rms"]
    assert rms < DEFAULT_LIMIT
    assert rms < 0.8 * deviation(original, all_half)["rms"]


def test_weights_of_products_are_float16_and_what_is_summed_is_float32() -> None:
    network = open_model("random-tiny").load("emotion_llama", dtype=MIXED)
    vision = network.vision_model
    wide = {name for name, one in vision.named_parameters() if one.dtype == torch.float32}
    assert wide == {
        name
        for name, _ in vision.named_parameters()
        if "norm" in name or name.endswith(("_embedding", "position_embedding"))
    }
    assert {one.dtype for name, one in network.named_parameters() if not name.startswith("vision_model")} == {
        torch.float16
    }
    streams = []
    for layer in vision.encoder.layers:
        layer.register_forward_hook(lambda _, inputs, output: streams.extend([inputs[0].dtype, output.dtype]))
    side = network.config.image_size
    with torch.inference_mode():
        tokens = network.visual_tokens(torch.zeros(1, 3, side, side), torch.zeros(1, 2, network.config.feature_size))
    assert set(streams) == {torch.float32}
    assert tokens.dtype == torch.float16


@pytest.mark.parametrize(
    ("stage", "recorded"), [(FaceMAEEmbed, "float32"), (VideoMAEEmbed, "float32"), (EmoLlamaEmbed, MIXED)]
)
def test_results_are_recorded_with_what_their_part_is_computed_in(stage: Any, recorded: DtypeName) -> None:
    config = stage("random-tiny", device="cpu", dtype=MIXED).pinned().resolved_config()
    assert config["dtype"] == recorded
    again = stage("random-tiny", device="cpu", dtype=config["dtype"]).pinned().resolved_config()
    assert again == config, "a worker, and verify, are told what was recorded"
    assert stage("random-tiny", device="cpu", dtype="float16").pinned().resolved_config() != config
